//! Links that lose.

use scalesmall_sim::{Link, Ratio, Sim};

use super::*;

/// 100 nodes start within 100 ms at 20 % loss and see each other within 10 s; each serves a range,
/// and within 5 s all show the same; for another minute nobody is called down.
#[test]
fn a_hundred_nodes_agree_though_a_fifth_is_lost() -> Outcome {
    let link = Link::lan().loss(Ratio::percent(20));
    let mut sim = cluster(1, 100).link(link).build();
    sim.forbid_false_down();
    sim.run_until(Sim::converged, secs(10))?;
    serve_own_ranges(&mut sim);
    sim.run_until(|sim| sim.converged() && topologies_equal(sim), secs(5))?;
    assert!(all_route_to_the_living(&sim));
    sim.run_for(secs(60))
}

/// Three nodes lose three of ten datagrams for 2,000 s. Each has one other to ask, which it suspects
/// itself now and then and whose word is lost as often as any; nobody is hidden for a moment.
#[test]
fn three_nodes_at_30_percent_loss_do_not_lose_each_other() -> Outcome {
    let mut sim = settled(6, 3)?;
    sim.set_link(Link::lan().loss(Ratio::percent(30)));
    sim.run_for(secs(2_000))?;
    assert!(sim.reports().is_empty(), "{:?}", sim.reports());
    Ok(())
}

/// Two of three nodes are cut off from each other, and six of ten words of the third to one of them
/// are lost. It is asked until it is heard, so neither of the two is hidden from the other.
#[test]
fn the_word_of_the_only_verifier_is_asked_for_until_it_is_heard() -> Outcome {
    let mut sim = settled(7, 3)?;
    sim.set_pair(1, 0, Link::lan().loss(Ratio::percent(60)));
    sim.partition(&[0], &[2]);
    sim.run_for(secs(120))?;
    assert!(sim.reports().is_empty(), "{:?}", sim.reports());
    Ok(())
}

/// 50 nodes on links that lose half of all datagrams in bursts of ten agree within 10 s, and a
/// minute passes without a false alarm.
#[test]
fn bursts_of_loss_are_outlived() -> Outcome {
    let link = Link::lan().burst_loss(Ratio(1, 90), Ratio(1, 10), Ratio(1, 2));
    let mut sim = cluster(2, 50).link(link).build();
    sim.forbid_false_down();
    sim.run_until(Sim::converged, secs(10))?;
    sim.run_for(secs(60))
}

/// Datagrams that come twice, late or damaged do no harm: 30 nodes agree within 5 s and stay so,
/// and the damage is noticed.
#[test]
fn duplicates_delays_and_damage_do_no_harm() -> Outcome {
    let link = Link::lan()
        .duplicate(Ratio::percent(10))
        .reorder(Ratio::percent(10), millis(50))
        .corrupt(Ratio::percent(5));
    let mut sim = cluster(3, 30).link(link).build();
    sim.forbid_false_down();
    sim.run_until(Sim::converged, secs(5))?;
    serve_own_ranges(&mut sim);
    sim.run_until(|sim| sim.converged() && topologies_equal(sim), secs(5))?;
    sim.run_for(secs(30))?;
    let forged: u64 = sim.live().map(|node| sim.node(node).unwrap().stats().refused_forged).sum();
    assert!(forged > 0);
    Ok(())
}

/// A link that carries 20 KB/s each way with a queue of 16 KB is enough for 20 nodes to agree
/// within 10 s.
#[test]
fn narrow_links_are_enough() -> Outcome {
    let mut sim = cluster(4, 20).link(Link::lan().bandwidth(20_000, 16_384)).build();
    sim.forbid_false_down();
    sim.run_until(Sim::converged, secs(10))?;
    sim.run_for(secs(30))
}

/// One node that loses 80 % of what it sends and hears may be doubted; in 120 s none of the
/// 31 healthy nodes is called down by a healthy one.
#[test]
fn a_lossy_node_takes_nobody_with_it() -> Outcome {
    let mut sim = settled(5, 32)?;
    sim.lossy(7, Ratio::percent(80), Ratio::percent(80));
    sim.run_for(secs(120))?;
    let false_alarms =
        sim.reports().iter().filter(|r| r.is_false_down() && r.about != 7 && r.by != 7).count();
    assert_eq!(false_alarms, 0);
    Ok(())
}
