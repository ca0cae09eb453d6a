//! Nodes that stand still for a while, and go on.

use scalesmall_sim::{CatchUp, Random, Sim};

use super::*;

/// 200 pauses of 0.1 to 2.2 s among 40 nodes, five at once: nobody is ever called down, neither
/// who paused nor by who paused.
fn pauses(seed: u64, catch_up: CatchUp, starve: bool) -> Outcome {
    let mut sim = settled(seed, 40)?;
    sim.forbid_false_down();
    let mut random = Random::new(seed);
    for _ in 0..40 {
        let mut nodes: Vec<usize> = (0..40).collect();
        random.shuffle(&mut nodes);
        let mut ends: Vec<(u64, usize)> =
            nodes[..5].iter().map(|node| (random.between(100, 2_200), *node)).collect();
        ends.sort_unstable();
        for (_, node) in &ends {
            if starve {
                sim.starve(*node);
            } else {
                sim.pause(*node);
            }
        }
        let mut passed = 0;
        for (end, node) in ends {
            sim.run_for(millis(end - passed))?;
            passed = end;
            sim.resume(node, catch_up);
        }
        sim.run_for(millis(random.between(500, 1_500)))?;
    }
    sim.run_until(Sim::converged, secs(5))?;
    Ok(())
}

#[test]
fn pauses_accuse_nobody_when_all_is_caught_up_at_once() -> Outcome {
    pauses(80, CatchUp::AtOnce, false)
}

#[test]
fn pauses_accuse_nobody_when_datagrams_drain_slowly() -> Outcome {
    pauses(81, CatchUp::Drain, false)
}

#[test]
fn starved_nodes_accuse_nobody() -> Outcome {
    pauses(82, CatchUp::Drain, true)
}

/// A node that stands still for a minute is down, like one that crashed; it is back 5 s after it
/// goes on, in the same life, and has accused nobody.
#[test]
fn a_long_pause_is_a_crash_that_ends() -> Outcome {
    let mut sim = settled(83, 20)?;
    serve_own_ranges(&mut sim);
    sim.run_for(secs(1))?;
    let epoch = sim.node(6).unwrap().epoch();
    sim.pause(6);
    sim.run_until(|sim| sim.views().seen_by(6) == 0, secs(8))?;
    sim.run_for(secs(52))?;
    sim.resume(6, CatchUp::Drain);
    sim.run_until(|sim| sim.converged() && topologies_equal(sim), secs(5))?;
    assert!(sim.reports().iter().all(|r| r.about == 6));
    assert_eq!(sim.node(6).unwrap().epoch(), epoch);
    assert!(all_route_to_the_living(&sim));
    Ok(())
}

/// A node that takes only one datagram in 5 ms is slow, not down.
#[test]
fn a_slow_node_is_not_down() -> Outcome {
    let mut sim = settled(84, 20)?;
    sim.forbid_false_down();
    sim.slow_down(3, millis(5));
    sim.run_for(secs(60))
}

/// A node that comes back after standing still is announced by all nodes that it has answered: that
/// costs a broadcast or a few, and not one for each of them.
#[test]
fn a_return_costs_the_cluster_a_few_broadcasts() -> Outcome {
    let mut sim = settled(85, 80)?;
    sim.pause(6);
    sim.run_until(|sim| sim.views().seen_by(6) == 0, secs(8))?;
    sim.run_for(secs(5))?;
    let sent = |sim: &Sim| -> u64 {
        (0..80).filter_map(|node| sim.node(node)).map(|engine| engine.stats().relayed).sum()
    };
    let before = sent(&sim);
    sim.resume(6, CatchUp::Drain);
    sim.run_until(Sim::converged, secs(5))?;
    sim.run_for(secs(1))?;
    let relayed = sent(&sim) - before;
    assert!(relayed <= 4 * 80, "{relayed} frames passed on for one return");
    Ok(())
}
