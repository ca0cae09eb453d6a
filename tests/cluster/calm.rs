//! When nothing is wrong.

use scalesmall_sim::{Delay, Link, Sim, wan};

use super::*;

/// 50 nodes see each other within 2 s; in the 5 minutes after that nobody is called anything but
/// alive by anyone, and no node sends more than 120 bytes a second in the mean.
#[test]
fn nobody_is_reported_down_on_a_network_without_loss() -> Outcome {
    let mut sim = cluster(10, 50).build();
    sim.run_until(Sim::converged, secs(2))?;
    sim.run_for(secs(10))?;
    let meter = sim.meter();
    sim.run_for(secs(300))?;
    assert_eq!(sim.reports(), []);
    let spent = sim.since(&meter).bytes_per_second();
    assert!(spent <= 120, "{spent} bytes a second and node");
    Ok(())
}

/// The same between three places, 40 ms apart.
#[test]
fn nobody_is_reported_down_between_places() -> Outcome {
    let mut sim = configured(11, 30, wan()).zones(|node| (node % 3) as u16, Link::wan()).build();
    sim.run_until(Sim::converged, secs(5))?;
    sim.run_for(secs(120))?;
    assert_eq!(sim.reports(), []);
    Ok(())
}

/// 20 nodes with IPv6 addresses.
#[test]
fn addresses_may_be_of_the_sixth_version() -> Outcome {
    let mut sim = cluster(12, 20).ipv6().build();
    sim.run_until(Sim::converged, secs(2))?;
    serve_own_ranges(&mut sim);
    sim.run_until(topologies_equal, secs(1))?;
    assert!(all_route_to_the_living(&sim));
    Ok(())
}

/// Nodes that each know only the one before them still find all others, within 5 s.
#[test]
fn a_chain_of_seeds_is_enough() -> Outcome {
    let mut sim = cluster(13, 40).seeds(|node| vec![node.saturating_sub(1)]).build();
    sim.run_until(Sim::converged, secs(5))?;
    Ok(())
}

/// Seeds that start 30 s later are found within 5 s of their start.
#[test]
fn seeds_may_come_late() -> Outcome {
    let mut sim = cluster(14, 10).asleep(&[0]).build();
    sim.run_for(secs(30))?;
    assert_eq!(sim.views().seen_by(0), 0);
    sim.restart(0);
    sim.run_until(Sim::converged, secs(5))?;
    Ok(())
}

/// A single node is content: it sees nobody, and waits for its seed to appear.
#[test]
fn a_node_alone_keeps_its_own_ranges() -> Outcome {
    let mut sim = cluster(15, 1).link(Link::new(Delay::Constant(millis(1)))).build();
    sim.run_for(secs(60))?;
    serve_own_ranges(&mut sim);
    assert_eq!(routed(&sim, 0, 5), Some(0));
    Ok(())
}
