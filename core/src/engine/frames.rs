//! What each frame of an accepted packet does.

use alloc::vec::Vec;
use bytes::Bytes;
use core::time::Duration;

use super::Engine;
use crate::base::{Arrival, Channel, Destination, Epoch, Ix, Life};
use crate::broadcast::{Claimed, Novelty};
use crate::engine::spreads::Took;
use crate::out::{Event, Say, Tag};
use crate::packet::Header;
use crate::wire::{Frame, Message};

impl Engine {
    /// Applies all frames of a packet, in order.
    pub(super) fn apply(
        &mut self,
        header: &Header,
        from: Ix,
        arrival: Arrival,
        frames: &mut Vec<Frame>,
    ) {
        let multicast = matches!(arrival, Arrival::Multicast(_));
        self.membership.follow_up_doubt(&mut self.picture, &mut self.out, from);
        let spreads = frames.iter().filter(|frame| matches!(frame, Frame::Spread(_))).count();
        let mut unsaid = header.ack && !multicast;
        let large = frames.iter().any(|frame| self.room_exceeded(frame).is_some());
        if unsaid && !large && self.broadcast.relays.has_room_for_all(&self.picture, spreads) {
            self.acknowledge(header.packet, from);
            unsaid = false;
        }
        let channel = if multicast { Channel::Multicast } else { Channel::Direct };
        if multicast {
            self.segment.on_multicast(&self.picture, &mut self.out, from);
        }
        self.repair.sessions.begin_packet();
        let (mut copies, mut taken, mut room) = (0.., true, None);
        let mut frames = frames.drain(..);
        while let Some(frame) = frames.next() {
            if multicast && matches!(frame, Frame::Ping { .. }) {
                // A beacon: it says that the sender is here, and answers of all hearers would be a
                // storm.
                continue;
            }
            match frame {
                Frame::Spread(spread) => {
                    let batch = frames.by_ref().take(usize::from(spread.frames)).collect();
                    let place = copies.next().unwrap_or_default();
                    match self.on_spread(header, from, &spread, place, batch) {
                        Took::All => {}
                        Took::Nothing => taken = false,
                        Took::ForItself { most } => room = Some(most.min(room.unwrap_or(most))),
                    }
                }
                Frame::Numbered { sequence, frames: count } => {
                    let batch = frames.by_ref().take(usize::from(count)).collect();
                    self.on_numbered(header, from, sequence, batch, channel);
                }
                Frame::Ping { root } => self.on_ping(header.packet, from, arrival, root),
                frame => self.on_frame(header, from, frame, channel),
            }
        }
        self.repair.sessions.end_packet(&mut self.picture, &mut self.out);
        if unsaid && taken {
            match room {
                None => self.acknowledge(header.packet, from),
                Some(room) => {
                    let bytes = u16::try_from(room).unwrap_or(u16::MAX);
                    let frame = Frame::TooLarge { packet: header.packet, bytes };
                    self.out.say_frame(self.picture.bound(from), frame);
                }
            }
        }
    }

    fn acknowledge(&mut self, packet: u64, from: Ix) {
        let to = self.picture.bound(from);
        self.out.say_frame(to, Frame::Ack { packet });
    }

    pub(super) fn on_frame(&mut self, header: &Header, from: Ix, frame: Frame, channel: Channel) {
        match frame {
            Frame::Pong { packet, root } => self.on_pong(packet, from, root),
            Frame::Ack { packet } => self.on_ack(packet, from),
            Frame::Challenge { packet } => self.on_challenge(header.bound, packet, from),
            Frame::Claim(claim) => {
                self.membership.on_claim(&mut self.picture, &mut self.out, from, &claim, channel)
            }
            Frame::Record { group, delta } => self.on_record(from, &group, &delta, channel),
            Frame::Attribute { life, kind, version, bytes } => {
                self.on_attribute(from, life, (kind, version), bytes, channel);
            }
            Frame::Slow { life, millis } => {
                if let Some(ix) = self.picture.find_life(life) {
                    let span = Duration::from_millis(u64::from(millis));
                    self.membership.watches.expect_slow(&self.picture, ix, span);
                }
            }
            Frame::Message(message) => self.on_message(from, message, channel),
            Frame::Verify { suspect, millis } => {
                self.membership.on_verify(&self.picture, &mut self.out, from, suspect, millis);
            }
            Frame::Verdict { suspect, finding } => {
                self.membership.on_finding(&mut self.picture, &mut self.out, from, suspect, finding)
            }
            Frame::Suspicion => self.picture.health.worse(),
            Frame::Want { .. } | Frame::Ranges(_) | Frame::Coded(_) | Frame::Lacking(_) => {
                self.repair.on_frame(&mut self.picture, &mut self.out, from, frame);
            }
            Frame::Holdings(holdings) => {
                if self.repair.takes_list(&mut self.out) {
                    for claim in &holdings.claims {
                        let (picture, out) = (&mut self.picture, &mut self.out);
                        self.membership.on_claim(picture, out, from, claim, Channel::Direct);
                    }
                    let (picture, out) = (&mut self.picture, &mut self.out);
                    self.repair.sessions.on_holdings(picture, out, from, &holdings);
                }
            }
            Frame::Vouch { life, packet } => {
                if let Some(ix) = self.picture.find_life(life)
                    && !self.picture.peers.is_proven(ix)
                {
                    self.picture.peers.vouch(ix, packet);
                }
            }
            Frame::Duplicate { epoch } => {
                self.on_duplicate(header.bound && channel == Channel::Direct, epoch);
            }
            Frame::Heard { .. } | Frame::Beat { .. } | Frame::Missed { .. } => {
                self.segment.on_frame(&mut self.picture, &mut self.out, from, frame, channel);
            }
            // These concern this path, or packets and messages of this life: they must be bound,
            // and to this node alone.
            Frame::Narrow
            | Frame::TooLarge { .. }
            | Frame::Undelivered { .. }
            | Frame::Counted { .. }
            | Frame::Seen { .. }
            | Frame::Drains { .. }
            | Frame::Noted { .. }
                if !header.bound || channel != Channel::Direct => {}
            Frame::Narrow => self.picture.path_said_narrow(&mut self.out, from),
            Frame::TooLarge { packet, bytes } => self.on_too_large(from, packet, bytes),
            Frame::Undelivered { sequence, bytes } => {
                self.on_undelivered(sequence, bytes.into());
            }
            Frame::Counted { packet, tag, highest, tag_of_highest } => {
                self.on_counted(from, (packet, tag), (highest, tag_of_highest));
            }
            Frame::Seen { at } => self.on_seen(from, at),
            // Nobody is to count on a node that is saying goodbye.
            Frame::Drains { .. } if self.membership.departure.is_running() => {}
            Frame::Drains { stamp } => {
                self.membership.draining.on_drains(&self.picture, &mut self.out, from, stamp);
            }
            Frame::Noted { stamp, own } => {
                self.membership.draining.on_noted(&self.picture, from, stamp, own);
            }
            Frame::Padding { .. } => {}
            // These were taken above, some together with their frames; they do not nest.
            Frame::Ping { .. } | Frame::Spread(_) | Frame::Numbered { .. } => {}
        }
    }

    /// Another life uses this node's name. It is a claim, so only a packet that nobody can have
    /// recorded may make it.
    fn on_duplicate(&mut self, trusted: bool, epoch: Epoch) {
        if trusted
            && epoch > self.picture.me().epoch
            && self.picture.is_plausible(&mut self.out, epoch)
        {
            self.membership.renewal.claimed(&self.picture, &mut self.out, epoch);
        }
    }

    /// A ping is answered where it came from: its sender may have moved, or be known by another
    /// address there.
    fn on_ping(&mut self, packet: u64, from: Ix, arrival: Arrival, root: u64) {
        let mut to = self.picture.bound(from);
        if let Arrival::Unicast(source) = arrival {
            to.at = Destination::Unicast(source);
            self.tell_seen(from, source);
        }
        self.out.say(to, Say::Pong { packet, root });
        let highest = self.picture.peers.highest(from);
        let known_for = u128::from(self.picture.peers.since_turn(from, self.picture.now));
        // Where two meet they say much at once, of which some overtakes other.
        if packet < highest && known_for >= self.picture.timing.refusal_again.as_millis() {
            // It was overtaken, or its sender has been set back by so little that its number is fresh.
            let tag = self.picture.peers.tag_of_highest(from);
            let counted = Frame::Counted { packet: highest, tag, highest, tag_of_highest: tag };
            self.out.say_frame(to, counted);
        }
        self.compare(from, Some(root));
    }

    fn on_pong(&mut self, packet: u64, from: Ix, root: Option<u64>) {
        self.picture.path_answered(&mut self.out, from, packet);
        if self.membership.probes.answered(&mut self.picture, &mut self.out, packet, from) {
            self.membership.on_sign_of_life(&mut self.picture, &mut self.out, from);
        }
        self.compare(from, root);
    }

    /// Compares the root of a peer, which is equal to this node's if it is left out. If they
    /// differ, this node may have missed something.
    fn compare(&mut self, with: Ix, root: Option<u64>) {
        self.picture.note_root();
        self.picture.agreements.compared(with, root, self.picture.now);
        let difference = root.map_or(0, |root| root.wrapping_sub(self.picture.root()));
        if root.is_some() && difference == 0 {
            self.repair.tombstones.level(&mut self.picture, &mut self.out, with);
        }
        if self.repair.sessions.compared(&mut self.picture, &mut self.out, with, difference) {
            self.segment.doubt(&self.picture, &mut self.out);
        }
    }

    /// A node that has no proof of this one's life asks for it. If the challenge quotes a ping of
    /// this node's, its sender has heard that ping in its present life, which is all that a pong
    /// says. Most pairs of a large cluster have never met, and where much is lost, a peer that is
    /// pinged for the first time must not have to answer twice in a row to count as alive. The
    /// proof is sent only if the peer may take this node for lost, or has begun its life with this
    /// packet and may know nobody: otherwise each probe would cost four datagrams.
    fn on_challenge(&mut self, bound: bool, packet: u64, from: Ix) {
        let is_new = self.picture.peers.since_turn(from, self.picture.now) == 0;
        let lost = is_new || !self.picture.state(from).is_present();
        let answers = bound
            && self.membership.probes.answered(&mut self.picture, &mut self.out, packet, from);
        if answers {
            self.membership.on_sign_of_life(&mut self.picture, &mut self.out, from);
        }
        if lost || !answers {
            let to = self.picture.bound(from);
            self.picture.greet(&mut self.out, to);
        }
    }

    pub(super) fn on_ack(&mut self, packet: u64, from: Ix) {
        let closed =
            self.broadcast.relays.acknowledged(&mut self.picture, &mut self.out, from, packet);
        if closed.is_empty() {
            return;
        }
        self.membership.on_sign_of_life(&mut self.picture, &mut self.out, from);
        for closed in closed {
            self.membership.departure.copy_closed(closed.batch, closed.acknowledged);
        }
        self.membership.departure.end_if_done(&mut self.out, self.broadcast.relays.is_idle());
    }

    /// Whether a message is of the life that its origin is in. Of an origin that is not known, because
    /// its claim was lost or is still on its way, any life counts that this node cannot have forgotten.
    fn is_of_present_life(&mut self, from: Ix, origin: Life, channel: Channel) -> bool {
        if self.picture.find(origin.id).is_some() {
            let (picture, out) = (&mut self.picture, &mut self.out);
            return self.membership.hear_of(picture, out, from, origin, channel);
        }
        let forgotten = self.picture.forgotten.is_some_and(|(epoch, _)| origin.epoch <= epoch);
        !forgotten && self.picture.is_plausible(&mut self.out, origin.epoch)
    }

    fn on_message(&mut self, from: Ix, message: Message, channel: Channel) {
        let Message { origin, sequence, tag, group, payload } = message;
        if origin.id == self.picture.me().id {
            if origin == self.picture.me() {
                let claimed = self.broadcast.messages.claimed(sequence);
                self.out.stats.refutations += u64::from(claimed != Claimed::Sent);
                if claimed == Claimed::OutOfReach {
                    self.membership.renewal.claimed(&self.picture, &mut self.out, origin.epoch);
                }
            }
            return;
        }
        if !group.as_ref().is_none_or(|group| self.picture.topology.is_member(group, Ix::ME)) {
            return;
        }
        if !self.is_of_present_life(from, origin, channel) {
            self.out.stats.messages_unknown_age += 1;
            return;
        }
        match self.broadcast.messages.novelty(origin, sequence) {
            Novelty::New => {}
            Novelty::Delivered => {
                self.out.stats.messages_duplicate += 1;
                return;
            }
            Novelty::TooOld | Novelty::Absurd => {
                self.out.stats.messages_unknown_age += 1;
                return;
            }
        }
        if self.broadcast.messages.leaps(origin, sequence)
            && let Some(ix) = self.picture.find_life(origin)
        {
            // If another node has made it up, its origin must go on above that number.
            let told = Message { origin, sequence, tag, group: None, payload: Bytes::new() };
            self.out.say_frame(self.picture.bound(ix), Frame::Message(told));
        }
        let limit = self.picture.config.limits.message_origins;
        let lives = |id| self.picture.find(id).is_some_and(|ix| self.picture.state(ix).is_living());
        self.broadcast.messages.delivered(origin, sequence, limit, lives);
        self.out.stats.messages_delivered += 1;
        let via = self.picture.id(from);
        let (origin, tag) = (origin.id, Tag(tag));
        self.out.event(Event::Message { origin, sequence, group, tag, payload, via });
    }
}
