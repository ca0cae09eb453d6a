//! The copies that this node has taken on, so that what is repeated, because its acknowledgement was
//! lost or is late, is passed on once.

use alloc::collections::VecDeque;

use crate::node::Life;
use crate::wire::{Header, Spread};

/// How many copies are remembered, of those that were passed on to somebody. One that is forgotten
/// before it is repeated is passed on twice, to all of its part: that costs packets.
const CAPACITY: usize = 512;

/// A copy, by its first try.
///
/// The number of the packet is not enough: copies that share one at first may be repeated in several
/// packets or in one, and each must be taken on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CopyId {
    packet: u64,
    /// How many copies come before it in that packet.
    place: u32,
    sender: Life,
}

impl CopyId {
    /// The copy at a place of a packet.
    pub(crate) fn of(header: &Header, spread: &Spread, place: u32) -> Self {
        let (packet, place) = spread.first_try.map_or((header.packet, place), |first| {
            (header.packet.saturating_sub(first.packets_ago.get()), first.place)
        });
        Self { packet, place, sender: header.sender }
    }
}

/// The copies that were taken on last.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    copies: VecDeque<CopyId>,
}

impl Taken {
    /// Whether a copy was taken on.
    pub(crate) fn has(&self, copy: &CopyId) -> bool {
        self.copies.iter().rev().any(|taken| taken == copy)
    }

    /// Remembers a copy.
    pub(crate) fn note(&mut self, copy: CopyId) {
        if self.copies.len() >= CAPACITY {
            self.copies.pop_front();
        }
        self.copies.push_back(copy);
    }
}
