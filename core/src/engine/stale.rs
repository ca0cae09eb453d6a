//! Packets that are authentic and still refused: their numbers are used up, or their sender was
//! forgotten.

use core::net::SocketAddr;

use super::Engine;
use crate::base::{Arrival, Channel, Destination, Ix, Life};
use crate::engine::receive::tag_of;
use crate::mutants::mutated;
use crate::out::{Event, Say, To};
use crate::packet::Header;
use crate::wire::Frame;

/// The packet of the receiver that a frame answers, if the frame is evidence that its sender lives.
pub(super) const fn answered(frame: &Frame) -> Option<u64> {
    match frame {
        Frame::Pong { packet, .. }
        | Frame::Challenge { packet }
        | Frame::Counted { packet, .. } => Some(*packet),
        _ => None,
    }
}

impl Engine {
    /// The number of a packet has been used up in this life of the sender. The sender is told so:
    /// it may have been set back, or another node may have used up its numbers. Returns whether
    /// something of the packet was accepted all the same: an answer to a ping of this node's cannot
    /// be a recording.
    pub(super) fn refuse_stale(
        &mut self,
        header: &Header,
        arrival: Arrival,
        datagram: &[u8],
        frames: &[Frame],
    ) -> bool {
        let Some(ix) = self.picture.find_life(header.sender) else { return false };
        let mut taken = false;
        for frame in frames.iter().filter(|_| header.bound) {
            if answered(frame).is_some_and(|packet| self.membership.probes.awaits(packet, ix)) {
                taken = true;
                self.on_frame(header, ix, frame.clone(), Channel::Direct);
            }
        }
        let tag = tag_of(datagram);
        let (highest, tag_of_highest) =
            (self.picture.peers.highest(ix), self.picture.peers.tag_of_highest(ix));
        let is_copy = (header.packet, tag) == (highest, tag_of_highest);
        let multicast = matches!(arrival, Arrival::Multicast(_));
        if is_copy || multicast || !self.membership.numbers.may_answer(&self.picture, ix) {
            return taken;
        }
        if !header.bound {
            self.challenge(header, arrival, datagram.len());
        } else if !mutated!(self.picture.config, NumberUnanswered) {
            let frame = Frame::Counted { packet: header.packet, tag, highest, tag_of_highest };
            self.out.say_frame(self.picture.bound(ix), frame);
        }
        if let Some(lasted) = self.membership.numbers.untold(&self.picture, ix) {
            self.out.event(Event::Refused { peer: header.sender, highest, lasted });
        }
        taken
    }

    /// A former life of a peer has sent something: if it answers a ping of this node's, the peer is
    /// not silent. It is about to begin a life above the later one, which may be nothing but a
    /// claim, or a second copy that hears only part of what goes to their address.
    pub(super) fn former_life_answers(&mut self, ix: Ix, frames: &[Frame]) {
        for packet in frames.iter().filter_map(answered) {
            let answers =
                self.membership.probes.answered(&mut self.picture, &mut self.out, packet, ix);
            if answers {
                self.membership.note_answer(&mut self.picture);
                self.membership.hearsay.answered(self.picture.id(ix));
            }
            if answers && self.picture.state(ix).is_living() {
                self.membership.watches.answered(&mut self.picture, &mut self.out, ix);
            }
        }
    }

    /// A peer refuses a packet of this node, as its number has been used up there.
    pub(super) fn on_counted(&mut self, from: Ix, refused: (u64, u16), highest: (u64, u16)) {
        if self.membership.probes.answered(&mut self.picture, &mut self.out, refused.0, from) {
            self.membership.on_sign_of_life(&mut self.picture, &mut self.out, from);
        }
        let last = self.out.packet;
        let is_own = |(packet, tag)| self.membership.numbers.is_own(last, packet, tag);
        if !is_own(refused) || !is_own(highest) {
            let epoch = self.picture.me().epoch;
            self.membership.renewal.claimed(&self.picture, &mut self.out, epoch);
        }
    }

    /// Whether a packet may have been recorded before this node forgot its sender, so that it
    /// counts only if it answers something that this node has sent since.
    pub(super) fn may_be_forgotten(
        &self,
        header: &Header,
        known: Option<Ix>,
        frames: &[Frame],
    ) -> bool {
        let Some((epoch, packet)) = self.picture.forgotten else { return false };
        if header.sender.epoch > epoch || mutated!(self.picture.config, FloorForgotten) {
            return false;
        }
        let is_fresh = |answer| answer > packet && answer <= self.out.packet;
        let answers = header.bound && frames.iter().filter_map(answered).any(is_fresh);
        let heard = known.is_some_and(|ix| {
            self.picture.life(ix) == header.sender && self.picture.peers.is_heard(ix)
        });
        !answers && !heard
    }

    /// Asks the sender of a bound packet for an answer that nobody can have recorded; limited like
    /// challenges, and sent to where the packet came from.
    pub(super) fn ask_anew(&mut self, sender: Life, packet: u64, source: SocketAddr) {
        if self.may_ask(sender).is_some() {
            let to = To { at: Destination::Unicast(source), bound: Some(sender), node: None };
            self.out.say_frame(to, Frame::Challenge { packet });
            self.out.say(to, Say::Ping);
        }
    }

    /// A packet of an earlier life of a peer has come: the peer may not know that it is void.
    pub(super) fn answer_former_life(
        &mut self,
        ix: Ix,
        header: &Header,
        arrival: Arrival,
        len: usize,
        frames: &[Frame],
    ) {
        let sender = header.sender;
        let (Arrival::Unicast(source) | Arrival::Multicast(source)) = arrival;
        if !header.bound && !self.picture.state(ix).is_reachable() {
            // Its clock may have been set back, and a node that has left is told by nobody else.
            self.challenge(header, arrival, len);
            return;
        }
        let at_home = source == self.picture.peers.places.address(ix);
        let introduced = frames.iter().any(|frame| match frame {
            Frame::Claim(claim) => claim.life == sender && claim.locator.is_some(),
            _ => false,
        });
        let told = (header.bound || at_home || introduced)
            && self.tell_former_life(ix, sender, source, introduced || at_home);
        if header.bound {
            self.former_life_answers(ix, frames);
        }
        let pings = frames.iter().any(|frame| matches!(frame, Frame::Ping { .. }));
        if pings && (at_home || !told && self.membership.numbers.may_answer(&self.picture, ix)) {
            // Until it renews it must not take all others for dead.
            self.challenge(header, arrival, len);
        }
    }

    /// Tells an earlier life of a peer of the later one, which is asked whether it is there. Returns `false` if that
    /// has been done lately.
    ///
    /// A packet may be a recording, and come from somebody else's address. So a short one of a sender that may not
    /// know this node is not answered like this but challenged, which leads to a longer one.
    fn tell_former_life(&mut self, ix: Ix, sender: Life, source: SocketAddr, roomy: bool) -> bool {
        let renewal = &mut self.membership.renewal;
        let begins = renewal.contested(&self.picture, &mut self.out, ix, sender, source);
        if begins {
            // It may not know this node yet, and takes nothing of a node that it does not know.
            let told = if roomy { &[ix, Ix::ME][..] } else { &[ix] };
            let claims = told.iter().map(|&ix| Frame::Claim(self.picture.claim(ix))).collect();
            let to = To { at: Destination::Unicast(source), bound: Some(sender), node: None };
            self.out.say(to, Say::Frames(claims));
        }
        begins
    }
}
