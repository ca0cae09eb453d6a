//! `scalesmall-sim results`: all scenarios, one page.

use std::path::PathBuf;

use clap::Args;
use scalesmall_sim::Checks;
use scalesmall_sim::report::{Outcome as Played, Runs, Tally, table};
use scalesmall_sim::scenario::Scenario;

use crate::console::{Outcome, print};
use crate::files::{files_of, read};
use crate::output;
use crate::parallel::jobs;
use crate::playing::{Plan, play_points};
use crate::portion::{Portion, Work, write_page};
use crate::shard::Shard;

#[derive(Args)]
pub(crate) struct Results {
    /// The folder of the scenario files
    #[arg(long, default_value = "sim/scenarios")]
    folder: PathBuf,
    /// The page; rows of scenarios that are not played again stay
    #[arg(long, value_name = "FILE", default_value = "sim/RESULTS.md")]
    out: PathBuf,
    /// Only the scenario of this name, or with `*` at the end those that begin so; may be repeated
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// With how many seeds each is played [default: what the file says]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    seeds: Option<u32>,
    /// How many runs at once [default: one per core]
    #[arg(long, value_parser = jobs())]
    jobs: Option<u16>,
    /// How much is checked: all; light, each event but not what nodes show in between; or none of
    /// either. What happens is the same
    #[arg(long, value_name = "HOW", default_value_t)]
    checks: Checks,
    /// Play only every Nth run, from the Kth on, and write no page: `merge` writes it, of all N reports
    #[arg(long, value_name = "K/N", requires = "report")]
    shard: Option<Shard>,
    /// Write what this shard has played, for `merge`
    #[arg(long, value_name = "FILE", requires = "shard")]
    report: Option<PathBuf>,
    /// Play nothing: write the page anew of the rows that it has, as after a change of its words
    #[arg(long, conflicts_with_all = ["only", "seeds", "jobs", "shard"])]
    rewrite: bool,
}

impl Results {
    fn takes(&self, name: &str) -> bool {
        let fits = |only: &String| match only.strip_suffix('*') {
            Some(start) => name.starts_with(start),
            None => only == name,
        };
        self.only.is_empty() || self.only.iter().any(fits)
    }
}

/// Plays scenarios and writes the page or the report after each, so that an end before the last loses
/// nothing.
pub(crate) fn write(asked: &Results) -> Outcome {
    let mut chosen: Vec<(PathBuf, Scenario)> = Vec::new();
    let mut names: Vec<String> = Vec::new();
    for file in files_of(&asked.folder)? {
        let scenario = read(&file)?;
        if names.contains(&scenario.name) {
            let (file, name) = (file.display(), &scenario.name);
            return Err(format!("{file}: another file has the name \"{name}\": rename one").into());
        }
        names.push(scenario.name.clone());
        if asked.takes(&scenario.name) {
            chosen.push((file, scenario));
        }
    }
    if chosen.is_empty() {
        return Err(format!("no scenario fits --only; there are: {}", names.join(", ")).into());
    }
    let written = asked.report.as_ref().unwrap_or(&asked.out);
    output::ready(written, chosen.iter().map(|(file, _)| file.as_path()))?;
    let is_known = |name: &str| names.iter().any(|known| known == name);
    if asked.rewrite {
        write_page(&asked.out, &[], &is_known)?;
        return Ok(true);
    }
    let shard = asked.shard.unwrap_or_default();
    let work = Work {
        scenarios: chosen.iter().map(|(_, scenario)| scenario.to_toml()).collect(),
        seeds: asked.seeds,
        known: names.clone(),
    };
    let mut portion = Portion::new(work, shard);
    let (mut passed, mut turn) = (true, 0);
    for (place, (file, scenario)) in chosen.iter().enumerate() {
        let seeds = asked.seeds.unwrap_or(scenario.seeds);
        let plan = Plan {
            file,
            changes: String::new(),
            first: scenario.seed,
            seeds,
            jobs: asked.jobs,
            checks: asked.checks,
            every: None,
            shard,
            turn,
        };
        let points = play_points(scenario, &plan)?;
        turn += points.len() as u64 * u64::from(seeds);
        if let Some(report) = &asked.report {
            let runs: usize = points.iter().map(|runs| runs.runs.len()).sum();
            print(
                format!("{}: {runs} of the runs are of shard {shard}\n", scenario.name).as_bytes(),
            )?;
            passed &= points.iter().all(|runs| runs.failures() == 0);
            portion.add(place, &points);
            portion.write(report)?;
            continue;
        }
        print(table(&points).as_bytes())?;
        let tallies: Vec<Tally> = points.iter().map(tally).collect();
        passed &= write_page(&asked.out, &tallies, &is_known)?;
    }
    Ok(passed)
}

fn tally(runs: &Runs) -> Tally {
    Tally { scenario: runs.scenario.clone(), runs: runs.runs.iter().map(Played::from).collect() }
}
