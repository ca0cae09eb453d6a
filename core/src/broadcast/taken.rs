//! A duplicate filter: the copies that this node has passed on, so that a copy that is repeated,
//! because its acknowledgement was lost or is late, is passed on once. Copies have no number of their
//! own, so it is no window of a sequence.

use alloc::vec::Vec;

use crate::base::{Hash, growth};
use crate::packet::Header;
use crate::wire::Spread;

/// How many of the copies that were passed on are remembered. One that is forgotten before it is
/// repeated is passed on twice, to all of its part, which costs packets.
const CAPACITY: usize = 512;

/// A copy, by its first try.
///
/// The number of the packet is not enough: copies that share one at first may be repeated in several
/// packets or in one, and each must be taken on.
///
/// Eight bytes stand for the life of its sender, the number of that packet and the place of the
/// copy in it. Hundreds are kept, and two of them collide once in many years.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct CopyId(u64);

impl CopyId {
    /// The copy at a place of a packet.
    pub(crate) fn of(header: &Header, spread: &Spread, place: u32) -> Self {
        let (packet, place) = spread.first_try.map_or((header.packet, place), |first| {
            (header.packet.saturating_sub(first.packets_ago.get()), first.place)
        });
        let sender = Hash::new(KEY, 0).node(header.sender.id).word(header.sender.epoch.0);
        Self(sender.word(packet).word(place.into()).finish())
    }
}

const KEY: [u64; 2] = [0xa409_3822_299f_31d0, 0x082e_fa98_ec4e_6c89];

/// The copies that were taken on last, in a ring.
#[derive(Clone, Debug, Default, Hash)]
pub(crate) struct Taken {
    copies: Vec<CopyId>,
    /// The place of the oldest one, once the ring is full.
    oldest: usize,
}

impl Taken {
    /// Whether a copy was taken on.
    pub(crate) fn has(&self, copy: &CopyId) -> bool {
        self.copies.contains(copy)
    }

    /// Remembers a copy.
    pub(crate) fn note(&mut self, copy: CopyId) {
        if self.copies.len() < CAPACITY {
            growth::push(&mut self.copies, copy);
        } else {
            self.copies[self.oldest] = copy;
            self.oldest = (self.oldest + 1) % CAPACITY;
        }
    }
}
