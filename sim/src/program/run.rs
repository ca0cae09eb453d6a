//! Playing scenario files.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use scalesmall_sim::Checks;
use scalesmall_sim::report::{Runs, lines, page, table};
use scalesmall_sim::scenario::Scenario;

use crate::console::{Outcome, print};
use crate::files::read;
use crate::forecast::{fitting_jobs, lacks_memory, tell_hours};
use crate::output;
use crate::parallel::jobs;
use crate::playing::{MOMENT, Plan, play_points};
use crate::set::Changes;
use crate::shard::Shard;

#[derive(Args)]
pub(crate) struct Run {
    /// Scenario files (TOML)
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// The number of seeds with which each is played [default: what the file says]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    seeds: Option<u32>,
    /// The first seed [default: what the file says]
    #[arg(long)]
    seed: Option<u64>,
    #[command(flatten)]
    changes: Changes,
    /// How many runs at once [default: one per core]
    #[arg(long, value_parser = jobs())]
    jobs: Option<u16>,
    /// How much is checked: all; light, each event but not what nodes show in between; or none of
    /// either. What happens is the same
    #[arg(long, value_name = "HOW", default_value_t)]
    checks: Checks,
    /// Print JSON lines, not a table
    #[arg(long)]
    json: bool,
    /// Write a self-contained HTML page as well, after each scenario
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Play even what is expected not to fit into memory
    #[arg(long)]
    anyway: bool,
}

/// Says beforehand what will take hours, and returns how many runs fit into memory at once.
///
/// # Errors
///
/// The scenario of which not even one does.
fn forecast(scenarios: &[(&PathBuf, Scenario)], run: &Run) -> Result<Option<u16>, String> {
    let (mut most, mut takes) = (0, Duration::ZERO);
    for (file, scenario) in scenarios {
        let seeds = run.seeds.unwrap_or(scenario.seeds);
        let points = scenario.points().map_err(|error| format!("{}: {error}", file.display()))?;
        for point in points {
            if let Some(text) =
                lacks_memory(point.memory(), point.cluster.nodes).filter(|_| !run.anyway)
            {
                return Err(format!("{}: {text}", file.display()));
            }
            most = most.max(point.memory());
            takes = takes.saturating_add(point.takes().saturating_mul(seeds));
        }
    }
    let jobs = fitting_jobs(run.jobs, most);
    tell_hours(takes, jobs);
    Ok(jobs)
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
    let jobs = forecast(&scenarios, run)?;
    for (file, scenario) in scenarios {
        let plan = Plan {
            file,
            changes: run.changes.arguments(),
            first: run.seed.unwrap_or(scenario.seed),
            seeds: run.seeds.unwrap_or(scenario.seeds),
            jobs,
            checks: run.checks,
            every: run.html.as_ref().map(|_| MOMENT),
            shard: Shard::default(),
            turn: 0,
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
