//! False claims about this node: others hold something in its name that it has not said.
//!
//! A node never takes over a record of its own, so such a claim cannot change what it says. It may
//! have changed what others hold, though. A write with a higher clock corrects them: its floor
//! makes them replace the whole record.

use alloc::vec::Vec;

use super::Topology;
use super::change::Changes;
use super::item::{Op, RecordDelta, Write};
use super::merge::Applied;
use super::record::Record;
use crate::base::{Epoch, GroupName, Ix};
use crate::topology::limits::{CLOCK_STEP, GroupError};

/// The highest clock that a node puts above a claimed one. What is left beyond it no embedder uses up in one
/// life.
const LAST_ANSWER: u64 = CLOCK_STEP / 2;

/// The claims that have not been answered yet.
#[derive(Clone, Hash)]
pub(super) struct FalseClaims {
    /// The highest clock claimed, by group.
    clocks: Vec<(GroupName, u64)>,
    epoch: Option<Epoch>,
    limit: usize,
}

impl FalseClaims {
    pub(super) const fn new(limit: usize) -> Self {
        Self { clocks: Vec::new(), epoch: None, limit }
    }

    pub(super) const fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
    }

    /// Remembers that somebody has claimed a life of this node that it has not begun.
    pub(super) fn hear_epoch(&mut self, epoch: Epoch) {
        self.epoch = self.epoch.max(Some(epoch));
    }

    /// Remembers a claimed clock. If too many groups are concerned the claim is dropped, to be
    /// heard again later.
    fn hear_clock(&mut self, group: &GroupName, clock: u64) {
        if let Some((_, claimed)) = self.clocks.iter_mut().find(|(name, _)| name == group) {
            *claimed = clock.max(*claimed);
        } else if self.clocks.len() < self.limit {
            self.clocks.push((group.clone(), clock));
        }
    }
}

impl Topology {
    /// Answers the claims about this node that [`merge`](Self::merge) has met: each record
    /// concerned gets a clock above the claimed one, and what it says becomes the whole truth for
    /// all who merge it. Tombstones are dropped on the way.
    ///
    /// A claim to a later life, or to a clock so high that too few would be left above it, is not
    /// answered here: see [`claimed_epoch`](Self::claimed_epoch).
    pub fn defend(&mut self) -> Changes {
        let mut changes = Changes::default();
        self.defend_into(&mut changes, |_| {});
        changes
    }

    /// The epoch above which this node has to [`renew`](Self::renew) itself in order to be
    /// believed, if somebody has claimed a later life of it or has used up the clock of one of its
    /// records.
    #[must_use]
    pub fn claimed_epoch(&self) -> Option<Epoch> {
        self.claims.epoch
    }

    /// The latest epoch that is believed of anybody; see [`Epoch::horizon`].
    #[must_use]
    pub const fn horizon(&self) -> Epoch {
        self.horizon
    }

    /// Moves the horizon, as time does; it begins at that of this node's first epoch.
    pub const fn set_horizon(&mut self, horizon: Epoch) {
        self.horizon = horizon;
    }

    /// Starts a new life: what this node serves and joins is written anew in the epoch, with
    /// clocks from 1. Tombstones are dropped, since nobody believes the old life any more.
    ///
    /// # Errors
    ///
    /// [`GroupError::EpochTooLow`] if the epoch is not above the current and all claimed ones;
    /// nothing has changed.
    pub fn renew(&mut self, epoch: Epoch) -> Result<Changes, GroupError> {
        let above = self.claims.epoch.max(Some(self.roster.epoch(Ix::ME))).unwrap_or_default();
        if epoch <= above {
            return Err(GroupError::EpochTooLow { above });
        }
        let mut changes = Changes::default();
        let records = self.remove_records(Ix::ME, &mut changes);
        self.given_up.forget(Ix::ME);
        self.retracted.clear();
        self.roster.set_epoch(Ix::ME, epoch);
        self.claims = FalseClaims::new(self.limits.claims);
        for record in records {
            let mut writes = record.writes;
            writes.retain(|write| write.op != Op::Remove);
            writes.sort_unstable_by_key(|write| write.clock);
            if writes.is_empty() {
                continue;
            }
            let slot = self.group_slot(&record.group);
            self.amend(slot, Ix::ME, &mut changes, |body, note| {
                for (clock, write) in (1..).zip(writes) {
                    body.put(Write { clock, ..write }, note);
                }
            });
        }
        Ok(changes)
    }

    /// As [`defend`](Self::defend); calls `answered` with each group that has something new to
    /// send.
    pub(crate) fn defend_into(
        &mut self,
        changes: &mut Changes,
        mut answered: impl FnMut(&GroupName),
    ) {
        for (name, claimed) in core::mem::take(&mut self.claims.clocks) {
            let own = self.clock_of(&name, Ix::ME).unwrap_or_else(|| self.given_up.highest(Ix::ME));
            let clock = claimed.max(own).saturating_add(1);
            let is_new = self.groups.find(&name).is_none();
            if clock > LAST_ANSWER || is_new && !self.make_room_for_group(changes) {
                let epoch = self.roster.epoch(Ix::ME);
                self.claims.hear_epoch(epoch);
                continue;
            }
            let slot = self.group_slot(&name);
            self.amend(slot, Ix::ME, changes, |body, note| {
                body.clock = clock;
                body.collect(clock, note);
            });
            answered(&name);
        }
    }

    /// Whether a delta and the copy of a record that is held say different things under one clock. What
    /// has been removed does not count: each side drops that when it likes.
    pub(crate) fn contradicts_copy(
        &self,
        name: &GroupName,
        member: Ix,
        delta: &RecordDelta,
    ) -> bool {
        let record = self.groups.by_name(name).and_then(|group| group.record(member));
        let Some(record) = record.filter(|record| record.clock() == delta.target) else {
            return false;
        };
        let live = |write: &Write| write.op != Op::Remove;
        let within = |write: &Write| delta.since < write.clock && write.clock <= delta.clock;
        let held = record.writes().filter(|write| live(write) && within(write)).count();
        let mut said = delta.writes.iter().filter(|write| live(write));
        said.clone().count() != held || said.any(|write| record.get(write.range) != Some(*write))
    }

    /// Compares a record in this node's name with what the node has said, and remembers the claim
    /// if they differ.
    pub(super) fn weigh_claim(&mut self, name: &GroupName, delta: &RecordDelta) -> Applied {
        if delta.epoch > self.roster.epoch(Ix::ME) {
            self.claims.hear_epoch(delta.epoch);
            return Applied::Claim;
        }
        let record = self.groups.by_name(name).and_then(|group| group.record(Ix::ME));
        let have = record.map_or_else(|| self.given_up.highest(Ix::ME), Record::clock);
        if delta.target > have {
            self.claims.hear_clock(name, delta.target);
            return Applied::Claim;
        }
        if record.is_none() && delta.writes.iter().any(|write| write.op != Op::Remove) {
            // Somebody still has what was removed long ago.
            self.claims.hear_clock(name, have);
            return Applied::Claim;
        }
        // A copy below the floor is replaced as a whole anyway.
        let lasting = record.filter(|record| delta.target >= record.floor());
        if lasting.is_some_and(|record| contradicts(record, delta)) {
            self.claims.hear_clock(name, have);
            return Applied::Claim;
        }
        Applied::Known { have }
    }
}

/// Whether a delta at or below the clock of a record cannot have been cut from it.
fn contradicts(record: &Record, delta: &RecordDelta) -> bool {
    let is_current = delta.target == record.clock();
    let altered = delta.writes.iter().any(|said| match record.get(said.range) {
        Some(write) if write.clock == said.clock => write != *said,
        Some(write) => is_current || write.clock < said.clock,
        // It can have been removed, and that collected, unless it is too young.
        None if said.op == Op::Remove => is_current || said.clock > record.floor(),
        None => is_current || said.clock >= record.floor(),
    });
    // A copy may have given up tombstones for want of room, and says so by its floor.
    let told = record.writes().filter(|w| {
        let kept = w.op != Op::Remove || w.clock > delta.floor;
        kept && delta.since < w.clock && w.clock <= delta.clock
    });
    altered || is_current && told.count() != delta.writes.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::NodeId;
    use crate::topology::{Changes, GroupRecords, KeyRange};
    use alloc::boxed::Box;

    fn id(port: u16) -> NodeId {
        NodeId::from_bits(port.into())
    }

    fn name() -> GroupName {
        GroupName::try_from("g").unwrap()
    }

    /// A node that serves one range, and one that a liar has told of another at `clock`.
    fn slandered(clock: u64) -> (Topology, Topology) {
        let mut owner = Topology::new(id(1), Epoch(5));
        owner.add_item(&name(), KeyRange::between(1, 2), 80).unwrap();
        let write = Write { range: KeyRange::between(5, 6), op: Op::Add, port: 666, clock };
        let (member, epoch, writes) = (id(1), Epoch(5), Box::new([write]));
        let lie = RecordDelta { member, epoch, since: 0, floor: 0, clock, target: clock, writes };
        let mut holder = Topology::new(id(2), Epoch(1));
        let records = GroupRecords { records: alloc::vec![lie] };
        assert_eq!(holder.merge(&name(), &records).len(), 2, "an item and its owner");
        assert!(owner.merge(&name(), &records).is_empty());
        (owner, holder)
    }

    fn send(from: &Topology, to: &mut Topology) -> Changes {
        to.merge(&name(), &from.export(&name()).unwrap())
    }

    #[test]
    fn a_claimed_clock_is_topped_and_the_false_item_goes() {
        for clock in [1, 2, 100, LAST_ANSWER - 1] {
            let (mut owner, mut holder) = slandered(clock);
            owner.defend();
            assert_eq!(owner.claimed_epoch(), None);
            assert_eq!(owner.clock_of(&name(), Ix::ME), Some(clock + 1));
            send(&owner, &mut holder);
            assert!(holder.topology(&name()).eq(owner.topology(&name())), "clock {clock}");
            assert!(owner.defend().is_empty());
            assert_eq!(owner.clock_of(&name(), Ix::ME), Some(clock + 1), "answered once");
        }
    }

    #[test]
    fn a_delta_since_the_false_clock_replaces_the_false_copy() {
        let (mut owner, mut holder) = slandered(7);
        owner.defend();
        owner.add_item(&name(), KeyRange::between(8, 9), 80).unwrap();
        let delta = owner.delta(&name(), id(1), 7).unwrap();
        assert_eq!(delta.since, 0);
        holder.merge(&name(), &GroupRecords { records: alloc::vec![delta] });
        assert!(holder.topology(&name()).eq(owner.topology(&name())));
    }

    /// Otherwise the last clock that others believe would be used up, and the owner could write nothing more.
    #[test]
    fn a_clock_that_leaves_too_few_above_it_takes_a_new_life() {
        for clock in [LAST_ANSWER, CLOCK_STEP - 1, CLOCK_STEP] {
            let (mut owner, mut holder) = slandered(clock);
            owner.defend();
            assert_eq!(owner.claimed_epoch(), Some(Epoch(5)));
            let too_low = owner.renew(Epoch(5)).map(|changes| changes.len());
            assert_eq!(too_low, Err(GroupError::EpochTooLow { above: Epoch(5) }));
            owner.renew(Epoch(6)).unwrap();
            assert_eq!(owner.claimed_epoch(), None);
            send(&owner, &mut holder);
            assert!(holder.topology(&name()).eq(owner.topology(&name())));
            assert_eq!(owner.clock_of(&name(), Ix::ME), Some(1));
            owner.add_item(&name(), KeyRange::between(8, 9), 80).unwrap();
        }
    }

    #[test]
    fn a_claimed_life_is_reported_and_never_taken_over() {
        let mut owner = Topology::new(id(1), Epoch(5));
        owner.join(&name()).unwrap();
        let mut other = Topology::new(id(1), Epoch(9));
        other.add_item(&name(), KeyRange::between(5, 6), 666).unwrap();
        assert!(send(&other, &mut owner).is_empty());
        assert_eq!(owner.claimed_epoch(), Some(Epoch(9)));
        assert!(owner.defend().is_empty());
        assert!(owner.renew(Epoch(9)).is_err());
        owner.renew(Epoch(10)).unwrap();
        send(&owner, &mut other);
        assert_eq!(other.claimed_epoch(), Some(Epoch(10)));
    }

    #[test]
    fn what_was_really_said_is_no_claim() {
        let mut owner = Topology::new(id(1), Epoch(5));
        let mut past = Vec::new();
        for step in 0..40u32 {
            let range = KeyRange::between(step % 5, 9);
            match step % 4 {
                0 | 1 => drop(owner.add_item(&name(), range, step as u16).unwrap()),
                2 => drop(owner.remove_item(&name(), range, 1).unwrap()),
                _ => drop(owner.collect(&name(), u64::from(step) - 3).unwrap()),
            }
            past.extend((0..3).filter_map(|back| {
                let clock = owner.clock_of(&name(), Ix::ME).unwrap_or(0);
                owner.delta(&name(), id(1), clock.saturating_sub(back * 4))
            }));
            past.push(owner.delta(&name(), id(1), 0).unwrap());
        }
        let mut holder = Topology::new(id(2), Epoch(1));
        for delta in &past {
            holder.merge(&name(), &GroupRecords { records: alloc::vec![delta.clone()] });
            let ix = holder.roster.find(id(1)).unwrap();
            for other in &past {
                assert!(!holder.contradicts_copy(&name(), ix, other), "{other:?}");
            }
        }
        owner.leave(&name()).unwrap();
        for delta in past {
            let have = owner.clock_of(&name(), Ix::ME).unwrap();
            assert_eq!(owner.weigh_claim(&name(), &delta), Applied::Known { have }, "{delta:?}");
        }
    }

    #[test]
    fn a_new_life_keeps_what_is_served_and_drops_tombstones() {
        let mut owner = Topology::new(id(1), Epoch(5));
        owner.join(&name()).unwrap();
        owner.add_item(&name(), KeyRange::between(5, 6), 1).unwrap();
        owner.add_item(&name(), KeyRange::between(1, 2), 1).unwrap();
        owner.remove_item(&name(), KeyRange::between(1, 2), 1).unwrap();
        let left = GroupName::try_from("left").unwrap();
        owner.leave(&left).unwrap();
        owner.renew(Epoch(6)).unwrap();
        let items: Vec<_> = owner.topology(&name()).collect();
        let clocks: Vec<_> = items.iter().map(|t| (t.item.op, t.clock)).collect();
        assert_eq!(clocks, [(Op::Get, 1), (Op::Add, 2)]);
        assert!(items.iter().all(|timed| timed.epoch == Epoch(6)));
        assert_eq!(owner.groups().count(), 1);
    }
}
