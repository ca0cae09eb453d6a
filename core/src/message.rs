//! What an application says when it sends a message.

use core::fmt;

use crate::node::{Epoch, NodeId};
use crate::topology::GroupName;

/// Tells an application's messages apart; its meaning is the application's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(pub u32);

/// Whom a message is for. The sender itself never receives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recipients<'a> {
    /// All nodes.
    All,
    /// The members of a group.
    Group(&'a GroupName),
    /// These nodes, at most 1,024.
    Nodes(&'a [NodeId]),
}

/// Names a message: who sent it, in which life, the how manieth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BroadcastId {
    /// Who sent it.
    pub origin: NodeId,
    /// In which life.
    pub epoch: Epoch,
    /// The how manieth message of that life, counted from 1.
    pub sequence: u64,
}

/// Why a message is not sent. Nothing has changed then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BroadcastError {
    /// The payload does not fit in one datagram.
    TooLong {
        /// The bytes given.
        len: usize,
        /// The most that fits with these recipients.
        limit: usize,
    },
    /// More recipients listed than 1,024.
    TooManyNodes {
        /// How many were given.
        count: usize,
    },
    /// As many messages and changes are under way, own ones and those of others, as half of
    /// `Limits::relays` allows, the rest being kept for those of others; try again later.
    Busy {
        /// The limit.
        limit: u32,
    },
    /// The group is not known.
    UnknownGroup,
    /// The node has departed.
    Departed,
}

impl fmt::Display for BroadcastError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { len, limit } => {
                write!(f, "a message has at most {limit} bytes here, this one {len}")
            }
            Self::TooManyNodes { count } => {
                write!(f, "at most 1024 nodes can be listed, not {count}; send to a group instead")
            }
            Self::Busy { limit } => {
                write!(
                    f,
                    "too many broadcasts are under way (half of limits.relays = {limit}); try again later"
                )
            }
            Self::UnknownGroup => f.write_str("no such group is known"),
            Self::Departed => f.write_str("the node has departed; renew it first"),
        }
    }
}

impl core::error::Error for BroadcastError {}
