//! Claims about oneself from a higher epoch: a clock that was set back, or a second holder of the
//! id.
//!
//! A node that hears of itself from a higher epoch waits a moment and then renews above it. A
//! peer that has heard a live packet of the lower life asks the higher one for an answer; if there
//! is one, both live, and the lower one is told to yield.

use alloc::vec::Vec;
use core::net::SocketAddr;

use crate::context::Context;
use crate::event::Event;
use crate::node::{Epoch, Life};
use crate::outbox::{Say, To};
use crate::port::Destination;
use crate::roster::Ix;
use crate::time::Instant;
use crate::timers::Why;
use crate::wire::Frame;

/// The most ids that a node can be looking into at once.
const CASES: usize = 16;

/// An id of which this peer has heard two lives.
#[derive(Debug)]
struct Contest {
    ix: Ix,
    lower: Life,
    addr: SocketAddr,
    until: Instant,
}

/// A claim about this node that waits, and the contests that this node looks into.
#[derive(Debug, Default)]
pub(crate) struct Renewal {
    claimed: Option<(Epoch, Instant)>,
    contests: Vec<Contest>,
}

impl Renewal {
    /// This node is said to live in a higher epoch.
    pub(crate) fn claimed(&mut self, ctx: &mut Context, epoch: Epoch) {
        let (highest, at) = self.claimed.unwrap_or((epoch, ctx.now + ctx.timing.renewal_wait));
        self.claimed = Some((highest.max(epoch), at));
        ctx.timers.set(Why::Renewal, Some(at));
    }

    /// The other holder of the id has answered a peer: this one yields.
    pub(crate) fn yield_to(&mut self, ctx: &mut Context, epoch: Epoch) {
        if epoch > ctx.me().epoch {
            self.claimed = None;
            ctx.silent = true;
            ctx.outbox.clear();
            ctx.timers.clear();
            ctx.event(Event::Duplicate { epoch });
        }
    }

    /// Nobody else has shown itself: the epoch to renew in.
    pub(crate) fn on_timer(&mut self, ctx: &mut Context) -> Option<Epoch> {
        let (epoch, _) = self.claimed.take()?;
        // Above by chance, so that a life that was never noticed is not begun a second time.
        let leap = 1 + ctx.random_below(1 << 22) as u64;
        (epoch >= ctx.me().epoch).then(|| Epoch(epoch.0.saturating_add(leap)))
    }

    /// A live packet of a life came in that a higher one is known of: see whether both live.
    pub(crate) fn contested(&mut self, ctx: &mut Context, ix: Ix, lower: Life, addr: SocketAddr) {
        let now = ctx.now;
        self.contests.retain(|contest| contest.until > now);
        if self.contests.len() >= CASES || self.contests.iter().any(|case| case.lower == lower) {
            return;
        }
        self.contests.push(Contest { ix, lower, addr, until: now + ctx.timing.renewal_wait });
        ctx.say(ctx.bound(ix), Say::Ping);
        let claim = ctx.claim(ix);
        let to = To { at: Destination::Unicast(addr), bound: Some(lower.epoch), node: None };
        ctx.say_frame(to, Frame::Claim(claim));
    }

    /// The life that is known of a peer has answered a ping: if it is contested, both live.
    pub(crate) fn answered(&mut self, ctx: &mut Context, ix: Ix) {
        if self.contests.is_empty() {
            return;
        }
        let epoch = ctx.life(ix).epoch;
        for contest in self.contests.extract_if(.., |contest| contest.ix == ix) {
            let same = ctx.id(ix) == contest.lower.id;
            if same && contest.until > ctx.now && contest.lower.epoch < epoch {
                let to = To {
                    at: Destination::Unicast(contest.addr),
                    bound: Some(contest.lower.epoch),
                    node: None,
                };
                ctx.say_frame(to, Frame::Duplicate { epoch });
            }
        }
    }
}
