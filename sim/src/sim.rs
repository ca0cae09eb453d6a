//! The simulation: nodes, network and time.

use core::net::SocketAddr;
use core::time::Duration;
use std::collections::BTreeMap;

use bytes::BytesMut;
use scalesmall_core::{Arrival, Destination, Engine, Epoch, Instant, SendError, Status};

use crate::check::{Broken, Failure, Report};
use crate::flight::Flight;
use crate::link::nanos;
use crate::network::{Fates, Network, Packet};
use crate::node::{Condition, Node, Traffic, addr_of, node_at};
use crate::protocol::{Birth, Protocol, Sighting};
use crate::queue::Queue;
use crate::random::Random;
use crate::tap::Tap;
use crate::trace::{Entry, Trace, What, hash_bytes, hash_debug};
use crate::view::Views;
use crate::watch::{Rules, Watches};

/// A running simulation. Made by [`Sim::new`] or [`Build::of`](crate::Build::of).
///
/// Time passes in [`Sim::run_for`] and [`Sim::run_until`] only; everything else happens at an
/// instant. After a broken rule the simulation can be looked at, but every further run fails alike.
pub struct Sim<P: Protocol = Engine> {
    pub(crate) seed: u64,
    pub(crate) random: Random,
    pub(crate) now: u64,
    pub(crate) queue: Queue<Step>,
    pub(crate) nodes: Vec<Node<P>>,
    pub(crate) network: Network,
    pub(crate) views: Views,
    pub(crate) trace: Trace,
    pub(crate) make: Make<P>,
    pub(crate) seeds: Vec<Vec<SocketAddr>>,
    pub(crate) lives: Vec<u32>,
    pub(crate) ipv6: bool,
    /// Nodes that are going to start.
    pub(crate) unborn: usize,
    pub(crate) calm: bool,
    pub(crate) down_forbidden: bool,
    pub(crate) reports: Vec<Report>,
    pub(crate) watches: Watches<P>,
    pub(crate) rules: Rules<P>,
    pub(crate) parameters: Vec<(String, String)>,
    pub(crate) rerun: String,
    pub(crate) tap: Option<Box<dyn Tap<P>>>,
    flight: Flight,
    pictures: BTreeMap<u64, u32>,
    pictures_agreed_at: Option<u64>,
    failure: Option<Box<Failure>>,
    buffer: BytesMut,
    steps: u64,
    next_replay: (u64, usize),
}

/// What the queue holds.
#[derive(Debug)]
pub(crate) enum Step {
    Start(u32),
    Deliver {
        packet: u32,
        to: u32,
    },
    Timer(u32),
    /// A slow node takes its next datagram.
    Work(u32),
    /// A node learns that nobody listens at the other.
    Refused {
        node: u32,
        about: u32,
    },
}

/// Makes a node's protocol.
pub(crate) type Make<P> = Box<dyn FnMut(&Birth) -> P>;

/// The parts that a simulation is put together from.
pub(crate) struct Parts<P: Protocol> {
    pub(crate) seed: u64,
    pub(crate) nodes: usize,
    pub(crate) network: Network,
    pub(crate) make: Make<P>,
    pub(crate) seeds: Vec<Vec<SocketAddr>>,
    pub(crate) ipv6: bool,
    pub(crate) parameters: Vec<(String, String)>,
    pub(crate) rerun: String,
}

impl<P: Protocol> Sim<P> {
    pub(crate) fn assemble(parts: Parts<P>) -> Self {
        let nodes = parts.nodes;
        Self {
            seed: parts.seed,
            random: Random::new(parts.seed),
            now: 0,
            queue: Queue::new(),
            nodes: (0..nodes).map(|_| Node::new()).collect(),
            network: parts.network,
            views: Views::new(nodes),
            trace: Trace::new(parts.seed),
            make: parts.make,
            seeds: parts.seeds,
            lives: vec![0; nodes],
            ipv6: parts.ipv6,
            unborn: 0,
            calm: true,
            down_forbidden: false,
            reports: Vec::new(),
            watches: Watches::default(),
            rules: Rules::default(),
            parameters: parts.parameters,
            rerun: parts.rerun,
            tap: None,
            flight: Flight::default(),
            pictures: BTreeMap::new(),
            pictures_agreed_at: None,
            failure: None,
            buffer: BytesMut::with_capacity(2048),
            steps: 0,
            next_replay: (0, 0),
        }
    }

    /// Lets time pass.
    ///
    /// # Errors
    ///
    /// The first broken rule; time stands where it was broken.
    pub fn run_for(&mut self, span: Duration) -> Result<(), Box<Failure>> {
        self.run_to(self.now.saturating_add(nanos(span)))
    }

    /// Lets time pass until a condition holds, looked at once a millisecond, and tells how long
    /// that took.
    ///
    /// # Errors
    ///
    /// The first broken rule, or [`Broken::NotReached`] after `limit`.
    pub fn run_until(
        &mut self,
        mut condition: impl FnMut(&Self) -> bool,
        limit: Duration,
    ) -> Result<Duration, Box<Failure>> {
        let start = self.now;
        let end = start.saturating_add(nanos(limit));
        loop {
            if condition(self) {
                return Ok(Duration::from_nanos(self.now - start));
            }
            if self.now >= end {
                let failure = self.failure_of(Broken::NotReached { limit }, &[]);
                return Err(Box::new(failure));
            }
            self.run_to(self.now.saturating_add(1_000_000).min(end))?;
        }
    }

    fn run_to(&mut self, end: u64) -> Result<(), Box<Failure>> {
        loop {
            if let Some(failure) = &self.failure {
                return Err(failure.clone());
            }
            let Some((at, step)) = self.queue.pop(end) else { break };
            self.now = self.now.max(at);
            self.steps += 1;
            self.perform(step);
            if self.now >= self.next_replay.0 {
                self.check_replay();
            }
            if self.rules.is_due(self.now) {
                self.check_rules();
            }
        }
        self.now = end;
        Ok(())
    }

    /// The simulation's time.
    #[must_use]
    pub const fn now(&self) -> Instant {
        Instant::from_nanos(self.now)
    }

    /// How many nodes there are, running or not.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there are no nodes.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// A node's protocol, unless it is not running.
    #[must_use]
    pub fn node(&self, node: usize) -> Option<&P> {
        self.nodes[node].protocol.as_ref()
    }

    /// A node's address.
    #[must_use]
    pub fn addr(&self, node: usize) -> SocketAddr {
        addr_of(node, self.ipv6)
    }

    /// The node that has an address, if any.
    #[must_use]
    pub fn node_of(&self, addr: SocketAddr) -> Option<usize> {
        node_at(addr).filter(|node| *node < self.nodes.len())
    }

    /// What a node is doing.
    #[must_use]
    pub fn condition(&self, node: usize) -> Condition {
        self.nodes[node].condition
    }

    /// The nodes that are up and have not said goodbye.
    pub fn live(&self) -> impl Iterator<Item = usize> + use<'_, P> {
        let nodes = self.nodes.iter().enumerate();
        nodes.filter(|(_, node)| node.condition.is_up() && !node.departed).map(|(node, _)| node)
    }

    /// What a node has sent.
    #[must_use]
    pub fn traffic(&self, node: usize) -> &Traffic {
        &self.nodes[node].traffic
    }

    /// Forgets the largest 100 ms of all nodes, to measure them anew.
    pub fn reset_peaks(&mut self) {
        for node in &mut self.nodes {
            node.traffic.reset_peaks();
        }
    }

    /// What has become of the datagrams.
    #[must_use]
    pub const fn fates(&self) -> &Fates {
        &self.network.fates
    }

    /// Who believes what about whom.
    #[must_use]
    pub const fn views(&self) -> &Views {
        &self.views
    }

    /// What nodes have said about others: every down, left and unreachable, and what revoked them.
    #[must_use]
    pub fn reports(&self) -> &[Report] {
        &self.reports
    }

    /// Sums up everything that has happened. Equal seeds and calls give equal hashes.
    #[must_use]
    pub const fn trace_hash(&self) -> u64 {
        self.trace.hash()
    }

    /// The last things that happened to some nodes, oldest first; to any node if none is named.
    #[must_use]
    pub fn last_records(&self, nodes: &[usize], count: usize) -> Vec<Entry> {
        self.trace.last(nodes, count)
    }

    /// How many steps have been performed.
    #[must_use]
    pub const fn steps(&self) -> u64 {
        self.steps
    }

    /// Whether all nodes that are to start have, and the live ones see each other and nobody else.
    #[must_use]
    pub const fn all_see_all(&self) -> bool {
        self.unborn == 0 && self.views.wrong_pairs() == 0
    }

    /// Whether all live nodes have the same digest. True for protocols without one.
    #[must_use]
    pub fn pictures_agree(&self) -> bool {
        self.pictures.len() <= 1
    }

    /// Since when all live nodes have had the same digest, in nanoseconds.
    #[must_use]
    pub const fn pictures_agreed_at(&self) -> Option<u64> {
        self.pictures_agreed_at
    }

    /// Whether all live nodes see each other and nobody else, and have the same picture.
    #[must_use]
    pub fn converged(&self) -> bool {
        self.all_see_all() && self.pictures_agree()
    }

    /// Calls a node at the present time and takes its output.
    ///
    /// # Panics
    ///
    /// If the node is not running; look at [`Sim::condition`] first.
    pub fn with<R>(&mut self, node: usize, call: impl FnOnce(&mut P, Instant) -> R) -> R {
        let now = self.local(node);
        let protocol = self.nodes[node].protocol.as_mut();
        let answer = call(protocol.expect("a node that is called has been started"), now);
        self.settle(node);
        answer
    }

    /// Breaks a rule on behalf of a scenario: the next run fails with it.
    pub fn fail(&mut self, broken: Broken, nodes: &[usize]) {
        if self.failure.is_none() {
            self.failure = Some(Box::new(self.failure_of(broken, nodes)));
        }
    }

    fn failure_of(&self, broken: Broken, nodes: &[usize]) -> Failure {
        let state = format!(
            "{} nodes observe, {} pairs are wrong, {} different pictures; {:?}",
            self.views.observers(),
            self.views.wrong_pairs(),
            self.pictures.len(),
            self.network.fates,
        );
        Failure {
            broken,
            seed: self.seed,
            at: self.now(),
            nodes: nodes.to_vec(),
            parameters: self.parameters.clone(),
            state,
            records: self.trace.last(nodes, 40),
            rerun: self.rerun.clone(),
        }
    }

    pub(crate) fn local(&self, node: usize) -> Instant {
        Instant::from_nanos(self.nodes[node].clock.local(self.now))
    }

    fn perform(&mut self, step: Step) {
        match step {
            Step::Start(node) => {
                self.unborn -= 1;
                if self.nodes[node as usize].condition == Condition::Unborn {
                    self.start(node as usize);
                }
            }
            Step::Deliver { packet, to } => self.arrive(packet, to as usize),
            Step::Timer(node) => self.timer(node as usize),
            Step::Work(node) => self.work(node as usize),
            Step::Refused { node, about } => {
                let node = node as usize;
                if self.nodes[node].condition == Condition::Running {
                    let to = Destination::Unicast(self.addr(about as usize));
                    self.with(node, |protocol, now| {
                        protocol.handle_send_error(now, to, SendError::Refused);
                    });
                }
            }
        }
    }

    /// Brings a node to life and lets it contact its seeds.
    pub(crate) fn start(&mut self, node: usize) {
        let mut random = self.random.fork(FOR_NODES).fork(node as u64);
        let seed = random.bytes();
        let life = random.fork(u64::from(self.lives[node])).draw();
        let unix_ms = STARTED_AT_UNIX_MS.saturating_add(self.now / 1_000_000);
        let unix_ms = unix_ms.saturating_add_signed(self.nodes[node].wall_offset);
        let birth = Birth {
            node,
            addr: self.addr(node),
            epoch: Epoch::new(unix_ms, life as u32),
            now: self.local(node),
            seed,
        };
        self.lives[node] += 1;
        let protocol = (self.make)(&birth);
        let slot = &mut self.nodes[node];
        slot.protocol = Some(protocol);
        slot.condition = Condition::Running;
        slot.departed = false;
        slot.armed = None;
        self.views.start(node, self.now);
        self.trace.note(self.now, node, What::Verb("started"));
        let seeds = self.seeds[node].clone();
        self.with(node, |protocol, now| protocol.contact(now, &seeds));
    }

    fn arrive(&mut self, packet: u32, to: usize) {
        let slot = &mut self.nodes[to];
        match slot.condition {
            Condition::Running if slot.work_gap() == 0 && slot.inbox.is_empty() => {
                self.deliver(packet, to);
                self.settle(to);
            }
            Condition::Running | Condition::Paused | Condition::Starved => {
                let size = self.flight.slot(packet).bytes.len() + BUFFER_OVERHEAD;
                if slot.inbox_bytes + size > SOCKET_BUFFER {
                    self.network.fates.buffer_full += 1;
                    self.flight.release(packet);
                    return;
                }
                slot.inbox.push_back(packet);
                slot.inbox_bytes += size;
                self.schedule_work(to);
            }
            Condition::Unborn | Condition::Crashed | Condition::Killed => {
                self.network.fates.nobody += 1;
                let from = self.flight.slot(packet).from;
                let refused = slot.condition == Condition::Killed
                    && !self.flight.slot(packet).multicast
                    && !self.network.is_cut(self.now, to, from);
                if refused {
                    let step = Step::Refused { node: from as u32, about: to as u32 };
                    self.queue.push(self.now + REFUSAL_DELAY, step);
                }
                self.flight.release(packet);
            }
        }
    }

    /// Hands a datagram over, without taking the output.
    pub(crate) fn deliver(&mut self, packet: u32, to: usize) {
        let now = self.local(to);
        let slot = self.flight.slot(packet);
        let Some(protocol) = self.nodes[to].protocol.as_mut() else { return };
        let from = addr_of(slot.from, self.ipv6);
        let arrival =
            if slot.multicast { Arrival::Multicast(from) } else { Arrival::Unicast(from) };
        self.network.fates.delivered += 1;
        self.trace.fold(self.now, to, hash_bytes(&slot.bytes) ^ slot.from as u64);
        let what =
            What::Delivered { from: slot.from, len: slot.bytes.len(), multicast: slot.multicast };
        self.trace.note(self.now, to, what);
        if let Some(tap) = &mut self.tap {
            tap.delivered(self.now, from, addr_of(to, self.ipv6), slot.multicast, &slot.bytes);
        }
        protocol.handle_datagram(now, arrival, &slot.bytes);
        self.flight.release(packet);
    }

    /// Takes the oldest datagram out of a node's socket buffer.
    pub(crate) fn take_waiting(&mut self, node: usize) -> Option<u32> {
        let packet = self.nodes[node].inbox.pop_front()?;
        self.nodes[node].inbox_bytes -= self.flight.slot(packet).bytes.len() + BUFFER_OVERHEAD;
        Some(packet)
    }

    /// Throws away what waits in a node's socket buffer.
    pub(crate) fn clear_waiting(&mut self, node: usize) {
        while let Some(packet) = self.take_waiting(node) {
            self.flight.release(packet);
        }
    }

    pub(crate) fn schedule_work(&mut self, node: usize) {
        let slot = &mut self.nodes[node];
        if slot.condition == Condition::Running && !slot.working && !slot.inbox.is_empty() {
            slot.working = true;
            self.queue.push(self.now + slot.work_gap(), Step::Work(node as u32));
        }
    }

    fn work(&mut self, node: usize) {
        self.nodes[node].working = false;
        if self.nodes[node].condition != Condition::Running {
            return;
        }
        if let Some(packet) = self.take_waiting(node) {
            self.deliver(packet, node);
            self.settle(node);
        }
        if self.nodes[node].inbox.is_empty() {
            self.nodes[node].draining = false;
        }
        self.schedule_work(node);
    }

    fn timer(&mut self, node: usize) {
        let slot = &mut self.nodes[node];
        if slot.armed != Some(self.now) {
            return;
        }
        slot.armed = None;
        if matches!(slot.condition, Condition::Running | Condition::Starved) {
            self.fire(node);
            self.settle(node);
        }
    }

    /// Lets a node act on its deadline, if that has come.
    pub(crate) fn fire(&mut self, node: usize) {
        let now = self.local(node);
        let Some(protocol) = self.nodes[node].protocol.as_mut() else { return };
        if protocol.poll_timeout().is_some_and(|deadline| deadline <= now) {
            self.trace.note(self.now, node, What::Timeout);
            protocol.handle_timeout(now);
        }
    }

    /// Takes all output of a node, checks it, and sets its timer.
    pub(crate) fn settle(&mut self, node: usize) {
        if !matches!(self.nodes[node].condition, Condition::Running | Condition::Starved) {
            return;
        }
        self.drain_datagrams(node);
        self.drain_events(node);
        let now = self.local(node);
        let Some(protocol) = self.nodes[node].protocol.as_ref() else { return };
        let deadline = protocol.poll_timeout();
        let digest = protocol.digest();
        self.watches.look(self.now, node, protocol);
        self.note_picture(node, digest);
        let Some(deadline) = deadline else { return };
        if deadline <= now {
            self.fail(Broken::DeadlineNotAhead { deadline, now }, &[node]);
            return;
        }
        let slot = &mut self.nodes[node];
        let when = slot.clock.when(deadline).max(self.now + 1);
        if slot.armed.is_none_or(|armed| when < armed || armed <= self.now) {
            slot.armed = Some(when);
            self.queue.push(when, Step::Timer(node as u32));
        }
    }

    fn drain_datagrams(&mut self, node: usize) {
        let mut buffer = core::mem::take(&mut self.buffer);
        let starved = self.nodes[node].condition == Condition::Starved;
        let mut datagrams = 0;
        while let Some(protocol) = self.nodes[node].protocol.as_mut() {
            buffer.clear();
            let Some(to) = protocol.poll_transmit(&mut buffer) else { break };
            let limit = protocol.max_datagram();
            if buffer.len() > limit {
                self.fail(Broken::DatagramTooLarge { len: buffer.len(), limit }, &[node]);
            }
            if starved {
                self.nodes[node].held.push((to, buffer.to_vec()));
            } else {
                self.transmit(node, to, &buffer);
            }
            datagrams += 1;
            if datagrams >= RUNAWAY {
                self.fail(Broken::Runaway { datagrams }, &[node]);
                break;
            }
        }
        self.buffer = buffer;
    }

    /// Puts a datagram on the network.
    pub(crate) fn transmit(&mut self, node: usize, to: Destination, bytes: &[u8]) {
        let multicast = to == Destination::Multicast;
        self.nodes[node].traffic.count(self.now, bytes.len(), multicast);
        let place = self.nodes[node].next_place(self.now);
        let packet = self.flight.load(node, multicast, bytes);
        match to {
            Destination::Unicast(addr) => {
                let to = self.node_of(addr);
                self.trace.note(self.now, node, What::Sent { to, len: bytes.len() });
                match to {
                    Some(to) => self.route(packet, node, to, multicast, bytes, place),
                    None => self.network.fates.nobody += 1,
                }
            }
            Destination::Multicast => {
                self.trace.note(self.now, node, What::Sent { to: None, len: bytes.len() });
                let hearers: Vec<usize> = self.network.hearers(node).collect();
                for to in hearers {
                    self.route(packet, node, to, multicast, bytes, place);
                }
            }
        }
        self.flight.release(packet);
    }

    fn route(
        &mut self,
        packet: u32,
        from: usize,
        to: usize,
        multicast: bool,
        bytes: &[u8],
        place: u32,
    ) {
        let carried =
            self.network.carry(&Packet { at: self.now, from, to, multicast, bytes }, place);
        let to = to as u32;
        if let Some(delay) = carried.first {
            let packet = match carried.flips {
                Some(flips) => self.flight.load_flipped(packet, &flips),
                None => {
                    self.flight.share(packet);
                    packet
                }
            };
            self.queue.push(self.now.saturating_add(delay), Step::Deliver { packet, to });
        }
        if let Some(delay) = carried.second {
            self.flight.share(packet);
            self.queue.push(self.now.saturating_add(delay), Step::Deliver { packet, to });
        }
    }

    fn drain_events(&mut self, node: usize) {
        let mut overflow = false;
        while let Some(protocol) = self.nodes[node].protocol.as_mut() {
            let Some(event) = protocol.poll_event() else { break };
            self.trace.fold(self.now, node, hash_debug(&event));
            overflow |= P::is_overflow(&event);
            if let Some(tap) = &mut self.tap {
                tap.event(self.now, node, &event);
            }
            self.watches.hear(self.now, node, &event);
            match P::sighting(&event) {
                Some(sighting) => self.believe(node, sighting),
                None => self.trace.note(self.now, node, What::Event),
            }
        }
        if overflow {
            self.reread(node);
        }
    }

    fn believe(&mut self, node: usize, sighting: Sighting) {
        let Sighting { peer, status } = sighting;
        self.trace.note(self.now, node, What::Believes { peer, status });
        let Some(about) = self.node_of(peer) else { return };
        let before = self.views.belief(node, about);
        self.views.believe(node, about, status, self.now);
        let usual = |status| matches!(status, None | Some(Status::Alive | Status::Suspect));
        if before == status || usual(before) && usual(status) {
            return;
        }
        let truth = self.nodes[about].condition;
        self.reports.push(Report { at: self.now, by: node, about, status, truth });
        let up = truth.is_up() && !self.nodes[about].departed;
        let must_not = self.down_forbidden || self.calm && self.network.is_faultless();
        if status == Some(Status::Down) && up && must_not {
            self.fail(Broken::FalseDown { about }, &[node, about]);
        }
    }

    /// Reads a node's picture anew after it dropped events.
    fn reread(&mut self, node: usize) {
        let mut beliefs = vec![None; self.nodes.len()];
        if let Some(protocol) = &self.nodes[node].protocol {
            protocol.for_each_peer(&mut |peer, status| {
                if let Some(slot) = node_at(peer).and_then(|about| beliefs.get_mut(about)) {
                    *slot = Some(status);
                }
            });
        }
        for (about, status) in beliefs.into_iter().enumerate() {
            if about != node && self.views.belief(node, about) != status {
                self.believe(node, Sighting { peer: self.addr(about), status });
            }
        }
    }

    pub(crate) fn note_picture(&mut self, node: usize, digest: Option<u64>) {
        let digest = digest.filter(|_| !self.nodes[node].departed);
        let before = core::mem::replace(&mut self.nodes[node].digest, digest);
        if before == digest {
            return;
        }
        if let Some(before) = before
            && let Some(count) = self.pictures.get_mut(&before)
        {
            *count -= 1;
            if *count == 0 {
                self.pictures.remove(&before);
            }
        }
        if let Some(digest) = digest {
            *self.pictures.entry(digest).or_insert(0) += 1;
        }
        if self.pictures.len() > 1 {
            self.pictures_agreed_at = None;
        } else if self.pictures_agreed_at.is_none() {
            self.pictures_agreed_at = Some(self.now);
        }
    }

    /// Compares one node's events with its queries; another one each time.
    fn check_replay(&mut self) {
        let (_, node) = self.next_replay;
        self.next_replay = (self.now + REPLAY_EVERY, (node + 1) % self.nodes.len().max(1));
        if self.nodes[node].condition != Condition::Running {
            return;
        }
        let Some(protocol) = &self.nodes[node].protocol else { return };
        let mut queries = vec![None; self.nodes.len()];
        protocol.for_each_peer(&mut |peer, status| {
            if let Some(slot) = node_at(peer).and_then(|about| queries.get_mut(about)) {
                *slot = Some(status);
            }
        });
        let differs = |about: &usize| self.views.belief(node, *about) != queries[*about];
        let first = (0..queries.len()).filter(|about| *about != node).find(differs);
        if let Some(about) = first {
            let (peer, events) = (self.addr(about), self.views.belief(node, about));
            let broken = Broken::ReplayDiffers { peer, events, queries: queries[about] };
            self.fail(broken, &[node, about]);
        }
    }

    fn check_rules(&mut self) {
        let mut rules = core::mem::take(&mut self.rules);
        if let Some((rule, nodes)) = rules.check(self) {
            self.fail(Broken::Rule(rule), &nodes);
        }
        rules.append(core::mem::take(&mut self.rules));
        self.rules = rules;
    }
}

impl<P: Protocol> core::fmt::Debug for Sim<P> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Sim")
            .field("seed", &self.seed)
            .field("now", &self.now())
            .field("nodes", &self.nodes.len())
            .field("steps", &self.steps)
            .finish_non_exhaustive()
    }
}

/// Purposes for which the seed is forked.
pub(crate) const FOR_NODES: u64 = 1;
pub(crate) const FOR_NETWORK: u64 = 2;
pub(crate) const FOR_STARTS: u64 = 3;

/// 2026-01-01: what all wall clocks show when a simulation starts.
const STARTED_AT_UNIX_MS: u64 = 1_767_225_600_000;
/// A Linux socket buffer as it comes, and what a small datagram costs of it beyond its bytes.
const SOCKET_BUFFER: usize = 212_992;
const BUFFER_OVERHEAD: usize = 640;
const REFUSAL_DELAY: u64 = 1_000_000;
const REPLAY_EVERY: u64 = 50_000_000;
const RUNAWAY: u32 = 1_000_000;
