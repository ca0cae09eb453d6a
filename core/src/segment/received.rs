//! Which batches of a speaker are here.

use alloc::collections::BTreeSet;

/// A jump of the numbers that is too large to be batches that were missed.
pub(super) const LEAP: u64 = 1024;

/// The batches of one speaker that are here.
///
/// A question names the number up to which none is missing, which a sliding window does not know: it
/// tells numbers apart and forgets the gaps that it leaves behind.
#[derive(Clone, Debug, Hash)]
pub(super) struct Received {
    /// None up to this number is missing.
    have: u64,
    /// Those that are here beyond a gap.
    beyond: BTreeSet<u64>,
    /// The speaker has sent all up to this number.
    told: u64,
}

impl Received {
    /// None up to `have` is missing of those up to `told`, which have been sent.
    pub(super) const fn new(have: u64, told: u64) -> Self {
        Self { have, beyond: BTreeSet::new(), told }
    }

    /// The number up to which none is missing.
    pub(super) const fn have(&self) -> u64 {
        self.have
    }

    /// Whether a number is beyond all that are known to have been sent.
    pub(super) const fn is_news(&self, sequence: u64) -> bool {
        sequence > self.told
    }

    /// Whether none is known to be missing.
    pub(super) const fn is_complete(&self) -> bool {
        self.told <= self.have
    }

    /// A batch is here.
    pub(super) fn take(&mut self, sequence: u64) {
        if sequence > self.have.saturating_add(LEAP) {
            self.have = sequence;
        } else if sequence > self.have {
            self.beyond.insert(sequence);
        }
        self.told = self.told.max(sequence);
        while self.beyond.first().is_some_and(|&first| first <= self.have.saturating_add(1)) {
            self.have = self.have.max(self.beyond.pop_first().unwrap_or_default());
        }
    }

    /// All up to a number have been sent. This node needs them if it is covered, and if they are not too
    /// many.
    pub(super) fn announced(&mut self, sequence: u64, covered: bool) {
        if sequence > self.have.saturating_add(LEAP) || !covered {
            self.have = self.have.max(sequence);
            self.beyond.clear();
        }
        self.told = self.told.max(sequence.min(self.have.saturating_add(LEAP)));
    }

    /// What is missing will not come.
    pub(super) const fn give_up(&mut self) {
        self.have = self.told;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use alloc::vec::Vec;
    use quickcheck::quickcheck;

    #[test]
    fn gaps_fill_in_any_order() {
        let mut received = Received::new(4, 4);
        for (number, have) in [(6, 4), (8, 4), (5, 6), (5, 6), (3, 6), (7, 8)] {
            received.take(number);
            assert_eq!(received.have, have, "after {number}");
        }
        assert!(received.beyond.is_empty());
    }

    #[test]
    fn a_leap_begins_anew_and_the_highest_number_is_the_last() {
        let mut received = Received::new(4, 4);
        received.take(u64::MAX);
        assert_eq!((received.have, received.told), (u64::MAX, u64::MAX));
        received.take(u64::MAX);
        received.take(7);
        assert_eq!(received.have, u64::MAX);
    }

    quickcheck! {
        /// What is here without a gap is what a set of all numbers would say.
        fn numbers_are_taken_as_a_set_would(numbers: Vec<u8>) -> bool {
            let mut received = Received::new(0, 0);
            let mut all = vec![false; 258];
            all[0] = true;
            numbers.into_iter().all(|number| {
                received.take(number.into());
                all[usize::from(number)] = true;
                let gap = all.iter().position(|has| !has).unwrap_or(all.len());
                received.have == gap as u64 - 1
            })
        }
    }
}
