//! The smallest cluster.

use scalesmall_core::Status;
use scalesmall_sim::{Link, Ratio, Sim};

use super::*;

/// Two nodes that lose each other hold each other unreachable, never down, and are together again
/// within 3 s when the network is.
#[test]
fn two_nodes_apart_are_unreachable_and_not_down() -> Outcome {
    let mut sim = settled(110, 2)?;
    sim.partition(&[0], &[1]);
    sim.run_until(|sim| !sim.views().sees(0, 1) && !sim.views().sees(1, 0), secs(8))?;
    sim.run_for(secs(60))?;
    assert_eq!(sim.views().belief(0, 1), Some(Status::Unreachable));
    assert_eq!(sim.views().belief(1, 0), Some(Status::Unreachable));
    assert!(sim.reports().iter().all(|report| report.status == Some(Status::Unreachable)));
    sim.heal();
    sim.run_until(Sim::converged, secs(3))?;
    Ok(())
}

/// Two nodes that lose three of ten datagrams have nobody to ask about each other, and for 2,000 s
/// neither hides the other for a moment.
#[test]
fn two_nodes_at_30_percent_loss_do_not_lose_each_other() -> Outcome {
    let mut sim = settled(113, 2)?;
    sim.set_link(Link::lan().loss(Ratio::percent(30)));
    sim.run_for(secs(2_000))?;
    assert!(sim.reports().is_empty(), "{:?}", sim.reports());
    Ok(())
}

/// One of two dies. The other cannot ask anyone, so it says no more than that it cannot reach it.
#[test]
fn the_death_of_one_of_two_is_not_a_verdict() -> Outcome {
    let mut sim = settled(111, 2)?;
    sim.crash(1);
    sim.run_until(Sim::all_see_all, secs(8))?;
    assert_eq!(sim.views().belief(0, 1), Some(Status::Unreachable));
    sim.restart(1);
    sim.run_until(Sim::converged, secs(3))?;
    Ok(())
}

/// Two nodes that start 10 s apart meet within 3 s of the second start, no matter which of them
/// knows the other.
#[test]
fn two_nodes_meet_whoever_starts_first() -> Outcome {
    for late in [0, 1] {
        let mut sim = cluster(112, 2).asleep(&[late]).build();
        sim.run_for(secs(10))?;
        sim.restart(late);
        sim.run_until(Sim::converged, secs(3))?;
    }
    Ok(())
}
