//! Questions to a picture, and what a peer would be sent.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use super::Topology;
use super::coverage::Coverage;
use super::group::{Group, timed};
use super::item::{GroupRecords, Op, RecordDelta, TimedItem, Write};
use super::record::{Record, Version};
use super::route::{Fence, Route, Server};
use super::shortfall::{self, Shortfall};
use crate::base::{Epoch, GroupName, Ix, Life, NodeId};
use crate::reconcile::{FingerprintKey, Root};
use crate::topology::limits::DownMembers;
use crate::topology::roster::Roster;

/// What repair compares of a record.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RecordMark<'a> {
    /// Where it lies; does not change.
    pub(crate) position: u64,
    /// Changes with the content.
    pub(crate) fingerprint: u64,
    /// The group.
    pub(crate) group: &'a GroupName,
    /// The owner.
    pub(crate) member: Ix,
}

impl Topology {
    /// This node.
    #[must_use]
    pub fn id(&self) -> NodeId {
        self.roster.id(Ix::ME)
    }

    /// This node's life.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.roster.epoch(Ix::ME)
    }

    /// The members of a group, by id: the nodes that have an item in it that is not a tombstone.
    ///
    /// [`DownMembers`] says whether members that are not present are shown.
    pub fn members(&self, group: &GroupName) -> impl Iterator<Item = NodeId> + use<'_> {
        let mut members: Vec<_> = self.member_indexes(group).map(|ix| self.roster.id(ix)).collect();
        members.sort_unstable();
        members.into_iter()
    }

    /// The groups in which any node has an item, even a tombstone, by name.
    pub fn groups(&self) -> impl Iterator<Item = &GroupName> {
        self.groups.iter().filter(|group| group.is_listed()).map(|group| &group.name)
    }

    /// The groups that this node is a member of, by name.
    pub fn my_groups(&self) -> impl Iterator<Item = &GroupName> {
        let mine = |group: &&Group| group.record(Ix::ME).is_some_and(Record::is_live);
        self.groups.iter().filter(mine).map(|group| &group.name)
    }

    /// All items of a group, tombstones included, by (member, start, end). Shows all members,
    /// whatever their status.
    pub fn topology(&self, group: &GroupName) -> impl Iterator<Item = TimedItem> + use<'_> {
        let records = self.groups.by_name(group).map_or(&[][..], Group::records);
        let mut sorted: Vec<&Record> = records.iter().collect();
        sorted.sort_unstable_by_key(|record| self.roster.id(record.member()));
        sorted.into_iter().flat_map(|record| {
            let life = self.roster.life(record.member());
            record.writes().map(move |write| timed(life, write))
        })
    }

    /// The items of a group that say `op`, by (member, start, end).
    pub fn topology_of(
        &self,
        group: &GroupName,
        op: Op,
    ) -> impl Iterator<Item = TimedItem> + use<'_> {
        self.topology(group).filter(move |timed| timed.item.op == op)
    }

    /// The owners of a key of a group, best first.
    ///
    /// All nodes with the same picture give the same order, which differs from key to key. A member
    /// that serves the key under several ranges appears once for each, by range. [`DownMembers`]
    /// says whether members that are not present are skipped; the order of the others is the same
    /// without them. Up to 8 owners take no allocation.
    pub fn route(&self, group: &GroupName, key: u32) -> impl Iterator<Item = Server> + use<'_> {
        Route::new(self, self.groups.by_name(group), key)
    }

    /// The items of all records, tombstones included.
    pub(crate) fn items_held(&self) -> usize {
        self.items
    }

    /// Which keys of a group nobody serves and which several do, taking members as
    /// [`DownMembers`] says. Takes time in proportion to the number of ranges.
    #[must_use]
    pub fn coverage(&self, group: &GroupName) -> Coverage {
        self.coverage_without(group, &[])
    }

    /// As [`coverage`](Self::coverage), as it would be if some nodes stopped.
    #[must_use]
    pub fn coverage_without(&self, group: &GroupName, nodes: &[NodeId]) -> Coverage {
        let goes = self.raw(nodes);
        let entries = self.groups.by_name(group).into_iter().flat_map(|group| group.index.iter());
        let shown = entries.filter(|entry| {
            self.is_shown(Ix::from_raw(entry.member)) && !goes.contains(&entry.member)
        });
        Coverage::of(shown.map(|entry| (entry.start, entry.end)))
    }

    /// The fencing token of an owner that [`route`](Self::route) has returned; `None` if it has ceased
    /// to serve that range since.
    #[must_use]
    pub fn fence(&self, group: &GroupName, owner: &Server) -> Option<Fence> {
        let ix = self.roster.find(owner.member)?;
        let write = self.groups.by_name(group)?.record(ix)?.get(owner.range)?;
        let fence = Fence { epoch: self.roster.epoch(ix), clock: write.clock };
        (write.op == Op::Add).then_some(fence)
    }

    /// The keys of all groups that would have fewer than `copies` owners, and fewer than now, if some
    /// nodes stopped; by group and key. Takes members as [`DownMembers`] says, and time in proportion
    /// to the ranges of all groups.
    #[must_use]
    pub fn shortfalls_without(&self, nodes: &[NodeId], copies: usize) -> Vec<Shortfall> {
        let goes = self.raw(nodes);
        self.shortfalls(None, |member| !goes.contains(&member), copies)
    }

    /// The places of those nodes that are known.
    fn raw(&self, nodes: &[NodeId]) -> BTreeSet<u32> {
        nodes.iter().filter_map(|&node| self.roster.find(node)).map(Ix::raw).collect()
    }

    /// The keys that a member serves and that fewer than `copies` members that stay serve; by group and
    /// key.
    pub(crate) fn shortfalls_of(
        &self,
        member: Ix,
        stays: impl Fn(Ix) -> bool,
        copies: usize,
    ) -> Vec<Shortfall> {
        self.shortfalls(Some(member.raw()), |member| stays(Ix::from_raw(member)), copies)
    }

    fn shortfalls(
        &self,
        of: Option<u32>,
        stays: impl Fn(u32) -> bool,
        copies: usize,
    ) -> Vec<Shortfall> {
        let concerns =
            |group: &&Group| of.is_none_or(|member| group.record(Ix::from_raw(member)).is_some());
        let mut groups: Vec<&Group> = self.groups.iter().filter(concerns).collect();
        groups.sort_unstable_by_key(|group| &group.name);
        let mut found = Vec::new();
        for group in groups {
            let shown = group.index.iter().filter(|it| self.is_shown(Ix::from_raw(it.member)));
            let ranges = shown.map(|entry| (entry.start, entry.end, entry.member));
            shortfall::sweep(&group.name, ranges, of, &stays, copies, &mut found);
        }
        found
    }

    /// The other members that serve keys that a member serves.
    pub(crate) fn others_with_keys_of(&self, member: Ix) -> BTreeSet<Ix> {
        let mut others = BTreeSet::new();
        for group in self.groups.iter().filter(|group| group.record(member).is_some()) {
            // Sorted by their starts: the furthest end up to each start.
            let mut reach: Vec<(u32, u32)> = Vec::new();
            for entry in group.index.iter().filter(|entry| entry.member == member.raw()) {
                let before = reach.last().map_or(entry.end, |&(_, end)| end.max(entry.end));
                reach.push((entry.start, before));
            }
            let meets = |start: u32, end: u32| {
                let below = reach.partition_point(|&(from, _)| from <= end);
                below.checked_sub(1).is_some_and(|at| reach[at].1 >= start)
            };
            let found = group.index.iter().filter(|entry| meets(entry.start, entry.end));
            others.extend(found.map(|entry| Ix::from_raw(entry.member)));
        }
        others.remove(&member);
        others
    }

    /// The owners of a key with their scores, best first.
    pub(crate) fn route_scored(&self, group: &GroupName, key: u32) -> Vec<(u64, Server)> {
        Route::new(self, self.groups.by_name(group), key).scored()
    }

    /// All that is known of a group, to be [merged](Self::merge) by another node; `None` if nothing
    /// is known.
    #[must_use]
    pub fn export(&self, group: &GroupName) -> Option<GroupRecords> {
        let records = self.groups.by_name(group)?.records().iter();
        let passed_on = records.filter(|record| !self.roster.is_retired(record.member()));
        let records: Vec<_> = passed_on.map(|record| delta(&self.roster, record, 0)).collect();
        (!records.is_empty()).then_some(GroupRecords { records })
    }

    /// What a copy of a member's record that is at clock `since` lacks; `None` if nothing.
    ///
    /// Returns the whole record if the copy may hold what has been removed and collected since.
    #[must_use]
    pub fn delta(&self, group: &GroupName, member: NodeId, since: u64) -> Option<RecordDelta> {
        self.cut(group, self.roster.find(member)?, since)
    }

    /// As [`delta`](Self::delta), by index.
    pub(crate) fn cut(&self, group: &GroupName, ix: Ix, since: u64) -> Option<RecordDelta> {
        let record = self.groups.by_name(group)?.record(ix)?;
        (record.clock() > since).then(|| delta(&self.roster, record, since))
    }

    /// As [`cut`](Self::cut), in pieces of which the writes take up to `room` bytes each.
    pub(crate) fn pieces(
        &self,
        group: &GroupName,
        ix: Ix,
        since: u64,
        room: usize,
    ) -> Vec<RecordDelta> {
        let head = group.as_bytes().len() + MAX_DELTA_HEAD;
        let writes = room.saturating_sub(head) / MAX_WRITE;
        let mut pieces = Vec::new();
        let mut next = self.cut(group, ix, since);
        while let Some(mut piece) = next {
            next = piece.split_off(writes);
            pieces.push(piece);
        }
        pieces
    }

    /// The key of all fingerprints.
    pub(crate) const fn fingerprints(&self) -> FingerprintKey {
        self.key
    }

    /// The clock of a record.
    pub(crate) fn clock_of(&self, group: &GroupName, ix: Ix) -> Option<u64> {
        self.groups.by_name(group)?.record(ix).map(Record::clock)
    }

    /// How many writes a record holds.
    pub(crate) fn record_len(&self, group: &GroupName, ix: Ix) -> usize {
        let record = self.groups.by_name(group).and_then(|group| group.record(ix));
        record.map_or(0, Record::len)
    }

    /// The members of a group that [`DownMembers`] shows, in no meaningful order.
    pub(crate) fn member_indexes(&self, group: &GroupName) -> impl Iterator<Item = Ix> + use<'_> {
        self.members_of_any_status(group).filter(|&ix| self.is_shown(ix))
    }

    /// The members of a group whatever their status, in no meaningful order.
    pub(crate) fn members_of_any_status(
        &self,
        group: &GroupName,
    ) -> impl Iterator<Item = Ix> + use<'_> {
        let records = self.groups.by_name(group).map_or(&[][..], Group::records).iter();
        records.filter(|record| record.is_live()).map(Record::member)
    }

    /// A number that changes with each change of a record of a group; `None` if nobody is in it.
    pub(crate) fn version_of(&self, group: &GroupName) -> Option<u64> {
        self.groups.by_name(group).map(|group| group.version)
    }

    /// Whether a node is a member of a group, whatever its status.
    pub(crate) fn is_member(&self, group: &GroupName, ix: Ix) -> bool {
        let record = self.groups.by_name(group).and_then(|group| group.record(ix));
        record.is_some_and(Record::is_live)
    }

    /// The groups that a node has a record in, with its clock, by name.
    pub(crate) fn clocks_of(&self, ix: Ix) -> impl Iterator<Item = (&GroupName, u64)> {
        let records = self.groups.iter().filter_map(move |group| Some((group, group.record(ix)?)));
        records.map(|(group, record)| (&group.name, record.clock()))
    }

    /// The highest clock of a tombstone of this node's in a group.
    pub(crate) fn last_tombstone(&self, group: &GroupName) -> Option<u64> {
        let record = self.groups.by_name(group)?.record(Ix::ME)?;
        let removed = record.writes().filter(|write| write.op == Op::Remove);
        removed.map(|write| write.clock).max()
    }

    /// The known nodes by number.
    pub(crate) const fn roster(&self) -> &Roster {
        &self.roster
    }

    /// The sum of the fingerprints of all records that count: equal pictures have equal roots.
    pub(crate) const fn root(&self) -> u64 {
        self.root.sum()
    }

    /// The sum, to follow what moves in it.
    pub(crate) const fn root_mut(&mut self) -> &mut Root {
        &mut self.root
    }

    /// What repair compares of all records that count.
    pub(crate) fn records(&self) -> impl Iterator<Item = RecordMark<'_>> {
        self.groups
            .iter()
            .flat_map(|group| group.records().iter().filter_map(|record| self.mark(group, record)))
    }

    fn mark<'a>(&self, group: &'a Group, record: &Record) -> Option<RecordMark<'a>> {
        let member = record.member();
        let life = self.roster.life(member);
        (record.is_live() && !self.roster.is_retired(member)).then(|| RecordMark {
            position: self.key.record_position(group.digest, life.id),
            fingerprint: record_print(self.key, group.digest, life, record.version()),
            group: &group.name,
            member,
        })
    }

    #[inline]
    pub(super) fn is_shown(&self, ix: Ix) -> bool {
        self.down == DownMembers::List || self.roster.status(ix).is_present()
    }
}

/// The fingerprint of a version of a record of a group with this digest.
pub(super) fn record_print(key: FingerprintKey, group: u64, life: Life, version: Version) -> u64 {
    key.record(group, life.id, life.epoch, version.clock, version.content)
}

/// The most bytes that a delta takes beside its writes and the name of its group: a life, its
/// references, four varints and the headers of frame and tables.
const MAX_DELTA_HEAD: usize = 96;

/// The most bytes of a write whose clock is within 2³² of the one before: two ends of a range, a
/// port, an op and the clock's step.
const MAX_WRITE: usize = 5 + 5 + 3 + 1 + 5;

/// The writes of a record after `since`, by clock.
fn delta(roster: &Roster, record: &Record, since: u64) -> RecordDelta {
    let (clock, floor) = (record.clock(), record.floor());
    let since = if floor > since { 0 } else { since };
    let mut writes: Vec<Write> = record.writes().filter(|write| write.clock > since).collect();
    writes.sort_unstable_by_key(|write| write.clock);
    let life = roster.life(record.member());
    RecordDelta {
        member: life.id,
        epoch: life.epoch,
        since,
        floor,
        clock,
        target: clock,
        writes: writes.into_boxed_slice(),
    }
}
