//! Records of other nodes, as a packet brings them.

use alloc::vec::Vec;

use super::Engine;
use crate::base::{Channel, GroupName, Ix, Life};
use crate::mutants::mutated;
use crate::topology::{Applied, Changes, RecordDelta};
use crate::wire::Frame;

impl Engine {
    pub(super) fn on_record(
        &mut self,
        from: Ix,
        group: &GroupName,
        delta: &RecordDelta,
        channel: Channel,
    ) {
        let life = Life { id: delta.member, epoch: delta.epoch };
        if !self.picture.is_plausible(&mut self.out, life.epoch) {
            return;
        }
        if life.id == self.picture.me().id {
            self.on_record_of_mine(from, group, delta);
            return;
        }
        if self.picture.find(life.id).is_none() {
            // From the beginning, so that the claim comes with it. A speaker is not asked by all.
            let asks = delta.since == 0 && channel != Channel::Multicast;
            if asks && self.repair.sessions.unknown.may_ask(&self.picture, life.id) {
                let want = Frame::Want { group: group.clone(), member: life, since: 0 };
                self.out.say_frame(self.picture.bound(from), want);
            }
            return;
        }
        if !self.membership.hear_of(&mut self.picture, &mut self.out, from, life, channel) {
            return;
        }
        let member = self.picture.find_life(life);
        if member.is_some_and(|ix| self.is_history(from, group, ix, delta)) {
            return;
        }
        let mut changes = Changes::default();
        let knew = member.is_some_and(|ix| self.picture.topology.is_member(group, ix));
        match self.picture.topology.apply(group, delta, &mut changes) {
            Ok(Applied::Advanced { .. } | Applied::Staged { .. }) => {
                self.out.stats.updates_applied += 1;
                if let Some(ix) =
                    member.filter(|&ix| !knew && self.picture.topology.is_member(group, ix))
                {
                    self.broadcast.joined.note(&self.picture, group, ix);
                }
                if let Some(ix) = self.picture.find_life(life) {
                    self.picture.topology.drop_empty(group, ix);
                }
                self.picture.tell_all_retracted(&mut self.out);
                self.repair.tombstones.expect_stale(&self.picture, &mut self.out);
            }
            Ok(Applied::Gap { have }) => {
                self.out.stats.gaps += 1;
                if channel == Channel::Multicast && mutated!(self.picture.config, GapsOff) {
                    return self.out.publish(changes);
                }
                if channel == Channel::Multicast
                    && let Some(member) = self.picture.find_life(life)
                {
                    self.repair.gaps.note(&mut self.out, from, group, member, have);
                    return self.out.publish(changes);
                }
                let want = Frame::Want { group: group.clone(), member: life, since: have };
                self.out.say_frame(self.picture.bound(from), want);
            }
            Ok(Applied::Known { have }) => {
                // Repair does not compare what has been removed, so a node that has missed a
                // removal is told here.
                self.out.stats.updates_stale += 1;
                if let Some(ix) = member.filter(|_| channel == Channel::Direct) {
                    self.tell_removed(from, group, ix, have, delta);
                    self.tell_contradicted(from, group, ix, delta);
                }
            }
            Ok(Applied::Stale { .. } | Applied::Claim) => {
                self.out.stats.updates_stale += 1;
            }
            Err(_) => {
                self.out.stats.deltas_refused += 1;
                self.repair.sessions.answered();
            }
        }
        self.out.publish(changes);
    }

    /// Tells a peer what has been removed since its copy of a record, if nothing else is left in
    /// the record.
    fn tell_removed(&mut self, to: Ix, group: &GroupName, ix: Ix, have: u64, copy: &RecordDelta) {
        if have > copy.target && !self.picture.topology.is_member(group, ix) {
            self.repair.sessions.on_want(&self.picture, &mut self.out, to, group, ix, copy.target);
        }
    }

    /// Tells the owner of a record of two copies that differ under one clock, as both sides of a life
    /// that was led twice have left them. Each side keeps its own until the owner corrects both.
    fn tell_contradicted(&mut self, from: Ix, group: &GroupName, ix: Ix, copy: &RecordDelta) {
        if !self.picture.topology.contradicts_copy(group, ix, copy)
            || !self.picture.state(ix).is_reachable()
            || !self.picture.peers.may_tell(ix, self.picture.now, &self.picture.timing)
        {
            return;
        }
        if from != ix {
            let frame = Frame::Record { group: group.clone(), delta: copy.clone() };
            self.out.say_frame(self.picture.bound(ix), frame);
        }
        self.repair.sessions.on_want(&self.picture, &mut self.out, ix, group, ix, copy.since);
    }

    /// Whether a record may be from before its owner emptied it, which this node may have
    /// forgotten. Then the owner is asked, and corrects all nodes that still hold the record.
    fn is_history(&mut self, from: Ix, group: &GroupName, ix: Ix, delta: &RecordDelta) -> bool {
        let topology = &mut self.picture.topology;
        if topology.clock_of(group, ix).is_some() {
            return false;
        }
        if delta.writes.is_empty() && delta.since == 0 && delta.is_last() {
            topology.note_given_up(group, ix, delta.target);
            return true;
        }
        let known = topology.is_given_up(group, ix, delta.target);
        let from_owner = from == ix;
        if !known && (from_owner || !topology.may_be_given_up(ix, delta.target)) {
            return false;
        }
        let past = topology.as_given_up(group, ix).filter(|_| known);
        if self.picture.state(ix).is_reachable()
            && self.picture.peers.may_tell(ix, self.picture.now, &self.picture.timing)
        {
            let (to, member) = (self.picture.bound(ix), self.picture.life(ix));
            let say = |delta| Frame::Record { group: group.clone(), delta };
            if !from_owner {
                self.out.say_frame(to, say(delta.clone()));
            }
            if let Some(past) = past {
                // If another has made up that nothing is left, its owner puts itself above that.
                self.out.say_frame(to, say(past));
            } else {
                let want = Frame::Want { group: group.clone(), member, since: 0 };
                self.out.say_frame(to, want);
            }
        }
        true
    }

    /// A copy of this node's own record: if it is wrong, this node corrects it.
    fn on_record_of_mine(&mut self, from: Ix, group: &GroupName, delta: &RecordDelta) {
        if delta.epoch > self.picture.me().epoch {
            self.membership.renewal.claimed(&self.picture, &mut self.out, delta.epoch);
            return;
        }
        let mut changes = Changes::default();
        let applied = self.picture.topology.apply(group, delta, &mut changes);
        if applied == Ok(Applied::Claim) {
            self.out.stats.refutations += 1;
            let mut answered = Vec::new();
            self.picture.topology.defend_into(&mut changes, |group| answered.push(group.clone()));
            for group in answered {
                self.picture.tell_all_written(&mut self.out, &group, 0);
                self.repair.tombstones.note_empty(&self.picture, &mut self.out, &group);
            }
            if let Some(epoch) = self.picture.topology.claimed_epoch() {
                self.membership.renewal.claimed(&self.picture, &mut self.out, epoch);
            }
        } else if let Ok(Applied::Known { have }) = applied {
            self.tell_removed(from, group, Ix::ME, have, delta);
        } else if let Ok(Applied::Stale { .. }) = applied
            && self.picture.peers.may_tell(from, self.picture.now, &self.picture.timing)
        {
            let claim = self.picture.claim(Ix::ME);
            self.out.say_frame(self.picture.bound(from), Frame::Claim(claim));
        }
        self.out.publish(changes);
    }
}
