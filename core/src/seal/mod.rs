//! Keys, and how packets are protected by them.
//!
//! A [`Keyring`] holds the keys of a node, each of which has its [`Suite`]: an embedder needs these, and [`OpenError`],
//! the reason for which a packet is refused. A [`Sealer`] protects what one life of a node sends, and an [`Opener`]
//! checks what arrives: an engine has its own, and programs that read or write packets themselves need them. The bytes
//! that are protected, and how keys are derived, are specified in [`wire`](crate::wire).
//!
//! # Which cipher
//!
//! A machine that is set back to a snapshot uses packet numbers a second time until its peers tell it.
//! Under ChaCha20-Poly1305 (RFC 8439) two packets with one number give away what they say, and enough
//! to forge a third with that number. So suite *sealed* has to resist misuse. Nanoseconds to seal a
//! packet with this many bytes of frames (to open one takes as long), on an AMD EPYC with AES, SHA and
//! AVX2, by `rustc` 1.95 and current RustCrypto crates:
//!
//! | | 64, with instructions | 1,200 | 64, without | 1,200 |
//! |---|---|---|---|---|
//! | ChaCha20-Poly1305, as built by default | 1,570 | 2,510 | | |
//! | ChaCha20-Poly1305, the best of its settings | 350 | 1,320 | 345 | 2,890 |
//! | AES-256-GCM-SIV (RFC 8452) | 700 | 1,170 | 4,380 | 15,900 |
//! | HMAC-SHA-256 and XChaCha20, which is used | 375 | 1,660 | 810 | 5,540 |
//!
//! (*With*: as built by default, where the crates look for instructions at run time. *Without*: all
//! of `aes_backend`, `polyval_backend`, `sha2_backend`, `chacha20_backend` and `poly1305_backend` set
//! to `soft`.) AES-256-GCM-SIV costs twelve times as much where a processor has no instructions for AES,
//! which small boards do not. The construction that is used, a synthetic initialisation vector as in
//! RFC 5297, costs at most 2.4 times as much as the cheapest on either kind of machine, needs no
//! primitive that suite *authenticated* does not have but a stream cipher, and its tag is the same
//! code over the same bytes.

#[cfg(feature = "seal")]
mod cipher;
mod cluster;
mod code;
mod key;
mod key_state;
mod keyring;
mod opener;
mod rotation;
mod sealer;
mod session;
mod suite;
mod wide;
mod wrap;

pub(crate) use crate::base::{Freshness, Window};
pub use crate::packet::{KeyId, KeyIdError};
pub use cluster::{ClusterName, ClusterNameError};
pub use key::Key;
pub(crate) use key_state::KeyState;
pub use keyring::{HeldKey, Keyring, KeyringError};
pub use opener::{OpenError, Opener};
pub(crate) use rotation::{Member, key_for, plan};
pub use sealer::Sealer;
pub use suite::Suite;
pub(crate) use wide::WideWindows;
pub(crate) use wrap::{NotTaken, Wrap};

#[cfg(test)]
mod tests;
