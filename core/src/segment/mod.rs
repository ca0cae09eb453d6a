//! Reliable multicast: one node of a segment speaks, and those that hear it say so and are left out of
//! the tree. To the rest of the engine it is this: what comes by multicast goes in, what is to go to
//! everybody is served, and the result says who has to be reached by unicast.

mod hearer;
mod multicast;
mod received;
mod speaker;
mod stream;

use alloc::vec::Vec;

use crate::base::{Channel, Instant, Ix, NodeId};
use crate::out::{MulticastState, Out, Why};
use crate::picture::Picture;
use crate::timing::segment::SUCCESSION;
use crate::wire::Frame;
use hearer::Hearer;
use multicast::Multicast;
use speaker::Speaker;

/// What this node has to do with the multicast of its segment.
#[derive(Clone, Debug, Default, Hash)]
pub(crate) struct Segment {
    multicast: Multicast,
    speaker: Speaker,
    hearer: Hearer,
}

/// To whom a batch has to be sent by unicast after a speaker has served it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Served {
    /// This node serves nobody: to all other receivers of the batch.
    Nobody,
    /// To these, which the speaker covers and which seem to be cut off.
    But(Vec<Ix>),
    /// To each node by itself: the segment cannot take it now.
    Each,
}

impl Segment {
    /// Begins a life, or goes on under another configuration.
    pub(crate) fn start(&mut self, picture: &Picture, out: &mut Out, new_life: bool) {
        self.multicast.start(picture, out);
        self.speaker.start(picture, out, new_life);
        self.hearer.start(out);
    }

    /// The network may be another one: says hello as at the start.
    pub(crate) fn greet_again(&mut self, picture: &Picture, out: &mut Out) {
        self.multicast.start(picture, out);
    }

    /// Whether multicast works.
    pub(crate) fn state(&self) -> MulticastState {
        self.multicast.state()
    }

    /// Whether this node serves others.
    pub(crate) fn has_duty(&self, now: Instant) -> bool {
        self.speaker.has_duty(now)
    }

    /// It may be time for a beacon, to beat or to begin, or to ask for what was missed.
    pub(crate) fn on_deadline(&mut self, picture: &mut Picture, out: &mut Out, why: Why) {
        match why {
            Why::Beat => {
                let spoken_to = self.hearer.is_spoken_to(picture.now);
                let knows = picture.newness.caught_up;
                if self.speaker.on_timer(picture, out, spoken_to, knows) {
                    self.multicast.unheard(picture, out);
                }
            }
            Why::Hearing => {
                if self.hearer.on_timer(picture, out, self.speaker.speaks()) {
                    self.speaker.postpone(picture, out, SUCCESSION);
                }
            }
            _ => self.multicast.on_beacon(picture, out, self.speaker.speaks()),
        }
    }

    /// A packet has come by multicast.
    pub(crate) fn on_multicast(&mut self, picture: &Picture, out: &mut Out, from: Ix) {
        self.multicast.heard(picture, out, from, false);
    }

    /// A frame that belongs to a segment.
    pub(crate) fn on_frame(
        &mut self,
        picture: &mut Picture,
        out: &mut Out,
        from: Ix,
        frame: Frame,
        channel: Channel,
    ) {
        match frame {
            Frame::Heard { speaker, nodes } => {
                self.on_heard(picture, out, from, speaker, nodes, channel);
            }
            Frame::Beat { sequence } => self.on_beat(picture, out, from, sequence, channel),
            Frame::Missed { since, silent } => {
                self.speaker.on_missed(picture, out, from, since, silent);
            }
            _ => {}
        }
    }

    /// A list of nodes that hear a speaker.
    fn on_heard(
        &mut self,
        picture: &mut Picture,
        out: &mut Out,
        from: Ix,
        speaker: NodeId,
        nodes: Vec<NodeId>,
        channel: Channel,
    ) {
        if speaker == picture.me().id {
            if channel == Channel::Direct && nodes == [picture.id(from)] {
                self.speaker.on_heard_by(picture, out, from);
                self.multicast.confirmed(picture, out);
            }
            return;
        }
        let Some(ix) = picture.find(speaker) else { return };
        if nodes.is_empty() {
            // It begins to speak, and tells everybody in the tree.
            picture.note_speaker(ix);
            self.speaker.wait_and_see(picture, out);
            return;
        }
        // A speaker lists its own hearers, and passes the lists of other speakers on to its
        // segment.
        let told_by_own = channel == Channel::Multicast && self.hearer.hears(from);
        if ix != from && !told_by_own {
            return;
        }
        picture.note_speaker(ix);
        if ix == from && channel == Channel::Multicast {
            self.hearer.on_list(picture, out, ix);
        }
        for &id in &nodes {
            if id == picture.me().id && ix == from {
                self.hearer.on_listed(picture, out, ix);
                self.multicast.confirmed(picture, out);
            }
            if let Some(node) = picture.find(id) {
                picture.note_cover(node, ix);
            }
        }
        if ix == from && channel == Channel::Multicast {
            self.prefer(picture, out, from, true);
        } else if ix == from && channel == Channel::Direct && picture.takes_promptly() {
            self.speaker.on_list_from_abroad(picture, out, Frame::Heard { speaker, nodes });
        }
    }

    /// A beat: a speaker is heard, or answers a question.
    fn on_beat(
        &mut self,
        picture: &mut Picture,
        out: &mut Out,
        from: Ix,
        sequence: u64,
        channel: Channel,
    ) {
        let multicast = channel == Channel::Multicast;
        self.hearer.on_beat(picture, out, from, sequence, multicast);
        if multicast {
            self.multicast.heard(picture, out, from, true);
            picture.note_speaker(from);
            self.prefer(picture, out, from, false);
        }
    }

    /// Gives way to another speaker of the same segment if that one has the lower position on the
    /// ring.
    fn prefer(&mut self, picture: &Picture, out: &mut Out, other: Ix, has_hearers: bool) {
        let rank = |ix| (picture.position(ix), picture.id(ix));
        if rank(other) < rank(Ix::ME) {
            self.speaker.give_way(picture, out, has_hearers);
        }
    }

    /// A batch of a speaker has been taken in, by multicast or in answer to a question.
    pub(crate) fn on_batch(
        &mut self,
        picture: &Picture,
        out: &mut Out,
        from: Ix,
        sequence: u64,
        channel: Channel,
    ) {
        self.hearer.on_batch(picture, out, from, sequence, channel == Channel::Multicast);
    }

    /// A root differs: the speaker may have fallen silent unnoticed.
    pub(crate) fn doubt(&mut self, picture: &Picture, out: &mut Out) {
        self.hearer.doubt(picture, out);
    }

    /// Multicasts a batch once, without being asked whether it has arrived.
    pub(crate) fn send_once(&self, picture: &Picture, out: &mut Out, batch: &[Frame]) {
        self.multicast.send(picture, out, batch);
    }

    /// Serves the nodes that this one covers with a batch, which came from a node or is its own.
    pub(crate) fn serve(
        &mut self,
        picture: &Picture,
        out: &mut Out,
        batch: &[Frame],
        from: Ix,
    ) -> Served {
        if !self.speaker.has_duty(picture.now) {
            return Served::Nobody;
        }
        self.speaker.serve(picture, out, batch, from).map_or(Served::Each, Served::But)
    }

    /// Forgets a node that is leaving the table.
    pub(crate) fn forget(&mut self, ix: Ix) {
        self.speaker.forget(ix);
        self.hearer.forget(ix);
    }
}
