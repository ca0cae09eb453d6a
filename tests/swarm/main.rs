//! Random clusters with random faults: rules hold all the time, and in the end all agree.
//!
//! `SIM_SEED` is the first seed (a commit's hash, say), `SIM_RUNS` how many follow it.

use quickcheck::{Arbitrary, Gen, QuickCheck};
use scalesmall_sim::scenario::{Options, Scenario, play};
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

/// A random world, by its seed. It is made smaller by [`shrink`], which knows what a world is.
#[derive(Clone, Debug)]
struct World(u64);

impl Arbitrary for World {
    fn arbitrary(random: &mut Gen) -> Self {
        Self(u64::arbitrary(random))
    }
}

/// Seeds from all of their range draw worlds that a file can hold, that break no rule, and that are
/// played alike from the file.
#[test]
fn any_seed_draws_a_world_that_a_file_holds() {
    let law = |World(seed): World| {
        let scenario = sample(seed, &Bounds { nodes: 12, faults: 8 });
        let written: Scenario = scenario.to_toml().parse().expect("a world is a scenario");
        let played = play(&scenario, seed, Options::default());
        let again = play(&written, seed, Options::default());
        played.failure.is_none() && played.hash == again.hash
    };
    // The same worlds each time: new ones are for `scalesmall-sim explore`.
    let random = Gen::from_size_and_seed(100, 1);
    QuickCheck::new().rng(random).tests(20).quickcheck(law as fn(World) -> bool);
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
