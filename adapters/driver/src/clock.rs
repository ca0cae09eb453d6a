//! The engine's time from the operating system's.

use std::time::{Duration, Instant as SystemInstant};

use scalesmall_core::Instant;

/// Maps the operating system's monotonic clock to the engine's, whose origin is the moment at
/// which the clock was made.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    origin: SystemInstant,
}

impl Clock {
    /// A clock that reads zero now.
    #[must_use]
    pub fn start() -> Self {
        Self { origin: SystemInstant::now() }
    }

    /// The engine's time.
    #[must_use]
    pub fn now(&self) -> Instant {
        let nanos = u64::try_from(self.origin.elapsed().as_nanos()).unwrap_or(u64::MAX);
        Instant::from_nanos(nanos)
    }

    /// The operating system's name for the engine's `instant`; `None` if it lies beyond what the
    /// operating system can name, which is to say never.
    #[must_use]
    pub fn system(&self, instant: Instant) -> Option<SystemInstant> {
        self.origin.checked_add(Duration::from_nanos(instant.as_nanos()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_clocks_name_the_same_moments() {
        let clock = Clock::start();
        let before = SystemInstant::now();
        let now = clock.system(clock.now()).unwrap();
        assert!(before <= now && now <= SystemInstant::now());
    }
}
