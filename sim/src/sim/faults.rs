//! What can be done to a running simulation: faults, and their end.

use core::time::Duration;

use super::protocol::Protocol;
use super::{Forbidden, Sim, Step};
use crate::check::Broken;
use crate::link::{Link, nanos};
use crate::network::{Cut, Links, Packet, Rule, Verdict};
use crate::node::Condition;
use crate::random::Ratio;
use crate::trace::What;

/// How a node catches up after it was paused or starved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CatchUp {
    /// All datagrams that wait at once, then the deadlines.
    AtOnce,
    /// The deadlines first, then one datagram per millisecond until those that had piled up are
    /// through. The harder one.
    Drain,
}

impl<P: Protocol> Sim<P> {
    /// Whether there are all of these nodes. If not, the next run fails with [`Broken::Misuse`], and
    /// nothing is to be done to any.
    pub(super) fn has(&mut self, call: &str, nodes: &[usize]) -> bool {
        let count = self.len();
        let Some(node) = nodes.iter().find(|node| **node >= count) else { return true };
        let text = format!("{call}: there is no node {node}: there are {count}, counted from 0");
        self.fail(Broken::Misuse(text), &[]);
        false
    }

    /// The same of a link: its chances are not above one.
    fn can_be(&mut self, call: &str, link: &Link) -> bool {
        let Some(wrong) = link.wrong() else { return true };
        self.fail(Broken::Misuse(format!("{call}: {wrong}")), &[]);
        false
    }

    /// Cuts two sets of nodes off from each other. Who is in neither is reached by both.
    pub fn partition(&mut self, left: &[usize], right: &[usize]) {
        if !self.has("partition", &[left, right].concat()) {
            return;
        }
        if left.len() + right.len() < self.len() {
            self.faults.cut_partially += 1;
        } else {
            self.faults.cut_both_ways += 1;
        }
        self.add_cut(Cut::new(left, right, self.now));
        self.add_cut(Cut::new(right, left, self.now));
    }

    /// Stops datagrams in one direction only.
    pub fn cut(&mut self, from: &[usize], to: &[usize]) -> Rule {
        self.has("cut", &[from, to].concat());
        self.faults.cut_one_way += 1;
        self.add_cut(Cut::new(from, to, self.now))
    }

    /// Stops datagrams in one direction for `on`, lets them pass for `off`, and so forth.
    pub fn flap(&mut self, from: &[usize], to: &[usize], on: Duration, off: Duration) -> Rule {
        self.has("flap", &[from, to].concat());
        self.faults.cut_flapping += 1;
        self.add_cut(Cut::new(from, to, self.now).flapping(on, off))
    }

    pub(super) fn add_cut(&mut self, cut: Cut) -> Rule {
        self.calm = false;
        self.network.add_cut(cut)
    }

    /// Stops multicasts in one direction only; unicast passes. Deaf nodes, mute ones, segments that
    /// hear each other one way.
    pub fn cut_multicast(&mut self, from: &[usize], to: &[usize]) -> Rule {
        self.has("cut_multicast", &[from, to].concat());
        self.calm = false;
        self.network.add_cut(Cut::new(from, to, self.now).of_multicast())
    }

    /// The same for `on`, then not for `off`, and so forth: a switch that forgets who listens, and
    /// learns it again.
    pub fn flap_multicast(
        &mut self,
        from: &[usize],
        to: &[usize],
        on: Duration,
        off: Duration,
    ) -> Rule {
        self.has("flap_multicast", &[from, to].concat());
        self.calm = false;
        self.network.add_cut(Cut::new(from, to, self.now).flapping(on, off).of_multicast())
    }

    /// Cuts a node off from all others, both ways.
    pub fn isolate(&mut self, node: usize) {
        if !self.has("isolate", &[node]) {
            return;
        }
        let others: Vec<usize> = (0..self.len()).filter(|other| *other != node).collect();
        self.partition(&[node], &others);
    }

    /// Ends all cuts, and the losses of single nodes.
    pub fn heal(&mut self) {
        self.network.lift_cuts();
    }

    /// Ends one cut, filter, rule or sample.
    pub fn lift(&mut self, rule: Rule) {
        self.network.lift(rule);
        self.lift_rule(rule);
    }

    /// Asks for every datagram what is to become of it. Of several filters the first that does
    /// not pass it decides.
    pub fn filter(&mut self, filter: impl FnMut(&Packet<'_>) -> Verdict + Clone + 'static) -> Rule {
        self.calm = false;
        self.network.add_filter(filter)
    }

    /// Loses datagrams on the way out of and into one node, beyond what its links lose.
    pub fn lossy(&mut self, node: usize, out: Ratio, into: Ratio) {
        if !self.has("lossy", &[node])
            || !self.can_be("lossy", &Link::lan().loss(out))
            || !self.can_be("lossy", &Link::lan().loss(into))
        {
            return;
        }
        self.calm = false;
        self.faults.lossy += 1;
        self.network.set_lossy(node, out, into);
    }

    /// Lets the links of one node carry no datagrams larger than `mtu`, beyond what they are; `None`
    /// ends it.
    pub fn narrow(&mut self, node: usize, mtu: Option<usize>) {
        if !self.has("narrow", &[node]) {
            return;
        }
        self.calm &= mtu.is_none();
        self.faults.narrowed += u64::from(mtu.is_some());
        self.network.set_narrow(node, mtu);
    }

    /// Replaces the links within a zone, between zones, and between some of them.
    pub(crate) fn set_links(&mut self, links: &Links) {
        self.calm &= links.all().all(Link::is_faultless);
        self.network.set_links(links);
    }

    /// Replaces the link between all nodes, be they in one zone or not. Pairs keep links of their
    /// own.
    pub fn set_link(&mut self, link: Link) {
        if !self.can_be("set_link", &link) {
            return;
        }
        self.calm &= link.is_faultless();
        self.network.set_link(link);
    }

    /// Gives one direction between two nodes a link of its own.
    pub fn set_pair(&mut self, from: usize, to: usize, link: Link) {
        if !self.has("set_pair", &[from, to]) || !self.can_be("set_pair", &link) {
            return;
        }
        self.calm &= link.is_faultless();
        self.network.set_pair(from, to, link);
    }

    /// Gives the way from one zone to another a link of its own.
    pub fn set_zone_link(&mut self, from: u16, to: u16, link: Link) {
        if !self.can_be("set_zone_link", &link) {
            return;
        }
        self.calm &= link.is_faultless();
        self.network.set_zone_link(from, to, link);
    }

    /// Makes a host vanish, with all that waits in its buffers.
    pub fn crash(&mut self, node: usize) {
        if !self.has("crash", &[node]) {
            return;
        }
        self.faults.crashed += 1;
        self.end(node, Condition::Crashed, "crashed");
    }

    /// Ends a process; its host lives on and refuses what is sent to it.
    pub fn kill(&mut self, node: usize) {
        if !self.has("kill", &[node]) {
            return;
        }
        self.faults.killed += 1;
        self.end(node, Condition::Killed, "killed");
    }

    fn end(&mut self, node: usize, condition: Condition, verb: &'static str) {
        self.calm = false;
        self.trace.note(self.now, node, What::Verb(verb));
        self.note_picture(node, None);
        self.clear_waiting(node);
        self.twins.remove(&node);
        self.views.stop(node, self.now);
        self.note_sight(node, node, None);
        let slot = &mut self.nodes[node];
        if let Some(epoch) = slot.protocol.as_ref().and_then(P::epoch) {
            self.written.begin_life(node, epoch);
        }
        slot.protocol = None;
        slot.condition = condition;
        slot.armed = None;
        slot.held.clear();
        slot.draining = 0;
    }

    /// Starts a node that is not running, in a new life with the epoch of its wall clock. One
    /// that is running crashes first.
    pub fn restart(&mut self, node: usize) {
        if !self.has("restart", &[node]) {
            return;
        }
        if self.nodes[node].condition.is_up() {
            self.crash(node);
        }
        self.faults.restarted += 1;
        self.start(node);
    }

    /// Says goodbye on behalf of a node, which ought not to be seen by anyone from then on.
    ///
    /// # Panics
    ///
    /// If the node is not running.
    pub fn depart(&mut self, node: usize) {
        if !self.has("depart", &[node]) {
            return;
        }
        self.trace.note(self.now, node, What::Verb("departing"));
        self.faults.departed += 1;
        self.nodes[node].departed = true;
        self.twins.remove(&node);
        self.views.stop(node, self.now);
        self.note_sight(node, node, None);
        self.note_picture(node, None);
        self.tell(node, |protocol, now| protocol.depart(now));
    }

    /// Stops a node's process; its datagrams pile up and its deadlines pass.
    pub fn pause(&mut self, node: usize) {
        if !self.has("pause", &[node]) {
            return;
        }
        self.hold(node, Condition::Paused, "paused");
    }

    /// Holds a node's input and output, while its deadlines are served.
    pub fn starve(&mut self, node: usize) {
        if !self.has("starve", &[node]) {
            return;
        }
        self.hold(node, Condition::Starved, "starved");
    }

    fn hold(&mut self, node: usize, condition: Condition, verb: &'static str) {
        if self.nodes[node].condition == Condition::Running {
            self.calm = false;
            self.trace.note(self.now, node, What::Verb(verb));
            self.nodes[node].condition = condition;
        }
    }

    /// Lets a node that was paused or starved go on.
    pub fn resume(&mut self, node: usize, catch_up: CatchUp) {
        if !self.has("resume", &[node]) {
            return;
        }
        match (self.nodes[node].condition, catch_up) {
            (Condition::Paused, CatchUp::AtOnce) => self.faults.paused_at_once += 1,
            (Condition::Paused, CatchUp::Drain) => self.faults.paused_drained += 1,
            (Condition::Starved, _) => self.faults.starved += 1,
            _ => return,
        }
        self.trace.note(self.now, node, What::Verb("resumed"));
        self.nodes[node].condition = Condition::Running;
        // A process notices late, if at all, what has become of its host meanwhile.
        if self.nodes[node].moved {
            self.queue.push(self.now, Step::Notice(node as u32));
        }
        for (to, bytes) in core::mem::take(&mut self.nodes[node].held) {
            self.transmit(node, to, &bytes);
        }
        match catch_up {
            CatchUp::AtOnce => {
                while let Some(packet) = self.take_waiting(node) {
                    self.deliver(packet, node);
                }
                self.fire(node);
            }
            CatchUp::Drain => {
                self.fire(node);
                self.nodes[node].draining = self.nodes[node].inbox.len();
            }
        }
        self.settle(node);
        self.schedule_work(node);
    }

    /// Makes a node take no more than one datagram in each `pace`; zero ends it.
    pub fn slow_down(&mut self, node: usize, pace: Duration) {
        if !self.has("slow_down", &[node]) {
            return;
        }
        self.calm = false;
        self.faults.slowed += u64::from(!pace.is_zero());
        self.nodes[node].pace = nanos(pace);
    }

    /// Lets a node's monotonic clock run faster or slower from this moment on.
    pub fn skew(&mut self, node: usize, rate: Ratio) {
        if !self.has("skew", &[node]) {
            return;
        }
        self.faults.skewed += 1;
        self.nodes[node].clock.run_at(self.now, rate);
        self.rearm(node);
    }

    /// Sets a node's monotonic clock forward, as after a suspend, or back. It stands still 292 years
    /// after its origin, where the time of an engine ends.
    pub fn jump(&mut self, node: usize, nanos: i64) {
        if !self.has("jump", &[node]) {
            return;
        }
        self.calm = false;
        self.faults.jumped += 1;
        self.nodes[node].clock.jump(self.now, nanos);
        self.nodes[node].tenth.shifted |= nanos < 0;
        self.rearm(node);
    }

    /// Sets a node's wall clock ahead of the truth, or behind: its next life gets its epoch from it.
    pub fn set_wall_clock(&mut self, node: usize, ahead_ms: i64) {
        if !self.has("set_wall_clock", &[node]) {
            return;
        }
        self.faults.wall_clocks += 1;
        self.nodes[node].wall_offset = ahead_ms;
    }

    fn rearm(&mut self, node: usize) {
        self.nodes[node].armed = None;
        // One that is starved has its deadlines served.
        if matches!(self.nodes[node].condition, Condition::Running | Condition::Starved) {
            self.fire(node);
            self.settle(node);
        }
    }

    /// From this moment on, makes it a broken rule to call a node down that is up.
    pub fn forbid_false_down(&mut self) {
        self.forbidden = Forbidden::FalseDown;
    }

    /// From this moment on, makes it a broken rule to call a node down or unreachable that is up: for
    /// times in which everybody who is asked can hear everybody else.
    pub fn forbid_hidden(&mut self) {
        self.forbidden = Forbidden::Hidden;
    }

    /// Ends [`Sim::forbid_false_down`] and [`Sim::forbid_hidden`].
    pub fn allow_hidden(&mut self) {
        self.forbidden = Forbidden::Nothing;
    }
}
