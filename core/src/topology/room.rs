//! What gives way when a limit is reached: records that do not count in the root, which each node
//! keeps for as long as it has room. First go the records of nodes that are gone, then those in
//! which nothing is left but tombstones; of each kind, first those of groups that have not changed
//! for longest.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::Topology;
use super::change::Changes;
use super::groups::Slot;
use super::item::RecordDelta;
use super::record::Record;
use crate::base::{GroupName, Ix, Life};
use crate::mutants::mutated;

/// One in this many of all records that could be given up goes at once, so that the search for them
/// is worth its while.
const SHARE: usize = 32;

/// The most of its own records that a node gives up and tells the others of; the others give up the
/// rest after a while.
const RETRACTED: usize = 1024;

impl Topology {
    /// Whether there is room for one more group, or room can be made.
    pub(super) fn make_room_for_group(&mut self, changes: &mut Changes) -> bool {
        if !self.groups.is_full() || mutated!(self, DeadFirst) {
            return !self.groups.is_full();
        }
        // Where nothing has changed since, a second search finds no more than the first.
        if self.void_items == 0 || self.barren == self.edits {
            return false;
        }
        let mut void: Vec<(bool, u64, Slot)> = Vec::new();
        for slot in self.groups.slots() {
            let group = self.groups.get(slot);
            if group.counted == 0 {
                let living =
                    group.records().iter().any(|record| !self.roster.is_retired(record.member()));
                void.push((living, group.version, slot));
            }
        }
        let excess = self.groups.excess();
        if void.len() < excess {
            self.barren = self.edits;
            return false;
        }
        void.sort_unstable_by_key(|(living, version, _)| (*living, *version));
        for (.., slot) in void.iter().take((void.len() / SHARE).max(excess)) {
            let records = self.groups.get(*slot).records();
            let members: Vec<Ix> = records.iter().map(|record| record.member()).collect();
            for ix in members {
                self.give_up_record(*slot, ix, changes);
            }
        }
        !self.groups.is_full()
    }

    /// Whether there is room for more items, or room can be made without the record that they are for.
    pub(super) fn make_room_for_items(
        &mut self,
        added: usize,
        (name, owner): (&GroupName, Option<Ix>),
        changes: &mut Changes,
    ) -> bool {
        let excess = (self.items + added).saturating_sub(self.limits.items);
        if excess == 0 || !self.could_free(excess, name, owner) || mutated!(self, DeadFirst) {
            return excess == 0;
        }
        let mut void: Vec<(bool, u64, Slot, Ix, usize)> = Vec::new();
        for slot in self.groups.slots() {
            let group = self.groups.get(slot);
            for record in group.records() {
                let (ix, len) = (record.member(), record.len());
                let living = !self.roster.is_retired(ix);
                let spared = Some(ix) == owner && group.name == *name;
                if len > 0 && !spared && !(living && record.is_live()) {
                    void.push((living, group.version, slot, ix, len));
                }
            }
        }
        void.sort_unstable_by_key(|(living, version, ..)| (*living, *version));
        let (enough, mut freed) = (excess.max(self.void_items / SHARE), 0);
        for (_, _, slot, ix, len) in void {
            if freed >= enough {
                break;
            }
            self.give_up_record(slot, ix, changes);
            freed += len;
        }
        freed >= excess
    }

    /// Whether there would be room for more items if everything that may go were given up, except
    /// one record.
    pub(super) fn could_free(&self, items: usize, name: &GroupName, owner: Option<Ix>) -> bool {
        let spared = self.groups.by_name(name).zip(owner).and_then(|(group, ix)| {
            let living = !self.roster.is_retired(ix);
            group.record(ix).filter(|record| !(living && record.is_live()))
        });
        self.void_items - spared.map_or(0, |record| record.len()) >= items
    }

    /// Drops the tombstones of a record that is full of them: its floor is its clock from here on, so
    /// a copy that is behind gets all of it. An owner's next write tells the others of the floor.
    pub(super) fn thin(&mut self, name: &GroupName, ix: Ix, changes: &mut Changes) {
        let Some(slot) = self.groups.find(name) else { return };
        if self.groups.get(slot).record(ix).is_some_and(Record::has_tombstones) {
            self.amend(slot, ix, changes, |body, note| body.collect(body.clock, note));
        }
    }

    /// Forgets a record in which there is nothing, not even a tombstone.
    pub(crate) fn drop_empty(&mut self, name: &GroupName, ix: Ix) {
        if let Some(slot) = self.groups.find(name)
            && self.groups.get(slot).record(ix).is_some_and(|record| record.len() == 0)
        {
            self.give_up_record(slot, ix, &mut Changes::default());
        }
    }

    /// Whether a copy of a record that is not held is known to be from before the record was given
    /// up.
    pub(crate) fn is_given_up(&self, name: &GroupName, ix: Ix, clock: u64) -> bool {
        self.given_up.covers(self.key.group(name), ix, clock)
    }

    /// What is known of such a record: nothing is left in it, up to a clock.
    pub(crate) fn as_given_up(&self, name: &GroupName, ix: Ix) -> Option<RecordDelta> {
        let clock = self.given_up.clock(self.key.group(name), ix)?;
        let Life { id: member, epoch } = self.roster.life(ix);
        let writes = Box::default();
        Some(RecordDelta { member, epoch, since: 0, floor: clock, clock, target: clock, writes })
    }

    /// Whether it may be from before then.
    pub(crate) fn may_be_given_up(&self, ix: Ix, clock: u64) -> bool {
        clock <= self.given_up.faded(ix)
    }

    /// Remembers that up to a clock a node has nothing but tombstones in a group.
    pub(crate) fn note_given_up(&mut self, name: &GroupName, ix: Ix, clock: u64) {
        self.given_up.note(self.key.group(name), ix, clock);
    }

    /// Forgets a record that does not count.
    fn give_up_record(&mut self, slot: Slot, ix: Ix, changes: &mut Changes) {
        let writer = self.writer(ix);
        let group = self.groups.get_mut(slot);
        let Some(record) = group.remove(writer, changes) else { return };
        debug_assert!(self.roster.is_retired(ix) || !record.is_live());
        self.edits += 1;
        group.version = self.edits;
        self.items -= record.len();
        self.void_items -= record.len();
        self.records_of[ix.index()] -= 1;
        let name = self.groups.get(slot).name.clone();
        self.groups.drop_if_empty(slot);
        if ix == Ix::ME && record.len() > 0 && self.retracted.len() < RETRACTED {
            self.note_given_up(&name, ix, record.clock() + 1);
            self.retracted.push((name, record.clock() + 1));
        } else if !record.is_live() {
            self.note_given_up(&name, ix, record.clock());
        }
    }

    /// Gives up what other living nodes have removed, in groups that no longer have members and in
    /// which nothing has changed since the edit of this number.
    pub(crate) fn give_up_stale(&mut self, edits: u64, changes: &mut Changes) {
        for slot in self.groups.slots() {
            let group = self.groups.get(slot);
            if group.counted > 0 || group.version > edits {
                continue;
            }
            let members = group.records().iter().map(|record| record.member());
            let living = members.filter(|&ix| ix != Ix::ME && !self.roster.is_retired(ix));
            for ix in living.collect::<Vec<Ix>>() {
                self.give_up_record(slot, ix, changes);
            }
        }
    }

    /// How often a record has been changed so far; `None` if all that is held counts.
    pub(crate) fn edits_if_void(&self) -> Option<u64> {
        (self.void_items > 0).then_some(self.edits)
    }

    /// What to tell others of this node's own records that were given up: that nothing is left in
    /// them.
    pub(crate) fn take_retracted(&mut self) -> Vec<(GroupName, RecordDelta)> {
        let Life { id: member, epoch } = self.roster.life(Ix::ME);
        let empty = |clock| {
            let (floor, target, writes) = (clock, clock, Box::default());
            RecordDelta { member, epoch, since: 0, floor, clock, target, writes }
        };
        let retracted = core::mem::take(&mut self.retracted).into_iter();
        retracted.map(|(name, clock)| (name, empty(clock))).collect()
    }
}
