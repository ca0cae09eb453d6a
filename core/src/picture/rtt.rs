//! Round-trip times: Jacobson's mean and deviation (SIGCOMM 1988) in four bytes.

use core::time::Duration;

/// Units of the stored values.
const UNIT_NANOS: u64 = 64_000;

/// Smoothed round-trip time and deviation, in units of 64 microseconds, at most 4.2 s.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Rtt {
    mean: u16,
    deviation: u16,
}

impl Rtt {
    /// Takes in one measurement.
    pub(crate) fn sample(&mut self, round_trip: Duration) {
        let units = round_trip.as_nanos() as u64 / UNIT_NANOS;
        let sample = u16::try_from(units).unwrap_or(u16::MAX).max(1);
        if self.mean == 0 {
            *self = Self { mean: sample, deviation: sample / 2 };
            return;
        }
        let error = sample.abs_diff(self.mean);
        self.deviation = blend(self.deviation, error, 4);
        self.mean = blend(self.mean, sample, 8).max(1);
    }

    /// The smoothed round-trip time, once measured.
    pub(crate) fn mean(self) -> Option<Duration> {
        (self.mean > 0).then(|| Duration::from_nanos(u64::from(self.mean) * UNIT_NANOS))
    }

    /// The time after which an answer is late: mean and four deviations; `None` while unknown.
    pub(crate) fn late(self) -> Option<Duration> {
        let units = u64::from(self.mean) + 4 * u64::from(self.deviation);
        (self.mean > 0).then(|| Duration::from_nanos(units * UNIT_NANOS))
    }
}

/// Moves `old` by one `weight`th towards `new`, rounding up so that it arrives.
fn blend(old: u16, new: u16, weight: i32) -> u16 {
    let step = (i32::from(new) - i32::from(old)) / weight;
    let step = if step == 0 { (i32::from(new) - i32::from(old)).signum() } else { step };
    u16::try_from(i32::from(old) + step).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settles_on_a_steady_link() {
        let mut rtt = Rtt::default();
        assert_eq!(rtt.late(), None);
        for _ in 0..100 {
            rtt.sample(Duration::from_millis(10));
        }
        let mean = rtt.mean().unwrap();
        assert!(mean.abs_diff(Duration::from_millis(10)) < Duration::from_micros(200), "{mean:?}");
        assert!(rtt.late().unwrap() < Duration::from_millis(11));
    }

    #[test]
    fn takes_any_sample() {
        let mut rtt = Rtt::default();
        for sample in [Duration::ZERO, Duration::MAX, Duration::from_secs(4), Duration::ZERO] {
            rtt.sample(sample);
            assert!(rtt.late() >= rtt.mean());
        }
    }
}
