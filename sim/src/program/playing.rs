//! Playing a scenario at each point of its grid, with several seeds at once.

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use scalesmall_sim::report::Runs;
use scalesmall_sim::scenario::{Options, Scenario, play};

use crate::parallel::{bar, in_parallel, lock};
use crate::set::quoted;

/// How far apart the moments of a run are that is drawn, in nanoseconds.
pub(crate) const MOMENT: u64 = 50_000_000;

/// How a scenario is played with several seeds.
pub(crate) struct Plan<'a> {
    pub(crate) file: &'a Path,
    /// Arguments that change the file.
    pub(crate) changes: String,
    pub(crate) first: u64,
    pub(crate) seeds: u32,
    pub(crate) jobs: Option<u16>,
    /// How far apart the moments of what is drawn are, in nanoseconds.
    pub(crate) every: Option<u64>,
}

/// Plays a scenario at each point of its grid.
pub(crate) fn play_points(
    scenario: &Scenario,
    plan: &Plan<'_>,
) -> Result<Vec<Runs>, Box<dyn std::error::Error>> {
    let wrong = |error| format!("{}: {error}", plan.file.display());
    let points = scenario.points().map_err(wrong)?.into_iter();
    let with = |point: &Scenario| {
        let set = |(key, value)| format!(" --set {}", quoted(&format!("{key}={value}")));
        plan.changes.clone() + &point.point_values().map(set).collect::<String>()
    };
    Ok(points.map(|point| play_seeds(&with(&point), point, plan)).collect())
}

fn play_seeds(changes: &str, scenario: Scenario, plan: &Plan<'_>) -> Runs {
    let seeds = u64::from(plan.seeds);
    let progress = bar(seeds, &format!("{} {}", scenario.name, scenario.point()));
    let runs = Mutex::new(Runs { scenario: scenario.clone(), runs: Vec::new() });
    let next = AtomicU64::new(0);
    in_parallel(plan.jobs, || {
        loop {
            let turn = next.fetch_add(1, Ordering::Relaxed);
            if turn >= seeds {
                return;
            }
            let seed = plan.first.wrapping_add(turn);
            let file = quoted(&plan.file.to_string_lossy());
            let options = Options {
                every: plan.every,
                tap: None,
                rerun: format!("scalesmall-sim replay {file}{changes} --seed {seed}"),
            };
            let played = play(&scenario, seed, options);
            progress.inc(1);
            lock(&runs).push(played);
        }
    });
    progress.finish_and_clear();
    let mut runs = runs.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    runs.runs.sort_by_key(|run| run.seed);
    runs
}
