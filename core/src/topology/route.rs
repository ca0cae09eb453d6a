//! Routing: who serves a key, best first.
//!
//! Owners are ranked by rendezvous hashing (Thaler, Ravishankar 1998): each has a score, a hash of
//! (group, key, member), and the largest is first. All nodes with the same picture so agree on an
//! order, keys spread evenly over the members that serve them, and a member that goes moves only
//! the keys that it was first for.

use alloc::vec::Vec;
use core::cmp::Ordering;

use super::index::Entry;
use super::item::KeyRange;
use crate::hash::Hash;
use crate::node::NodeId;
use crate::roster::{Ix, Roster};

/// A member that serves a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Owner {
    /// Who.
    pub member: NodeId,
    /// At which port.
    pub port: u16,
    /// As part of which range.
    pub range: KeyRange,
}

/// The owners of a key by falling score. Up to [`INLINE`] of them take no allocation.
pub(super) struct Route<'a> {
    roster: &'a Roster,
    inline: [Candidate; INLINE],
    len: usize,
    next: usize,
    /// All candidates, once they are more.
    spill: Vec<Candidate>,
}

const INLINE: usize = 8;

#[derive(Clone, Copy, Default)]
struct Candidate {
    score: u64,
    entry: Entry,
}

impl Candidate {
    /// By falling score; equal scores by member, then range.
    #[inline]
    fn order(&self, other: &Self, roster: &Roster) -> Ordering {
        other.score.cmp(&self.score).then_with(|| {
            let tie = |Entry { start, end, member, .. }: Entry| {
                (roster.id(Ix::from_raw(member)), start, end)
            };
            tie(self.entry).cmp(&tie(other.entry))
        })
    }
}

impl<'a> Route<'a> {
    pub(super) const fn new(roster: &'a Roster) -> Self {
        const NONE: Candidate =
            Candidate { score: 0, entry: Entry { start: 0, end: 0, member: 0, port: 0 } };
        Self { roster, inline: [NONE; INLINE], len: 0, next: 0, spill: Vec::new() }
    }

    /// Adds an owner in its place.
    #[inline]
    pub(super) fn push(&mut self, score: u64, entry: Entry) {
        let candidate = Candidate { score, entry };
        if self.len < INLINE {
            let mut at = self.len;
            while at > 0 && candidate.order(&self.inline[at - 1], self.roster).is_lt() {
                self.inline[at] = self.inline[at - 1];
                at -= 1;
            }
            self.inline[at] = candidate;
        } else {
            if self.len == INLINE {
                self.spill.extend_from_slice(&self.inline);
            }
            self.spill.push(candidate);
        }
        self.len += 1;
    }

    /// Sorts what is not sorted yet; to be called before the first owner is taken.
    pub(super) fn ranked(mut self) -> Self {
        let roster = self.roster;
        self.spill.sort_unstable_by(|a, b| a.order(b, roster));
        self
    }
}

impl Iterator for Route<'_> {
    type Item = Owner;

    #[inline]
    fn next(&mut self) -> Option<Owner> {
        if self.next == self.len {
            return None;
        }
        let candidates: &[Candidate] =
            if self.spill.is_empty() { &self.inline } else { &self.spill };
        let entry = candidates[self.next].entry;
        self.next += 1;
        Some(Owner {
            member: self.roster.id(Ix::from_raw(entry.member)),
            port: entry.port,
            range: KeyRange::between(entry.start, entry.end),
        })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.len - self.next, Some(self.len - self.next))
    }
}

impl ExactSizeIterator for Route<'_> {}

/// The score of `member` for `key` of the group with this `digest`. The digest must not depend on
/// anything but the group's name, since all nodes have to agree on it.
#[inline]
pub(super) fn score(digest: u64, key: u32, member: NodeId) -> u64 {
    Hash::new(RANK, u64::from(key) ^ digest).node(member).finish()
}

const RANK: [u64; 2] = [0x4cf5_ad43_2745_937f, 0x52dc_e729_3838_6f4b];

#[cfg(test)]
mod tests {
    use super::*;
    use core::net::SocketAddr;

    fn id(port: u16) -> NodeId {
        NodeId::from(SocketAddr::from(([10, 0, 0, 1], port)))
    }

    /// Three members, all six orders: each is as frequent as the others.
    #[test]
    fn ranks_are_spread_evenly() {
        let mut orders = alloc::collections::BTreeMap::new();
        let keys = 60_000;
        for key in 0..keys {
            let mut ranked = [1, 2, 3];
            ranked.sort_unstable_by_key(|port| core::cmp::Reverse(score(77, key, id(*port))));
            *orders.entry(ranked).or_insert(0u32) += 1;
        }
        assert_eq!(orders.len(), 6);
        for (order, count) in orders {
            assert!((9_500..10_500).contains(&count), "{order:?}: {count} of {keys}");
        }
    }

    /// Fixed for ever: nodes of different builds have to name the same first owner.
    #[test]
    fn scores_are_part_of_the_protocol() {
        assert_eq!(score(1, 2, id(3)), 15_214_869_365_729_035_545);
    }

    #[test]
    fn more_owners_than_fit_inline_are_ranked_alike() {
        use crate::node::{Epoch, Life};
        let mut roster = Roster::new(Life { id: id(0), epoch: Epoch(1) }, 100);
        for port in 1..40 {
            roster.intern(id(port), Epoch(1)).unwrap();
        }
        for owners in [1, 7, 8, 9, 40] {
            let mut route = Route::new(&roster);
            for member in 0..owners {
                let entry = Entry { start: 0, end: 9, member, port: 1 };
                route.push(u64::from(member) % 5, entry);
            }
            let found: Vec<_> = route.ranked().map(|owner| owner.member).collect();
            let mut expected: Vec<_> = (0..owners as u16).collect();
            expected.sort_by_key(|port| (core::cmp::Reverse(port % 5), *port));
            assert_eq!(found, expected.into_iter().map(id).collect::<Vec<_>>());
        }
    }
}
