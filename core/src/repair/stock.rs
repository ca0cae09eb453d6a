//! What a node holds, in the order of its positions, with sums over any range and coded symbols at
//! hand. It is made when a repair first needs it, and kept current change by change from then on.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::context::Context;
use crate::repair::coded::{CELLS, Cells, Element};
use crate::repair::root::{Move, Subject};
use crate::wire::{Coded, RangeSum};

/// Positions are divided by their first bits into so many parts, whose sums are kept.
const PARTS: usize = 256;
const PART_SHIFT: u32 = 56;

/// Fingerprints and how many there are of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Sum {
    sum: u64,
    count: u64,
}

impl Sum {
    fn plus(self, other: Self) -> Self {
        Self { sum: self.sum.wrapping_add(other.sum), count: self.count + other.count }
    }
}

/// All subjects of one moment, by position.
#[derive(Debug)]
pub(crate) struct Stock {
    entries: BTreeMap<(u64, Subject), u64>,
    parts: Box<[Sum; PARTS]>,
    /// The first coded symbols of all there is, from when they are first asked for.
    cells: Option<Cells>,
}

impl Stock {
    fn empty() -> Self {
        Self { entries: BTreeMap::new(), parts: Box::new([Sum::default(); PARTS]), cells: None }
    }

    /// Takes stock.
    fn take(ctx: &mut Context) -> Self {
        ctx.topology.root_mut().follow();
        ctx.peers.root_mut().follow();
        ctx.metadata.root_mut().follow();
        let key = ctx.topology.fingerprints();
        let mut stock = Self::empty();
        for ix in ctx.topology.roster().iter().filter(|&ix| ctx.peers.get(ix).counted) {
            let position = key.peer_position(ctx.id(ix));
            let fingerprint = ctx.peers.fingerprint(ix, &ctx.topology, ctx.status(ix));
            stock.insert(position, Subject::Peer(ix), fingerprint);
        }
        for (ix, position, fingerprint) in ctx.metadata.marks() {
            stock.insert(position, Subject::Metadata(ix), fingerprint);
        }
        for record in ctx.topology.records() {
            let subject = Subject::Record(record.group.clone(), record.member);
            stock.insert(record.position, subject, record.fingerprint);
        }
        stock
    }

    /// Makes `stock` the present one, by what has changed since if that is known.
    pub(crate) fn renew<'a>(stock: &'a mut Option<Self>, ctx: &mut Context) -> &'a mut Self {
        let moves = [ctx.topology.root_mut(), ctx.peers.root_mut(), ctx.metadata.root_mut()]
            .map(|root| root.moves());
        let present = match (stock.take(), moves) {
            (Some(mut stock), [Some(topology), Some(peers), Some(metadata)]) => {
                for one in topology.into_iter().chain(peers).chain(metadata) {
                    stock.step(one);
                }
                stock
            }
            _ => Self::take(ctx),
        };
        debug_assert_eq!(present.total().sum, ctx.root());
        stock.insert(present)
    }

    /// Forgets the stock.
    pub(crate) fn clear(stock: &mut Option<Self>, ctx: &mut Context) {
        if stock.take().is_some() {
            ctx.topology.root_mut().unfollow();
            ctx.peers.root_mut().unfollow();
            ctx.metadata.root_mut().unfollow();
        }
    }

    /// The sum over a range.
    pub(crate) fn sum(&self, from: u64, to: u64) -> RangeSum {
        let (first, last) = (part(from), part(to));
        let whole = |part: usize| {
            let start = (part as u64) << PART_SHIFT;
            from <= start && start | u64::MAX >> (64 - PART_SHIFT) <= to
        };
        let mut all = Sum::default();
        for part in first..=last {
            if whole(part) {
                all = all.plus(self.parts[part]);
                continue;
            }
            let start = (part as u64) << PART_SHIFT;
            let end = start | u64::MAX >> (64 - PART_SHIFT);
            for (_, sum) in self.range(from.max(start), to.min(end)) {
                all = all.plus(Sum { sum, count: 1 });
            }
        }
        RangeSum { from, to, sum: all.sum, count: all.count }
    }

    /// The subjects in a range.
    pub(crate) fn subjects(&self, from: u64, to: u64) -> impl Iterator<Item = &Subject> {
        self.range(from, to).map(|((_, subject), _)| subject)
    }

    /// The subjects in a range with their elements.
    pub(crate) fn elements(&self, from: u64, to: u64) -> impl Iterator<Item = (Element, &Subject)> {
        self.range(from, to).map(|((_, subject), print)| (Element::of(print), subject))
    }

    /// The first coded symbols of a range.
    pub(crate) fn cells(&mut self, from: u64, to: u64) -> Cells {
        let whole = (from, to) == (0, u64::MAX);
        if let Some(cells) = self.cells.as_ref().filter(|_| whole) {
            return cells.clone();
        }
        let mut cells = Cells::new(CELLS);
        for (element, _) in self.elements(from, to) {
            cells.toggle(element);
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
        for (seen, ((position, _), sum)) in (0_u64..).zip(self.range(from, to)) {
            let full = seen * parts / total > ranges.len() as u64;
            if full && *position > start {
                let to = position - 1;
                ranges.push(RangeSum { from: start, to, sum: open.sum, count: open.count });
                start = *position;
                open = Sum::default();
            }
            open = open.plus(Sum { sum, count: 1 });
        }
        ranges.push(RangeSum { from: start, to, sum: open.sum, count: open.count });
        ranges
    }

    fn total(&self) -> Sum {
        self.parts.iter().fold(Sum::default(), |all, &part| all.plus(part))
    }

    fn range(&self, from: u64, to: u64) -> impl Iterator<Item = (&(u64, Subject), u64)> {
        let least = (from, Subject::LEAST);
        let found = self.entries.range(least..);
        found
            .take_while(move |((position, _), _)| *position <= to)
            .map(|(place, &fingerprint)| (place, fingerprint))
    }

    fn step(&mut self, one: Move) {
        if one.came {
            self.insert(one.position, one.subject, one.fingerprint);
        } else {
            self.remove(one.position, one.subject, one.fingerprint);
        }
    }

    fn insert(&mut self, position: u64, subject: Subject, fingerprint: u64) {
        let part = &mut self.parts[part(position)];
        *part = part.plus(Sum { sum: fingerprint, count: 1 });
        if let Some(cells) = &mut self.cells {
            cells.toggle(Element::of(fingerprint));
        }
        self.entries.insert((position, subject), fingerprint);
    }

    fn remove(&mut self, position: u64, subject: Subject, fingerprint: u64) {
        let part = &mut self.parts[part(position)];
        part.sum = part.sum.wrapping_sub(fingerprint);
        part.count = part.count.saturating_sub(1);
        if let Some(cells) = &mut self.cells {
            cells.toggle(Element::of(fingerprint));
        }
        self.entries.remove(&(position, subject));
    }
}

fn part(position: u64) -> usize {
    (position >> PART_SHIFT) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::mix;
    use alloc::collections::BTreeSet;
    use quickcheck::quickcheck;

    fn stock(seeds: impl IntoIterator<Item = u64>) -> Stock {
        let mut stock = Stock::empty();
        for seed in seeds {
            stock.step(Move {
                position: mix(seed),
                subject: Subject::Peer(crate::roster::Ix::from_raw(seed as u32)),
                fingerprint: mix(!seed),
                came: true,
            });
        }
        stock
    }

    /// What [`Stock::sum`] answers, the slow way.
    fn sum(stock: &Stock, from: u64, to: u64) -> (u64, u64) {
        let held = stock.entries.iter().filter(|((at, _), _)| (from..=to).contains(at));
        held.fold((0, 0), |(sum, count), (_, &print)| (print.wrapping_add(sum), count + 1))
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
                        subject: Subject::Metadata(crate::roster::Ix::from_raw(seed as u32)),
                        fingerprint: mix(!seed),
                        came,
                    });
                }
            }
            got.cells(0, u64::MAX) == expected.cells(0, u64::MAX) && got.parts == expected.parts
        }
    }
}
