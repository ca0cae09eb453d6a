//! Exponential back-off: each failure in a row doubles the wait before the next attempt, up to a limit.
//!
//! Nothing here is random. A caller whose peers might keep step with it spreads the wait itself.

use core::time::Duration;

/// The wait after a number of failures in a row: `first`, doubled for each of them, but at most
/// `doublings` times, which is fewer than 32.
pub(crate) fn after(first: Duration, failures: impl Into<u32>, doublings: u32) -> Duration {
    first.saturating_mul(1 << failures.into().min(doublings))
}

/// A wait that is kept instead of a count of failures, where the limit may be another at each step, or
/// successes shorten the wait step by step.
#[derive(Clone, Copy, Debug, Default, Hash)]
pub(crate) struct Backoff(Duration);

impl Backoff {
    pub(crate) const fn new(first: Duration) -> Self {
        Self(first)
    }

    /// The wait before the next attempt.
    pub(crate) const fn wait(self) -> Duration {
        self.0
    }

    /// An attempt has failed.
    pub(crate) fn grow(&mut self, longest: Duration) {
        *self = Self(self.0.saturating_mul(2).min(longest));
    }

    /// An attempt has succeeded.
    pub(crate) fn shrink(&mut self, shortest: Duration) {
        *self = Self((self.0 / 2).max(shortest));
    }

    /// An attempt has failed, but the wait does not grow yet.
    pub(crate) fn hold(&mut self, longest: Duration) {
        *self = Self(self.0.min(longest));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quickcheck::quickcheck;

    #[test]
    fn it_doubles_up_to_its_limit() {
        let first = Duration::from_millis(100);
        let waits =
            [0_u32, 1, 2, 3, 4, u32::MAX].map(|failures| after(first, failures, 3).as_millis());
        assert_eq!(waits, [100, 200, 400, 800, 800, 800]);
        assert_eq!(after(Duration::MAX, u8::MAX, 31), Duration::MAX);
    }

    #[test]
    fn a_success_takes_one_failure_back() {
        let second = Duration::from_secs(1);
        let mut backoff = Backoff::new(second);
        backoff.grow(3 * second);
        assert_eq!(backoff.wait(), 2 * second);
        backoff.grow(3 * second);
        assert_eq!(backoff.wait(), 3 * second);
        backoff.shrink(second);
        assert_eq!(backoff.wait(), 3 * second / 2);
        backoff.shrink(second);
        assert_eq!(backoff.wait(), second);
        // A limit that has come down counts from the next step on.
        backoff.hold(second / 2);
        assert_eq!(backoff.wait(), second / 2);
        Backoff::new(Duration::MAX).grow(Duration::MAX);
    }

    quickcheck! {
        /// While the limit stays the same, the wait that is kept is that of the count.
        fn both_forms_agree(first: u16, failures: u8, longest: u32) -> bool {
            let longest = Duration::from_millis(u64::from(longest).max(first.into()));
            let first = Duration::from_millis(first.into());
            let mut kept = Backoff::new(first);
            (0..failures % 32).for_each(|_| kept.grow(longest));
            kept.wait() == after(first, failures % 32, 31).min(longest)
        }
    }
}
