//! What one shard of the results has played, and the page that all shards come to.

use core::fmt;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use scalesmall_sim::report::{Outcome as Played, Runs, Tally, results};
use scalesmall_sim::scenario::Scenario;
use serde::{Deserialize, Serialize};

use crate::console::{Outcome, print};
use crate::output;
use crate::shard::{Shard, missing};

/// What all shards play together; the same in each of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Work {
    /// The scenarios, as files.
    pub(crate) scenarios: Vec<String>,
    /// With how many seeds each is played, if not with as many as it says.
    pub(crate) seeds: Option<u32>,
    /// The names of all scenarios that there are: rows of others go.
    pub(crate) known: Vec<String>,
}

/// What one shard has played of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Portion {
    pub(crate) results: Work,
    pub(crate) shard: Shard,
    runs: Vec<Run>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Run {
    /// The place of its scenario in the work, and of its point in the grid.
    scenario: usize,
    point: usize,
    run: Played,
}

impl Portion {
    pub(crate) const fn new(results: Work, shard: Shard) -> Self {
        Self { results, shard, runs: Vec::new() }
    }

    /// Adds what was played of a scenario, at each point of its grid.
    pub(crate) fn add(&mut self, scenario: usize, points: &[Runs]) {
        for (point, runs) in points.iter().enumerate() {
            let runs = runs.runs.iter().map(|run| Run { scenario, point, run: Played::from(run) });
            self.runs.extend(runs);
        }
    }

    pub(crate) fn write(&self, file: &Path) -> Result<(), String> {
        let wrong = |error: &dyn fmt::Display| format!("{}: {error}", file.display());
        let text = serde_json::to_string(self).map_err(|error| wrong(&error))?;
        output::write(file, &(text + "\n"))
    }

    /// Reads what a shard has written; `None` if the text is something else.
    pub(crate) fn read(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }
}

/// Writes the page of results that all shards come to. It fails if a run broke a rule, if a bar is missed,
/// or if a shard is missing; the page is written once all shards are there.
pub(crate) fn merge(portions: Vec<(Portion, &PathBuf)>, page: Option<&PathBuf>) -> Outcome {
    let Some(page) = page else {
        return Err("name the page that these parts of the results come to, with --out".into());
    };
    let mut whole: BTreeMap<Shard, (Portion, &PathBuf)> = BTreeMap::new();
    for (portion, file) in portions {
        let name = file.display();
        if let Some((first, other)) = whole.values().next()
            && (first.results != portion.results || first.shard.of != portion.shard.of)
        {
            let other = other.display();
            return Err(format!(
                "{name} is of other results than {other}: merge what ran with the same arguments \
                 over the same files"
            )
            .into());
        }
        if let Some((_, other)) = whole.insert(portion.shard, (portion, file)) {
            let other = other.display();
            return Err(format!("{name} and {other} are the same shard: leave one out").into());
        }
    }
    output::ready(page, whole.values().map(|(_, file)| file.as_path()))?;
    let of = whole.keys().next().map_or(1, |shard| shard.of);
    let absent = missing(of, |shard| whole.contains_key(&shard));
    if !absent.is_empty() {
        print(absent.as_bytes())?;
        return Ok(false);
    }
    let tallies = tallies(whole.into_values().map(|(portion, _)| portion).collect())?;
    let known = tallies.known;
    let passed = write_page(page, &tallies.all, &|name| known.iter().any(|known| known == name))?;
    let runs: usize = tallies.all.iter().map(|tally| tally.runs.len()).sum();
    print(format!("{runs} runs of {of} shards are in {}\n", page.display()).as_bytes())?;
    Ok(passed)
}

struct Tallies {
    all: Vec<Tally>,
    known: Vec<String>,
}

/// What all shards have played, scenario by scenario, point by point, by seed.
fn tallies(portions: Vec<Portion>) -> Result<Tallies, String> {
    let Some(work) = portions.first().map(|portion| portion.results.clone()) else {
        return Err("there is nothing to merge".to_owned());
    };
    let mut all = Vec::new();
    let mut starts = Vec::new();
    for text in &work.scenarios {
        let scenario: Scenario = text.parse().map_err(|error| format!("a scenario: {error}"))?;
        starts.push(all.len());
        let points = scenario.points().map_err(|error| format!("a scenario: {error}"))?;
        all.extend(points.into_iter().map(|scenario| Tally { scenario, runs: Vec::new() }));
    }
    for Run { scenario, point, run } in portions.into_iter().flat_map(|portion| portion.runs) {
        let tally = starts.get(scenario).and_then(|start| all.get_mut(start + point));
        let tally = tally.ok_or("a run is of no scenario of its shard: play that shard again")?;
        tally.runs.push(run);
    }
    for tally in &mut all {
        tally.runs.sort_by_key(|run| run.seed);
    }
    Ok(Tallies { all, known: work.known })
}

/// Writes a page of results in which these scenarios are played again. Returns whether they passed.
pub(crate) fn write_page(
    page: &Path,
    all: &[Tally],
    is_known: &dyn Fn(&str) -> bool,
) -> Result<bool, String> {
    let before = match fs::read_to_string(page) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(format!("{}: {error}", page.display())),
    };
    output::write(page, &results(&before, all, is_known))?;
    Ok(all.iter().all(Tally::passed))
}
