//! What an operation changed in a picture.

use alloc::vec::Vec;

use super::item::{KeyRange, TimedItem};
use super::limits::MergeError;
use crate::base::{GroupName, NodeId};

/// One change of what [`Topology::topology`](super::Topology::topology) returns.
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
}

/// Changes in the order in which they took place, and what could not be taken over.
///
/// Replaying the changes, each of which sets or clears one (group, member, range), gives what
/// [`Topology::topology`](super::Topology::topology) returns.
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
