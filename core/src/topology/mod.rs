//! One node's picture of all groups: their members, and which member serves which keys.
//!
//! # Records
//!
//! All that one **member** has said about one **group** is a **record**: an epoch (which life of
//! the member), a clock that counts its writes, a floor up to which tombstones have been collected,
//! and for each key range the last write to it. Only the member writes it; other nodes copy it.
//! Every write takes the record's next clock, so a clock names one write and (epoch, clock)
//! determines the content. Copies only move up in that order:
//!
//! - A higher epoch voids what the member said before, in all groups.
//! - Within an epoch, a delta "all writes since clock `c`" applies to a copy at `c` or above; any
//!   other leaves a gap and is refused. A delta since 0 is the whole record and replaces the copy.
//! - The owner collects tombstones by a write that raises the floor. A copy whose clock lies below
//!   the floor may hold what those tombstones removed, so it gets the whole record.
//!
//! Hence merging is commutative, associative and idempotent, and a removal cannot be undone by an
//! old copy as long as anybody holds the record. Queries treat a record with nothing left in it as
//! absent, but it keeps its clock and floor for that purpose.
//!
//! A record **counts** in the root while its member lives and there is anything but tombstones in
//! it. The others are a memory of the past: each node keeps it for as long as it has room, and an
//! engine until the tombstones are collected. So that an old copy does no harm, a node keeps the
//! highest clock of what it has given up for each member. A copy at or below that clock, of a
//! record that is not held, is accepted from its owner only, and the owner goes on above that
//! clock. The holder of a copy may also give up tombstones of a record that counts, by a floor of
//! its own.
//!
//! | module | subject |
//! |---|---|
//! | `item` | names, ranges, items, deltas |
//! | `record` | one owner's writes |
//! | `group`, `groups` | the records of a name; the table of names |
//! | `index`, `firsts`, `maxima`, `route` | from a key to its owners |
//! | `coverage`, `shortfall` | which keys have too few owners, now and without some nodes |
//! | `limits` | how much is held, and errors |
//! | `room`, `given_up` | what gives way when a limit is reached, and what is remembered of it |
//! | `merge`, `stage` | others' writes; those that come in pieces |
//! | `owners` | which ranges gain and lose owners when a member goes, returns or drains |
//! | `defence` | what others say that this node has said |
//! | `query` | questions and exports |
//!
//! # Compared with the original
//!
//! The calls mean what they mean in the original GroupManager of 2016. What users may rely on is
//! kept:
//!
//! | behaviour | |
//! |---|---|
//! | `join` lists the full range as `Get`; `members`, `groups` and `my_groups` show it at once | kept |
//! | `add_item` without `join` makes one a member; there is then no `Get` | kept |
//! | the key of an item is (member, start, end); the last write to a key wins, port included | kept |
//! | removal takes exactly the range that was added; overlaps are left as they are | kept |
//! | a full-range `Add` takes the place of the `Get`, and a later `join` that of the `Add` | kept: the key rule without exception; serve two halves to keep both |
//! | removing the full range ends the membership if nothing else is left | kept: follows from the key rule |
//! | `leave` turns all of one's items into tombstones, which stay listed until collected | kept |
//! | leaving a group never joined, or removing an unknown range, is legal and writes a tombstone | kept: the call's meaning does not depend on what has been heard so far |
//! | joining after leaving brings the `Get` back, not the ranges | kept |
//! | a node that is in no group holds all groups all the same | kept |
//! | malformed arguments are refused and change nothing | kept: most cannot be expressed |
//!
//! Changed on purpose:
//!
//! | original | here | reason |
//! |---|---|---|
//! | the first clock is 0 | it is 1 | 0 says "nothing yet" |
//! | `leave` gives tombstones their item's clock + 1 | each takes the record's next clock | "all writes since" must hold every removal |
//! | equal clocks with different content: position decides | cannot arise: an epoch names a life | the order of delivery must not matter |
//! | a restarted node's first writes lose against its own old ones | the higher epoch voids the old ones | a restart must not undo what follows it |
//! | a node takes over what others say about it | it answers with a higher clock or a later life | only the owner writes |
//! | an item whose member differs from its clock's member ends the process | cannot be expressed | input must do no harm |
//! | clocks end at 2³² with a crash | a typed error asks for a new life | same |
//! | groups and tombstones are kept for ever | collected by their owner, forgotten with it, or given up for others that live | bounded memory |
//! | a message without items makes a group known | it does not | a group is what somebody has said |
//! | a node that vanishes stays a member | it is hidden while it is down, then forgotten | it does not serve |

mod change;
mod coverage;
mod defence;
mod firsts;
mod given_up;
mod group;
mod groups;
mod index;
mod item;
mod limits;
mod maxima;
mod merge;
mod owners;
mod query;
mod record;
mod room;
mod roster;
mod route;
mod shortfall;
mod stage;

use alloc::vec::Vec;

pub use change::{Change, Changes, OwnerChange, Refusal};
pub use coverage::{Coverage, Overlap};
pub use item::{GroupRecords, Item, KeyRange, KeyRangeError, Op, RecordDelta, TimedItem, Write};
pub use limits::{DownMembers, GroupError, MergeError, TopologyLimits};
pub(crate) use merge::Applied;
pub use route::{Fence, Server};
pub use shortfall::Shortfall;

use crate::base::{Epoch, GroupName, Ix, Life, NodeId};
use crate::reconcile::{FingerprintKey, Root};
use crate::topology::roster::Roster;
use defence::FalseClaims;
use given_up::GivenUp;
use groups::Groups;
use limits::{CLOCK_EXHAUSTED, CLOCK_STEP};
use record::Record;
use stage::Stages;

/// One node's picture of all groups: the replicated data by itself, without clock or network.
///
/// Two nodes' pictures become equal when the nodes exchange [`export`](Self::export)s and
/// [`merge`](Self::merge) them, in any order and any number of times. An engine does that by
/// itself; this type is for users that move the data in their own way.
///
/// Its hash is one of the whole state, limits and history included, so equal pictures may differ in it.
///
/// ```
/// # use scalesmall_core::{Epoch, GroupName, KeyRange, NodeId, Topology};
/// # let id = NodeId::from_bits;
/// let shards = GroupName::try_from("shards")?;
/// let mut a = Topology::new(id(1), Epoch(1));
/// let mut b = Topology::new(id(2), Epoch(1));
/// a.add_item(&shards, KeyRange::new(0, 999)?, 8080)?;
/// b.merge(&shards, &a.export(&shards).expect("a knows the group"));
/// let owner = b.route(&shards, 7).next().expect("7 is served");
/// assert_eq!((owner.member, owner.port), (id(1), 8080));
/// assert_eq!(b.route(&shards, 1000).next(), None);
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[derive(Clone, Hash)]
pub struct Topology {
    roster: Roster,
    /// How many records each node has, by its index.
    records_of: Vec<u32>,
    groups: Groups,
    key: FingerprintKey,
    /// The sum of the fingerprints of all records that count: records of nodes that are not
    /// retired, with anything but tombstones in them. The others are kept for as long as there is
    /// room.
    root: Root,
    /// Items in all records, tombstones included, and in those that do not count.
    items: usize,
    void_items: usize,
    /// What is remembered of records with nothing but tombstones that were given up.
    given_up: GivenUp,
    /// Own records that were given up, and the clocks that say so.
    retracted: Vec<(GroupName, u64)>,
    /// How often a record has been changed, removed, or begun or ceased to count.
    edits: u64,
    /// The value of `edits` when a search found no group that could make room.
    barren: u64,
    limits: TopologyLimits,
    down: DownMembers,
    claims: FalseClaims,
    stages: Stages,
    /// The latest epoch that is believed.
    horizon: Epoch,
    #[cfg(feature = "mutants")]
    mutant: Option<crate::mutants::Mutant>,
}

impl Topology {
    /// The picture of a node that has heard nothing yet, with the default limits.
    #[must_use]
    pub fn new(me: NodeId, epoch: Epoch) -> Self {
        Self::with_limits(me, epoch, TopologyLimits::default())
    }

    /// The picture of a node that has heard nothing yet.
    #[must_use]
    pub fn with_limits(me: NodeId, epoch: Epoch, limits: TopologyLimits) -> Self {
        Self::with_key(me, epoch, limits, FingerprintKey::default())
    }

    /// As [`with_limits`](Self::with_limits), with a key for the fingerprints.
    pub(crate) fn with_key(
        me: NodeId,
        epoch: Epoch,
        limits: TopologyLimits,
        key: FingerprintKey,
    ) -> Self {
        Self {
            roster: Roster::new(Life { id: me, epoch }, limits.members),
            records_of: alloc::vec![0],
            groups: Groups::new(limits.groups),
            key,
            root: Root::default(),
            items: 0,
            void_items: 0,
            given_up: GivenUp::default(),
            retracted: Vec::new(),
            edits: 0,
            barren: 0,
            limits,
            down: DownMembers::default(),
            claims: FalseClaims::new(limits.claims),
            stages: Stages::new(limits.stages),
            horizon: epoch.horizon(),
            #[cfg(feature = "mutants")]
            mutant: None,
        }
    }

    /// Says that this node is interested in the group: it gets the item (`Get`, all keys, port 0).
    ///
    /// That item has the same key as one that serves all keys, and takes its place.
    ///
    /// # Errors
    ///
    /// [`GroupError`] names the limit that is met; nothing has changed.
    pub fn join(&mut self, group: &GroupName) -> Result<Changes, GroupError> {
        self.write(group, Op::Get, KeyRange::FULL, 0).map(|(_, changes)| changes)
    }

    /// Says that this node is no longer in the group: the full range and all its ranges become
    /// tombstones, each by a write of its own. Legal for a group it never was in.
    ///
    /// # Errors
    ///
    /// [`GroupError`] names the limit that is met; nothing has changed.
    pub fn leave(&mut self, group: &GroupName) -> Result<Changes, GroupError> {
        let mut changes = Changes::default();
        self.leave_into(group, &mut changes)?;
        Ok(changes)
    }

    /// Says that this node serves a range of the group at a port.
    ///
    /// # Errors
    ///
    /// [`GroupError`] names the limit that is met; nothing has changed.
    pub fn add_item(
        &mut self,
        group: &GroupName,
        range: KeyRange,
        port: u16,
    ) -> Result<TimedItem, GroupError> {
        self.write(group, Op::Add, range, port).map(|(item, _)| item)
    }

    /// Says that this node no longer serves exactly this range. Legal for one it never served.
    ///
    /// # Errors
    ///
    /// [`GroupError`] names the limit that is met; nothing has changed.
    pub fn remove_item(
        &mut self,
        group: &GroupName,
        range: KeyRange,
        port: u16,
    ) -> Result<TimedItem, GroupError> {
        self.write(group, Op::Remove, range, port).map(|(item, _)| item)
    }

    /// Collects this node's tombstones in the group that were written up to a clock: one write,
    /// after which nobody lists them. Returns what changed: nothing if there are none.
    ///
    /// Copies that have missed the tombstones are brought up to date with the whole record, so
    /// when they are collected is a matter of memory and traffic, not of correctness.
    ///
    /// # Errors
    ///
    /// [`GroupError::ClockExhausted`]; nothing has changed.
    pub fn collect(&mut self, group: &GroupName, through: u64) -> Result<Changes, GroupError> {
        let mut changes = Changes::default();
        let Some(slot) = self.groups.find(group) else { return Ok(changes) };
        let Some(record) = self.groups.get(slot).record(Ix::ME) else { return Ok(changes) };
        let (clock, floor) = (record.clock(), through.min(record.clock()));
        let due = |write: &Write| write.op == Op::Remove && write.clock <= floor;
        if !record.writes().any(|write| due(&write)) {
            return Ok(changes);
        }
        if clock >= CLOCK_STEP {
            return Err(CLOCK_EXHAUSTED);
        }
        self.amend(slot, Ix::ME, &mut changes, |body, note| {
            body.clock = clock + 1;
            body.collect(floor, note);
        });
        Ok(changes)
    }

    /// Sets the fault to make on purpose.
    #[cfg(feature = "mutants")]
    pub(crate) const fn set_mutant(&mut self, mutant: Option<crate::mutants::Mutant>) {
        self.mutant = mutant;
    }

    /// Replaces the limits. What is held beyond a lower one stays.
    pub(crate) fn set_limits(&mut self, limits: TopologyLimits) {
        self.roster.set_limit(limits.members);
        self.groups.set_limit(limits.groups);
        self.claims.set_limit(limits.claims);
        self.stages.set_limit(limits.stages);
        self.limits = limits;
    }

    /// Writes one item of this node's.
    pub(crate) fn write(
        &mut self,
        group: &GroupName,
        op: Op,
        range: KeyRange,
        port: u16,
    ) -> Result<(TimedItem, Changes), GroupError> {
        let mut changes = Changes::default();
        let clock = self.check_write(group, range, 1, &mut changes)?;
        let (slot, base) = (self.group_slot(group), self.given_up.highest(Ix::ME));
        let write = Write { range, op, port, clock };
        self.amend(slot, Ix::ME, &mut changes, |body, note| {
            body.begin(base);
            body.put(write, note);
        });
        Ok((group::timed(self.roster.life(Ix::ME), write), changes))
    }

    pub(crate) fn leave_into(
        &mut self,
        group: &GroupName,
        changes: &mut Changes,
    ) -> Result<(), GroupError> {
        let known = self.groups.by_name(group).and_then(|group| group.record(Ix::ME));
        let others = known.into_iter().flat_map(|record| record.writes());
        let others = others.filter(|write| write.op != Op::Remove && write.range != KeyRange::FULL);
        let others: Vec<Write> = others.collect();
        let first = self.check_write(group, KeyRange::FULL, 1 + others.len() as u64, changes)?;
        let (slot, base) = (self.group_slot(group), self.given_up.highest(Ix::ME));
        self.amend(slot, Ix::ME, changes, |body, note| {
            body.begin(base);
            let full = Write { range: KeyRange::FULL, op: Op::Remove, port: 0, clock: first };
            body.put(full, note);
            for (clock, write) in (first + 1..).zip(others) {
                body.put(Write { op: Op::Remove, clock, ..write }, note);
            }
        });
        Ok(())
    }

    /// Checks that this node can write `writes` times to a group, of which only the one to `range`
    /// may need room, and makes room for that. Returns the first clock.
    fn check_write(
        &mut self,
        group: &GroupName,
        range: KeyRange,
        writes: u64,
        changes: &mut Changes,
    ) -> Result<u64, GroupError> {
        let record = self.groups.by_name(group).and_then(|group| group.record(Ix::ME));
        let clock = record.map_or_else(|| self.given_up.highest(Ix::ME), |record| record.clock());
        if clock + writes > CLOCK_STEP {
            return Err(CLOCK_EXHAUSTED);
        }
        if self.groups.find(group).is_none() && self.groups.is_full() {
            if !self.make_room_for_group(changes) {
                return Err(GroupError::TooManyGroups { limit: self.groups.limit() });
            }
            // What was given up may have been the room that is wanted.
            return self.check_write(group, range, writes, changes);
        }
        if record.is_none_or(|record| record.get(range).is_none()) {
            let (limit, items) = (self.limits.items_per_record, self.limits.items);
            let full = record.is_some_and(|record| record.len() >= limit);
            if full && !record.is_some_and(Record::has_tombstones) {
                return Err(GroupError::TooManyItems { limit });
            }
            if full {
                self.thin(group, Ix::ME, changes);
            }
            if !self.make_room_for_items(1, (group, Some(Ix::ME)), changes) {
                return Err(GroupError::TopologyFull { limit: items });
            }
        }
        Ok(clock + 1)
    }
}
