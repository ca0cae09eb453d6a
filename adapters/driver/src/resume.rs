//! Whether this machine was away: suspended, or set back to a snapshot.
//!
//! While a machine is away, its monotonic clock stands still, or is the snapshot's afterwards, and
//! the wall clock is not. A node that wakes up then may have forgotten what it has sent. It begins
//! a new life, because others may believe another copy of it, or what it said after the snapshot.

use std::time::{Duration, SystemTime};

use scalesmall_core::Instant;

/// The machine was away if the wall clock has moved this much further than the monotonic one: more
/// than running clocks are adjusted by, and less than machines are away. A clock that is set
/// forward costs a life, which is cheap.
const LEAP: Duration = Duration::from_secs(10);

/// The two clocks when they were last compared.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clocks {
    engine: Instant,
    wall: SystemTime,
}

impl Clocks {
    pub(crate) const fn new(engine: Instant, wall: SystemTime) -> Self {
        Self { engine, wall }
    }

    /// Takes in both clocks; returns for how long the machine was away, if it was.
    pub(crate) fn compare(&mut self, engine: Instant, wall: SystemTime) -> Option<Duration> {
        let ran = engine.since(self.engine);
        // A wall clock that was set back says nothing.
        let passed = wall.duration_since(self.wall).unwrap_or_default();
        *self = Self { engine, wall };
        passed.checked_sub(ran).filter(|away| *away >= LEAP)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::UNIX_EPOCH;

    /// What is found when the clocks move by these seconds.
    fn compare(steps: &[(u64, i64)]) -> Vec<Option<u64>> {
        let (mut engine, mut wall) = (1_000_u64, 1_700_000_000_i64);
        let at = |wall: i64| UNIX_EPOCH + Duration::from_secs(wall.unsigned_abs());
        let mut clocks = Clocks::new(Instant::from_millis(engine * 1_000), at(wall));
        let found = steps.iter().map(|&(ran, passed)| {
            (engine, wall) = (engine + ran, wall + passed);
            let away = clocks.compare(Instant::from_millis(engine * 1_000), at(wall));
            away.map(|away| away.as_secs())
        });
        found.collect()
    }

    #[test]
    fn clocks_that_run_alike_are_no_resume() {
        assert_eq!(
            compare(&[(1, 1), (3_600, 3_600), (0, 0), (86_400, 86_395), (60, 69)]),
            [None; 5]
        );
    }

    #[test]
    fn a_suspended_machine_was_away() {
        assert_eq!(compare(&[(1, 1), (1, 3_601), (1, 1)]), [None, Some(3_600), None]);
    }

    #[test]
    fn a_clock_set_back_is_no_resume_and_neither_is_its_later_correction_by_less_than_a_leap() {
        assert_eq!(compare(&[(1, -3_600), (1, 1), (1, 9)]), [None; 3]);
    }
}
