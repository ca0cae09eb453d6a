//! Nodes that say goodbye.

use scalesmall_core::{Event, Status};
use scalesmall_sim::{Millis, Sim};

use super::*;

/// One of 64 departs: within 50 ms all know that it left; nobody calls it down in the minute after;
/// it learns that somebody acknowledged.
#[test]
fn a_node_that_departs_has_left_and_is_not_down() -> Outcome {
    let mut sim = settled(40, 64)?;
    let start = sim.now().as_nanos();
    let told = sim.watch_events(|node, event| {
        node == 9
            && matches!(event, Event::Departed { acknowledged_by, .. } if *acknowledged_by > 0)
    });
    sim.depart(9);
    sim.run_until(|sim| sim.all_see_all() && sim.answers(told).count == 1, secs(3))?;
    let known = sim.views().lost_at(9).unwrap() - start;
    assert!(known <= 50_000_000, "known after {}", Millis(known));
    sim.run_for(secs(60))?;
    for report in sim.reports() {
        assert_eq!((report.about, report.status), (9, Some(Status::Left)));
    }
    assert_eq!(sim.reports().len(), 63);
    Ok(())
}

/// What it served is routed to by nobody, 100 ms after it departed.
#[test]
fn a_departed_node_is_not_routed_to() -> Outcome {
    let mut sim = settled(41, 20)?;
    serve_own_ranges(&mut sim);
    sim.run_until(topologies_equal, secs(1))?;
    sim.depart(5);
    sim.run_for(millis(100))?;
    assert!(sim.live().all(|node| routed(&sim, node, 5_005).is_none()));
    Ok(())
}

/// It may come back in a new life: after 2 s all see it again.
#[test]
fn a_departed_node_may_return() -> Outcome {
    let mut sim = settled(42, 20)?;
    sim.depart(5);
    sim.run_for(secs(10))?;
    sim.restart(5);
    sim.run_until(Sim::converged, secs(2))?;
    Ok(())
}

/// All depart, one second after the other; the last one has nobody to tell and ends all the same.
#[test]
fn everybody_may_leave() -> Outcome {
    let mut sim = settled(43, 5)?;
    let ended = sim.watch_events(|_, event| matches!(event, Event::Departed { .. }));
    for node in 0..5 {
        sim.depart(node);
        sim.run_for(secs(1))?;
    }
    sim.run_until(|sim| sim.answers(ended).count == 5, secs(5))?;
    Ok(())
}

/// A node is cut off twice within five minutes and so held off; then it departs. All go on showing
/// it as left, also when the time of the hold is over, and a newcomer agrees with them.
#[test]
fn a_node_that_departs_while_held_off_has_left() -> Outcome {
    let mut sim = settled(44, 6)?;
    let others: Vec<usize> = (0..5).collect();
    for _ in 0..2 {
        let cut = [sim.cut(&others, &[5]), sim.cut(&[5], &others)];
        sim.run_for(secs(10))?;
        for rule in cut {
            sim.lift(rule);
        }
        sim.run_for(secs(10))?;
    }
    sim.depart(5);
    sim.run_for(secs(60))?;
    assert!(others.iter().all(|&node| sim.views().belief(node, 5) == Some(Status::Left)));
    sim.crash(4);
    sim.run_for(secs(10))?;
    sim.restart(4);
    sim.run_until(|sim| sim.pictures_agree(), secs(5))?;
    Ok(())
}

/// Fifteen of thirty depart in one moment: a second later all others show them as left.
#[test]
fn many_may_depart_together() -> Outcome {
    let mut sim = settled(45, 30)?;
    for node in 0..15 {
        sim.depart(node);
    }
    sim.run_for(secs(1))?;
    let told = |node| (0..15).all(|gone| sim.views().belief(node, gone) == Some(Status::Left));
    assert!((15..30).all(told));
    Ok(())
}
