//! The engine as a node of the simulation.

use core::net::SocketAddr;

use bytes::BytesMut;
use scalesmall_core::wire::{Decoder, Frame, Header};
use scalesmall_core::{
    Arrival, Cause, Destination, Engine, Epoch, Event, Instant, NodeId, SendError, SendRate, Status,
};

use crate::check::Broken;
use crate::ledger::Ledger;
use crate::names::Identity;
use crate::sim::{Protocol, Sighting, Sim};

impl Protocol for Engine {
    type Event = Event;

    fn handle_datagram(&mut self, now: Instant, arrival: Arrival, datagram: &[u8]) {
        // What was refused is counted in the engine's own statistics.
        let _ = Self::handle_datagram(self, now, arrival, datagram);
    }

    fn take(
        &mut self,
        now: Instant,
        arrival: Arrival,
        datagram: &[u8],
        newest: Epoch,
    ) -> Result<bool, Broken> {
        let sender = Header::parse(datagram).ok().map(|(header, _)| header.sender);
        // Nobody can know of a later life than the newest.
        let sender = sender.filter(|sender| sender.epoch < newest);
        let known = sender.and_then(|sender| self.peer(sender.id)).map(|peer| peer.epoch);
        let fresh = Self::handle_datagram(self, now, arrival, datagram).is_ok();
        match (sender, known) {
            (Some(sender), Some(known)) if fresh && sender.epoch < known => {
                Err(Broken::StaleLife { life: sender.epoch, known })
            }
            _ => Ok(fresh),
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        Self::handle_timeout(self, now);
    }

    fn handle_send_error(&mut self, now: Instant, to: Destination, error: SendError) {
        Self::handle_send_error(self, now, to, error);
    }

    fn poll_transmit(&mut self, datagram: &mut BytesMut) -> Option<Destination> {
        Self::poll_transmit(self, datagram)
    }

    fn poll_event(&mut self) -> Option<Event> {
        Self::poll_event(self)
    }

    fn poll_timeout(&self) -> Option<Instant> {
        Self::poll_timeout(self)
    }

    fn sighting(event: &Event) -> Option<Sighting> {
        if let Event::Peer { peer, to, .. } = event {
            Some(Sighting { peer: peer.id.into(), life: Some(peer.epoch), status: *to })
        } else {
            None
        }
    }

    fn is_overflow(event: &Event) -> bool {
        matches!(event, Event::Overflow { .. })
    }

    fn is_conflict(event: &Event) -> bool {
        matches!(event, Event::Conflict { .. })
    }

    fn for_each_peer(&self, tell: &mut dyn FnMut(Identity, Status)) {
        for peer in self.peers() {
            tell(peer.id.into(), peer.status);
        }
    }

    fn life_of(&self, peer: Identity) -> Option<Epoch> {
        match peer {
            Identity::Id(id) => self.peer(id).map(|peer| peer.epoch),
            Identity::Address(_) => None,
        }
    }

    fn id(&self) -> Option<NodeId> {
        Some(Self::id(self))
    }

    fn digest(&self) -> Option<u64> {
        Some(Self::digest(self).0)
    }

    fn max_datagram(&self) -> usize {
        self.config().max_datagram
    }

    fn send_rate(&self) -> SendRate {
        self.config().send_rate
    }

    fn epoch(&self) -> Option<Epoch> {
        Some(Self::epoch(self))
    }

    fn max_events(&self) -> Option<usize> {
        // Beyond its limit there is the word that changes were dropped, and what one packet brings
        // of messages to an empty queue.
        Some(self.config().limits.events as usize + 64)
    }

    fn spreads_change(datagram: &[u8]) -> bool {
        let Ok((header, start)) = Header::parse(datagram) else { return false };
        let end = datagram.len().saturating_sub(TAG);
        let mut frames = Vec::new();
        let payload = datagram.get(start..end).unwrap_or_default();
        if Decoder::new().decode(header.sender, payload, &mut frames).is_err() {
            return false;
        }
        let acks = |frame: &Frame| matches!(frame, Frame::Ack { .. });
        frames.iter().any(|frame| matches!(frame, Frame::Spread(_)))
            || !frames.is_empty() && frames.iter().all(acks)
    }

    fn is_well_formed(datagram: &[u8]) -> bool {
        let Ok((header, start)) = Header::parse(datagram) else { return false };
        let end = datagram.len().saturating_sub(TAG);
        let payload = datagram.get(start..end).unwrap_or_default();
        Decoder::new().decode(header.sender, payload, &mut Vec::new()).is_ok()
    }

    fn cause(event: &Event) -> Option<(&'static str, [Option<Identity>; 3])> {
        let Event::Peer { cause, .. } = event else { return None };
        let (what, by) = cause_in_words(cause);
        Some((what, by.map(|by| by.map(Identity::from))))
    }

    fn contact(&mut self, now: Instant, seeds: &[SocketAddr]) {
        Self::contact(self, now, seeds);
    }

    fn set_addresses(&mut self, now: Instant, addresses: &[SocketAddr]) {
        // Only nodes that are given names move, and to addresses that can be theirs.
        let _ = Self::set_addresses(self, now, addresses);
    }

    fn depart(&mut self, now: Instant) {
        Self::depart(self, now);
    }

    fn note_calls(sim: &mut Sim<Self>, node: usize) {
        sim.take_its_word(node);
    }

    fn set_rules(sim: &mut Sim<Self>) {
        Ledger::watch(sim);
    }
}

/// A cause as a sentence about the peer, with `@` for each node that it names, and these nodes.
pub(crate) const fn cause_in_words(cause: &Cause) -> (&'static str, [Option<NodeId>; 3]) {
    match *cause {
        Cause::Heard => ("it was heard", [None; 3]),
        Cause::Told { by } => ("told by @", [Some(by), None, None]),
        Cause::Unanswered => ("it did not answer a probe", [None; 3]),
        Cause::Answered => ("it answered", [None; 3]),
        Cause::AnsweredOther { verifier } => ("it answered @", [Some(verifier), None, None]),
        Cause::Confirmed { accuser, confirmed_by } => match confirmed_by {
            [None, None] => ("silent to @ for the whole window", [Some(accuser), None, None]),
            [Some(by), None] | [None, Some(by)] => {
                ("silent to @ for the whole window, and to @", [Some(accuser), Some(by), None])
            }
            [one, other] => {
                ("silent to @ for the whole window, and to @ and @", [Some(accuser), one, other])
            }
        },
        Cause::NobodyToAsk => ("silent, and there was nobody to ask", [None; 3]),
        Cause::VerifiersSilent => ("silent, and so were those asked for it", [None; 3]),
        Cause::Refuted => ("it refuted what was said of it", [None; 3]),
        Cause::Departed => ("it said that it leaves", [None; 3]),
        Cause::NewLife => ("it began a new life", [None; 3]),
        Cause::Expired => ("gone for long, or no room was left", [None; 3]),
        Cause::HeldOff => ("it is held off for a while", [None; 3]),
        Cause::Steady => ("it has been up for long enough", [None; 3]),
        Cause::OwnStall => ("the observer had slept, and withdrew it", [None; 3]),
        Cause::Forgotten => ("the observer was told to forget it", [None; 3]),
        _ => ("", [None; 3]),
    }
}

/// The bytes of the tag that ends a packet.
const TAG: usize = 16;
