//! The copies that this node has taken on, so that what is repeated, because its acknowledgement was
//! lost or is late, is passed on once.

use alloc::collections::VecDeque;

use crate::node::Life;
use crate::wire::{Header, Spread};

/// How many copies are remembered. One that is forgotten before it is repeated is passed on twice:
/// that costs packets, and nothing else.
const CAPACITY: usize = 512;

/// A copy, by its first try.
///
/// The number of the packet is not enough: copies that share one at first may be repeated in several
/// packets or in one, and each must be taken on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct CopyId {
    packet: u64,
    /// How many copies come before it in that packet.
    place: u32,
    sender: Life,
}

/// The copies that were taken on last.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    copies: VecDeque<CopyId>,
}

impl Taken {
    /// Takes on a copy that is at a place in a packet. Answers whether it has not been before.
    /// `latest` says that no later packet of the sender has come, so a first try is new.
    pub(crate) fn take(
        &mut self,
        header: &Header,
        spread: &Spread,
        place: u32,
        latest: bool,
    ) -> bool {
        let (packet, place) = spread.first_try.map_or((header.packet, place), |first| {
            (header.packet.saturating_sub(first.packets_ago.get()), first.place)
        });
        let copy = CopyId { packet, place, sender: header.sender };
        let is_new = spread.first_try.is_none() && latest;
        if !is_new && self.copies.iter().rev().any(|taken| *taken == copy) {
            return false;
        }
        if self.copies.len() >= CAPACITY {
            self.copies.pop_front();
        }
        self.copies.push_back(copy);
        true
    }
}
