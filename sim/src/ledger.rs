//! What members have written, compared with what others show of it.

use std::collections::{BTreeMap, BTreeSet};

use scalesmall_core::{Engine, Epoch, GroupName, KeyRange, Op, TimedItem};

use crate::sim::Sim;

/// Every range that a node has ever been told to serve, through the simulation's calls.
#[derive(Debug, Default)]
pub(crate) struct Written {
    adds: BTreeSet<(usize, GroupName, KeyRange, u16)>,
    /// A scenario that calls engines itself writes things that are not known here.
    pub(crate) unknown: bool,
}

impl Written {
    pub(crate) fn add(&mut self, node: usize, group: &GroupName, range: KeyRange, port: u16) {
        self.adds.insert((node, group.clone(), range, port));
    }
}

/// Looks at the topology of one node after the other. Nothing may be shown that its member never
/// wrote; a write of one clock is the same everywhere; what a node has seen replaced or removed it
/// never shows again.
#[derive(Debug)]
pub(crate) struct Ledger {
    next: usize,
    /// Content by (member, group, epoch, clock).
    content: BTreeMap<(usize, GroupName, Epoch, u64), Content>,
    /// Per observer: the latest write seen, by (group, member, range), and in which life.
    latest: Vec<(u32, Latest)>,
}

type Content = (Op, KeyRange, u16);
type Latest = BTreeMap<(GroupName, usize, KeyRange), (Epoch, u64)>;

impl Ledger {
    pub(crate) fn new(nodes: usize) -> Self {
        let latest = (0..nodes).map(|_| (0, Latest::new())).collect();
        Self { next: 0, content: BTreeMap::new(), latest }
    }

    pub(crate) fn check(&mut self, sim: &Sim<Engine>) -> Option<(String, Vec<usize>)> {
        let node = self.next;
        self.next = (node + 1) % sim.len().max(1);
        let engine = sim.node(node)?;
        let lives = sim.lives(node);
        if self.latest[node].0 != lives {
            self.latest[node] = (lives, Latest::new());
        }
        for group in engine.groups() {
            for timed in engine.topology(group) {
                let Some(member) = sim.node_of(timed.item.member.addr()) else {
                    return Some((format!("{timed:?} is of a member that is no node"), vec![node]));
                };
                if let Some(broken) = self.judge(sim, node, member, group, timed) {
                    return Some((broken, vec![node, member]));
                }
            }
        }
        None
    }

    fn judge(
        &mut self,
        sim: &Sim<Engine>,
        node: usize,
        member: usize,
        group: &GroupName,
        timed: TimedItem,
    ) -> Option<String> {
        let TimedItem { item, epoch, clock } = timed;
        let write = (member, group.clone(), item.range, item.port);
        if item.op == Op::Add && !sim.written.unknown && !sim.written.adds.contains(&write) {
            return Some(format!("{timed:?} is shown, but its member never wrote it"));
        }
        let content = (item.op, item.range, item.port);
        let known = *self.content.entry((member, group.clone(), epoch, clock)).or_insert(content);
        if known != content {
            return Some(format!("{timed:?} is shown, elsewhere this clock names {known:?}"));
        }
        let latest = self.latest[node]
            .1
            .entry((group.clone(), member, item.range))
            .or_insert((epoch, clock));
        if *latest > (epoch, clock) {
            return Some(format!("{timed:?} is shown again after {latest:?} had been seen"));
        }
        *latest = (epoch, clock);
        None
    }
}
