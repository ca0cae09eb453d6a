//! The peers that are thought to live, on a ring of hashed positions.

use alloc::vec::Vec;
use core::cmp::Ordering;

use crate::base::{Ix, growth};

/// Peers by their position on the ring. This node itself is not among them.
#[derive(Clone, Debug, Default, Hash)]
pub(crate) struct Ring {
    places: Vec<(u32, Ix)>,
    /// Grows with each change of a peer, whether or not it stays on the ring.
    version: u64,
}

/// Consecutive peers on a ring, once around at most, except one that may be left out. They are
/// counted by order statistics, as there may be as many as the cluster has.
#[derive(Clone, Copy)]
pub(crate) struct Stretch<'a> {
    places: &'a [(u32, Ix)],
    start: usize,
    len: usize,
    /// The place of the one that is left out.
    gap: Option<usize>,
}

impl Stretch<'_> {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn get(&self, at: usize) -> (u32, Ix) {
        let at = self.start + at + usize::from(self.gap.is_some_and(|gap| gap <= at));
        self.places[if at < self.places.len() { at } else { at - self.places.len() }]
    }
}

impl Ring {
    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }

    /// The peer in place `at`, counted from position 0.
    pub(crate) fn at(&self, at: usize) -> Ix {
        self.places[at].1
    }

    /// The peers from the one half-way round the ring on, seen from a node at `position`.
    ///
    /// Among nodes that know the same peers, each is half-way round for exactly one other, and of
    /// more than two nodes no two are so for each other. If two nodes probed each other and died
    /// together, neither would be missed.
    pub(crate) fn opposite(&self, position: u32) -> impl Iterator<Item = Ix> + '_ {
        let before = self.places.partition_point(|&(other, _)| other < position);
        // The node itself has a place as well, after those before it.
        let nodes = self.places.len() + 1;
        let half = ((nodes - 1) / 2).max(1);
        let place = (before + half) % nodes;
        let start = place - usize::from(place > before);
        let (before, after) = self.places.split_at(start.min(self.places.len()));
        after.iter().chain(before).map(|&(_, ix)| ix)
    }

    /// The peers of [`Ring::interval`], except one if it is among them.
    pub(crate) fn stretch(&self, from: u32, until: u32, without: Option<(u32, Ix)>) -> Stretch<'_> {
        let before = |border| self.places.partition_point(|&(position, _)| position < border);
        let (start, end, all) = (before(from), before(until), self.places.len());
        let len = match from.cmp(&until) {
            Ordering::Less => end - start,
            Ordering::Equal => all,
            Ordering::Greater => all - start + end,
        };
        let found = without.and_then(|place| self.places.binary_search(&place).ok());
        let gap = found
            .map(|at| if at >= start { at - start } else { at + all - start })
            .filter(|&gap| gap < len);
        Stretch { places: &self.places, start, len: len - usize::from(gap.is_some()), gap }
    }

    /// The peers of a ring that fit.
    pub(crate) fn filtered(&self, fits: impl Fn(Ix) -> bool) -> Self {
        let places = self.places.iter().filter(|(_, ix)| fits(*ix)).copied().collect();
        Self { places, version: 0 }
    }

    /// Some peers with their positions, if they are on this ring.
    pub(crate) fn of(&self, peers: impl Iterator<Item = (u32, Ix)>) -> Self {
        let known = peers.filter(|place| self.places.binary_search(place).is_ok());
        let mut places: Vec<(u32, Ix)> = known.collect();
        places.sort_unstable();
        places.dedup();
        Self { places, version: 0 }
    }

    pub(crate) const fn version(&self) -> u64 {
        self.version
    }

    /// Notes that something about a peer has changed.
    pub(crate) const fn touch(&mut self) {
        self.version += 1;
    }

    /// Enters a peer; `position` is that of its id, of which the upper half counts.
    pub(crate) fn insert(&mut self, position: u64, ix: Ix) {
        let place = (upper(position), ix);
        if let Err(at) = self.places.binary_search(&place) {
            growth::reserve_one(&mut self.places);
            self.places.insert(at, place);
            self.touch();
        }
    }

    pub(crate) fn remove(&mut self, position: u64, ix: Ix) {
        if let Ok(at) = self.places.binary_search(&(upper(position), ix)) {
            self.places.remove(at);
            self.touch();
        }
    }

    /// The peers in the interval from `from` up to but not including `until`, once around if both
    /// are equal; in the order of the ring.
    pub(crate) fn interval(&self, from: u32, until: u32) -> impl Iterator<Item = (u32, Ix)> + '_ {
        let start = self.places.partition_point(|&(position, _)| position < from);
        let (before, after) = self.places.split_at(start);
        let span = until.wrapping_sub(from);
        after
            .iter()
            .chain(before)
            .copied()
            .take_while(move |(position, _)| span == 0 || position.wrapping_sub(from) < span)
    }
}

fn upper(position: u64) -> u32 {
    (position >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(positions: &[u32]) -> Ring {
        let mut ring = Ring::default();
        for (index, &position) in positions.iter().enumerate() {
            ring.insert(u64::from(position) << 32, Ix::of(index as u32));
        }
        ring
    }

    fn interval(ring: &Ring, from: u32, until: u32) -> Vec<u32> {
        ring.interval(from, until).map(|(position, _)| position).collect()
    }

    #[test]
    fn intervals_wrap_and_exclude_their_end() {
        let ring = ring(&[10, 20, 30, u32::MAX]);
        assert_eq!(interval(&ring, 10, 30), [10, 20]);
        assert_eq!(interval(&ring, 11, 31), [20, 30]);
        assert_eq!(interval(&ring, 30, 11), [30, u32::MAX, 10]);
        assert_eq!(interval(&ring, 15, 15), [20, 30, u32::MAX, 10]);
        assert_eq!(interval(&ring, 11, 20), [0_u32; 0]);
    }

    /// A stretch counts and picks as the list of its interval would.
    #[test]
    fn a_stretch_is_its_interval() {
        let ring = ring(&[10, 20, 20, 30, u32::MAX]);
        let borders = [0, 10, 11, 20, 21, 30, 31, u32::MAX];
        for (from, until) in borders.iter().flat_map(|a| borders.iter().map(move |b| (*a, *b))) {
            let all: Vec<(u32, Ix)> = ring.interval(from, until).collect();
            let without = ring.places.iter().copied().map(Some).chain([None, Some((15, Ix::ME))]);
            for without in without {
                let stretch = ring.stretch(from, until, without);
                let listed: Vec<_> = (0..stretch.len()).map(|at| stretch.get(at)).collect();
                let expected: Vec<_> =
                    all.iter().copied().filter(|place| Some(*place) != without).collect();
                assert_eq!(listed, expected, "{from} to {until} without {without:?}");
            }
        }
    }

    #[test]
    fn each_is_opposite_of_just_one() {
        for nodes in 2..40_u32 {
            let positions: Vec<u32> = (0..nodes).map(|node| node * 1_000 + node * node).collect();
            let opposite: Vec<u32> = positions
                .iter()
                .map(|&mine| {
                    let others: Vec<u32> =
                        positions.iter().copied().filter(|&other| other != mine).collect();
                    let ix = ring(&others).opposite(mine).next().unwrap();
                    others[ix.index()]
                })
                .collect();
            let of = |mine: u32| opposite[positions.binary_search(&mine).unwrap()];
            assert!(nodes == 2 || positions.iter().all(|&mine| of(of(mine)) != mine));
            let mut sorted = opposite.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, positions);
        }
        assert_eq!(Ring::default().opposite(7).next(), None);
    }

    #[test]
    fn a_removed_peer_is_gone() {
        let mut ring = ring(&[10, 20]);
        ring.remove(10 << 32, Ix::of(0));
        ring.remove(20 << 32, Ix::of(7));
        assert_eq!(interval(&ring, 0, 0), [20]);
    }
}
