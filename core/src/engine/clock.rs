//! The embedder's clock, and the engine's own time, which never goes back.

use core::time::Duration;

use crate::base::Instant;

/// Times beyond this one, some 292 years after the origin, count as this one, so that every deadline
/// can lie after every time.
pub(super) const LATEST: Instant = Instant::from_nanos(u64::MAX / 2);

/// How far the engine's own time is ahead of the embedder's clock, in nanoseconds: by as much as
/// the clock has been set back in all.
#[derive(Clone, Debug, Default, Hash)]
pub(super) struct Clock {
    ahead: u64,
}

impl Clock {
    /// The engine's time when the embedder's clock shows `now`, and it was `before` at the last call.
    ///
    /// A clock that shows a little less than before was read before an earlier call was made, and
    /// time stands still. If it shows less by `set_back` or more, it was set back, and time goes on
    /// from where it was.
    pub(super) fn read(&mut self, now: Instant, before: Instant, set_back: Duration) -> Instant {
        let shown = now.as_nanos().saturating_add(self.ahead);
        if before.since(Instant::from_nanos(shown)) >= set_back {
            self.ahead += before.as_nanos() - shown;
        }
        // At the latest time the engine's own time stands still, and its deadlines stay ahead of
        // the clock.
        self.ahead = self.ahead.min(LATEST.as_nanos().saturating_sub(now.as_nanos()));
        Instant::from_nanos(now.as_nanos().saturating_add(self.ahead)).min(LATEST).max(before)
    }

    /// What the embedder's clock shows at a time of the engine's.
    pub(super) const fn shows(&self, at: Instant) -> Instant {
        Instant::from_nanos(at.as_nanos().saturating_sub(self.ahead))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quickcheck::quickcheck;

    const SET_BACK: Duration = Duration::from_millis(250);

    #[test]
    fn a_clock_that_is_set_back_goes_on_and_one_read_late_stands_still() {
        let ms = Instant::from_millis;
        let mut clock = Clock::default();
        assert_eq!(clock.read(ms(10_000), ms(0), SET_BACK), ms(10_000));
        assert_eq!(clock.read(ms(9_751), ms(10_000), SET_BACK), ms(10_000));
        assert_eq!(clock.shows(ms(10_500)), ms(10_500));
        assert_eq!(clock.read(ms(4_000), ms(10_000), SET_BACK), ms(10_000));
        assert_eq!(clock.read(ms(4_500), ms(10_000), SET_BACK), ms(10_500));
        assert_eq!(clock.shows(ms(11_000)), ms(5_000));
        assert_eq!(clock.read(ms(0), ms(10_500), SET_BACK), ms(10_500));
        assert_eq!(clock.read(ms(1), ms(10_500), SET_BACK), ms(10_501));
    }

    quickcheck! {
        fn time_never_goes_back_and_a_later_deadline_lies_ahead(shown: alloc::vec::Vec<u64>) -> bool {
            let (mut clock, mut before) = (Clock::default(), Instant::ZERO);
            shown.into_iter().all(|nanos| {
                let now = clock.read(Instant::from_nanos(nanos), before, SET_BACK);
                let forward = now >= before && now <= LATEST;
                before = now;
                // What lies farther ahead than time may stand still lies ahead of the clock.
                let deadline = clock.shows(now + SET_BACK);
                forward && (nanos > LATEST.as_nanos() || deadline > Instant::from_nanos(nanos))
            })
        }
    }
}
