//! The end of all faults, and what has to hold from then on.

use core::time::Duration;
use std::collections::BTreeMap;

use scalesmall_core::{Config, Status};

use super::play::{Outcome, Player};
use super::{Recover, Tell};
use crate::check::{Broken, Report};
use crate::ledger::contents_differ;
use crate::link::{Link, nanos};
use crate::sim::Sim;
use crate::verbs::CatchUp;

impl Player {
    /// Ends all faults, and waits until all agree.
    pub(super) fn recover(&mut self, recover: &Recover) -> Outcome {
        self.sim.heal();
        self.sim.set_link(Link::lan());
        for node in 0..self.sim.len() {
            self.sim.slow_down(node, Duration::ZERO);
            self.sim.resume(node, CatchUp::Drain);
        }
        if recover.restart {
            let live: Vec<usize> = self.sim.live().collect();
            for node in (0..self.sim.len()).filter(|node| !live.contains(node)) {
                self.sim.restart(node);
            }
        }
        let Some(config) = self.sim.live().find_map(|node| self.sim.node(node)) else {
            return Ok(());
        };
        let falls = most_falls(self.sim.reports(), self.sim.now().as_nanos());
        let within = recovers_within(config.config(), falls);
        self.sim.run_until(Sim::converged, within)?;
        let live: Vec<usize> = self.sim.live().collect();
        for pair in live.windows(2) {
            if let Some((broken, nodes)) = contents_differ(&self.sim, pair[0], pair[1]) {
                return Err(self.broken(broken, &nodes));
            }
        }
        Ok(())
    }

    /// Has a node send a message to all, and waits until all that are live have it.
    pub(super) fn tell(&mut self, tell: &Tell) -> Outcome {
        let live: Vec<usize> = self.sim.live().collect();
        self.pick_some(1);
        let Some(&from) = self.picked.first().filter(|node| live.contains(node)) else {
            return Ok(());
        };
        let all: Vec<usize> = (0..self.sim.len()).collect();
        let blackout = (!tell.blackout.0.is_zero()).then(|| self.sim.cut(&all, &all));
        let told = self.sim.tell_all(from);
        self.sim.run_for(tell.blackout.0)?;
        if let Some(blackout) = blackout {
            self.sim.lift(blackout);
        }
        // Refused because much is under way: nothing is promised then.
        let Ok(number) = told else { return Ok(()) };
        let watch = self.sim.watch_for(number);
        let missed = |sim: &Sim| -> Vec<usize> {
            let heard = &sim.answers(watch).at;
            live.iter().copied().filter(|node| *node != from && heard[*node].is_none()).collect()
        };
        let limit = tell.within.0;
        let outcome = self.sim.run_until(|sim| missed(sim).is_empty(), limit);
        self.sim.unwatch(watch);
        let by = missed(&self.sim);
        match outcome {
            Err(failure) if matches!(failure.broken, Broken::NotReached { .. }) => {
                let mut nodes = by.clone();
                nodes.push(from);
                Err(self.broken(Broken::MessageMissed { limit, by }, &nodes))
            }
            outcome => outcome.map(|_| ()),
        }
    }

    fn broken(&mut self, broken: Broken, nodes: &[usize]) -> Box<crate::Failure> {
        self.sim.fail(broken, nodes);
        self.sim.failure.clone().expect("has just been set, if not before")
    }
}

/// How often, at most, one node has called another one down at intervals of a few minutes.
fn most_falls(reports: &[Report], now: u64) -> u32 {
    let mut falls: BTreeMap<(usize, usize), (u64, u32)> = BTreeMap::new();
    for report in reports.iter().filter(|report| report.status == Some(Status::Down)) {
        let (at, count) = falls.entry((report.by, report.about)).or_default();
        let again = report.at.saturating_sub(*at) <= nanos(FLAP_MEMORY);
        (*at, *count) = (report.at, if again { *count + 1 } else { 1 });
    }
    let fresh = |at: u64| now.saturating_sub(at) <= nanos(FLAP_MEMORY);
    falls.into_values().filter(|(at, _)| fresh(*at)).map(|(_, count)| count).max().unwrap_or(0)
}

/// Within which time all agree once nothing fails any more, if one was called down so often by
/// another of late.
///
/// A lost peer is retried once per [`Config::retry_interval`] in the mean, by somebody; twenty times
/// that is missed by one in 10^8. The same holds for repairs. The dead are found within a few
/// windows of silence, also those who died while they were out of reach. And who has fallen often
/// is held off for up to five minutes; it may fall once more while all comes back.
#[must_use]
pub fn recovers_within(config: &Config, falls: u32) -> Duration {
    let hold = falls.checked_sub(1).map_or(Duration::ZERO, |again| {
        FIRST_HOLD.saturating_mul(1 << again.min(8)).min(LONGEST_HOLD)
    });
    Duration::from_secs(2)
        + 4 * config.silence_window
        + 20 * (config.retry_interval + config.repair_interval + config.probe_interval)
        + hold
}

/// How flap damping works: see the engine's documentation of coming back.
const FLAP_MEMORY: Duration = Duration::from_secs(5 * 60);
const FIRST_HOLD: Duration = Duration::from_secs(30);
const LONGEST_HOLD: Duration = Duration::from_secs(5 * 60);
