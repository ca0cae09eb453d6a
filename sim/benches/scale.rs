//! How fast the simulator is, and how much it takes: its queue alone, settled clusters against real
//! time, and 2,048 nodes with a range each from their start on.
//!
//! ```console
//! $ cargo bench -p scalesmall-sim --bench scale -- [queue | idle | large [NODES]]
//! ```
//!
//! `large 8192` takes 12 GB at its peak and some 20 minutes of one core.
//!
//! Authentication, trace hash and all checks are on. Memory is what Linux counts as resident in the
//! whole process, the simulator's own tables included. With glibc, each large table of an engine has
//! a mapping of its own: in a common heap thousands of tables that grow together leave holes behind,
//! a seventh of the whole.
#![allow(unsafe_code, reason = "an allocator cannot be set up without")]
#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on is to stop")]

use core::time::Duration;
use std::time::Instant;

use scalesmall_core::{GroupName, KeyRange};
use scalesmall_sim::{Queue, Random, Sim, lan};

fn main() {
    // `cargo bench -- --test` and `cargo test --benches` want to know that it runs, not how fast.
    let quick = std::env::args().any(|arg| arg == "--test") || cfg!(debug_assertions);
    let parts: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    let asked = |part: &str| parts.is_empty() || parts.iter().any(|asked| asked == part);
    let many = parts.iter().find_map(|part| part.parse().ok()).unwrap_or(2_048);
    // The largest first: memory that was given back is not always seen to be.
    if asked("large") {
        // More nodes than usual run for a shorter time.
        let span = Duration::from_secs(60) * 2_048 / many.max(2_048);
        let (nodes, span) = if quick { (12, Duration::from_secs(1)) } else { (many, span) };
        large(nodes as usize, span);
    }
    if asked("idle") {
        for nodes in if quick { vec![20] } else { vec![100, 1_000] } {
            idle(nodes, Duration::from_secs(if quick { 1 } else { 20 }));
        }
    }
    if asked("queue") {
        for pending in [1_000, 10_000, 100_000] {
            queue(pending, if quick { 10_000 } else { 10_000_000 });
        }
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
    // What a start leaves to do goes on for some seconds.
    sim.run_for(Duration::from_secs(10)).unwrap();
    let (start, steps) = (Instant::now(), sim.steps());
    sim.run_for(span).unwrap();
    let real = start.elapsed();
    let factor = span.as_micros() / real.as_micros().max(1);
    let rate = u128::from(sim.steps() - steps) * 1_000 / real.as_micros().max(1);
    println!("{nodes} idle nodes: {factor} x real time, {rate} thousand events a second");
}

/// Nodes that serve a range each start, settle and run on.
fn large(nodes: usize, span: Duration) {
    map_large_tables();
    let before = memory("VmRSS:");
    let start = Instant::now();
    let mut sim = Sim::new(1).nodes(nodes, lan()).start_within(Duration::from_secs(1)).build();
    sim.run_for(Duration::from_secs(1)).unwrap();
    let boot = sim.run_until(Sim::converged, Duration::from_secs(60)).unwrap();
    println!(
        "{nodes} nodes: all see all {boot:?} after the last start, {:.1?} of real time",
        start.elapsed()
    );
    let known = memory("VmRSS:").saturating_sub(before);
    let pairs = (nodes * (nodes - 1)) as u64;
    println!("{nodes} nodes: {} bytes for each known peer", known / pairs.max(1));
    let group = GroupName::try_from("ranges").unwrap();
    for node in 0..nodes {
        let first = node as u32 * 1_000;
        sim.add_item(node, &group, KeyRange::new(first, first + 999).unwrap(), 80).unwrap();
        sim.run_for(Duration::from_millis(1)).unwrap();
    }
    let settled = sim.run_until(Sim::converged, Duration::from_secs(60)).unwrap();
    let ranges = memory("VmRSS:").saturating_sub(before + known);
    println!("{nodes} nodes: all have all ranges {settled:?} after the last of them");
    println!("{nodes} nodes: {} bytes for each known range", ranges / pairs.max(1));
    let (run, steps) = (Instant::now(), sim.steps());
    sim.run_for(span).unwrap();
    let real = run.elapsed().as_micros().max(1);
    let rate = u128::from(sim.steps() - steps) * 1_000 / real;
    let factor = span.as_micros() / real;
    println!("{nodes} nodes: {factor} x real time, {rate} thousand events a second");
    let peak = memory("VmHWM:");
    println!("{nodes} nodes: {} MB at the peak, {:.1?} in all", peak / 1_000_000, start.elapsed());
    let limit = 14_000_000_000;
    assert!(peak <= limit, "{peak} bytes at the peak are more than {limit}");
}

/// Has glibc map what takes 64 KiB or more by itself, whatever has been freed before.
fn map_large_tables() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        const M_MMAP_THRESHOLD: core::ffi::c_int = -3;
        unsafe extern "C" {
            safe fn mallopt(param: core::ffi::c_int, value: core::ffi::c_int) -> core::ffi::c_int;
        }
        assert_eq!(mallopt(M_MMAP_THRESHOLD, 64 << 10), 1, "glibc takes a threshold of 64 KiB");
    }
}

/// A line of what Linux says about this process, in bytes; 0 where it cannot be read.
fn memory(name: &str) -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
    let number = line.trim().trim_end_matches(" kB").parse::<u64>();
    number.unwrap_or(0) * 1_024
}
