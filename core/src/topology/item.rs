//! What a topology is made of: group names, key ranges, items.

use alloc::boxed::Box;
use core::fmt;

use crate::base::{Epoch, NodeId};

/// A range of keys; both ends are included.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyRange {
    start: u32,
    end: u32,
}

impl KeyRange {
    /// All keys.
    pub const FULL: Self = Self { start: 0, end: u32::MAX };

    /// The keys from `start` to `end`, both included.
    ///
    /// # Errors
    ///
    /// [`KeyRangeError`] if `start` lies above `end`.
    pub const fn new(start: u32, end: u32) -> Result<Self, KeyRangeError> {
        if start <= end { Ok(Self { start, end }) } else { Err(KeyRangeError { start, end }) }
    }

    /// As [`new`](Self::new), for bounds that are known to be in order.
    pub(crate) const fn between(start: u32, end: u32) -> Self {
        debug_assert!(start <= end);
        Self { start, end }
    }

    /// The first key.
    #[must_use]
    pub const fn start(self) -> u32 {
        self.start
    }

    /// The last key.
    #[must_use]
    pub const fn end(self) -> u32 {
        self.end
    }

    /// Whether `key` lies in the range.
    #[must_use]
    pub const fn contains(self, key: u32) -> bool {
        self.start <= key && key <= self.end
    }
}

impl fmt::Display for KeyRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..={}", self.start, self.end)
    }
}

impl fmt::Debug for KeyRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A range whose start lies above its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyRangeError {
    /// The start that was given.
    pub start: u32,
    /// The end that was given.
    pub end: u32,
}

impl fmt::Display for KeyRangeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "invalid key range: start {} is greater than end {}", self.start, self.end)
    }
}

impl core::error::Error for KeyRangeError {}

/// What a member says about a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Op {
    /// It serves the range.
    Add = 1,
    /// It no longer serves or is interested in the range: a tombstone.
    Remove = 2,
    /// It is interested in the group.
    Get = 3,
}

/// What one member says about one range of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Item {
    /// The member.
    pub member: NodeId,
    /// What the member says.
    pub op: Op,
    /// About which keys.
    pub range: KeyRange,
    /// The port of the service, for [`Op::Add`].
    pub port: u16,
}

/// An item, and which of its member's writes it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimedItem {
    /// The item.
    pub item: Item,
    /// The life of the member in which it was written.
    pub epoch: Epoch,
    /// Which of the member's writes to the group in that life, counted from 1.
    pub clock: u64,
}

/// One write of a record: an item less what the record says for all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Write {
    /// About which keys.
    pub range: KeyRange,
    /// What is said.
    pub op: Op,
    /// The port of the service, for [`Op::Add`].
    pub port: u16,
    /// Which of the record's writes.
    pub clock: u64,
}

/// All writes of one record after a clock: what brings a copy of the record up to date.
///
/// Writes that a later one to the same range has replaced are not in it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RecordDelta {
    /// The owner of the record.
    pub member: NodeId,
    /// The life of that owner.
    pub epoch: Epoch,
    /// The delta holds the writes after this clock; 0 for all of them.
    pub since: u64,
    /// Tombstones at or below this clock have been collected. If it lies above `since`, then
    /// `since` is 0, or the delta continues a piece whose `since` was 0.
    pub floor: u64,
    /// The clock that a copy has after this delta.
    pub clock: u64,
    /// The record's clock when the delta was cut. Above `clock` if more pieces follow; what is
    /// held so far is then kept aside until the last piece is there.
    pub target: u64,
    /// The writes, by rising clock.
    pub writes: Box<[Write]>,
}

impl RecordDelta {
    /// Whether no piece follows.
    #[must_use]
    pub const fn is_last(&self) -> bool {
        self.clock == self.target
    }

    /// Cuts the delta so that it keeps its first `writes` writes, at least one, and returns the
    /// piece that follows; `None` if there is nothing to cut off.
    ///
    /// Pieces are merged in their order; only the last one changes what is listed.
    #[must_use]
    pub fn split_off(&mut self, writes: usize) -> Option<Self> {
        let keep = writes.max(1);
        if self.writes.len() <= keep {
            return None;
        }
        let mut kept = core::mem::take(&mut self.writes).into_vec();
        let rest = kept.split_off(keep).into_boxed_slice();
        let cut = kept.last().map_or(self.since, |write| write.clock);
        self.writes = kept.into_boxed_slice();
        let rest = Self { since: cut, writes: rest, ..self.clone_head() };
        self.clock = cut;
        Some(rest)
    }

    fn clone_head(&self) -> Self {
        let Self { member, epoch, since, floor, clock, target, writes: _ } = *self;
        Self { member, epoch, since, floor, clock, target, writes: Box::default() }
    }
}

/// All records of one group: what [`Topology::export`](super::Topology::export) gives and
/// [`Topology::merge`](super::Topology::merge) takes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupRecords {
    /// One delta per record.
    pub records: alloc::vec::Vec<RecordDelta>,
}
