//! The types with which an application sends messages.

use core::fmt;

use crate::base::{Epoch, GroupName, NodeId};

/// Tells an application's messages apart; its meaning is the application's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(pub u32);

/// The recipients of a message. The sender itself never receives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Recipients<'a> {
    /// All nodes.
    All,
    /// The members of a group.
    Group(&'a GroupName),
    /// These nodes, at most 1,024.
    Nodes(&'a [NodeId]),
}

/// Names a message: its sender, the sender's life, and a sequence number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BroadcastId {
    /// The node that sent it.
    pub origin: NodeId,
    /// The life of that node.
    pub epoch: Epoch,
    /// Sequence number in that life, starting at 1.
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
    /// Half of `Limits::relays` is used up by messages and changes under way, this node's own and
    /// those of others; the rest is kept for those of others. Try again later.
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
                write!(f, "payload is {len} bytes; at most {limit} fit with these recipients")
            }
            Self::TooManyNodes { count } => {
                write!(
                    f,
                    "{count} recipients listed; at most 1024 are allowed: send to a group instead"
                )
            }
            Self::Busy { limit } => {
                write!(
                    f,
                    "too many broadcasts are under way (half of limits.relays = {limit}): try again later"
                )
            }
            Self::UnknownGroup => {
                f.write_str("the group is not known: join it, or wait until a member is known")
            }
            Self::Departed => f.write_str("the node has departed: renew it first"),
        }
    }
}

impl core::error::Error for BroadcastError {}
