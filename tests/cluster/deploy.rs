//! A rolling deploy by what each node says of itself: it drains, asks whether it may stop, and stops.

use std::collections::BTreeSet;

use super::*;

const SERVERS: usize = 64;
/// The owners of each key.
const OWNERS: usize = 2;
/// How many nodes are replaced at a time, as far as they let themselves be.
const AT_ONCE: usize = 8;

/// The two ranges of a node: its own part of the keys and the next one, so that each part has two owners.
fn parts(node: usize) -> [KeyRange; 2] {
    let part = |number: usize| {
        let start = (number % SERVERS) as u32 * 1_000;
        range(start, start + 999)
    };
    [part(node), part(node + 1)]
}

fn serve(sim: &mut Sim, node: usize) {
    for range in parts(node) {
        sim.add_item(node, &group(), range, 80).unwrap();
    }
}

/// The fewest owners of any key, of those that are up.
fn fewest(sim: &Sim) -> usize {
    let mut owners = [0; SERVERS];
    for node in sim.live() {
        let engine = sim.node(node).unwrap();
        let own = engine.topology_of(&group(), Op::Add);
        let mine = own.filter(|timed| timed.item.member == engine.id());
        mine.for_each(|timed| owners[timed.item.range.start() as usize / 1_000] += 1);
    }
    owners.into_iter().min().unwrap_or_default()
}

/// All nodes are restarted, several at a time, and nobody looks at the whole: each begins to drain when it is its
/// turn, and stops as soon as it may. Neighbours need each other, so some of those that begin at once have to wait.
#[test]
fn a_rolling_deploy_by_asking_each_node_itself_never_uncovers_a_key() -> Outcome {
    let mut sim = settled(41, SERVERS)?;
    for node in 0..SERVERS {
        serve(&mut sim, node);
    }
    sim.run_for(secs(2))?;
    assert_eq!(fewest(&sim), OWNERS);
    let mut waiting: Vec<usize> = (0..SERVERS).rev().collect();
    let (mut draining, mut stopped) = (BTreeSet::new(), BTreeSet::new());
    let (mut done, mut waited, mut at_once) = (0, 0, 0);
    while done < SERVERS {
        while draining.len() + stopped.len() < AT_ONCE
            && let Some(node) = waiting.pop()
        {
            sim.with(node, |engine, now| engine.set_draining(now, true));
            draining.insert(node);
        }
        for _ in 0..10 {
            sim.run_for(millis(50))?;
            let covered = |node: &usize| sim.node(*node).unwrap().uncovered(1).is_empty();
            let may: Vec<usize> = draining.iter().copied().filter(covered).collect();
            waited += draining.len() - may.len();
            for node in may {
                draining.remove(&node);
                stopped.insert(node);
                sim.depart(node);
                assert!(fewest(&sim) >= 1, "a key has no owner after node {node} has stopped");
            }
        }
        at_once = at_once.max(stopped.len());
        for node in core::mem::take(&mut stopped) {
            sim.kill(node);
            sim.restart(node);
            sim.run_until(|sim| sim.node(node).is_some_and(Engine::has_caught_up), secs(5))?;
            serve(&mut sim, node);
            done += 1;
        }
        sim.run_for(millis(500))?;
        assert!(sim.now().as_nanos() < 120_000_000_000, "{done} of {SERVERS} are done");
    }
    assert!(at_once > 1 && waited > 0, "{at_once} at once, waited {waited} times");
    assert_eq!(fewest(&sim), OWNERS);
    Ok(())
}

/// Far more owners of the same keys than are told at once drain at the same moment, and one stays. Each learns of
/// the one that stays soon, however many that come first are told again.
#[test]
fn of_eighty_that_drain_at_once_each_finds_the_one_that_stays() -> Outcome {
    let owners = 81;
    let mut sim = settled(43, owners)?;
    for node in 0..owners {
        sim.add_item(node, &group(), range(0, 99), 80).unwrap();
    }
    sim.run_for(secs(2))?;
    let stays = owners - 1;
    for node in 0..stays {
        sim.with(node, |engine, now| engine.set_draining(now, true));
    }
    let may = |sim: &Sim, node: usize| sim.node(node).unwrap().uncovered(1).is_empty();
    let took = sim.run_until(|sim| (0..stays).all(|node| may(sim, node)), secs(5))?;
    assert!(took <= secs(3), "{took:?}");
    assert!(!may(&sim, stays));
    Ok(())
}
