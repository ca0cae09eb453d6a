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
//! | **AES-256-GCM-SIV (RFC 8452), which is used** | 700 | 1,170 | 4,380 | 15,900 |
//! | HMAC-SHA-256 and XChaCha20, composed as in RFC 5297 | 375 | 1,660 | 810 | 5,540 |
//!
//! (*With*: as built by default, where the crates look for instructions at run time. *Without*: all
//! of `aes_backend`, `polyval_backend`, `sha2_backend`, `chacha20_backend` and `poly1305_backend` set
//! to `soft`.) The last row is the fastest without instructions for AES, which small boards do not have, but
//! it is a composition of our own. A standard with published proofs, in a library that others maintain and
//! review, is worth the difference: a node sends and opens a handful of packets in a second while nothing
//! happens, and a thousand of 1,200 bytes in a second take 1.6 % of this processor without its instructions.
//!
//! What is kept for each sender is the key of 32 bytes, and not the schedule that AES makes of it, which
//! takes 480: to make it anew for each packet costs 100 nanoseconds with instructions, and 500 without.
//!
//! # What a key bears
//!
//! Each life of each sender has a key of its own, under which the nonce is the packet number. RFC 8452 makes
//! fresh keys of that key for each nonce, and its section 9 gives what keeps an attacker's advantage below
//! 2^-32, as long as no nonce is used more than 256 times: 2^61 texts of up to 16 KiB, or 2^49 of up to 1 MiB,
//! which is more than the longest packet has. A life that sends 100,000 packets a second gets there after 178
//! years. A group key wraps other keys under one more key of that kind, with the generation of the other key
//! as the nonce, which is used once for each rotation.
//!
//! Two packets under one number show whether they are the same in all that is protected (header, receiver and
//! frames), and nothing else: neither what differs, nor how to make a third. More than 256 packets under
//! one number weaken that slowly, and a life that is used again ends at the first answer that it gets.

#[cfg(feature = "seal")]
mod cipher;
mod cluster;
mod code;
mod exchange;
mod key;
mod key_error;
mod key_state;
mod keyring;
mod opener;
mod retired;
mod rotation;
mod sealer;
mod session;
mod suite;
mod wide;
mod wrap;

pub(crate) use crate::base::{Freshness, Window};
pub use crate::packet::{KeyId, KeyIdError};
pub use cluster::{ClusterName, ClusterNameError};
pub(crate) use exchange::{Exchange, add, drop_key, for_lost, rotate, take, use_key};
pub use key::Key;
pub use key_error::KeyError;
pub(crate) use key_state::KeyState;
pub use keyring::{HeldKey, Keyring, KeyringError};
pub use opener::{OpenError, Opener};
pub use retired::{KeyFingerprint, KeyFingerprintError, RetiredKey};
pub(crate) use rotation::{Member, key_for};
pub use sealer::Sealer;
pub use suite::Suite;
pub(crate) use wide::WideWindows;
pub(crate) use wrap::{NotTaken, Wrap};

#[cfg(test)]
mod tests;
