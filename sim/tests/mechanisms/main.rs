//! What each mechanism of spreading and watching is worth: everything is measured with all of them, and
//! with each of them left out.
//!
//! `cargo test --release -p scalesmall-sim --features mutants --test mechanisms -- --ignored --nocapture
//! --test-threads 1` prints the tables, and to standard error all that they are made from. It takes an
//! hour or two, or less with `MECHANISM=GapsOff` in the environment for just one of them. The name of a test
//! chooses a part: `among_3`, `among_128`, `among_1024`, `storm_among_1024`, `at_home`.
//!
//! In a world whose trace is the same without a mechanism, that has nothing to do. A figure is shown if it
//! differs by more than a fifth, and by more than the seeds differ among themselves.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on is to stop")]

mod homes;

use scalesmall_core::mutants::Mutant;
use scalesmall_sim::scenario::{Options, Scenario, Unit, play};

use homes::Home;

const MECHANISMS: [Mutant; 10] = [
    Mutant::GatherersOff,
    Mutant::GapsOff,
    Mutant::ReturnsOff,
    Mutant::DetourOff,
    Mutant::LateVerifiersOff,
    Mutant::SecondQueueOff,
    Mutant::HoldsOff,
    Mutant::TakenOff,
    Mutant::RescueOff,
    Mutant::PiggybackOff,
];

/// A name, the preset, how many multicast segments there are, and the delays.
type Network = (&'static str, &'static str, usize, &'static str);

const NETWORKS: [Network; 3] = [
    ("LAN", "lan", 0, "['0.1ms', '0.4ms']"),
    ("LAN, multicast", "lan", 1, "['0.1ms', '0.4ms']"),
    ("WAN", "wan", 0, "['25ms', '75ms']"),
];

/// Half a minute in which nothing happens, updates, crashes with returns, and a storm.
const WORLD: &str = r#"
name = "mechanisms"
about = "What is one mechanism worth?"
[cluster]
nodes = NODES
preset = "PRESET"
segments = SEGMENTS
start_within = "1s"
[cluster.link]
delay = DELAY
[[steps]]
await = { what = "agreement", within = "300s" }
[[steps]]
run = "10s"
[[steps]]
relink = { loss = "LOSS%", delay = DELAY }
[[steps]]
run = "10s"
[[steps]]
count = { what = "hidden_reports", figure = "before" }
[[steps]]
meter = {}
[[steps]]
run = "QUIET"
[[steps]]
usage = { figure = "sent" }
UPDATES
[[steps]]
[steps.repeat]
times = CRASHES
steps = [
    { crash = { nodes = 1 } },
    { await = { what = "sight", within = "300s", figure = "crash" } },
    { restart = {} },
    { await = { what = "sight", within = "300s", figure = "back" } },
    { run = "5s" },
]
STORM
[[steps]]
count = { what = "hidden_subjects", figure = "hidden nodes" }
"#;

const STORM: &str = r#"
[[steps]]
meter = {}
[[steps]]
serve = { over = "100ms", range = 9 }
[[steps]]
await = { what = "agreement", within = "300s", figure = "storm" }
[[steps]]
usage = { figure = "storm" }
"#;

const UPDATE: &str = r#"
[[steps]]
serve = { nodes = 1, range = RANGE }
[[steps]]
await = { what = "shown", within = "120s", figure = "update" }
[[steps]]
run = "1s"
"#;

const WORLD_FIGURES: &[&str] =
    &["sent rate", "update by all", "crash", "back", "storm", "storm bytes", "hidden nodes"];

/// The values of a figure, one for each seed: the mean of those of a run.
struct Measured {
    unit: Unit,
    sorted: Vec<u64>,
    failed: usize,
}

impl Measured {
    fn median(&self) -> u64 {
        self.sorted[self.sorted.len() / 2]
    }

    fn show(&self) -> String {
        let failed =
            if self.failed > 0 { format!(" ({} failed)", self.failed) } else { String::new() };
        if self.sorted.is_empty() {
            return format!("none{failed}");
        }
        let show = |value| self.unit.show(value);
        let (least, most) = (self.sorted[0], self.sorted[self.sorted.len() - 1]);
        format!("{} ({} to {}){failed}", show(self.median()), show(least), show(most))
    }

    /// Whether another one differs by more than a fifth, and by more than the seeds do.
    fn differs(&self, other: &Self) -> bool {
        if self.failed != other.failed || self.sorted.is_empty() || other.sorted.is_empty() {
            return self.failed != other.failed;
        }
        let (a, b) = (self.median(), other.median());
        let apart = self.sorted[0] > other.sorted[other.sorted.len() - 1]
            || other.sorted[0] > self.sorted[self.sorted.len() - 1];
        apart && a.abs_diff(b) * 5 > a.min(b)
    }
}

/// Some figures of a world, each with its name, and the trace of each seed.
struct Measurement {
    traces: Vec<u64>,
    figures: Vec<Measured>,
}

fn measure(text: &str, without: Option<Mutant>, seeds: u64, names: &[&str]) -> Measurement {
    let mut scenario: Scenario = text.parse().unwrap();
    scenario.cluster.mutant = without.map(|part| part.name().to_owned());
    let runs: Vec<_> = (1..=seeds).map(|seed| play(&scenario, seed, Options::default())).collect();
    let of = |&name: &&str| {
        let known: Vec<_> = runs.iter().filter_map(|run| run.figures.0.get(name)).collect();
        let unit = known.first().map_or(Unit::Count, |figure| figure.unit);
        let mean = |values: &[u64]| values.iter().sum::<u64>() / values.len() as u64;
        let mut sorted: Vec<u64> = known.iter().map(|figure| mean(&figure.values)).collect();
        sorted.sort_unstable();
        Measured { unit, failed: runs.len() - sorted.len(), sorted }
    };
    Measurement {
        traces: runs.iter().map(|run| run.hash).collect(),
        figures: names.iter().map(of).collect(),
    }
}

/// Prints what differs in a world without each of some mechanisms.
fn compare(place: &str, text: &str, seeds: u64, names: &[&str], mechanisms: &[Mutant]) {
    let with = measure(text, None, seeds, names);
    for (name, with) in names.iter().zip(&with.figures) {
        eprintln!("{place} | all | {name} | {}", with.show());
    }
    let only = std::env::var("MECHANISM").ok();
    let chosen = |part: &&Mutant| only.as_ref().is_none_or(|only| part.name() == *only);
    for &part in mechanisms.iter().filter(chosen) {
        let without = measure(text, Some(part), seeds, names);
        let mechanism = part.name().trim_end_matches("Off");
        if with.traces == without.traces {
            eprintln!("{place} | {mechanism} | has nothing to do");
            if mechanisms.len() == 1 {
                println!("| {mechanism} | {place} | has nothing to do | | |");
            }
            continue;
        }
        for ((name, with), without) in names.iter().zip(&with.figures).zip(&without.figures) {
            let (with_it, without_it) = (with.show(), without.show());
            eprintln!("{place} | {mechanism} | {name} | {without_it}");
            if with.differs(without) || mechanisms.len() == 1 {
                println!("| {mechanism} | {place} | {name} | {with_it} | {without_it} |");
            }
        }
    }
}

fn header() {
    println!("| mechanism | where | what | with it | without it |\n|---|---|---|--:|--:|");
}

/// How much is done in a world.
struct Size {
    nodes: usize,
    seeds: u64,
    quiet: &'static str,
    crashes: usize,
    storm: bool,
}

impl Size {
    fn world(&self, (_, preset, segments, delay): Network, loss: u32) -> String {
        let updates = (1..=5).map(|range| UPDATE.replace("RANGE", &format!("{range}")));
        WORLD
            .replace("STORM", if self.storm { STORM } else { "" })
            .replace("UPDATES", &updates.collect::<String>())
            .replace("NODES", &format!("{}", self.nodes))
            .replace("QUIET", self.quiet)
            .replace("CRASHES", &format!("{}", self.crashes))
            .replace("PRESET", preset)
            .replace("SEGMENTS", &format!("{segments}"))
            .replace("DELAY", delay)
            .replace("LOSS", &format!("{loss}"))
    }

    fn compare(&self, network: Network, loss: u32, mechanisms: &[Mutant]) {
        let place = format!("{} nodes, {}, {loss} % loss", self.nodes, network.0);
        compare(&place, &self.world(network, loss), self.seeds, WORLD_FIGURES, mechanisms);
    }

    fn compare_all(&self) {
        header();
        for network in NETWORKS {
            for loss in [0, 30] {
                self.compare(network, loss, &MECHANISMS);
            }
        }
    }
}

#[test]
#[ignore = "takes seconds, to make a table"]
fn among_3() {
    Size { nodes: 3, seeds: 5, quiet: "30s", crashes: 4, storm: true }.compare_all();
}

#[test]
#[ignore = "takes some minutes, to make a table"]
fn among_128() {
    Size { nodes: 128, seeds: 3, quiet: "30s", crashes: 4, storm: true }.compare_all();
}

/// Those that have something to do among 128, as a run among 1,024 takes most of a minute.
#[test]
#[ignore = "takes half an hour, to make a table"]
fn among_1024() {
    use Mutant::{
        DetourOff, GapsOff, LateVerifiersOff, PiggybackOff, RescueOff, ReturnsOff, TakenOff,
    };
    header();
    let size = Size { nodes: 1024, seeds: 2, quiet: "10s", crashes: 1, storm: false };
    let [lan, segment, wan] = NETWORKS;
    let lossy = [ReturnsOff, DetourOff, LateVerifiersOff, TakenOff, PiggybackOff];
    size.compare(lan, 30, &lossy);
    size.compare(lan, 0, &[DetourOff, LateVerifiersOff, TakenOff]);
    size.compare(wan, 30, &lossy);
    size.compare(segment, 30, &[GapsOff, TakenOff, RescueOff]);
}

#[test]
#[ignore = "takes half an hour, to make a table"]
fn storm_among_1024() {
    header();
    let size = Size { nodes: 1024, seeds: 2, quiet: "10s", crashes: 1, storm: true };
    let [lan, ..] = NETWORKS;
    size.compare(lan, 0, &[Mutant::GatherersOff, Mutant::TakenOff, Mutant::SecondQueueOff]);
}

#[test]
#[ignore = "takes some minutes, to make a table"]
fn at_home() {
    header();
    let only = std::env::var("MECHANISM").ok();
    let chosen = |home: &Home| only.as_ref().is_none_or(|only| home.of.name() == *only);
    for home in homes::all().into_iter().filter(chosen) {
        compare(&home.about, &home.world(), 5, home.figures, &[home.of]);
    }
}
