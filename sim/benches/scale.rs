//! How fast the simulator is: its queue alone, and a settled cluster against real time.
#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on is to stop")]

use core::time::Duration;
use std::time::Instant;

use scalesmall_sim::{Queue, Random, Sim, lan};

fn main() {
    // `cargo bench -- --test` and `cargo test --benches` want to know that it runs, not how fast.
    let quick = std::env::args().any(|arg| arg == "--test") || cfg!(debug_assertions);
    for pending in [1_000, 10_000, 100_000] {
        queue(pending, if quick { 10_000 } else { 10_000_000 });
    }
    for nodes in if quick { vec![20] } else { vec![100, 1_000] } {
        idle(nodes, Duration::from_secs(if quick { 1 } else { 20 }));
    }
}

/// Two thirds datagrams due in 0.1 to 2 ms, one third timers due in 0.2 to 1 s.
fn queue(pending: u64, events: u64) {
    let mut random = Random::new(1);
    let mut queue = Queue::new();
    let mut span = move || match random.below(3) {
        0 => random.between(200_000_000, 1_000_000_000),
        _ => random.between(100_000, 2_000_000),
    };
    for item in 0..pending {
        queue.push(span(), item);
    }
    let start = Instant::now();
    for _ in 0..events {
        let (time, item) = queue.pop(u64::MAX).unwrap();
        queue.push(time + span(), item);
    }
    let rate = u128::from(events) * 1_000 / start.elapsed().as_micros().max(1);
    println!("queue, {pending} pending: {rate} thousand events a second");
}

/// A settled cluster: how much virtual time passes in a real second.
fn idle(nodes: usize, span: Duration) {
    let mut sim = Sim::new(1).nodes(nodes, lan()).build();
    sim.run_until(Sim::converged, Duration::from_secs(20)).unwrap();
    let (start, steps) = (Instant::now(), sim.steps());
    sim.run_for(span).unwrap();
    let real = start.elapsed();
    let factor = span.as_micros() / real.as_micros().max(1);
    let rate = u128::from(sim.steps() - steps) * 1_000 / real.as_micros().max(1);
    println!("{nodes} idle nodes: {factor} x real time, {rate} thousand steps a second");
}
