//! Playing scenario files.

use std::path::PathBuf;

use clap::Args;
use scalesmall_sim::report::{Runs, lines, page, table};

use crate::console::{Outcome, print};
use crate::files::read;
use crate::output;
use crate::parallel::jobs;
use crate::playing::{Plan, play_points};
use crate::set::Changes;

#[derive(Args)]
pub(crate) struct Run {
    /// Scenario files (TOML)
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// The number of seeds with which each is played [default: what the file says]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    seeds: Option<u32>,
    /// The first seed
    #[arg(long, default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    changes: Changes,
    /// How many runs at once [default: one per core]
    #[arg(long, value_parser = jobs())]
    jobs: Option<u16>,
    /// Print JSON lines, not a table
    #[arg(long)]
    json: bool,
    /// Write a self-contained HTML page as well, after each scenario
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

pub(crate) fn run(run: &Run) -> Outcome {
    let mut scenarios = Vec::new();
    for file in &run.files {
        let wrong = |error| format!("{} {error}", file.display());
        scenarios.push((file, run.changes.apply(read(file)?).map_err(wrong)?));
    }
    if let Some(page) = &run.html {
        output::ready(page, run.files.iter().map(PathBuf::as_path))?;
    }
    let mut all = Vec::new();
    for (file, scenario) in scenarios {
        let plan = Plan {
            file,
            changes: run.changes.arguments(),
            first: run.seed,
            seeds: run.seeds.unwrap_or(scenario.seeds),
            jobs: run.jobs,
            // Only the first run's course is drawn.
            every: run.html.is_some().then_some(50_000_000),
        };
        let runs = play_points(&scenario, &plan)?;
        print(if run.json { lines } else { table }(&runs).as_bytes())?;
        all.extend(runs);
        if let Some(file) = &run.html {
            output::write(file, &page(&all))?;
        }
    }
    Ok(all.iter().all(Runs::passed))
}
