//! Why a call of a node has no result.

use core::fmt;

/// The most calls that wait for a node.
pub(crate) const CALLS: usize = 4096;

/// Why a call was not made, or not in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CallError {
    /// The node has stopped.
    Stopped,
    /// 4,096 calls are waiting for the node, or 256 for the end of a contact or a goodbye.
    Busy,
    /// The node has not made the call in time: it is busy, or stands still.
    Late,
    /// The node has begun another life meanwhile, so that its goodbye was cut off.
    Renewed,
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stopped => f.write_str("the node has stopped; start it again"),
            Self::Busy => f.write_str("too many calls wait for the node; await some of them first"),
            Self::Late => f.write_str("the node has not made the call in time"),
            Self::Renewed => {
                f.write_str("the node has begun another life meanwhile; say goodbye again")
            }
        }
    }
}

impl core::error::Error for CallError {}
