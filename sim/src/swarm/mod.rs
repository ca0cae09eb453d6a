//! Random scenarios: one seed draws a cluster, a network and faults; a failing one is shrunk.
//!
//! A run has two acts. In the first everything may fail, while the laws that must always hold are
//! checked; then all is made well, and the nodes have to agree within a bound that follows from
//! their configuration. In the second act some nodes die for good, seeds among them, and the others
//! are cut off from each other; these have to find each other again by themselves. In the end
//! nothing fails, and nobody may raise a false alarm.
//!
//! The same faults are drawn on networks of several [kinds](Kind).
//!
//! What may fail is drawn too (swarm testing: Groce et al. 2012), so that some runs know no loss and
//! others nothing but loss.

mod accident;
mod calls;
mod families;
mod faults;
mod kind;
mod moving;
mod settings;
mod sharing;
mod shrink;
mod totals;

use core::time::Duration;

use crate::random::{Random, Ratio};
use crate::scenario::{
    Chance, Cluster, Grid, Nothing, Path, Preset, Recover, Scenario, Seeds, Settings, Span, Step,
    Tell, Whom,
};

use faults::{KINDS, fault};
pub use kind::Kind;
pub use shrink::{Small, shrink};
pub use totals::Totals;

/// What a swarm may draw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// The most nodes. Most clusters have no more than 32.
    pub nodes: usize,
    /// The most faults of the first act.
    pub faults: u64,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { nodes: 128, faults: 24 }
    }
}

/// Draws a scenario of the first kind.
#[must_use]
pub fn sample(seed: u64, bounds: &Bounds) -> Scenario {
    sample_of(Kind::Lan, seed, bounds)
}

/// Draws a scenario of a kind.
#[must_use]
pub fn sample_of(kind: Kind, seed: u64, bounds: &Bounds) -> Scenario {
    let mut random = Random::new(seed).fork(FOR_SWARM);
    let mut cluster = cluster(&mut random, bounds);
    kind.shape(seed, &mut cluster);
    if kind != Kind::Hostile {
        // What the largest datagrams of the kind need at least.
        let rate = if kind == Kind::Settings { 160_000 } else { 96_000 };
        tighten(&mut Random::new(seed).fork(FOR_LIMITS), &mut cluster.settings, rate);
    }
    let mut steps = vec![Step::Run(millis(random.below(5_000)))];
    let kinds = 1 + random.below(KINDS);
    // Large clusters take their time; what takes many faults to find, small ones show.
    let most = if cluster.nodes > USUAL { bounds.faults / 4 } else { bounds.faults };
    for _ in 0..random.between(1, most.max(1)) {
        // A run that draws from few kinds meets combinations that one of all kinds never does.
        let kind = random.below(kinds).wrapping_mul(7).wrapping_add(seed) % KINDS;
        fault(kind, &mut random, &mut steps);
        steps.push(Step::Run(millis(random.below(6_000))));
    }
    steps.push(Step::Recover(Recover { restart: true, own: false, calm: millis(10_000) }));
    steps.push(tell());
    if random.hit(Ratio(2, 3)) {
        second_act(&mut random, &cluster, &mut steps);
        steps.push(tell());
    }
    calls::mingle(&mut Random::new(seed).fork(FOR_CALLS), &mut steps);
    kind.bend(seed, &cluster, &mut steps);
    fit(&mut cluster, &mut steps);
    let name = match kind {
        Kind::Lan => format!("swarm-{seed}"),
        _ => format!("swarm-{kind}-{seed}"),
    };
    Scenario {
        name,
        about: "Drawn at random: faults, and then all is well.".to_owned(),
        seed,
        seeds: 1,
        grid: Grid::new(),
        point: Vec::new(),
        cluster,
        steps,
        bars: Vec::new(),
        baseline: None,
    }
}

/// Writes what was drawn as a file may say it: of no more nodes than there are, and of losses in bursts
/// alone where a link has both. What happens stays the same.
fn fit(cluster: &mut Cluster, steps: &mut [Step]) {
    for whom in steps.iter_mut().flat_map(Step::whom_mut) {
        whom.fit(cluster.nodes);
    }
    let relinks = steps.iter_mut().filter_map(|step| match step {
        Step::Relink(path) => Some(path),
        _ => None,
    });
    let routes = cluster.routes.iter_mut().map(|route| &mut route.link);
    let links = [&mut cluster.link].into_iter().chain(&mut cluster.between);
    for path in links.chain(routes).chain(relinks) {
        path.loss = path.loss.filter(|_| path.bursts.is_none());
    }
}

fn cluster(random: &mut Random, bounds: &Bounds) -> Cluster {
    let most = bounds.nodes.max(2) as u64;
    let usual = if random.hit(Ratio(1, 40)) { most } else { most.min(USUAL as u64) };
    let nodes = random.between(2, usual) as usize;
    let zones = if random.hit(Ratio(1, 2)) { random.between(2, 3) as u16 } else { 1 };
    let segments = *choice(random, &[0, 0, 1, 2]);
    Cluster {
        nodes,
        preset: *choice(random, &[Preset::Lan, Preset::Lan, Preset::Local, Preset::Wan]),
        start_within: millis(random.below(2_000)),
        seeds: *choice(random, &[Seeds::First, Seeds::Chain, Seeds::Three]),
        segments,
        // As few as the worlds here have, or no node would ever speak for a segment.
        least_hearers: (segments > 0).then_some(2 + u32::from(segments)),
        zones,
        ipv6: random.hit(Ratio(1, 8)),
        names: false,
        addresses: Vec::new(),
        homes: Vec::new(),
        zone: Vec::new(),
        routes: Vec::new(),
        settings: Settings {
            tombstone_ttl: random.hit(Ratio(1, 2)).then(|| millis(random.between(500, 10_000))),
            ..Settings::default()
        },
        others: None,
        #[cfg(feature = "mutants")]
        mutant: None,
        asleep: 0,
        serve: false,
        owners: 0,
        shards: None,
        link: faults::path(random),
        between: (zones > 1).then(|| Path {
            delay: None,
            median: Some(millis(random.between(5, 40))),
            ..faults::path(random)
        }),
    }
}

/// In some clusters nodes may send little, or have little room.
fn tighten(random: &mut Random, settings: &mut Settings, rate: u32) {
    if random.hit(Ratio(1, 8)) {
        settings.send_rate = Some((random.between(96_000, 400_000) as u32).max(rate));
    }
    let mut tight =
        |least: u64| random.hit(Ratio(1, 16)).then(|| random.between(least, 2 * least) as u32);
    settings.outbox = tight(64);
    settings.relays = tight(16);
    settings.piggyback = tight(1);
    settings.inquiries = tight(8);
    settings.session_keys = tight(1);
}

/// Some die for good, and the others are cut off from each other for a time. As each knows all
/// others and none of them forgets, they need no seed.
fn second_act(random: &mut Random, cluster: &Cluster, steps: &mut Vec<Step>) {
    let seeds = match cluster.seeds {
        Seeds::Three => vec![0, 1, 2],
        Seeds::First | Seeds::Chain | Seeds::None => vec![0],
    };
    if cluster.nodes > 2 * seeds.len() + 1 && random.hit(Ratio(1, 2)) {
        steps.push(Step::Crash(Whom::these(seeds)));
    }
    for _ in 0..random.between(0, 2) {
        let some = Whom::share(random.between(1, 25) as usize);
        steps.push(match random.below(3) {
            0 => Step::Crash(some),
            1 => Step::Kill(some),
            _ => Step::Depart(some),
        });
        steps.push(Step::Run(millis(random.below(8_000))));
    }
    for _ in 0..random.between(0, 2) {
        let some = Whom::share(random.between(1, 60) as usize);
        steps.push(match random.below(4) {
            0 | 1 => Step::Split(some),
            2 => Step::Mute(some),
            _ => Step::Pause(some),
        });
        steps.push(Step::Run(millis(random.below(25_000))));
        if random.hit(Ratio(1, 2)) {
            steps.push(Step::Heal(Nothing {}));
        }
    }
    steps.push(Step::Recover(Recover { restart: false, own: false, calm: millis(5_000) }));
}

/// A message, of which nothing that is sent at once gets through.
fn tell() -> Step {
    // Shorter than the first wait for an acknowledgement: no second try falls into it.
    let blackout = millis(5);
    Step::Tell(Tell { blackout, within: Span(Duration::from_secs(5)) })
}

/// A place from which time passes: what concerns those picked last is to go on doing so.
fn pause(random: &mut Random, steps: &[Step], from: usize) -> Option<usize> {
    let runs = |place: &usize| matches!(steps[*place], Step::Run(_));
    let places: Vec<usize> = (from..steps.len()).filter(runs).collect();
    places.get(random.below(places.len() as u64) as usize).copied()
}

fn choice<'a, T>(random: &mut Random, among: &'a [T]) -> &'a T {
    &among[random.below(among.len() as u64) as usize]
}

const fn millis(millis: u64) -> Span {
    Span(Duration::from_millis(millis))
}

fn percent(random: &mut Random, most: u64) -> Chance {
    Chance(Ratio::percent(random.between(1, most) as u32))
}

/// The most nodes of most clusters.
const USUAL: usize = 32;
const FOR_SWARM: u64 = 5;
const FOR_LIMITS: u64 = 6;
const FOR_CALLS: u64 = 7;

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
        assert!(drawn.len() >= 30, "{drawn:?}");
    }

    #[test]
    fn clusters_are_small_and_large() {
        let mut sizes: Vec<usize> =
            (0..1_000).map(|seed| sample(seed, &Bounds::default()).cluster.nodes).collect();
        sizes.sort_unstable();
        assert!(sizes[500] >= 12 && sizes[999] >= 100, "{} {}", sizes[500], sizes[999]);
        let small = Bounds { nodes: 8, ..Bounds::default() };
        assert!((0..200).all(|seed| sample(seed, &small).cluster.nodes <= 8));
    }
}
