//! Falls: peers that were cut off or stood still, by their own account, and those held off for it.
//!
//! A peer that is called down and objects is shown again at once, unless it says itself that it had been
//! cut off or had stood still ([`Plea`]) and has done so recently. All learn that with its
//! objection, so all hold it off alike, and it knows of its hold itself. What others say of it counts for
//! nothing once it says that it had been well.

use alloc::collections::BTreeMap;
use core::time::Duration;

use crate::base::{HoldReason, Instant, Ix, backoff};
use crate::claims::Plea;
use crate::timing::Timing;

/// What is kept of one that has fallen.
#[derive(Clone, Copy, Debug, Hash)]
struct Fall {
    /// How often, each time within [`Timing::flap_memory`] of the time before and the hold after it.
    count: u8,
    /// What it said the last time.
    plea: Plea,
    /// When that was, as a stamp.
    at: u32,
    /// Until when it is not taken back, as a stamp.
    until: u32,
}

impl Fall {
    /// For how long such a node is held off, if at all.
    fn span(&self, timing: &Timing) -> Option<Duration> {
        let again = self.count.checked_sub(2)?;
        Some(match self.plea {
            Plea::StoodStill => timing.stall_hold,
            _ => backoff::after(timing.first_hold, again, 16).min(timing.longest_hold),
        })
    }

    /// Why it is held off.
    const fn reason(&self) -> HoldReason {
        let times = self.count;
        match self.plea {
            Plea::StoodStill => HoldReason::Stalls { times },
            _ => HoldReason::Silences { times },
        }
    }

    fn memory(&self, timing: &Timing) -> Duration {
        timing.flap_memory + self.span(timing).unwrap_or_default()
    }
}

/// All of them. Few nodes fall, so they have a table of their own.
#[derive(Clone, Debug, Default, Hash)]
pub(crate) struct Falls {
    fallen: BTreeMap<Ix, Fall>,
    /// When those that were called down by mistake said so last, as a stamp.
    denied: BTreeMap<Ix, u32>,
}

impl Falls {
    /// A node says that it lives, in the incarnation by which it objects to having been called down.
    /// Returns for how long it is held off from now on, and why, if that begins or gets longer.
    pub(crate) fn objects(
        &mut self,
        ix: Ix,
        plea: Plea,
        now: Instant,
        timing: &Timing,
    ) -> Option<(Duration, HoldReason)> {
        if plea == Plea::Well {
            self.denied.insert(ix, stamp(now));
            if let Some(fall) = self.fallen.get_mut(&ix)
                && since(fall.at, now) < timing.fall_undone
            {
                // What it is said to have admitted a moment ago, another has made up.
                (fall.count, fall.until) = (fall.count.saturating_sub(1), stamp(now));
            }
            return None;
        }
        self.denied.remove(&ix);
        let last = self.fallen.get(&ix).copied();
        let last = last.filter(|fall| since(fall.at, now) <= fall.memory(timing));
        let count = match last {
            // Nobody falls twice within a window: several have called it down, or somebody makes it up.
            Some(fall) if since(fall.at, now) < timing.fall_apart => fall.count,
            Some(fall) => fall.count.saturating_add(1),
            None => 1,
        };
        let at = last.filter(|fall| fall.count == count).map_or_else(|| stamp(now), |fall| fall.at);
        let mut fall = Fall { count, plea, at, until: stamp(now) };
        let span = fall.span(timing);
        fall.until = stamp(now + span.unwrap_or_default());
        self.fallen.insert(ix, fall);
        span.map(|span| (span, fall.reason()))
    }

    /// Whether a node has denied recently to have been silent: a peer that accuses it again may be lying, or
    /// cut off from it.
    pub(crate) fn has_denied(&self, ix: Ix, now: Instant, timing: &Timing) -> bool {
        self.denied.get(&ix).is_some_and(|&at| since(at, now) <= timing.denial_memory)
    }

    /// Forgets what is over.
    pub(crate) fn rest(&mut self, now: Instant, timing: &Timing) {
        self.denied.retain(|_, at| since(*at, now) <= timing.denial_memory);
        let over = |fall: &Fall| since(fall.at, now) > fall.memory(timing);
        self.fallen.retain(|_, fall| ahead(fall.until, now) > 0 || !over(fall));
    }

    /// A node begins a life. It did not fall in it; and if nothing was heard of the one before, that may
    /// have been made up, which the node denies by beginning another.
    pub(crate) fn begin_life(&mut self, ix: Ix, unheard: bool, now: Instant) {
        self.fallen.remove(&ix);
        if unheard {
            self.denied.insert(ix, stamp(now));
        }
    }

    /// The place of a node in the table goes to another.
    pub(crate) fn forget(&mut self, ix: Ix) {
        self.fallen.remove(&ix);
        self.denied.remove(&ix);
    }

    /// For how long a node is not taken back yet; `None` if it may be.
    pub(crate) fn left(&self, ix: Ix, now: Instant) -> Option<Duration> {
        let left = ahead(self.fallen.get(&ix)?.until, now);
        (left > 0).then(|| Duration::from_millis(left.into()))
    }

    /// Why a node is held off, and for how much longer; `None` if it is not.
    pub(crate) fn hold(&self, ix: Ix, now: Instant) -> Option<(HoldReason, Duration)> {
        Some((self.fallen.get(&ix)?.reason(), self.left(ix, now)?))
    }

    /// Whether the hold of a node goes on for long, so that it is not watched yet: nothing of it is shown,
    /// and a verdict and its refutation cost two broadcasts each time.
    pub(crate) fn is_resting(&self, ix: Ix, now: Instant, timing: &Timing) -> bool {
        let span = self.fallen.get(&ix).and_then(|fall| fall.span(timing));
        let half = span.map_or(Duration::ZERO, |span| span / 2);
        self.left(ix, now).is_some_and(|left| left > half.max(timing.least_watched))
    }
}

/// How many milliseconds a stamp lies ahead of now; 0 if it is over.
fn ahead(until: u32, now: Instant) -> u32 {
    let left = until.wrapping_sub(stamp(now));
    if left < u32::MAX / 2 { left } else { 0 }
}

/// How long ago a stamp was; it wraps after 49 days.
fn since(at: u32, now: Instant) -> Duration {
    Duration::from_millis(stamp(now).wrapping_sub(at).into())
}

/// Milliseconds, wrapping, never 0.
fn stamp(now: Instant) -> u32 {
    (now.as_millis() as u32).max(1)
}
