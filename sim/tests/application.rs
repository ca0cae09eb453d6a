//! An application that calls the engines of a simulation itself.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on is to stop")]

use core::time::Duration;

use scalesmall_core::{GroupName, KeyRange};
use scalesmall_sim::{Sim, lan};

/// An application calls the engine itself, and what it writes is known to the rules.
#[test]
fn what_an_application_writes_is_no_invention() {
    let (group, range) = (GroupName::try_from("jobs").unwrap(), KeyRange::new(0, 9).unwrap());
    let mut sim = Sim::new(4).nodes(4, lan()).build();
    sim.run_until(Sim::converged, Duration::from_secs(5)).unwrap();
    sim.with(1, |engine, now| engine.add_item(now, &group, range, 80)).unwrap();
    sim.run_for(Duration::from_secs(2)).unwrap();
    let shown = |node: usize| sim.node(node).unwrap().route(&group, 5).count() == 1;
    assert!((0..4).all(shown));
    sim.with(1, |engine, now| engine.remove_item(now, &group, range, 80)).unwrap();
    sim.run_for(Duration::from_secs(2)).unwrap();
}
