//! Plays a recorded scenario on topologies and compares the answers.

use scalesmall_core::{
    ClusterName, Epoch, GroupName, GroupRecords, KeyRange, Life, NodeId, NodeName, Op, TimedItem,
    Topology,
};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// The recorded scenarios, in the order of the file.
pub(crate) fn scenarios() -> Vec<Value> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/oracle/topology-oracle.jsonl");
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A row of a view: member, op, start, end, port.
type Row = (usize, String, u32, u32, u16);

/// One scenario on its way.
pub(crate) struct Replay<'a> {
    scenario: &'a Value,
    ids: Vec<NodeId>,
    groups: Vec<GroupName>,
    nodes: Vec<Topology>,
    snapshots: BTreeMap<u64, Option<GroupRecords>>,
    /// Members that have left a group: from then on the original's clocks are its own.
    left: BTreeSet<(usize, usize)>,
    next: usize,
    restarts: u64,
    written: Option<TimedItem>,
}

impl<'a> Replay<'a> {
    pub(crate) fn new(scenario: &'a Value) -> Self {
        let text = |value: &'a Value| value.as_str().unwrap();
        let list = |name: &str| scenario[name].as_array().unwrap().iter().map(text);
        let cluster = ClusterName::try_from("original").unwrap();
        // The original's nodes are named after their addresses.
        let name = |text: &str| NodeName::try_from(text).unwrap();
        let ids: Vec<_> = list("nodes").map(|text| cluster.node(&name(text))).collect();
        Self {
            scenario,
            nodes: ids.iter().map(|id| Topology::new(*id, Epoch(1))).collect(),
            ids,
            groups: list("groups").map(|name| GroupName::try_from(name).unwrap()).collect(),
            snapshots: BTreeMap::new(),
            left: BTreeSet::new(),
            next: 0,
            restarts: 0,
            written: None,
        }
    }

    pub(crate) fn id(&self) -> &str {
        self.scenario["id"].as_str().unwrap()
    }

    pub(crate) fn is_over(&self) -> bool {
        self.next == self.scenario["steps"].as_array().unwrap().len()
    }

    pub(crate) const fn restarts(&self) -> u64 {
        self.restarts
    }

    pub(crate) fn next_is_restart(&self) -> bool {
        self.scenario["steps"][self.next]["op"] == "restart"
    }

    pub(crate) fn next_is_delivery(&self) -> bool {
        let op = &self.scenario["steps"][self.next]["op"];
        op == "sync" || op == "deliver"
    }

    /// Plays the next step.
    pub(crate) fn step(&mut self) {
        let step = &self.scenario["steps"][self.next];
        self.next += 1;
        self.written = None;
        let index = |name: &str| usize::try_from(step[name].as_u64().unwrap()).unwrap();
        match step["op"].as_str().unwrap() {
            "join" => drop(self.nodes[index("node")].join(&self.groups[index("group")]).unwrap()),
            "leave" => {
                self.nodes[index("node")].leave(&self.groups[index("group")]).unwrap();
                self.left.insert((index("node"), index("group")));
            }
            "add_item" | "remove_item" => self.write(step, index("node"), index("group")),
            "sync" => {
                let group = &self.groups[index("group")];
                let sent = self.nodes[index("src")].export(group);
                assert_eq!(sent.is_some(), step["sent"] == true, "{}", self.place());
                self.deliver(index("dst"), index("group"), sent.as_ref());
            }
            "snapshot" => {
                let sent = self.nodes[index("node")].export(&self.groups[index("group")]);
                self.snapshots.insert(step["msg"].as_u64().unwrap(), sent);
            }
            "deliver" => {
                let sent = self.snapshots[&step["msg"].as_u64().unwrap()].clone();
                self.deliver(index("dst"), index("group"), sent.as_ref());
            }
            "restart" => {
                self.restarts += 1;
                let id = self.ids[index("node")];
                self.nodes[index("node")] = Topology::new(id, Epoch(1 + self.restarts));
            }
            "check" => {
                if self.restarts == 0 {
                    self.compare_state(&step["state"]);
                }
            }
            other => panic!("{}: unknown step {other}", self.place()),
        }
    }

    fn write(&mut self, step: &Value, node: usize, group: usize) {
        let bound = |name: &str| u32::try_from(step[name].as_u64().unwrap()).ok();
        let port = u16::try_from(step["port"].as_u64().unwrap()).ok();
        let range = bound("from").zip(bound("to")).and_then(|(a, b)| KeyRange::new(a, b).ok());
        let rejected = step.get("rejected").is_some_and(|rejected| rejected == true);
        assert_eq!(range.zip(port).is_none(), rejected, "{}", self.place());
        if let Some((range, port)) = range.zip(port) {
            let (node, group) = (&mut self.nodes[node], &self.groups[group]);
            let written = if step["op"] == "add_item" {
                node.add_item(group, range, port)
            } else {
                node.remove_item(group, range, port)
            };
            self.written = Some(written.unwrap());
        }
    }

    fn deliver(&mut self, to: usize, group: usize, records: Option<&GroupRecords>) {
        if let Some(records) = records {
            let changes = self.nodes[to].merge(&self.groups[group], records);
            assert_eq!(changes.refused(), [], "{}", self.place());
        }
    }

    /// Compares what the last step's node answers; returns the number of answers compared.
    pub(crate) fn compare(&self) -> usize {
        let step = &self.scenario["steps"][self.next - 1];
        let Some(after) = step.get("after") else { return 0 };
        let index =
            |name: &str| step.get(name).map(|i| usize::try_from(i.as_u64().unwrap()).unwrap());
        let node = index("node").or_else(|| index("dst")).unwrap();
        self.compare_groups(node, after);
        self.compare_view(node, index("group").unwrap(), after);
        1
    }

    /// Compares the clock that the last step's call returned, if the original's rule is ours.
    pub(crate) fn compare_clock(&self) -> bool {
        let step = &self.scenario["steps"][self.next - 1];
        let Some(written) = self.written else { return false };
        let index = |name: &str| usize::try_from(step[name].as_u64().unwrap()).unwrap();
        if self.left.contains(&(index("node"), index("group"))) {
            return false;
        }
        assert_eq!(written.clock, step["clock"].as_u64().unwrap() + 1, "{}", self.place());
        true
    }

    /// Compares what all nodes answer.
    pub(crate) fn compare_state(&self, state: &Value) {
        for (node, expected) in state.as_array().unwrap().iter().enumerate() {
            self.compare_groups(node, expected);
            for (group, view) in expected["views"].as_array().unwrap().iter().enumerate() {
                self.compare_view(node, group, view);
            }
        }
    }

    fn compare_groups(&self, node: usize, expected: &Value) {
        let named = |name: &str| -> Vec<&GroupName> {
            let indexes = expected[name].as_array().unwrap().iter();
            indexes.map(|i| &self.groups[usize::try_from(i.as_u64().unwrap()).unwrap()]).collect()
        };
        let place = self.place();
        assert_eq!(self.nodes[node].groups().collect::<Vec<_>>(), named("groups"), "{place}");
        assert_eq!(self.nodes[node].my_groups().collect::<Vec<_>>(), named("my_groups"), "{place}");
    }

    fn compare_view(&self, node: usize, group: usize, expected: &Value) {
        let (topology, name, place) = (&self.nodes[node], &self.groups[group], self.place());
        let numbers = |name: &str| -> Vec<usize> {
            let numbers = expected[name].as_array().unwrap().iter();
            numbers.map(|number| usize::try_from(number.as_u64().unwrap()).unwrap()).collect()
        };
        // The original sorts by address, this by identity.
        let mut members: Vec<_> = topology.members(name).map(|id| self.index_of(id)).collect();
        members.sort_unstable();
        assert_eq!(members, numbers("members"), "{place}: members of {name}");
        let mut rows: Vec<Row> = topology.topology(name).map(|item| self.row(&item)).collect();
        rows.sort_by_key(|row| row.0);
        let recorded: Vec<Row> =
            expected["topology"].as_array().unwrap().iter().map(parse).collect();
        assert_eq!(rows, recorded, "{place}: topology of {name}");
        for (op, listed) in [(Op::Add, "add"), (Op::Remove, "rmv"), (Op::Get, "get")] {
            let mut rows: Vec<Row> =
                topology.topology_of(name, op).map(|item| self.row(&item)).collect();
            rows.sort_by_key(|row| row.0);
            let expected: Vec<Row> = numbers(listed).iter().map(|i| recorded[*i].clone()).collect();
            assert_eq!(rows, expected, "{place}: {listed} items of {name}");
        }
    }

    /// What each node says about itself.
    pub(crate) fn own_items(&self) -> Vec<Vec<TimedItem>> {
        let own = self.ids.iter().zip(&self.nodes);
        own.map(|(id, node)| self.items_of(node, *id)).collect()
    }

    /// Lets all hear of all lives, then exchanges everything until nothing changes.
    pub(crate) fn settle(&mut self) {
        for to in 0..self.nodes.len() {
            for from in 0..self.nodes.len() {
                let life = Life { id: self.ids[from], epoch: self.nodes[from].epoch() };
                self.nodes[to].hear(life).unwrap();
            }
        }
        for round in 0.. {
            assert!(round < 3, "{}: two rounds settle everything", self.id());
            let before: Vec<_> = self.nodes.iter().map(|node| self.picture(node)).collect();
            for from in 0..self.nodes.len() {
                for to in 0..self.nodes.len() {
                    for group in 0..self.groups.len() {
                        let sent = self.nodes[from].export(&self.groups[group]);
                        self.deliver(to, group, sent.as_ref());
                    }
                }
            }
            if self.nodes.iter().map(|node| self.picture(node)).eq(before) {
                return;
            }
        }
    }

    /// Every node lists of every member what that member itself lists.
    pub(crate) fn assert_all_agree_with_the_owners(&self) {
        for (owner, id) in self.ids.iter().enumerate() {
            let truth = self.items_of(&self.nodes[owner], *id);
            for node in &self.nodes {
                assert_eq!(self.items_of(node, *id), truth, "{}: node {owner}", self.id());
            }
        }
    }

    fn picture(&self, node: &Topology) -> Vec<TimedItem> {
        self.groups.iter().flat_map(|group| node.topology(group)).collect()
    }

    fn items_of(&self, node: &Topology, member: NodeId) -> Vec<TimedItem> {
        let items = self.groups.iter().flat_map(|group| node.topology(group));
        items.filter(|timed| timed.item.member == member).collect()
    }

    fn row(&self, timed: &TimedItem) -> Row {
        let op = match timed.item.op {
            Op::Add => "add",
            Op::Remove => "rmv",
            Op::Get => "get",
        };
        let range = timed.item.range;
        let member = self.index_of(timed.item.member);
        (member, op.to_owned(), range.start(), range.end(), timed.item.port)
    }

    fn index_of(&self, id: NodeId) -> usize {
        self.ids.iter().position(|other| *other == id).unwrap()
    }

    fn place(&self) -> String {
        format!("{}, step {}", self.id(), self.next - 1)
    }
}

fn parse(row: &Value) -> Row {
    let number = |at: usize| row[at].as_u64().unwrap();
    let key = |at: usize| u32::try_from(number(at)).unwrap();
    let member = usize::try_from(number(0)).unwrap();
    let port = u16::try_from(number(4)).unwrap();
    (member, row[1].as_str().unwrap().to_owned(), key(2), key(3), port)
}
