//! What goes to a segment and to the tree, each as far as the other does not reach.

use alloc::vec::Vec;

use super::Engine;
use crate::base::{Channel, GroupName, Ix, NodeId};
use crate::broadcast::{Audience, FAN_OUT};
use crate::packet::Header;
use crate::segment::Served;
use crate::wire::{Frame, Route, Spread};

/// In groups with fewer reachable members the origin sends a message to each member: otherwise the
/// whole segment would have to hear it, and a hop that does not know a new member yet would leave
/// it out. In larger groups the origin sends copies to new members only.
const FEW: usize = 64;

impl Engine {
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
        self.segment.on_batch(&self.picture, &mut self.out, from, sequence, channel);
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
        if self.segment.has_duty(self.picture.now) {
            return self.serve(Ix::ME, batch, Some(audience.clone()));
        }
        self.segment.send_once(&self.picture, &mut self.out, batch);
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
            self.broadcast.relays.originate(&self.picture, &mut self.out, batch.to_vec(), some);
        }
        if few.is_some() {
            return;
        }
        let audience = group.map_or(Audience::All, Audience::Group);
        if !self.tell_segment(&batch, &audience) {
            self.broadcast.relays.originate(&self.picture, &mut self.out, batch.into(), audience);
        }
    }

    /// The other members of a group, if there are few, with room for a copy to each.
    pub(super) fn few_members(&self, group: &GroupName) -> Option<Vec<NodeId>> {
        // Whole batches: no more of them than a message may take.
        let most = FEW.min(self.picture.config.limits.relays as usize / 2 / FAN_OUT * FAN_OUT);
        let members = self.picture.topology.members_of_any_status(group);
        let reachable = members.filter(|&ix| ix != Ix::ME && self.picture.state(ix).is_reachable());
        let few: Vec<NodeId> = reachable.take(most).map(|ix| self.picture.id(ix)).collect();
        (few.len() < most).then_some(few)
    }

    /// Serves covered nodes. Returns whether each node of the audience is sent the batch by unicast.
    fn serve(&mut self, from: Ix, batch: &[Frame], audience: Option<Audience>) -> bool {
        match self.segment.serve(&self.picture, &mut self.out, batch, from) {
            Served::Nobody => false,
            Served::But(cut_off) => {
                let cut_off: Vec<NodeId> = cut_off.iter().map(|&ix| self.picture.id(ix)).collect();
                // A batch may fill a packet: each gets a copy with nobody to pass it on to.
                for some in cut_off.chunks(FAN_OUT) {
                    let some = Audience::Listed(some.into());
                    self.broadcast.relays.originate(
                        &self.picture,
                        &mut self.out,
                        batch.to_vec(),
                        some,
                    );
                }
                false
            }
            Served::Each => {
                let audience = audience.unwrap_or(Audience::All);
                self.broadcast.relays.originate_to_each(
                    &self.picture,
                    &mut self.out,
                    batch.to_vec(),
                    audience,
                );
                true
            }
        }
    }
}
