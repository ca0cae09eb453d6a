//! What a hand-over asks of the application, and what it refuses.

use core::fmt;

use crate::base::NodeId;

/// What the application is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Step {
    /// Load the slot, then serve it ([`Engine::add_item`](crate::Engine::add_item)), then call
    /// [`Handover::loaded`](super::Handover::loaded).
    Take {
        /// The slot.
        slot: u32,
        /// A node to load it from; `None` if this node sees nobody serve it. In a partition, or
        /// soon after a start, somebody may all the same.
        from: Option<NodeId>,
    },
    /// Another node, which holds the slot too, offers it. Take in what that one has and this one has
    /// not, then call [`Handover::loaded`](super::Handover::loaded).
    Merge {
        /// The slot.
        slot: u32,
        /// The other node.
        from: NodeId,
    },
    /// The slot is planned elsewhere before it was loaded: loading can stop.
    Cancel {
        /// The slot.
        slot: u32,
    },
    /// The slot is planned elsewhere. Bring what the other node has to load to where it loads it from,
    /// take no more of it that would go by without that node, then call
    /// [`Handover::flushed`](super::Handover::flushed): only then is the slot offered. This node goes on
    /// serving it. A later `Flush` of the slot takes the place of this one.
    Flush {
        /// The slot.
        slot: u32,
        /// The node that it will be offered to.
        to: NodeId,
    },
    /// The slot stays here after all: undo what [`Step::Flush`] has brought about.
    Keep {
        /// The slot.
        slot: u32,
    },
    /// Another node serves the slot: finish what is under way, then withdraw it
    /// ([`Engine::remove_item`](crate::Engine::remove_item)). Between its `loaded` and this step both
    /// serve the slot, and others hear of the change a moment later: forward what still comes.
    Release {
        /// The slot.
        slot: u32,
        /// The node that has it now.
        to: NodeId,
    },
}

/// Why a message or a plan is refused. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HandoverError {
    /// The bytes are no message of a hand-over.
    Malformed {
        /// How many bytes there are.
        len: usize,
    },
    /// It is about another group, or about a group with another number of slots.
    OtherSlots,
}

impl fmt::Display for HandoverError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed { len } => write!(
                f,
                "no message of a hand-over in {len} bytes: give hand-overs a tag of their own"
            ),
            Self::OtherSlots => f.write_str(
                "another group or number of slots: give each group a tag, and all its members one \
                 number of slots",
            ),
        }
    }
}

impl core::error::Error for HandoverError {}
