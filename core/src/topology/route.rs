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
    /// The hash that scores start from.
    seed: Hash,
    /// By column and in registers' size: they are read right after they were written.
    scores: [u64; INLINE],
    ranges: [u64; INLINE],
    owners: [u64; INLINE],
    /// How many candidates are left.
    len: usize,
    /// All candidates, once they are more; the best one last after the first was taken.
    spill: Vec<Candidate>,
    is_sorted: bool,
}

const INLINE: usize = 8;

#[derive(Clone, Copy)]
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
    /// A route without owners, for a key of the group whose name hashes to `rank`, which must not
    /// depend on anything but the name: all nodes have to agree on the scores.
    #[inline]
    pub(super) fn new(roster: &'a Roster, rank: u64, key: u32) -> Self {
        let seed = Hash::new(RANK, u64::from(key) ^ rank);
        let (scores, ranges, owners) = ([0; INLINE], [0; INLINE], [0; INLINE]);
        let (spill, is_sorted) = (Vec::new(), false);
        Self { roster, seed, scores, ranges, owners, len: 0, spill, is_sorted }
    }

    /// Adds an owner.
    #[inline(always)]
    pub(super) fn push(&mut self, entry: Entry) {
        let score = score(self.seed, self.roster.id(Ix::from_raw(entry.member)));
        if self.len < INLINE {
            self.scores[self.len] = score;
            self.ranges[self.len] = u64::from(entry.start) << 32 | u64::from(entry.end);
            self.owners[self.len] = u64::from(entry.member) << 32 | u64::from(entry.port);
        } else {
            self.spill(Candidate { score, entry });
        }
        self.len += 1;
    }

    #[cold]
    fn spill(&mut self, candidate: Candidate) {
        if self.spill.is_empty() {
            self.spill = (0..INLINE).map(|at| self.inline(at)).collect();
        }
        self.spill.push(candidate);
    }

    #[inline]
    const fn inline(&self, at: usize) -> Candidate {
        let (range, owner) = (self.ranges[at], self.owners[at]);
        let (start, end) = ((range >> 32) as u32, range as u32);
        let entry = Entry { start, end, member: (owner >> 32) as u32, port: owner as u16 };
        Candidate { score: self.scores[at], entry }
    }

    /// Takes the best of few candidates, so that who wants one owner pays for no sorting.
    #[inline]
    fn take_inline(&mut self) -> Entry {
        let len = self.len.min(INLINE);
        let mut best = 0;
        for at in 1..len {
            let (score, least) = (self.scores[at], self.scores[best]);
            let is_tie = score == least;
            let is_better = score > least
                || is_tie && self.inline(at).order(&self.inline(best), self.roster).is_lt();
            best = if is_better { at } else { best };
        }
        let entry = self.inline(best).entry;
        let last = len - 1;
        self.scores[best] = self.scores[last];
        self.ranges[best] = self.ranges[last];
        self.owners[best] = self.owners[last];
        entry
    }

    #[cold]
    fn take_spilled(&mut self) -> Entry {
        if !self.is_sorted {
            let roster = self.roster;
            self.spill.sort_unstable_by(|a, b| b.order(a, roster));
            self.is_sorted = true;
        }
        self.spill[self.len - 1].entry
    }
}

impl Iterator for Route<'_> {
    type Item = Owner;

    #[inline]
    fn next(&mut self) -> Option<Owner> {
        if self.len == 0 {
            return None;
        }
        let entry = if self.spill.is_empty() { self.take_inline() } else { self.take_spilled() };
        self.len -= 1;
        Some(Owner {
            member: self.roster.id(Ix::from_raw(entry.member)),
            port: entry.port,
            range: KeyRange::between(entry.start, entry.end),
        })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.len, Some(self.len))
    }
}

impl ExactSizeIterator for Route<'_> {}

/// The score of `member` for a key of a group.
#[inline]
fn score(seed: Hash, member: NodeId) -> u64 {
    seed.node(member).rank()
}

const RANK: [u64; 2] = [0x4cf5_ad43_2745_937f, 0x52dc_e729_3838_6f4b];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::{Epoch, Life};
    use core::net::SocketAddr;

    fn id(port: u16) -> NodeId {
        NodeId::from(SocketAddr::from(([10, 0, 0, 1], port)))
    }

    fn seed(key: u32) -> Hash {
        Hash::new(RANK, u64::from(key) ^ 77)
    }

    /// Three members, all six orders: each is as frequent as the others.
    #[test]
    fn ranks_are_spread_evenly() {
        for key_step in [1, 1 << 16, 0x9e37_79b9u32] {
            let mut orders = alloc::collections::BTreeMap::new();
            let keys = 60_000u32;
            for key in 0..keys {
                let seed = seed(key.wrapping_mul(key_step));
                let mut ranked = [1, 2, 3];
                ranked.sort_unstable_by_key(|port| core::cmp::Reverse(score(seed, id(*port))));
                *orders.entry(ranked).or_insert(0u32) += 1;
            }
            assert_eq!(orders.len(), 6);
            for (order, count) in orders {
                assert!((9_500..10_500).contains(&count), "{order:?}: {count} of {keys}");
            }
        }
    }

    /// A hundred members share a hundred thousand keys within what chance allows: 1,000 +- 160.
    #[test]
    fn keys_are_spread_evenly() {
        let mut counts = [0u32; 100];
        for key in 0..100_000 {
            let seed = seed(key);
            let best = (0..100).max_by_key(|port| score(seed, id(*port))).unwrap();
            counts[usize::from(best)] += 1;
        }
        assert!(counts.iter().all(|count| (840..1160).contains(count)), "{counts:?}");
    }

    /// Fixed for ever: nodes of different builds have to name the same first owner.
    #[test]
    fn scores_are_part_of_the_protocol() {
        assert_eq!(score(seed(2), id(3)), 6_858_657_838_670_438_527);
    }

    #[test]
    fn owners_come_by_rank_however_many() {
        let mut roster = Roster::new(Life { id: id(0), epoch: Epoch(1) }, 100);
        for port in 1..40 {
            roster.intern(id(port), Epoch(1)).unwrap();
        }
        for owners in [1, 7, 8, 9, 40] {
            let mut route = Route::new(&roster, 1, 2);
            for member in 0..owners {
                // Two ranges each: the same score, so they come by range.
                route.push(Entry { start: 1, end: 9, member, port: 1 });
                route.push(Entry { start: 0, end: 9, member, port: 1 });
            }
            let found: Vec<_> = route.map(|o| (o.member, o.range.start())).collect();
            let mut expected: Vec<_> = (0..owners as u16).map(id).collect();
            let seed = Hash::new(RANK, 1 ^ 2);
            expected.sort_by_key(|id| core::cmp::Reverse(score(seed, *id)));
            let twice = expected.into_iter().flat_map(|id| [(id, 0), (id, 1)]);
            assert_eq!(found, twice.collect::<Vec<_>>());
        }
    }
}
