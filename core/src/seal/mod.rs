//! Keys and suites (placeholder until the sealing branch is merged).
use alloc::vec::Vec;
/// A key.
#[derive(Clone)]
pub struct Key([u8; 32]);
/// Why bytes are not a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyError {
    /// Bytes given.
    pub len: usize,
}
impl core::fmt::Display for KeyError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "a key has 32 bytes, not {}", self.len)
    }
}
impl core::error::Error for KeyError {}
impl TryFrom<&[u8]> for Key {
    type Error = KeyError;
    fn try_from(b: &[u8]) -> Result<Self, KeyError> {
        b.try_into().map(Self).map_err(|_| KeyError { len: b.len() })
    }
}
impl core::fmt::Debug for Key {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Key(..)")
    }
}
/// Names a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyId(pub u8);
/// Keys.
#[derive(Clone, Debug)]
pub struct Keyring(Vec<(KeyId, Key)>);
impl Keyring {
    /// One key.
    #[must_use]
    pub fn new(id: KeyId, key: Key) -> Self {
        Self(alloc::vec![(id, key)])
    }
}
/// Suite.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Suite {
    /// HMAC.
    #[default]
    Authenticated,
    /// AEAD.
    #[cfg(feature = "seal")]
    Sealed,
}
/// A cluster's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterName(Vec<u8>);
/// Why bytes are not a cluster name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClusterNameError {
    /// Bytes given.
    pub len: usize,
}
impl core::fmt::Display for ClusterNameError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "a cluster name has 1 to 255 bytes, not {}", self.len)
    }
}
impl core::error::Error for ClusterNameError {}
impl TryFrom<&str> for ClusterName {
    type Error = ClusterNameError;
    fn try_from(s: &str) -> Result<Self, ClusterNameError> {
        if s.is_empty() || s.len() > 255 {
            Err(ClusterNameError { len: s.len() })
        } else {
            Ok(Self(s.as_bytes().to_vec()))
        }
    }
}
