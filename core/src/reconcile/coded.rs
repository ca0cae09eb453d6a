//! Rateless coded symbols: they tell in what two sets differ, from about one and a half words per
//! difference.
//!
//! Each element of a set is folded into some of a sequence of **cells**, with a chance that falls
//! as `1 / (1 + i / 2)` for cell `i`. Cells of two sets, folded onto each other, hold just the
//! elements that are in one of them. Where only one is left in a cell it shows itself, is taken out
//! of all its cells, and so uncovers others (Yang, Gilad, Alizadeh: *Practical Rateless Set
//! Reconciliation*, SIGCOMM 2024, sections 3 and 4).
//!
//! An **element** is 40 bits of a fingerprint and a check of 24 bits that follows from them, so
//! that a cell is one word and needs no check or count of its own.

use alloc::vec::Vec;

use crate::base::{fold, mix};

/// The most cells that are sent at once: a datagram of 1,200 bytes has room for this many.
pub(crate) const CELLS: usize = 136;

/// The bits of an element that are a check of the others.
const CHECK: u64 = 0xff_ffff;

/// An element of a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Element(u64);

impl Element {
    /// The element that stands for a fingerprint.
    pub(crate) fn of(fingerprint: u64) -> Self {
        Self::with_check(fingerprint & !CHECK)
    }

    /// The 40 bits that are not a check.
    pub(crate) fn bits(self) -> u64 {
        self.0 >> 24
    }

    fn with_check(bits: u64) -> Self {
        Self(bits | mix(bits) & CHECK)
    }

    /// The element that a cell holds, if it looks like just one.
    fn in_cell(cell: u64) -> Option<Self> {
        let element = Self::with_check(cell & !CHECK);
        (cell != 0 && element.0 == cell).then_some(element)
    }

    /// The cells that the element is folded into, below `end`.
    fn places(self, end: usize) -> impl Iterator<Item = usize> {
        let mut state = self.0;
        let first = (end > 0).then_some(0_usize);
        core::iter::successors(first, move |&at| {
            state = fold(state ^ SEED, STEP);
            at.checked_add(gap(at, state)).filter(|&next| next < end)
        })
    }
}

const SEED: u64 = 0xa076_1d64_78bd_642f;
const STEP: u64 = 0xe703_7ed1_a0b4_28db;

/// How far it is from cell `at` to the next cell of an element, for a random word: the smallest
/// whole number not below `(at + 3/2) (1 / sqrt(u) - 1)`, with `u` uniform in (0, 1].
fn gap(at: usize, random: u64) -> usize {
    // The square root of u, scaled by 2^32.
    let root = random.isqrt().max(1);
    // All cells that are sent lie far below those for which this is too large for a word.
    let gap = (2 * at as u64 + 3).saturating_mul((1 << 32) - root).div_ceil(2 * root);
    usize::try_from(gap).unwrap_or(usize::MAX).max(1)
}

/// The first cells of a set.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Cells(Vec<u64>);

/// What came of taking cells apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Decoded {
    /// The elements that are in one of the sets only.
    All(Vec<Element>),
    /// There are too many: about this number.
    TooMany(usize),
}

impl From<Cells> for Vec<u64> {
    fn from(cells: Cells) -> Self {
        cells.0
    }
}

impl Cells {
    /// The first `len` cells of the empty set.
    pub(crate) fn new(len: usize) -> Self {
        Self(alloc::vec![0; len])
    }

    /// The first cells of a set as another node has sent them.
    pub(crate) fn received(cells: &[u64]) -> Self {
        Self(cells.iter().copied().take(CELLS).collect())
    }

    pub(crate) fn as_slice(&self) -> &[u64] {
        &self.0
    }

    /// Adds an element that is not in the set, or removes one that is.
    pub(crate) fn toggle(&mut self, element: Element) {
        for place in element.places(self.0.len()) {
            self.0[place] ^= element.0;
        }
    }

    /// Folds the cells of another set onto these; the longer of both is cut.
    pub(crate) fn fold(&mut self, other: &[u64]) {
        self.0.truncate(other.len());
        for (mine, theirs) in self.0.iter_mut().zip(other) {
            *mine ^= theirs;
        }
    }

    /// Takes apart what has been folded.
    pub(crate) fn decode(mut self) -> Decoded {
        let guess = self.guess();
        let mut elements = Vec::new();
        let mut open: Vec<usize> = (0..self.0.len()).rev().collect();
        while let Some(at) = open.pop() {
            let Some(element) = Element::in_cell(self.0[at]) else {
                continue;
            };
            // A cell that only looks like an element could go round for ever.
            if elements.len() >= self.0.len() {
                return Decoded::TooMany(guess);
            }
            elements.push(element);
            for place in element.places(self.0.len()) {
                self.0[place] ^= element.0;
                open.push(place);
            }
        }
        if self.0.iter().all(|&cell| cell == 0) && !self.0.is_empty() {
            Decoded::All(elements)
        } else {
            Decoded::TooMany(guess)
        }
    }

    /// About how many elements there are, from the share of empty cells in the second half, each
    /// of which has an element with a chance of one in its number over two.
    fn guess(&self) -> usize {
        let half = &self.0[self.0.len() / 2..];
        let empty = half.iter().filter(|&&cell| cell == 0).count().max(1);
        // A cell stays empty with a chance of e^(-d/m), where m is half its number in the mean.
        let ratio = half.len() / empty;
        let halvings = ratio.checked_ilog2().unwrap_or(0) as usize;
        let mean = self.0.len() * 3 / 8;
        // The natural logarithm of 2 is about 7/10.
        mean * halvings * 7 / 10
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeSet;
    use quickcheck::quickcheck;

    fn element(seed: u64) -> Element {
        Element::of(mix(seed))
    }

    fn cells(len: usize, seeds: impl IntoIterator<Item = u64>) -> Cells {
        let mut cells = Cells::new(len);
        for seed in seeds {
            cells.toggle(element(seed));
        }
        cells
    }

    /// How many of a number of trials with `d` differences decode.
    fn successes(d: u64, trials: u64) -> u64 {
        let trial = |trial: u64| cells(CELLS, trial * d..(trial + 1) * d);
        let ended = (1..=trials).map(|number| trial(number).decode());
        ended
            .filter(|decoded| matches!(decoded, Decoded::All(all) if all.len() == d as usize))
            .count() as u64
    }

    #[test]
    fn one_datagram_settles_forty_differences_for_sure_and_eighty_nearly_always() {
        assert_eq!(successes(40, 1000), 1000);
        assert!(successes(80, 1000) >= 950, "{}", successes(80, 1000));
        assert_eq!(successes(300, 100), 0);
    }

    #[test]
    fn cells_are_hit_as_often_as_the_paper_says() {
        let mut hits = [0_u32; 64];
        for seed in 0..20_000 {
            for place in element(seed).places(64) {
                hits[place] += 1;
            }
        }
        assert_eq!(hits[0], 20_000);
        for (at, &hits) in hits.iter().enumerate() {
            let expected = 20_000 * 2 / (2 + at as u32);
            let error = hits.abs_diff(expected) * 100 / expected;
            assert!(error < 15, "cell {at}: {hits} instead of {expected}");
        }
    }

    #[test]
    fn the_guess_has_the_right_size() {
        for (d, least, most) in [(150, 60, 300), (200, 80, 400)] {
            let Decoded::TooMany(guess) = cells(CELLS, 0..d).decode() else { panic!("{d}") };
            assert!((least..=most).contains(&guess), "{guess} for {d}");
        }
    }

    /// Three elements that share all their cells with each other: no cell holds just one.
    #[test]
    fn what_does_not_come_apart_is_told() {
        let mine = 2_391_436_343_527_649_615 << 2 | 1;
        let theirs = [543_223_460_732_003_386 << 2 | 2, 5_712_117_319_083_448_514 << 2 | 2];
        assert!(matches!(cells(CELLS, [mine]).decode(), Decoded::All(_)));
        let three = theirs.into_iter().chain([mine]);
        assert!(matches!(cells(CELLS, three).decode(), Decoded::TooMany(_)));
        for few in [1, 2, 3, 10, 20] {
            assert!(successes(few, 10_000) >= 9_990, "{few}: {}", successes(few, 10_000));
        }
    }

    #[test]
    fn noise_is_not_taken_for_a_set() {
        for seed in 0..200 {
            let noise: Vec<u64> = (0..CELLS as u64).map(|at| mix(seed << 32 | at)).collect();
            assert!(matches!(Cells::received(&noise).decode(), Decoded::TooMany(_)));
        }
    }

    quickcheck! {
        /// Or, which is rare, it is told that the cells do not come apart.
        fn what_differs_is_found(common: BTreeSet<u64>, mine: BTreeSet<u64>, theirs: BTreeSet<u64>)
            -> bool
        {
            let common: BTreeSet<u64> = common.into_iter().map(|seed| seed << 2).collect();
            let only = |set: BTreeSet<u64>, bit: u64| -> BTreeSet<u64> {
                set.into_iter().take(20).map(|seed| seed << 2 | bit).collect()
            };
            let (mine, theirs) = (only(mine, 1), only(theirs, 2));
            let mut folded = cells(CELLS, common.union(&mine).copied());
            folded.fold(cells(CELLS, common.union(&theirs).copied()).as_slice());
            let expected: BTreeSet<Element> =
                mine.union(&theirs).map(|&seed| element(seed)).collect();
            match folded.decode() {
                Decoded::All(found) => found.into_iter().collect::<BTreeSet<_>>() == expected,
                Decoded::TooMany(_) => expected.len() > 1,
            }
        }

        /// An adversary's cells neither run for ever nor yield more elements than there are cells.
        fn any_cells_end(cells: Vec<u64>) -> bool {
            match Cells::received(&cells).decode() {
                Decoded::All(found) => found.len() <= cells.len(),
                Decoded::TooMany(_) => true,
            }
        }
    }
}
