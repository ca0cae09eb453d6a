//! Returns of lost peers that this node has heard of alone: told to everybody only if nobody else
//! does so first.
//!
//! Who comes back objects to what is said of it: it tells all on its ring, and each who has told it
//! so. Where its ring holds everybody, hundreds of those would tell all the same once more; after a
//! partition its ring lacks the other side, and one of those must. So they wait, for different times
//! (SRM: Floyd and others 1997).

use alloc::vec::Vec;

use crate::context::Context;
use crate::growth::KEPT;
use crate::roster::Ix;
use crate::time::Instant;
use crate::timers::Why;
use crate::wire::Standing;

/// The most returns that wait. One beyond is told at once.
const CAPACITY: usize = 256;

/// Returns that others may tell.
#[derive(Clone, Debug, Default)]
pub(crate) struct Returns {
    waiting: Vec<(Instant, Ix)>,
}

impl Returns {
    /// Notes that a lost peer is back, as this node alone may have heard.
    pub(crate) fn note(&mut self, ctx: &mut Context, ix: Ix) {
        if self.waiting.len() >= CAPACITY {
            ctx.tell_all_of(ix);
        } else if !self.waiting.iter().any(|&(_, waits)| waits == ix) {
            let due = ctx.now + ctx.around(ctx.timing.return_wait);
            self.waiting.push((due, ix));
            ctx.timers.hasten(Why::Return, due);
        }
    }

    /// Everybody is being told of a peer.
    pub(crate) fn told(&mut self, ix: Ix) {
        self.waiting.retain(|&(_, waits)| waits != ix);
    }

    /// Tells what nobody else has told meanwhile.
    pub(crate) fn on_timer(&mut self, ctx: &mut Context) {
        let now = ctx.now;
        for (_, ix) in self.waiting.extract_if(.., |(due, _)| *due <= now) {
            if ctx.claim(ix).standing == Standing::Alive {
                ctx.tell_all_of(ix);
            }
        }
        self.waiting.shrink_to(self.waiting.len().max(KEPT));
        ctx.timers.set(Why::Return, self.waiting.iter().map(|&(due, _)| due).min());
    }

    pub(crate) fn clear(&mut self) {
        self.waiting.clear();
    }
}
