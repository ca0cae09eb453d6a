//! Folded-multiply hashing: fast, the same on every platform, for tables, ranks and fingerprints.
//!
//! A 64 by 64 bit product is folded to 64 bits by exclusive-or of its halves, the round of wyhash
//! and foldhash. It resists accident, not an adversary: all who can feed it hold the group's key.

use crate::node::NodeId;

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

    /// Takes in a node's address and port.
    #[inline]
    pub(crate) fn node(self, id: NodeId) -> Self {
        let (ip, port) = id.octets();
        let word = |at: usize| {
            u64::from_le_bytes([
                ip[at],
                ip[at + 1],
                ip[at + 2],
                ip[at + 3],
                ip[at + 4],
                ip[at + 5],
                ip[at + 6],
                ip[at + 7],
            ])
        };
        let ip = fold(word(0) ^ CLOSE, word(8) ^ ROUND);
        self.word(ip ^ u64::from(u16::from_le_bytes(port)))
    }

    /// Takes in a string of bytes and its length.
    pub(crate) fn bytes(self, bytes: &[u8]) -> Self {
        let (words, rest) = bytes.as_chunks::<8>();
        let mut hash = self.word(bytes.len() as u64);
        for word in words {
            hash = hash.word(u64::from_le_bytes(*word));
        }
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        hash.word(u64::from_le_bytes(last))
    }

    /// The hash: two more rounds, so that each bit of each word reaches each bit of the result.
    #[inline]
    pub(crate) const fn finish(self) -> u64 {
        let state = fold(self.0 ^ CLOSE, ROUND);
        fold(state ^ ROUND, CLOSE)
    }
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
    fn strings_of_zeros_differ_by_length() {
        let hash = |len| Hash::new([1, 2], 3).bytes(&[0; 32][..len]).finish();
        for a in 0..32 {
            for b in a + 1..32 {
                assert_ne!(hash(a), hash(b));
            }
        }
    }
}
