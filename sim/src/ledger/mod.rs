//! What members have said and done, compared with what others show of it.

mod described;
mod interned;
mod observer;
mod own_items;
mod owners;
mod pictures;
mod queries;

use scalesmall_core::{Engine, Event, GroupName, KeyRange, Life, Op, TimedItem};

use crate::check::{Broken, Law, Verdict};
use crate::node::Condition;
use crate::sim::{Laws, Sim};
use crate::written::TOLD;
use described::Described;
use interned::Interned;
use observer::{Known, Lives, Observer, Writes};
pub(crate) use own_items::not_as_told;
pub(crate) use pictures::contents_differ;
use pictures::{beyond_limits, never_lived, raised_by_another};
use queries::queries_differ;

/// The memory of all laws about pictures.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ledger {
    /// The node that is looked at next.
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
    described: Described,
    /// How many looks there were.
    looks: usize,
}

/// What is broken, unless a member has lied and it may be that.
pub(crate) fn unless_lied(sim: &Sim<Engine>, verdict: Verdict) -> Verdict {
    verdict.filter(|(broken, _)| {
        !sim.has_lied() || !matches!(broken, Broken::Law { law, .. } if law.trusts_members())
    })
}

impl Laws<Engine> for Ledger {
    fn hear(&mut self, sim: &Sim<Engine>, node: usize, event: &Event) -> Verdict {
        self.note(sim, node, event)
    }

    fn look(&mut self, sim: &Sim<Engine>) -> Verdict {
        self.look_at_next(sim)
    }

    fn copied(&self) -> Box<dyn Laws<Engine>> {
        Box::new(self.clone())
    }
}

impl Ledger {
    /// Has the laws checked: at each event, and at one node after the other as time passes.
    pub(crate) fn watch(sim: &mut Sim<Engine>) {
        // A look takes longer the more nodes there are to be seen. In large clusters it is taken less
        // often, so that looking stays a small part of the whole.
        let every = LOOK_EVERY * sim.len().div_ceil(MANY) as u32;
        sim.set_laws(every, Self::default());
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
    fn note(&mut self, sim: &Sim<Engine>, node: usize, event: &Event) -> Verdict {
        match event {
            Event::Peer { peer, from, to, .. } => {
                let about = sim.node_of(peer.id);
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
                    self.described.forget(sim, node, peer.id);
                    self.observer(sim, node).know(about, sim.len(), Known::default());
                    return None;
                }
                self.know(sim, node, *peer, None)
            }
            Event::ItemSet { group, item } => self.set(sim, node, group, *item),
            Event::ItemCleared { group, member, range } => {
                let member = sim.node_of(*member)?;
                let subject = self.subject(group, member, *range);
                self.observer(sim, node).hide(subject as usize);
                None
            }
            Event::OwnersChanged { .. } => self.hear_of_owner(sim, node, event),
            Event::Metadata { node: about, metadata } => {
                self.described.hear(sim, node, *about, metadata);
                None
            }
            Event::Message { origin, tag, payload, .. } if tag.0 == TOLD => {
                let number = payload.as_ref().try_into().map(u64::from_le_bytes);
                let number = number.unwrap_or(u64::MAX);
                let sent = sim.written().message(number);
                let Some(sent) = sent.filter(|sent| sim.id(sent.from) == *origin) else {
                    let never = broken(Law::MessageNeverSent, format!("{event:?}"), &[node]);
                    return unless_lied(sim, never);
                };
                if sent.from == node || !sent.to.concerns(node, sim.node(node)) {
                    let what = format!("{event:?}, to {:?}", sent.to);
                    return broken(Law::MessageAstray, what, &[node, sent.from]);
                }
                let fresh = self.observer(sim, node).hear(number);
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
        let Some(member) = sim.node_of(item.member) else {
            let what = format!("{timed:?} is of no node");
            return unless_lied(sim, broken(Law::NeverWritten, what, &[node]));
        };
        if !sim.has_lied() {
            let was_added = || sim.written().was_added(member, group, item.range, item.port);
            if item.op == Op::Add && !was_added() {
                return broken(Law::NeverWritten, format!("{timed:?}"), &[node, member]);
            }
            if let Some(never) = never_lived(sim, node, member, epoch) {
                return Some(never);
            }
        }
        let (record, subject) =
            (self.record(group, member), self.subject(group, member, item.range) as usize);
        let content = (item.op, item.range, item.port);
        let write = self.writes.number((record, epoch, clock));
        if self.contents.len() <= write as usize {
            self.contents.push(content);
        }
        let known = self.contents[write as usize];
        // In a life that is led twice one clock names two things, until its node has written above both.
        let once = !sim.has_lied() && !sim.written().is_repeated(member, epoch);
        if known != content && once {
            let what = format!("{timed:?}, elsewhere this clock names {known:?}");
            return broken(Law::ClockNamesTwo, what, &[node, member]);
        }
        let latest = self.observer(sim, node).latest(subject);
        let later = latest.version(&self.writes).filter(|last| *last > (epoch, clock));
        if let Some(last) = later.filter(|_| once) {
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
        let about = sim.node_of(peer.id)?;
        if let Some(never) = unless_lied(sim, never_lived(sim, node, about, peer.epoch)) {
            return Some(never);
        }
        let known = self.observer(sim, node).known(about);
        let known = known.value(&self.lives);
        let now = (peer.epoch, incarnation.unwrap_or(0));
        let shrank = peer.epoch < known.0 || incarnation.is_some() && now < known;
        if shrank && !sim.has_lied() {
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
    fn look_at_next(&mut self, sim: &Sim<Engine>) -> Verdict {
        let node = self.next;
        self.next = (node + 1) % sim.len().max(1);
        // What happens to a node that stands still is told when it goes on.
        let engine = sim.node(node).filter(|_| sim.condition(node) != Condition::Paused)?;
        for peer in engine.peers().chain(engine.peer(engine.id())) {
            if let Some(verdict) = self.described.differs(sim, node, &peer) {
                return Some(verdict);
            }
            if peer.id == engine.id() {
                continue;
            }
            let life = Life { id: peer.id, epoch: peer.epoch };
            if let Some(verdict) = self.know(sim, node, life, Some(peer.incarnation)) {
                return Some(verdict);
            }
            if let Some(verdict) = unless_lied(sim, raised_by_another(sim, node, &peer)) {
                return Some(verdict);
            }
        }
        if let Some(verdict) = beyond_limits(node, engine) {
            return Some(verdict);
        }
        let round = self.looks / sim.len();
        self.looks += 1;
        if (node + round).is_multiple_of(ASK_EVERY) {
            let verdict = not_as_told(sim, node).or_else(|| queries_differ(node, engine, round));
            if verdict.is_some() {
                return verdict;
            }
        }
        let mut shown = 0;
        for group in engine.groups() {
            for timed in engine.topology(group) {
                shown += 1;
                let member = sim.node_of(timed.item.member)?;
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
        if let Some(verdict) = self.owners_differ(sim, node, engine) {
            return Some(verdict);
        }
        let other = (node + 1..sim.len()).chain(0..node).find(alike)?;
        // A digest covers clocks and versions, of which a lie can give one to two contents.
        unless_lied(sim, contents_differ(sim, node, other))
    }

    /// Takes what a node's queries say in place of the events that were dropped.
    fn reread(&mut self, sim: &Sim<Engine>, node: usize) {
        self.described.reread(sim, node);
        self.observer(sim, node).hide_all();
        let Some(engine) = sim.node(node) else { return };
        for group in engine.groups() {
            for timed in engine.topology(group) {
                // What is wrong with it is found when it is looked at.
                let _ = self.set(sim, node, group, timed);
            }
        }
        self.reread_owners(sim, node, engine);
    }

    fn record(&mut self, group: &GroupName, member: usize) -> u32 {
        self.records.number((group.clone(), member))
    }

    fn subject(&mut self, group: &GroupName, member: usize, range: KeyRange) -> u32 {
        let record = self.record(group, member);
        self.subjects.number((record, range))
    }
}

fn of(law: Law, what: String, nodes: &[usize]) -> (Broken, Vec<usize>) {
    (Broken::Law { law, what }, nodes.to_vec())
}

fn broken(law: Law, what: String, nodes: &[usize]) -> Verdict {
    Some(of(law, what, nodes))
}

/// How often one node's queries are looked at, in clusters of no more than `MANY` nodes.
const LOOK_EVERY: core::time::Duration = core::time::Duration::from_millis(50);
const MANY: usize = 128;

/// Which of the looks at one node take all items into account that it shows.
const ASK_EVERY: usize = 4;

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use bytes::Bytes;
    use scalesmall_core::Tag;

    use super::*;
    use crate::lan;
    use crate::written::Meant;

    #[test]
    fn a_message_comes_once_and_to_those_that_it_is_meant_for() {
        let mut sim = Sim::new(1).nodes(3, lan()).build();
        sim.run_until(Sim::converged, Duration::from_secs(5)).unwrap();
        let group = GroupName::try_from("g").unwrap();
        sim.join(1, &group).unwrap();
        sim.run_for(Duration::from_secs(1)).unwrap();
        let to = [Meant::All, Meant::Group(group), Meant::Listed(vec![2])];
        let numbers = to.map(|to| sim.tell_those(0, &to).unwrap());
        let mut ledger = Ledger::default();
        let mut hear = |node, from, number: u64| {
            let payload = Bytes::copy_from_slice(&number.to_le_bytes());
            let [origin, via] = [from, 0].map(|node| sim.id(node));
            let (sequence, group, tag) = (number, None, Tag(TOLD));
            let event = Event::Message { origin, sequence, group, tag, payload, via };
            ledger.hear(&sim, node, &event).map(|(broken, _)| broken.check())
        };
        let [all, group, listed] = numbers;
        for (node, number) in [(1, all), (2, all), (1, group), (2, listed)] {
            assert_eq!(hear(node, 0, number), None);
            assert_eq!(hear(node, 0, number), Some(Law::MessageTwice.name()));
        }
        for (node, number) in [(0, all), (2, group), (1, listed)] {
            assert_eq!(hear(node, 0, number), Some(Law::MessageAstray.name()));
        }
        assert_eq!(hear(2, 1, all), Some(Law::MessageNeverSent.name()));
        assert_eq!(hear(2, 0, listed + 1), Some(Law::MessageNeverSent.name()));
    }
}
