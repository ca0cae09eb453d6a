//! Senders that this node does not know yet, or not in their present life: how they are named, and
//! whether they can be reached where they say.

use core::net::SocketAddr;

use super::Engine;
use crate::base::{Address, Destination, Ix, Life};
use crate::claims::{Claim, Locator};
use crate::engine::receive::DatagramError;
use crate::engine::stale::answered;
use crate::out::{Event, Say, To};
use crate::packet::Header;
use crate::wire::Frame;

impl Engine {
    /// How the sender of a packet is named and reached, if it is not known or begins a life, and at which
    /// of its addresses it was reached. If it may be nowhere it is asked, and the packet is refused.
    pub(super) fn acquaint(
        &mut self,
        sender: Life,
        known: Option<Ix>,
        source: SocketAddr,
        len: usize,
        frames: &[Frame],
    ) -> Result<(Option<Locator>, Option<Address>), DatagramError> {
        if known.is_some_and(|ix| self.picture.life(ix) == sender) {
            return Ok((None, None));
        }
        if let Some(said) = self.locator_of(sender, source, frames) {
            let reached = self.proven_address(sender, source, &said, frames);
            if reached.is_some() {
                return Ok((Some(said), reached));
            }
            // It is introduced to others, so it must be where it says, or say where it is.
            self.ask_at_home(sender, source, &said, len);
        } else if known.is_some_and(|ix| self.picture.peers.places.has(ix, source)) {
            return Ok((None, None));
        } else {
            self.ask_place(sender, source, len, frames);
        }
        Err(DatagramError::Unproven)
    }

    /// How the sender of a packet says in it, or has said when it was asked, that it is named and reached.
    /// One that is named after the address that its packets come from need not say so.
    fn locator_of(&self, sender: Life, source: SocketAddr, frames: &[Frame]) -> Option<Locator> {
        let said = frames.iter().find_map(|frame| match frame {
            Frame::Claim(claim) if claim.life == sender => claim.locator.clone(),
            _ => None,
        });
        let said = said.or_else(|| self.membership.asking.said(sender));
        let cluster = &self.picture.config.cluster;
        said.or_else(|| Some(source.into())).filter(|locator| locator.is_of(sender.id, cluster))
    }

    /// The address of its locator at which the sender of a bound packet has been reached: the one that
    /// the packet comes from, or one at which it has got a ping that the packet answers.
    fn proven_address(
        &self,
        sender: Life,
        source: SocketAddr,
        locator: &Locator,
        frames: &[Frame],
    ) -> Option<Address> {
        let listed = |addr: &Address| locator.list().contains(addr);
        let got = |packet| self.membership.asking.pinged_at(sender, packet);
        let source = Some(Address::from(source)).filter(listed);
        source.or_else(|| frames.iter().filter_map(answered).filter_map(got).find(listed))
    }

    /// Asks the sender of a bound packet how it is named and reached: it is told a claim that says
    /// nothing of that, and answers with its own. It may know as little of this node, and would ask in
    /// turn instead of answering, so this node's own claim goes with the question. Both together have no
    /// more bytes than the packet, unless that answers one that this node has sent to where it comes from.
    pub(super) fn ask_place(
        &mut self,
        sender: Life,
        source: SocketAddr,
        len: usize,
        frames: &[Frame],
    ) {
        let asking = &self.membership.asking;
        let mut answers = frames.iter().filter_map(answered);
        let invited = answers.any(|packet| asking.has_greeted(packet, source));
        let len = if invited { self.picture.config.max_datagram } else { len };
        let to = To { at: Destination::Unicast(source), bound: Some(sender), node: None };
        let question = Frame::Claim(Claim::of_birth(sender, None));
        let mine = Frame::Claim(self.picture.claim(Ix::ME));
        let frames = [question, mine];
        let asked = if self.fits(&frames, len) { &frames[..] } else { &frames[..1] };
        if self.fits(asked, len) && self.may_ask(sender).is_some() {
            self.out.say(to, Say::Frames(asked.into()));
        }
    }

    /// The packets of a sender come from an address at which it does not say that it can be reached. It
    /// is told so, and pinged at one of those where it says that.
    fn ask_at_home(&mut self, sender: Life, source: SocketAddr, locator: &Locator, len: usize) {
        let seen = Frame::Seen { at: source };
        let ping = Frame::Ping { root: self.picture.root() };
        let mine = Frame::Claim(self.picture.claim(Ix::ME));
        // It may not know this node, and take nothing that does not say how this one is named.
        let introduced = self.fits(&[mine.clone(), seen.clone()], len)
            && self.fits(&[mine.clone(), ping.clone()], len);
        let [seen_alone, ping_alone] = [&seen, &ping].map(core::slice::from_ref);
        let fits = introduced || self.fits(seen_alone, len) && self.fits(ping_alone, len);
        if !fits {
            self.out.stats.challenges_withheld += 1;
            return;
        }
        let Some(times) = self.may_ask(sender) else { return };
        self.membership.asking.note(sender, locator);
        let to = To { at: Destination::Unicast(source), bound: Some(sender), node: None };
        let turn = locator.list().iter().cycle().nth(times as usize % locator.list().len());
        let home = turn.map(|addr| To { at: Destination::Unicast(addr.socket()), ..to });
        for to in [Some(to), home].into_iter().flatten().filter(|_| introduced) {
            self.out.say_frame(to, mine.clone());
        }
        self.out.say_frame(to, seen);
        if let Some(home) = home {
            self.out.say(home, Say::Ping);
        }
    }

    /// Tells a peer that a packet of it came from an address that it does not list.
    pub(super) fn tell_seen(&mut self, ix: Ix, source: SocketAddr) {
        let life = self.picture.life(ix);
        if !self.picture.peers.places.has(ix, source)
            && self.membership.asking.may_ask(&self.picture, life).is_some()
        {
            let to = To { at: Destination::Unicast(source), ..self.picture.bound(ix) };
            self.out.say_frame(to, Frame::Seen { at: source });
        }
    }

    /// A peer says under which address it sees this node.
    pub(super) fn on_seen(&mut self, by: Ix, at: SocketAddr) {
        if !self.picture.peers.places.has(Ix::ME, at) && self.membership.asking.is_seen(at) {
            let (by, advertised) = (self.picture.id(by), self.picture.peers.places.address(Ix::ME));
            self.out.event(Event::SeenElsewhere { by, at, advertised });
        }
    }

    /// Whether a sender that is not known may be asked something; returns how often it was before.
    pub(super) fn may_ask(&mut self, sender: Life) -> Option<u32> {
        let times = self.membership.asking.may_ask(&self.picture, sender)?;
        let allowed = self.membership.challenges.is_allowed(&self.picture, &mut self.out);
        allowed.then_some(times)
    }

    /// Whether frames fit into a packet of this many bytes: a sender that provokes a packet with one that
    /// may be a recording must not make this node send more than that.
    pub(super) fn fits(&mut self, frames: &[Frame], len: usize) -> bool {
        // The packet number may have grown by one for each intent that waits.
        let packet = self.out.packet + 1 + self.out.outbox.len() as u64;
        let header: Header = self.sealer.header(packet);
        self.writer.begin(header, len);
        self.writer.push_all(frames).is_ok()
    }
}
