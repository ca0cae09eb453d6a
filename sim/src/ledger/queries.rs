//! The queries that an application routes by, compared with a scan of items and statuses.

use scalesmall_core::{DownMembers, Engine, GroupName, KeyRange, NodeId, Op, Server};

use super::broken;
use crate::check::{Law, Verdict};

/// Whether the answers of one node differ from what its items and the statuses of its peers say.
/// Keys are too many: a few of them are tried, others at each `turn`.
pub(super) fn queries_differ(node: usize, engine: &Engine, turn: usize) -> Verdict {
    let mut wrong = engine.groups().filter_map(|group| {
        let scan = Scan::of(engine, group);
        let what = scan.differs(engine, group, turn)?;
        Some(format!("group {group:?}, {what}"))
    });
    wrong.next().and_then(|what| broken(Law::QueriesDiffer, what, &[node]))
}

/// What a scan of all items of a group finds, of those members that are shown.
#[derive(Debug, Default)]
struct Scan {
    /// By id.
    members: Vec<NodeId>,
    /// By member and range.
    owners: Vec<Served>,
}

/// What is compared of an owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Served {
    member: NodeId,
    port: u16,
    range: KeyRange,
}

impl From<Server> for Served {
    fn from(owner: Server) -> Self {
        Self { member: owner.member, port: owner.port, range: owner.range }
    }
}

impl Scan {
    fn of(engine: &Engine, group: &GroupName) -> Self {
        let lists = engine.config().down_members == DownMembers::List;
        let present = |id| engine.peer(id).is_some_and(|peer| peer.status.is_present());
        let mut scan = Self::default();
        let mut last: Option<(NodeId, bool)> = None;
        for timed in engine.topology(group).filter(|timed| timed.item.op != Op::Remove) {
            let item = timed.item;
            let known = last.filter(|(id, _)| *id == item.member).map(|(_, is_shown)| is_shown);
            let is_shown = known.unwrap_or_else(|| lists || present(item.member));
            last = Some((item.member, is_shown));
            if !is_shown {
                continue;
            }
            if scan.members.last() != Some(&item.member) {
                scan.members.push(item.member);
            }
            if item.op == Op::Add {
                let (member, port, range) = (item.member, item.port, item.range);
                scan.owners.push(Served { member, port, range });
            }
        }
        scan
    }

    /// What an engine returns that a scan does not find.
    fn differs(&self, engine: &Engine, group: &GroupName, turn: usize) -> Option<String> {
        let members: Vec<NodeId> = engine.members(group).collect();
        if members != self.members {
            return Some(format!("members {members:?}, a scan finds {:?}", self.members));
        }
        let coverage = engine.coverage(group);
        let holds = |range: KeyRange, key| range.start() <= key && key <= range.end();
        for key in self.keys(turn) {
            let serves = |owner: &&Served| holds(owner.range, key);
            let expected: Vec<Served> = self.owners.iter().filter(serves).copied().collect();
            let ranked: Vec<Served> = engine.route(group, key).map(Served::from).collect();
            let first = engine.route(group, key).next().map(Served::from);
            let mut found = ranked.clone();
            found.sort_unstable_by_key(|owner| (owner.member, owner.range));
            if found != expected || first.as_ref() != ranked.first() {
                let what = format!("of key {key} first {first:?} of {ranked:?}");
                return Some(format!("{what}, a scan finds {expected:?}"));
            }
            let is_gap = coverage.gaps.iter().any(|gap| holds(*gap, key));
            let overlap = coverage.overlaps.iter().find(|overlap| holds(overlap.range, key));
            let several = Some(expected.len()).filter(|owners| *owners > 1);
            if is_gap != expected.is_empty() || overlap.map(|overlap| overlap.owners) != several {
                let what = format!("of key {key} gap {is_gap}, overlap {overlap:?}");
                return Some(format!("{what}, a scan finds {expected:?}"));
            }
        }
        None
    }

    /// The bounds of one range, another one each time, with the keys beside, and one key of no range.
    fn keys(&self, turn: usize) -> impl Iterator<Item = u32> + use<> {
        let place = turn.checked_rem(self.owners.len());
        let bounds = place.and_then(|place| self.owners.get(place)).map(|owner| owner.range);
        let bounds = bounds.into_iter().flat_map(|range| {
            [range.start().wrapping_sub(1), range.start(), range.end(), range.end().wrapping_add(1)]
        });
        bounds.chain([FIXED])
    }
}

const FIXED: u32 = 1 << 31;

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;
    use crate::lan;
    use crate::sim::Sim;

    /// Three nodes that serve all keys up to 20, one of which goes; a group, and what to ask.
    fn three() -> (Sim, GroupName) {
        let mut sim = Sim::new(1).nodes(4, lan()).build();
        let group = GroupName::try_from("g").unwrap();
        sim.run_until(Sim::converged, Duration::from_secs(5)).unwrap();
        for (node, [start, end]) in [[0, 20], [0, 9], [8, 20], [8, 20]].into_iter().enumerate() {
            let range = KeyRange::new(start, end).unwrap();
            sim.add_item(node, &group, range, 80).unwrap();
        }
        sim.depart(3);
        sim.run_for(Duration::from_secs(5)).unwrap();
        (sim, group)
    }

    #[test]
    fn what_an_engine_answers_is_what_a_scan_finds() {
        let (sim, group) = three();
        let engine = sim.node(0).unwrap();
        let scan = Scan::of(engine, &group);
        assert_eq!((scan.members.len(), scan.owners.len()), (3, 3));
        for turn in 0..3 {
            assert_eq!(scan.differs(engine, &group, turn), None);
        }
    }

    #[test]
    fn an_answer_that_is_otherwise_is_found() {
        let wrong: [fn(&mut Scan); 5] = [
            |scan| scan.members.truncate(2),
            |scan| scan.owners.truncate(2),
            |scan| scan.owners[1].port += 1,
            |scan| scan.owners[1].range = KeyRange::new(0, 10).unwrap(),
            |scan| scan.owners.push(Served { range: KeyRange::FULL, ..scan.owners[2] }),
        ];
        let (sim, group) = three();
        let engine = sim.node(0).unwrap();
        for (place, wrong) in wrong.into_iter().enumerate() {
            let mut scan = Scan::of(engine, &group);
            wrong(&mut scan);
            let found = (0..3).any(|turn| scan.differs(engine, &group, turn).is_some());
            assert!(found, "answer {place}");
        }
    }
}
