//! Returns of lost peers that only this node may know of: it broadcasts them unless another node
//! does so first.
//!
//! A returning node refutes its death: it broadcasts to all on its ring, and answers each node that
//! told it. If its ring holds everybody, hundreds of those would broadcast the same once more;
//! after a partition its ring lacks the other side, and one of those must. So each waits for a
//! different time ([`Suppressor`]).

use crate::base::Ix;
use crate::claims::Standing;
use crate::mutants::mutated;
use crate::out::{Out, Suppressor, Why};
use crate::picture::Picture;

/// Returns that other nodes may broadcast first.
#[derive(Clone, Debug, Default, Hash)]
pub(crate) struct Returns {
    untold: Suppressor<Ix>,
}

impl Returns {
    /// Notes that a lost peer is back, which only this node may know. If too many wait, it is broadcast
    /// at once.
    pub(crate) fn note(&mut self, picture: &Picture, out: &mut Out, ix: Ix) {
        if mutated!(picture.config, ReturnsOff) {
            return;
        }
        if self.untold.is_full() {
            picture.tell_all_of(out, ix);
        } else if !self.untold.has(|&untold| untold == ix) {
            self.untold.wait(out, Why::Return, picture.timing.return_wait, ix);
        }
    }

    /// A broadcast about a peer is under way.
    pub(crate) fn told(&mut self, ix: Ix) {
        self.untold.suppress(|&untold| untold == ix);
    }

    /// Broadcasts what no other node has in the meantime.
    pub(crate) fn on_timer(&mut self, picture: &Picture, out: &mut Out) {
        for ix in self.untold.take_due(out, Why::Return) {
            if picture.claim(ix).standing == Standing::Alive {
                picture.tell_all_of(out, ix);
            }
        }
    }

    pub(crate) fn clear(&mut self) {
        self.untold.clear();
    }
}
