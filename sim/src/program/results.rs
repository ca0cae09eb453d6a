//! `scalesmall-sim results`: all scenarios, one page.

use std::fs;
use std::path::PathBuf;

use clap::Args;
use scalesmall_sim::report::{Runs, results, table};
use scalesmall_sim::scenario::Scenario;

use crate::console::{Outcome, print};
use crate::files::{files_of, read};
use crate::output;
use crate::parallel::jobs;
use crate::playing::{Plan, play_points};

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

/// Plays scenarios and writes the page after each, so that an end before the last loses nothing.
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
    output::ready(&asked.out, chosen.iter().map(|(file, _)| file.as_path()))?;
    let wrong = |error| format!("{}: {error}", asked.out.display());
    let mut passed = true;
    for (file, scenario) in chosen {
        let plan = Plan {
            file: &file,
            changes: String::new(),
            first: scenario.seed,
            seeds: asked.seeds.unwrap_or(scenario.seeds),
            jobs: asked.jobs,
            every: None,
        };
        let runs = play_points(&scenario, &plan)?;
        print(table(&runs).as_bytes())?;
        let before = if asked.out.exists() {
            fs::read_to_string(&asked.out).map_err(wrong)?
        } else {
            String::new()
        };
        // Rows of scenarios that are no more go with their files.
        let before: Vec<&str> = before
            .lines()
            .filter(|line| match line.strip_prefix("| [").and_then(|rest| rest.split_once(']')) {
                Some((name, _)) => names.iter().any(|known| known == name),
                None => true,
            })
            .collect();
        passed &= runs.iter().all(Runs::passed);
        output::write(&asked.out, &results(&before.join("\n"), &runs))?;
    }
    Ok(passed)
}
