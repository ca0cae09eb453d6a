//! Nodes that a history is played on.

use std::collections::{BTreeMap, BTreeSet};

use scalesmall_core::{
    Change, Changes, DownMembers, Epoch, GroupName, GroupRecords, Item, KeyRange, NodeId, Op,
    RecordDelta, Status, TimedItem, Topology, Write,
};

use crate::history::{GROUPS, History, NODES, Step, id, keys};

/// What a node holds of each record: (group, member) to the record since 0.
pub(crate) type Picture = BTreeMap<(usize, NodeId), RecordDelta>;

/// What replaying a node's changes gives.
type Listing = BTreeMap<(GroupName, NodeId, KeyRange), TimedItem>;

/// The owners that replaying a node's changes gives, and whether each drains.
type Owners = BTreeMap<(GroupName, KeyRange, NodeId), bool>;

/// The nodes of a history on its way.
pub(crate) struct World {
    pub(crate) nodes: Vec<Topology>,
    pub(crate) groups: Vec<GroupName>,
    pub(crate) snapshots: Vec<(usize, GroupRecords)>,
    listings: Vec<Listing>,
    owners: Vec<Owners>,
    statuses: Vec<BTreeMap<NodeId, Status>>,
    draining: Vec<BTreeSet<NodeId>>,
    lists: Vec<DownMembers>,
    lives: u64,
}

impl World {
    pub(crate) fn new() -> Self {
        let groups = ["a", "b", "c"].map(|name| GroupName::try_from(name).unwrap());
        Self {
            nodes: (0..NODES).map(|node| Topology::new(id(node), Epoch(1))).collect(),
            groups: groups[..GROUPS].to_vec(),
            snapshots: Vec::new(),
            listings: vec![Listing::new(); NODES],
            owners: vec![Owners::new(); NODES],
            statuses: vec![BTreeMap::new(); NODES],
            draining: vec![BTreeSet::new(); NODES],
            lists: vec![DownMembers::Hide; NODES],
            lives: 1,
        }
    }

    /// Plays a whole history; `after` sees the world after each step.
    pub(crate) fn play(history: &History, mut after: impl FnMut(&Self)) -> Self {
        let mut world = Self::new();
        for step in &history.0 {
            world.step(step);
            after(&world);
        }
        world
    }

    pub(crate) fn step(&mut self, step: &Step) {
        let node = |node: u8| usize::from(node) % NODES;
        let group = |group: u8| usize::from(group) % GROUPS;
        match *step {
            Step::Join { node: at, group: g } => {
                self.change(node(at), |topology, groups| topology.join(&groups[group(g)]).unwrap());
            }
            Step::Leave { node: at, group: g } => {
                self.change(node(at), |topology, groups| {
                    topology.leave(&groups[group(g)]).unwrap()
                });
            }
            Step::Add { node: at, group: g, range, port } => {
                let name = self.groups[group(g)].clone();
                let item = self.nodes[node(at)].add_item(&name, keys(range), port).unwrap();
                self.note_own(node(at), &name, item);
            }
            Step::Remove { node: at, group: g, range } => {
                let name = self.groups[group(g)].clone();
                let item = self.nodes[node(at)].remove_item(&name, keys(range), 9).unwrap();
                self.note_own(node(at), &name, item);
            }
            Step::Collect { node: at, group: g, back } => {
                self.change(node(at), |topology, groups| {
                    let own = topology.delta(&groups[group(g)], topology.id(), 0);
                    let clock = own.map_or(0, |own| own.clock);
                    topology
                        .collect(&groups[group(g)], clock.saturating_sub(u64::from(back)))
                        .unwrap()
                })
            }
            Step::Whole { from, to, group: g } => {
                if let Some(records) = self.nodes[node(from)].export(&self.groups[group(g)]) {
                    self.snapshots.push((group(g), records.clone()));
                    self.deliver(node(to), group(g), &records);
                }
            }
            Step::Pieces { from, to, group: g, size, ahead, lost, twice } => {
                let pieces = self.lacking(
                    node(from),
                    node(to),
                    group(g),
                    usize::from(size),
                    u64::from(ahead),
                );
                self.deliver_pieces(node(to), group(g), &pieces, lost, twice);
            }
            Step::Late { snapshot, to } => {
                if !self.snapshots.is_empty() {
                    let at = usize::from(snapshot) % self.snapshots.len();
                    let (group, records) = self.snapshots[at].clone();
                    self.deliver(node(to), group, &records);
                }
            }
            Step::Restart { node: at } => {
                self.lives += 1;
                self.nodes[node(at)] = Topology::new(id(node(at)), Epoch(self.lives));
                self.listings[node(at)].clear();
                self.owners[node(at)].clear();
                self.statuses[node(at)].clear();
                self.draining[node(at)].clear();
                self.lists[node(at)] = DownMembers::Hide;
            }
            Step::Renew { node: at } => {
                self.lives += 1;
                let epoch = Epoch(self.lives);
                self.change(node(at), |topology, _| topology.renew(epoch).unwrap());
            }
            Step::Forget { at, node: whom } => {
                self.change(node(at), |topology, _| topology.forget(id(node(whom))));
                if node(at) != node(whom) {
                    self.statuses[node(at)].remove(&id(node(whom)));
                    self.draining[node(at)].remove(&id(node(whom)));
                }
            }
            Step::Lie { about, to, group: g, range, ahead } => {
                self.lie(node(about), node(to), group(g), keys(range), u64::from(ahead));
            }
            Step::Defend { node: at } => self.change(node(at), |topology, _| topology.defend()),
            Step::Believe { .. } | Step::Drain { .. } | Step::Show { .. } => self.look(step),
        }
    }

    /// A node learns something that is in no record.
    fn look(&mut self, step: &Step) {
        let node = |node: u8| usize::from(node) % NODES;
        match *step {
            Step::Believe { at, node: of, status } => {
                let (at, of) = (node(at), id(node(of)));
                self.statuses[at].insert(of, status);
                self.change(at, |topology, _| topology.set_status(of, status));
            }
            Step::Drain { at, node: of, draining } => {
                let (at, of) = (node(at), id(node(of)));
                self.draining[at].remove(&of);
                self.draining[at].extend(draining.then_some(of));
                self.change(at, |topology, _| topology.set_draining(of, draining));
            }
            Step::Show { node: at, down } => {
                self.lists[node(at)] = down;
                self.change(node(at), |topology, _| topology.set_down_members(down));
            }
            _ => unreachable!("{step:?} is in records"),
        }
    }

    /// What `to` lacks of each record that `from` holds, in pieces.
    fn lacking(
        &self,
        from: usize,
        to: usize,
        group: usize,
        size: usize,
        ahead: u64,
    ) -> Vec<RecordDelta> {
        let name = &self.groups[group];
        let mut pieces = Vec::new();
        for record in self.nodes[from].export(name).unwrap_or_default().records {
            let held = self.nodes[to].delta(name, record.member, 0);
            let held = held.filter(|held| held.epoch == record.epoch);
            let since = held.map_or(0, |held| held.clock) + ahead;
            let mut next = self.nodes[from].delta(name, record.member, since);
            while let Some(mut piece) = next.take() {
                next = piece.split_off(size);
                pieces.push(piece);
            }
        }
        pieces
    }

    fn deliver_pieces(
        &mut self,
        to: usize,
        group: usize,
        pieces: &[RecordDelta],
        lost: u8,
        twice: u8,
    ) {
        let bit = |bits: u8, at: usize| bits >> (at % 8) & 1 == 1;
        let first = pieces.iter().enumerate().filter(|(at, _)| !bit(lost, *at));
        let again = pieces.iter().enumerate().filter(|(at, _)| bit(twice, *at));
        for (_, piece) in first.chain(again) {
            self.change(to, |topology, groups| {
                topology.merge(&groups[group], &GroupRecords { records: vec![piece.clone()] })
            });
        }
    }

    /// Tells `to` of a write of `about` that there never was.
    fn lie(&mut self, about: usize, to: usize, group: usize, range: KeyRange, ahead: u64) {
        if about == to {
            return;
        }
        let (name, topology) = (&self.groups[group], &self.nodes[about]);
        let clock = topology.delta(name, id(about), 0).map_or(0, |own| own.clock) + 1 + ahead;
        let write = Write { range, op: Op::Add, port: 666, clock };
        let records = GroupRecords {
            records: vec![RecordDelta {
                member: id(about),
                epoch: topology.epoch(),
                since: 0,
                floor: 0,
                clock,
                target: clock,
                writes: Box::new([write]),
            }],
        };
        self.deliver(to, group, &records);
    }

    pub(crate) fn deliver(&mut self, to: usize, group: usize, records: &GroupRecords) {
        let name = self.groups[group].clone();
        let changes = self.nodes[to].merge(&name, records);
        assert_eq!(changes.refused(), [], "whole records are never refused");
        self.replay(to, changes);
    }

    /// Lets all exchange everything, and owners answer, until nothing changes.
    pub(crate) fn settle(&mut self) {
        for round in 0.. {
            assert!(round < 8, "the exchange comes to an end");
            let before: Vec<_> = self.nodes.iter().map(|node| self.picture(node)).collect();
            for from in 0..NODES {
                for to in 0..NODES {
                    self.inform(from, to);
                }
            }
            for node in 0..NODES {
                self.change(node, |topology, _| topology.defend());
                if let Some(claimed) = self.nodes[node].claimed_epoch() {
                    self.lives = self.lives.max(claimed.0) + 1;
                    let epoch = Epoch(self.lives);
                    self.change(node, |topology, _| topology.renew(epoch).unwrap());
                }
            }
            if self.nodes.iter().map(|node| self.picture(node)).eq(before) {
                return;
            }
        }
    }

    /// Tells `to` all that `from` knows.
    fn inform(&mut self, from: usize, to: usize) {
        for other in 0..NODES {
            let life = scalesmall_core::Life { id: id(other), epoch: self.nodes[other].epoch() };
            let changes = self.nodes[to].hear(life).unwrap();
            self.replay(to, changes);
        }
        for group in 0..GROUPS {
            if let Some(records) = self.nodes[from].export(&self.groups[group]) {
                self.deliver(to, group, &records);
            }
        }
    }

    pub(crate) fn picture(&self, node: &Topology) -> Picture {
        let mut picture = Picture::new();
        for (group, name) in self.groups.iter().enumerate() {
            for record in node.export(name).unwrap_or_default().records {
                picture.insert((group, record.member), record);
            }
        }
        picture
    }

    /// What a node lists, sorted as replayed changes are.
    pub(crate) fn listing(&self, node: usize) -> Vec<TimedItem> {
        self.groups.iter().flat_map(|name| self.nodes[node].topology(name)).collect()
    }

    /// What replaying all changes of a node gives.
    pub(crate) fn replayed(&self, node: usize) -> Vec<TimedItem> {
        self.listings[node].values().copied().collect()
    }

    /// The owners that the items, the statuses and the drains of a node make, and what its changes give.
    pub(crate) fn owners(&self, node: usize) -> [Owners; 2] {
        let draining = &self.draining[node];
        let mut owners = Owners::new();
        for group in &self.groups {
            for TimedItem { item, .. } in self.nodes[node].topology_of(group, Op::Add) {
                if self.is_shown(id(node), item.member) {
                    let key = (group.clone(), item.range, item.member);
                    owners.insert(key, draining.contains(&item.member));
                }
            }
        }
        [owners, self.owners[node].clone()]
    }

    /// Whether a node shows a member.
    pub(crate) fn is_shown(&self, at: NodeId, member: NodeId) -> bool {
        let node = (0..NODES).find(|&node| id(node) == at).unwrap();
        let status = self.statuses[node].get(&member).copied().unwrap_or(Status::Alive);
        status.is_present() || self.lists[node] == DownMembers::List
    }

    fn change(&mut self, node: usize, call: impl FnOnce(&mut Topology, &[GroupName]) -> Changes) {
        let changes = call(&mut self.nodes[node], &self.groups);
        self.replay(node, changes);
    }

    fn replay(&mut self, node: usize, changes: Changes) {
        for change in changes {
            match change {
                Change::Set { group, item } => self.note(node, &group, item),
                Change::Owner { group, member, range, change } => {
                    self.owners[node].remove(&(group.clone(), range, member));
                    if change.serves() {
                        self.owners[node].insert((group, range, member), change.drains());
                    }
                }
                Change::Cleared { group, member, range } => {
                    let was = self.listings[node].remove(&(group, member, range));
                    assert!(was.is_some(), "only what was listed is cleared");
                }
                other => panic!("a change that a listing cannot follow: {other:?}"),
            }
        }
    }

    /// A call that returns the item alone has changed the owners as the item says.
    fn note_own(&mut self, node: usize, group: &GroupName, timed: TimedItem) {
        self.note(node, group, timed);
        let Item { member, range, op, .. } = timed.item;
        let key = (group.clone(), range, member);
        self.owners[node].remove(&key);
        if op == Op::Add && self.is_shown(id(node), member) {
            self.owners[node].insert(key, self.draining[node].contains(&member));
        }
    }

    fn note(&mut self, node: usize, group: &GroupName, timed: TimedItem) {
        let Item { member, range, .. } = timed.item;
        self.listings[node].insert((group.clone(), member, range), timed);
    }
}
