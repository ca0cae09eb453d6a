//! Rising numbers, among which a key's place is found fast.

use alloc::vec::Vec;

use crate::base::growth;

/// A rising row of numbers with a directory by their leading bits.
///
/// A look-up goes to the few numbers that share the key's leading bits. Where the numbers are evenly
/// spread, these lie in a short window that is counted; where they are all alike they are searched
/// by halving.
#[derive(Clone, Default)]
pub(super) struct Firsts {
    numbers: Vec<u32>,
    /// For each value of the leading bits, how many numbers have a lower one; empty for few
    /// numbers.
    lower: Vec<u32>,
    /// How many bits are not leading.
    shift: u32,
}

/// With fewer numbers there is no directory.
const FEW: usize = 64;
/// The numbers for each value of the leading bits are at least 2 to this, evenly spread.
const LOG_BUCKET: u32 = 2;
/// How many numbers are counted rather than searched.
const WINDOW: usize = 16;

impl Firsts {
    /// The numbers.
    pub(super) fn as_slice(&self) -> &[u32] {
        &self.numbers
    }

    /// How many numbers are at most `key`.
    #[inline]
    pub(super) fn count_up_to(&self, key: u32) -> usize {
        let bucket = (key >> self.shift) as usize;
        let (low, high) = match self.lower.get(bucket..bucket + 2) {
            Some(bounds) => (bounds[0] as usize, bounds[1] as usize),
            None => (0, self.numbers.len()),
        };
        // Counting a window of fixed width takes no branch that a processor would have to guess.
        let window = self.numbers.len().checked_sub(WINDOW).map(|last| last.min(low));
        if high - low <= WINDOW
            && let Some(from) = window
            && let Some(window) = self.numbers[from..].first_chunk::<WINDOW>()
        {
            let count: u32 = window.iter().map(|number| u32::from(*number <= key)).sum();
            return from + count as usize;
        }
        low + self.numbers[low..high].partition_point(|number| *number <= key)
    }

    pub(super) fn insert(&mut self, i: usize, number: u32) {
        growth::insert(&mut self.numbers, i, number);
        if !self.is_resized() {
            self.above(number).for_each(|lower| *lower += 1);
        }
    }

    pub(super) fn remove(&mut self, i: usize) {
        let number = self.numbers.remove(i);
        growth::shrink(&mut self.numbers);
        if !self.is_resized() {
            self.above(number).for_each(|lower| *lower -= 1);
        }
    }

    pub(super) fn set(&mut self, i: usize, number: u32) {
        let old = core::mem::replace(&mut self.numbers[i], number);
        if old != number {
            self.above(old).for_each(|lower| *lower -= 1);
            self.above(number).for_each(|lower| *lower += 1);
        }
    }

    /// The entries of the directory that count `number`.
    fn above(&mut self, number: u32) -> impl Iterator<Item = &mut u32> {
        self.lower.iter_mut().skip((number >> self.shift) as usize + 1)
    }

    /// Builds another directory if there are too few or too many numbers for this one.
    fn is_resized(&mut self) -> bool {
        let len = self.numbers.len();
        let bits = if len < FEW { 0 } else { len.ilog2() - LOG_BUCKET };
        let entries = if len < FEW { 0 } else { (1 << bits) + 1 };
        if entries == self.lower.len() {
            return false;
        }
        self.shift = (u32::BITS - bits).min(u32::BITS - 1);
        self.lower = Vec::with_capacity(entries);
        let mut count = 0;
        for bucket in 0..entries as u64 {
            let bound = bucket << self.shift;
            let rest = &self.numbers[count..];
            count += rest.iter().take_while(|number| u64::from(**number) < bound).count();
            self.lower.push(count as u32);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::ChaCha8Rng;
    use rand_core::{Rng, SeedableRng};

    /// Grows and shrinks through several sizes of the directory, and compares with a scan.
    fn compare(seed: u64, make: impl Fn(&mut ChaCha8Rng) -> u32) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut firsts = Firsts::default();
        let mut model: Vec<u32> = Vec::new();
        for step in 0..4_000 {
            let number = make(&mut rng);
            let at = model.partition_point(|other| *other < number);
            if step < 2_000 {
                firsts.insert(at, number);
                model.insert(at, number);
            } else {
                let at = at % model.len();
                firsts.remove(at);
                model.remove(at);
            }
            if let Some(last) = model.last() {
                let number = last.saturating_add(rng.next_u32() % 3);
                firsts.set(model.len() - 1, number);
                *model.last_mut().unwrap() = number;
            }
            for key in [0, number, number.saturating_add(1), u32::MAX, rng.next_u32()] {
                let expected = model.partition_point(|other| *other <= key);
                assert_eq!(firsts.count_up_to(key), expected, "seed {seed}, step {step}");
            }
            assert_eq!(firsts.as_slice(), model);
        }
    }

    #[test]
    fn agrees_with_a_scan_however_the_numbers_lie() {
        compare(1, |rng| rng.next_u32());
        compare(2, |rng| rng.next_u32() >> 24);
        compare(3, |rng| u32::MAX - (rng.next_u32() >> 20));
        compare(4, |rng| rng.next_u32() >> (rng.next_u32() % 32));
        compare(5, |_| 7);
    }
}
