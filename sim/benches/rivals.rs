//! The engine and the crates `foca` and `kinship-core` side by side: the same network, the same seeds, the
//! same work.
//!
//! ```console
//! $ cargo bench -p scalesmall-sim --bench rivals -- [LINE ...] [--seeds N] [--out sim/RESULTS.md]
//! ```
//!
//! With `--out` the lines that are measured replace those that the page of results has.
//!
//! Each runs at its own configuration for a local network. `foca` has no authentication, no groups and no
//! repair. `kinship-core` encrypts, and joins and repairs over connections of TCP, which the network here
//! does not have: [`streams`] stands in for them. With both a change is a broadcast of the application, of
//! 20 bytes. Times are virtual, medians over all seeds.
#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on is to stop")]

#[path = "rivals/foca.rs"]
mod foca;
#[path = "rivals/kinship.rs"]
mod kinship;
#[path = "rivals/streams.rs"]
mod streams;

use core::time::Duration;

use foca::Swim;
use kinship::Kinship;
use scalesmall_core::{Engine, GroupName, KeyRange, Op};
use scalesmall_sim::report::{Beside, results_beside};
use scalesmall_sim::scenario::Unit;
use scalesmall_sim::{Build, CatchUp, Link, Protocol, Ratio, Report, Sample, Sim, lan};

/// What is compared.
trait Contender: Protocol + Sized + 'static {
    fn cluster(seed: u64, nodes: usize) -> Build<Self>;
    /// Lets a node make a change that all are to show.
    fn change(sim: &mut Sim<Self>, node: usize);
    fn shows(&self) -> bool;
}

impl Contender for Engine {
    fn cluster(seed: u64, nodes: usize) -> Build<Self> {
        Sim::new(seed).nodes(nodes, lan())
    }

    fn change(sim: &mut Sim<Self>, node: usize) {
        sim.add_item(node, &group(), KeyRange::new(7, 9).unwrap(), 80).unwrap();
    }

    fn shows(&self) -> bool {
        self.topology_of(&group(), Op::Add).next().is_some()
    }
}

impl Contender for Swim {
    fn cluster(seed: u64, nodes: usize) -> Build<Self> {
        Build::of(seed, nodes, move |birth| Self::new(birth, nodes))
    }

    fn change(sim: &mut Sim<Self>, node: usize) {
        sim.with(node, |rival, _| rival.change(CHANGE));
    }

    fn shows(&self) -> bool {
        self.shows(CHANGE)
    }
}

impl Contender for Kinship {
    fn cluster(seed: u64, nodes: usize) -> Build<Self> {
        Build::of(seed, nodes, Self::new)
    }

    fn change(sim: &mut Sim<Self>, node: usize) {
        sim.with(node, |rival, now| rival.change(now, CHANGE));
    }

    fn shows(&self) -> bool {
        self.shows(CHANGE)
    }
}

fn group() -> GroupName {
    GroupName::try_from("rivals").unwrap()
}

/// What a line measured, over all seeds, in the order of the first mention. `None`: not within the
/// time that was given.
type Measured = Vec<(String, Unit, Vec<Option<u64>>)>;

#[derive(Default)]
struct Line(Measured);

impl Line {
    fn push(&mut self, name: impl Into<String>, unit: Unit, value: Option<u64>) {
        let name = name.into();
        match self.0.iter_mut().find(|(known, ..)| *known == name) {
            Some((_, _, values)) => values.push(value),
            None => self.0.push((name, unit, vec![value])),
        }
    }
}

/// How large clusters are, and how much is done with them.
#[derive(Clone, Copy)]
struct Extent {
    large: usize,
    small: usize,
    seeds: u64,
    lossy: Duration,
}

type Measure = fn(&Extent, u64, &mut Line);

/// The same measurement of each contender.
macro_rules! measures {
    ($measure:ident) => {
        [$measure::<Engine>, $measure::<Swim>, $measure::<Kinship>]
    };
}

/// Every line with its measurements.
const LINES: [(&str, [Measure; 3]); 10] = [
    ("bootstrap", measures!(bootstrap)),
    ("idle", measures!(idle)),
    ("update", measures!(update)),
    ("update at 10 % loss", measures!(update_lossy)),
    ("crash", measures!(crash)),
    ("mass crash", measures!(mass_crash)),
    ("leave", measures!(leave)),
    ("partition", measures!(partition)),
    ("loss", measures!(loss)),
    ("slow nodes", measures!(slow)),
];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    // `cargo bench -- --test` and `cargo test --benches` want to know that it runs, not how well.
    let quick = arguments.iter().any(|arg| arg == "--test") || cfg!(debug_assertions);
    let seeds = arguments.iter().position(|arg| arg == "--seeds");
    let seeds = seeds.and_then(|at| arguments.get(at + 1)).map(|seeds| seeds.parse().unwrap());
    let extent = if quick {
        Extent { large: 12, small: 8, seeds: 1, lossy: Duration::from_secs(5) }
    } else {
        let lossy = Duration::from_secs(300);
        Extent { large: 1024, small: 128, seeds: seeds.unwrap_or(3), lossy }
    };
    let out = arguments.iter().position(|arg| arg == "--out").map(|at| {
        let page = std::path::PathBuf::from(arguments.get(at + 1).expect("a page after --out"));
        // Benchmarks run in the folder of their package, and this is called from that of the workspace.
        if page.is_absolute() { page } else { workspace().join(page) }
    });
    assert!(out.is_none() || !quick, "figures of a quick look are none for the page");
    let asked: Vec<&String> = arguments
        .iter()
        .filter(|arg| LINES.iter().any(|(name, ..)| name.starts_with(arg.as_str())))
        .collect();
    println!("{:<44} {:>14} {:>14} {:>14}", "", "scalesmall", "foca", "kinship");
    for (name, measures) in LINES {
        if !asked.is_empty() && !asked.iter().any(|arg| name.starts_with(arg.as_str())) {
            continue;
        }
        let mut measured = [Line::default(), Line::default(), Line::default()];
        for seed in 1..=extent.seeds {
            for (measure, line) in measures.iter().zip(&mut measured) {
                measure(&extent, seed, line);
            }
        }
        let lines = compared(name, &measured);
        println!("{name}");
        for Beside { figure, ours, theirs: [foca, kinship], .. } in &lines {
            println!("  {figure:<42} {ours:>14} {foca:>14} {kinship:>14}");
        }
        if let Some(page) = &out {
            let before = std::fs::read_to_string(page).unwrap();
            std::fs::write(page, results_beside(&before, &lines)).unwrap();
        }
    }
}

fn workspace() -> &'static std::path::Path {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn compared(name: &str, [engine, others @ ..]: &[Line; 3]) -> Vec<Beside> {
    let show = |unit: Unit, values: &[Option<u64>]| {
        // What was not reached counts as longer than all that was.
        let sample = Sample::of(values.iter().map(|value| value.unwrap_or(u64::MAX)));
        match sample.median() {
            u64::MAX => "not reached".to_owned(),
            median => unit.show(median),
        }
    };
    let line = |(what, unit, values): &(String, Unit, Vec<Option<u64>>)| {
        let of = |other: &Line| {
            let found = other.0.iter().find(|(name, ..)| name == what);
            found.map_or_else(String::new, |(_, unit, values)| show(*unit, values))
        };
        Beside {
            line: name.to_owned(),
            figure: what.clone(),
            ours: show(*unit, values),
            theirs: others.each_ref().map(of),
        }
    };
    engine.0.iter().map(line).collect()
}

/// A cluster in which all see all, or that has had two minutes for it.
fn settled<C: Contender>(seed: u64, nodes: usize, link: Link) -> Sim<C> {
    let mut sim = C::cluster(seed, nodes).start_within(SECOND).link(link).build();
    let _ = sim.run_until(Sim::converged, 120 * SECOND);
    sim.run_for(10 * SECOND).unwrap();
    sim
}

/// How long it takes until something is so, in nanoseconds.
fn time<C: Contender>(
    sim: &mut Sim<C>,
    limit: Duration,
    reached: impl FnMut(&Sim<C>) -> bool,
) -> Option<u64> {
    let start = sim.now().as_nanos();
    sim.run_until(reached, limit).ok().map(|_| sim.now().as_nanos() - start)
}

fn bootstrap<C: Contender>(extent: &Extent, seed: u64, line: &mut Line) {
    let nodes = extent.large;
    let mut sim: Sim<C> = C::cluster(seed, nodes).start_within(SECOND).build();
    let meter = sim.meter();
    sim.run_for(SECOND).unwrap();
    let pairs = (nodes * (nodes - 1)) as u64;
    let most = time(&mut sim, 60 * SECOND, |sim| sim.views().wrong_pairs() * 100 <= pairs);
    line.push("99 % of pairs, after the last start", Unit::Nanos, most);
    let rest = time(&mut sim, 60 * SECOND, Sim::converged);
    let all = most.zip(rest).map(|(most, rest)| most + rest);
    line.push("all see all, after the last start", Unit::Nanos, all);
    let usage = sim.since(&meter);
    line.push("bytes of a node until then, or 61 s", Unit::Bytes, Some(usage.bytes_per_node()));
    let seed_rate = sim.traffic(0).peak_bytes * 10;
    line.push("the seed's largest rate", Unit::BytesPerSecond, Some(seed_rate));
}

/// Lines *idle* and *wire*.
fn idle<C: Contender>(extent: &Extent, seed: u64, line: &mut Line) {
    for nodes in [extent.small / 8, extent.small, extent.large] {
        let mut sim: Sim<C> = settled(seed, nodes, Link::lan());
        sim.run_for(10 * SECOND).unwrap();
        let meter = sim.meter();
        sim.run_for(60 * SECOND).unwrap();
        let usage = sim.since(&meter);
        let rate = usage.bytes_per_second();
        line.push(format!("{nodes} nodes: sent by each"), Unit::BytesPerSecond, Some(rate));
        let largest = sim.largest_datagram() as u64;
        line.push(format!("{nodes} nodes: largest datagram"), Unit::Bytes, Some(largest));
        let pair = 2 * usage.total_bytes / usage.total_datagrams.max(1);
        line.push(format!("{nodes} nodes: two mean datagrams (wire)"), Unit::Bytes, Some(pair));
    }
}

fn update<C: Contender>(extent: &Extent, seed: u64, line: &mut Line) {
    update_at::<C>(extent.large, Link::lan(), seed, line);
}

fn update_lossy<C: Contender>(extent: &Extent, seed: u64, line: &mut Line) {
    update_at::<C>(extent.large, Link::lan().loss(Ratio::percent(10)), seed, line);
}

fn update_at<C: Contender>(nodes: usize, link: Link, seed: u64, line: &mut Line) {
    let spent = |changes: bool| {
        let mut sim: Sim<C> = settled(seed, nodes, link.clone());
        let watch = sim.watch(|_, contender: &C| contender.shows());
        let (meter, start) = (sim.meter(), sim.now().as_nanos());
        if changes {
            C::change(&mut sim, nodes / 2);
        }
        sim.run_for(10 * SECOND).unwrap();
        let bytes = sim.since(&meter).bytes_per_node();
        let mut times: Vec<u64> = sim.answers(watch).at.iter().flatten().copied().collect();
        times.sort_unstable();
        times.iter_mut().for_each(|at| *at -= start);
        (bytes, times)
    };
    let (with, times) = spent(true);
    for (name, percent) in [("50 % show it", 50), ("99 % show it", 99), ("all show it", 100)] {
        let rank = (nodes * percent).div_ceil(100);
        line.push(name, Unit::Nanos, times.get(rank - 1).copied());
    }
    let extra = with.saturating_sub(spent(false).0);
    line.push("extra bytes of a node in 10 s", Unit::Bytes, Some(extra));
}

fn unseen<C: Contender>(sim: &Sim<C>, nodes: &[usize]) -> bool {
    nodes.iter().all(|node| sim.views().seen_by(*node) == 0)
}

fn crash<C: Contender>(extent: &Extent, seed: u64, line: &mut Line) {
    let mut sim: Sim<C> = settled(seed, extent.large, Link::lan());
    for node in 1..=3 {
        sim.crash(node);
        let took = time(&mut sim, 60 * SECOND, |sim| unseen(sim, &[node]));
        line.push("all know", Unit::Nanos, took);
        sim.run_for(5 * SECOND).unwrap();
    }
}

fn mass_crash<C: Contender>(extent: &Extent, seed: u64, line: &mut Line) {
    let mut sim: Sim<C> = settled(seed, extent.large, Link::lan());
    let dead: Vec<usize> = (1..=extent.large.div_ceil(20)).collect();
    for node in &dead {
        sim.crash(*node);
    }
    let took = time(&mut sim, 120 * SECOND, |sim| unseen(sim, &dead));
    line.push("all know of all", Unit::Nanos, took);
}

fn leave<C: Contender>(extent: &Extent, seed: u64, line: &mut Line) {
    let mut sim: Sim<C> = settled(seed, extent.large, Link::lan());
    for node in 1..=3 {
        sim.depart(node);
        let took = time(&mut sim, 60 * SECOND, |sim| unseen(sim, &[node]));
        line.push("all know", Unit::Nanos, took);
        sim.run_for(5 * SECOND).unwrap();
    }
}

fn partition<C: Contender>(extent: &Extent, seed: u64, line: &mut Line) {
    let mut sim: Sim<C> = settled(seed, extent.small, Link::lan());
    let nodes: Vec<usize> = (0..extent.small).collect();
    let (left, right) = nodes.split_at(extent.small / 2);
    sim.partition(left, right);
    sim.run_for(60 * SECOND).unwrap();
    sim.heal();
    let took = time(&mut sim, 300 * SECOND, Sim::converged);
    line.push("all see all after halves for 60 s", Unit::Nanos, took);
}

fn loss<C: Contender>(extent: &Extent, seed: u64, line: &mut Line) {
    for percent in [5, 10, 20, 30] {
        let link = Link::lan().loss(Ratio::percent(percent));
        let mut sim: Sim<C> = settled(seed, extent.small, link);
        let (meter, before) = (sim.meter(), sim.reports().len());
        sim.run_for(extent.lossy).unwrap();
        let reports = sim.reports()[before..].iter();
        let wrong = reports.filter(|report| report.is_false_down()).count() as u64;
        line.push(format!("{percent} %: live ones called down"), Unit::Count, Some(wrong));
        let rate = sim.since(&meter).bytes_per_second();
        line.push(format!("{percent} %: sent by each"), Unit::BytesPerSecond, Some(rate));
    }
}

/// Lifeguard's *interval* experiment against plain SWIM: some nodes stand still again and again.
fn slow<C: Contender>(extent: &Extent, seed: u64, line: &mut Line) {
    for at_once in [4, 16, 32].map(|count| count * extent.small / 128) {
        for on in [500, 2_000, 8_000, 32_000].map(Duration::from_millis) {
            let mut sim: Sim<C> = settled(seed, extent.small, Link::lan());
            let before = sim.reports().len();
            let end = sim.now() + extent.lossy.min(120 * SECOND);
            while sim.now() < end {
                (1..=at_once).for_each(|node| sim.pause(node));
                sim.run_for(on).unwrap();
                (1..=at_once).for_each(|node| sim.resume(node, CatchUp::Drain));
                sim.run_for(Duration::from_millis(64)).unwrap();
            }
            let healthy = |node: usize| !(1..=at_once).contains(&node);
            let count = |fits: &dyn Fn(&Report) -> bool| {
                let reports = sim.reports()[before..].iter();
                let wrong = reports.filter(|report| report.is_false_down());
                wrong.filter(|report| healthy(report.about) && fits(report)).count() as u64
            };
            let all = count(&|_| true);
            let at_healthy = count(&|report| healthy(report.by));
            let name = format!("{at_once} stand still for {on:?}");
            line.push(format!("{name}: healthy called down"), Unit::Count, Some(all));
            line.push(format!("{name}: by healthy ones"), Unit::Count, Some(at_healthy));
        }
    }
}

const CHANGE: u32 = 1;
const SECOND: Duration = Duration::from_secs(1);
