//! Random scenarios: one seed draws a cluster, a network and faults; a failing one is shrunk.
//!
//! A run has two phases. In the first everything may fail, and the rules that must always hold are
//! checked. Then all is made well, and the nodes have to agree within a bound. Settings themselves
//! are drawn (swarm testing: Groce et al. 2012), so that some runs know no loss and others nothing
//! but loss.

use core::mem::discriminant;
use core::time::Duration;

use crate::check::{Broken, Failure};
use crate::random::{Random, Ratio};
use crate::scenario::{
    Await, Chance, Cluster, Flap, Goal, Lossy, Nothing, Options, Path, Played, Preset, Resume,
    Scenario, Seeds, Serve, Settings, Skew, Span, Step, WallClock, Way, Whom, play,
};

/// What a swarm may draw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// The most nodes.
    pub nodes: usize,
    /// The most faults.
    pub faults: u64,
    /// Within which time all have to agree after all is well.
    pub heals_within: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        // Flap damping may keep a node out for 8 minutes after it has failed five times.
        Self { nodes: 24, faults: 16, heals_within: Duration::from_secs(600) }
    }
}

/// Draws a scenario.
#[must_use]
pub fn sample(seed: u64, bounds: &Bounds) -> Scenario {
    let mut random = Random::new(seed).fork(FOR_SWARM);
    let nodes = random.between(2, bounds.nodes.max(2) as u64) as usize;
    let zones = if random.hit(Ratio(1, 4)) { 2 } else { 1 };
    let cluster = Cluster {
        nodes,
        preset: Preset::Lan,
        start_within: Span(Duration::from_millis(random.below(2_000))),
        seeds: *choice(&mut random, &[Seeds::First, Seeds::Chain, Seeds::Three]),
        segments: *choice(&mut random, &[0, 0, 1, 2]),
        zones,
        zone: Vec::new(),
        settings: Settings::default(),
        ipv6: random.hit(Ratio(1, 8)),
        asleep: 0,
        link: path(&mut random),
        between: (zones > 1).then(|| Path {
            median: Some(Span(Duration::from_millis(random.between(5, 40)))),
            ..path(&mut random)
        }),
    };
    let mut steps = vec![Step::Run(Span(Duration::from_millis(random.below(5_000))))];
    let kinds = 1 + random.below(FAULTS);
    for _ in 0..random.between(1, bounds.faults.max(1)) {
        // A run that draws from few kinds meets combinations that one of all kinds never does.
        let kind = random.below(kinds).wrapping_mul(5).wrapping_add(seed) % FAULTS;
        fault(kind, &mut random, &mut steps);
        steps.push(Step::Run(Span(Duration::from_millis(random.below(8_000)))));
    }
    make_well(&mut steps, bounds.heals_within);
    Scenario {
        name: format!("swarm-{seed}"),
        about: "Drawn at random: faults, and then all is well.".to_owned(),
        seeds: 1,
        cluster,
        baseline: None,
        steps,
        bars: Vec::new(),
    }
}

fn path(random: &mut Random) -> Path {
    let per_cent = |random: &mut Random, most: u64| {
        random.hit(Ratio(1, 3)).then(|| Chance(Ratio::percent(random.between(1, most) as u32)))
    };
    Path {
        loss: per_cent(random, 30),
        bursts: None,
        duplicate: per_cent(random, 20),
        reorder: per_cent(random, 20),
        corrupt: per_cent(random, 5),
        ..Path::default()
    }
}

fn fault(kind: u64, random: &mut Random, steps: &mut Vec<Step>) {
    let some = |random: &mut Random| Whom {
        percent: Some(random.between(1, 50) as usize),
        ..Whom::default()
    };
    let span =
        |random: &mut Random, least, most| Span(Duration::from_millis(random.between(least, most)));
    let step = match kind {
        0 => Step::Crash(some(random)),
        1 => Step::Restart(some(random)),
        2 => Step::Pause(some(random)),
        3 => Step::Starve(some(random)),
        4 => {
            let catch_up = *choice(random, &[Way::AtOnce, Way::Drain]);
            Step::Resume(Resume { catch_up })
        }
        5 => Step::Split(some(random)),
        6 => Step::Mute(some(random)),
        7 => Step::Deafen(some(random)),
        8 => Step::Heal(Nothing {}),
        9 => Step::Serve(Serve {
            nodes: Some(random.between(1, 5) as usize),
            picked: false,
            range: random.below(4) as u32,
            over: span(random, 0, 500),
        }),
        10 => Step::Withdraw(Serve {
            nodes: Some(random.between(1, 5) as usize),
            picked: false,
            range: random.below(4) as u32,
            over: span(random, 0, 500),
        }),
        11 => Step::Relink(path(random)),
        12 => Step::Flap(Flap {
            nodes: 1,
            on: span(random, 100, 5_000),
            off: span(random, 100, 5_000),
        }),
        13 => Step::Lossy(Lossy {
            nodes: 1,
            out: Chance(Ratio::percent(random.below(100) as u32)),
            into: Chance(Ratio::percent(random.below(100) as u32)),
        }),
        14 => Step::Kill(some(random)),
        15 => Step::Skew(Skew { nodes: 1, rate: Chance(*choice(random, &SKEWS)) }),
        _ => {
            steps.push(Step::Crash(Whom { nodes: Some(1), ..Whom::default() }));
            steps.push(Step::WallClock(WallClock { behind: Span(Duration::from_secs(3_600)) }));
            Step::Restart(Whom::default())
        }
    };
    steps.push(step);
}

/// Ends all faults, and demands agreement.
fn make_well(steps: &mut Vec<Step>, within: Duration) {
    steps.extend([
        Step::Heal(Nothing {}),
        Step::Relink(Path::default()),
        Step::Resume(Resume { catch_up: Way::Drain }),
        Step::Restart(Whom { percent: Some(100), ..Whom::default() }),
        Step::Await(Await { what: Goal::Agreement, within: Span(within), figure: None }),
        // What was agreed on stays, and nobody raises a false alarm when all is well.
        Step::ForbidFalseDown(Nothing {}),
        Step::Run(Span(Duration::from_secs(20))),
        Step::Await(Await { what: Goal::Agreement, within: Span(within), figure: None }),
    ]);
}

fn choice<'a, T>(random: &mut Random, among: &'a [T]) -> &'a T {
    &among[random.below(among.len() as u64) as usize]
}

/// Makes a failing scenario smaller, as long as it fails in the same way.
///
/// Steps are dropped in halves, quarters ... (delta debugging: Zeller and Hildebrandt 2002), then
/// the cluster and its links are made simpler. If something was not reached, the steps from the
/// last [`Step::Heal`] on stay. `tries` bounds the runs; the smallest scenario that
/// failed is returned with its failure.
#[must_use]
pub fn shrink(
    scenario: &Scenario,
    seed: u64,
    failure: &Failure,
    tries: u32,
) -> (Scenario, Box<Failure>) {
    let mut best = (scenario.clone(), Box::new(failure.clone()));
    // What must come about after all is well need not while it is not.
    let heals = |step: &Step| matches!(step, Step::Heal(_));
    let kept = match failure.broken {
        Broken::NotReached { .. } => {
            scenario.steps.iter().rev().position(heals).map_or(0, |place| place + 1)
        }
        _ => 0,
    };
    let mut left = tries;
    let mut attempt = |candidate: Scenario, best: &mut (Scenario, Box<Failure>)| {
        if left == 0 || candidate == best.0 {
            return false;
        }
        left -= 1;
        let Played { failure: Some(failure), .. } = play(&candidate, seed, Options::default())
        else {
            return false;
        };
        let same = discriminant(&failure.broken) == discriminant(&best.1.broken);
        if same {
            *best = (candidate, failure);
        }
        same
    };
    loop {
        let before = best.0.clone();
        let mut size = best.0.steps.len().div_ceil(2);
        while size > 0 {
            let mut start = 0;
            while start + kept < best.0.steps.len() {
                let mut candidate = best.0.clone();
                let end = (start + size).min(candidate.steps.len() - kept);
                candidate.steps.drain(start..end);
                if !attempt(candidate, &mut best) {
                    start += size;
                }
            }
            size /= 2;
        }
        for edit in SIMPLER {
            let mut candidate = best.0.clone();
            edit(&mut candidate.cluster);
            attempt(candidate, &mut best);
        }
        if best.0 == before {
            return best;
        }
    }
}

/// Edits that make a cluster simpler.
const SIMPLER: [fn(&mut Cluster); 12] = [
    |cluster| cluster.nodes = cluster.nodes.div_ceil(2),
    |cluster| cluster.nodes = cluster.nodes.saturating_sub(1).max(1),
    |cluster| cluster.link = Path::default(),
    |cluster| cluster.link.loss = None,
    |cluster| cluster.link.duplicate = None,
    |cluster| cluster.link.reorder = None,
    |cluster| cluster.link.corrupt = None,
    |cluster| cluster.segments = 0,
    |cluster| (cluster.zones, cluster.between) = (1, None),
    |cluster| cluster.ipv6 = false,
    |cluster| cluster.seeds = Seeds::First,
    |cluster| cluster.start_within = Span(Duration::from_millis(100)),
];

const FAULTS: u64 = 17;
const SKEWS: [Ratio; 4] = [Ratio(101, 100), Ratio(99, 100), Ratio(1_001, 1_000), Ratio(999, 1_000)];
const FOR_SWARM: u64 = 5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_draws_one_scenario_and_a_file_holds_all_of_it() {
        for seed in 0..200 {
            let scenario = sample(seed, &Bounds::default());
            assert_eq!(scenario, sample(seed, &Bounds::default()));
            let again: Scenario = scenario.to_toml().parse().unwrap();
            assert_eq!(again, scenario);
        }
    }

    #[test]
    fn all_kinds_of_faults_are_drawn() {
        let mut drawn = std::collections::BTreeSet::new();
        for seed in 0..300 {
            for step in sample(seed, &Bounds::default()).steps {
                drawn.insert(format!("{step:?}").split('(').next().unwrap().to_owned());
            }
        }
        assert!(drawn.len() >= 19, "{drawn:?}");
    }

    /// A failure that one step shows shrinks to that step.
    #[test]
    fn shrinking_leaves_what_matters() {
        let mut scenario = sample(3, &Bounds::default());
        scenario.steps.truncate(6);
        scenario.steps.push(Step::Split(Whom { nodes: Some(1), ..Whom::default() }));
        scenario.steps.push(Step::Run(Span(Duration::from_secs(1))));
        let impossible =
            Await { what: Goal::Sight, within: Span(Duration::from_millis(1)), figure: None };
        scenario.steps.push(Step::Await(impossible));
        let failure = play(&scenario, 3, Options::default()).failure.unwrap();
        let (small, _) = shrink(&scenario, 3, &failure, 300);
        assert!(small.steps.len() == 1, "{}", small.to_toml());
        assert!(small.cluster.nodes <= 2, "{}", small.to_toml());
    }
}
