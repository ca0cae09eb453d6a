//! How long a scenario takes, and how much memory.

use core::time::Duration;

use super::Scenario;
use super::step::Step;

/// For how long a step goes on at least, in virtual time.
pub(super) fn at_least(step: &Step) -> Duration {
    match step {
        Step::Run(span) => span.0,
        Step::Pauses(pauses) => {
            let batches = (pauses.count as usize).div_ceil(pauses.at_once.max(1));
            let each = pauses.span[0].0.saturating_add(pauses.gap[0].0);
            each.saturating_mul(u32::try_from(batches).unwrap_or(u32::MAX))
        }
        Step::Stalls(stalls) => stalls.lasts.0,
        Step::Send(send) => send.over.0.saturating_add(send.wait.0),
        Step::Serve(serve) | Step::Withdraw(serve) => serve.over.0,
        Step::Churn(churn) => churn.lasts.0,
        Step::Tell(tell) => tell.blackout.0,
        Step::Betray(betray) => betray.every.0.saturating_mul(betray.packets.saturating_sub(1)),
        Step::Still(still) => still.lasts.0,
        Step::Recover(recover) => recover.calm.0,
        Step::Repeat(repeat) => sum(&repeat.steps).saturating_mul(repeat.times),
        Step::Timeline(timeline) => timeline.lasts.0,
        _ => Duration::ZERO,
    }
}

fn sum(steps: &[Step]) -> Duration {
    steps.iter().map(at_least).fold(Duration::ZERO, Duration::saturating_add)
}

impl Scenario {
    /// How long a run goes on at least, in virtual time.
    #[must_use]
    pub fn lasts_at_least(&self) -> Duration {
        sum(&self.steps)
    }

    /// About how many bytes of memory a run takes.
    #[must_use]
    pub const fn memory(&self) -> u64 {
        let nodes = self.cluster.nodes as u64;
        nodes
            .saturating_mul(PER_NODE)
            .saturating_add(nodes.saturating_mul(nodes).saturating_mul(PER_PAIR))
    }

    /// About how long a run keeps one core busy, in a release build: measured with idle nodes, so what
    /// happens to them comes on top.
    #[must_use]
    pub fn takes(&self) -> Duration {
        let nodes = self.cluster.nodes as u64;
        // What a node costs grows with those it knows.
        let millis = self.lasts_at_least().as_millis().min(u64::MAX.into()) as u64;
        let node_millis = millis.saturating_mul(nodes);
        let share = node_millis / NODE_SECONDS_PER_SECOND;
        Duration::from_millis(share.saturating_mul(1 + nodes / CROWDED))
    }
}

/// What a node takes, and what it knows of each other.
const PER_NODE: u64 = 150_000;
const PER_PAIR: u64 = 300;
/// How many seconds of a node a core plays in one, and from how many nodes on that halves.
const NODE_SECONDS_PER_SECOND: u64 = 150_000;
const CROWDED: u64 = 1_000;
