//! What a link does to the datagrams that cross it.

mod text;

use core::time::Duration;
use std::sync::Arc;

use crate::random::{Random, Ratio, scale_by_power};

/// How one direction of a link treats datagrams. A value: change it, then hand it to a simulation.
///
/// Delays are drawn for each datagram, so a later datagram may overtake an earlier one, unless
/// [`Link::ordered`] is set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    pub(crate) delay: Delay,
    pub(crate) loss: Loss,
    pub(crate) duplicate: Ratio,
    pub(crate) reorder: Ratio,
    pub(crate) reorder_by: Duration,
    pub(crate) corrupt: Ratio,
    pub(crate) replay: Ratio,
    pub(crate) replay_within: Duration,
    pub(crate) mtu: usize,
    pub(crate) rate: Option<Rate>,
    pub(crate) ordered: bool,
}

impl Link {
    /// A link that loses nothing and delays each datagram by `delay`.
    #[must_use]
    pub const fn new(delay: Delay) -> Self {
        Self {
            delay,
            loss: Loss::None,
            duplicate: Ratio::NEVER,
            reorder: Ratio::NEVER,
            reorder_by: Duration::from_millis(20),
            corrupt: Ratio::NEVER,
            replay: Ratio::NEVER,
            replay_within: Duration::from_secs(30),
            mtu: MOST_BYTES,
            rate: None,
            ordered: false,
        }
    }

    /// A local network: 0.5 to 2 ms each way, nothing lost.
    #[must_use]
    pub const fn lan() -> Self {
        Self::new(Delay::Uniform(Duration::from_micros(500), Duration::from_millis(2)))
    }

    /// A path between two places: 40 ms in the median, a third of an octave of spread.
    #[must_use]
    pub const fn wan() -> Self {
        Self::new(Delay::LogNormal { median: Duration::from_millis(40), octaves: Ratio(1, 3) })
    }

    /// Draws delays from another distribution.
    #[must_use]
    pub fn delay(mut self, delay: Delay) -> Self {
        self.delay = delay;
        self
    }

    /// Loses each datagram with this chance, independently of the others.
    #[must_use]
    pub const fn loss(mut self, chance: Ratio) -> Self {
        self.loss = Loss::Independent(chance);
        self
    }

    /// Loses datagrams in bursts: the model of Gilbert and Elliott, one step per datagram.
    ///
    /// In the good state nothing is lost; `enter` is the chance to leave it, `exit` the chance to
    /// leave the bad state, and `loss` the chance of a loss in the bad one.
    #[must_use]
    pub const fn burst_loss(mut self, enter: Ratio, exit: Ratio, loss: Ratio) -> Self {
        self.loss = Loss::Burst { enter, exit, loss };
        self
    }

    /// Delivers a datagram a second time with this chance, with a delay of its own.
    #[must_use]
    pub const fn duplicate(mut self, chance: Ratio) -> Self {
        self.duplicate = chance;
        self
    }

    /// Holds a datagram back with this chance, for up to `by` more than its delay.
    #[must_use]
    pub const fn reorder(mut self, chance: Ratio, by: Duration) -> Self {
        self.reorder = chance;
        self.reorder_by = by;
        self
    }

    /// Flips one to three bits of a datagram with this chance.
    #[must_use]
    pub const fn corrupt(mut self, chance: Ratio) -> Self {
        self.corrupt = chance;
        self
    }

    /// Has a datagram captured with this chance, and sent again, unchanged and to the same node, at
    /// any time within this span.
    #[must_use]
    pub const fn replayed(mut self, chance: Ratio, within: Duration) -> Self {
        self.replay = chance;
        self.replay_within = within;
        self
    }

    /// Silently drops datagrams of more than this many bytes of UDP payload.
    #[must_use]
    pub const fn mtu(mut self, bytes: usize) -> Self {
        self.mtu = bytes;
        self
    }

    /// Carries at most this many bytes a second (with 28 bytes of headers for each datagram); up to
    /// `queue` bytes wait, and what does not fit is dropped.
    #[must_use]
    pub const fn bandwidth(mut self, bytes_per_second: u64, queue: u64) -> Self {
        self.rate = Some(Rate { bytes_per_second, queue });
        self
    }

    /// Never lets a datagram overtake an earlier one.
    #[must_use]
    pub const fn ordered(mut self) -> Self {
        self.ordered = true;
        self
    }

    /// Whether each datagram arrives, once and unchanged.
    #[must_use]
    pub const fn is_faultless(&self) -> bool {
        self.carries(MOST_BYTES)
    }

    /// The same for datagrams of at most this many bytes.
    pub(crate) const fn carries(&self, len: usize) -> bool {
        matches!(self.loss, Loss::None)
            && self.corrupt.is_never()
            && self.rate.is_none()
            && self.mtu >= len
    }

    pub(crate) const fn loses_in_bursts(&self) -> bool {
        matches!(self.loss, Loss::Burst { .. })
    }

    /// Whether what happens to a datagram depends on those before it.
    pub(crate) const fn has_memory(&self) -> bool {
        matches!(self.loss, Loss::Burst { .. }) || self.rate.is_some() || self.ordered
    }
}

/// How long datagrams are under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delay {
    /// All equally long.
    Constant(Duration),
    /// From the first to the second, each as likely.
    Uniform(Duration, Duration),
    /// `median * 2^(z * octaves)` with a normal deviate z.
    LogNormal {
        /// Half of the datagrams are faster.
        median: Duration,
        /// The standard deviation, in doublings.
        octaves: Ratio,
    },
    /// As recorded: sample k holds from `k * every` on; the recording repeats.
    Trace {
        /// The delays.
        samples: Arc<[Duration]>,
        /// How long each of them holds.
        every: Duration,
    },
}

impl Delay {
    /// A delay for a datagram that is sent at `now`, in nanoseconds.
    pub(crate) fn draw(&self, now: u64, random: &mut Random) -> u64 {
        match self {
            Self::Constant(delay) => nanos(*delay),
            Self::Uniform(least, most) => random.between(nanos(*least), nanos(*most)),
            Self::LogNormal { median, octaves } => {
                let deviate = random.normal() * i64::from(octaves.0) / i64::from(octaves.1.max(1));
                scale_by_power(nanos(*median), deviate)
            }
            Self::Trace { samples, every } => {
                let step = now / nanos(*every).max(1);
                let place = step % (samples.len() as u64).max(1);
                samples.get(place as usize).map_or(0, |delay| nanos(*delay))
            }
        }
    }
}

/// The most bytes of a UDP datagram.
const MOST_BYTES: usize = 65_507;

/// Which datagrams are lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loss {
    None,
    Independent(Ratio),
    Burst { enter: Ratio, exit: Ratio, loss: Ratio },
}

/// How much fits through, and how much may wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rate {
    bytes_per_second: u64,
    queue: u64,
}

/// What a link with memory remembers of one direction between two nodes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Path {
    bad: bool,
    busy_until: u64,
    last_arrival: u64,
    /// Of the last datagram: whether it was held back, and whether it waited for others.
    held_back: bool,
    waited: bool,
}

impl Path {
    pub(crate) const fn held_back(&self) -> bool {
        self.held_back
    }

    pub(crate) const fn has_waited(&self) -> bool {
        self.waited
    }
}

/// What becomes of one datagram on a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Lost,
    TooLarge,
    QueueFull,
    /// Delivered after this many nanoseconds.
    Arrives(u64),
}

impl Link {
    /// Draws what becomes of a datagram of `len` bytes that is sent at `now`.
    pub(crate) fn fate(&self, now: u64, len: usize, path: &mut Path, random: &mut Random) -> Fate {
        (path.held_back, path.waited) = (false, false);
        if len > self.mtu {
            return Fate::TooLarge;
        }
        let lost = match self.loss {
            Loss::None => false,
            Loss::Independent(chance) => random.hit(chance),
            Loss::Burst { enter, exit, loss } => {
                path.bad ^= random.hit(if path.bad { exit } else { enter });
                path.bad && random.hit(loss)
            }
        };
        if lost {
            return Fate::Lost;
        }
        let mut delay = 0;
        if let Some(rate) = self.rate {
            let speed = rate.bytes_per_second.max(1);
            let start = path.busy_until.max(now);
            let waiting = u128::from(start - now) * u128::from(speed) / 1_000_000_000;
            if waiting > u128::from(rate.queue) {
                return Fate::QueueFull;
            }
            path.waited = start > now;
            let takes = (len as u64 + 28) * 1_000_000_000 / speed;
            path.busy_until = start.saturating_add(takes);
            delay += path.busy_until - now;
        }
        delay = self.delay.draw(now, random).saturating_add(delay);
        path.held_back = random.hit(self.reorder);
        if path.held_back {
            delay = delay.saturating_add(random.below(nanos(self.reorder_by)));
        }
        if self.ordered {
            path.last_arrival = path.last_arrival.max(now.saturating_add(delay));
            delay = path.last_arrival - now;
        }
        Fate::Arrives(delay)
    }

    /// Draws the delay of a second copy, if there is one.
    pub(crate) fn second_copy(&self, now: u64, random: &mut Random) -> Option<u64> {
        random.hit(self.duplicate).then(|| self.delay.draw(now, random))
    }

    /// Draws when a captured copy is sent again, if there is one.
    pub(crate) fn replay(&self, random: &mut Random) -> Option<u64> {
        random.hit(self.replay).then(|| random.below(nanos(self.replay_within)))
    }

    /// Draws the bits to flip in a datagram of `len` bytes: how many, and the first three places.
    pub(crate) fn flips(&self, len: usize, random: &mut Random) -> Option<Vec<usize>> {
        let hit = len > 0 && random.hit(self.corrupt);
        hit.then(|| {
            let count = random.between(1, 3);
            (0..count).map(|_| random.below(len as u64 * 8) as usize).collect()
        })
    }
}

/// A duration in nanoseconds, saturating after 584 years.
pub(crate) fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrivals(link: &Link, count: u64, gap: u64) -> Vec<Fate> {
        let mut path = Path::default();
        let mut random = Random::new(5);
        (0..count).map(|k| link.fate(k * gap, 100, &mut path, &mut random)).collect()
    }

    #[test]
    fn lan_delays_stay_in_their_bounds() {
        for fate in arrivals(&Link::lan(), 1_000, 10) {
            assert!(matches!(fate, Fate::Arrives(500_000..=2_000_000)), "{fate:?}");
        }
    }

    #[test]
    fn log_normal_delays_have_their_median() {
        let mut delays: Vec<u64> = arrivals(&Link::wan(), 9_999, 10)
            .into_iter()
            .map(|fate| if let Fate::Arrives(delay) = fate { delay } else { 0 })
            .collect();
        delays.sort_unstable();
        assert!((39_000_000..41_000_000).contains(&delays[5_000]), "{}", delays[5_000]);
        assert!(delays[9_900] > 60_000_000, "{}", delays[9_900]);
    }

    #[test]
    fn bursts_lose_as_much_as_independent_losses_but_in_a_row() {
        let share = |fates: &[Fate]| fates.iter().filter(|fate| **fate == Fate::Lost).count();
        let in_a_row = |fates: &[Fate]| {
            fates.windows(2).filter(|pair| *pair == [Fate::Lost, Fate::Lost]).count()
        };
        let bursts =
            arrivals(&Link::lan().burst_loss(Ratio(1, 90), Ratio(1, 10), Ratio::ONE), 50_000, 10);
        let single = arrivals(&Link::lan().loss(Ratio(1, 10)), 50_000, 10);
        assert!((4_000..6_000).contains(&share(&bursts)), "{}", share(&bursts));
        assert!((4_500..5_500).contains(&share(&single)), "{}", share(&single));
        assert!(in_a_row(&bursts) > 5 * in_a_row(&single));
    }

    #[test]
    fn a_narrow_link_queues_and_then_drops() {
        let link = Link::new(Delay::Constant(Duration::ZERO)).bandwidth(128_000, 1_280);
        let fates = arrivals(&link, 20, 0);
        assert_eq!(fates[0], Fate::Arrives(1_000_000));
        assert_eq!(fates[9], Fate::Arrives(10_000_000));
        assert_eq!(fates[19], Fate::QueueFull);
    }

    #[test]
    fn an_ordered_link_keeps_the_order() {
        let mut last = 0;
        for (k, fate) in arrivals(&Link::wan().ordered(), 500, 1_000).into_iter().enumerate() {
            let Fate::Arrives(delay) = fate else { panic!("lost") };
            assert!(k as u64 * 1_000 + delay >= last);
            last = k as u64 * 1_000 + delay;
        }
    }

    #[test]
    fn a_trace_repeats() {
        let samples = [1, 5].map(Duration::from_millis).into();
        let delay = Delay::Trace { samples, every: Duration::from_secs(1) };
        let at = |second: u64| delay.draw(second * 1_000_000_000, &mut Random::new(0));
        assert_eq!([at(0), at(1), at(2)], [1_000_000, 5_000_000, 1_000_000]);
    }

    #[test]
    fn large_datagrams_do_not_fit() {
        let fate = Link::lan().mtu(99).fate(0, 100, &mut Path::default(), &mut Random::new(1));
        assert_eq!(fate, Fate::TooLarge);
    }
}
