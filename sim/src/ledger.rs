//! What members have said and done, compared with what others show of it.

use std::cell::RefCell;
use std::collections::HashSet;
use std::rc::Rc;

use scalesmall_core::{Engine, Epoch, Event, GroupName, KeyRange, Life, Op, Peer, TimedItem};

use crate::check::{Broken, Law};
use crate::interned::Interned;
use crate::node::Condition;
use crate::observer::{Known, Lives, Observer, Writes};
use crate::sim::Sim;

/// What nodes were told to say, through the simulation's calls, and the lives that they have led.
#[derive(Debug, Default)]
pub(crate) struct Written {
    adds: HashSet<(usize, GroupName, KeyRange, u16)>,
    /// Who sent each message.
    messages: Vec<usize>,
    /// The highest epoch that each node has lived in, by node.
    newest: Vec<Epoch>,
}

impl Written {
    pub(crate) fn add(&mut self, node: usize, group: &GroupName, range: KeyRange, port: u16) {
        self.adds.insert((node, group.clone(), range, port));
    }

    /// Notes a message; answers its number.
    pub(crate) fn send(&mut self, node: usize) -> u64 {
        self.messages.push(node);
        self.messages.len() as u64 - 1
    }

    pub(crate) fn begin_life(&mut self, node: usize, epoch: Epoch) {
        if self.newest.len() <= node {
            self.newest.resize(node + 1, Epoch::default());
        }
        self.newest[node] = self.newest[node].max(epoch);
    }

    /// The highest epoch that a node has lived in.
    pub(crate) fn newest(&self, node: usize) -> Epoch {
        self.newest.get(node).copied().unwrap_or_default()
    }
}

/// What is broken, and the nodes concerned.
pub(crate) type Verdict = Option<(Broken, Vec<usize>)>;

/// The memory of all laws about pictures.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// Whom the next look is at.
    next: usize,
    /// Groups with a member, and ranges in these.
    records: Interned<(GroupName, usize)>,
    subjects: Interned<(u32, KeyRange)>,
    /// The clocks of records, and what each of them names.
    writes: Writes,
    contents: Vec<(Op, KeyRange, u16)>,
    /// Lives with an incarnation.
    lives: Lives,
    observers: Vec<Observer>,
}

impl Ledger {
    /// Has the laws checked: at each event, and at one node after the other as time passes.
    pub(crate) fn watch(sim: &mut Sim<Engine>) {
        let ledger = Rc::new(RefCell::new(Self::default()));
        let events = Rc::clone(&ledger);
        sim.judge_events(move |sim, node, event| events.borrow_mut().hear(sim, node, event));
        // A look takes longer the more nodes there are to be seen. In large clusters it is taken less
        // often, so that looking stays a small part of the whole.
        let every = LOOK_EVERY * sim.len().div_ceil(MANY) as u32;
        sim.rule_of(every, move |sim| ledger.borrow_mut().look(sim));
    }

    fn observer(&mut self, sim: &Sim<Engine>, node: usize) -> &mut Observer {
        if self.observers.len() <= node {
            self.observers.resize_with(sim.len(), Observer::default);
        }
        let life = sim.lives(node);
        if self.observers[node].life != life {
            self.observers[node] = Observer::of(life);
        }
        &mut self.observers[node]
    }

    /// A node has reported something.
    fn hear(&mut self, sim: &Sim<Engine>, node: usize, event: &Event) -> Verdict {
        match event {
            Event::Peer { peer, from, to, .. } => {
                let about = sim.node_of(peer.id.addr());
                if about == Some(node) {
                    return broken(Law::HeardOfItself, format!("{event:?}"), &[node]);
                }
                let about = about?;
                let before = sim.views().belief(node, about);
                if before != *from {
                    let what = format!("{event:?}, though it was {before:?}");
                    return broken(Law::History, what, &[node, about]);
                }
                if to.is_none() {
                    self.observer(sim, node).know(about, sim.len(), Known::default());
                    return None;
                }
                self.know(sim, node, *peer, None)
            }
            Event::ItemSet { group, item } => self.set(sim, node, group, *item),
            Event::ItemCleared { group, member, range } => {
                let member = sim.node_of(member.addr())?;
                let subject = self.subject(group, member, *range);
                self.observer(sim, node).hide(subject as usize);
                None
            }
            Event::Message { origin, tag, payload, .. } if tag.0 == TOLD => {
                let id = payload.as_ref().try_into().map(u64::from_le_bytes).unwrap_or(u64::MAX);
                let sender = usize::try_from(id).ok().and_then(|id| sim.written.messages.get(id));
                if sender.map(|sender| sim.addr(*sender)) != Some(origin.addr()) {
                    return broken(Law::MessageNeverSent, format!("{event:?}"), &[node]);
                }
                let fresh = self.observer(sim, node).hear(id);
                (!fresh).then(|| of(Law::MessageTwice, format!("{event:?}"), &[node]))
            }
            Event::Overflow { .. } => {
                self.reread(sim, node);
                None
            }
            _ => None,
        }
    }

    /// A node shows an item.
    fn set(
        &mut self,
        sim: &Sim<Engine>,
        node: usize,
        group: &GroupName,
        timed: TimedItem,
    ) -> Verdict {
        let TimedItem { item, epoch, clock } = timed;
        let Some(member) = sim.node_of(item.member.addr()) else {
            return broken(Law::NeverWritten, format!("{timed:?} is of no node"), &[node]);
        };
        let write = (member, group.clone(), item.range, item.port);
        if item.op == Op::Add && !sim.written.adds.contains(&write) {
            return broken(Law::NeverWritten, format!("{timed:?}"), &[node, member]);
        }
        if let Some(never) = never_lived(sim, node, member, epoch) {
            return Some(never);
        }
        let (record, subject) =
            (self.record(group, member), self.subject(group, member, item.range) as usize);
        let content = (item.op, item.range, item.port);
        let write = self.writes.number((record, epoch, clock));
        if self.contents.len() <= write as usize {
            self.contents.push(content);
        }
        let known = self.contents[write as usize];
        if known != content {
            let what = format!("{timed:?}, elsewhere this clock names {known:?}");
            return broken(Law::ClockNamesTwo, what, &[node, member]);
        }
        let latest = self.observer(sim, node).latest(subject);
        if let Some(last) = latest.version(&self.writes).filter(|last| *last > (epoch, clock)) {
            let what = format!("{timed:?}, after a write {} of life {}", last.1, last.0);
            return broken(Law::Unseen, what, &[node, member]);
        }
        self.observer(sim, node).show(subject, write);
        None
    }

    /// A node knows a life, and an incarnation of it.
    fn know(
        &mut self,
        sim: &Sim<Engine>,
        node: usize,
        peer: Life,
        incarnation: Option<u32>,
    ) -> Verdict {
        let about = sim.node_of(peer.id.addr())?;
        if let Some(never) = never_lived(sim, node, about, peer.epoch) {
            return Some(never);
        }
        let known = self.observer(sim, node).known(about);
        let known = known.value(&self.lives);
        let now = (peer.epoch, incarnation.unwrap_or(0));
        if peer.epoch < known.0 || incarnation.is_some() && now < known {
            let what = format!("{peer}, incarnation {incarnation:?}, after {known:?}");
            return broken(Law::EvidenceShrank, what, &[node, about]);
        }
        if now > known {
            let life = self.lives.number(now);
            self.observer(sim, node).know(about, sim.len(), Known::of(life));
        }
        None
    }

    /// Looks at the queries of one node, another one each time.
    fn look(&mut self, sim: &Sim<Engine>) -> Verdict {
        let node = self.next;
        self.next = (node + 1) % sim.len().max(1);
        // What happens to a node that stands still is told when it goes on.
        let engine = sim.node(node).filter(|_| sim.condition(node) != Condition::Paused)?;
        for peer in engine.peers() {
            let life = Life { id: peer.id, epoch: peer.epoch };
            if let Some(verdict) = self.know(sim, node, life, Some(peer.incarnation)) {
                return Some(verdict);
            }
            if let Some(verdict) = raised_by_another(sim, node, &peer) {
                return Some(verdict);
            }
        }
        if let Some(verdict) = beyond_limits(node, engine) {
            return Some(verdict);
        }
        let mut shown = 0;
        for group in engine.groups() {
            for timed in engine.topology(group) {
                shown += 1;
                let member = sim.node_of(timed.item.member.addr())?;
                let subject = self.subject(group, member, timed.item.range);
                let latest = self.observer(sim, node).latest(subject as usize);
                let latest = latest.version(&self.writes).filter(|_| latest.is_shown());
                if latest != Some((timed.epoch, timed.clock)) {
                    let what = format!("{timed:?} is shown, the events say {latest:?}");
                    return broken(Law::ItemsReplay, what, &[node, member]);
                }
            }
        }
        let told = self.observer(sim, node).shown();
        if told != shown {
            let what = format!("{shown} items are shown, the events add up to {told}");
            return broken(Law::ItemsReplay, what, &[node]);
        }
        let alike = |other: &usize| {
            *other != node && sim.node(*other).is_some_and(|it| it.digest() == engine.digest())
        };
        let other = (node + 1..sim.len()).chain(0..node).find(alike)?;
        contents_differ(sim, node, other)
    }

    /// Takes what a node's queries say in place of the events that were dropped.
    fn reread(&mut self, sim: &Sim<Engine>, node: usize) {
        self.observer(sim, node).hide_all();
        let Some(engine) = sim.node(node) else { return };
        for group in engine.groups() {
            for timed in engine.topology(group) {
                // What is wrong with it is found when it is looked at.
                let _ = self.set(sim, node, group, timed);
            }
        }
    }

    fn record(&mut self, group: &GroupName, member: usize) -> u32 {
        self.records.number((group.clone(), member))
    }

    fn subject(&mut self, group: &GroupName, member: usize, range: KeyRange) -> u32 {
        let record = self.record(group, member);
        self.subjects.number((record, range))
    }
}

/// Whether two nodes with equal digests hold different pictures of those that are present at both.
/// One that is gone drops out of the digest before it is forgotten.
pub(crate) fn contents_differ(sim: &Sim<Engine>, one: usize, other: usize) -> Verdict {
    let pair = [sim.node(one)?, sim.node(other)?];
    let differ = |what: String| broken(Law::EqualDigests, what, &[one, other]);
    let present = |id: scalesmall_core::NodeId| {
        pair.iter().all(|engine| engine.peer(id).is_some_and(|peer| peer.status.is_present()))
    };
    let [mut mine, mut theirs] = pair.map(|engine| {
        let groups = engine.groups();
        let items = groups.flat_map(|group| engine.topology(group).map(move |item| (group, item)));
        items.filter(|(_, timed)| present(timed.item.member))
    });
    loop {
        match (mine.next(), theirs.next()) {
            (None, None) => break,
            (mine, theirs) if mine == theirs => {}
            (mine, theirs) => return differ(format!("{mine:?} against {theirs:?}")),
        }
    }
    let [this, that] = pair;
    for mine in this.peers().filter(|peer| peer.id != that.id() && peer.status.is_present()) {
        let theirs = that.peer(mine.id);
        let same = |theirs: &Peer| {
            (theirs.epoch, theirs.incarnation) == (mine.epoch, mine.incarnation)
                && theirs.metadata == mine.metadata
        };
        if !theirs.as_ref().is_some_and(same) {
            return differ(format!("{mine:?} against {theirs:?}"));
        }
    }
    None
}

/// Whether a node believes in a life that its owner has never led.
fn never_lived(sim: &Sim<Engine>, node: usize, about: usize, epoch: Epoch) -> Verdict {
    let newest = sim.written.newest(about);
    let what = || format!("life {epoch} of node {about}, whose last one is {newest}");
    (epoch > newest).then(|| of(Law::NeverLived, what(), &[node, about]))
}

/// Whether an incarnation is above the one that its owner has reached.
fn raised_by_another(sim: &Sim<Engine>, node: usize, peer: &Peer) -> Verdict {
    if peer.incarnation == 0 {
        return None;
    }
    let about = sim.node_of(peer.id.addr())?;
    let owner = sim.node(about)?;
    let own = owner.peer(owner.id())?;
    let raised = own.epoch == peer.epoch && peer.incarnation > own.incarnation;
    raised.then(|| of(Law::RaisedByAnother, format!("{peer:?}, itself {own:?}"), &[node, about]))
}

fn beyond_limits(node: usize, engine: &Engine) -> Verdict {
    let limits = &engine.config().limits;
    let items = || engine.groups().map(|group| engine.topology(group).count()).sum::<usize>();
    let counts = [
        ("nodes", engine.peers().count() + 1, limits.nodes),
        ("groups", engine.groups().count(), limits.groups),
        ("ranges", items(), limits.ranges),
    ];
    counts.into_iter().find(|(_, count, limit)| *count > *limit as usize).map(
        |(what, count, limit)| {
            of(Law::BeyondLimit, format!("{count} {what}, at most {limit}"), &[node])
        },
    )
}

fn of(law: Law, what: String, nodes: &[usize]) -> (Broken, Vec<usize>) {
    (Broken::Law { law, what }, nodes.to_vec())
}

fn broken(law: Law, what: String, nodes: &[usize]) -> Verdict {
    Some(of(law, what, nodes))
}

/// The tag of the simulation's own messages, whose payload is their number.
pub(crate) const TOLD: u32 = 0x0005_ca1e;

/// How often one node's queries are looked at, in clusters of no more than `MANY` nodes.
const LOOK_EVERY: core::time::Duration = core::time::Duration::from_millis(50);
const MANY: usize = 128;
