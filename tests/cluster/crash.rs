//! Nodes that die.

use scalesmall_core::Status;
use scalesmall_sim::{Link, Millis, Ratio, Sample, Sim};

use super::*;

/// How long after each crash the last live node knew of it; one crash at a time, each node back
/// before the next.
fn detections(sim: &mut Sim, victims: core::ops::Range<usize>) -> Result<Sample, Box<Failure>> {
    let mut times = Vec::new();
    for victim in victims {
        let start = sim.now().as_nanos();
        sim.crash(victim);
        sim.run_until(Sim::all_see_all, secs(15))?;
        times.push(sim.views().lost_at(victim).unwrap() - start);
        sim.run_for(secs(1))?;
        sim.restart(victim);
        sim.run_until(Sim::all_see_all, secs(10))?;
        sim.run_for(secs(3))?;
    }
    Ok(Sample::of(times))
}

/// Of 64 nodes 12 die, one after the other: all know after 3.5 s in the median, after two probe
/// intervals, a window and half a second at the latest, and no living node is accused.
#[test]
fn a_crash_is_known_to_all_within_the_bound() -> Outcome {
    let mut sim = settled(30, 64)?;
    sim.forbid_false_down();
    let times = detections(&mut sim, 1..13)?;
    assert!(times.median() <= 3_500_000_000, "median {}", Millis(times.median()));
    assert!(times.max() <= 5_000_000_000, "latest {}", Millis(times.max()));
    Ok(())
}

/// The same at 10 % loss: 4.5 s in the median.
#[test]
fn a_crash_is_known_though_a_tenth_is_lost() -> Outcome {
    let mut sim = cluster(31, 64).link(Link::lan().loss(Ratio::percent(10))).build();
    sim.forbid_false_down();
    sim.run_until(Sim::converged, secs(10))?;
    let times = detections(&mut sim, 1..9)?;
    assert!(times.median() <= 4_500_000_000, "median {}", Millis(times.median()));
    Ok(())
}

/// 5 of 100 die at once: within 8 s all know of all.
#[test]
fn many_crashes_at_once_are_known_to_all() -> Outcome {
    let mut sim = settled(32, 100)?;
    sim.forbid_false_down();
    for victim in [3, 14, 15, 92, 65] {
        sim.crash(victim);
    }
    sim.run_until(Sim::converged, secs(8))?;
    Ok(())
}

/// Of 20 nodes 18 die at once. The two that are left agree within 45 s and see nobody else:
/// most of those whom they ask about a dead peer are dead as well.
#[test]
fn the_last_two_know_that_they_are_alone() -> Outcome {
    let mut sim = settled(33, 20)?;
    for victim in 2..20 {
        sim.crash(victim);
    }
    sim.run_until(Sim::all_see_all, secs(45))?;
    Ok(())
}

/// What a dead node served is not routed to; what the others serve is.
#[test]
fn a_dead_node_is_not_routed_to() -> Outcome {
    let mut sim = settled(34, 10)?;
    serve_own_ranges(&mut sim);
    sim.run_until(topologies_equal, secs(1))?;
    sim.crash(4);
    sim.run_until(all_route_to_the_living, secs(8))?;
    assert!(sim.reports().iter().all(|r| r.about == 4 && r.status == Some(Status::Down)));
    Ok(())
}

/// A process that dies while its host lives is known as fast as any other crash.
#[test]
fn a_killed_process_is_known_as_well() -> Outcome {
    let mut sim = settled(35, 20)?;
    sim.forbid_false_down();
    sim.kill(6);
    sim.run_until(Sim::converged, secs(8))?;
    Ok(())
}
