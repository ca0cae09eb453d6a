//! The peers that are thought to live, on a ring of hashed positions.

use alloc::vec::Vec;

use crate::growth;
use crate::roster::Ix;

/// Peers by their position on the ring. This node itself is not among them.
#[derive(Debug, Default)]
pub(crate) struct Ring {
    places: Vec<(u32, Ix)>,
}

impl Ring {
    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }

    /// The peer in place `at`, counted from position 0.
    pub(crate) fn at(&self, at: usize) -> Ix {
        self.places[at].1
    }

    /// The peer at a position or after it, once around.
    pub(crate) fn at_or_after(&self, position: u32) -> Option<Ix> {
        self.interval(position, position).next().map(|(_, ix)| ix)
    }

    /// The peers from the one half-way round the ring on, seen from a node at `position`.
    ///
    /// Among nodes that know the same peers each is half-way round for just one other, and of more
    /// than two no two for each other: who looks at a node is not to be looked at by it, as of two
    /// that die together neither would be missed.
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

    /// Enters a peer; `position` is that of its id, of which the upper half counts.
    pub(crate) fn insert(&mut self, position: u64, ix: Ix) {
        let place = (upper(position), ix);
        if let Err(at) = self.places.binary_search(&place) {
            growth::reserve_one(&mut self.places);
            self.places.insert(at, place);
        }
    }

    pub(crate) fn remove(&mut self, position: u64, ix: Ix) {
        if let Ok(at) = self.places.binary_search(&(upper(position), ix)) {
            self.places.remove(at);
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
            ring.insert(u64::from(position) << 32, Ix::from_raw(index as u32));
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
                    others[ix.raw() as usize]
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
        ring.remove(10 << 32, Ix::from_raw(0));
        ring.remove(20 << 32, Ix::from_raw(7));
        assert_eq!(interval(&ring, 0, 0), [20]);
    }
}
