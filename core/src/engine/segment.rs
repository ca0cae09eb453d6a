//! The segment: hearing its speaker, and being it.

use alloc::vec::Vec;

use super::Engine;
use crate::base::{GroupName, Ix, NodeId};
use crate::broadcast::{Audience, FAN_OUT};
use crate::engine::claims::Channel;
use crate::packet::Header;
use crate::wire::{Frame, Route, Spread};

/// In groups with fewer reachable members the origin sends a message to each member: otherwise the
/// whole segment would have to hear it, and a hop that does not know a new member yet would leave
/// it out. In larger groups the origin sends copies to new members only.
const FEW: usize = 64;

impl Engine {
    /// A list of nodes that hear a speaker.
    pub(super) fn on_heard(
        &mut self,
        from: Ix,
        speaker: NodeId,
        nodes: Vec<NodeId>,
        channel: Channel,
    ) {
        if speaker == self.picture.me().id {
            if channel == Channel::Direct && nodes == [self.picture.id(from)] {
                self.speaker.on_heard_by(&self.picture, &mut self.out, from);
                self.multicast.confirmed(&self.picture, &mut self.out);
            }
            return;
        }
        let Some(ix) = self.picture.find(speaker) else { return };
        if nodes.is_empty() {
            // It begins to speak, and tells everybody in the tree.
            self.picture.note_speaker(ix);
            self.speaker.wait_and_see(&self.picture, &mut self.out);
            return;
        }
        // A speaker lists its own hearers, and passes the lists of other speakers on to its
        // segment.
        let told_by_own = channel == Channel::Multicast && self.hearer.hears(from);
        if ix != from && !told_by_own {
            return;
        }
        self.picture.note_speaker(ix);
        if ix == from && channel == Channel::Multicast {
            self.hearer.on_list(&self.picture, &mut self.out, ix);
        }
        for &id in &nodes {
            if id == self.picture.me().id && ix == from {
                self.hearer.on_listed(&self.picture, &mut self.out, ix);
                self.multicast.confirmed(&self.picture, &mut self.out);
            }
            if let Some(node) = self.picture.find(id) {
                self.picture.note_cover(node, ix);
            }
        }
        if ix == from && channel == Channel::Multicast {
            self.prefer(from, true);
        } else if ix == from && channel == Channel::Direct && self.picture.takes_promptly() {
            self.speaker.on_list_from_abroad(
                &self.picture,
                &mut self.out,
                Frame::Heard { speaker, nodes },
            );
        }
    }

    /// A beat: a speaker is heard, or answers a question.
    pub(super) fn on_beat(&mut self, from: Ix, sequence: u64, channel: Channel) {
        let multicast = channel == Channel::Multicast;
        self.hearer.on_beat(&self.picture, &mut self.out, from, sequence, multicast);
        if multicast {
            self.multicast.heard(&self.picture, &mut self.out, from, true);
            self.picture.note_speaker(from);
            self.prefer(from, false);
        }
    }

    /// Gives way to another speaker of the same segment if that one has the lower position on the
    /// ring.
    fn prefer(&mut self, other: Ix, has_hearers: bool) {
        let rank = |ix| (self.picture.position(ix), self.picture.id(ix));
        if rank(other) < rank(Ix::ME) {
            self.speaker.give_way(&self.picture, &mut self.out, has_hearers);
        }
    }

    /// A batch of a speaker, by multicast or in answer to a question.
    pub(super) fn on_numbered(
        &mut self,
        header: &Header,
        from: Ix,
        sequence: u64,
        batch: Vec<Frame>,
        channel: Channel,
    ) {
        let covered = self.picture.coverer(Ix::ME) == Some(from);
        if covered {
            self.serve(from, &batch, None);
        }
        for frame in batch {
            self.on_frame(header, from, frame, Channel::Multicast);
        }
        let multicast = channel == Channel::Multicast;
        self.hearer.on_batch(&self.picture, &mut self.out, from, sequence, multicast);
    }

    /// Serves the nodes that this one covers with what has come to it in the tree.
    pub(super) fn serve_spread(&mut self, from: Ix, spread: &Spread, batch: &[Frame]) {
        if let Route::Ring { covered: false, group, .. } = &spread.route {
            let audience = group.clone().map(Audience::Group);
            self.serve(from, batch, audience);
        }
    }

    /// Multicasts a batch of this node: reliably if it is the speaker, otherwise once, as the
    /// speaker that covers the others gets it by the tree. Returns whether the whole audience,
    /// wherever it is, has been sent the batch by that.
    pub(super) fn tell_segment(&mut self, batch: &[Frame], audience: &Audience) -> bool {
        if self.speaker.has_duty(self.picture.now) {
            return self.serve(Ix::ME, batch, Some(audience.clone()));
        }
        self.multicast.send(&self.picture, &mut self.out, batch);
        false
    }

    /// Sends a message to all or to a group. `few` are the members of a small group, `joined` the
    /// members that have just joined a large one.
    pub(super) fn post(
        &mut self,
        message: Frame,
        group: Option<GroupName>,
        few: Option<Vec<NodeId>>,
        joined: &[NodeId],
    ) {
        let batch = [message];
        for some in few.as_deref().unwrap_or(joined).chunks(FAN_OUT) {
            let some = Audience::Listed(some.into());
            self.relays.originate(&mut self.picture, &mut self.out, batch.to_vec(), some);
        }
        if few.is_some() {
            return;
        }
        let audience = group.map_or(Audience::All, Audience::Group);
        if !self.tell_segment(&batch, &audience) {
            self.relays.originate(&mut self.picture, &mut self.out, batch.into(), audience);
        }
    }

    /// The other members of a group, if there are few, with room for a copy to each.
    pub(super) fn few_members(&self, group: &GroupName) -> Option<Vec<NodeId>> {
        // Whole batches: no more of them than a message may take.
        let most = FEW.min(self.picture.config.limits.relays as usize / 2 / FAN_OUT * FAN_OUT);
        let members = self.picture.topology.members_of_any_status(group);
        let reachable = members.filter(|&ix| ix != Ix::ME && self.picture.is_reachable(ix));
        let few: Vec<NodeId> = reachable.take(most).map(|ix| self.picture.id(ix)).collect();
        (few.len() < most).then_some(few)
    }

    /// Serves covered nodes. Returns whether each node of the audience is sent the batch by unicast.
    fn serve(&mut self, from: Ix, batch: &[Frame], audience: Option<Audience>) -> bool {
        if !self.speaker.has_duty(self.picture.now) {
            return false;
        }
        match self.speaker.serve(&self.picture, &mut self.out, batch, from) {
            Some(cut_off) => {
                let cut_off: Vec<NodeId> = cut_off.iter().map(|&ix| self.picture.id(ix)).collect();
                // A batch may fill a packet: each gets a copy with nobody to pass it on to.
                for some in cut_off.chunks(FAN_OUT) {
                    let some = Audience::Listed(some.into());
                    self.relays.originate(&mut self.picture, &mut self.out, batch.to_vec(), some);
                }
                false
            }
            None => {
                let audience = audience.unwrap_or(Audience::All);
                self.relays.originate_to_each(
                    &mut self.picture,
                    &mut self.out,
                    batch.to_vec(),
                    audience,
                );
                true
            }
        }
    }

    /// It may be time to beat, or to begin.
    pub(super) fn on_beat_due(&mut self) {
        let spoken_to = self.hearer.is_spoken_to(self.picture.now);
        let knows = self.picture.newness.caught_up;
        if self.speaker.on_timer(&mut self.picture, &mut self.out, spoken_to, knows) {
            self.multicast.unheard(&self.picture, &mut self.out);
        }
    }
}
