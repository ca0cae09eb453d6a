//! Segments in which nodes hear each other's multicast.

use scalesmall_core::Config;
use scalesmall_sim::{Link, Millis, Ratio, Sim};

use super::*;

fn multicasting() -> Config {
    let mut config = lan();
    config.multicast = true;
    config
}

/// 20 nodes in one segment that know no seeds at all find each other within 5 s.
#[test]
fn multicast_alone_is_enough_to_meet() -> Outcome {
    let mut sim =
        configured(60, 20, multicasting()).segments(|_| Some(0)).seeds(|_| Vec::new()).build();
    sim.run_until(Sim::converged, secs(5))?;
    Ok(())
}

/// In a settled segment of 50 at 1 % loss an item is shown by all within 60 ms.
#[test]
fn an_item_spreads_by_multicast() -> Outcome {
    let mut sim = configured(61, 50, multicasting())
        .segments(|_| Some(0))
        .link(Link::lan().loss(Ratio::percent(1)))
        .build();
    sim.run_until(Sim::converged, secs(5))?;
    sim.run_for(secs(20))?;
    let (start, addr) = (sim.now().as_nanos(), sim.addr(0));
    let shown = sim.watch(move |_, engine| shows(engine, addr, own_range(0)));
    sim.add_item(0, &group(), own_range(0), 80).unwrap();
    sim.run_until(|sim| sim.answers(shown).count == 50, secs(2))?;
    let last = sim.answers(shown).after(start).max();
    assert!(last <= 60_000_000, "shown by all after {}", Millis(last));
    Ok(())
}

/// Two segments joined by one node that knows a seed in the other agree within 5 s, and an item
/// of one is shown in both within 200 ms.
#[test]
fn segments_are_joined_by_unicast() -> Outcome {
    let mut sim = configured(62, 20, multicasting())
        .segments(|node| Some((node / 10) as u16))
        .seeds(|node| if node == 10 { vec![0] } else { Vec::new() })
        .build();
    sim.run_until(Sim::converged, secs(5))?;
    sim.run_for(secs(5))?;
    sim.add_item(3, &group(), own_range(3), 80).unwrap();
    sim.run_for(millis(200))?;
    assert!(sim.live().all(|node| routed(&sim, node, 3_005) == Some(3)));
    Ok(())
}

/// A segment whose multicast ceases to work altogether still spreads an item within 500 ms.
#[test]
fn multicast_that_fails_is_replaced() -> Outcome {
    let mut sim = configured(63, 20, multicasting()).segments(|_| Some(0)).build();
    sim.run_until(Sim::converged, secs(5))?;
    sim.run_for(secs(10))?;
    sim.forbid_false_down();
    sim.filter(|packet| {
        if packet.multicast { scalesmall_sim::Verdict::Drop } else { scalesmall_sim::Verdict::Pass }
    });
    sim.add_item(3, &group(), own_range(3), 80).unwrap();
    sim.run_for(millis(500))?;
    assert!(sim.live().all(|node| routed(&sim, node, 3_005) == Some(3)));
    sim.run_for(secs(30))
}

/// A settled segment of 50 is as quiet as a network without multicast: at most 120 bytes a second
/// and node, though every beacon is heard by 49.
#[test]
fn beacons_are_not_answered_by_everybody() -> Outcome {
    let mut sim = configured(64, 50, multicasting()).segments(|_| Some(0)).build();
    sim.run_until(Sim::converged, secs(5))?;
    sim.run_for(secs(20))?;
    let meter = sim.meter();
    sim.run_for(secs(60))?;
    let spent = sim.since(&meter).bytes_per_second();
    assert!(spent <= 120, "{spent} bytes a second and node");
    Ok(())
}
