//! Members, ranges and gaps, for a bounded number of groups: a collector keeps a series for each value of a
//! label.

use scalesmall_core::{GroupName, KeyRange, NodeId, Op};

use super::{Family, Value};
use crate::calls::Front;

/// The most groups that are listed by name: this node's own ones by name, then others by name.
pub const GROUPS_LISTED: usize = 64;

/// The most ranges of listed groups, tombstones included, that are looked at for one answer: it is given
/// where the node runs, and keeps it from its packets meanwhile. Groups for which that does not suffice
/// are not listed.
pub const RANGES_LOOKED_AT: usize = 32_768;

pub(super) fn families(front: &Front) -> Vec<Family> {
    let mine: Vec<&GroupName> = front.my_groups().collect();
    let others = front.groups().filter(|group| mine.binary_search(group).is_err());
    let (known, mut left, mut listed) = (front.groups().count(), RANGES_LOOKED_AT, 0);
    let [mut members, mut ranges, mut unserved, mut shared] = by_group();
    for group in mine.iter().copied().chain(others).take(GROUPS_LISTED) {
        let Some(figures) = Figures::of(front, group, &mut left) else { break };
        listed += 1;
        let label = || [("group", super::text(group.as_bytes()))];
        members = members.with(label(), super::whole(figures.members));
        ranges = ranges.with(label(), super::whole(figures.ranges));
        if figures.has_ever_served {
            unserved = unserved.with(label(), Value::Whole(figures.unserved));
            shared = shared.with(label(), Value::Whole(figures.shared));
        }
    }
    vec![
        Family::gauge("groups", "Groups that this node knows.").count(known),
        Family::gauge("groups_joined", "Groups of which this node is a member.").count(mine.len()),
        Family::gauge("groups_unlisted", "Groups that have no figures of their own here.")
            .count(known - listed),
        Family::gauge(
            "ranges",
            "Ranges of all members in all groups, what has been removed recently included.",
        )
        .count(front.engine().load().ranges),
        members,
        ranges,
        unserved,
        shared,
    ]
}

fn by_group() -> [Family; 4] {
    [
        Family::gauge("group_members", "Members of a group that are present."),
        Family::gauge("group_ranges", "Ranges that present members of a group serve."),
        Family::gauge(
            "group_unserved_keys",
            "Keys of a group that no present member serves, of 4294967296; only for groups in which ranges \
             are known.",
        ),
        Family::gauge(
            "group_shared_keys",
            "Keys of a group that more than one present member serves, or one under several ranges; only \
             for groups in which ranges are known.",
        ),
    ]
}

struct Figures {
    members: usize,
    ranges: usize,
    has_ever_served: bool,
    unserved: u64,
    shared: u64,
}

impl Figures {
    /// The figures of a group; `None` if more ranges would have to be looked at than are `left`.
    fn of(front: &Front, group: &GroupName, left: &mut usize) -> Option<Self> {
        let members: Vec<NodeId> = front.members(group).collect();
        let (mut seen, mut served, mut ranges) = (0, 0, 0);
        for timed in front.topology(group).take(*left + 1) {
            seen += 1;
            if timed.item.op == Op::Add {
                served += 1;
                ranges += usize::from(members.binary_search(&timed.item.member).is_ok());
            }
        }
        *left = left.checked_sub(seen)?;
        let coverage = front.coverage(group);
        let overlaps = coverage.overlaps.iter().map(|overlap| keys(&overlap.range));
        Some(Self {
            members: members.len(),
            ranges,
            has_ever_served: served > 0,
            unserved: coverage.gaps.iter().map(keys).sum(),
            shared: overlaps.sum(),
        })
    }
}

fn keys(range: &KeyRange) -> u64 {
    u64::from(range.end()) - u64::from(range.start()) + 1
}
