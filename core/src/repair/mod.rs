//! Finding and mending differences between two nodes' pictures.
//!
//! | file | what it decides |
//! |---|---|
//! | `session` | when a repair begins, and with whom |
//! | `exchange`, `lists`, `answer`, `stock` | what is exchanged, and from what it is made |
//! | `futile` | which repairs are not worth another try |
//! | `gaps` | asking for writes that a multicast has shown to be missing |
//! | `tombstones` | what is forgotten: removed items, and nodes that have been gone for long |

mod answer;
mod exchange;
mod futile;
mod gaps;
mod lists;
mod session;
mod stock;
mod tombstones;
mod unknown;

use alloc::collections::BTreeSet;

use crate::base::{Instant, Ix};
use crate::out::Out;
use crate::picture::Picture;
use crate::reconcile::Subject;
use crate::wire::Frame;
use futile::Futile;
use gaps::Gaps;
use stock::Stock;
use tombstones::Tombstones;
use unknown::Unknown;

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

    /// A frame of a repair has come.
    pub(crate) fn on_frame(
        &mut self,
        picture: &mut Picture,
        out: &mut Out,
        from: Ix,
        frame: Frame,
    ) {
        match frame {
            Frame::Want { group, member, since } => {
                if let Some(ix) = picture.find_life(member) {
                    self.sessions.on_want(picture, out, from, &group, ix, since);
                }
            }
            Frame::Ranges(ranges) => self.sessions.on_ranges(picture, out, from, &ranges),
            Frame::Coded(coded) if self.takes_list(out) => {
                self.sessions.on_coded(picture, out, from, &coded);
            }
            Frame::Lacking(lacking) if self.takes_list(out) => {
                self.sessions.on_lacking(picture, out, from, &lacking);
            }
            _ => {}
        }
    }

    /// Whether another list of a packet is answered; one that is not is counted.
    pub(crate) fn takes_list(&mut self, out: &mut Out) -> bool {
        let takes = self.sessions.takes_list();
        out.stats.lists_ignored += u64::from(!takes);
        takes
    }

    /// Forgets a node that is leaving the table.
    pub(crate) fn forget(&mut self, ix: Ix) {
        self.gaps.forget(ix);
    }
}

/// Comparisons of roots, and the stock from which answers are made.
#[derive(Clone, Debug, Default, Hash)]
pub(crate) struct Sessions {
    unequal: u32,
    /// When the first of these was made, and this node's root then.
    since: Option<(Instant, u64)>,
    last: Option<Instant>,
    /// This node's root when it was last looked at, and since when it has had that value.
    root: (u64, Instant),
    /// How many subjects newcomers have been sent in a window of time.
    welcomed: (u64, u64),
    /// How much the packet that is being taken in may still make this node send.
    budget: usize,
    lists: u32,
    /// The peer with which a repair is to begin after the packet, and the difference of the roots.
    partner: Option<(Ix, u64)>,
    /// The subjects that the packet has listed and this node has answered.
    listed: BTreeSet<Subject>,
    /// When this node last began a repair, and its root then; `None` once nothing is missing any
    /// more or a large datagram has come.
    asked: Option<(Instant, u64)>,
    /// Whether that was answered.
    answered: bool,
    /// How many repairs in a row have changed nothing.
    vain: u8,
    /// How much a newcomer was told that there is, if it had not got most of it when it was told: datagrams
    /// overtake each other.
    promised: Option<u64>,
    /// Whether a newcomer has heard a large datagram.
    hears_large: bool,
    futile: Futile,
    pub(crate) unknown: Unknown,
    stock: Option<Stock>,
}
