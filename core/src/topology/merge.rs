//! The join of two pictures: records of others, taken over in the order of their writes.
//!
//! A record's content is a function of (epoch, clock), and a copy only moves up in that order:
//! a higher epoch voids the record, in one epoch writes are applied without a gap. So merging is
//! commutative, associative and idempotent.

use alloc::vec::Vec;

use super::change::Changes;
use super::group::{Amended, Group};
use super::item::{GroupRecords, KeyRange, Op, RecordDelta, Write};
use super::limits::{CLOCK_STEP, MergeError};
use super::query::record_print;
use super::stage::Stage;
use super::{Topology, groups::Slot};
use crate::base::{Epoch, GroupName, Ix, Life, NodeId};
use crate::mutants::mutated;
use crate::reconcile::Subject;
use crate::topology::roster::RosterFull;

/// What became of a delta that was not refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Applied {
    /// The record has moved on from this clock (0: it is new).
    Advanced { from: u64 },
    /// Nothing new; the copy held is at this clock, which is not below the delta's.
    Known { have: u64 },
    /// A piece, kept aside up to this clock until those that follow are there.
    Staged { have: u64 },
    /// Writes after this clock are missing in between; nothing was applied.
    Gap { have: u64 },
    /// The member is known in this life, which is later; nothing was applied.
    Stale { epoch: Epoch },
    /// It is in this node's name, and says what this node has not said: see [`Topology::defend`].
    Claim,
}

impl Topology {
    /// Merges the records of a group, as a peer has [exported](Self::export) them: the pure join.
    ///
    /// Records that are older than what is held change nothing. Those that cannot be taken over
    /// change nothing either and are listed in [`Changes::refused`]. What they claim about this
    /// node itself is not believed but remembered for [`defend`](Self::defend).
    pub fn merge(&mut self, group: &GroupName, records: &GroupRecords) -> Changes {
        let mut changes = Changes::default();
        for delta in &records.records {
            match self.apply(group, delta, &mut changes) {
                Ok(Applied::Gap { have }) => changes.refuse(delta.member, MergeError::Gap { have }),
                Ok(_) => {}
                Err(reason) => changes.refuse(delta.member, reason),
            }
        }
        changes
    }

    /// Learns of a node's life: what the node said in lower epochs is void from then on.
    ///
    /// # Errors
    ///
    /// [`MergeError::TooManyMembers`] and [`MergeError::ImplausibleEpoch`]; nothing has changed.
    pub fn hear(&mut self, life: Life) -> Result<Changes, MergeError> {
        let mut changes = Changes::default();
        self.check_epoch(life.epoch)?;
        let ix = self.intern(life)?;
        self.raise_epoch(ix, life.epoch, &mut changes);
        Ok(changes)
    }

    /// Forgets a node that is gone for good, and all that it said. If a copy of its records comes
    /// back, it is merged like any other. The node itself cannot be forgotten.
    pub fn forget(&mut self, member: NodeId) -> Changes {
        let mut changes = Changes::default();
        if let Some(ix) = self.roster.find(member) {
            self.delete(ix, &mut changes);
        }
        changes
    }

    /// The index of a node, which is added in this epoch if it is new.
    pub(crate) fn intern(&mut self, life: Life) -> Result<Ix, RosterFull> {
        let ix = self.roster.intern(life.id, life.epoch)?;
        while self.records_of.len() < self.roster.slots() {
            crate::base::growth::push(&mut self.records_of, 0);
        }
        Ok(ix)
    }

    /// Applies one delta. See [`MergeError`] for what is left of one that is refused.
    pub(crate) fn apply(
        &mut self,
        name: &GroupName,
        delta: &RecordDelta,
        changes: &mut Changes,
    ) -> Result<Applied, MergeError> {
        if !is_well_formed(delta) {
            return Err(MergeError::Malformed);
        }
        self.check_epoch(delta.epoch)?;
        let known = self.roster.find(delta.member);
        if let Some(ix) = known {
            let epoch = self.roster.epoch(ix);
            if delta.epoch < epoch {
                return Ok(Applied::Stale { epoch });
            }
            if ix == Ix::ME {
                return Ok(self.weigh_claim(name, delta));
            }
            self.raise_epoch(ix, delta.epoch, changes);
        }
        let have = known.and_then(|ix| self.clock_of(name, ix)).unwrap_or(0);
        if delta.target <= have {
            return Ok(Applied::Known { have });
        }
        if delta.target - have > CLOCK_STEP {
            return Err(MergeError::ClockJump);
        }
        let fits = delta.since <= have || mutated!(self, GapApplied);
        let starts = fits && (delta.since == 0 || delta.floor <= delta.since);
        let staged = self.stages.get(name, delta.member);
        if starts && delta.is_last() {
            let content = Content::from(delta);
            self.commit(name, delta.member, delta.epoch, &content, changes)?;
            self.stages.take(name, delta.member);
            return Ok(Applied::Advanced { from: have });
        }
        let stage = if staged.is_some_and(|stage| stage.is_continued_by(delta)) {
            let len = staged.map_or(0, |stage| stage.len_with(delta));
            self.check_len(len)?;
            let mut stage = self.stages.take(name, delta.member).expect("was just seen");
            stage.extend(delta);
            stage
        } else if starts {
            self.check_len(delta.writes.len())?;
            self.stages.take(name, delta.member);
            Stage::new(name, delta)
        } else {
            let have =
                staged.filter(|stage| stage.target >= delta.target).map_or(have, |s| s.clock);
            return Ok(Applied::Gap { have });
        };
        if stage.clock < stage.target {
            let have = stage.clock;
            self.stages.put(stage);
            return Ok(Applied::Staged { have });
        }
        self.commit(name, delta.member, delta.epoch, &Content::from(&stage), changes)?;
        Ok(Applied::Advanced { from: have })
    }

    /// Voids what a node said before `epoch`, if that is later than what was known.
    pub(crate) fn raise_epoch(&mut self, ix: Ix, epoch: Epoch, changes: &mut Changes) {
        if epoch <= self.roster.epoch(ix) {
            return;
        }
        if ix == Ix::ME {
            self.claims.hear_epoch(epoch);
            return;
        }
        self.stages.void(self.roster.id(ix), epoch);
        self.remove_records(ix, changes);
        self.given_up.forget(ix);
        self.roster.set_epoch(ix, epoch);
    }

    /// Takes a node's records out of the root and of what is passed on, because it is gone. They are
    /// still listed.
    pub(crate) fn retire(&mut self, ix: Ix) {
        if !self.roster.is_retired(ix) {
            self.count_records(ix, false);
            self.roster.set_retired(ix, true);
        }
    }

    /// Undoes [`retire`](Self::retire).
    pub(crate) fn revive(&mut self, ix: Ix) {
        if self.roster.is_retired(ix) {
            self.roster.set_retired(ix, false);
            self.count_records(ix, true);
        }
    }

    /// As [`forget`](Self::forget), by index; the index may be given to another node from then on.
    pub(crate) fn delete(&mut self, ix: Ix, changes: &mut Changes) {
        if ix == Ix::ME {
            return;
        }
        self.stages.forget(self.roster.id(ix));
        self.remove_records(ix, changes);
        self.given_up.forget(ix);
        self.roster.remove(ix);
    }

    /// Removes all records of a member.
    pub(super) fn remove_records(&mut self, ix: Ix, changes: &mut Changes) -> Vec<Removed> {
        let mut removed = Vec::new();
        if self.records_of[ix.index()] == 0 {
            return removed;
        }
        let (life, writer) = (self.roster.life(ix), self.writer(ix));
        for slot in self.groups.slots() {
            let group = self.groups.get_mut(slot);
            let Some(record) = group.remove(writer, changes) else { continue };
            self.edits += 1;
            group.version = self.edits;
            self.items -= record.len();
            self.records_of[ix.index()] -= 1;
            if !self.roster.is_retired(ix) && record.is_live() {
                group.counted -= 1;
                let print = record_print(self.key, group.digest, life, record.version());
                let position = self.key.record_position(group.digest, life.id);
                self.root.subtract(print, || (position, Subject::Record(group.name.clone(), ix)));
            } else {
                self.void_items -= record.len();
            }
            if ix == Ix::ME {
                removed
                    .push(Removed { group: group.name.clone(), writes: record.writes().collect() });
            }
            self.groups.drop_if_empty(slot);
            if self.records_of[ix.index()] == 0 {
                break;
            }
        }
        removed
    }

    /// Writes `content` over what is held of a record, which is older.
    fn commit(
        &mut self,
        name: &GroupName,
        member: NodeId,
        epoch: Epoch,
        content: &Content<'_>,
        changes: &mut Changes,
    ) -> Result<(), MergeError> {
        if self.groups.find(name).is_none() && !self.make_room_for_group(changes) {
            return Err(MergeError::TooManyGroups { limit: self.groups.limit() });
        }
        let known = self.roster.find(member);
        let (mut held, mut added) = self.growth_by(name, known, content);
        if held + added > self.limits.items_per_record
            && let Some(ix) = known
        {
            // What the owner has removed, so that there is room for what it serves.
            self.thin(name, ix, changes);
            (held, added) = self.growth_by(name, known, content);
        }
        self.check_len(held + added)?;
        if !self.make_room_for_items(added, (name, known), changes) {
            return Err(MergeError::TopologyFull { limit: self.limits.items });
        }
        let ix = self.intern(Life { id: member, epoch })?;
        let slot = self.group_slot(name);
        let &Content { clock, floor, writes, whole } = content;
        let whole = whole && !mutated!(self, FloorIgnored);
        self.amend(slot, ix, changes, |body, note| {
            if whole {
                body.replace(clock, floor, writes, note);
            } else {
                body.advance(clock, floor, writes, note);
            }
        });
        Ok(())
    }

    /// How many items are held of a record, and how many more there would be with `content`.
    fn growth_by(&self, name: &GroupName, ix: Option<Ix>, content: &Content<'_>) -> (usize, usize) {
        let held = self.groups.find(name).zip(ix);
        let record = held.and_then(|(slot, ix)| self.groups.get(slot).record(ix));
        let held = record.map_or(0, |record| record.len());
        let added = match record {
            Some(record) if !content.whole => {
                let have = record.clock();
                let new = content.writes.iter().filter(|write| write.clock > have);
                new.filter(|write| record.get(write.range).is_none()).count()
            }
            _ => content.writes.len().saturating_sub(held),
        };
        (held, added)
    }

    /// Changes a record, or makes it, and keeps root and counts in step.
    pub(super) fn amend(
        &mut self,
        slot: Slot,
        ix: Ix,
        changes: &mut Changes,
        edit: impl FnOnce(&mut super::record::Body, super::record::Note<'_>),
    ) -> Amended {
        let (life, writer) = (self.roster.life(ix), self.writer(ix));
        let group = self.groups.get_mut(slot);
        let amended = group.amend(writer, changes, edit);
        self.edits += 1;
        group.version = self.edits;
        let digest = group.digest;
        self.items = self.items + amended.items_after - amended.items_before;
        let living = !self.roster.is_retired(ix);
        let print = |version| record_print(self.key, digest, life, version);
        let position = || self.key.record_position(digest, life.id);
        let what = |group: &Group| (position(), Subject::Record(group.name.clone(), ix));
        if let Some(before) = amended.before.filter(|_| living && amended.was_live) {
            group.counted -= 1;
            self.root.subtract(print(before), || what(group));
        } else {
            self.void_items -= amended.items_before;
        }
        if living && amended.is_live {
            group.counted += 1;
            self.root.add(print(amended.after), || what(group));
        } else {
            self.void_items += amended.items_after;
        }
        if amended.before.is_none() {
            self.records_of[ix.index()] += 1;
        }
        amended
    }

    /// The slot of a group, which is added if it is new; the limit has been checked.
    pub(super) fn group_slot(&mut self, name: &GroupName) -> Slot {
        let key = self.key;
        self.groups.intern(name, || Group::new(name.clone(), key.group(name)))
    }

    /// Adds the fingerprints of a member's records to the root, or takes them out of it.
    fn count_records(&mut self, ix: Ix, counts: bool) {
        if self.records_of[ix.index()] == 0 {
            return;
        }
        self.edits += 1;
        let life = self.roster.life(ix);
        for group in self.groups.iter_mut() {
            let live = group.record(ix).filter(|record| record.is_live());
            let Some((version, len)) = live.map(|record| (record.version(), record.len())) else {
                continue;
            };
            let print = record_print(self.key, group.digest, life, version);
            let position = || self.key.record_position(group.digest, life.id);
            let name = &group.name;
            let what = || (position(), Subject::Record(name.clone(), ix));
            if counts {
                self.root.add(print, what);
                group.counted += 1;
                self.void_items -= len;
            } else {
                self.root.subtract(print, what);
                group.counted -= 1;
                self.void_items += len;
            }
        }
    }

    fn check_epoch(&self, epoch: Epoch) -> Result<(), MergeError> {
        let latest = self.horizon;
        if epoch > latest { Err(MergeError::ImplausibleEpoch { latest }) } else { Ok(()) }
    }

    const fn check_len(&self, len: usize) -> Result<(), MergeError> {
        let limit = self.limits.items_per_record;
        if len > limit { Err(MergeError::TooManyItems { limit }) } else { Ok(()) }
    }
}

/// An own record that was removed for another life.
pub(super) struct Removed {
    pub(super) group: GroupName,
    pub(super) writes: Vec<Write>,
}

/// What a record becomes.
struct Content<'a> {
    clock: u64,
    floor: u64,
    writes: &'a [Write],
    /// Whether the writes are all there are.
    whole: bool,
}

impl<'a> From<&'a RecordDelta> for Content<'a> {
    fn from(delta: &'a RecordDelta) -> Self {
        let RecordDelta { clock, floor, since, ref writes, .. } = *delta;
        Self { clock, floor, writes, whole: since == 0 }
    }
}

impl<'a> From<&'a Stage> for Content<'a> {
    fn from(stage: &'a Stage) -> Self {
        let Stage { clock, floor, since, ref writes, .. } = *stage;
        Self { clock, floor, writes, whole: since == 0 }
    }
}

/// Whether a delta is one that a record could have been cut into.
fn is_well_formed(delta: &RecordDelta) -> bool {
    let RecordDelta { since, floor, clock, target, ref writes, .. } = *delta;
    let mut last = since;
    for write in writes {
        let collected = write.op == Op::Remove && write.clock <= floor;
        if write.clock <= last || write.clock > clock || collected {
            return false;
        }
        last = write.clock;
    }
    let distinct = writes.len() < 2 || {
        let mut ranges: Vec<KeyRange> = writes.iter().map(|write| write.range).collect();
        ranges.sort_unstable();
        ranges.windows(2).all(|pair| pair[0] != pair[1])
    };
    distinct && 0 < clock && since <= clock && clock <= target && floor <= target
}

#[cfg(test)]
mod tests;
