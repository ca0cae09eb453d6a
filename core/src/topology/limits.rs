//! How much a picture may hold, and what is said of a call or a record that is refused.

use core::fmt;

use super::merge::CLOCK_STEP;
use crate::node::Epoch;
use crate::roster::RosterFull;

/// How much a [`Topology`](super::Topology) may hold.
///
/// | limit | default | what happens at it |
/// |---|---|---|
/// | `members` | 65,536 | records of further nodes are refused |
/// | `groups` | 65,536 | groups make room in which nothing is left but tombstones; then further ones are refused |
/// | `items_per_record` | 16,384 | tombstones make room; then further ranges of that member in that group are refused |
/// | `items` | 4,194,304 | records make room in which nothing is left but tombstones; then further ranges are refused |
/// | `stages` | 64 | the oldest unfinished delta is dropped, and asked for again |
/// | `claims` | 1,024 | claims about further groups are dropped, until heard again |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TopologyLimits {
    /// Known nodes, the own one included; at least 1.
    pub members: usize,
    /// Known groups.
    pub groups: usize,
    /// Items, tombstones included, that one member has in one group.
    pub items_per_record: usize,
    /// Items, tombstones included, in all.
    pub items: usize,
    /// Records of which the first pieces have arrived. Each holds at most `items_per_record`
    /// items of 24 bytes.
    pub stages: usize,
    /// Groups with an unanswered claim about this node.
    pub claims: usize,
}

impl Default for TopologyLimits {
    fn default() -> Self {
        Self {
            members: 1 << 16,
            groups: 1 << 16,
            items_per_record: 1 << 14,
            items: 1 << 22,
            stages: 64,
            claims: 1 << 10,
        }
    }
}

/// Why a call of the group manager was refused. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GroupError {
    /// As many groups are known as may be.
    TooManyGroups {
        /// The limit.
        limit: usize,
    },
    /// This node says as much about the group as it may.
    TooManyItems {
        /// The limit of one member and group.
        limit: usize,
    },
    /// All groups together have as many items as they may.
    TopologyFull {
        /// The limit of all groups.
        limit: usize,
    },
    /// This node has written to the group as often as it may in one life.
    ClockExhausted {
        /// How often that is.
        limit: u64,
    },
    /// A new life needs an epoch above this one.
    EpochTooLow {
        /// The highest epoch that is in use or claimed.
        above: Epoch,
    },
}

impl fmt::Display for GroupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooManyGroups { limit } => {
                write!(f, "{limit} groups are known, the limit; raise it")
            }
            Self::TooManyItems { limit } => {
                write!(
                    f,
                    "a node has at most {limit} items in a group; raise the limit or join ranges"
                )
            }
            Self::TopologyFull { limit } => {
                write!(f, "the topology has {limit} items, the limit; raise it")
            }
            Self::ClockExhausted { limit } => {
                write!(f, "a node writes to a group {limit} times in one life; renew it")
            }
            Self::EpochTooLow { above } => write!(f, "choose an epoch above {above}"),
        }
    }
}

impl core::error::Error for GroupError {}

/// Why a record was refused. A refused record has changed nothing, but that the member's life, if
/// it is a later one than was known, counts as heard of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MergeError {
    /// Clocks out of order, a range written twice, or a collected tombstone.
    Malformed,
    /// Writes after this clock are missing: ask for those since then.
    Gap {
        /// The clock up to which the writes are held.
        have: u64,
    },
    /// The clock would jump by more than 2³².
    ClockJump,
    /// The life would begin too far ahead of this node's clock: see [`Epoch::horizon`].
    ImplausibleEpoch {
        /// The latest epoch that is believed.
        latest: Epoch,
    },
    /// As many nodes are known as may be.
    TooManyMembers {
        /// The limit.
        limit: usize,
    },
    /// As many groups are known as may be.
    TooManyGroups {
        /// The limit.
        limit: usize,
    },
    /// The member says more about the group than it may.
    TooManyItems {
        /// The limit of one record.
        limit: usize,
    },
    /// All records together would have more items than they may.
    TopologyFull {
        /// The limit of all records.
        limit: usize,
    },
}

impl fmt::Display for MergeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => f.write_str("the record contradicts itself; mend its sender"),
            Self::Gap { have } => write!(f, "writes are missing; ask for those since {have}"),
            Self::ClockJump => {
                write!(f, "the clock jumps by more than {CLOCK_STEP}; renew its owner")
            }
            Self::ImplausibleEpoch { latest } => {
                write!(f, "the epoch lies beyond {latest}, too far ahead; set its owner's clock")
            }
            Self::TooManyMembers { limit } => {
                write!(f, "{limit} nodes are known, the limit; raise it or forget nodes")
            }
            Self::TooManyGroups { limit } => {
                write!(f, "{limit} groups are known, the limit; raise it")
            }
            Self::TooManyItems { limit } => {
                write!(f, "a record has at most {limit} items; raise the limit or join ranges")
            }
            Self::TopologyFull { limit } => {
                write!(f, "the topology has {limit} items, the limit; raise it")
            }
        }
    }
}

impl core::error::Error for MergeError {}

impl From<RosterFull> for MergeError {
    fn from(full: RosterFull) -> Self {
        Self::TooManyMembers { limit: full.limit }
    }
}

/// What `members`, `route` and `coverage` do with members that are down, unreachable or have left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum DownMembers {
    /// They do not show them.
    #[default]
    Hide,
    /// They show them like the others.
    List,
}

pub(super) const CLOCK_EXHAUSTED: GroupError = GroupError::ClockExhausted { limit: CLOCK_STEP };
