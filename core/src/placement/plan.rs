//! From candidates to owners: bounded load, replicas in different zones, few moves.
//!
//! Slots and candidates choose each other by one score, as in deferred acceptance (Gale, Shapley
//! 1962): a slot asks the candidate that ranks highest for it, a candidate that has more than its
//! share gives up the slot that ranks lowest at it, and that slot asks the next one. The result does
//! not depend on the order of the candidates, and a change of one candidate displaces little else
//! (compare Mirrokni, Thorup, Zadimoghaddam: *Consistent Hashing with Bounded Loads*, 2018).

use alloc::collections::BinaryHeap;
use alloc::vec::Vec;
use core::cmp::Reverse;

use super::score::{score, seed};
use super::slots::Slots;
use crate::base::{GroupName, NodeId};

/// A node that may serve slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Candidate {
    /// The node.
    pub node: NodeId,
    /// How many slots it takes, compared with others. With 0, for example while it drains, it gets
    /// none.
    pub weight: u16,
    /// Nodes that share a zone are expected to fail together: replicas go to different ones.
    pub zone: u32,
}

impl Candidate {
    /// A node of weight 1 in zone 0.
    #[must_use]
    pub const fn new(node: NodeId) -> Self {
        Self { node, weight: 1, zone: 0 }
    }
}

/// How slots are placed. All members of a group must use the same placement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Placement {
    slots: Slots,
    replicas: usize,
    load: u32,
}

impl Placement {
    /// The most owners of a slot.
    pub const MOST_REPLICAS: usize = 8;

    /// The most candidates; of more, those with the highest ids are left out.
    pub const MOST_CANDIDATES: usize = u16::MAX as usize;

    /// One owner for each slot, and no node with more than 125 % of its share.
    #[must_use]
    pub const fn new(slots: Slots) -> Self {
        Self { slots, replicas: 1, load: 125 }
    }

    /// As many different owners for each slot: 1 to [`Placement::MOST_REPLICAS`], other numbers
    /// count as the nearest of these. If there are fewer candidates, all of them own each slot.
    #[must_use]
    pub const fn with_replicas(mut self, replicas: usize) -> Self {
        self.replicas = match replicas {
            0 => 1,
            1..=Self::MOST_REPLICAS => replicas,
            _ => Self::MOST_REPLICAS,
        };
        self
    }

    /// The most that a node serves, in percent of its share; less than 100 counts as 100. The lower
    /// it is, the more slots move when candidates change: with 125 % and 64 slots or more for each node at
    /// most 1.2 times those that one which comes gets, or one which goes had. It gives way only if a slot
    /// would have fewer owners otherwise.
    #[must_use]
    pub const fn with_load(mut self, percent: u16) -> Self {
        self.load = if percent < 100 { 100 } else { percent as u32 };
        self
    }

    /// The slots.
    #[must_use]
    pub const fn slots(&self) -> Slots {
        self.slots
    }

    /// Places all slots of a group. The order of the candidates does not matter; of two with one
    /// node the one with the higher weight counts.
    ///
    /// Takes time in proportion to slots, replicas and candidates, and more the closer the load is to
    /// 100 %: 4,096 slots and 64 candidates take some milliseconds, 65,536 and 1,000 take seconds.
    /// Keep the plan until the candidates change.
    #[must_use]
    pub fn plan(&self, group: &GroupName, candidates: &[Candidate]) -> Plan {
        let mut candidates: Vec<Candidate> =
            candidates.iter().copied().filter(|candidate| candidate.weight > 0).collect();
        candidates.sort_unstable_by_key(|it| (it.node, Reverse(it.weight), it.zone));
        candidates.dedup_by_key(|candidate| candidate.node);
        candidates.truncate(Self::MOST_CANDIDATES);
        let width = self.replicas.min(candidates.len());
        let mut draft = Draft::new(self, group, &candidates, width);
        draft.place();
        let owners = draft.finish();
        Plan {
            slots: self.slots,
            width,
            nodes: candidates.into_iter().map(|candidate| candidate.node).collect(),
            owners,
        }
    }
}

/// Which nodes own which slots.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Plan {
    slots: Slots,
    /// How many owners each slot has.
    width: usize,
    nodes: Vec<NodeId>,
    /// The owners of all slots, as places in `nodes`.
    owners: Vec<u16>,
}

impl Plan {
    /// The slots.
    #[must_use]
    pub const fn slots(&self) -> Slots {
        self.slots
    }

    /// How many owners each slot has.
    #[must_use]
    pub const fn replicas(&self) -> usize {
        self.width
    }

    /// The owners of a slot, best first; none if there are no candidates or no such slot.
    pub fn owners(&self, slot: u32) -> impl Iterator<Item = NodeId> + Clone + use<'_> {
        let start = (slot as usize).saturating_mul(self.width);
        let owners = self.owners.get(start..start.saturating_add(self.width)).unwrap_or_default();
        owners.iter().map(|&owner| self.nodes[usize::from(owner)])
    }

    /// The slots that a node owns, by number.
    pub fn slots_of(&self, node: NodeId) -> impl Iterator<Item = u32> + use<'_> {
        let all = 0..if self.width == 0 { 0 } else { self.slots.count() };
        all.filter(move |&slot| self.owners(slot).any(|owner| owner == node))
    }
}

/// A slot at a candidate; the one with the lowest score is the first to go.
type Seat = Reverse<(u128, u32)>;

/// A plan in the making.
struct Draft<'a> {
    candidates: &'a [Candidate],
    seeds: Vec<u64>,
    width: usize,
    /// The most slots of each candidate.
    most: Vec<usize>,
    /// The slots of each candidate.
    seats: Vec<BinaryHeap<Seat>>,
    /// The owners of each slot, and the candidates that have refused it.
    owners: Vec<Vec<u16>>,
    refused: Vec<Vec<u16>>,
}

impl<'a> Draft<'a> {
    fn new(
        placement: &Placement,
        group: &GroupName,
        candidates: &'a [Candidate],
        width: usize,
    ) -> Self {
        let count = placement.slots.count();
        let total: u64 = candidates.iter().map(|candidate| u64::from(candidate.weight)).sum();
        let seats = u64::from(count) * width as u64;
        let most = |candidate: &Candidate| {
            let share =
                u128::from(seats) * u128::from(placement.load) * u128::from(candidate.weight);
            share.div_ceil(100 * u128::from(total)) as usize
        };
        Self {
            seeds: (0..count).map(|slot| seed(group, slot)).collect(),
            width,
            most: candidates.iter().map(most).collect(),
            seats: alloc::vec![BinaryHeap::new(); candidates.len()],
            owners: alloc::vec![Vec::new(); count as usize],
            refused: alloc::vec![Vec::new(); count as usize],
            candidates,
        }
    }

    fn score(&self, slot: u32, candidate: u16) -> u128 {
        let Candidate { node, weight, .. } = self.candidates[usize::from(candidate)];
        score(self.seeds[slot as usize], node, weight)
    }

    /// The candidate that ranks highest for a slot among those that fit.
    fn best(&self, slot: u32, fits: impl Fn(u16) -> bool) -> Option<u16> {
        let all = 0..self.candidates.len() as u16;
        all.filter(|&it| fits(it)).max_by_key(|&it| (self.score(slot, it), Reverse(it)))
    }

    /// Lets each slot ask candidates until it has its owners or nobody is left.
    fn place(&mut self) {
        let mut waiting: Vec<u32> = (0..self.seeds.len() as u32).rev().collect();
        while let Some(slot) = waiting.pop() {
            while self.owners[slot as usize].len() < self.width {
                let Some(candidate) = self.next(slot) else { break };
                self.owners[slot as usize].push(candidate);
                let seat = Reverse((self.score(slot, candidate), slot));
                let seats = &mut self.seats[usize::from(candidate)];
                seats.push(seat);
                if seats.len() <= self.most[usize::from(candidate)] {
                    continue;
                }
                if let Some(Reverse((_, displaced))) = seats.pop() {
                    self.owners[displaced as usize].retain(|&owner| owner != candidate);
                    self.refused[displaced as usize].push(candidate);
                    if displaced != slot {
                        waiting.push(displaced);
                    }
                }
            }
        }
    }

    /// The candidate that a slot asks next: one in a zone of its own, if there is any.
    fn next(&self, slot: u32) -> Option<u16> {
        let (owners, refused) = (&self.owners[slot as usize], &self.refused[slot as usize]);
        let free = |it: u16| !owners.contains(&it) && !refused.contains(&it);
        let zone = |it: u16| self.candidates[usize::from(it)].zone;
        let apart = |it: u16| owners.iter().all(|&owner| zone(owner) != zone(it));
        self.best(slot, |it| free(it) && apart(it)).or_else(|| self.best(slot, free))
    }

    /// The owners of all slots, best first. What found no place goes to the candidate that ranks
    /// highest, whatever that one serves.
    fn finish(mut self) -> Vec<u16> {
        let mut all = Vec::with_capacity(self.owners.len() * self.width);
        for slot in 0..self.owners.len() as u32 {
            let mut owners = core::mem::take(&mut self.owners[slot as usize]);
            while owners.len() < self.width {
                let Some(more) = self.best(slot, |it| !owners.contains(&it)) else { break };
                owners.push(more);
            }
            owners.sort_by_key(|&it| (Reverse(self.score(slot, it)), it));
            all.append(&mut owners);
        }
        all
    }
}

#[cfg(test)]
mod tests;
