//! Look-ups and changes of the route index: 100,000 ranges of 1,000 members in three shapes.
//!
//! `cargo bench -p scalesmall-core --bench route`; with `-- --test` each part runs once.

use std::hint::black_box;
use std::time::Instant;

use scalesmall_core::{Epoch, GroupName, KeyRange, NodeId, Status, Topology};

const MEMBERS: u32 = 1_000;
const RANGES: u32 = 100_000;
/// The bars, in nanoseconds.
const LOOK_UP: f64 = 60.0;
const CHANGE: f64 = 20_000.0;

fn main() {
    let rounds = if std::env::args().any(|arg| arg == "--test") { 1_000 } else { 2_000_000 };
    println!("{RANGES} ranges of {MEMBERS} members; nanoseconds, and their part of the bar");
    measure("four layers of adjacent ranges", layers, rounds);
    measure("nested: three wide ranges around narrow ones", nested, rounds);
    measure("four owners each, far apart in the index", staggered, rounds);
}

type Shape = fn(u32) -> (u32, u32);

/// Range `i` of four layers, each of which covers all keys once.
fn layers(i: u32) -> (u32, u32) {
    let width = u32::MAX / (RANGES / 4);
    let (layer, slot) = (i % 4, i / 4);
    let start = slot * width + layer * (width / 4);
    (start, start.saturating_add(width - 1))
}

/// Narrow ranges side by side, three ranges over all of them.
fn nested(i: u32) -> (u32, u32) {
    if i < 3 {
        return (i, u32::MAX - i);
    }
    let width = u32::MAX / RANGES;
    (i * width, i * width + width - 1)
}

/// Ranges of four lengths, the longer ones as a rule many leaves to the left of the key.
fn staggered(i: u32) -> (u32, u32) {
    let (many, few) = (RANGES - 3_300, [3_000, 270, 30]);
    let mut at = i;
    for count in few {
        if at < count {
            let width = u32::MAX / count;
            return (at * width, at * width + (width - 1));
        }
        at -= count;
    }
    let width = u32::MAX / many;
    (at * width, at * width + (width - 1))
}

fn measure(title: &str, shape: Shape, rounds: u32) {
    let group = GroupName::try_from("shards").expect("is short");
    let mut topology = build(&group, shape);
    let mut key = 1u32;
    let mut next = || {
        key = key.wrapping_mul(0x9e37_79b9).wrapping_add(0x7f4a_7c15);
        key
    };
    let owners: usize = (0..1_000).map(|_| topology.route(&group, next()).count()).sum();
    println!("{title}: {:.1} owners a key", owners as f64 / 1_000.0);
    let time = time_each(rounds, || topology.route(&group, next()).next());
    report("best owner", time, LOOK_UP);
    let time = time_each(rounds, || topology.route(&group, next()).last());
    report("all owners", time, LOOK_UP);

    let mut flip = false;
    let time = time_each(rounds / 20 + 1, || {
        flip = !flip;
        let range = KeyRange::new(1_000_000, 1_000_000 + 40_000).expect("rises");
        let change = if flip { Topology::add_item } else { Topology::remove_item };
        change(&mut topology, &group, range, 80).is_ok()
    });
    report("own item change", time, CHANGE);
    let mut other = Topology::new(id(0), Epoch(1));
    for i in 0..RANGES / MEMBERS {
        let (start, end) = shape(i * MEMBERS);
        let range = KeyRange::new(start, end).expect("rises");
        other.add_item(&group, range, 80).expect("within limits");
    }
    let mut told = other.export(&group).map_or(0, |all| all.records[0].clock);
    let range = KeyRange::new(2_000_000, 2_040_000).expect("rises");
    let deltas: Vec<_> = (0..1_000u16)
        .map(|port| {
            other.add_item(&group, range, port).expect("within limits");
            let delta = other.delta(&group, id(0), told).expect("is new");
            told = delta.clock;
            scalesmall_core::GroupRecords { records: vec![delta] }
        })
        .collect();
    let mut deltas = deltas.iter();
    let time = time_each(800, || topology.merge(&group, deltas.next().expect("enough")).len());
    report("merged item change", time, CHANGE);
    let time = time_each(rounds / 20 + 1, || {
        flip = !flip;
        let status = if flip { Status::Down } else { Status::Alive };
        topology.set_status(id(7), status);
    });
    report("status change", time, CHANGE);
}

fn build(group: &GroupName, shape: Shape) -> Topology {
    let mut topology = Topology::new(id(MEMBERS), Epoch(1));
    for member in 0..MEMBERS {
        let mut other = Topology::new(id(member), Epoch(1));
        for i in (member..RANGES).step_by(MEMBERS as usize) {
            let (start, end) = shape(i);
            let range = KeyRange::new(start, end).expect("rises");
            other.add_item(group, range, 80).expect("within limits");
        }
        let changes = topology.merge(group, &other.export(group).expect("is known"));
        assert_eq!(changes.refused(), []);
    }
    topology
}

fn id(number: u32) -> NodeId {
    NodeId::from_bits(number.into())
}

/// The mean time of a call in nanoseconds, in the least disturbed of 200 batches.
fn time_each<T>(rounds: u32, mut call: impl FnMut() -> T) -> f64 {
    let batch = rounds.div_ceil(200);
    let time_batch = |_| {
        let start = Instant::now();
        for _ in 0..batch {
            black_box(&call());
        }
        start.elapsed().as_nanos() as f64 / f64::from(batch)
    };
    (0..200).map(time_batch).fold(f64::INFINITY, f64::min)
}

fn report(what: &str, nanos: f64, bar: f64) {
    println!("  {what:<20} {nanos:>9.1} ns  {:>5.2} of {bar}", nanos / bar);
}
