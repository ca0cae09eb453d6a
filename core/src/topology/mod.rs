//! One node's picture of all groups.

mod item;

use alloc::vec::Vec;

use crate::node::NodeId;

pub use item::{
    GroupName, GroupNameError, Item, KeyRange, KeyRangeError, Op, RecordDelta, TimedItem, Write,
};

/// Who serves a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The member.
    pub member: NodeId,
    /// The port of its service.
    pub port: u16,
    /// The range that holds the key.
    pub range: KeyRange,
}

/// Placeholder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// Placeholder.
    pub gaps: Vec<KeyRange>,
}

/// Placeholder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GroupError {
    /// Placeholder.
    Departed,
}
