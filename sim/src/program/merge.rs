//! `scalesmall-sim merge`: joins what the shards of a swarm have seen on several machines, or those of the
//! results.

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
use crate::portion::{self, Portion};
use crate::shard::{Shard, missing};

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

    fn read(file: &Path, text: &str) -> Result<Self, String> {
        let wrong = |error: &dyn fmt::Display| format!("{}: {error}", file.display());
        let reported = "this is no report of `explore --shard K/N --report FILE`";
        let report: Self =
            serde_json::from_str(text).map_err(|error| wrong(&format!("{reported}: {error}")))?;
        let shard: Result<Shard, _> = report.shard.to_string().parse();
        shard.map_err(|error| wrong(&format!("{reported}: {error}")))?;
        Ok(report)
    }
}

#[derive(Args)]
pub(crate) struct Merge {
    /// What `explore --shard K/N --report FILE` has written, of all shards, or what `results` has
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Of results: the page to write; rows of scenarios that were not played stay
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Joins all shards, of a swarm or of the results.
pub(crate) fn merge(asked: &Merge) -> Outcome {
    let mut texts = Vec::new();
    for file in &asked.files {
        let text =
            fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
        texts.push((text, file));
    }
    let portions: Vec<Option<Portion>> =
        texts.iter().map(|(text, _)| Portion::read(text)).collect();
    if portions.iter().all(Option::is_some) {
        let portions = portions.into_iter().flatten().zip(&asked.files).collect();
        return portion::merge(portions, asked.out.as_ref());
    }
    if let Some(out) = &asked.out {
        let out = out.display();
        return Err(format!(
            "{out} is a page of results, and not all of these are reports of them"
        )
        .into());
    }
    merge_swarm(&texts)
}

/// Joins all shards of a swarm. It fails if a world broke a rule, or if worlds are missing.
fn merge_swarm(texts: &[(String, &PathBuf)]) -> Outcome {
    let mut whole: BTreeMap<Shard, (Report, &Path)> = BTreeMap::new();
    for (text, file) in texts {
        let report = Report::read(file, text)?;
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
    let absent = missing(of, |shard| whole.contains_key(&shard));
    text += &absent;
    if !early.is_empty() {
        text += &format!(
            "not all of it: ended early (give them --all and more --time): {}\n",
            early.join(", ")
        );
    }
    print(text.as_bytes())?;
    Ok(broken.is_empty() && absent.is_empty() && early.is_empty())
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
}
