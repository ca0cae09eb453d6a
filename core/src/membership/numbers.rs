//! Packet numbers that others remember: what a node knows of its own, and whom it tells of theirs.
//!
//! Peers refuse a number that is used up. A node whose numbers lie behind what they remember would stay
//! unheard for as long as it takes to catch up: it was set back to a snapshot, began an epoch a second
//! time, or somebody else writes in its name. So a peer that refuses a packet says which number it
//! remembers, and a node that did not send the packet of that number renews.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::time::Duration;

use crate::base::{Instant, Ix, growth};
use crate::picture::Picture;

/// Of how many of its last packets a node keeps a part of the tag.
const KEPT: usize = 1_024;

/// The most peers whose packets are refused that are kept apart.
const REFUSED: usize = 256;

/// What is refused of one peer.
#[derive(Clone, Copy, Debug, Hash)]
struct Refusal {
    /// Since when nothing of it was fresh.
    since: Instant,
    /// When it was told last.
    answered: Instant,
    /// When the embedder was told last.
    told: Option<Instant>,
}

/// The numbers of this node's packets in this life, and the peers whose packets are refused.
#[derive(Clone, Debug, Default, Hash)]
pub(crate) struct Numbers {
    /// The first bits of the tags of the last packets: that of number n at (n - 1) mod [`KEPT`].
    tags: Vec<u16>,
    refused: BTreeMap<Ix, Refusal>,
}

impl Numbers {
    /// Begins a life. What others are told is not forgotten.
    pub(crate) fn start(&mut self) {
        self.tags = Vec::new();
    }

    /// A packet goes out, with the number after the one before.
    pub(crate) fn sent(&mut self, packet: u64, tag: u16) {
        let place = place(packet);
        if let Some(kept) = self.tags.get_mut(place) {
            *kept = tag;
        } else {
            growth::push(&mut self.tags, tag);
        }
    }

    /// Whether this node has sent the packet of a number in this life, of which `last` is the last one.
    /// One that lies too far back to tell counts as its own.
    pub(crate) fn is_own(&self, last: u64, packet: u64, tag: u16) -> bool {
        let Some(behind) = last.checked_sub(packet) else { return false };
        packet == 0
            || behind >= self.tags.len() as u64
            || self.tags.get(place(packet)) == Some(&tag)
    }

    /// A packet of a peer is refused: says whether the peer may be told so.
    pub(crate) fn may_answer(&mut self, picture: &Picture, ix: Ix) -> bool {
        let (now, again) = (picture.now, picture.timing.refusal_again);
        if self.refused.len() >= REFUSED && !self.refused.contains_key(&ix) {
            self.refused.retain(|_, refusal| now.since(refusal.answered) < again);
            if self.refused.len() >= REFUSED {
                return false;
            }
        }
        let Some(refusal) = self.refused.get_mut(&ix) else {
            self.refused.insert(ix, Refusal { since: now, answered: now, told: None });
            return true;
        };
        let may = now.since(refusal.answered) >= again;
        if may {
            refusal.answered = now;
        }
        may
    }

    /// For how long everything of a peer has been refused, if the embedder is to be told of it.
    pub(crate) fn untold(&mut self, picture: &Picture, ix: Ix) -> Option<Duration> {
        let refusal = self.refused.get_mut(&ix)?;
        let lasted = picture.now.since(refusal.since);
        let again = picture.timing.refusal_told_again;
        let told = refusal.told.is_some_and(|told| picture.now.since(told) < again);
        if lasted < picture.timing.refusal_told || told {
            return None;
        }
        refusal.told = Some(picture.now);
        Some(lasted)
    }

    /// A packet of a peer is fresh. How often it is answered and told of stays limited.
    pub(crate) fn heard(&mut self, picture: &Picture, ix: Ix) {
        if let Some(refusal) = self.refused.get_mut(&ix) {
            if picture.now.since(refusal.answered) >= picture.timing.refusal_told_again {
                self.refused.remove(&ix);
            } else {
                refusal.since = picture.now;
            }
        }
    }

    /// Forgets a peer that is leaving the table.
    pub(crate) fn forget(&mut self, ix: Ix) {
        self.refused.remove(&ix);
    }
}

fn place(packet: u64) -> usize {
    (packet.wrapping_sub(1) % KEPT as u64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_knows_its_last_packets() {
        let mut numbers = Numbers::default();
        for packet in 1..=3_000 {
            numbers.sent(packet, packet as u16 ^ 0x5a5a);
            for back in [0, 1, 63, 1_022, 1_023, 1_024, 2_000] {
                let Some(earlier) = packet.checked_sub(back).filter(|&earlier| earlier > 0) else {
                    continue;
                };
                let tag = earlier as u16 ^ 0x5a5a;
                assert!(numbers.is_own(packet, earlier, tag), "{earlier} of {packet}");
                assert_eq!(numbers.is_own(packet, earlier, !tag), back >= 1_024, "{earlier}");
            }
            for later in [packet + 1, packet + 1_024, u64::MAX] {
                assert!(!numbers.is_own(packet, later, 0), "{later} of {packet}");
            }
        }
        assert_eq!(numbers.tags.len(), KEPT);
        numbers.start();
        assert!(!numbers.is_own(0, 1, 0) && numbers.is_own(0, 0, 0));
    }
}
