//! Which datagrams a node has taken, so that none is taken twice.

use std::collections::HashSet;

/// The last datagrams that a node has taken in its present life, by their hashes: at least
/// [`KEPT`] of them, and at most twice as many.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    young: HashSet<u64>,
    old: HashSet<u64>,
}

impl Taken {
    /// Notes a datagram; answers whether it had been taken before.
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
