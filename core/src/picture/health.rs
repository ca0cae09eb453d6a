//! How well this node itself is: Lifeguard's local health multiplier (Dadgar et al. 2018), and
//! the detection of own stalls.

use core::time::Duration;

use crate::base::{Destination, Instant, Ix};
use crate::claims::Plea;
use crate::timing::Timing;

/// The worst score, as in Lifeguard.
const WORST: u32 = 8;

/// A node is cut off if no more than this many of its last eight probes were answered. Each is sent three
/// times: at 30 % loss seven are in the mean, and one at 80 %; in a half of a partition it is four.
const FEW_ANSWERS: u32 = 2;

/// For how many windows a node remembers that it was cut off or stood still.
const RECENT_WINDOWS: u32 = 8;

/// Evidence for and against this node's own health.
#[derive(Clone, Debug, Hash)]
pub(crate) struct Health {
    score: u32,
    stalled_until: Instant,
    /// The deadline that the last stall was told by.
    missed: Option<Instant>,
    /// For how long it has stood still recently, and when that ended.
    stood: Option<(Duration, Instant)>,
    /// The pings since one was answered.
    asked: Option<Asked>,
    /// Which of the last probes were answered, a bit each.
    probes: u8,
    /// When it was cut off last.
    cut_off: Option<Instant>,
    /// The last different destinations to which sending failed.
    unsendable: [Option<Destination>; 3],
}

/// Pings that nobody has answered.
#[derive(Clone, Copy, Debug, Hash)]
struct Asked {
    since: Instant,
    /// The peer that was asked first.
    first: Ix,
    /// Whether another one was asked as well.
    others: bool,
}

impl Asked {
    /// Whether they have gone unanswered for a window, and not by one peer of several alone.
    fn in_vain(self, window: Duration, peers: usize, now: Instant) -> bool {
        now.since(self.since) >= window && (self.others || peers <= 1)
    }
}

impl Default for Health {
    fn default() -> Self {
        Self {
            score: 0,
            stalled_until: Instant::ZERO,
            missed: None,
            stood: None,
            asked: None,
            probes: u8::MAX,
            cut_off: None,
            unsendable: [None; 3],
        }
    }
}

impl Health {
    /// What the time-outs of probes are multiplied by: 1 when well, up to 9.
    pub(crate) fn factor(&self) -> u32 {
        self.score + 1
    }

    /// A probe was answered.
    pub(crate) fn better(&mut self) {
        self.score = self.score.saturating_sub(1);
    }

    /// Sending to a destination failed. One unreachable address says nothing about this node;
    /// several different ones do.
    pub(crate) fn unsent(&mut self, to: Destination) {
        if self.unsendable.contains(&Some(to)) {
            return;
        }
        if self.unsendable.iter().all(Option::is_some) {
            self.worse();
        }
        self.unsendable.rotate_right(1);
        self.unsendable[0] = Some(to);
    }

    /// A probe of a peer that should answer has ended.
    pub(crate) fn probed(&mut self, answered: bool, now: Instant) {
        self.probes = self.probes << 1 | u8::from(answered);
        if self.probes.count_ones() <= FEW_ANSWERS {
            self.cut_off = Some(now);
        }
    }

    /// This node pings a peer. Only the silence of one that should answer counts.
    pub(crate) fn asked(&mut self, ix: Ix, should_answer: bool, now: Instant) {
        if let Some(asked) = &mut self.asked {
            asked.others |= ix != asked.first;
        } else if should_answer {
            self.asked = Some(Asked { since: now, first: ix, others: false });
        }
    }

    /// Somebody has answered a ping of this node's.
    pub(crate) fn answered(&mut self, window: Duration, peers: usize, now: Instant) {
        self.better();
        if self.asked.take().is_some_and(|asked| asked.in_vain(window, peers, now)) {
            self.cut_off = Some(now);
        }
    }

    /// How this node has been recently, which is what it says if it was called down. What it was called
    /// may reach it a good while after it can be reached again.
    pub(crate) fn plea(&self, window: Duration, peers: usize, now: Instant) -> Plea {
        let is_recent = |at: Instant| now.since(at) <= RECENT_WINDOWS * window;
        let stood = self.stood.filter(|&(_, at)| is_recent(at));
        if stood.is_some_and(|(span, _)| span >= window / 2) {
            Plea::StoodStill
        } else if self.cut_off.is_some_and(is_recent)
            || self.asked.is_some_and(|asked| asked.in_vain(window, peers, now))
        {
            Plea::CutOff
        } else {
            Plea::Well
        }
    }

    /// A verifier kept silent as well, or this node had to refute a claim about itself.
    pub(crate) fn worse(&mut self) {
        self.score = (self.score + 1).min(WORST);
    }

    /// Judges how late the embedder calls; answers the lateness if it is a stall.
    ///
    /// A deadline is missed once, however many calls come before it is served.
    ///
    /// After a stall answers may still be queued up in a socket, so for as long as the stall has
    /// lasted, within a bound, no silence counts.
    pub(crate) fn called(
        &mut self,
        timing: &Timing,
        now: Instant,
        due: Option<Instant>,
    ) -> Option<Duration> {
        let late = due.map_or(Duration::ZERO, |due| now.since(due));
        if late < timing.stall || self.missed == due {
            return None;
        }
        self.missed = due;
        self.worse();
        self.stalled_until = now + late.min(timing.stall_longest);
        let before = self.stood.filter(|&(_, at)| now.since(at) <= timing.stall_memory + late);
        let before = before.map(|(span, _)| span).unwrap_or_default();
        self.stood = Some((late + before, now));
        Some(late)
    }

    /// Whether silence counts as evidence at `now`.
    pub(crate) fn trusts_silence(&self, now: Instant) -> bool {
        now >= self.stalled_until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_score_stays_in_bounds() {
        let mut health = Health::default();
        for _ in 0..20 {
            health.worse();
        }
        assert_eq!(health.factor(), 9);
        for _ in 0..20 {
            health.better();
        }
        assert_eq!(health.factor(), 1);
    }

    #[test]
    fn lateness_is_a_stall_and_passes() {
        let mut health = Health::default();
        let timing = Timing::new(&crate::picture::of_one().0.config);
        let due = Instant::from_millis(1000);
        assert_eq!(health.called(&timing, Instant::from_millis(1050), Some(due)), None);
        let late = health.called(&timing, Instant::from_millis(1400), Some(due));
        assert_eq!(late, Some(Duration::from_millis(400)));
        assert!(!health.trusts_silence(Instant::from_millis(1700)));
        assert!(health.trusts_silence(Instant::from_millis(1800)));
        assert_eq!(health.called(&timing, Instant::from_millis(1900), Some(due)), None);
        let next = Instant::from_millis(2000);
        assert!(health.called(&timing, Instant::from_millis(2400), Some(next)).is_some());
    }
}
