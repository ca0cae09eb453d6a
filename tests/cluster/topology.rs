//! Ranges that come and go.

use scalesmall_core::SendRate;
use scalesmall_sim::{Link, Millis, Ratio, Sim, lan};

use super::*;

/// One of 100 serves a new range: 30 ms later all show it, and it is gone as fast.
#[test]
fn an_item_is_shown_by_all_at_once_and_so_is_its_removal() -> Outcome {
    let mut sim = settled(100, 100)?;
    let id = sim.id(42);
    let item = own_range(42);
    let start = sim.now().as_nanos();
    let shown = sim.watch(move |_, engine| shows(engine, id, item));
    sim.add_item(42, &group(), item, 80).unwrap();
    sim.run_until(|sim| sim.answers(shown).count == 100, secs(5))?;
    let took = sim.answers(shown).after(start).max();
    assert!(took <= 30_000_000, "shown by all after {}", Millis(took));

    let start = sim.now().as_nanos();
    let gone = sim.watch(move |_, engine| !shows(engine, id, item));
    sim.remove_item(42, &group(), item, 80).unwrap();
    sim.run_until(|sim| sim.answers(gone).count == 100, secs(5))?;
    let took = sim.answers(gone).after(start).max();
    assert!(took <= 30_000_000, "gone from all after {}", Millis(took));
    sim.run_for(secs(30))?;
    assert!(sim.live().all(|node| !shows(sim.node(node).unwrap(), id, item)));
    Ok(())
}

/// The same at 10 % loss, within 150 ms.
#[test]
fn an_item_is_shown_by_all_though_a_tenth_is_lost() -> Outcome {
    let mut sim = cluster(101, 100).link(Link::lan().loss(Ratio::percent(10))).build();
    sim.run_until(Sim::converged, secs(10))?;
    sim.run_for(secs(2))?;
    let (start, id, item) = (sim.now().as_nanos(), sim.id(42), own_range(42));
    let shown = sim.watch(move |_, engine| shows(engine, id, item));
    sim.add_item(42, &group(), item, 80).unwrap();
    sim.run_until(|sim| sim.answers(shown).count == 100, secs(5))?;
    let took = sim.answers(shown).after(start).max();
    assert!(took <= 150_000_000, "shown by all after {}", Millis(took));
    Ok(())
}

/// All of 100 nodes change an item within 100 ms: 2 s later all show the same.
#[test]
fn a_storm_of_changes_settles() -> Outcome {
    let mut sim = settled(102, 100)?;
    for node in 0..100 {
        sim.add_item(node, &group(), own_range(node), 80).unwrap();
        sim.run_for(millis(1))?;
    }
    sim.run_until(|sim| sim.converged() && topologies_equal(sim), secs(2))?;
    assert!(all_route_to_the_living(&sim));
    Ok(())
}

/// The same where nobody may send more than 96 kB per second: it takes longer, nobody is called
/// down, and nobody exceeds its rate.
#[test]
fn a_storm_of_changes_settles_at_a_low_rate() -> Outcome {
    let mut config = lan();
    config.send_rate = SendRate::new(96_000, 400);
    let mut sim = configured(112, 40, config).build();
    sim.run_until(Sim::converged, secs(20))?;
    sim.forbid_false_down();
    for node in 0..40 {
        for part in 0..25 {
            let start = node as u32 * 1_000 + part * 10;
            sim.add_item(node, &group(), range(start, start + 5), 80).unwrap();
        }
        sim.run_for(millis(2))?;
    }
    sim.run_until(|sim| sim.converged() && topologies_equal(sim), secs(20))?;
    assert!(sim.live().all(|node| sim.node(node).unwrap().topology(&group()).count() == 1_000));
    Ok(())
}

/// A node that starts when 50 others already serve 50 ranges routes to all of them within 2 s.
#[test]
fn a_newcomer_learns_everything() -> Outcome {
    let mut sim = cluster(103, 51).asleep(&[50]).build();
    sim.run_until(|sim| sim.all_see_all(), secs(5))?;
    serve_own_ranges(&mut sim);
    sim.run_until(topologies_equal, secs(2))?;
    sim.restart(50);
    sim.run_until(
        |sim| {
            sim.converged()
                && (0..50).all(|node| routed(sim, 50, node * 1_000 + 5) == Some(node as usize))
        },
        secs(2),
    )?;
    Ok(())
}

/// A change that reaches nobody, because everything is lost for 2 s, is repaired within 10 s.
#[test]
fn what_was_lost_is_repaired() -> Outcome {
    let mut sim = settled(104, 30)?;
    sim.forbid_false_down();
    let rule = sim.filter(|_| scalesmall_sim::Verdict::Drop);
    sim.add_item(3, &group(), own_range(3), 80).unwrap();
    sim.run_for(secs(1))?;
    sim.lift(rule);
    sim.run_until(|sim| sim.converged() && topologies_equal(sim), secs(10))?;
    assert!(sim.live().all(|node| routed(&sim, node, 3_005) == Some(3)));
    Ok(())
}

/// Leaving a group takes all ranges of the node out of it, everywhere, within 100 ms.
#[test]
fn who_leaves_a_group_is_no_member() -> Outcome {
    let mut sim = settled(105, 20)?;
    serve_own_ranges(&mut sim);
    sim.run_until(topologies_equal, secs(1))?;
    sim.leave(7, &group()).unwrap();
    sim.run_for(millis(100))?;
    let left = sim.id(7);
    assert!(sim.live().all(|node| sim.node(node).unwrap().members(&group()).all(|id| id != left)));
    assert!(sim.live().all(|node| routed(&sim, node, 7_005).is_none()));
    Ok(())
}
