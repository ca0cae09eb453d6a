//! How much a picture may hold, and the errors for calls and records that are refused.

use core::fmt;

use crate::base::Epoch;
use crate::topology::roster::RosterFull;

/// The largest step of a record's clock that is believed, and the highest clock that an owner
/// reaches in one life. So all nodes believe what an owner says, whatever they have missed.
pub(crate) const CLOCK_STEP: u64 = 1 << 32;

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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct TopologyLimits {
    /// Known nodes, the own one included; at least 1, at most 16,777,216 (2²⁴).
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
    /// The limit of known groups is reached.
    TooManyGroups {
        /// The limit.
        limit: usize,
    },
    /// This node has as many items in the group as a record may have.
    TooManyItems {
        /// The limit of one member and group.
        limit: usize,
    },
    /// All groups together have as many items as the limit allows.
    TopologyFull {
        /// The limit of all groups.
        limit: usize,
    },
    /// This node has used up the clock of the group in its present life.
    ClockExhausted {
        /// The last clock.
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
                write!(f, "group limit reached ({limit} groups): raise it")
            }
            Self::TooManyItems { limit } => {
                write!(
                    f,
                    "range limit of one group reached ({limit} ranges): raise it or merge ranges"
                )
            }
            Self::TopologyFull { limit } => {
                write!(f, "range limit of all groups reached ({limit} ranges): raise it")
            }
            Self::ClockExhausted { limit } => {
                write!(
                    f,
                    "write limit of one life reached ({limit} writes to the group): renew the node"
                )
            }
            Self::EpochTooLow { above } => {
                write!(f, "the epoch is in use or claimed: choose one above {above}")
            }
        }
    }
}

impl core::error::Error for GroupError {}

/// Why a record was refused. A refused record has changed nothing, except that a later life of the
/// member that it names is known from then on.
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
    /// The limit of known nodes is reached.
    TooManyMembers {
        /// The limit.
        limit: usize,
    },
    /// The limit of known groups is reached.
    TooManyGroups {
        /// The limit.
        limit: usize,
    },
    /// The member has more items in the group than a record may have.
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
            Self::Malformed => f.write_str("the record contradicts itself; fix its sender"),
            Self::Gap { have } => write!(f, "writes are missing; ask for those since {have}"),
            Self::ClockJump => {
                write!(f, "the record's clock jumps by more than {CLOCK_STEP}; renew its owner")
            }
            Self::ImplausibleEpoch { latest } => {
                write!(
                    f,
                    "the epoch is later than {latest}, the latest believed; set its owner's clock"
                )
            }
            Self::TooManyMembers { limit } => {
                write!(f, "node limit reached ({limit} nodes); raise it or forget nodes")
            }
            Self::TooManyGroups { limit } => {
                write!(f, "group limit reached ({limit} groups): raise it")
            }
            Self::TooManyItems { limit } => {
                write!(f, "the record has more than {limit} ranges, the limit; raise it")
            }
            Self::TopologyFull { limit } => {
                write!(f, "range limit of all groups reached ({limit} ranges): raise it")
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
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "lowercase"))]
pub enum DownMembers {
    /// They do not show them.
    #[default]
    Hide,
    /// They show them like the others.
    List,
}

pub(super) const CLOCK_EXHAUSTED: GroupError = GroupError::ClockExhausted { limit: CLOCK_STEP };
