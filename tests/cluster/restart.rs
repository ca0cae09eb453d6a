//! Nodes that come back in a new life.

use scalesmall_core::Op;
use scalesmall_sim::{Millis, Sim};

use super::*;

/// One of 50 crashes and is back a second later with another range: 200 ms after its start all
/// route to the new range, and none to the old one.
#[test]
fn after_a_restart_new_ranges_are_in_and_old_ones_out() -> Outcome {
    let mut sim = settled(90, 50)?;
    sim.add_item(8, &group(), range(0, 99), 80).unwrap();
    sim.run_until(topologies_equal, secs(1))?;
    sim.crash(8);
    sim.run_for(secs(1))?;
    let (start, id) = (sim.now().as_nanos(), sim.id(8));
    let done = sim.watch(move |_, engine| {
        shows(engine, id, range(100, 199)) && !shows(engine, id, range(0, 99))
    });
    sim.restart(8);
    sim.add_item(8, &group(), range(100, 199), 80).unwrap();
    sim.run_until(|sim| sim.answers(done).count == 50, secs(5))?;
    let took = sim.answers(done).after(start).max();
    assert!(took <= 200_000_000, "shown by all after {}", Millis(took));
    sim.run_until(Sim::converged, secs(5))?;
    for node in 0..50 {
        assert_eq!((routed(&sim, node, 150), routed(&sim, node, 50)), (Some(8), None));
    }
    Ok(())
}

/// A node that comes back without joining leaves nothing of its former life behind.
#[test]
fn a_former_life_leaves_nothing_behind() -> Outcome {
    let mut sim = settled(91, 20)?;
    sim.add_item(8, &group(), range(0, 99), 80).unwrap();
    sim.run_until(topologies_equal, secs(1))?;
    sim.crash(8);
    sim.run_for(secs(10))?;
    sim.restart(8);
    sim.run_until(|sim| sim.converged() && topologies_equal(sim), secs(5))?;
    let left =
        sim.live().map(|node| sim.node(node).unwrap().topology_of(&group(), Op::Add).count());
    assert_eq!(left.sum::<usize>(), 0);
    Ok(())
}

/// All 30 nodes restart one after the other, two seconds apart, each with its range: in the end all
/// route to all.
#[test]
fn a_rolling_restart_loses_nothing() -> Outcome {
    let mut sim = settled(92, 30)?;
    serve_own_ranges(&mut sim);
    sim.run_until(topologies_equal, secs(1))?;
    for node in 0..30 {
        sim.depart(node);
        sim.run_for(secs(1))?;
        sim.restart(node);
        sim.add_item(node, &group(), own_range(node), 80).unwrap();
        sim.run_for(secs(1))?;
    }
    sim.run_until(|sim| sim.converged() && topologies_equal(sim), secs(5))?;
    assert!(all_route_to_the_living(&sim));
    Ok(())
}

/// All nodes but one restart at once, as after a power cut: within 10 s all see all.
#[test]
fn a_power_cut_is_survived() -> Outcome {
    let mut sim = settled(93, 30)?;
    serve_own_ranges(&mut sim);
    sim.run_until(topologies_equal, secs(1))?;
    for node in 1..30 {
        sim.crash(node);
    }
    sim.run_for(secs(5))?;
    for node in 1..30 {
        sim.restart(node);
    }
    sim.run_until(|sim| sim.converged() && topologies_equal(sim), secs(10))?;
    Ok(())
}

/// The dead are forgotten in time although others restart meanwhile and are taught of them anew:
/// here 60 s after the crash, with one of two others restarting every 20 s.
#[test]
fn restarts_of_others_do_not_keep_the_dead_in_memory() -> Outcome {
    let mut config = lan();
    config.forget_after = secs(60);
    let mut sim = configured(94, 5, config).build();
    sim.run_until(Sim::converged, secs(5))?;
    let dead = sim.id(4);
    sim.crash(4);
    for turn in 0..6 {
        sim.run_for(secs(20))?;
        sim.restart(1 + turn % 2);
    }
    sim.run_for(secs(5))?;
    assert!(sim.live().all(|node| sim.node(node).unwrap().peer(dead).is_none()));
    assert!(sim.pictures_agree());
    Ok(())
}

/// The one seed of 128 nodes says goodbye and begins anew, knowing nobody: the others, for whom it
/// is the seed, go on trying it, and have it back within seconds.
#[test]
fn a_seed_that_departed_and_restarts_is_found_by_the_others() -> Outcome {
    let mut sim = settled(98, 128)?;
    sim.forbid_false_down();
    for _ in 0..6 {
        sim.depart(0);
        sim.run_for(millis(300))?;
        sim.kill(0);
        sim.run_for(secs(1))?;
        sim.restart(0);
        sim.run_until(Sim::converged, secs(5))?;
    }
    Ok(())
}
