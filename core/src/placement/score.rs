//! Weighted rendezvous hashing in whole numbers, so that all nodes agree to the last bit.
//!
//! A candidate's score for a slot is `weight / -log2(u)`, where `u` is a hash in (0, 1) of group,
//! slot and node (Schindelhauer, Schomaker 2005). The candidate with the highest score is each one
//! with a probability in proportion to its weight, and a change of one weight moves slots from or to
//! that candidate only.

use crate::base::{GroupName, Hash, NodeId};

/// How many bits of the logarithm lie behind the point.
const FRACTION: u32 = 32;

/// The logarithms of `1 + n/64`, with [`FRACTION`] bits.
const LOGS: [u64; 65] = {
    let mut logs = [0; 65];
    let mut at = 0;
    while at <= 64 {
        logs[at] = log2_of((64 + at as u64) << 25);
        at += 1;
    }
    logs
};

/// The logarithm of a number from 1 to 2, given with 31 bits behind the point, by repeated squaring.
const fn log2_of(mut number: u64) -> u64 {
    let (one, mut log, mut bit) = (1u64 << 31, 0, 0);
    if number >= 2 * one {
        return 1 << FRACTION;
    }
    while bit < FRACTION {
        number = ((number as u128 * number as u128) >> 31) as u64;
        log <<= 1;
        if number >= 2 * one {
            number >>= 1;
            log |= 1;
        }
        bit += 1;
    }
    log
}

/// `-log2(hash / 2^64)`, with [`FRACTION`] bits behind the point; never 0.
const fn minus_log2(hash: u64) -> u64 {
    let hash = hash | 1;
    let zeros = hash.leading_zeros();
    let mantissa = hash << zeros;
    // Six bits choose an interval of the table, the rest lies between its ends.
    let at = (mantissa >> 57 & 63) as usize;
    let within = mantissa << 7 >> 32;
    let (low, high) = (LOGS[at], LOGS[at + 1]);
    let log = low + (((high - low) as u128 * within as u128) >> 32) as u64;
    let whole = ((zeros as u64) + 1) << FRACTION;
    let minus = whole - log;
    if minus == 0 { 1 } else { minus }
}

/// The score of a node for a slot; 0 for weight 0.
pub(super) fn score(seed: u64, node: NodeId, weight: u16) -> u128 {
    weighted(Hash::new(NODE, seed).node(node).finish(), weight)
}

/// The score of a hash with a weight. Of equal weights the larger hash has no smaller score.
pub(crate) fn weighted(hash: u64, weight: u16) -> u128 {
    (u128::from(weight) << 80) / u128::from(minus_log2(hash))
}

/// What the scores of all nodes for a slot begin with.
pub(super) fn seed(group: &GroupName, slot: u32) -> u64 {
    Hash::new(SLOT, slot.into()).bytes(group.as_bytes()).finish()
}

const NODE: [u64; 2] = [0x13c6_ef37_2fe9_4f82, 0xa409_3822_299f_31d0];
const SLOT: [u64; 2] = [0x082e_fa98_ec4e_6c89, 0x4528_21e6_38d0_1377];

#[cfg(test)]
mod tests {
    use super::*;
    use quickcheck::quickcheck;

    #[test]
    fn logarithms_are_right_where_they_are_known() {
        let one = 1 << FRACTION;
        for bits in 1..=24 {
            // 2^-bits.
            let error = minus_log2(1 << (64 - bits)).abs_diff(bits * one);
            assert!(error < 1 << 4, "{bits}: {error}");
        }
        assert!(minus_log2(u64::MAX) >= 1 && minus_log2(0) <= 64 * one);
        // log2(3/4) = -0.41503749927884.
        let expected = 1_782_572_484_u64;
        let error = minus_log2(3 << 62).abs_diff(expected);
        assert!(error < 1 << 20, "{error}");
    }

    quickcheck! {
        fn a_larger_hash_has_no_smaller_score(one: u64, other: u64) -> bool {
            let (low, high) = (one.min(other), one.max(other));
            minus_log2(low) >= minus_log2(high)
        }
    }
}
