//! Groups: the records under one name, and the index over their ranges.

use alloc::vec::Vec;
use core::hash::{Hash, Hasher};

use hashbrown::HashTable;

use super::change::{Change, Changes, OwnerChange};
use super::index::{Entry, Index};
use super::item::{Item, Op, TimedItem, Write};
use super::record::{Body, Note, Record, Version};
use crate::base::{GroupName, Ix, Life, fold, growth};
use crate::reconcile::FingerprintKey;

/// The records of all members of one group.
#[derive(Clone)]
pub(super) struct Group {
    pub(super) name: GroupName,
    /// The name's hash under the fingerprint key.
    pub(super) digest: u64,
    /// The name's hash for ranking, which is the same under every key.
    pub(super) rank: u64,
    records: Vec<Record>,
    /// Positions in `records` by member: of all of them, from when there are more than [`SCANNED`]
    /// until there is none.
    by_member: HashTable<u32>,
    /// How many records have an item.
    listed: u32,
    /// How many records count in the root.
    pub(super) counted: u32,
    /// Changes with each change of a record, and differs from all versions of an earlier group of
    /// this name.
    pub(super) version: u64,
    pub(super) index: Index,
}

/// The member whose record changes.
#[derive(Clone, Copy)]
pub(super) struct Writer {
    pub(super) ix: Ix,
    /// The life in which it writes, or has written.
    pub(super) life: Life,
    /// What is said of a range that it begins to serve; `None` if it is not shown.
    pub(super) serving: Option<OwnerChange>,
}

/// What became of a record: versions and numbers of items, before and after.
pub(super) struct Amended {
    /// The version; `None` if there was no record.
    pub(super) before: Option<Version>,
    pub(super) after: Version,
    /// Whether anything but tombstones was in it, and is.
    pub(super) was_live: bool,
    pub(super) is_live: bool,
    pub(super) items_before: usize,
    pub(super) items_after: usize,
}

/// The index is left out with the table of members, as both follow from the records.
impl Hash for Group {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let Self { name, digest, rank, records, by_member: _, listed, counted, version, index: _ } =
            self;
        (name, digest, rank, records, listed, counted, version).hash(state);
    }
}

impl Group {
    pub(super) fn new(name: GroupName, digest: u64) -> Self {
        Self {
            rank: FingerprintKey::default().group(&name),
            name,
            digest,
            records: Vec::new(),
            by_member: HashTable::new(),
            listed: 0,
            counted: 0,
            version: 0,
            index: Index::default(),
        }
    }

    /// The records, in an order that depends on the history of calls only.
    pub(super) fn records(&self) -> &[Record] {
        &self.records
    }

    /// Whether any member has an item, even a tombstone.
    pub(super) const fn is_listed(&self) -> bool {
        self.listed > 0
    }

    pub(super) fn record(&self, ix: Ix) -> Option<&Record> {
        self.position(ix).map(|at| &self.records[at])
    }

    /// Changes the record of a member, or makes it first.
    pub(super) fn amend(
        &mut self,
        writer: Writer,
        changes: &mut Changes,
        edit: impl FnOnce(&mut Body, Note<'_>),
    ) -> Amended {
        let ix = writer.ix;
        let known = self.position(ix);
        let at = known.unwrap_or_else(|| self.add(ix));
        let record = &mut self.records[at];
        let before = known.map(|_| record.version());
        let (items_before, was_live) = (record.len(), record.is_live());
        let (name, index) = (&self.name, &mut self.index);
        record.amend(|body| {
            edit(body, &mut |old, new| note(name, index, writer, changes, old, new));
        });
        let (after, items_after, is_live) = (record.version(), record.len(), record.is_live());
        self.listed += u32::from(items_after > 0);
        self.listed -= u32::from(items_before > 0);
        Amended { before, after, was_live, is_live, items_before, items_after }
    }

    /// Removes the record of a member.
    pub(super) fn remove(&mut self, writer: Writer, changes: &mut Changes) -> Option<Record> {
        let ix = writer.ix;
        let at = self.position(ix)?;
        if let Ok(entry) = self.by_member.find_entry(hash(ix), |&other| other == at as u32) {
            entry.remove();
        }
        let record = self.records.swap_remove(at);
        if let Some(moved) = self.records.get(at) {
            let (last, moved) = (self.records.len() as u32, moved.member());
            if let Some(entry) = self.by_member.find_mut(hash(moved), |&other| other == last) {
                *entry = at as u32;
            }
        }
        growth::shrink(&mut self.records);
        for write in record.writes() {
            note(&self.name, &mut self.index, writer, changes, Some(write), None);
        }
        self.listed -= u32::from(record.len() > 0);
        Some(record)
    }

    fn add(&mut self, ix: Ix) -> usize {
        let at = self.records.len();
        growth::push(&mut self.records, Record::new(ix));
        let records = &self.records;
        let rehash = |&other: &u32| hash(records[other as usize].member());
        if !self.by_member.is_empty() {
            self.by_member.insert_unique(hash(ix), at as u32, rehash);
        } else if at >= SCANNED {
            for (position, record) in records.iter().enumerate() {
                self.by_member.insert_unique(hash(record.member()), position as u32, rehash);
            }
        }
        at
    }

    fn position(&self, ix: Ix) -> Option<usize> {
        if self.by_member.is_empty() {
            return self.records.iter().position(|record| record.member() == ix);
        }
        let found = |&at: &u32| self.records[at as usize].member() == ix;
        self.by_member.find(hash(ix), found).map(|&at| at as usize)
    }
}

/// Up to this many records are found by looking at each.
const SCANNED: usize = 16;

fn hash(ix: Ix) -> u64 {
    fold(u64::from(ix.raw()) ^ 0xa076_1d64_78bd_642f, 0xe703_7ed1_a0b4_28db)
}

/// Follows one range's change in the index and the list of changes.
fn note(
    name: &GroupName,
    index: &mut Index,
    writer: Writer,
    changes: &mut Changes,
    old: Option<Write>,
    new: Option<Write>,
) {
    let Writer { ix, life, serving } = writer;
    let entry = |write: Option<Write>| {
        let write = write.filter(|write| write.op == Op::Add)?;
        let (start, end) = (write.range.start(), write.range.end());
        Some(Entry { start, end, member: ix.raw(), port: write.port })
    };
    let (was, is) = (entry(old), entry(new));
    match (was, is) {
        (Some(old), Some(new)) if old == new => {}
        (old, new) => {
            if let Some(old) = old {
                index.remove(old);
            }
            if let Some(new) = new {
                index.insert(new);
            }
        }
    }
    if let Some(write) = new {
        let item = timed(life, write);
        changes.push(Change::Set { group: name.clone(), item });
    } else if let Some(write) = old {
        let (group, member, range) = (name.clone(), life.id, write.range);
        changes.push(Change::Cleared { group, member, range });
    }
    if let Some(serving) = serving
        && let Some(write) = new.or(old)
        && (was.is_some() || is.is_some())
    {
        let change = if is.is_some() { serving } else { OwnerChange::Withdrawn };
        let (group, member, range) = (name.clone(), life.id, write.range);
        changes.push(Change::Owner { group, member, range, change });
    }
}

/// A write as an item of its member.
pub(super) fn timed(life: Life, write: Write) -> TimedItem {
    let Write { range, op, port, clock } = write;
    TimedItem { item: Item { member: life.id, op, range, port }, epoch: life.epoch, clock }
}
