//! Routing: the owners of a key, best first.
//!
//! Owners are ranked by rendezvous hashing (Thaler, Ravishankar 1998): each has a score, a hash of
//! (group, key, member), and the largest is first. So all nodes with the same picture agree on an
//! order, keys spread evenly over the members that serve them, and a member that goes moves only
//! the keys for which it was first.

use alloc::vec::Vec;
use core::hint::select_unpredictable;

use super::Topology;
use super::group::Group;
use super::index::{Entry, Position};
use super::item::KeyRange;
use crate::base::{Epoch, Hash, Ix, NodeId, fold};

/// A member that serves a key, and under which range and port: what a look-up finds without looking at
/// anything else. [`Engine::owner`](crate::Engine::owner) tells the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Server {
    /// The member.
    pub member: NodeId,
    /// The port at which it serves the key.
    pub port: u16,
    /// The range that the key is a part of.
    pub range: KeyRange,
}

/// Orders the times at which an owner took a range: a fencing token.
///
/// A later life has the higher epoch, and within a life a later write the higher clock. So a store
/// that remembers the highest token of each owner refuses what an earlier life of the owner, or an
/// earlier term in the same life, still sends. What it does not fence, and what to use then, is told at
/// [`Owner`](crate::Owner).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fence {
    /// The owner's life.
    pub epoch: Epoch,
    /// The clock of the write by which it serves the range.
    pub clock: u64,
}

/// The owners of a key by falling score.
///
/// The best one is found in one look-up that keeps nothing else; all of them are sorted only when
/// the second is asked for. Up to [`INLINE`] take no allocation.
pub(super) struct Route<'a> {
    topology: &'a Topology,
    group: Option<&'a Group>,
    key: u32,
    /// How many owners have been asked for.
    asked: usize,
    ranked: Ranked,
}

/// Scores and positions, best first, once they are sorted.
#[derive(Clone, Default)]
struct Ranked {
    inline: [(u64, Position); INLINE],
    len: usize,
    /// All of them, once they are more.
    spill: Vec<(u64, Position)>,
}

const INLINE: usize = 8;

impl<'a> Route<'a> {
    /// The owners of `key` in a group.
    pub(super) fn new(topology: &'a Topology, group: Option<&'a Group>, key: u32) -> Self {
        Self { topology, group, key, asked: 0, ranked: Ranked::default() }
    }

    /// The owner with the largest score; `None` if there is no owner, or more than one of them.
    #[inline]
    fn best(&self, group: &Group) -> Option<Position> {
        let (mut top, mut second, mut best) = (0, 0, Position::default());
        scan(self.topology, group, self.key, |score, position| {
            // A branch here is as good as never predicted, and stalls the look-ups that follow.
            let is_better = score > top;
            second = select_unpredictable(is_better, top, score.max(second));
            best = select_unpredictable(is_better, position, best);
            top = select_unpredictable(is_better, score, top);
        });
        (top != second).then_some(best)
    }

    /// Sorts all owners.
    #[cold]
    fn rank(&mut self, group: &Group) {
        let Self { topology, key, ref mut ranked, .. } = *self;
        scan(topology, group, key, |score, position| ranked.push(score, position));
        // Members with equal scores come by id; the ranges of one member in their order.
        let tie = |position: Position| {
            let Entry { start, end, member, .. } = group.index.entry(position);
            (topology.roster.id(Ix::from_raw(member)), start, end)
        };
        ranked.as_mut_slice().sort_unstable_by(|(score, position), (other, place)| {
            other.cmp(score).then_with(|| tie(*position).cmp(&tie(*place)))
        });
    }

    /// All owners with their scores, best first.
    pub(super) fn scored(mut self) -> Vec<(u64, Server)> {
        let Some(group) = self.group else { return Vec::new() };
        self.rank(group);
        let ranked = self.ranked.as_slice().iter();
        ranked.map(|&(score, position)| (score, self.owner(group, position))).collect()
    }

    #[inline]
    fn owner(&self, group: &Group, position: Position) -> Server {
        let Entry { start, end, member, port } = group.index.entry(position);
        let member = self.topology.roster.id(Ix::from_raw(member));
        Server { member, port, range: KeyRange::between(start, end) }
    }
}

impl Iterator for Route<'_> {
    type Item = Server;

    #[inline]
    fn next(&mut self) -> Option<Server> {
        let group = self.group?;
        self.asked += 1;
        if self.asked == 1
            && let Some(position) = self.best(group)
        {
            return Some(self.owner(group, position));
        }
        if self.asked <= 2 && self.ranked.len == 0 {
            self.rank(group);
        }
        let (_, position) = *self.ranked.as_slice().get(self.asked - 1)?;
        Some(self.owner(group, position))
    }
}

impl Ranked {
    fn push(&mut self, score: u64, position: Position) {
        if let Some(place) = self.inline.get_mut(self.len) {
            *place = (score, position);
        } else {
            if self.spill.is_empty() {
                self.spill.extend_from_slice(&self.inline);
            }
            self.spill.push((score, position));
        }
        self.len += 1;
    }

    fn as_slice(&self) -> &[(u64, Position)] {
        if self.spill.is_empty() { &self.inline[..self.len] } else { &self.spill }
    }

    fn as_mut_slice(&mut self) -> &mut [(u64, Position)] {
        if self.spill.is_empty() { &mut self.inline[..self.len] } else { &mut self.spill }
    }
}

/// Calls `found` with the score and position of each owner of `key` that is shown.
#[inline]
fn scan(topology: &Topology, group: &Group, key: u32, mut found: impl FnMut(u64, Position)) {
    // All nodes have to agree on the scores: nothing but names, keys and ids goes into them.
    let seed = seed(group.rank, key);
    group.index.at(key, |member, position| {
        let member = Ix::from_raw(member);
        if topology.is_shown(member) {
            found(score(seed, topology.roster.hash(member)), position);
        }
    });
}

#[inline]
const fn seed(rank: u64, key: u32) -> u64 {
    Hash::new(RANK, key as u64 ^ rank).finish()
}

/// The score of a member, given the hash of its id, for a key of a group.
#[inline]
const fn score(seed: u64, member: u32) -> u64 {
    fold(seed ^ member as u64, 0x9e37_79b9_7f4a_7c15)
}

const RANK: [u64; 2] = [0x4cf5_ad43_2745_937f, 0x52dc_e729_3838_6f4b];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{GroupName, Status};
    use crate::topology::DownMembers;
    use crate::topology::roster::hash;

    fn id(port: u16) -> NodeId {
        NodeId::from_bits(port.into())
    }

    /// Three members, all six orders: each is as frequent as the others.
    #[test]
    fn ranks_are_spread_evenly() {
        for key_step in [1, 1 << 16, 0x9e37_79b9u32] {
            let mut orders = alloc::collections::BTreeMap::new();
            let keys = 60_000u32;
            for key in 0..keys {
                let seed = seed(77, key.wrapping_mul(key_step));
                let mut ranked = [1, 2, 3];
                ranked
                    .sort_unstable_by_key(|port| core::cmp::Reverse(score(seed, hash(id(*port)))));
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
            let seed = seed(77, key);
            let best = (0..100).max_by_key(|port| score(seed, hash(id(*port)))).unwrap();
            counts[usize::from(best)] += 1;
        }
        assert!(counts.iter().all(|count| (840..1160).contains(count)), "{counts:?}");
    }

    /// Fixed for ever: nodes of different builds have to name the same first owner.
    #[test]
    fn scores_are_part_of_the_protocol() {
        assert_eq!(score(seed(77, 2), hash(id(3))), 5_675_616_500_940_185_101);
    }

    #[test]
    fn owners_come_by_rank_however_many() {
        let group = GroupName::try_from("g").unwrap();
        for owners in [0, 1, 4, 5, 40] {
            let mut topology = Topology::new(id(1000), Epoch(1));
            for port in 0..owners {
                let mut other = Topology::new(id(port), Epoch(1));
                // Two ranges each: the same score, so they come by range.
                for start in [1, 0] {
                    other.add_item(&group, KeyRange::between(start, 9), 80).unwrap();
                }
                topology.merge(&group, &other.export(&group).unwrap());
            }
            let found: Vec<_> = topology.route(&group, 5).map(|o| (o.member, o.range)).collect();
            let rank = topology.groups.by_name(&group).map_or(0, |group| group.rank);
            let mut ranked: Vec<_> = (0..owners).map(id).collect();
            ranked.sort_by_key(|id| core::cmp::Reverse(score(seed(rank, 5), hash(*id))));
            let ranges = [KeyRange::between(0, 9), KeyRange::between(1, 9)];
            let twice = ranked.into_iter().flat_map(|id| ranges.map(|range| (id, range)));
            assert_eq!(found, twice.collect::<Vec<_>>());
        }
    }

    #[test]
    fn the_second_owner_is_first_when_the_first_is_hidden() {
        let group = GroupName::try_from("g").unwrap();
        let mut topology = Topology::new(id(1000), Epoch(1));
        for port in 0..10 {
            let mut other = Topology::new(id(port), Epoch(1));
            other.add_item(&group, KeyRange::FULL, port).unwrap();
            topology.merge(&group, &other.export(&group).unwrap());
        }
        let mut ranked: Vec<_> = topology.route(&group, 5).collect();
        assert_eq!(ranked.len(), 10);
        for status in [Status::Suspect, Status::Down, Status::Unreachable, Status::Left] {
            topology.set_status(ranked[0].member, status);
            if !status.is_present() {
                ranked.remove(0);
            }
            assert_eq!(topology.route(&group, 5).collect::<Vec<_>>(), ranked, "{status:?}");
        }
        topology.set_down_members(DownMembers::List);
        assert_eq!(topology.route(&group, 5).count(), 10);
    }
}
