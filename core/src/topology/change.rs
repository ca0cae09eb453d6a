//! What an operation changed in a picture.

use alloc::vec::Vec;

use super::item::{KeyRange, TimedItem};
use super::limits::MergeError;
use crate::base::{GroupName, NodeId};

/// One change of what [`Topology::topology`](super::Topology::topology) or
/// [`Topology::owners`](super::Topology::owners) returns.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change {
    /// The item is listed; it takes the place of the one with the same member and range, if any.
    Set {
        /// The group.
        group: GroupName,
        /// The item.
        item: TimedItem,
    },
    /// Nothing is listed any more for this member and range, not even a tombstone.
    Cleared {
        /// The group.
        group: GroupName,
        /// The member.
        member: NodeId,
        /// The range.
        range: KeyRange,
    },
    /// A range has gained or lost an owner, or one of its owners has changed: what
    /// [`Topology::owners`](super::Topology::owners) returns.
    Owner {
        /// The group.
        group: GroupName,
        /// The member.
        member: NodeId,
        /// The range.
        range: KeyRange,
        /// What the member is to the range from now on.
        change: OwnerChange,
    },
}

/// What has become of a member and a range that it serves or has served. Each change says what holds from
/// then on ([`serves`](Self::serves), [`drains`](Self::drains)), whatever was told before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum OwnerChange {
    /// It serves the range, by a write that was not known before: its port and its
    /// [fencing token](super::Fence) may be others than before.
    Served,
    /// It serves the range no longer: it has withdrawn it, began a new life in which it has not served it
    /// yet, or was forgotten.
    Withdrawn,
    /// It is down or unreachable, is held off, or has left. What it serves is remembered and not routed to.
    Down,
    /// It is present again, and serves the range as before.
    Back,
    /// It serves the range and drains: it began to, or it serves or is back while it does.
    Draining,
    /// It drains no longer, and serves the range as before.
    Undrained,
}

impl OwnerChange {
    /// The term for it in programs, such as `withdrawn`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Served => "served",
            Self::Withdrawn => "withdrawn",
            Self::Down => "down",
            Self::Back => "back",
            Self::Draining => "draining",
            Self::Undrained => "undrained",
        }
    }

    /// Whether the member is an owner of the range from now on.
    #[must_use]
    pub const fn serves(self) -> bool {
        !matches!(self, Self::Withdrawn | Self::Down)
    }

    /// Whether the member is an owner that drains.
    #[must_use]
    pub const fn drains(self) -> bool {
        matches!(self, Self::Draining)
    }
}

/// A predicate, which the range follows: *serves*.
impl core::fmt::Display for OwnerChange {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Served => "serves",
            Self::Withdrawn => "no longer serves",
            Self::Down => "is gone and served",
            Self::Back => "is back and serves",
            Self::Draining => "drains and serves",
            Self::Undrained => "no longer drains and serves",
        })
    }
}

/// Changes in the order in which they took place, and what could not be taken over.
///
/// Replaying the changes, each of which is about one (group, member, range), gives what
/// [`Topology::topology`](super::Topology::topology) and [`Topology::owners`](super::Topology::owners) return.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    list: Vec<Change>,
    refused: Vec<Refusal>,
}

/// A record that [`Topology::merge`](super::Topology::merge) has refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refusal {
    /// The owner of the record.
    pub member: NodeId,
    /// Why.
    pub reason: MergeError,
}

impl Changes {
    /// How many changes there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether nothing has changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The changes, oldest first.
    pub fn iter(&self) -> core::slice::Iter<'_, Change> {
        self.list.iter()
    }

    /// The records that were refused; they have changed nothing.
    #[must_use]
    pub fn refused(&self) -> &[Refusal] {
        &self.refused
    }

    /// Removes and returns all changes, oldest first, and keeps the memory for more.
    pub fn drain(&mut self) -> impl Iterator<Item = Change> + '_ {
        self.list.drain(..)
    }

    pub(super) fn push(&mut self, change: Change) {
        self.list.push(change);
    }

    pub(super) fn refuse(&mut self, member: NodeId, reason: MergeError) {
        self.refused.push(Refusal { member, reason });
    }
}

impl<'a> IntoIterator for &'a Changes {
    type Item = &'a Change;
    type IntoIter = core::slice::Iter<'a, Change>;

    fn into_iter(self) -> Self::IntoIter {
        self.list.iter()
    }
}

impl IntoIterator for Changes {
    type Item = Change;
    type IntoIter = alloc::vec::IntoIter<Change>;

    fn into_iter(self) -> Self::IntoIter {
        self.list.into_iter()
    }
}
