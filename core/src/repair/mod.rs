//! Finding and mending differences between two nodes' pictures.
//!
//! | file | what it decides |
//! |---|---|
//! | `session` | when a repair begins, and with whom |
//! | `exchange`, `answer`, `stock` | what is exchanged, and from what it is made |
//! | `futile` | which repairs are not worth another try |
//! | `gaps` | asking for writes that a multicast has shown to be missing |
//! | `tombstones` | what is forgotten: removed items, and nodes that have been gone for long |

mod answer;
mod exchange;
mod futile;
mod gaps;
mod session;
mod stock;
mod tombstones;

use crate::base::Ix;
use crate::out::Out;
use crate::picture::Picture;
use gaps::Gaps;
use session::Sessions;
use tombstones::Tombstones;

/// A picture with fewer subjects than this fits into a small datagram.
const SMALL_PICTURE: u64 = 16;

/// The parts that see to it that nodes hold the same, and no longer than needed.
#[derive(Clone, Debug, Default, Hash)]
pub(crate) struct Repair {
    pub(crate) sessions: Sessions,
    pub(crate) gaps: Gaps,
    pub(crate) tombstones: Tombstones,
}

impl Repair {
    /// A life begins.
    pub(crate) fn start(&mut self, picture: &mut Picture, out: &mut Out) {
        self.sessions.start(picture, out);
        self.gaps.clear();
        self.tombstones.start(picture, out);
    }

    /// Forgets a node that is leaving the table.
    pub(crate) fn forget(&mut self, ix: Ix) {
        self.gaps.forget(ix);
    }
}
