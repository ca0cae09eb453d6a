//! Sets that find what they differ in: fingerprints, sums over ranges, coded symbols.

pub(crate) mod coded;
mod entries;
mod fingerprint;
mod root;

pub(crate) use coded::{CELLS, Cells, Decoded, Element};
pub(crate) use entries::{Entries, Sum};
pub(crate) use fingerprint::FingerprintKey;
pub(crate) use root::{Move, Root, Subject};
