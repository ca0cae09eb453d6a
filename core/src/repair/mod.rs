//! Finding and mending differences between two nodes' pictures.

pub(crate) mod fingerprint;
