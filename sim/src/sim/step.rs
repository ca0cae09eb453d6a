//! What happens in a step: a node starts, hears, has a deadline; its output is taken.

use core::net::SocketAddr;

use scalesmall_core::{Arrival, Destination, Epoch, SendError, Status};

use super::protocol::{Birth, Protocol};
use super::{FOR_NODES, Sim, Step};
use crate::check::Broken;
use crate::datagrams::Way;
use crate::network::Packet;
use crate::node::{Condition, Tenth};
use crate::trace::{What, hash_bytes};

impl<P: Protocol> Sim<P> {
    pub(super) fn perform(&mut self, step: Step) {
        match step {
            Step::Start(node) => {
                self.unborn -= 1;
                if self.nodes[node as usize].condition == Condition::Unborn {
                    self.start(node as usize);
                }
            }
            Step::Deliver { packet, to } => self.arrive(packet, to as usize),
            Step::Timer(node) => self.timer(node as usize),
            Step::Twin(node) => self.twin_timer(node as usize),
            Step::Work(node) => self.work(node as usize),
            Step::Unsent { node, what } => {
                let node = node as usize;
                if self.nodes[node].condition == Condition::Running {
                    let (to, error) = *what;
                    self.tell(node, |protocol, now| {
                        protocol.handle_send_error(now, Destination::Unicast(to), error);
                    });
                }
            }
            Step::Notice(node) => self.notice_addresses(node as usize),
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
            locator: self.names.locator(node),
            epoch: Epoch::new(unix_ms, life as u32),
            now: self.local(node),
            seed,
        };
        self.lives[node] += 1;
        let protocol = (self.make.borrow_mut())(&birth);
        if let Some(id) = protocol.id() {
            self.names.learn(node, id);
        }
        let slot = &mut self.nodes[node];
        slot.protocol = Some(protocol);
        slot.condition = Condition::Running;
        slot.departed = false;
        slot.armed = None;
        slot.moved = false;
        slot.taken.clear();
        slot.lives.clear();
        slot.live_in(birth.epoch);
        slot.began = self.datagrams.sent();
        slot.tenth = Tenth::default();
        self.written.begin_life(node, birth.epoch);
        self.views.start(node, self.now);
        self.note_sight(node, node, Some(Status::Alive));
        self.trace.note(self.now, node, What::Verb("started"));
        if let Some(born) = self.born.clone() {
            born(self, node);
        }
        let seeds = self.seeds(node);
        self.tell(node, |protocol, now| protocol.contact(now, &seeds));
    }

    fn arrive(&mut self, packet: u32, to: usize) {
        // The node that has the address by now gets it.
        let slot = self.datagrams.slot(packet);
        let Some(to) = slot.way.to.map_or(Some(to), |addr| self.names.find(addr.into())) else {
            self.network.fates.nobody += 1;
            self.tell_incident(packet, to, "nobody");
            self.datagrams.release(packet);
            return;
        };
        let (for_twin, for_node) = self.holders(to, packet);
        if for_twin {
            self.deliver_to_twin(packet, to);
        }
        if !for_node {
            self.datagrams.release(packet);
            return;
        }
        let slot = &mut self.nodes[to];
        match slot.condition {
            Condition::Running if slot.work_gap() == 0 && slot.inbox.is_empty() => {
                self.deliver(packet, to);
                self.settle(to);
            }
            Condition::Running | Condition::Paused | Condition::Starved => {
                let size = self.datagrams.slot(packet).bytes.len() + BUFFER_OVERHEAD;
                if slot.inbox_bytes + size > SOCKET_BUFFER {
                    self.network.fates.buffer_full += 1;
                    self.tell_incident(packet, to, "buffer_full");
                    self.datagrams.release(packet);
                    return;
                }
                slot.inbox.push_back(packet);
                slot.inbox_bytes += size;
                self.schedule_work(to);
            }
            Condition::Unborn | Condition::Crashed | Condition::Killed => {
                self.network.fates.nobody += 1;
                self.tell_incident(packet, to, "nobody");
                let (from, way) =
                    (self.datagrams.slot(packet).from, self.datagrams.slot(packet).way);
                if let Some(addr) = way.to
                    && self.nodes[to].condition == Condition::Killed
                    && !self.network.is_cut(self.now, to, from)
                {
                    self.tell_unsent(from, addr, SendError::Refused, REFUSAL_DELAY);
                }
                self.datagrams.release(packet);
            }
        }
    }

    /// Hands a datagram over, without taking the output.
    pub(super) fn deliver(&mut self, packet: u32, to: usize) {
        let now = self.local(to);
        self.tell_incident(packet, to, "delivered");
        let slot = self.datagrams.slot(packet);
        let node = &mut self.nodes[to];
        let began = node.began;
        let Some(protocol) = node.protocol.as_mut() else { return };
        node.traffic.received += 1;
        let (source, multicast) = (slot.way.source, slot.is_multicast());
        let arrival = if multicast { Arrival::Multicast(source) } else { Arrival::Unicast(source) };
        self.network.fates.delivered += 1;
        let (hash, len, from) = (hash_bytes(&slot.bytes), slot.bytes.len(), slot.from);
        self.trace.fold(self.now, to, hash ^ from as u64);
        let what = What::Delivered { from, len, multicast };
        self.trace.note(self.now, to, what);
        if let Some(tap) = &mut self.tap {
            let at = slot.way.to.unwrap_or_else(|| self.names.addr(to));
            tap.delivered(self.now, source, at, multicast, &slot.bytes);
        }
        let repeated = slot.repeated;
        // The numbers of a sender that was set back begin anew below those that were recorded.
        let is_older = repeated && slot.number <= began && !self.written.has_repeated(from);
        let taken = protocol.take(now, arrival, &slot.bytes, self.written.newest(from));
        self.datagrams.release(packet);
        match taken {
            Ok(false) => {}
            Ok(true) if is_older => self.fail(Broken::TakenLate { from, len }, &[to, from]),
            Ok(true) if !repeated || !self.nodes[to].taken.note(hash) => {}
            Ok(true) => self.fail(Broken::TakenTwice { from, len }, &[to, from]),
            Err(broken) => self.fail(broken, &[to, from]),
        }
    }

    /// Takes the oldest datagram out of a node's socket buffer.
    pub(super) fn take_waiting(&mut self, node: usize) -> Option<u32> {
        let packet = self.nodes[node].inbox.pop_front()?;
        self.nodes[node].inbox_bytes -= self.datagrams.slot(packet).bytes.len() + BUFFER_OVERHEAD;
        Some(packet)
    }

    /// Throws away what waits in a node's socket buffer.
    pub(super) fn clear_waiting(&mut self, node: usize) {
        while let Some(packet) = self.take_waiting(node) {
            self.network.fates.discarded += 1;
            self.tell_incident(packet, node, "discarded");
            self.datagrams.release(packet);
        }
    }

    pub(super) fn schedule_work(&mut self, node: usize) {
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
            self.nodes[node].draining = self.nodes[node].draining.saturating_sub(1);
            self.deliver(packet, node);
            self.settle(node);
        }
        self.schedule_work(node);
    }

    fn timer(&mut self, node: usize) {
        let slot = &mut self.nodes[node];
        if slot.armed != Some(self.now) {
            return;
        }
        slot.armed = None;
        if slot.deadline > self.now && slot.condition == Condition::Running && !self.watches.ask() {
            // It was put off meanwhile. Nothing has happened to the node since it was looked at last.
            self.arm(node);
        } else {
            self.settle(node);
        }
    }

    /// Lets a node act on its deadline, if that has come.
    pub(super) fn fire(&mut self, node: usize) {
        let now = self.local(node);
        let slot = &mut self.nodes[node];
        let Some(protocol) = slot.protocol.as_mut() else { return };
        if protocol.poll_timeout().is_some_and(|deadline| deadline <= now) {
            self.trace.note(self.now, node, What::Timeout);
            slot.traffic.timer_calls += 1;
            protocol.handle_timeout(now);
        }
    }

    /// Takes all output of a node, serves its deadline if that has come at the same time, checks
    /// what must hold then, and sets its timer.
    pub(super) fn settle(&mut self, node: usize) {
        if !matches!(self.nodes[node].condition, Condition::Running | Condition::Starved) {
            return;
        }
        self.drain(node);
        let now = self.local(node);
        let due = |protocol: &P| protocol.poll_timeout().is_some_and(|deadline| deadline <= now);
        if self.nodes[node].protocol.as_ref().is_some_and(due) {
            self.fire(node);
            self.drain(node);
        }
        let Some(protocol) = self.nodes[node].protocol.as_ref() else { return };
        let deadline = protocol.poll_timeout();
        let digest = protocol.digest();
        self.watches.look(self.now, node, protocol);
        self.note_picture(node, digest);
        let Some(deadline) = deadline else {
            self.nodes[node].deadline = u64::MAX;
            return;
        };
        if deadline <= now {
            self.fail(Broken::DeadlineNotAhead { deadline, now }, &[node]);
            return;
        }
        let slot = &mut self.nodes[node];
        slot.deadline = slot.clock.when(deadline).max(self.now + 1);
        self.arm(node);
    }

    /// Sets a node's timer, unless that goes off before its deadline anyway.
    fn arm(&mut self, node: usize) {
        let slot = &mut self.nodes[node];
        let when = slot.deadline;
        if when < u64::MAX && slot.armed.is_none_or(|armed| when < armed || armed <= self.now) {
            slot.armed = Some(when);
            self.queue.push(when, Step::Timer(node as u32));
        }
    }

    /// Takes all output of a node, which may have begun a new life.
    fn drain(&mut self, node: usize) {
        if let Some(epoch) = self.nodes[node].protocol.as_ref().and_then(P::epoch) {
            self.written.begin_life(node, epoch);
            self.nodes[node].live_in(epoch);
        }
        self.drain_datagrams(node);
        self.drain_events(node);
    }

    fn drain_datagrams(&mut self, node: usize) {
        let mut buffer = core::mem::take(&mut self.buffer);
        let starved = self.nodes[node].condition == Condition::Starved;
        let mut datagrams = 0;
        let now = self.local(node);
        while let Some(protocol) = self.nodes[node].protocol.as_mut() {
            buffer.clear();
            let Some(to) = protocol.poll_transmit(&mut buffer) else { break };
            let (limit, rate) = (protocol.max_datagram(), protocol.send_rate());
            if buffer.len() > limit {
                self.fail(Broken::DatagramTooLarge { len: buffer.len(), limit }, &[node]);
            }
            if self.lied && !P::is_well_formed(&buffer) {
                self.fail(Broken::IllFormed { len: buffer.len() }, &[node]);
            }
            if let Some(broken) = self.nodes[node].tenth.count(now, buffer.len(), rate) {
                self.fail(broken, &[node]);
            }
            self.sent_itself(node);
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
    pub(super) fn transmit(&mut self, node: usize, to: Destination, bytes: &[u8]) {
        let multicast = to == Destination::Multicast;
        self.nodes[node].traffic.count(self.now, bytes.len(), multicast);
        if self.apart && P::spreads_change(bytes) {
            self.nodes[node].traffic.change_bytes += bytes.len() as u64;
        }
        let place = self.nodes[node].next_place(self.now);
        let one = match to {
            Destination::Unicast(addr) => Some(addr),
            _ => None,
        };
        let source = one.and_then(|addr| self.names.source(node, addr));
        let way = Way { source: source.unwrap_or_else(|| self.names.addr(node)), to: one };
        let packet = self.datagrams.load(node, way, bytes);
        match one {
            Some(addr) => {
                let to = self.node_of(addr).filter(|_| source.is_some());
                self.trace.note(self.now, node, What::Sent { to, len: bytes.len() });
                self.tell_sent(packet, Some(addr), usize::from(to.is_some()));
                match to {
                    Some(to) => self.route(packet, node, to, bytes, place),
                    None if source.is_none() => {
                        self.network.fates.no_route += 1;
                        self.tell_lost(packet, addr, "no_route");
                        self.tell_unsent(node, addr, SendError::Unreachable, NO_ROUTE_DELAY);
                    }
                    None => {
                        self.nodes[node].traffic.stray_bytes += bytes.len() as u64;
                        self.network.fates.nobody += 1;
                        self.tell_lost(packet, addr, "nobody");
                    }
                }
            }
            None => {
                self.trace.note(self.now, node, What::Sent { to: None, len: bytes.len() });
                let hearers: Vec<usize> = self.hearers(node).collect();
                self.tell_sent(packet, None, hearers.len());
                for to in hearers {
                    self.route(packet, node, to, bytes, place);
                }
            }
        }
        self.datagrams.release(packet);
    }

    /// A node learns after a while that what it has sent to an address does not get there.
    fn tell_unsent(&mut self, node: usize, to: SocketAddr, error: SendError, after: u64) {
        let step = Step::Unsent { node: node as u32, what: Box::new((to, error)) };
        self.queue.push(self.now + after, step);
    }

    fn route(&mut self, packet: u32, from: usize, to: usize, bytes: &[u8], place: u32) {
        self.count_passage(from, to, bytes.len());
        let before = self.traced.then_some(self.network.fates);
        let slot = self.datagrams.slot(packet);
        let random = self.network.for_filters(slot.number, to);
        let (source, multicast) = (slot.way.source, slot.is_multicast());
        let target = slot.way.to.or_else(|| self.names.source(to, source));
        let target = target.unwrap_or_else(|| self.names.addr(to));
        let sent = Packet { at: self.now, from, to, source, target, multicast, bytes, random };
        let carried = self.network.carry(&sent, place);
        if let Some(before) = before {
            self.tell_counted(&before, packet, to);
        }
        let to = to as u32;
        // Filters may have put other bytes in place of the datagram's.
        let changed = carried.bytes.map(|bytes| self.datagrams.load_changed(packet, &bytes));
        let packet = changed.unwrap_or(packet);
        if let Some(delay) = carried.first {
            let packet = match carried.flips {
                Some(flips) => self.datagrams.load_flipped(packet, &flips),
                None => {
                    self.datagrams.share(packet);
                    packet
                }
            };
            self.queue.push(self.now.saturating_add(delay), Step::Deliver { packet, to });
        }
        for delay in [carried.second, carried.replay].into_iter().flatten().chain(carried.copies) {
            self.datagrams.repeat(packet);
            self.queue.push(self.now.saturating_add(delay), Step::Deliver { packet, to });
        }
        if let Some(packet) = changed {
            self.datagrams.release(packet);
        }
    }
}

/// 2026-01-01: what all wall clocks show when a simulation starts.
const STARTED_AT_UNIX_MS: u64 = 1_767_225_600_000;
/// A Linux socket buffer as it comes, and what a small datagram costs of it beyond its bytes.
const SOCKET_BUFFER: usize = 212_992;
const BUFFER_OVERHEAD: usize = 640;
const REFUSAL_DELAY: u64 = 1_000_000;
const NO_ROUTE_DELAY: u64 = 1_000;
const RUNAWAY: u32 = 1_000_000;
