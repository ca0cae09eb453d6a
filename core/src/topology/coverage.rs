//! Coverage: which keys of a group nobody serves, and which several do.

use alloc::collections::BinaryHeap;
use alloc::vec::Vec;
use core::cmp::Reverse;

use super::item::KeyRange;

/// How a group's ranges cover the key space, taking members as
/// [`DownMembers`](crate::topology::limits::DownMembers) says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Coverage {
    /// The keys that nobody serves, by rising key. At most one more than there are ranges.
    pub gaps: Vec<KeyRange>,
    /// The keys that are served more than once, by rising key. At most twice as many as there are
    /// ranges.
    pub overlaps: Vec<Overlap>,
}

/// Keys that are served more than once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Overlap {
    /// The keys.
    pub range: KeyRange,
    /// By how many items. A member that serves them under two ranges counts twice.
    pub owners: usize,
}

impl Coverage {
    /// Sweeps over ranges that are sorted by their start.
    pub(super) fn of(ranges: impl Iterator<Item = (u32, u32)>) -> Self {
        let mut ranges = ranges.peekable();
        let mut coverage = Self::default();
        // The ends of the ranges that hold `at`.
        let mut open = BinaryHeap::new();
        let mut at = 0u64;
        while at <= u64::from(u32::MAX) {
            while let Some((_, end)) = ranges.next_if(|(start, _)| u64::from(*start) <= at) {
                open.push(Reverse(end));
            }
            while open.peek().is_some_and(|Reverse(end)| u64::from(*end) < at) {
                open.pop();
            }
            let start = ranges.peek().map_or(1 << 32, |(start, _)| u64::from(*start));
            let end = open.peek().map_or(1 << 32, |Reverse(end)| u64::from(*end) + 1);
            let next = start.min(end);
            let range = KeyRange::between(at as u32, (next - 1) as u32);
            coverage.append(range, open.len());
            at = next;
        }
        coverage
    }

    fn append(&mut self, range: KeyRange, owners: usize) {
        match owners {
            0 => self.gaps.push(range),
            1 => {}
            _ => {
                if let Some(last) = self.overlaps.last_mut()
                    && last.owners == owners
                    && last.range.end().checked_add(1) == Some(range.start())
                {
                    last.range = KeyRange::between(last.range.start(), range.end());
                } else {
                    self.overlaps.push(Overlap { range, owners });
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Gaps = Vec<(u32, u32)>;
    type Overlaps = Vec<(u32, u32, usize)>;

    fn sweep(ranges: &[(u32, u32)]) -> (Gaps, Overlaps) {
        let coverage = Coverage::of(ranges.iter().copied());
        let plain = |range: KeyRange| (range.start(), range.end());
        let overlaps = coverage
            .overlaps
            .iter()
            .map(|overlap| (overlap.range.start(), overlap.range.end(), overlap.owners));
        (coverage.gaps.iter().copied().map(plain).collect(), overlaps.collect())
    }

    #[test]
    fn nothing_served_is_one_gap() {
        assert_eq!(sweep(&[]), (alloc::vec![(0, u32::MAX)], Vec::new()));
    }

    #[test]
    fn adjacent_ranges_leave_no_gap() {
        assert_eq!(sweep(&[(0, 9), (10, u32::MAX)]), (Vec::new(), Vec::new()));
    }

    #[test]
    fn gaps_lie_before_between_and_behind() {
        let (gaps, overlaps) = sweep(&[(5, 9), (11, 12)]);
        assert_eq!(gaps, [(0, 4), (10, 10), (13, u32::MAX)]);
        assert_eq!(overlaps, []);
    }

    #[test]
    fn overlaps_are_counted() {
        let (gaps, overlaps) = sweep(&[(0, u32::MAX), (3, 8), (5, 10), (u32::MAX, u32::MAX)]);
        assert_eq!(gaps, []);
        assert_eq!(overlaps, [(3, 4, 2), (5, 8, 3), (9, 10, 2), (u32::MAX, u32::MAX, 2)]);
    }

    #[test]
    fn neighbouring_overlaps_of_equal_depth_are_one() {
        let (_, overlaps) = sweep(&[(0, u32::MAX), (3, 4), (5, 6)]);
        assert_eq!(overlaps, [(3, 6, 2)]);
    }
}
