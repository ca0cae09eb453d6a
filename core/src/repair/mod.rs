//! Finding and mending differences between two nodes' pictures.

mod answer;
pub(crate) mod fingerprint;
mod session;
mod snapshot;

pub(crate) use fingerprint::FingerprintKey;
pub(crate) use session::{Repair, is_doubtful};
