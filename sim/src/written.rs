//! What nodes were told to say, and whether they say it.

use std::collections::{BTreeMap, HashSet};

use scalesmall_core::{Engine, Epoch, GroupName, Instant, KeyRange, Op};

/// What nodes were told to say, through the simulation's calls, and the lives that they have led.
#[derive(Clone, Debug, Default)]
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
    pub(crate) fn was_added(
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
    pub(crate) fn message(&self, number: u64) -> Option<&Message> {
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

    /// What this process of a node was told, for more to be added.
    pub(crate) fn told_mut(&mut self, node: usize, process: u32) -> &mut Told {
        if self.told.len() <= node {
            self.told.resize_with(node + 1, Told::default);
        }
        let told = &mut self.told[node];
        if told.process != process {
            *told = Told { process, ..Told::default() };
        }
        told
    }

    /// What this process of a node was told, if it was told anything.
    pub(crate) fn told(&self, node: usize, process: u32) -> Option<&Told> {
        self.told.get(node).filter(|told| told.process == process)
    }
}

/// A message of the simulation's own.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) from: usize,
    pub(crate) to: Meant,
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
    pub(crate) fn concerns(&self, node: usize, engine: Option<&Engine>) -> bool {
        engine.is_some_and(|engine| match self {
            Self::All => true,
            Self::Group(group) => engine.my_groups().any(|own| own == group),
            Self::Listed(nodes) => nodes.contains(&node),
        })
    }
}

/// What one process was told to say of itself. A new one starts with nothing; a process that begins
/// a new life by itself goes on saying what it was told.
#[derive(Clone, Debug, Default)]
pub(crate) struct Told {
    /// Which process of its node it is.
    process: u32,
    pub(crate) items: BTreeMap<(GroupName, KeyRange), (Op, u16)>,
    /// When, by its clock, its tombstones were written, or a little later.
    pub(crate) removed: BTreeMap<(GroupName, KeyRange), Instant>,
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

type OwnItem = ((GroupName, KeyRange), (Op, u16));

/// What a node says of itself.
pub(crate) fn own_items(engine: &Engine) -> impl Iterator<Item = OwnItem> {
    engine.groups().flat_map(move |group| {
        let all = engine.topology(group).map(|timed| timed.item);
        let own = all.filter(|item| item.member == engine.id());
        own.map(|item| ((group.clone(), item.range), (item.op, item.port)))
    })
}

/// The tag of the simulation's own messages, whose payload is their number.
pub(crate) const TOLD: u32 = 0x0005_ca1e;
