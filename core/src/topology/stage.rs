//! Deltas in pieces: what has arrived of them is kept aside until the last piece is there.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use super::item::{RecordDelta, Write};
use crate::base::{Epoch, GroupName, NodeId};

/// The first pieces of a delta.
#[derive(Clone, Hash)]
pub(super) struct Stage {
    group: GroupName,
    member: NodeId,
    epoch: Epoch,
    pub(super) since: u64,
    pub(super) floor: u64,
    /// Where the pieces end.
    pub(super) clock: u64,
    pub(super) target: u64,
    pub(super) writes: Vec<Write>,
}

impl Stage {
    /// Keeps a piece that starts a delta.
    pub(super) fn new(group: &GroupName, delta: &RecordDelta) -> Self {
        Self {
            group: group.clone(),
            member: delta.member,
            epoch: delta.epoch,
            since: delta.since,
            floor: delta.floor,
            clock: delta.clock,
            target: delta.target,
            writes: delta.writes.to_vec(),
        }
    }

    /// Whether `delta` goes on where these pieces end, and together they hold every write.
    ///
    /// A piece of the same delta does. So does a later delta from where these pieces end, unless
    /// tombstones above that point have been collected: what they removed would stay.
    pub(super) fn is_continued_by(&self, delta: &RecordDelta) -> bool {
        let same = delta.target == self.target && delta.floor == self.floor;
        let later =
            delta.target >= self.target && self.floor <= delta.floor && delta.floor <= delta.since;
        delta.epoch == self.epoch && delta.since <= self.clock && (same || later)
    }

    /// Takes in a piece that continues.
    pub(super) fn extend(&mut self, delta: &RecordDelta) {
        let have = self.clock;
        self.writes.extend(delta.writes.iter().filter(|write| write.clock > have));
        self.clock = have.max(delta.clock);
        self.target = delta.target;
        self.floor = delta.floor;
    }

    /// How many writes there would be after `delta`.
    pub(super) fn len_with(&self, delta: &RecordDelta) -> usize {
        self.writes.len() + delta.writes.iter().filter(|write| write.clock > self.clock).count()
    }
}

/// The unfinished deltas, oldest first.
#[derive(Clone, Hash)]
pub(super) struct Stages {
    stages: VecDeque<Stage>,
    limit: usize,
}

impl Stages {
    pub(super) const fn new(limit: usize) -> Self {
        Self { stages: VecDeque::new(), limit }
    }

    /// Replaces the limit; beyond a lower one the oldest stages are dropped.
    pub(super) fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
        let excess = self.stages.len().saturating_sub(limit);
        self.stages.drain(..excess);
    }

    /// Takes out the pieces of a record.
    pub(super) fn take(&mut self, group: &GroupName, member: NodeId) -> Option<Stage> {
        let at = self.stages.iter().position(|s| s.member == member && s.group == *group)?;
        self.stages.remove(at)
    }

    pub(super) fn get(&self, group: &GroupName, member: NodeId) -> Option<&Stage> {
        self.stages.iter().find(|stage| stage.member == member && stage.group == *group)
    }

    /// Keeps pieces; beyond the limit the oldest are dropped.
    pub(super) fn put(&mut self, stage: Stage) {
        if self.limit == 0 {
            return;
        }
        if self.stages.len() >= self.limit {
            self.stages.pop_front();
        }
        self.stages.push_back(stage);
    }

    /// Drops what a member said in a life before `epoch`.
    pub(super) fn void(&mut self, member: NodeId, epoch: Epoch) {
        self.stages.retain(|stage| stage.member != member || stage.epoch >= epoch);
    }

    /// Drops all that a member said.
    pub(super) fn forget(&mut self, member: NodeId) {
        self.stages.retain(|stage| stage.member != member);
    }
}
