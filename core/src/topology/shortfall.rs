//! What would be missing without some nodes: may they be stopped?

use alloc::collections::{BTreeMap, BinaryHeap};
use alloc::vec::Vec;
use core::cmp::Reverse;

use super::item::KeyRange;
use crate::base::GroupName;

/// Keys that would have too few owners without some nodes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Shortfall {
    /// The group.
    pub group: GroupName,
    /// The keys.
    pub range: KeyRange,
    /// How many different members serve them now.
    pub owners: usize,
    /// How many would be left.
    pub left: usize,
}

/// Sweeps over ranges (start, end, member) that are sorted by their start. Adds the keys that would
/// have fewer than `copies` owners, and fewer than now, with those alone that `stays` names; of one
/// member's keys alone if `of` names one.
pub(super) fn sweep(
    group: &GroupName,
    ranges: impl Iterator<Item = (u32, u32, u32)>,
    of: Option<u32>,
    stays: impl Fn(u32) -> bool,
    copies: usize,
    found: &mut Vec<Shortfall>,
) {
    let mut ranges = ranges.peekable();
    // The ends of the ranges that hold `at`, and how many of them each member has.
    let mut ends = BinaryHeap::new();
    let mut owners: BTreeMap<u32, usize> = BTreeMap::new();
    let mut stay = 0;
    let mut at = 0u64;
    while at <= u64::from(u32::MAX) {
        while let Some((_, end, member)) = ranges.next_if(|(start, ..)| u64::from(*start) <= at) {
            ends.push(Reverse((end, member)));
            let held = owners.entry(member).or_default();
            stay += usize::from(*held == 0 && stays(member));
            *held += 1;
        }
        while let Some(&Reverse((end, member))) = ends.peek()
            && u64::from(end) < at
        {
            ends.pop();
            let held = owners.entry(member).or_default();
            *held -= 1;
            if *held == 0 {
                owners.remove(&member);
                stay -= usize::from(stays(member));
            }
        }
        let start = ranges.peek().map_or(1 << 32, |(start, ..)| u64::from(*start));
        let end = ends.peek().map_or(1 << 32, |Reverse((end, _))| u64::from(*end) + 1);
        let next = start.min(end);
        let concerns = of.is_none_or(|member| owners.contains_key(&member));
        if concerns && stay < copies && stay < owners.len() {
            let range = KeyRange::between(at as u32, (next - 1) as u32);
            append(found, group, range, owners.len(), stay);
        }
        at = next;
    }
}

fn append(
    found: &mut Vec<Shortfall>,
    group: &GroupName,
    range: KeyRange,
    owners: usize,
    left: usize,
) {
    if let Some(last) = found.last_mut()
        && last.group == *group
        && (last.owners, last.left) == (owners, left)
        && last.range.end().checked_add(1) == Some(range.start())
    {
        last.range = KeyRange::between(last.range.start(), range.end());
    } else {
        found.push(Shortfall { group: group.clone(), range, owners, left });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeSet;
    use quickcheck::quickcheck;

    /// Start, end, owners now, owners left.
    type Found = (u32, u32, usize, usize);

    fn without(ranges: &[(u32, u32, u32)], goes: &[u32], copies: usize) -> Vec<Found> {
        let mut sorted = ranges.to_vec();
        sorted.sort_unstable();
        sorted.dedup();
        let group = GroupName::try_from("g").unwrap();
        let mut found = Vec::new();
        let stays = |member| !goes.contains(&member);
        sweep(&group, sorted.into_iter(), None, stays, copies, &mut found);
        let plain = |it: &Shortfall| (it.range.start(), it.range.end(), it.owners, it.left);
        found.iter().map(plain).collect()
    }

    #[test]
    fn what_somebody_else_serves_is_not_missing() {
        let ranges = [(0, 9, 1), (5, 14, 2), (20, u32::MAX, 1)];
        assert_eq!(without(&ranges, &[1], 1), [(0, 4, 1, 0), (20, u32::MAX, 1, 0)]);
        assert_eq!(without(&ranges, &[2], 1), [(10, 14, 1, 0)]);
        assert_eq!(
            without(&ranges, &[1, 2], 1),
            [(0, 4, 1, 0), (5, 9, 2, 0), (10, 14, 1, 0), (20, u32::MAX, 1, 0)]
        );
        assert_eq!(without(&ranges, &[1], 2), [(0, 4, 1, 0), (5, 9, 2, 1), (20, u32::MAX, 1, 0)]);
    }

    /// One member that serves a key under two ranges is one owner.
    #[test]
    fn a_member_counts_once() {
        let ranges = [(0, 9, 1), (3, 6, 1), (3, 6, 2)];
        assert_eq!(without(&ranges, &[2], 2), [(3, 6, 2, 1)]);
        assert_eq!(without(&ranges, &[2], 1), []);
    }

    quickcheck! {
        fn it_is_what_counting_each_key_finds(
            served: Vec<(u8, u8, u8)>, goes: Vec<u8>, copies: u8
        ) -> bool {
            let ranges: Vec<(u32, u32, u32)> = served.iter().take(12)
                .map(|&(a, b, member)| (a.min(b).into(), a.max(b).into(), (member % 5).into()))
                .collect();
            let goes: Vec<u32> = goes.iter().map(|member| u32::from(member % 5)).collect();
            let copies = usize::from(copies % 4);
            let found = without(&ranges, &goes, copies);
            (0..=256).all(|key| {
                let here = ranges.iter().filter(|(start, end, _)| (*start..=*end).contains(&key));
                let owners: BTreeSet<u32> = here.map(|(.., member)| *member).collect();
                let left = owners.iter().filter(|member| !goes.contains(member)).count();
                let short = left < copies && left < owners.len();
                let told: Vec<&Found> =
                    found.iter().filter(|(start, end, ..)| (*start..=*end).contains(&key)).collect();
                match told[..] {
                    [] => !short,
                    [&(_, _, now, then)] => short && (now, then) == (owners.len(), left),
                    _ => false,
                }
            })
        }
    }
}
