//! `scalesmall-sim merge`: joins what the shards of a swarm have seen on several machines.

use core::fmt;
use core::str::FromStr;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use scalesmall_sim::swarm::{Kind, Totals};
use serde::{Deserialize, Serialize};

use crate::console::{Outcome, print};
use crate::output;

/// One of several parts of a swarm, as even as can be: every `of`th world, from the `number`th on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Shard {
    /// Counted from 1.
    number: u64,
    of: u64,
}

impl Shard {
    /// Which world of the whole is the `turn`th of this part, both counted from 0.
    pub(crate) const fn turn(self, turn: usize) -> usize {
        turn * self.of as usize + self.number as usize - 1
    }

    /// This part's share of a number that is meant for the whole.
    pub(crate) const fn share(self, whole: u64) -> u64 {
        whole.div_ceil(self.of)
    }
}

impl Default for Shard {
    fn default() -> Self {
        Self { number: 1, of: 1 }
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.of)
    }
}

impl FromStr for Shard {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        const WRONG: &str = "write K/N with K from 1 to N, such as 3/8";
        let (number, of) = text.split_once('/').ok_or(WRONG)?;
        let (number, of) = (number.parse().map_err(|_| WRONG)?, of.parse().map_err(|_| WRONG)?);
        // As many worlds as there are atoms would overflow a turn.
        let fits = (1..=of).contains(&number) && of <= 1_000_000;
        if fits { Ok(Self { number, of }) } else { Err(WRONG) }
    }
}

/// One world of a swarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct World {
    pub(crate) seed: u64,
    pub(crate) kind: Kind,
}

impl fmt::Display for World {
    /// As a line of a file of seeds has it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Kind::Lan => write!(f, "{}", self.seed),
            kind => write!(f, "{} {kind}", self.seed),
        }
    }
}

impl FromStr for World {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (seed, kind) = text.split_once(char::is_whitespace).unwrap_or((text, "lan"));
        let wrong = |_| {
            "write one seed a line, a whole number, and the kind of world if it is \
                         not `lan`"
        };
        Ok(Self { seed: seed.parse().map_err(wrong)?, kind: kind.trim().parse()? })
    }
}

/// Which worlds a swarm is made of; the same in all of its shards.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Swarm {
    pub(crate) first: u64,
    /// If it is one kind only.
    pub(crate) kind: Option<Kind>,
    pub(crate) seeds: Vec<World>,
    /// How many worlds, or how many node-seconds.
    pub(crate) limit: u64,
    pub(crate) node_seconds: bool,
    pub(crate) nodes: usize,
    pub(crate) faults: u64,
}

/// What one shard has seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Report {
    pub(crate) swarm: Swarm,
    pub(crate) shard: Shard,
    pub(crate) trace: u64,
    /// The worlds that broke a rule, and which.
    pub(crate) broken: Vec<(World, String)>,
    pub(crate) totals: Totals,
}

impl Report {
    /// How many worlds, or node-seconds, this part was to see, and how many it has.
    fn wanted_and_seen(&self) -> (u64, u64) {
        let (limit, Shard { number, of }) = (self.swarm.limit, self.shard);
        if self.swarm.node_seconds {
            return (self.shard.share(limit), self.totals.node_seconds());
        }
        let worlds = limit / of + u64::from(number <= limit % of);
        (worlds, self.totals.worlds())
    }

    pub(crate) fn write(&self, file: &Path) -> Result<(), String> {
        let wrong = |error: &dyn fmt::Display| format!("{}: {error}", file.display());
        let text = serde_json::to_string(self).map_err(|error| wrong(&error))?;
        output::write(file, &(text + "\n"))
    }

    fn read(file: &Path) -> Result<Self, String> {
        let wrong = |error: &dyn fmt::Display| format!("{}: {error}", file.display());
        let text = fs::read_to_string(file).map_err(|error| wrong(&error))?;
        let reported = "this is no report of `explore --shard K/N --report FILE`";
        let report: Self =
            serde_json::from_str(&text).map_err(|error| wrong(&format!("{reported}: {error}")))?;
        let shard: Result<Shard, _> = report.shard.to_string().parse();
        shard.map_err(|error| wrong(&format!("{reported}: {error}")))?;
        Ok(report)
    }
}

#[derive(Args)]
pub(crate) struct Merge {
    /// What `explore --shard K/N --report FILE` has written, of all shards
    #[arg(required = true)]
    files: Vec<PathBuf>,
}

/// Joins all shards of a swarm. It fails if a world broke a rule, or if worlds are missing.
pub(crate) fn merge(asked: &Merge) -> Outcome {
    let mut whole: BTreeMap<Shard, (Report, &Path)> = BTreeMap::new();
    for file in &asked.files {
        let report = Report::read(file)?;
        let name = file.display();
        if let Some((first, other)) = whole.values().next()
            && (first.swarm != report.swarm || first.shard.of != report.shard.of)
        {
            let other = other.display();
            return Err(format!(
                "{name} is of another swarm than {other}: merge what ran with the same arguments"
            )
            .into());
        }
        if let Some((_, other)) = whole.insert(report.shard, (report, file)) {
            let other = other.display();
            return Err(format!("{name} and {other} are the same shard: leave one out").into());
        }
    }
    let (mut totals, mut trace, mut broken) = (Totals::default(), 0_u64, Vec::new());
    let (mut of, mut early) = (0, Vec::new());
    for (report, name) in whole.values() {
        let (share, seen) = report.wanted_and_seen();
        if seen < share {
            early.push(format!("{}: {seen} of {share}", name.display()));
        }
        totals.join(&report.totals);
        trace = trace.wrapping_add(report.trace);
        broken.extend_from_slice(&report.broken);
        of = report.shard.of;
    }
    broken.sort();
    let mut text = format!("{totals}trace {trace:016x}\n");
    text += &format!("{} of {} worlds broke a rule\n", broken.len(), totals.worlds());
    for (world, what) in &broken {
        text += &format!("seed {world}: {what}\n");
    }
    let missing: Vec<String> = (1..=of)
        .map(|number| Shard { number, of })
        .filter(|shard| !whole.contains_key(shard))
        .map(|shard| shard.to_string())
        .collect();
    if !missing.is_empty() {
        text += &format!("not all of it: shards {} are missing\n", missing.join(", "));
    }
    if !early.is_empty() {
        text += &format!(
            "not all of it: ended early (give them --all and more --time): {}\n",
            early.join(", ")
        );
    }
    print(text.as_bytes())?;
    Ok(broken.is_empty() && missing.is_empty() && early.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_world_is_a_seed_and_a_kind() {
        for text in ["7", "7 wan", "18446744073709551615 small"] {
            assert_eq!(text.parse::<World>().unwrap().to_string(), text);
        }
        assert_eq!("7 lan".parse(), Ok(World { seed: 7, kind: Kind::Lan }));
        for text in ["", "x", "-1", "7 moon", "7 wan small"] {
            assert!(text.parse::<World>().is_err(), "{text}");
        }
    }

    #[test]
    fn shards_share_all_turns_and_no_turn_twice() {
        let shards: Vec<Shard> =
            ["1/3", "2/3", "3/3"].iter().map(|text| text.parse().unwrap()).collect();
        let mut turns: Vec<usize> =
            shards.iter().flat_map(|shard| (0..5).map(|turn| shard.turn(turn))).collect();
        turns.sort_unstable();
        assert_eq!(turns, (0..15).collect::<Vec<_>>());
        for text in ["", "1", "0/3", "4/3", "x/3", "1/0", "1/1000001"] {
            assert!(text.parse::<Shard>().is_err(), "{text}");
        }
    }
}
