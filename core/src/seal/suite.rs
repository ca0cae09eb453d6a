//! The ways of protecting a packet, and the keys that each sender has for them.

use hkdf::Hkdf;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::cluster::ClusterName;
use super::key::Key;
use crate::base::{Life, NodeId};
use crate::packet::{KeyId, TAG_LEN};

#[cfg(feature = "seal")]
use chacha20poly1305::{AeadInOut as _, ChaCha20Poly1305, Nonce};

/// How packets are protected. All nodes of a cluster use the same suite: a packet of the other one
/// is refused, so no downgrade is possible.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "lowercase"))]
#[non_exhaustive]
pub enum Suite {
    /// HMAC-SHA-256 with a tag of 16 bytes: without the key one can read packets, but not make
    /// them.
    #[default]
    Authenticated,
    /// ChaCha20-Poly1305: without the key one can neither read packets nor make them.
    ///
    /// Built for plain x86-64, the cipher takes about four times as long as it could: put `-C
    /// target-feature=+avx2`, or else `--cfg poly1305_backend="soft"`, into `RUSTFLAGS`.
    #[cfg(feature = "seal")]
    Sealed,
}

impl Suite {
    pub(super) const fn is_sealed(self) -> bool {
        match self {
            Self::Authenticated => false,
            #[cfg(feature = "seal")]
            Self::Sealed => true,
        }
    }

    /// The byte that stands for the suite where keys are derived.
    const fn label(self) -> u8 {
        match self {
            Self::Authenticated => 1,
            #[cfg(feature = "seal")]
            Self::Sealed => 2,
        }
    }
}

/// A group key, prepared for deriving the keys of senders (RFC 5869, the step *extract*).
#[derive(Clone)]
pub(super) struct Schedule {
    id: KeyId,
    root: Hkdf<Sha256>,
}

impl Schedule {
    pub(super) fn new(cluster: &ClusterName, id: KeyId, key: &Key) -> Self {
        let mut salt = [0; SALT_LABEL.len() + ClusterName::MAX_LEN];
        let name = cluster.as_bytes();
        let len = SALT_LABEL.len() + name.len();
        salt[..SALT_LABEL.len()].copy_from_slice(SALT_LABEL);
        salt[SALT_LABEL.len()..len].copy_from_slice(name);
        Self { id, root: Hkdf::new(Some(&salt[..len]), key.secret()) }
    }

    pub(super) const fn id(&self) -> KeyId {
        self.id
    }

    /// The key of one life of one sender (RFC 5869, the step *expand*).
    pub(super) fn session(&self, suite: Suite, sender: Life) -> Session {
        let mut purpose = [0; 2 + LIFE];
        purpose[0] = suite.label();
        purpose[1] = self.id.0;
        purpose[2..].copy_from_slice(&octets(sender));
        let mut key = Zeroizing::new([0; 32]);
        self.root.expand(&purpose, key.as_mut()).expect("32 bytes are one block of HKDF");
        match suite {
            Suite::Authenticated => Session::Authenticated(
                Hmac::new_from_slice(key.as_ref()).expect("HMAC takes keys of any length"),
            ),
            #[cfg(feature = "seal")]
            Suite::Sealed => Session::Sealed(
                ChaCha20Poly1305::new_from_slice(key.as_ref()).expect("the key has 32 bytes"),
            ),
        }
    }
}

const SALT_LABEL: &[u8] = b"scalesmall 2 packet ";

/// What protects the packets of one life of one sender.
#[derive(Clone)]
pub(super) enum Session {
    Authenticated(Hmac<Sha256>),
    #[cfg(feature = "seal")]
    Sealed(ChaCha20Poly1305),
}

impl Session {
    /// Protects a packet in place, except its first `header` bytes, which stay in clear; returns
    /// the tag.
    #[cfg_attr(
        not(feature = "seal"),
        expect(clippy::needless_pass_by_ref_mut, reason = "only encryption writes to the packet")
    )]
    pub(super) fn protect(
        &self,
        packet: &mut [u8],
        header: usize,
        number: u64,
        receiver: Option<Life>,
    ) -> [u8; TAG_LEN] {
        let mut tag = [0; TAG_LEN];
        match self {
            Self::Authenticated(mac) => {
                let _ = (header, number);
                let code = authenticate(mac, packet, receiver).finalize().into_bytes();
                tag.copy_from_slice(&code[..TAG_LEN]);
            }
            #[cfg(feature = "seal")]
            Self::Sealed(cipher) => {
                let (header, frames) = packet.split_at_mut(header);
                let (open, len) = associated(header, receiver);
                let code = cipher
                    .encrypt_inout_detached(&nonce(number), &open[..len], frames.into())
                    .expect("a packet is far shorter than 256 GiB");
                tag.copy_from_slice(&code);
            }
        }
        tag
    }

    /// Checks a packet, tag included, and decrypts its frames into `plain` if they are encrypted.
    /// Returns whether it is authentic.
    pub(super) fn check(
        &self,
        packet: &[u8],
        header: usize,
        number: u64,
        receiver: Option<Life>,
        plain: &mut alloc::vec::Vec<u8>,
    ) -> bool {
        let Some((packet, tag)) = packet.split_last_chunk::<TAG_LEN>() else {
            return false;
        };
        match self {
            Self::Authenticated(mac) => {
                let _ = (header, number, plain);
                authenticate(mac, packet, receiver).verify_truncated_left(tag).is_ok()
            }
            #[cfg(feature = "seal")]
            Self::Sealed(cipher) => {
                let (header, frames) = packet.split_at(header);
                let (open, len) = associated(header, receiver);
                plain.clear();
                plain.extend_from_slice(frames);
                let buffer = plain.as_mut_slice().into();
                cipher
                    .decrypt_inout_detached(&nonce(number), &open[..len], buffer, &(*tag).into())
                    .is_ok()
            }
        }
    }
}

fn authenticate(mac: &Hmac<Sha256>, packet: &[u8], receiver: Option<Life>) -> Hmac<Sha256> {
    let mut mac = mac.clone();
    mac.update(packet);
    if let Some(life) = receiver {
        mac.update(&octets(life));
    }
    mac
}

/// The bytes of an identity and an epoch.
const LIFE: usize = NodeId::LEN + 8;

fn octets(life: Life) -> [u8; LIFE] {
    let mut octets = [0; LIFE];
    octets[..NodeId::LEN].copy_from_slice(&life.id.to_bits().to_be_bytes());
    octets[NodeId::LEN..].copy_from_slice(&life.epoch.0.to_be_bytes());
    octets
}

/// The associated data of a sealed packet: its header, and the receiver's life if it is bound.
#[cfg(feature = "seal")]
fn associated(header: &[u8], receiver: Option<Life>) -> ([u8; MAX_ASSOCIATED], usize) {
    let mut data = [0; MAX_ASSOCIATED];
    let mut len = header.len();
    data[..len].copy_from_slice(header);
    if let Some(life) = receiver {
        data[len..len + LIFE].copy_from_slice(&octets(life));
        len += LIFE;
    }
    (data, len)
}

#[cfg(feature = "seal")]
const MAX_ASSOCIATED: usize = crate::packet::Header::MAX_LEN + LIFE;

/// The packet number, which never repeats under one key.
#[cfg(feature = "seal")]
fn nonce(number: u64) -> Nonce {
    let mut nonce = Nonce::default();
    nonce[4..].copy_from_slice(&number.to_be_bytes());
    nonce
}
