//! Keys are exchanged in a running cluster. What is asked of every story: no packet is refused for it, and
//! nobody is suspected for it.

use std::cell::RefCell;
use std::rc::Rc;

use scalesmall_core::{Key, KeyId, Keyring};
use scalesmall_sim::Ratio;

use super::*;

const NODES: usize = 32;

fn rotate(sim: &mut Sim, node: usize, number: u8) -> KeyId {
    let key = Key::sealed([number; 32]);
    sim.with(node, |engine, now| engine.rotate_keys(now, key)).unwrap()
}

fn ring(sim: &Sim, node: usize) -> Option<&Keyring> {
    Some(&sim.node(node)?.config().keys)
}

fn all_use(sim: &Sim, key: KeyId) -> bool {
    sim.live().all(|node| ring(sim, node).is_some_and(|ring| ring.primary() == key))
}

fn all_have_only(sim: &Sim, key: KeyId) -> bool {
    sim.live().all(|node| ring(sim, node).is_some_and(|ring| ring.ids().eq([key])))
}

fn refused(sim: &Sim) -> u64 {
    let refused = |node| sim.node(node).map_or(0, |engine| engine.stats().refused_key);
    (0..sim.len()).map(refused).sum()
}

fn took(sim: &Sim, since: u64) -> Duration {
    Duration::from_nanos(sim.now().as_nanos() - since)
}

#[test]
fn a_rotation_at_rest_takes_a_second() -> Outcome {
    let mut sim = settled(90, NODES)?;
    sim.forbid_false_down();
    let since = sim.now().as_nanos();
    let new = rotate(&mut sim, 7, 1);
    sim.run_until(|sim| all_use(sim, new), secs(1))?;
    sim.run_until(|sim| all_have_only(sim, new), secs(9))?;
    println!("all have one key after {:?}", took(&sim, since));
    assert_eq!(refused(&sim), 0);
    sim.run_until(Sim::converged, secs(1))?;
    Ok(())
}

#[test]
fn a_rotation_goes_through_a_tenth_of_loss() -> Outcome {
    let mut sim = settled(91, NODES)?;
    (0..NODES).for_each(|node| sim.lossy(node, Ratio::percent(10), Ratio::NEVER));
    sim.run_for(secs(5))?;
    sim.forbid_false_down();
    let since = sim.now().as_nanos();
    let new = rotate(&mut sim, 7, 1);
    sim.run_until(|sim| all_have_only(sim, new), secs(10))?;
    println!("all have one key after {:?}", took(&sim, since));
    assert_eq!(refused(&sim), 0);
    Ok(())
}

/// Both halves rotate while they are cut off from each other.
#[test]
fn rotations_on_both_sides_of_a_cut_end_with_one_key_soon_after_it() -> Outcome {
    let mut sim = settled(92, NODES)?;
    let (left, right): (Vec<usize>, Vec<usize>) = (0..NODES).partition(|node| node % 2 == 0);
    sim.partition(&left, &right);
    sim.run_for(secs(20))?;
    let keys = [rotate(&mut sim, left[3], 1), rotate(&mut sim, right[5], 2)];
    sim.run_for(secs(40))?;
    let uses = |node, key| ring(&sim, node).is_some_and(|ring| ring.primary() == key);
    assert!(left.iter().all(|&node| uses(node, keys[0])));
    assert!(right.iter().all(|&node| uses(node, keys[1])));
    assert_eq!(refused(&sim), 0);
    sim.heal();
    let healed = sim.now().as_nanos();
    sim.run_until(Sim::converged, secs(5))?;
    sim.run_until(|sim| keys.iter().any(|&key| all_have_only(sim, key)), secs(10))?;
    println!("all have one key {:?} after the cut", took(&sim, healed));
    assert!(took(&sim, healed) <= secs(10));
    assert_eq!(refused(&sim), 0);
    Ok(())
}

/// A node that was away for the whole rotation comes back and is given the key.
#[test]
fn a_node_that_was_away_is_given_the_key_and_holds_up_nothing() -> Outcome {
    let mut sim = settled(93, NODES)?;
    let others: Vec<usize> = (1..NODES).collect();
    sim.partition(&[0], &others);
    sim.run_for(secs(20))?;
    let new = rotate(&mut sim, 7, 1);
    sim.run_for(secs(3600))?;
    assert!(others.iter().all(|&node| ring(&sim, node).is_some_and(|it| it.primary() == new)));
    sim.heal();
    sim.run_until(|sim| all_have_only(sim, new), secs(15))?;
    assert_eq!(refused(&sim), 0);
    Ok(())
}

/// Each node is restarted while the key is exchanged, with the keys that it has kept in its file.
#[test]
fn a_rotation_goes_on_while_all_nodes_are_restarted_in_turn() -> Outcome {
    let kept: Rc<RefCell<Vec<Option<Keyring>>>> = Rc::new(RefCell::new(vec![None; NODES]));
    let file = Rc::clone(&kept);
    let mut sim = cluster(94, NODES)
        .born(move |sim, node| {
            if let Some(keys) = &file.borrow()[node] {
                sim.with(node, |engine, now| {
                    let mut config = engine.config().clone();
                    config.keys = keys.clone();
                    engine.set_config(now, config).unwrap();
                });
            }
        })
        .build();
    sim.run_until(Sim::converged, secs(5))?;
    sim.run_for(secs(2))?;
    let mut new = None;
    for node in 0..NODES {
        kept.borrow_mut()[node] = ring(&sim, node).cloned();
        sim.kill(node);
        sim.run_for(millis(300))?;
        sim.restart(node);
        sim.run_for(millis(700))?;
        if node == 5 {
            new = Some(rotate(&mut sim, 9, 1));
        }
    }
    let new = new.unwrap();
    sim.run_until(|sim| all_have_only(sim, new), secs(10))?;
    sim.run_until(Sim::converged, secs(5))?;
    assert_eq!(refused(&sim), 0);
    Ok(())
}

/// The node that has begun dies at any moment of it: the others go on, or are as if it had not begun.
#[test]
fn a_rotation_whose_node_dies_at_any_step_goes_on_or_never_was() -> Outcome {
    for after in [0, 1, 2, 5, 20, 60, 200, 1_000, 3_500] {
        let mut sim = settled(95, 8)?;
        let new = rotate(&mut sim, 7, 1);
        sim.run_for(millis(after))?;
        sim.kill(7);
        sim.run_for(secs(30))?;
        let rings: Vec<KeyId> =
            (0..7).filter_map(|node| Some(ring(&sim, node)?.primary())).collect();
        let same = rings.iter().all(|id| *id == rings[0]);
        assert!(same, "{after} ms: {rings:?}");
        assert!(after < 60 || rings[0] == new, "{after} ms");
        assert_eq!(refused(&sim), 0);
    }
    Ok(())
}
