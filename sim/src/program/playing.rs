//! Playing a scenario at each point of its grid, with several seeds at once.

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use scalesmall_sim::Checks;
use scalesmall_sim::report::Runs;
use scalesmall_sim::scenario::{Options, Scenario, play};

use crate::parallel::{bar, in_parallel, lock};
use crate::set::quoted;
use crate::shard::Shard;

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
    /// How much is checked.
    pub(crate) checks: Checks,
    /// How far apart the moments of what is drawn are, in nanoseconds.
    pub(crate) every: Option<u64>,
    /// Which of all runs are played; they are counted from `turn` on.
    pub(crate) shard: Shard,
    pub(crate) turn: u64,
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
    let turn = |place: usize| plan.turn + place as u64 * u64::from(plan.seeds);
    let play = |(place, point)| play_seeds(&with(&point), point, plan, turn(place));
    Ok(points.enumerate().map(play).collect())
}

fn play_seeds(changes: &str, scenario: Scenario, plan: &Plan<'_>, first: u64) -> Runs {
    let is_taken = |turn: &u64| plan.shard.takes(first + turn);
    let taken: Vec<u64> = (0..u64::from(plan.seeds)).filter(is_taken).collect();
    let seeds = taken.len() as u64;
    let progress = bar(seeds, &format!("{} {}", scenario.name, scenario.point()));
    let runs = Mutex::new(Runs { scenario: scenario.clone(), runs: Vec::new() });
    let next = AtomicUsize::new(0);
    in_parallel(plan.jobs, || {
        loop {
            let Some(turn) = taken.get(next.fetch_add(1, Ordering::Relaxed)) else { return };
            let seed = plan.first.wrapping_add(*turn);
            let file = quoted(&plan.file.to_string_lossy());
            let options = Options {
                every: plan.every,
                tap: None,
                checks: plan.checks,
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
