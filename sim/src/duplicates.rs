//! Which datagrams a node has taken of those that come to it more than once, so that none is taken
//! twice.

use core::hash::{BuildHasherDefault, Hasher};
use std::collections::HashSet;

use crate::trace::hash_bytes;

/// The last datagrams that a node has taken in its present life, by their hashes: at least
/// [`KEPT`] of them, and at most twice as many.
#[derive(Clone, Debug, Default)]
pub(crate) struct Taken {
    young: Hashes,
    old: Hashes,
}

impl Taken {
    /// Notes a datagram; returns whether it had been taken before.
    pub(crate) fn note(&mut self, hash: u64) -> bool {
        if self.old.contains(&hash) || !self.young.insert(hash) {
            return true;
        }
        if self.young.len() >= KEPT {
            self.old = core::mem::take(&mut self.young);
        }
        false
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}

const KEPT: usize = 2_048;

type Hashes = HashSet<u64, BuildHasherDefault<Itself>>;

/// What is a hash already needs no other.
#[derive(Debug, Default)]
struct Itself(u64);

impl Hasher for Itself {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 ^= hash_bytes(bytes);
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 ^= hash;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_taken_lately_is_known() {
        let mut taken = Taken::default();
        for hash in 0..10_000 {
            assert!(!taken.note(hash));
            assert!(taken.note(hash.saturating_sub(2_000)));
        }
        assert!(!taken.note(0));
        taken.clear();
        assert!(!taken.note(9_999));
    }
}
