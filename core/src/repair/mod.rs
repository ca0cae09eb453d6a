//! Finding and mending differences between two nodes' pictures.

mod answer;
mod exchange;
mod futile;
mod gaps;
mod session;
mod stock;
mod tombstones;

pub(crate) use gaps::Gaps;
pub(crate) use session::Repair;
pub(crate) use tombstones::Tombstones;
