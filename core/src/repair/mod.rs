//! Finding and mending differences between two nodes' pictures.

mod answer;
mod coded;
mod entries;
mod exchange;
pub(crate) mod fingerprint;
mod futile;
mod root;
mod session;
mod stock;

pub(crate) use fingerprint::FingerprintKey;
pub(crate) use root::{Root, Subject};
pub(crate) use session::{Repair, is_doubtful};
