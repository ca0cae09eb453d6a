//! A row of numbers in which the last one that reaches a key is found without a scan.

use alloc::vec::Vec;

use crate::base::growth;

/// A row of numbers and, above it, rows with one number for each block of the row below: its
/// largest one. A search looks at one block of each row.
#[derive(Clone)]
pub(super) struct Maxima {
    rows: Vec<Vec<[u32; BLOCK]>>,
    /// Numbers in the lowest row. Zeros lie behind the last one.
    len: usize,
}

/// Numbers in a block.
const BLOCK: usize = 16;

impl Maxima {
    pub(super) const fn new() -> Self {
        Self { rows: Vec::new(), len: 0 }
    }

    pub(super) fn set(&mut self, i: usize, value: u32) {
        self.rows[0].as_flattened_mut()[i] = value;
        let mut block = i / BLOCK;
        for row in 1..self.rows.len() {
            let largest = largest(&self.rows[row - 1][block]);
            let place = &mut self.rows[row].as_flattened_mut()[block];
            if *place == largest {
                return;
            }
            *place = largest;
            block /= BLOCK;
        }
    }

    pub(super) fn insert(&mut self, i: usize, value: u32) {
        if self.rows.is_empty() {
            self.rows.push(Vec::new());
        }
        if self.len == self.rows[0].len() * BLOCK {
            growth::push(&mut self.rows[0], [0; BLOCK]);
        }
        let numbers = self.rows[0].as_flattened_mut();
        numbers.copy_within(i..self.len, i + 1);
        numbers[i] = value;
        self.len += 1;
        self.summarize(i / BLOCK);
    }

    pub(super) fn remove(&mut self, i: usize) {
        let numbers = self.rows[0].as_flattened_mut();
        numbers.copy_within(i + 1..self.len, i);
        self.len -= 1;
        numbers[self.len] = 0;
        self.rows[0].truncate(self.len.div_ceil(BLOCK));
        growth::shrink(&mut self.rows[0]);
        self.summarize(i / BLOCK);
    }

    /// Writes the rows above the lowest anew, from its block `from` on.
    fn summarize(&mut self, mut from: usize) {
        let mut row = 0;
        while self.rows[row].len() > 1 {
            if row + 1 == self.rows.len() {
                self.rows.push(Vec::new());
                from = 0;
            }
            let (below, above) = self.rows.split_at_mut(row + 1);
            let (below, above) = (&below[row], &mut above[0]);
            above.resize(below.len().div_ceil(BLOCK), [0; BLOCK]);
            let places = above.as_flattened_mut();
            places[below.len()..].fill(0);
            for block in from..below.len() {
                places[block] = largest(&below[block]);
            }
            from /= BLOCK;
            row += 1;
        }
        self.rows.truncate(row + 1);
    }

    /// The largest `i` below `before` whose number is at least `key`.
    pub(super) fn last_reaching(&self, before: usize, key: u32) -> Option<usize> {
        let mut last = before.checked_sub(1)?;
        for (level, row) in self.rows.iter().enumerate() {
            let (block, at) = (last / BLOCK, last % BLOCK);
            let mask = reaching(&row[block], key) & ((2 << at) - 1);
            if mask != 0 {
                return Some(self.descend(level, block * BLOCK + mask.ilog2() as usize, key));
            }
            last = block.checked_sub(1)?;
        }
        None
    }

    /// The last number of the lowest row below `i` of the row `level` that is at least `key`.
    #[inline]
    fn descend(&self, level: usize, mut i: usize, key: u32) -> usize {
        for row in self.rows[..level].iter().rev() {
            let mask = reaching(&row[i], key);
            i = i * BLOCK + mask.checked_ilog2().unwrap_or(0) as usize;
        }
        i
    }
}

fn largest(block: &[u32; BLOCK]) -> u32 {
    block.iter().fold(0, |largest, number| largest.max(*number))
}

/// A bit for each of a block that is at least `key`.
#[inline]
fn reaching(block: &[u32; BLOCK], key: u32) -> u32 {
    let mut mask = 0;
    for (at, number) in block.iter().enumerate() {
        mask |= u32::from(*number >= key) << at;
    }
    mask
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::ChaCha8Rng;
    use rand_core::{Rng, SeedableRng};

    #[test]
    fn agrees_with_a_scan_at_every_size() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let (mut maxima, mut model) = (Maxima::new(), Vec::new());
        for step in 0..12_000 {
            // Grows over two block boundaries of the third row, then shrinks to nothing.
            if step < 6_000 {
                let at = rng.next_u32() as usize % (model.len() + 1);
                let value = rng.next_u32() >> (rng.next_u32() % 32);
                maxima.insert(at, value);
                model.insert(at, value);
            } else {
                let at = rng.next_u32() as usize % model.len();
                maxima.remove(at);
                model.remove(at);
            }
            if model.is_empty() {
                assert_eq!(maxima.last_reaching(0, 0), None);
                continue;
            }
            let at = rng.next_u32() as usize % model.len();
            let value = rng.next_u32() >> (rng.next_u32() % 32);
            maxima.set(at, value);
            model[at] = value;
            let key = (rng.next_u32() >> (rng.next_u32() % 32)).max(1);
            for before in [model.len(), at, at + 1, at / 16 * 16] {
                let expected = model[..before].iter().rposition(|value| *value >= key);
                assert_eq!(maxima.last_reaching(before, key), expected, "step {step}");
            }
        }
    }
}
