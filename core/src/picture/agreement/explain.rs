//! Which of this node's changes a peer with another root lacks or has ahead: the sums of roots say so.

use alloc::vec::Vec;
use core::time::Duration;

use super::UNSETTLED;
use crate::base::Instant;

/// Whether a peer that had this root at that time had the first of these roots of this node's and, of the
/// changes that led to the others, all but some: returns how long before or after that time the one that
/// was furthest away came here, of those that only one of the two had.
pub(super) fn explain(root: u64, own: &[(u64, Instant)], at: Instant) -> Option<Duration> {
    let target = root.wrapping_sub(own.first()?.0);
    let changes: Vec<(u64, Instant)> =
        own.windows(2).map(|pair| (pair[1].0.wrapping_sub(pair[0].0), pair[1].1)).collect();
    let (early, late) = changes.split_at(changes.len() / 2);
    let mut sums = sums(early);
    sums.sort_unstable();
    let mut best: Option<Duration> = None;
    for (sum, chosen) in self::sums(late) {
        let rest = target.wrapping_sub(sum);
        let first = sums.partition_point(|&(known, _)| known < rest);
        for &(_, before) in sums[first..].iter().take_while(|&&(known, _)| known == rest) {
            let had = before | chosen << early.len();
            let lag = changes.iter().enumerate().filter_map(|(place, &(_, came))| {
                let peer_had = had >> place & 1 == 1;
                (peer_had != (came <= at)).then(|| at.since(came).max(came.since(at)))
            });
            let lag = lag.max().unwrap_or_default();
            best = Some(best.map_or(lag, |known| known.min(lag)));
        }
    }
    best.filter(|lag| *lag <= UNSETTLED)
}

/// The sums of all choices among these changes, each with the choice as a mask.
fn sums(changes: &[(u64, Instant)]) -> Vec<(u64, u32)> {
    let mut sums = Vec::with_capacity(1 << changes.len());
    sums.push((0u64, 0));
    for (place, &(change, _)) in changes.iter().enumerate() {
        for at in 0..sums.len() {
            let (sum, chosen) = sums[at];
            sums.push((sum.wrapping_add(change), chosen | 1 << place));
        }
    }
    sums
}
