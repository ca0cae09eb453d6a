//! Returns of lost peers that only this node may know of: it broadcasts them unless another node
//! does so first.
//!
//! A returning node refutes its death: it broadcasts to all on its ring, and answers each node that
//! told it. If its ring holds everybody, hundreds of those would broadcast the same once more;
//! after a partition its ring lacks the other side, and one of those must. So each waits for a
//! different time (SRM: Floyd and others 1997).

use alloc::vec::Vec;

use crate::base::growth::KEPT;
use crate::base::{Instant, Ix};
use crate::claims::Standing;
use crate::out::{Out, Why};
use crate::picture::Picture;

/// The most returns that wait. Any more are broadcast at once.
const CAPACITY: usize = 256;

/// Returns that other nodes may broadcast first.
#[derive(Clone, Debug, Default, Hash)]
pub(crate) struct Returns {
    waiting: Vec<(Instant, Ix)>,
}

impl Returns {
    /// Notes that a lost peer is back, which only this node may know.
    pub(crate) fn note(&mut self, picture: &Picture, out: &mut Out, ix: Ix) {
        if self.waiting.len() >= CAPACITY {
            picture.tell_all_of(out, ix);
        } else if !self.waiting.iter().any(|&(_, waits)| waits == ix) {
            let due = picture.now + out.around(picture.timing.return_wait);
            self.waiting.push((due, ix));
            out.timers.hasten(Why::Return, due);
        }
    }

    /// A broadcast about a peer is under way.
    pub(crate) fn told(&mut self, ix: Ix) {
        self.waiting.retain(|&(_, waits)| waits != ix);
    }

    /// Broadcasts what no other node has in the meantime.
    pub(crate) fn on_timer(&mut self, picture: &Picture, out: &mut Out) {
        let now = picture.now;
        for (_, ix) in self.waiting.extract_if(.., |(due, _)| *due <= now) {
            if picture.claim(ix).standing == Standing::Alive {
                picture.tell_all_of(out, ix);
            }
        }
        self.waiting.shrink_to(self.waiting.len().max(KEPT));
        out.timers.set(Why::Return, self.waiting.iter().map(|&(due, _)| due).min());
    }

    pub(crate) fn clear(&mut self) {
        self.waiting.clear();
    }
}
