//! How a packet names its key.

use core::fmt;
use core::str::FromStr;

/// Names a key, in the clear: the first two bytes of a hash of its suite and its secret. Nobody
/// chooses it. Printed and read as four hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(u16);

impl KeyId {
    /// The bytes of an id.
    pub const LEN: usize = 2;

    /// The id with these bits.
    #[must_use]
    pub const fn from_bits(bits: u16) -> Self {
        Self(bits)
    }

    /// Its bits.
    #[must_use]
    pub const fn to_bits(self) -> u16 {
        self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04x}", self.0)
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

impl FromStr for KeyId {
    type Err = KeyIdError;

    fn from_str(text: &str) -> Result<Self, KeyIdError> {
        let is_digit = |byte: u8| byte.is_ascii_hexdigit();
        if text.len() != 2 * Self::LEN || !text.bytes().all(is_digit) {
            return Err(KeyIdError);
        }
        u16::from_str_radix(text, 16).map(Self).map_err(|_| KeyIdError)
    }
}

/// A text that is not the id of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyIdError;

impl fmt::Display for KeyIdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the id of a key is four hexadecimal digits, such as 1f0c")
    }
}

impl core::error::Error for KeyIdError {}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString as _;

    #[test]
    fn an_id_is_read_as_it_is_printed() {
        for bits in [0, 7, 0x1f0c, u16::MAX] {
            let id = KeyId::from_bits(bits);
            assert_eq!(id.to_string().parse(), Ok(id));
        }
        for wrong in ["", "1f0", "1f0c0", "+f0c", "1f0g"] {
            assert_eq!(wrong.parse::<KeyId>(), Err(KeyIdError), "{wrong}");
        }
    }
}
