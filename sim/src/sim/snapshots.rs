//! Snapshots: nodes that are set back to an earlier state of theirs, and second copies of them that run
//! beside them at the same address.

use bytes::BytesMut;
use scalesmall_core::{Arrival, Engine, Event};

use super::protocol::Protocol;
use super::{Sim, Step};
use crate::node::{Clock, Condition, Tenth};
use crate::random::Ratio;
use crate::trace::{What, hash_bytes};

/// A node's state, and what its clock showed then.
#[derive(Clone)]
pub(crate) struct Snapshot<P> {
    protocol: P,
    local: u64,
}

/// A second process at a node's address. It has a clock of its own, and no law looks at what it shows.
#[derive(Clone)]
pub(super) struct Twin<P> {
    protocol: P,
    clock: Clock,
    /// When its next deadline is due.
    armed: Option<u64>,
    /// Whether a unicast datagram for the address goes to either by chance, and not to the one that sent
    /// last.
    by_chance: bool,
    /// Whether the twin sent last.
    sent_last: bool,
}

impl<P: Protocol> Sim<P> {
    /// Whether there is a snapshot of a node.
    pub(crate) fn has_snapshot(&self, node: usize) -> bool {
        self.snapshots.contains_key(&node)
    }

    /// Whether any node has a second copy.
    pub(crate) fn has_copies(&self) -> bool {
        !self.twins.is_empty()
    }

    /// Ends all second copies.
    pub(crate) fn end_copies(&mut self) {
        self.twins.clear();
    }

    /// When a node, or a copy of one, first said that another uses its address.
    #[must_use]
    pub const fn conflict_at(&self) -> Option<u64> {
        self.conflict_at
    }

    /// Whether a datagram for a node goes to its copy, and whether to the node itself.
    pub(super) fn holders(&self, to: usize, packet: u32) -> (bool, bool) {
        let Some(twin) = self.twins.get(&to) else { return (false, true) };
        let slot = self.datagrams.slot(packet);
        if slot.is_multicast() {
            return (true, true);
        }
        let chance = || self.random.fork(FOR_COPIES).fork(slot.number).hit(Ratio(1, 2));
        let is_twins = if twin.by_chance { chance() } else { twin.sent_last };
        (is_twins, !is_twins)
    }

    /// A node has sent something: of two that go by who sent last, datagrams are now for it.
    pub(super) fn sent_itself(&mut self, node: usize) {
        if let Some(twin) = self.twins.get_mut(&node) {
            twin.sent_last = false;
        }
    }

    pub(super) fn deliver_to_twin(&mut self, packet: u32, to: usize) {
        let Some(mut twin) = self.twins.remove(&to) else { return };
        let slot = self.datagrams.slot(packet);
        let source = slot.way.source;
        let arrival =
            if slot.is_multicast() { Arrival::Multicast(source) } else { Arrival::Unicast(source) };
        self.network.fates.delivered += 1;
        self.trace.fold(self.now, to, !hash_bytes(&slot.bytes) ^ slot.from as u64);
        let now = scalesmall_core::Instant::from_nanos(twin.clock.local(self.now));
        twin.protocol.handle_datagram(now, arrival, &slot.bytes);
        self.settle_twin(to, twin);
    }

    /// A copy acts on its deadline.
    pub(super) fn twin_timer(&mut self, node: usize) {
        if let Some(twin) = self.twins.remove(&node) {
            if twin.armed == Some(self.now) {
                self.settle_twin(node, twin);
            } else {
                self.twins.insert(node, twin);
            }
        }
    }

    /// Takes all that a copy has to say, and sets its timer.
    fn settle_twin(&mut self, node: usize, mut twin: Twin<P>) {
        let now = scalesmall_core::Instant::from_nanos(twin.clock.local(self.now));
        if twin.protocol.poll_timeout().is_some_and(|due| due <= now) {
            self.drain_twin(node, &mut twin);
            twin.protocol.handle_timeout(now);
        }
        self.drain_twin(node, &mut twin);
        twin.armed = twin.protocol.poll_timeout().map(|due| twin.clock.when(due).max(self.now + 1));
        if let Some(at) = twin.armed {
            self.queue.push(at, Step::Twin(node as u32));
        }
        self.twins.insert(node, twin);
    }

    fn drain_twin(&mut self, node: usize, twin: &mut Twin<P>) {
        if let Some(epoch) = twin.protocol.epoch() {
            self.written.begin_life(node, epoch);
            self.nodes[node].live_in(epoch);
        }
        let mut buffer = BytesMut::new();
        while let Some(to) = twin.protocol.poll_transmit(&mut buffer) {
            self.transmit(node, to, &buffer);
            buffer.clear();
            twin.sent_last = true;
        }
        while let Some(event) = twin.protocol.poll_event() {
            if P::is_conflict(&event) {
                self.conflict_at.get_or_insert(self.now);
            }
        }
    }
}

impl Sim<Engine> {
    /// Keeps the state of a node that runs, for [`Sim::set_back`] and [`Sim::copy`].
    pub fn snapshot(&mut self, node: usize) {
        if !self.has("snapshot", &[node]) {
            return;
        }
        if self.nodes[node].condition == Condition::Running
            && !self.nodes[node].departed
            && let Some(engine) = &self.nodes[node].protocol
        {
            let snapshot =
                Snapshot { protocol: engine.clone(), local: self.local(node).as_nanos() };
            self.snapshots.insert(node, snapshot);
        }
    }

    /// Sets a node back to its last snapshot, as a virtual machine is: with its monotonic clock, and with
    /// all that its process has remembered. It shows what it showed then.
    pub fn set_back(&mut self, node: usize) {
        let Some(Snapshot { protocol, local }) = self.snapshots.get(&node) else { return };
        if self.nodes[node].condition != Condition::Running || self.nodes[node].departed {
            return;
        }
        let (engine, local) = (protocol.clone(), *local);
        self.calm = false;
        self.faults.set_back += 1;
        self.trace.note(self.now, node, What::Verb("set back"));
        self.clear_waiting(node);
        self.written.begin_life(node, engine.epoch());
        self.written.repeat_life(node, engine.epoch());
        let back = i64::try_from(self.local(node).as_nanos().saturating_sub(local));
        self.nodes[node].clock.jump(self.now, back.map_or(0, |back| -back));
        let slot = &mut self.nodes[node];
        slot.protocol = Some(engine);
        slot.armed = None;
        slot.taken.clear();
        // What it took before its snapshot it may have taken since.
        slot.began = 0;
        slot.tenth = Tenth::default();
        self.lives[node] += 1;
        self.views.start(node, self.now);
        self.judge(node, &Event::Overflow { dropped: 0 });
        self.reread(node);
        self.take_its_word(node);
        self.fire(node);
        self.settle(node);
    }

    /// Starts a second process at a node's address, from the node's last snapshot. Unicast datagrams for
    /// the address go to either by chance, or to the one that sent last; multicasts go to both.
    pub fn copy(&mut self, node: usize, by_chance: bool) {
        let Some(Snapshot { protocol, local }) = self.snapshots.get(&node) else { return };
        let slot = &self.nodes[node];
        let fits = slot.condition == Condition::Running && !slot.departed;
        if !fits || self.twins.contains_key(&node) {
            return;
        }
        let protocol = protocol.clone();
        let mut clock = Clock::new();
        clock.jump(self.now, i64::try_from(*local).unwrap_or(i64::MAX) - self.now as i64);
        self.calm = false;
        self.faults.copied += 1;
        self.conflict_at = None;
        self.trace.note(self.now, node, What::Verb("copied"));
        self.written.repeat_life(node, protocol.epoch());
        let twin = Twin { protocol, clock, armed: None, by_chance, sent_last: false };
        self.settle_twin(node, twin);
    }
}

const FOR_COPIES: u64 = 12;
