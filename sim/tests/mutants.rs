//! The checkers find what they ought to: engines that do one thing wrong on purpose are played in the
//! swarm's worlds until a rule is broken, and the world is shrunk.
//!
//! `cargo test --release -p scalesmall-sim --features mutants --test mutants -- --nocapture` prints
//! which check found which mutant, after how many seeds, and how small the world became.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on is to stop")]

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use scalesmall_core::mutants::Mutant;
use scalesmall_sim::Broken;
use scalesmall_sim::scenario::{Options, Scenario, play};
use scalesmall_sim::swarm::{Bounds, Kind, Small, sample_of, shrink};

/// Within how many seeds a mutant is to be found, and the most nodes that may be left.
const SEEDS: u64 = 2_000;
const NODES: usize = 8;

/// How large the worlds are that a mutant is hunted in, and how often one is tried to be made smaller:
/// some go on for a quarter of an hour of their own time, and have to be waited for each time.
const fn bounds(mutant: Mutant) -> (Bounds, u32) {
    match mutant {
        Mutant::NumberUnanswered | Mutant::DeadFirst | Mutant::RepairRestless => {
            // A part of such a world may be waited for in vain without any mutant.
            (Bounds { nodes: NODES, faults: 8 }, 0)
        }
        // Its worlds are full of objections that nobody believes.
        Mutant::IncarnationKept => (Bounds { nodes: NODES, faults: 24 }, 3),
        Mutant::FallWithoutEvidence => (Bounds { nodes: NODES, faults: 24 }, 40),
        _ => (Bounds { nodes: 32, faults: 24 }, 600),
    }
}

/// The kind of world that a mutant is hunted in: on a LAN some do no harm.
const fn home(mutant: Mutant) -> Kind {
    match mutant {
        Mutant::WaitIgnoresRoundTrips => Kind::Wan,
        Mutant::SizeKept => Kind::Narrow,
        Mutant::NumberUnanswered => Kind::Setback,
        Mutant::AnyFramePassedOn | Mutant::FallWithoutEvidence => Kind::Hostile,
        Mutant::DeadFirst | Mutant::RepairRestless => Kind::Settings,
        _ => Kind::Lan,
    }
}

fn world(seed: u64, mutant: Mutant) -> Scenario {
    let mut scenario = sample_of(home(mutant), seed, &bounds(mutant).0);
    scenario.cluster.mutant = Some(mutant.name().to_owned());
    scenario
}

/// A mutant, the first seed that it was found with, and its world made small.
type Found = (Mutant, Option<(u64, Small)>);

/// The first seed that a mutant is found with, and its world made small.
fn hunt(mutant: Mutant) -> Option<(u64, Small)> {
    (0..SEEDS).find_map(|seed| {
        let scenario = world(seed, mutant);
        let failure = play(&scenario, seed, Options::default()).failure?;
        // What a lie is worth is another mutant's matter.
        let shows = mutant != Mutant::AnyFramePassedOn
            || matches!(failure.broken, Broken::IllFormed { .. });
        shows.then_some(())?;
        Some((seed, shrink(&scenario, seed, &failure, bounds(mutant).1)))
    })
}

/// The lines that `explore` prints run what it has found again: the world, and the small scenario
/// file that it was shrunk to.
#[cfg(unix)]
#[test]
fn what_explore_finds_is_seen_again_with_the_lines_it_prints() {
    let program = env!("CARGO_BIN_EXE_scalesmall-sim");
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"));
    let shell = |line: &str| {
        let mut shell = std::process::Command::new("sh");
        let ran = shell.current_dir(folder).args(["-c", &format!("{program} {line}")]).output();
        let ran = ran.unwrap();
        (ran.status.code(), String::from_utf8(ran.stdout).unwrap())
    };
    let mutant = Mutant::EndlessSuspicion.name();
    let explore =
        format!("explore --kind lan --nodes 12 --runs 100 --mutant {mutant} --out 'fai led.toml'");
    let (code, said) = shell(&explore);
    assert_eq!(code, Some(1), "{said}");
    let again: Vec<&str> =
        said.lines().filter_map(|line| line.strip_prefix("again: scalesmall-sim ")).collect();
    let broken: Vec<&str> = said.lines().filter(|line| line.starts_with("broken at")).collect();
    assert_eq!((again.len(), broken.len()), (2, 2), "{said}");
    for (line, broken) in again.into_iter().zip(broken) {
        let (code, said) = shell(line);
        assert_eq!(code, Some(1), "{line}: {said}");
        assert!(said.lines().any(|line| line == broken), "{line}: {broken}, but now {said}");
    }
}

#[test]
fn each_mutant_is_found_and_shrunk() {
    let next = AtomicUsize::new(0);
    let found: Mutex<Vec<Found>> = Mutex::default();
    let cores = std::thread::available_parallelism().map_or(1, core::num::NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                while let Some(&mutant) = Mutant::ALL.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let begun = std::time::Instant::now();
                    let outcome = hunt(mutant);
                    println!("{}: {:.1?}", mutant.name(), begun.elapsed());
                    found.lock().unwrap().push((mutant, outcome));
                }
            });
        }
    });
    let mut found = found.into_inner().unwrap();
    found.sort_by_key(|(mutant, _)| Mutant::ALL.iter().position(|other| other == mutant));
    println!("{:<22} {:>6} {:>6} {:>6}  found by", "mutant", "seeds", "nodes", "steps");
    for (mutant, outcome) in &found {
        match outcome {
            Some((seed, small)) => println!(
                "{:<22} {:>6} {:>6} {:>6}  {}",
                mutant.name(),
                seed + 1,
                small.scenario.cluster.nodes,
                small.scenario.steps.len(),
                small.failure.broken.check(),
            ),
            None => println!("{:<22} not within {SEEDS}", mutant.name()),
        }
    }
    for (mutant, outcome) in found {
        let name = mutant.name();
        let (_, small) = outcome.unwrap_or_else(|| panic!("{name} is not found"));
        let nodes = small.scenario.cluster.nodes;
        assert!(nodes <= NODES, "{name} is left with {nodes} nodes:\n{}", small.scenario.to_toml());
        // The same world is clean without it, so it is the mutant that was found.
        let mut without = small.scenario.clone();
        without.cluster.mutant = None;
        let failure = play(&without, small.seed, Options::default()).failure;
        assert!(failure.is_none(), "{name} is not what breaks the rule: {failure:?}");
    }
}
