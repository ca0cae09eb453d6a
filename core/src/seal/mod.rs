//! Keys, and how packets are protected by them.
//!
//! A [`Keyring`] holds the cluster's keys. A [`Sealer`] protects what one life of a node sends, an
//! [`Opener`] checks what arrives, and a [`Window`] tells fresh packet numbers from seen ones. The
//! bytes that are protected, and how keys are derived, are specified in [`wire`](crate::wire).

mod cluster;
mod key;
mod keyring;
mod opener;
mod sealer;
mod suite;
mod wide;

pub use crate::base::{Freshness, Window};
pub use crate::packet::KeyId;
pub use cluster::{ClusterName, ClusterNameError};
pub use key::{Key, KeyError};
pub use keyring::{Keyring, KeyringError};
pub use opener::{OpenError, Opener};
pub use sealer::Sealer;
pub use suite::Suite;
pub(crate) use wide::WideWindows;

#[cfg(test)]
mod tests;
