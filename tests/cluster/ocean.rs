//! Nodes with oceans between them, and both an ocean and a switch in one cluster.

use scalesmall_sim::{Delay, Link, Millis, Ratio, Sample, Sim, wan};

use super::*;

/// One way across `between`, 20 nodes in two places whose own delay is 10 microseconds.
fn two_places(seed: u64, between: Duration) -> Result<Sim, Box<Failure>> {
    let near =
        Link::lan().delay(Delay::Uniform(Duration::from_micros(8), Duration::from_micros(12)));
    let far = Link::lan().delay(Delay::Uniform(between / 2, between * 3 / 2));
    let places = |node: usize| u16::from(node >= 10);
    let mut sim = configured(seed, 20, wan()).link(near).zones(places, far).build();
    sim.forbid_false_down();
    sim.run_until(Sim::converged, secs(30))?;
    sim.run_for(secs(30))?;
    Ok(sim)
}

/// How long after each of several crashes the last live node knew of it.
fn detections(sim: &mut Sim, victims: &[usize]) -> Result<Sample, Box<Failure>> {
    let mut times = Vec::new();
    for &victim in victims {
        let start = sim.now().as_nanos();
        sim.crash(victim);
        sim.run_until(Sim::all_see_all, secs(30))?;
        times.push(sim.views().lost_at(victim).unwrap() - start);
        sim.restart(victim);
        sim.run_until(Sim::all_see_all, secs(30))?;
        sim.run_for(secs(10))?;
    }
    Ok(Sample::of(times))
}

/// At 400 ms one way the report of a verifier is under way for longer than a LAN's whole grace: it
/// is waited for, so that all know of a crash after two probe intervals, the window and eight ways
/// at the latest, and half of the crashes are known an interval earlier.
#[test]
fn a_crash_across_an_ocean_is_known_within_the_bound() -> Outcome {
    let way = millis(400);
    let link = Link::lan().delay(Delay::Uniform(way / 2, way * 3 / 2));
    let mut sim = configured(60, 20, wan()).link(link).build();
    sim.forbid_false_down();
    sim.run_until(Sim::converged, secs(30))?;
    sim.run_for(secs(30))?;
    let times = detections(&mut sim, &[1, 2, 3, 4, 5, 6])?;
    assert!(times.median() <= 14_200_000_000, "median {}", Millis(times.median()));
    assert!(times.max() <= 17_200_000_000, "latest {}", Millis(times.max()));
    Ok(())
}

/// The same at 10 % loss: a report that is lost is asked for again.
#[test]
fn a_crash_across_an_ocean_is_known_though_a_tenth_is_lost() -> Outcome {
    let link = Link::lan().delay(Delay::Constant(millis(300))).loss(Ratio::percent(10));
    let mut sim = configured(61, 20, wan()).link(link).build();
    sim.forbid_false_down();
    sim.run_until(Sim::converged, secs(30))?;
    sim.run_for(secs(30))?;
    let times = detections(&mut sim, &[1, 2, 3])?;
    assert!(times.max() <= 30_000_000_000, "latest {}", Millis(times.max()));
    Ok(())
}

/// Verifiers are drawn from both sides of the ocean: a wait that follows the round trips of one side
/// misses the reports of the other.
#[test]
fn a_crash_is_known_where_round_trips_differ_by_a_factor_of_thousands() -> Outcome {
    let mut sim = two_places(62, millis(400))?;
    let times = detections(&mut sim, &[3, 13, 7, 17])?;
    assert!(times.max() <= 17_200_000_000, "latest {}", Millis(times.max()));
    Ok(())
}

/// A change crosses the ocean once for each of a few copies and is shown by all within eight ways;
/// a newcomer on either side is in within twelve.
#[test]
fn an_update_and_a_newcomer_take_a_few_ways() -> Outcome {
    let way = millis(200);
    let mut sim = two_places(63, way)?;
    sim.with(2, |engine, now| engine.add_item(now, &group(), range(0, 9), 80)).unwrap();
    sim.run_until(topologies_equal, way * 8 + millis(5))?;
    for newcomer in [5, 15] {
        sim.crash(newcomer);
        sim.run_until(Sim::all_see_all, secs(30))?;
        sim.run_for(secs(10))?;
        sim.restart(newcomer);
        sim.run_until(Sim::all_see_all, way * 12 + millis(100))?;
    }
    Ok(())
}
