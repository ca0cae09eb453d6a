//! What every node multicasts: its changes, once, and a beacon by which nodes find each other.

use core::time::Duration;

use crate::context::Context;
use crate::outbox::{Say, To};
use crate::port::Destination;
use crate::roster::Ix;
use crate::time::Instant;
use crate::timers::Why;
use crate::wire::Frame;

/// The packets that go to the whole segment.
pub(crate) const EVERYBODY: To = To { at: Destination::Multicast, bound: None, node: None };

/// Who of the segment was heard of late.
#[derive(Debug, Default)]
pub(crate) struct Multicast {
    heard: Option<Instant>,
    speaker: Option<Instant>,
}

impl Multicast {
    /// Says hello soon, and at intervals from then on.
    pub(crate) fn start(&mut self, ctx: &mut Context) {
        *self = Self::default();
        let beacon = ctx.config.multicast.then(|| ctx.now + ctx.around(FIRST_BEACON));
        ctx.timers.set(Why::Beacon, beacon);
    }

    /// Notes that somebody was heard; `speaks` if that was a speaker.
    pub(crate) fn heard(&mut self, now: Instant, speaks: bool) {
        self.heard = Some(now);
        if speaks {
            self.speaker = Some(now);
        }
    }

    /// Whether a speaker was heard within this time.
    pub(crate) fn hears_speaker(&self, now: Instant, within: Duration) -> bool {
        self.speaker.is_some_and(|at| now.since(at) <= within)
    }

    /// Sends frames that fit in one packet, once, if that is worth it: somebody covers those who
    /// hear it, or there are few and somebody was heard.
    pub(crate) fn send(&self, ctx: &mut Context, frames: &[Frame]) {
        let lately =
            self.heard.is_some_and(|at| ctx.now.since(at) <= 4 * ctx.config.beacon_interval);
        let few = ctx.ring.len() < ctx.config.least_hearers as usize;
        let worth = ctx.coverer(Ix::ME).is_some() || lately && few;
        if ctx.config.multicast && worth {
            ctx.say(EVERYBODY, Say::Frames(frames.to_vec()));
        }
    }

    /// Says that this node is here. A speaker's beats say as much for the whole segment; without
    /// one each node does so by chance, all together about once in an interval.
    pub(crate) fn on_beacon(&self, ctx: &mut Context) {
        let alone = !self.hears_speaker(ctx.now, ctx.config.beacon_interval);
        if alone && ctx.random_below(ctx.ring.len()) == 0 {
            ctx.greet(EVERYBODY);
        }
        let wait = ctx.around(ctx.config.beacon_interval);
        ctx.timers.set(Why::Beacon, Some(ctx.now + wait));
    }
}

/// When the first beacon is due, in the mean.
const FIRST_BEACON: Duration = Duration::from_millis(100);
