//! One secret of a cluster.

use core::fmt;

use sha2::{Digest as _, Sha256};
use zeroize::ZeroizeOnDrop;

use super::retired::KeyFingerprint;
use super::suite::Suite;
use crate::packet::KeyId;

/// A group key: a suite, and 32 secret bytes that all nodes of a cluster share. Wiped when dropped,
/// never printed.
///
/// The bytes must be random: whatever can be guessed, anybody can find out from one packet.
#[derive(Clone, ZeroizeOnDrop)]
pub struct Key {
    secret: [u8; Self::LEN],
    #[zeroize(skip)]
    suite: Suite,
    #[zeroize(skip)]
    fingerprint: KeyFingerprint,
}

impl Key {
    /// The secret bytes of a key.
    pub const LEN: usize = 32;

    /// The key with this secret, for this suite only.
    #[must_use]
    pub fn new(suite: Suite, secret: [u8; Self::LEN]) -> Self {
        let hash = Sha256::new()
            .chain_update(ID_LABEL)
            .chain_update([suite.number()])
            .chain_update(secret)
            .finalize();
        let fingerprint = core::array::from_fn(|at| hash[at]);
        Self { secret, suite, fingerprint: KeyFingerprint::new(fingerprint) }
    }

    /// A key of suite *authenticated*.
    #[must_use]
    pub fn authenticated(secret: [u8; Self::LEN]) -> Self {
        Self::new(Suite::Authenticated, secret)
    }

    /// A key of suite *sealed*.
    #[cfg(feature = "seal")]
    #[must_use]
    pub fn sealed(secret: [u8; Self::LEN]) -> Self {
        Self::new(Suite::Sealed, secret)
    }

    /// How packets are protected with it.
    #[must_use]
    pub const fn suite(&self) -> Suite {
        self.suite
    }

    /// Its name, which follows from its suite and its secret.
    #[must_use]
    pub const fn id(&self) -> KeyId {
        self.fingerprint.id()
    }

    /// A longer name, for a memory of keys that are gone: no other key has it.
    #[must_use]
    pub const fn fingerprint(&self) -> KeyFingerprint {
        self.fingerprint
    }

    /// The secret bytes, for storing the key; they belong in no log.
    #[must_use]
    pub const fn expose_secret(&self) -> &[u8; Self::LEN] {
        &self.secret
    }

    /// Whether it is the other key in all respects; compares in constant time.
    pub(super) fn is(&self, other: &Self) -> bool {
        let differ = self.secret.iter().zip(&other.secret).fold(0, |all, (a, b)| all | (a ^ b));
        core::hint::black_box(differ) == 0 && self.suite == other.suite
    }
}

const ID_LABEL: &[u8] = b"scalesmall 2 key ";

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({} {})", self.suite, self.id())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    #[test]
    fn the_name_of_a_key_follows_from_its_secret_and_its_suite() {
        // The first bytes of SHA-256("scalesmall 2 key " | 01 | 07 07 .. 07), by sha256sum.
        assert_eq!(format!("{}", Key::authenticated([7; 32]).id()), "ba2f");
        let fingerprint = Key::authenticated([7; 32]).fingerprint();
        assert_eq!(format!("{fingerprint}").parse(), Ok(fingerprint));
        assert!(format!("{fingerprint}").starts_with("ba2f"));
        assert_ne!(Key::authenticated([8; 32]).id(), Key::authenticated([7; 32]).id());
        #[cfg(feature = "seal")]
        assert_eq!(format!("{}", Key::sealed([7; 32]).id()), "2b5a");
    }

    #[test]
    fn a_key_is_never_printed() {
        assert_eq!(format!("{:?}", Key::authenticated([7; 32])), "Key(authenticated ba2f)");
    }
}
