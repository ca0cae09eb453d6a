//! What there is room for.

use super::Config;
use crate::wire::{MAX_ATTRIBUTE, OVERHEAD};

/// The most bytes of the frame of an attribute beside its content, the entry of the node's id
/// included.
const ATTRIBUTE_OVERHEAD: usize = 41;

impl Config {
    /// The most bytes of this node's metadata, and of its traits: `Limits::metadata`, or what fits in a
    /// datagram.
    #[must_use]
    pub fn attribute_limit(&self) -> u32 {
        self.limits.metadata.min(self.attribute_room() as u32)
    }

    /// The most bytes of an attribute that fit into a datagram.
    pub(crate) fn attribute_room(&self) -> usize {
        self.max_datagram.saturating_sub(OVERHEAD + ATTRIBUTE_OVERHEAD).min(MAX_ATTRIBUTE)
    }
}
