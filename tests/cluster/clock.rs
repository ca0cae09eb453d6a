//! Clocks that are wrong.

use scalesmall_sim::Ratio;

use super::*;

/// A node restarts with its wall clock a day behind, and so in a lower epoch: within 5 s of its
/// first datagram all see it and route to its new range, and none to its old one.
#[test]
fn a_node_whose_clock_was_set_back_returns() -> Outcome {
    let mut sim = settled(20, 20)?;
    let old = range(0, 99);
    let new = range(100, 199);
    sim.add_item(3, &group(), old, 80).unwrap();
    sim.run_for(secs(1))?;
    let epoch = sim.node(3).unwrap().epoch();
    sim.crash(3);
    sim.run_for(secs(20))?;
    sim.set_wall_clock(3, -24 * 3_600 * 1_000);
    sim.restart(3);
    assert!(sim.node(3).unwrap().epoch() < epoch);
    sim.add_item(3, &group(), new, 80).unwrap();
    sim.run_until(
        |sim| {
            sim.converged()
                && sim.live().all(|node| {
                    routed(sim, node, 150) == Some(3) && routed(sim, node, 50).is_none()
                })
        },
        secs(5),
    )?;
    assert!(sim.node(3).unwrap().epoch() > epoch);
    Ok(())
}

/// The same when it is back before anyone has noticed.
#[test]
fn a_clock_set_back_during_a_short_restart_heals_as_well() -> Outcome {
    let mut sim = settled(21, 20)?;
    sim.set_wall_clock(3, -60_000);
    sim.crash(3);
    sim.run_for(millis(300))?;
    sim.restart(3);
    sim.add_item(3, &group(), range(100, 199), 80).unwrap();
    sim.run_until(
        |sim| sim.converged() && sim.live().all(|node| routed(sim, node, 150) == Some(3)),
        secs(5),
    )?;
    Ok(())
}

/// The same when it had said goodbye, so that nobody looks for it any more.
#[test]
fn a_node_that_left_returns_with_a_clock_that_was_set_back() -> Outcome {
    let mut sim = settled(24, 5)?;
    sim.depart(3);
    sim.run_for(secs(3))?;
    sim.crash(3);
    sim.set_wall_clock(3, -60_000);
    sim.restart(3);
    sim.add_item(3, &group(), range(100, 199), 80).unwrap();
    sim.run_until(
        |sim| sim.converged() && sim.live().all(|node| routed(sim, node, 150) == Some(3)),
        secs(5),
    )?;
    Ok(())
}

/// Clocks that run 1 % fast or slow raise no alarm in two minutes.
#[test]
fn skewed_clocks_are_tolerated() -> Outcome {
    let mut sim = settled(22, 20)?;
    sim.skew(1, Ratio(101, 100));
    sim.skew(2, Ratio(99, 100));
    sim.run_for(secs(120))?;
    assert_eq!(sim.reports(), []);
    Ok(())
}

/// A clock that jumps an hour forward, as after a suspend that nobody else noticed, makes its node
/// accuse nobody.
#[test]
fn a_jump_of_the_clock_accuses_nobody() -> Outcome {
    let mut sim = settled(23, 20)?;
    sim.forbid_false_down();
    sim.jump(4, 3_600_000_000_000);
    sim.run_for(secs(10))?;
    assert!(sim.converged());
    sim.jump(4, -60_000_000_000);
    sim.run_for(secs(90))
}
