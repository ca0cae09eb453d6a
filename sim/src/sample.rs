//! Samples of numbers: their quantiles, and how they are shown.

use core::fmt;

/// A set of numbers, to ask for its quantiles.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sample {
    sorted: Vec<u64>,
}

impl Sample {
    /// The numbers of an iterator.
    #[must_use]
    pub fn of(numbers: impl IntoIterator<Item = u64>) -> Self {
        let mut sorted: Vec<u64> = numbers.into_iter().collect();
        sorted.sort_unstable();
        Self { sorted }
    }

    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.sorted.len()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.sorted.is_empty()
    }

    /// The least number that `percent` per cent of all do not exceed; zero of an empty sample.
    #[must_use]
    pub fn quantile(&self, percent: usize) -> u64 {
        let rank = (self.sorted.len() * percent.min(100)).div_ceil(100);
        self.sorted.get(rank.saturating_sub(1)).copied().unwrap_or(0)
    }

    /// The median; of an even count the mean of the two in the middle, rounded down.
    #[must_use]
    pub fn median(&self) -> u64 {
        let upper = self.sorted.get(self.sorted.len() / 2).copied().unwrap_or(0);
        self.quantile(50).midpoint(upper)
    }

    /// What 99 of 100 do not exceed, if there are enough to say so: five are above it then.
    #[must_use]
    pub fn p99(&self) -> Option<u64> {
        (self.len() >= 500).then(|| self.quantile(99))
    }

    /// The greatest.
    #[must_use]
    pub fn max(&self) -> u64 {
        self.quantile(100)
    }

    /// The mean, rounded down.
    #[must_use]
    pub fn mean(&self) -> u64 {
        let mean = self.exact_sum().checked_div(self.sorted.len() as u128).unwrap_or(0);
        u64::try_from(mean).unwrap_or(u64::MAX)
    }

    /// The sum; the greatest number there is if it is greater.
    #[must_use]
    pub fn sum(&self) -> u64 {
        u64::try_from(self.exact_sum()).unwrap_or(u64::MAX)
    }

    fn exact_sum(&self) -> u128 {
        self.sorted.iter().map(|number| u128::from(*number)).sum()
    }
}

/// Nanoseconds as milliseconds with three decimals, for tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Millis(pub u64);

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{}.{:03} ms", self.0 / 1_000_000, self.0 / 1_000 % 1_000);
        f.pad(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_members_of_the_sample() {
        let sample = Sample::of([5, 1, 3, 2, 4]);
        assert_eq!((sample.quantile(0), sample.median(), sample.max()), (1, 3, 5));
        assert_eq!((sample.quantile(99), sample.quantile(20), sample.mean()), (5, 1, 3));
        assert_eq!((Sample::default().median(), Sample::default().mean()), (0, 0));
        assert_eq!(Sample::of([7]).quantile(1), 7);
    }

    #[test]
    fn the_median_of_an_even_count_lies_between_the_two_in_the_middle() {
        assert_eq!(Sample::of([10, 2, 4, 1]).median(), 3);
        assert_eq!(Sample::of([1, 2]).median(), 1);
        assert_eq!(Sample::of([u64::MAX, u64::MAX]).median(), u64::MAX);
        assert_eq!((Sample::of([8]).median(), Sample::of([9, 1, 5]).median()), (8, 5));
    }

    #[test]
    fn millis_keep_their_decimals() {
        assert_eq!(format!("{:>12}", Millis(12_034_567)), "   12.034 ms");
    }
}
