//! Keys that a node had and must not take again.

use alloc::collections::VecDeque;
use core::fmt;
use core::str::FromStr;

use crate::packet::KeyId;

/// Tells one key from another without the secret: the first eight bytes of the hash whose first two are its id.
/// Printed and read as sixteen hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyFingerprint([u8; Self::LEN]);

impl KeyFingerprint {
    /// The bytes of a fingerprint.
    pub const LEN: usize = 8;

    pub(super) const fn new(bytes: [u8; Self::LEN]) -> Self {
        Self(bytes)
    }

    /// The id of the key.
    #[must_use]
    pub const fn id(&self) -> KeyId {
        KeyId::from_bits(u16::from_be_bytes([self.0[0], self.0[1]]))
    }
}

impl fmt::Display for KeyFingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", u64::from_be_bytes(self.0))
    }
}

impl fmt::Debug for KeyFingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyFingerprint({self})")
    }
}

impl FromStr for KeyFingerprint {
    type Err = KeyFingerprintError;

    fn from_str(text: &str) -> Result<Self, KeyFingerprintError> {
        let is_digit = |byte: u8| byte.is_ascii_hexdigit();
        if text.len() != 2 * Self::LEN || !text.bytes().all(is_digit) {
            return Err(KeyFingerprintError);
        }
        let bits = u64::from_str_radix(text, 16).map_err(|_| KeyFingerprintError)?;
        Ok(Self(bits.to_be_bytes()))
    }
}

/// A text that is not the fingerprint of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyFingerprintError;

impl fmt::Display for KeyFingerprintError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "the fingerprint of a key is sixteen hexadecimal digits, such as 1f0c6ab200d173e9",
        )
    }
}

impl core::error::Error for KeyFingerprintError {}

/// A key that was held and is not to be taken again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct RetiredKey {
    /// Which key it was.
    pub fingerprint: KeyFingerprint,
    /// Whether it was marked as leaked. Otherwise it was replaced by a higher one.
    pub leaked: bool,
}

impl RetiredKey {
    /// The memory of a key.
    #[must_use]
    pub const fn new(fingerprint: KeyFingerprint, leaked: bool) -> Self {
        Self { fingerprint, leaked }
    }
}

/// The last keys that were retired, the latest last.
#[derive(Clone, Debug, Default, Hash)]
pub(super) struct Retired(VecDeque<RetiredKey>);

impl Retired {
    pub(super) fn find(&self, key: KeyFingerprint) -> Option<RetiredKey> {
        self.0.iter().find(|it| it.fingerprint == key).copied()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = RetiredKey> + use<'_> {
        self.0.iter().copied()
    }

    pub(super) fn remove(&mut self, key: KeyFingerprint) {
        self.0.retain(|it| it.fingerprint != key);
    }

    pub(super) fn add(&mut self, key: RetiredKey, most: usize) {
        let before = self.0.iter().position(|it| it.fingerprint == key.fingerprint);
        let before = before.and_then(|at| self.0.remove(at));
        let leaked = key.leaked || before.is_some_and(|it| it.leaked);
        if self.0.len() >= most {
            self.0.pop_front();
        }
        self.0.push_back(RetiredKey { leaked, ..key });
    }
}
