//! The keys that each sender has, and how packets are protected with them.

use hkdf::Hkdf;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

#[cfg(feature = "seal")]
use super::cipher::Cipher;
use super::cluster::ClusterName;
use super::code::authenticate;
use super::key::Key;
use super::suite::Suite;
use crate::base::{Life, NodeId};
use crate::packet::{KeyId, TAG_LEN};

/// A group key, prepared for deriving the keys of senders (RFC 5869, the step *extract*).
#[derive(Clone)]
pub(super) struct Schedule {
    id: KeyId,
    suite: Suite,
    root: Hkdf<Sha256>,
}

impl Schedule {
    pub(super) fn new(cluster: &ClusterName, key: &Key) -> Self {
        let mut salt = [0; SALT_LABEL.len() + ClusterName::MAX_LEN];
        let name = cluster.as_bytes();
        let len = SALT_LABEL.len() + name.len();
        salt[..SALT_LABEL.len()].copy_from_slice(SALT_LABEL);
        salt[SALT_LABEL.len()..len].copy_from_slice(name);
        let root = Hkdf::new(Some(&salt[..len]), key.expose_secret());
        Self { id: key.id(), suite: key.suite(), root }
    }

    pub(super) const fn id(&self) -> KeyId {
        self.id
    }

    pub(super) const fn suite(&self) -> Suite {
        self.suite
    }

    /// The keys of one life of one sender (RFC 5869, the step *expand*).
    pub(super) fn session(&self, sender: Life) -> Session {
        let mut purpose = [0; 1 + LIFE];
        purpose[0] = self.suite.number();
        purpose[1..].copy_from_slice(&octets(sender));
        match self.suite {
            Suite::Authenticated => {
                let mac = Hmac::new_from_slice(self.derive(&purpose).as_ref());
                Session::Authenticated(mac.expect("HMAC takes keys of any length"))
            }
            #[cfg(feature = "seal")]
            Suite::Sealed => Session::Sealed(self.cipher(&purpose)),
        }
    }

    /// What encrypts for this purpose.
    #[cfg(feature = "seal")]
    pub(super) fn cipher(&self, purpose: &[u8]) -> Cipher {
        Cipher::new(*self.derive(purpose))
    }

    fn derive(&self, purpose: &[u8]) -> Zeroizing<[u8; 32]> {
        let mut key = Zeroizing::new([0; 32]);
        self.root.expand(purpose, key.as_mut()).expect("32 bytes are one block of HKDF");
        key
    }
}

const SALT_LABEL: &[u8] = b"scalesmall 2 packet ";

/// What protects the packets of one life of one sender.
#[derive(Clone)]
pub(super) enum Session {
    Authenticated(Hmac<Sha256>),
    #[cfg(feature = "seal")]
    Sealed(Cipher),
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
        let receiver = receiver.map(octets);
        let receiver = receiver.as_ref().map_or(&[][..], |octets| octets);
        match self {
            Self::Authenticated(mac) => {
                let _ = (header, number);
                let mut tag = [0; TAG_LEN];
                let code = authenticate(mac, &[packet, receiver]).finalize().into_bytes();
                tag.copy_from_slice(&code[..TAG_LEN]);
                tag
            }
            #[cfg(feature = "seal")]
            Self::Sealed(cipher) => {
                let (header, frames) = packet.split_at_mut(header);
                cipher.seal(number, [header, receiver], frames)
            }
        }
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
        let receiver = receiver.map(octets);
        let receiver = receiver.as_ref().map_or(&[][..], |octets| octets);
        match self {
            Self::Authenticated(mac) => {
                let _ = (header, number, plain);
                authenticate(mac, &[packet, receiver]).verify_truncated_left(tag).is_ok()
            }
            #[cfg(feature = "seal")]
            Self::Sealed(cipher) => {
                let (header, frames) = packet.split_at(header);
                plain.clear();
                plain.extend_from_slice(frames);
                cipher.open(number, [header, receiver], plain, tag)
            }
        }
    }
}

/// The bytes of an identity and an epoch.
const LIFE: usize = NodeId::LEN + 8;

fn octets(life: Life) -> [u8; LIFE] {
    let mut octets = [0; LIFE];
    octets[..NodeId::LEN].copy_from_slice(&life.id.to_bits().to_be_bytes());
    octets[NodeId::LEN..].copy_from_slice(&life.epoch.0.to_be_bytes());
    octets
}
