//! Retrying the lost: down peers until they are forgotten, and seeds for ever, at a rate that the whole cluster shares.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::net::SocketAddr;
use core::time::Duration;

use crate::base::backoff::Backoff;
use crate::base::{Instant, Ix, NodeId};
use crate::claims::Locator;
use crate::mutants::mutated;
use crate::out::{Event, Out, Why};
use crate::picture::{Picture, State};
use crate::wire::Frame;

/// A seed draws as many attempts as this many lost peers: a seed that begins anew may know nobody.
const SEED_WEIGHT: usize = 4;

/// How many unreachable peers are asked at once when one of them is back.
const SWEEP_PEERS: usize = 8;

/// How often those that do not answer a sweep are asked again.
const SWEEPS: u8 = 3;

/// The attempts of a node that knows nobody that follow each other at even intervals, before those double:
/// to meet a seed takes four datagrams, and at 10 % loss every third attempt fails.
const EVEN_ATTEMPTS: u8 = 5;

#[derive(Clone, Copy, Debug, Hash)]
struct Seed {
    addr: SocketAddr,
    /// The node that is there, as far as this node knows.
    node: Option<NodeId>,
}

/// Seeds, and when the next attempt is due.
#[derive(Clone, Debug, Default, Hash)]
pub(crate) struct Comeback {
    seeds: VecDeque<Seed>,
    turn: usize,
    backoff: Backoff,
    /// How many attempts have been made after the first wait.
    attempts: u8,
    lonely_since: Option<Instant>,
    /// When the embedder was last told that the node is isolated, and how long it is not told again.
    isolated: Option<(Instant, Backoff)>,
    /// From which place of the table on unreachable peers are still to be asked, and how many
    /// sweeps may follow.
    sweep: Option<(Ix, u8)>,
}

impl Comeback {
    /// Begins, or begins anew, to look for the lost.
    pub(crate) fn start(&mut self, picture: &Picture, out: &mut Out) {
        self.begin_attempts(picture);
        self.lonely_since = None;
        self.isolated = None;
        for seed in &mut self.seeds {
            seed.node = None;
        }
        out.timers.hasten(Why::Comeback, picture.now + picture.timing.first_contact);
    }

    /// Remembers seeds and tries all of them at once.
    pub(crate) fn contact(&mut self, picture: &Picture, out: &mut Out, seeds: &[SocketAddr]) {
        let places = &picture.peers.places;
        let me = places.said(Ix::ME);
        let mine = |addr| me.iter().flat_map(Locator::addresses).any(|own| own == addr);
        for &addr in seeds.iter().filter(|&&addr| !mine(addr)) {
            self.seeds.retain(|seed| seed.addr != addr);
            if self.seeds.len() >= picture.config.limits.seeds as usize {
                self.seeds.pop_front();
            }
            let mut known = picture.topology.roster().iter();
            let node = known.find(|&ix| places.has(ix, addr)).map(|ix| picture.id(ix));
            self.seeds.push_back(Seed { addr, node });
            picture.greet_stranger(out, addr);
        }
        self.begin_attempts(picture);
        out.timers.hasten(Why::Comeback, picture.now + picture.timing.first_contact);
    }

    /// The seeds, oldest first.
    pub(crate) fn seeds(&self) -> Vec<SocketAddr> {
        self.seeds.iter().map(|seed| seed.addr).collect()
    }

    /// The seeds, oldest first, and whether each has been found to be a live peer.
    pub(crate) fn answering(&self, picture: &Picture) -> impl Iterator<Item = (SocketAddr, bool)> {
        self.seeds.iter().map(|seed| (seed.addr, is_met(picture, seed)))
    }

    /// The first seed that has been found to be a live peer.
    pub(crate) fn met(&self, picture: &Picture) -> Option<Ix> {
        let mut known = self.seeds.iter().filter_map(|seed| picture.find(seed.node?));
        known.find(|&ix| picture.state(ix).is_alive())
    }

    /// It has become known where a peer is: it may be a seed that nobody has answered from yet.
    pub(crate) fn located(&mut self, picture: &Picture, ix: Ix) {
        let places = &picture.peers.places;
        for seed in
            self.seeds.iter_mut().filter(|seed| seed.node.is_none() && places.has(ix, seed.addr))
        {
            seed.node = Some(picture.id(ix));
        }
    }

    /// A proven packet of `node` came from `addr`. Returns whether it is a seed that has not been heard
    /// before.
    pub(crate) fn heard(&mut self, addr: SocketAddr, node: NodeId) -> bool {
        let mut first = false;
        for seed in self.seeds.iter_mut().filter(|seed| seed.addr == addr) {
            first |= seed.node != Some(node);
            seed.node = Some(node);
        }
        first
    }

    /// A peer was lost: see to it that it is retried.
    pub(crate) fn lost(&self, picture: &Picture, out: &mut Out) {
        if picture.ring.len() == 0 {
            let wait = out.around(picture.timing.first_contact);
            out.timers.hasten(Why::Comeback, picture.now + wait);
        } else if self.sweep.is_none() {
            // Drawn anew and not the shorter of two, or many losses in a row would make haste.
            let wait = out.memoryless(self.interval(picture));
            out.timers.set(Why::Comeback, Some(picture.now + wait));
        }
    }

    /// One that was lost is back: those that only this node could not reach may be as well.
    pub(crate) fn reunion(&mut self, picture: &Picture, out: &mut Out) {
        if self.sweep.is_none() {
            self.sweep = Some((Ix::ME, SWEEPS));
            out.timers.hasten(Why::Comeback, picture.now + picture.timing.sweep_step);
        }
    }

    /// Makes one attempt, or a step of a sweep. Returns the unreachable peers that packets of this node do
    /// not reach: a relay is to try them.
    pub(crate) fn on_timer(&mut self, picture: &Picture, out: &mut Out) -> Vec<Ix> {
        let mut by_relay = Vec::new();
        if let Some((place, left)) = self.sweep {
            if out.outbox.is_held(picture.now, picture.config.max_datagram, true) {
                // At a low rate the greetings would wait in front of answers.
                out.timers.set(Why::Comeback, Some(picture.now + picture.timing.sweep_step));
                return by_relay;
            }
            let next = Self::sweep(picture, out, place, &mut by_relay);
            let more = left > 0 && picture.peers.total(State::Unreachable) > 0;
            let again = more.then(|| (Ix::ME, left - 1));
            self.sweep = next.map(|next| (next, left)).or(again);
            if self.sweep.is_some() {
                let pause = if next.is_some() {
                    picture.timing.sweep_step
                } else {
                    picture.timing.sweep_pause
                };
                out.timers.set(Why::Comeback, Some(picture.now + pause));
                return by_relay;
            }
        }
        let alone = picture.ring.len() == 0;
        self.watch_loneliness(picture, out, alone);
        let only_here = picture.peers.total(State::Unreachable) > 0;
        if (alone || only_here || self.is_turn_of(picture, out, Self::count_lost(picture)))
            && let Some(ix) = Self::random_lost(picture, out)
        {
            if picture.state(ix).is_down() {
                let claim = picture.claim(ix);
                out.say_frame(picture.unbound(ix), Frame::Claim(claim));
            }
            try_lost(picture, out, ix, &mut by_relay);
        }
        if (alone || self.is_turn_of(picture, out, self.weight_of_seeds(picture)))
            && let Some(addr) = self.next_seed(picture)
        {
            picture.greet_stranger(out, addr);
        }
        let wait = self.interval(picture);
        let wait = if alone {
            let soon = wait.min(picture.timing.contact_longest);
            let most = if self.isolated.is_some() { wait } else { soon };
            if self.attempts < EVEN_ATTEMPTS {
                self.attempts += 1;
                self.backoff.hold(most);
            } else {
                self.backoff.grow(most);
            }
            out.around(self.backoff.wait())
        } else {
            self.begin_attempts(picture);
            out.memoryless(wait)
        };
        let anybody = !self.seeds.is_empty() || Self::count_lost(picture) > 0;
        out.timers.set(Why::Comeback, anybody.then(|| picture.now + wait));
        by_relay
    }

    fn begin_attempts(&mut self, picture: &Picture) {
        (self.backoff, self.attempts) = (Backoff::new(picture.timing.first_contact), 0);
    }

    /// Asks the next few unreachable peers from a place of the table on; returns where to go on.
    fn sweep(picture: &Picture, out: &mut Out, place: Ix, by_relay: &mut Vec<Ix>) -> Option<Ix> {
        let unreachable = |&ix: &Ix| ix >= place && picture.state(ix).is_unreachable();
        let mut lost: Vec<Ix> =
            picture.topology.roster().iter().filter(unreachable).take(SWEEP_PEERS + 1).collect();
        let next = if lost.len() > SWEEP_PEERS { lost.pop() } else { None };
        for ix in lost {
            try_lost(picture, out, ix, by_relay);
        }
        next
    }

    /// The mean time between two attempts of one node: all nodes together make about one per lost
    /// peer and retry interval, four per lost seed, and one node never more than one. Those that
    /// only this node cannot reach nobody else tries.
    fn interval(&self, picture: &Picture) -> Duration {
        let share = u32::try_from(self.share(picture)).unwrap_or(u32::MAX);
        picture.config.retry_interval.saturating_mul(share).min(picture.timing.longest_retry)
    }

    /// In how many retry intervals one node makes one attempt.
    fn share(&self, picture: &Picture) -> usize {
        if picture.peers.total(State::Unreachable) > 0 {
            return 1;
        }
        let lost = Self::count_lost(picture) + self.weight_of_seeds(picture);
        ((picture.ring.len() + 1) / lost.max(1)).max(1)
    }

    /// Whether an attempt goes to lost ones of this weight: each kind draws as many as it would if
    /// there were no others, however often this node makes one.
    fn is_turn_of(&self, picture: &Picture, out: &mut Out, weight: usize) -> bool {
        let alive = picture.ring.len() + 1;
        let share = self.share(picture);
        out.random_below(alive) < weight.saturating_mul(share)
    }

    fn weight_of_seeds(&self, picture: &Picture) -> usize {
        SEED_WEIGHT * self.seeds.iter().filter(|seed| !is_met(picture, seed)).count()
    }

    fn is_lost(picture: &Picture, ix: Ix) -> bool {
        let state = picture.state(ix);
        state.is_lost() && !(state.is_down() && mutated!(picture.config, DownForever))
    }

    fn count_lost(picture: &Picture) -> usize {
        let down = match mutated!(picture.config, DownForever) {
            false => picture.peers.total(State::Down),
            true => 0,
        };
        down + picture.peers.total(State::Unreachable)
    }

    /// Returns a lost peer; every other time it is one that only this node cannot reach, if there is any.
    fn random_lost(picture: &Picture, out: &mut Out) -> Option<Ix> {
        let unreachable = picture.peers.total(State::Unreachable);
        if unreachable > 0 && out.random_below(2) == 0 {
            let at = out.random_below(unreachable);
            let lost = |&ix: &Ix| picture.state(ix).is_unreachable();
            return picture.topology.roster().iter().filter(lost).nth(at);
        }
        let count = Self::count_lost(picture);
        let at = out.random_below(count);
        if count == 0 {
            return None;
        }
        let lost = |&ix: &Ix| Self::is_lost(picture, ix);
        let lost = picture.topology.roster().iter().filter(lost).nth(at);
        // Those that have heard it try it. One that is alone has to try all.
        lost.filter(|&ix| picture.ring.len() == 0 || picture.peers.get(ix).was_heard())
    }

    /// The next seed that has not been found to be a live peer.
    fn next_seed(&mut self, picture: &Picture) -> Option<SocketAddr> {
        let count = self.seeds.len();
        for step in 0..count {
            let at = (self.turn + step) % count;
            if !is_met(picture, &self.seeds[at]) {
                self.turn = (at + 1) % count;
                return Some(self.seeds[at].addr);
            }
        }
        None
    }

    /// Tells the embedder when a node that should have company has none, and again ever more rarely
    /// while that lasts. What the embedder does about it hastens nothing, or each look-up of a name
    /// that leads nowhere would cause the next.
    fn watch_loneliness(&mut self, picture: &Picture, out: &mut Out, alone: bool) {
        if !alone {
            self.lonely_since = None;
            self.isolated = None;
            return;
        }
        let since = *self.lonely_since.get_or_insert(picture.now);
        let (first, longest) = (picture.timing.isolated_after, picture.timing.isolated_longest);
        let (last, mut pause) = self.isolated.unwrap_or_else(|| (since, Backoff::new(first)));
        if picture.now.since(last) < pause.wait() {
            return;
        }
        if self.isolated.is_some() {
            pause.grow(longest);
        }
        self.isolated = Some((picture.now, pause));
        out.event(Event::Isolated);
    }
}

/// Asks a lost peer to answer, or notes that a relay is to try it. One that is down is tried by those that
/// reach it, and all are told when it is back.
fn try_lost(picture: &Picture, out: &mut Out, ix: Ix, by_relay: &mut Vec<Ix>) {
    if picture.is_direct(ix) {
        picture.greet_everywhere(out, ix);
    } else if picture.state(ix).is_unreachable() {
        by_relay.push(ix);
    }
}

/// Whether a seed has been found to be a live peer.
fn is_met(picture: &Picture, seed: &Seed) -> bool {
    let ix = seed.node.and_then(|node| picture.find(node));
    ix.is_some_and(|ix| picture.state(ix).is_present())
}
