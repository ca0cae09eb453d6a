//! Random clusters with random faults: rules hold all the time, and in the end all agree.
//!
//! `SIM_SEED` is the first seed (a commit's hash, say), `SIM_RUNS` how many follow it.

use scalesmall_sim::scenario::{Options, play};
use scalesmall_sim::seed_from_env;
use scalesmall_sim::swarm::{Bounds, sample, shrink};

/// 60 random scenarios. The first that fails is shrunk, and printed with the line that replays it.
#[test]
fn random_faults_break_no_rule_and_heal() {
    let first = seed_from_env(1);
    let runs = std::env::var("SIM_RUNS").ok().and_then(|text| text.parse().ok()).unwrap_or(60);
    for seed in (0..runs).map(|turn| first.wrapping_add(turn)) {
        let scenario = sample(seed, &Bounds::default());
        let rerun = format!("cargo run --release -p scalesmall-sim -- replay --seed {seed}");
        let played = play(&scenario, seed, Options { rerun, ..Options::default() });
        if let Some(failure) = played.failure {
            let small = shrink(&scenario, seed, &failure, 100);
            let (text, seed, shrunk) = (small.scenario.to_toml(), small.seed, small.failure);
            panic!("{failure}\n\nthe smallest that fails alike, seed {seed}:\n{text}\n{shrunk}");
        }
    }
}

/// A run of a real cluster is the same twice in a row.
#[test]
fn a_seed_is_played_alike_each_time() {
    for seed in 7_000..7_005 {
        let scenario = sample(seed, &Bounds::default());
        let (first, second) =
            (play(&scenario, seed, Options::default()), play(&scenario, seed, Options::default()));
        assert_eq!((first.hash, first.steps), (second.hash, second.steps), "seed {seed}");
    }
}
