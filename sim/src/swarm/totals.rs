//! What a swarm has done in all.

use core::fmt;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Kind;
use crate::scenario::{Played, Scenario};

/// Sums over worlds: how large they were, how long they ran, what was done to them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Totals {
    /// The number of worlds, by their number of nodes.
    sizes: BTreeMap<usize, u64>,
    /// Nodes times nanoseconds of virtual time.
    node_nanos: u128,
    steps: u64,
    /// How often each kind of fault occurred, and in how many worlds.
    kinds: BTreeMap<String, (u64, u64)>,
}

impl Totals {
    /// Adds a world of a kind.
    pub fn add(&mut self, kind: Kind, scenario: &Scenario, played: &Played) {
        let cluster = &scenario.cluster;
        *self.sizes.entry(cluster.nodes).or_default() += 1;
        self.node_nanos += cluster.nodes as u128 * u128::from(played.lasted);
        self.steps += played.steps;
        let plain = ["sent", "delivered", "filtered", "nobody", "discarded"];
        let fates = played.fates.iter().filter(|(name, _)| !plain.contains(name));
        let worlds = [
            ("worlds_of_zones", u64::from(cluster.zones > 1)),
            ("worlds_of_segments", u64::from(cluster.segments > 0)),
            ("worlds_of_low_rates", u64::from(cluster.settings.send_rate.is_some())),
            ("worlds_of_tight_limits", u64::from(cluster.settings.has_tight_limits())),
        ];
        let of_kind = Kind::ALL.map(|other| (other.worlds(), u64::from(other == kind)));
        for (name, count) in
            of_kind.into_iter().chain(played.faults.iter().chain(fates).chain(worlds))
        {
            let kind = self.kinds.entry(name.to_owned()).or_default();
            kind.0 += count;
            kind.1 += u64::from(count > 0);
        }
    }

    /// Adds the worlds of another part of the same swarm.
    pub fn join(&mut self, other: &Self) {
        for (size, count) in &other.sizes {
            *self.sizes.entry(*size).or_default() += count;
        }
        self.node_nanos = self.node_nanos.saturating_add(other.node_nanos);
        self.steps = self.steps.saturating_add(other.steps);
        for (name, (times, worlds)) in &other.kinds {
            let kind = self.kinds.entry(name.clone()).or_default();
            kind.0 += times;
            kind.1 += worlds;
        }
    }

    /// How many worlds there were.
    #[must_use]
    pub fn worlds(&self) -> u64 {
        self.sizes.values().sum()
    }

    /// Nodes times seconds of virtual time.
    #[must_use]
    pub fn node_seconds(&self) -> u64 {
        u64::try_from(self.node_nanos / 1_000_000_000).unwrap_or(u64::MAX)
    }

    /// The nodes of the median world; 0 if there is none.
    #[must_use]
    pub fn median(&self) -> usize {
        let mut left = self.worlds() / 2;
        let median = self.sizes.iter().find(|(_, count)| {
            let found = left < **count;
            left = left.saturating_sub(**count);
            found
        });
        median.map_or(0, |(nodes, _)| *nodes)
    }

    /// The nodes of the largest world; 0 if there is none.
    #[must_use]
    pub fn largest(&self) -> usize {
        self.sizes.last_key_value().map_or(0, |(nodes, _)| *nodes)
    }

    /// How often the fault occurred that did so least often, and its name.
    #[must_use]
    pub fn rarest(&self) -> Option<(&str, u64)> {
        let kinds = self.kinds.iter().map(|(name, (count, _))| (name.as_str(), *count));
        kinds.min_by_key(|(_, count)| *count)
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} worlds, {} node-seconds, {} steps; {} nodes in the median, {} in the largest",
            self.worlds(),
            self.node_seconds(),
            self.steps,
            self.median(),
            self.largest(),
        )?;
        writeln!(f, "{:<25} {:>12} {:>8}", "", "times", "worlds")?;
        let seen = self.kinds.iter().filter(|(_, (count, _))| *count > 0);
        for (name, (count, worlds)) in seen {
            writeln!(f, "{:<25} {count:>12} {worlds:>8}", name.replace('_', " "))?;
        }
        let never = self.kinds.values().filter(|(count, _)| *count == 0).count();
        if never > 0 {
            writeln!(f, "{never} kinds of faults and worlds did not occur")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{Options, play};
    use crate::swarm::{Bounds, sample};

    #[test]
    fn sums_and_medians_are_those_of_the_worlds() {
        let mut totals = Totals::default();
        let mut sizes = Vec::new();
        let mut nanos = 0;
        for seed in 0..5 {
            let mut scenario = sample(seed, &Bounds { nodes: 6, faults: 3 });
            scenario.steps.truncate(5);
            let played = play(&scenario, seed, Options::default());
            sizes.push(scenario.cluster.nodes);
            nanos += scenario.cluster.nodes as u64 * played.lasted;
            totals.add(Kind::Lan, &scenario, &played);
        }
        sizes.sort_unstable();
        assert_eq!((totals.worlds(), totals.node_seconds()), (5, nanos / 1_000_000_000));
        assert_eq!((totals.median(), totals.largest()), (sizes[2], sizes[4]));
        let text = totals.to_string();
        let zeros = totals.kinds.values().filter(|(count, _)| *count == 0).count();
        assert!(zeros > 0 && text.contains(&format!("\n{zeros} kinds of faults")), "{text}");
        assert_eq!(text.lines().count(), 3 + totals.kinds.len() - zeros, "{text}");
        assert!(totals.rarest().is_some());
    }
}
