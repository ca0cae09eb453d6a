//! Stock: an index over all that a node holds, in the order of positions, with sums over any range
//! and coded symbols at hand. It is built when a repair first needs it, and kept up to date change
//! by change from then on.

use alloc::vec::Vec;

use crate::base::Instant;
use crate::picture::Picture;
use crate::reconcile::{CELLS, Cells, Element, Entries, Move, Subject, Sum};
use crate::wire::{Coded, RangeSum};

/// All subjects, by position.
#[derive(Clone, Debug, Hash)]
pub(crate) struct Stock {
    entries: Entries,
    /// The first coded symbols of everything, once they have been asked for.
    cells: Option<Cells>,
    /// When it was last brought up to date.
    used: Instant,
}

impl Stock {
    /// Builds the index.
    fn take(picture: &mut Picture) -> Self {
        picture.topology.root_mut().follow();
        picture.peers.root_mut().follow();
        picture.attributes.root_mut().follow();
        let key = picture.topology.fingerprints();
        let counted = picture.topology.roster().iter().filter(|&ix| picture.state(ix).is_living());
        let peers = counted.map(|ix| {
            let fingerprint = picture.peers.fingerprint(ix, &picture.topology);
            (key.peer_position(picture.id(ix)), Subject::Peer(ix), fingerprint)
        });
        let records = picture.topology.records().map(|record| {
            let subject = Subject::Record(record.group.clone(), record.member);
            (record.position, subject, record.fingerprint)
        });
        let entries = Entries::of(peers.chain(picture.attributes.marks()).chain(records));
        Self { entries, cells: None, used: picture.now }
    }

    /// Brings `stock` up to date: by the changes since the last time if they are known, otherwise
    /// by building it anew.
    pub(crate) fn renew<'a>(stock: &'a mut Option<Self>, picture: &mut Picture) -> &'a mut Self {
        let moves =
            [picture.topology.root_mut(), picture.peers.root_mut(), picture.attributes.root_mut()]
                .map(|root| root.moves());
        let present = match (stock.take(), moves) {
            (Some(mut stock), [Some(topology), Some(peers), Some(attributes)]) => {
                stock.used = picture.now;
                for one in topology.into_iter().chain(peers).chain(attributes) {
                    stock.step(one);
                }
                stock
            }
            _ => Self::take(picture),
        };
        debug_assert_eq!(present.entries.total().sum, picture.root());
        stock.insert(present)
    }

    /// Drops the stock.
    pub(crate) fn clear(stock: &mut Option<Self>, picture: &mut Picture) {
        if stock.take().is_some() {
            picture.topology.root_mut().unfollow();
            picture.peers.root_mut().unfollow();
            picture.attributes.root_mut().unfollow();
        }
    }

    /// Drops a stock that has not been used for long: while news pours in many nodes are unequal to
    /// each other, and few of them repair at a time.
    pub(crate) fn clear_unused(stock: &mut Option<Self>, picture: &mut Picture) {
        let unused = |stock: &Self| {
            let count = u32::try_from(stock.entries.total().count).unwrap_or(u32::MAX);
            picture.now.since(stock.used)
                > picture.timing.index_each.saturating_mul(count).max(picture.timing.index_least)
        };
        if stock.as_ref().is_some_and(unused) {
            Self::clear(stock, picture);
        }
    }

    /// The sum over a range.
    pub(crate) fn sum(&self, from: u64, to: u64) -> RangeSum {
        let Sum { sum, count } = self.entries.sum(from, to);
        RangeSum { from, to, sum, count }
    }

    /// The subjects in a range.
    pub(crate) fn subjects(&self, from: u64, to: u64) -> impl Iterator<Item = Subject> {
        self.entries.range(from, to).map(|found| found.subject())
    }

    /// The subjects in a range whose elements are asked for.
    pub(crate) fn subjects_of(
        &self,
        from: u64,
        to: u64,
        mut asked: impl FnMut(Element) -> bool,
    ) -> Vec<Subject> {
        let found = self.entries.range(from, to);
        let found = found.filter(|found| asked(Element::of(found.fingerprint)));
        found.map(|found| found.subject()).collect()
    }

    /// The first coded symbols of a range.
    pub(crate) fn cells(&mut self, from: u64, to: u64) -> Cells {
        let whole = (from, to) == (0, u64::MAX);
        if let Some(cells) = self.cells.as_ref().filter(|_| whole) {
            return cells.clone();
        }
        let mut cells = Cells::new(CELLS);
        for found in self.entries.range(from, to) {
            cells.toggle(Element::of(found.fingerprint));
        }
        if whole {
            self.cells = Some(cells.clone());
        }
        cells
    }

    /// The first coded symbols of a range, as they are sent.
    pub(crate) fn coded(&mut self, from: u64, to: u64) -> Coded {
        let count = self.sum(from, to).count;
        let cells = self.cells(from, to).into();
        Coded { from, to, count, cells }
    }

    /// Splits a range into up to `parts` ranges of about equally many subjects.
    pub(crate) fn split(&self, from: u64, to: u64, parts: usize) -> Vec<RangeSum> {
        let total = self.sum(from, to).count.max(1);
        let parts = parts.max(1) as u64;
        let mut ranges = Vec::new();
        let mut open = Sum::default();
        let mut start = from;
        for (seen, found) in (0_u64..).zip(self.entries.range(from, to)) {
            let full = seen * parts / total > ranges.len() as u64;
            if full && found.position > start {
                let to = found.position - 1;
                ranges.push(RangeSum { from: start, to, sum: open.sum, count: open.count });
                start = found.position;
                open = Sum::default();
            }
            open = open.plus(found.fingerprint);
        }
        ranges.push(RangeSum { from: start, to, sum: open.sum, count: open.count });
        ranges
    }

    fn step(&mut self, one: Move) {
        if one.came {
            self.entries.insert(one.position, one.subject, one.fingerprint);
        } else if !self.entries.remove(one.position, &one.subject) {
            return;
        }
        if let Some(cells) = &mut self.cells {
            cells.toggle(Element::of(one.fingerprint));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Epoch, Life, NodeId, mix};
    use crate::out::Cause;
    use crate::picture::{State, of_one};
    use alloc::collections::BTreeSet;
    use core::net::SocketAddr;
    use quickcheck::quickcheck;

    fn stock(seeds: impl IntoIterator<Item = u64>) -> Stock {
        let entries = Entries::of(core::iter::empty());
        let mut stock = Stock { entries, cells: None, used: Instant::ZERO };
        for seed in seeds {
            stock.step(Move {
                position: mix(seed),
                subject: Subject::Peer(crate::base::Ix::of(seed as u32)),
                fingerprint: mix(!seed),
                came: true,
            });
        }
        stock
    }

    /// What [`Stock::sum`] returns, computed the slow way.
    fn sum(stock: &Stock, from: u64, to: u64) -> (u64, u64) {
        let all = stock.entries.range(0, u64::MAX);
        let held = all.filter(|found| (from..=to).contains(&found.position));
        held.fold((0, 0), |(sum, count), found| (found.fingerprint.wrapping_add(sum), count + 1))
    }

    #[test]
    fn a_stock_that_is_not_used_is_forgotten_and_taken_anew() {
        let id = NodeId::from_bits;
        let place = SocketAddr::from(([10, 0, 0, 2], 1)).into();
        let (mut picture, mut out) = of_one();
        let mut stock = None;
        let total = |stock: &mut Option<Stock>, picture: &mut Picture| {
            Stock::renew(stock, picture).sum(0, u64::MAX)
        };
        assert_eq!(total(&mut stock, &mut picture).count, 1);
        let life = Life { id: id(2), epoch: Epoch(1) };
        picture.admit(&mut out, life, &place, 0, State::Alive, Cause::Heard).unwrap();
        picture.now = picture.now + picture.timing.index_least;
        Stock::clear_unused(&mut stock, &mut picture);
        assert!(stock.is_some());
        let followed = total(&mut stock, &mut picture);
        picture.now = picture.now + picture.timing.index_least + picture.timing.index_each;
        Stock::clear_unused(&mut stock, &mut picture);
        assert!(stock.is_none() && picture.peers.root_mut().moves().is_none());
        let anew = total(&mut stock, &mut picture);
        assert_eq!((anew.sum, anew.count), (picture.root(), 2));
        assert_eq!(anew, followed);
    }

    quickcheck! {
        fn sums_and_splits_agree_with_a_list(seeds: BTreeSet<u32>, a: u64, b: u64, parts: u8) -> bool {
            let stock = stock(seeds.into_iter().map(u64::from));
            let (from, to) = (a.min(b), a.max(b));
            let got = stock.sum(from, to);
            let pieces = stock.split(from, to, parts.into());
            let joined = pieces.windows(2).all(|two| two[0].to + 1 == two[1].from);
            let count: u64 = pieces.iter().map(|piece| piece.count).sum();
            (got.sum, got.count) == sum(&stock, from, to)
                && joined
                && pieces.len() <= usize::from(parts).max(1)
                && (pieces[0].from, pieces[pieces.len() - 1].to) == (from, to)
                && count == got.count
                && pieces.iter().all(|piece| {
                    (piece.sum, piece.count) == sum(&stock, piece.from, piece.to)
                })
        }

        fn what_goes_leaves_no_trace(stays: BTreeSet<u16>, goes: BTreeSet<u16>) -> bool {
            let stays: Vec<u64> = stays.into_iter().map(u64::from).collect();
            let mut expected = stock(stays.iter().copied());
            let mut got = stock(stays);
            // From here on they are kept current.
            let _ = got.cells(0, u64::MAX);
            for seed in goes.into_iter().map(|seed| 1 << 16 | u64::from(seed)) {
                for came in [true, false] {
                    got.step(Move {
                        position: mix(seed),
                        subject: Subject::Attribute(crate::base::Ix::of(seed as u32), 0),
                        fingerprint: mix(!seed),
                        came,
                    });
                }
            }
            got.cells(0, u64::MAX) == expected.cells(0, u64::MAX) && got.entries.total() == expected.entries.total()
        }
    }
}
