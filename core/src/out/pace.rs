//! The rate of news. While it is low, each change goes out at once in a tree of its own; while it
//! is high, a few nodes gather changes and send them together.

use core::time::Duration;

use crate::base::Instant;
use crate::timing::Timing;

/// From this many pieces of news in a span on, there is much.
const MUCH: u64 = 30;

/// This many in an instant count as if they had kept coming at that rate for a span.
const BURST: u64 = 4;

/// The news in a span for which one gatherer is enough, and the most gatherers.
const PER_GATHERER: u64 = 500;
const GATHERERS: u64 = 8;

/// Counts news, own and others'.
#[derive(Clone, Debug, Default, Hash)]
pub(crate) struct Pace {
    /// Since when this node has known its cluster and has counted all broadcasts.
    begun: Option<Instant>,
    /// Whether some of the news that waits has been entrusted to this node.
    gathers: bool,
    since: Instant,
    before: u64,
    current: u64,
    /// The running instant, and the news in it.
    instant: (u128, u64),
    last_flush: Option<Instant>,
}

impl Pace {
    /// From now on this node counts all broadcasts.
    pub(crate) fn begin(&mut self, now: Instant) {
        self.begun.get_or_insert(now);
    }

    /// Whether this node cannot know yet how much news there is: it has not counted for a whole span.
    pub(crate) fn is_new(&self, timing: &Timing, now: Instant) -> bool {
        self.begun.is_none_or(|begun| now.since(begun) < timing.news_span)
    }

    /// Another node has entrusted its news to this node.
    pub(crate) fn gather(&mut self) {
        self.gathers = true;
    }

    /// Counts pieces of news.
    pub(crate) fn count(&mut self, timing: &Timing, now: Instant, pieces: u64) {
        let (span, instant) = (timing.news_span.as_nanos(), timing.news_instant.as_nanos());
        let spans = now.since(self.since).as_nanos() / span;
        if spans > 0 {
            self.before = if spans == 1 { self.current } else { 0 };
            self.current = 0;
            self.since = now;
        }
        self.current += pieces;
        let running = now.since(Instant::default()).as_nanos() / instant;
        if self.instant.0 != running {
            self.instant = (running, 0);
        }
        self.instant.1 += pieces;
        if self.instant.1 >= BURST {
            let rate = (span / instant) as u64;
            self.current = self.current.max(self.instant.1 * rate);
        }
    }

    /// The news in the last span or in the running one, whichever is more.
    fn lately(&self, timing: &Timing, now: Instant) -> u64 {
        match now.since(self.since).as_nanos() / timing.news_span.as_nanos() {
            0 => self.before.max(self.current),
            1 => self.current,
            _ => 0,
        }
    }

    /// Whether there has been much news lately, so that it comes in batches.
    pub(crate) fn is_much(&self, timing: &Timing, now: Instant) -> bool {
        self.lately(timing, now) >= MUCH
    }

    /// The number of gatherers that share the news; 0 if each node is to send its own.
    ///
    /// A node that cannot know how much there is has others send it. Otherwise each of a thousand nodes
    /// that start at once would begin with a tree of its own.
    pub(crate) fn gatherers(&self, timing: &Timing, now: Instant) -> u64 {
        let lately = self.lately(timing, now);
        let wanted = (lately / PER_GATHERER + 1).next_power_of_two().min(GATHERERS);
        if lately < MUCH && !self.is_new(timing, now) { 0 } else { wanted }
    }

    /// How long fresh news is to wait for more.
    pub(crate) fn hold(&self, timing: &Timing, now: Instant, least: Duration) -> Duration {
        let lately = self.lately(timing, now);
        let hold = match lately {
            // While all nodes are new, much is to be expected.
            ..MUCH if self.gathers && self.is_new(timing, now) => timing.news_short_hold,
            ..MUCH => return least,
            MUCH..=PER_GATHERER => timing.news_hold,
            _ => timing.news_short_hold,
        };
        let rested = self.last_flush.map_or(hold, |last| now.since(last));
        least.max(hold.saturating_sub(rested))
    }

    /// News goes out. Returns whether any of it was entrusted to this node.
    pub(crate) fn flushed(&mut self, now: Instant) -> bool {
        self.last_flush = Some(now);
        core::mem::take(&mut self.gathers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::of_one;

    const LEAST: Duration = Duration::from_millis(2);

    /// That of a node that has known its cluster from the origin of time on.
    fn settled() -> Pace {
        let mut pace = Pace::default();
        pace.begin(Instant::ZERO);
        pace
    }

    #[test]
    fn a_newcomer_has_others_send_its_news_until_it_knows_the_pace() {
        let timing = of_one().0.timing;
        let mut pace = Pace::default();
        let later = Instant::from_millis(10_000);
        assert_eq!((pace.gatherers(&timing, later), pace.hold(&timing, later, LEAST)), (1, LEAST));
        pace.begin(later);
        assert_eq!(pace.gatherers(&timing, later), 1);
        assert_eq!(pace.gatherers(&timing, later + timing.news_span), 0);
        pace.gather();
        assert_eq!(pace.hold(&timing, later, LEAST), LEAST);
        assert!(pace.flushed(later));
        pace.gather();
        assert_eq!(pace.hold(&timing, later, LEAST), timing.news_short_hold);
        assert_eq!(pace.hold(&timing, later + timing.news_span, LEAST), LEAST);
        assert!(pace.flushed(later));
        assert_eq!(pace.hold(&timing, later, LEAST), LEAST);
    }

    #[test]
    fn a_single_change_goes_out_at_once() {
        let timing = of_one().0.timing;
        let mut pace = settled();
        let now = Instant::from_millis(10_000);
        pace.count(&timing, now, 1);
        assert_eq!((pace.gatherers(&timing, now), pace.hold(&timing, now, LEAST)), (0, LEAST));
    }

    #[test]
    fn much_news_is_gathered_and_held() {
        let timing = of_one().0.timing;
        let mut pace = settled();
        for step in 0..40 {
            pace.count(&timing, Instant::from_millis(10_000 + step * 10), 1);
        }
        let now = Instant::from_millis(10_400);
        assert_eq!(pace.gatherers(&timing, now), 1);
        pace.flushed(now);
        assert_eq!(pace.hold(&timing, now, LEAST), timing.news_hold);
        let later = Instant::from_millis(10_460);
        assert_eq!(pace.hold(&timing, later, LEAST), Duration::from_millis(40));
        pace.count(&timing, later, 4000);
        assert_eq!(pace.gatherers(&timing, later), GATHERERS);
    }

    #[test]
    fn a_storm_is_noticed_at_once() {
        let timing = of_one().0.timing;
        let mut pace = settled();
        let now = Instant::from_millis(10_000);
        pace.flushed(now);
        pace.count(&timing, now, BURST - 1);
        assert_eq!(pace.gatherers(&timing, now), 0);
        pace.count(&timing, now, 1);
        assert!(pace.gatherers(&timing, now) > 0);
        assert_eq!(pace.hold(&timing, now, LEAST), timing.news_hold);
    }

    #[test]
    fn calm_returns() {
        let timing = of_one().0.timing;
        let mut pace = settled();
        pace.count(&timing, Instant::from_millis(10_000), 50);
        assert_eq!(pace.gatherers(&timing, Instant::from_millis(11_100)), 0);
    }
}
