//! What nodes were told to say, and whether they say it.

use core::time::Duration;
use std::collections::{BTreeMap, HashSet};

use scalesmall_core::{Engine, Epoch, GroupName, Instant, KeyRange, Op};

use super::{Verdict, broken};
use crate::check::Law;
use crate::node::Condition;
use crate::sim::Sim;

/// What nodes were told to say, through the simulation's calls, and the lives that they have led.
#[derive(Debug, Default)]
pub(crate) struct Written {
    adds: HashSet<(usize, GroupName, KeyRange, u16)>,
    messages: Vec<Message>,
    /// The highest epoch that each node has lived in, by node.
    newest: Vec<Epoch>,
    /// By node.
    told: Vec<Told>,
    /// Lives that were led more than once: in those one clock may name two things.
    repeated: HashSet<(usize, Epoch)>,
}

impl Written {
    pub(crate) fn add(&mut self, node: usize, group: &GroupName, range: KeyRange, port: u16) {
        self.adds.insert((node, group.clone(), range, port));
    }

    /// Whether a node was ever told to serve a range at a port.
    pub(super) fn was_added(
        &self,
        node: usize,
        group: &GroupName,
        range: KeyRange,
        port: u16,
    ) -> bool {
        self.adds.contains(&(node, group.clone(), range, port))
    }

    /// Notes a message; returns its number.
    pub(crate) fn send(&mut self, from: usize, to: Meant) -> u64 {
        self.messages.push(Message { from, to });
        self.messages.len() as u64 - 1
    }

    /// The message of a number.
    pub(super) fn message(&self, number: u64) -> Option<&Message> {
        usize::try_from(number).ok().and_then(|number| self.messages.get(number))
    }

    pub(crate) fn begin_life(&mut self, node: usize, epoch: Epoch) {
        if self.newest.len() <= node {
            self.newest.resize(node + 1, Epoch::default());
        }
        self.newest[node] = self.newest[node].max(epoch);
    }

    /// A life is led once more.
    pub(crate) fn repeat_life(&mut self, node: usize, epoch: Epoch) {
        self.repeated.insert((node, epoch));
    }

    /// Whether any life of a node was led more than once.
    pub(crate) fn has_repeated(&self, node: usize) -> bool {
        self.repeated.iter().any(|(other, _)| *other == node)
    }

    /// Whether a life was led more than once.
    pub(crate) fn is_repeated(&self, node: usize, epoch: Epoch) -> bool {
        !self.repeated.is_empty() && self.repeated.contains(&(node, epoch))
    }

    /// The highest epoch that a node has lived in.
    pub(crate) fn newest(&self, node: usize) -> Epoch {
        self.newest.get(node).copied().unwrap_or_default()
    }
}

/// A message of the simulation's own.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) from: usize,
    pub(super) to: Meant,
}

/// For whom a message is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Meant {
    /// All nodes.
    All,
    /// Those that say that they are members of a group.
    Group(GroupName),
    /// These nodes.
    Listed(Vec<usize>),
}

impl Meant {
    /// Whether it is for a node, as matters stand there; nothing is for one that does not run.
    pub(crate) fn concerns(&self, sim: &Sim<Engine>, node: usize) -> bool {
        sim.node(node).is_some_and(|engine| match self {
            Self::All => true,
            Self::Group(group) => engine.my_groups().any(|own| own == group),
            Self::Listed(nodes) => nodes.contains(&node),
        })
    }
}

/// What one process was told to say of itself. A new one starts with nothing; a process that begins
/// a new life by itself goes on saying what it was told.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// Which process of its node it is.
    process: u32,
    items: BTreeMap<(GroupName, KeyRange), (Op, u16)>,
    /// When, by its clock, its tombstones were written, or a little later.
    removed: BTreeMap<(GroupName, KeyRange), Instant>,
}

impl Told {
    /// It joins a group.
    pub(crate) fn join(&mut self, group: &GroupName) {
        self.set(group, KeyRange::FULL, Op::Get, 0);
    }

    /// It serves a range.
    pub(crate) fn add(&mut self, group: &GroupName, range: KeyRange, port: u16) {
        self.set(group, range, Op::Add, port);
    }

    fn set(&mut self, group: &GroupName, range: KeyRange, op: Op, port: u16) {
        self.removed.remove(&(group.clone(), range));
        self.items.insert((group.clone(), range), (op, port));
    }

    /// It serves a range no longer.
    pub(crate) fn remove(&mut self, group: &GroupName, range: KeyRange, at: Instant) {
        self.items.remove(&(group.clone(), range));
        self.removed.insert((group.clone(), range), at);
    }

    /// It is in a group no longer.
    pub(crate) fn leave(&mut self, group: &GroupName, at: Instant) {
        let of_group = self.items.keys().filter(|(name, _)| name == group);
        let ranges: Vec<KeyRange> = of_group.map(|(_, range)| *range).collect();
        for range in ranges.into_iter().chain([KeyRange::FULL]) {
            self.remove(group, range, at);
        }
    }
}

impl Sim<Engine> {
    /// What the present process of a node was told.
    pub(crate) fn told(&mut self, node: usize) -> &mut Told {
        if self.written.told.len() <= node {
            self.written.told.resize_with(self.lives.len(), Told::default);
        }
        let told = &mut self.written.told[node];
        if told.process != self.lives[node] {
            *told = Told { process: self.lives[node], ..Told::default() };
        }
        told
    }

    /// By when, by a node's own clock, it has written what it was just told to. It may count time
    /// ahead of a clock that was set back, but its next deadline lies beyond that.
    pub(crate) fn written_by(&self, node: usize) -> Instant {
        let deadline = self.node(node).and_then(Engine::poll_timeout);
        deadline.unwrap_or_default().max(self.local(node))
    }

    /// Takes what a node says of itself for what it was told: it was called without the simulation
    /// seeing what for.
    pub(crate) fn take_its_word(&mut self, node: usize) {
        let Some(engine) = self.node(node) else { return };
        let own: Vec<_> = own_items(engine).filter(|(_, (op, _))| *op != Op::Remove).collect();
        for ((group, range), (op, port)) in &own {
            if *op == Op::Add {
                self.written.add(node, group, *range, *port);
            }
        }
        let told = self.told(node);
        told.items = own.into_iter().collect();
        told.removed.clear();
    }
}

/// Whether a node says something else of itself than it was told to.
pub(crate) fn not_as_told(sim: &Sim<Engine>, node: usize) -> Verdict {
    let engine = sim.node(node)?;
    let nothing = Told::default();
    let told = sim.written.told.get(node).filter(|told| told.process == sim.lives(node));
    let told = told.unwrap_or(&nothing);
    let mut says = 0;
    for (key, item) in own_items(engine) {
        let what = || format!("{:?} {:?} as {:?} at port {}", key.0, key.1, item.0, item.1);
        if item.0 == Op::Remove {
            let kept = engine.config().tombstone_ttl + GRACE;
            let due = told.removed.get(&key).map(|at| *at + kept);
            // A node that has said goodbye does nothing any more, and one that stands still does it
            // later.
            let able = sim.condition(node) == Condition::Running && !sim.nodes[node].departed;
            let late = able && due.is_some_and(|due| sim.local(node) > due);
            if late {
                return broken(Law::TombstoneKept, what(), &[node]);
            }
            continue;
        }
        if told.items.get(&key) != Some(&item) {
            let what = format!("it says {}, it was told {:?}", what(), told.items.get(&key));
            return broken(Law::NotAsTold, what, &[node]);
        }
        says += 1;
    }
    if says < told.items.len() {
        let what = format!("it says {says} items, it was told {:?}", told.items);
        return broken(Law::NotAsTold, what, &[node]);
    }
    None
}

type OwnItem = ((GroupName, KeyRange), (Op, u16));

/// What a node says of itself.
fn own_items(engine: &Engine) -> impl Iterator<Item = OwnItem> {
    engine.groups().flat_map(move |group| {
        let all = engine.topology(group).map(|timed| timed.item);
        let own = all.filter(|item| item.member == engine.id());
        own.map(|item| ((group.clone(), item.range), (item.op, item.port)))
    })
}

/// How much longer than it has to a node may keep a tombstone of its own.
const GRACE: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Broken;
    use crate::lan;

    fn three() -> (Sim, GroupName) {
        let mut sim = Sim::new(1).nodes(3, lan()).build();
        sim.run_until(Sim::converged, Duration::from_secs(5)).unwrap();
        (sim, GroupName::try_from("g").unwrap())
    }

    fn low() -> KeyRange {
        KeyRange::new(0, 9).unwrap()
    }

    fn high() -> KeyRange {
        KeyRange::new(10, 19).unwrap()
    }

    /// The law that is broken within a second.
    fn soon(sim: &mut Sim) -> Option<Law> {
        match sim.run_for(Duration::from_secs(1)).err()?.broken {
            Broken::Law { law, .. } => Some(law),
            other => panic!("{other}"),
        }
    }

    #[test]
    fn what_was_told_holds_through_all_that_may_happen() {
        let (mut sim, group) = three();
        sim.join(0, &group).unwrap();
        sim.add_item(0, &group, low(), 80).unwrap();
        sim.add_item(0, &group, KeyRange::FULL, 81).unwrap();
        sim.join(0, &group).unwrap();
        sim.add_item(1, &group, high(), 82).unwrap();
        sim.leave(1, &group).unwrap();
        sim.add_item(1, &group, low(), 82).unwrap();
        sim.remove_item(1, &group, high(), 82).unwrap();
        assert_eq!(soon(&mut sim), None);
        // Without being asked to, as when somebody claims a later life of it.
        sim.tell(0, |engine, now| engine.renew(now, Epoch(engine.epoch().0 + 1)));
        assert_eq!(soon(&mut sim), None);
        sim.with(2, |engine, now| engine.add_item(now, &group, low(), 83)).unwrap();
        sim.restart(1);
        sim.add_item(1, &group, high(), 84).unwrap();
        assert_eq!(soon(&mut sim), None);
        assert_eq!(sim.written.told[0].items.len(), 2);
    }

    #[test]
    fn items_too_many_too_few_and_others_are_found() {
        let unseen: [fn(&mut Engine, Instant, &GroupName); 4] = [
            |engine, now, group| {
                let _ = engine.add_item(now, group, high(), 80);
            },
            |engine, now, group| {
                let _ = engine.remove_item(now, group, low(), 80);
            },
            |engine, now, group| {
                let _ = engine.add_item(now, group, low(), 81);
            },
            |engine, now, group| {
                let _ = engine.leave(now, group);
            },
        ];
        for (place, call) in unseen.into_iter().enumerate() {
            let (mut sim, group) = three();
            for (range, port) in [(low(), 80), (low(), 81), (high(), 80), (low(), 80)] {
                sim.add_item(1, &group, range, port).unwrap();
            }
            sim.remove_item(1, &group, high(), 80).unwrap();
            assert_eq!(soon(&mut sim), None);
            sim.tell(1, |engine, now| call(engine, now, &group));
            assert_eq!(soon(&mut sim), Some(Law::NotAsTold), "call {place}");
        }
    }

    #[test]
    fn a_tombstone_that_stays_is_found() {
        let (mut sim, group) = three();
        sim.add_item(1, &group, low(), 80).unwrap();
        sim.leave(1, &group).unwrap();
        // The time of one that is written already stays what it was.
        let mut config = lan();
        config.tombstone_ttl = Duration::from_secs(1);
        sim.tell(1, |engine, now| engine.set_config(now, config).unwrap());
        assert_eq!([(); 2].map(|()| soon(&mut sim)), [None; 2]);
        let then = [(); 3].map(|()| soon(&mut sim));
        assert_eq!(then[2], Some(Law::TombstoneKept));
    }
}
