//! One secret of a cluster.

use core::fmt;
use zeroize::ZeroizeOnDrop;

/// A group key: 32 secret bytes that all nodes of a cluster share. Wiped when dropped, never
/// printed.
#[derive(Clone, ZeroizeOnDrop)]
pub struct Key([u8; Self::LEN]);

impl Key {
    /// The bytes of a key.
    pub const LEN: usize = 32;

    pub(super) const fn secret(&self) -> &[u8] {
        &self.0
    }
}

impl From<[u8; Self::LEN]> for Key {
    fn from(secret: [u8; Self::LEN]) -> Self {
        Self(secret)
    }
}

impl TryFrom<&[u8]> for Key {
    type Error = KeyError;

    fn try_from(secret: &[u8]) -> Result<Self, KeyError> {
        secret.try_into().map(Self).map_err(|_| KeyError { len: secret.len() })
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

/// Bytes that are not a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyError {
    /// The bytes that were given.
    pub len: usize,
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected a key of {} bytes, got {}", Key::LEN, self.len)
    }
}

impl core::error::Error for KeyError {}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    #[test]
    fn a_key_has_32_bytes() {
        for len in [0, 31, 33] {
            let error = Key::try_from(&[7; 40][..len]).unwrap_err();
            assert_eq!(error, KeyError { len });
        }
        assert_eq!(Key::try_from(&[7; 32][..]).unwrap().secret(), [7; 32]);
    }

    #[test]
    fn a_key_is_never_printed() {
        assert_eq!(format!("{:?}", Key::from([7; 32])), "Key(..)");
    }
}
