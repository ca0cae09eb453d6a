//! Folded-multiply hashing: fast, the same on every platform, for tables, ranks and fingerprints.
//!
//! A 64 by 64 bit product is folded to 64 bits by exclusive-or of its halves, the round of wyhash
//! and foldhash. It resists accidents, not an adversary: everybody who can feed it holds the
//! group's key.

use core::hash::Hasher;

use crate::base::node::NodeId;

/// An odd constant without structure (the golden ratio's bits).
const ROUND: u64 = 0x9e37_79b9_7f4a_7c15;
/// Another one, for the closing round.
const CLOSE: u64 = 0xd6e8_feb8_6659_fd93;

/// The halves of `a * b`, folded onto each other.
#[inline]
pub(crate) const fn fold(a: u64, b: u64) -> u64 {
    let product = a as u128 * b as u128;
    product as u64 ^ (product >> 64) as u64
}

/// A word that differs in half of its bits from that of any other word.
#[inline]
pub(crate) const fn mix(word: u64) -> u64 {
    fold(word ^ ROUND, CLOSE)
}

/// A hash in the making: a key, then words, then [`finish`](Self::finish).
#[derive(Clone, Copy)]
pub(crate) struct Hash(u64);

impl Hash {
    /// Starts a hash that differs by `key` and by `purpose`.
    #[inline]
    pub(crate) const fn new(key: [u64; 2], purpose: u64) -> Self {
        Self(fold(key[0] ^ purpose, key[1] ^ ROUND) ^ key[1])
    }

    /// Takes in one word.
    #[inline]
    pub(crate) const fn word(self, word: u64) -> Self {
        Self(fold(self.0 ^ word, ROUND).rotate_left(23))
    }

    /// Takes in a node's identity.
    #[inline]
    pub(crate) const fn node(self, id: NodeId) -> Self {
        self.word(id.to_bits())
    }

    /// Takes in a string of bytes and its length.
    #[inline]
    pub(crate) fn bytes(self, mut bytes: &[u8]) -> Self {
        let mut state = self.0 ^ (bytes.len() as u64).wrapping_mul(CLOSE);
        while bytes.len() > 16 {
            let (low, high) = (word(bytes.first_chunk()), word(bytes[8..].first_chunk()));
            state = fold(low ^ state, high ^ ROUND);
            bytes = &bytes[16..];
        }
        // The first and the last bytes of what is left; they may overlap.
        let (low, high) = match *bytes {
            [.., _, _, _, _, _, _, _, _] => (word(bytes.first_chunk()), word(bytes.last_chunk())),
            [a, b, c, d, ..] => {
                let last = bytes.last_chunk().copied().unwrap_or_default();
                (u64::from(u32::from_le_bytes([a, b, c, d])), u64::from(u32::from_le_bytes(last)))
            }
            [a, b, c] => (u64::from(a), u64::from(u16::from_le_bytes([b, c]))),
            [a, b] => (u64::from(a), u64::from(b)),
            [a] => (u64::from(a), 0),
            [] => (0, 0),
        };
        Self(fold(low ^ state, high ^ CLOSE))
    }

    /// The hash: two more rounds, so that each bit of each word reaches each bit of the result.
    #[inline]
    pub(crate) const fn finish(self) -> u64 {
        let state = fold(self.0 ^ CLOSE, ROUND);
        fold(state ^ ROUND, CLOSE)
    }
}

/// For types that derive [`core::hash::Hash`]. The result depends on the platform's byte order and word
/// size.
impl Hasher for Hash {
    fn write(&mut self, bytes: &[u8]) {
        *self = self.bytes(bytes);
    }

    fn finish(&self) -> u64 {
        Self::finish(*self)
    }
}

/// Eight bytes as a word; all callers have that many.
#[inline]
fn word(bytes: Option<&[u8; 8]>) -> u64 {
    bytes.map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Flipping any one bit of the input flips each bit of the result about every second time.
    #[test]
    fn each_bit_reaches_each_bit() {
        let samples = 4096;
        for position in 0..64 {
            let mut flips = [0u32; 64];
            for sample in 0..samples {
                let hash = |word: u64| Hash::new([1, 2], 3).word(word).finish();
                let difference = hash(sample) ^ hash(sample ^ 1 << position);
                for (bit, count) in flips.iter_mut().enumerate() {
                    *count += (difference >> bit & 1) as u32;
                }
            }
            for (bit, count) in flips.into_iter().enumerate() {
                assert!(
                    (samples as u32 * 2 / 5..samples as u32 * 3 / 5).contains(&count),
                    "input bit {position} flips result bit {bit} {count} times of {samples}"
                );
            }
        }
    }

    #[test]
    fn each_byte_of_a_string_counts() {
        let mut seen = alloc::collections::BTreeSet::new();
        for len in 0..40 {
            for at in 0..len {
                for byte in 1..=255 {
                    let mut bytes = [0; 40];
                    bytes[at] = byte;
                    assert!(seen.insert(Hash::new([1, 2], 3).bytes(&bytes[..len]).finish()));
                }
            }
        }
    }

    #[test]
    fn strings_of_zeros_differ_by_length() {
        let hash = |len| Hash::new([1, 2], 3).bytes(&[0; 32][..len]).finish();
        for a in 0..32 {
            for b in a + 1..32 {
                assert_ne!(hash(a), hash(b));
            }
        }
    }
}
