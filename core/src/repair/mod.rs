//! Finding and mending differences between two nodes' pictures.

mod answer;
mod exchange;
mod futile;
mod gaps;
mod session;
mod stock;
mod tombstones;

use alloc::collections::BTreeSet;

use crate::base::{Instant, Ix};
use crate::reconcile::Subject;
use futile::Futile;
use stock::Stock;

pub(crate) use gaps::Gaps;
pub(crate) use tombstones::Tombstones;

/// A picture with fewer subjects than this fits into a small datagram.
const SMALL_PICTURE: u64 = 16;

/// Comparisons of roots, and the stock from which answers are made.
#[derive(Clone, Debug, Default, Hash)]
pub(crate) struct Repair {
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
    /// Whether a newcomer has heard a large datagram.
    hears_large: bool,
    futile: Futile,
    stock: Option<Stock>,
}
