//! The most that an engine sends: [`SendRate`], kept by two token buckets.

use core::time::Duration;

use crate::base::time::Instant;

/// The most that an engine sends, whatever happens: in any tenth of a second at most a tenth of
/// each figure, so in any second at most the figure; in the long run three quarters of it.
///
/// A settled node sends about 100 bytes a second whatever the size of its cluster. A node through
/// which 1,000 others join within a second sends up to 4 MB in that second; at a lower rate they
/// just join more slowly. Answers go first, so a low rate makes a node slow to learn and to spread
/// changes. If the rate is too low even for the answers, others may call the node down until it
/// catches up.
///
/// What does not go out at once waits. Liveness goes before changes, messages and repairs, and a
/// quarter of the buckets, at least one datagram, is reserved for it. What waits is bounded by
/// `Limits::outbox`.
///
/// Token buckets as in Turner, *New directions in communications* (1986): each holds a fortieth of
/// a second's worth and is filled at three quarters of the rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct SendRate {
    /// Bytes of UDP payload per second; at least 80 of the largest datagrams.
    pub bytes: u32,
    /// Datagrams per second; at least 160.
    pub datagrams: u32,
}

impl SendRate {
    /// Practically no bound: 4.29 GB and 4.29 billion datagrams per second.
    pub const UNBOUNDED: Self = Self { bytes: u32::MAX, datagrams: u32::MAX };

    /// A rate in bytes of UDP payload and datagrams per second.
    #[must_use]
    pub const fn new(bytes: u32, datagrams: u32) -> Self {
        Self { bytes, datagrams }
    }

    /// The least rate at which datagrams of a size can be sent, changes included.
    pub(crate) fn least(max_datagram: usize) -> Self {
        let bytes = u32::try_from(max_datagram).unwrap_or(u32::MAX).saturating_mul(2 * SHARE);
        Self { bytes, datagrams: 4 * SHARE }
    }
}

/// A bucket holds this share of what may be sent in a second.
const SHARE: u32 = 40;

/// Tokens are counted in billionths, which pass at the rate in each nanosecond.
const ONE: u64 = 1_000_000_000;

/// Tokens for one resource.
#[derive(Clone, Debug, Hash)]
struct TokenBucket {
    tokens: u64,
    /// Billionths filled in per nanosecond.
    rate: u64,
    depth: u64,
}

impl TokenBucket {
    fn new(per_second: u32) -> Self {
        let depth = u64::from(per_second / SHARE) * ONE;
        Self { tokens: depth, rate: u64::from(per_second) * 3 / 4, depth }
    }

    fn fill(&mut self, span: Duration) {
        let nanos = u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
        self.tokens = self.tokens.saturating_add(nanos.saturating_mul(self.rate)).min(self.depth);
    }

    /// The tokens that something of this size needs to go out.
    fn needed(&self, size: u64, urgent: bool) -> u64 {
        let size = size.saturating_mul(ONE);
        // At a low rate a quarter is less than a datagram, and urgent datagrams would wait each
        // time.
        let kept = if urgent { 0 } else { size.max(self.depth / 4) };
        size.saturating_add(kept).min(self.depth)
    }

    /// How long until those tokens are there.
    fn wait(&self, size: u64, urgent: bool) -> Duration {
        let missing = self.needed(size, urgent).saturating_sub(self.tokens);
        Duration::from_nanos(missing.div_ceil(self.rate.max(1)))
    }

    fn take(&mut self, size: u64) {
        self.tokens = self.tokens.saturating_sub(size.saturating_mul(ONE));
    }
}

/// Keeps a [`SendRate`].
#[derive(Clone, Debug, Hash)]
pub(crate) struct Throttle {
    bytes: TokenBucket,
    datagrams: TokenBucket,
    filled: Instant,
}

impl Throttle {
    pub(crate) fn new(rate: SendRate, now: Instant) -> Self {
        Self {
            bytes: TokenBucket::new(rate.bytes),
            datagrams: TokenBucket::new(rate.datagrams),
            filled: now,
        }
    }

    /// Changes the rate; no more may go out at once than with the old one.
    pub(crate) fn set_rate(&mut self, rate: SendRate) {
        let new = Self::new(rate, self.filled);
        for (old, mut new) in [(&mut self.bytes, new.bytes), (&mut self.datagrams, new.datagrams)] {
            new.tokens = old.tokens.min(new.depth);
            *old = new;
        }
    }

    /// Fills the buckets up to `now`.
    pub(crate) fn advance(&mut self, now: Instant) {
        let span = now.since(self.filled);
        self.bytes.fill(span);
        self.datagrams.fill(span);
        self.filled = now;
    }

    /// When a datagram of up to `len` bytes may go out; not after now if it may go now.
    pub(crate) fn ready(&self, len: usize, urgent: bool) -> Instant {
        let wait = self.bytes.wait(len as u64, urgent).max(self.datagrams.wait(1, urgent));
        self.filled + wait
    }

    /// A datagram goes out.
    pub(crate) fn take(&mut self, len: usize) {
        self.bytes.take(len as u64);
        self.datagrams.take(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use quickcheck::quickcheck;

    const LEN: usize = 1_200;

    quickcheck! {
        /// A node that sends whenever it may never sends more than a tenth in a tenth of a second.
        fn no_tenth_of_a_second_has_more_than_its_share(pauses: Vec<u32>, sizes: Vec<u16>) -> bool {
            let rate = SendRate::new(SendRate::least(LEN).bytes, 400);
            let mut throttle = Throttle::new(rate, Instant::ZERO);
            let mut now = Instant::ZERO;
            let mut sent: Vec<(Instant, usize)> = Vec::new();
            let sizes = sizes.iter().cycle().map(|&size| 1 + usize::from(size) % LEN);
            for (at, (size, pause)) in sizes.zip(pauses.iter().cycle()).take(600).enumerate() {
                // Bursts, with pauses of up to 65 ms between them.
                if at % 7 == 0 {
                    now = now + Duration::from_micros(u64::from(pause % (1 << 16)));
                }
                throttle.advance(now);
                now = throttle.ready(size, at % 2 == 0);
                throttle.advance(now);
                assert_eq!(throttle.ready(size, at % 2 == 0), now);
                throttle.take(size);
                sent.push((now, size));
            }
            sent.iter().enumerate().all(|(from, &(start, _))| {
                let near = |at: Instant| at.since(start) < Duration::from_millis(100);
                let window = sent[from..].iter().take_while(|&&(at, _)| near(at));
                let (count, bytes) = window.fold((0, 0), |(count, sum), (_, len)| (count + 1, sum + len));
                count <= rate.datagrams as usize / 10 && bytes <= rate.bytes as usize / 10
            })
        }
    }

    #[test]
    fn a_quarter_is_for_what_is_urgent() {
        let now = Instant::from_millis(1);
        let mut throttle = Throttle::new(SendRate::new(4_000_000, 4_000), now);
        let mut sent = 0;
        while throttle.ready(LEN, false) <= now {
            throttle.take(LEN);
            sent += 1;
        }
        assert_eq!(sent, 62);
        while throttle.ready(LEN, true) <= now {
            throttle.take(LEN);
            sent += 1;
        }
        assert_eq!(sent, 83);
        let due = throttle.ready(LEN, false);
        assert!(due > now);
        throttle.advance(due);
        assert_eq!(throttle.ready(LEN, false), due);
    }

    #[test]
    fn the_least_and_the_largest_rate_let_datagrams_through() {
        for max in [512, 1_200, 65_507] {
            for rate in [SendRate::least(max), SendRate::UNBOUNDED] {
                let mut throttle = Throttle::new(rate, Instant::ZERO);
                for second in 1..1_000 {
                    let now = Instant::from_millis(second * 1_000);
                    throttle.advance(now);
                    assert_eq!(throttle.ready(max, false), now);
                    throttle.take(max);
                }
            }
        }
    }
}
