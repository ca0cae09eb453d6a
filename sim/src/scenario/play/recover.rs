//! The end of all faults, and what has to hold from then on.

mod message;

use core::time::Duration;

use scalesmall_core::{Config, Engine, Status};

use super::{Outcome, Player};
use crate::check::{Broken, Failure, Law};
use crate::ledger::{contents_differ, not_as_told, unless_lied};
use crate::link::Link;
use crate::scenario::step::{Goal, Recover, Still};
use crate::sim::{CatchUp, Sim};

impl Player {
    /// Ends all faults, waits until all agree, and sees whether they keep to it.
    pub(super) fn recover(&mut self, recover: &Recover) -> Outcome {
        self.make_well(recover.restart, recover.own);
        let Some(window) = configs(&self.sim).map(|config| config.silence_window).max() else {
            return Ok(());
        };
        let starting = self.sim.unborn() > 0;
        if !can_meet(&self.sim) {
            return Ok(());
        }
        // What was suspected while things failed may still be concluded.
        self.sim.run_for(2 * window + 8 * self.slowest)?;
        if starting && !can_meet(&self.sim) {
            return Ok(());
        }
        self.agree()?;
        self.sim.forbid_hidden();
        self.converse()?;
        self.sim.run_for(recover.calm.0)?;
        self.sim.allow_hidden();
        self.agree()
    }

    fn make_well(&mut self, restart: bool, own: bool) {
        self.sim.heal();
        self.sim.end_copies();
        if own {
            self.sim.set_links(&self.nature.links());
            self.slowest = self.nature.slowest();
        } else {
            self.sim.set_link(Link::lan());
            self.slowest = Duration::ZERO;
            (0..self.sim.len()).for_each(|node| self.sim.narrow(node, None));
        }
        for node in 0..self.sim.len() {
            self.sim.slow_down(node, Duration::ZERO);
            // Both ways of catching up, in turn.
            self.sim.resume(node, [CatchUp::AtOnce, CatchUp::Drain][node % 2]);
        }
        if restart {
            let live: Vec<usize> = self.sim.live().collect();
            for node in (0..self.sim.len()).filter(|node| !live.contains(node)) {
                self.sim.restart(node);
            }
        }
    }

    /// Waits until all agree, and compares what they hold.
    fn agree(&mut self) -> Outcome {
        // The slowest of those whose settings differ is waited for.
        let slowest = self.slowest;
        let within = configs(&self.sim).map(|config| recovers_within(config, slowest)).max();
        let dead = configs(&self.sim).map(|config| dead_are_known_within(config, slowest)).max();
        let Some((within, dead)) = within.zip(dead) else { return Ok(()) };
        self.bury(dead)?;
        if let Err(failure) = self.sim.run_until(Sim::converged, within) {
            // A node that has fallen often is held off for longer, and is reported so.
            let held = longest_hold(&self.sim).filter(|_| is_late(&failure.broken));
            let Some(held) = held else { return Err(self.explained(failure, Goal::Agreement)) };
            // Clocks may run slow.
            let outcome = self.sim.run_until(Sim::converged, held + held / 50 + GRACE);
            outcome.map_err(|failure| self.explained(failure, Goal::Agreement))?;
        }
        let live: Vec<usize> = self.sim.live().collect();
        for &node in &live {
            if let Some((broken, nodes)) = not_as_told(&self.sim, node) {
                return Err(self.broken(broken, &nodes));
            }
        }
        for pair in live.windows(2) {
            let differ = contents_differ(&self.sim, pair[0], pair[1]);
            if let Some((broken, nodes)) = unless_lied(&self.sim, differ) {
                return Err(self.broken(broken, &nodes));
            }
        }
        Ok(())
    }

    /// Waits until nobody is seen any more that does not run.
    fn bury(&mut self, limit: Duration) -> Outcome {
        let outcome = self.sim.run_until(|sim| seen_dead(sim).next().is_none(), limit);
        match outcome {
            Err(failure) if is_late(&failure.broken) => {
                let nodes: Vec<usize> = seen_dead(&self.sim).collect();
                Err(self.broken(Broken::DeadSeen { limit, nodes: nodes.clone() }, &nodes))
            }
            outcome => outcome.map(|_| ()),
        }
    }

    /// Time passes in which no repair can move anything: few are begun.
    pub(super) fn still(&mut self, still: &Still) -> Outcome {
        let repairs = |sim: &Sim, node| sim.node(node).map_or(0, |engine| engine.stats().repairs);
        let live: Vec<usize> = self.sim.live().collect();
        let before: Vec<u64> = live.iter().map(|&node| repairs(&self.sim, node)).collect();
        self.sim.run_for(still.lasts.0)?;
        for (&node, before) in live.iter().zip(before) {
            let begun = repairs(&self.sim, node).saturating_sub(before);
            if begun > still.repairs {
                let what = format!("node {node} began {begun} repairs, at most {}", still.repairs);
                return Err(self.broken(Broken::Law { law: Law::RepairInVain, what }, &[node]));
            }
        }
        Ok(())
    }

    fn broken(&mut self, broken: Broken, nodes: &[usize]) -> Box<Failure> {
        self.sim.fail(broken, nodes);
        Box::new(self.sim.failure().expect("has just been set, if not before").clone())
    }
}

/// The configurations of those that live.
fn configs(sim: &Sim) -> impl Iterator<Item = &Config> {
    sim.live().filter_map(|node| sim.node(node)).map(Engine::config)
}

/// The nodes that do not run and are seen by somebody.
fn seen_dead(sim: &Sim) -> impl Iterator<Item = usize> {
    let views = sim.views();
    (0..sim.len()).filter(|node| !views.is_expected(*node) && views.seen_by(*node) > 0)
}

fn is_late(broken: &Broken) -> bool {
    matches!(broken, Broken::NotReached { .. })
}

/// Whether the live nodes can find each other: each knows somebody, or is known, or has a seed, so
/// that all are linked. Otherwise nothing can be asked of them.
fn can_meet(sim: &Sim) -> bool {
    let live: Vec<usize> = sim.live().collect();
    let mut linked = vec![Vec::new(); sim.len()];
    for &node in &live {
        let known = sim.node(node).into_iter().flat_map(Engine::peers);
        let sought = known.filter(|peer| peer.status != Status::Left).flat_map(|peer| {
            let at = peer.addresses.into_iter().chain([peer.address]);
            at.map(move |addr| (addr, Some(peer.id)))
        });
        let seeds = sim.node(node).into_iter().flat_map(Engine::seeds);
        for (addr, id) in sought.chain(seeds.map(|(addr, _)| (addr, None))) {
            // Another may have the address by now.
            let there = sim.node_of(addr).filter(|_| sim.names().source(node, addr).is_some());
            if let Some(other) = there.filter(|other| id.is_none_or(|id| sim.id(*other) == id)) {
                linked[node].push(other);
                linked[other].push(node);
            }
        }
        linked[node].extend(sim.hearers(node));
    }
    let mut met = vec![false; sim.len()];
    let mut next: Vec<usize> = live.first().copied().into_iter().collect();
    while let Some(node) = next.pop() {
        if !core::mem::replace(&mut met[node], true) {
            next.extend(linked[node].iter().copied().filter(|other| live.contains(other)));
        }
    }
    live.iter().all(|node| met[*node])
}

/// The longest time that a live node will still hold another one off, which lives.
fn longest_hold(sim: &Sim) -> Option<Duration> {
    let held = sim.live().filter_map(|node| {
        let mut longest = None;
        for peer in sim.node(node)?.peers() {
            let about = sim.node_of(peer.id).filter(|about| sim.condition(*about).is_up());
            longest = longest.max(about.and(peer.held_for));
        }
        longest
    });
    held.max()
}

/// How soon all agree once nothing fails any more, except those that are
/// [held off](scalesmall_core::Peer::held_for) because they have fallen several times recently.
///
/// A lost peer is retried once per [`Config::retry_interval`] in the mean, by somebody; twenty times
/// that is missed by one in 10^8. The same holds for repairs. The dead are found within a few
/// windows of silence, also those who died while they were out of reach. An attempt to meet and to
/// catch up takes up to twelve one-way delays; of the `slowest` path three attempts are allowed for,
/// and four delays for those that agree last.
#[must_use]
pub fn recovers_within(config: &Config, slowest: Duration) -> Duration {
    Duration::from_secs(2)
        + 40 * slowest
        + 4 * config.silence_window
        + 20 * (config.retry_interval + config.repair_interval + config.probe_interval)
}

/// Within which time nobody sees a node any more that does not run, two windows after the end of all
/// faults.
///
/// Some node probes a dead one every [`Config::probe_interval`] in the mean, and is told so by none
/// in twelve of them once in 10^5. It has been silent for a window by then, and those that look for
/// others need a few round trips.
#[must_use]
fn dead_are_known_within(config: &Config, slowest: Duration) -> Duration {
    12 * config.probe_interval + 8 * slowest
}

/// Holds are looked at once a second.
const GRACE: Duration = Duration::from_secs(3);
