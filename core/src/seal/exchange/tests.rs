//! Whatever nodes do with their keys, and however much of what they say is lost, late or said twice: no node uses
//! a key that it must not use, none goes back, and they agree again.

mod steps;
mod world;

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::String;

use quickcheck::{Arbitrary, QuickCheck};

use super::*;
use crate::packet::KeyId;
use steps::{Calm, Step, Wild};
use world::{NODES, World, secret};

type Verdict = Result<(), String>;

fn check<A: Arbitrary + core::fmt::Debug>(law: fn(A) -> Verdict) {
    let tests = if cfg!(debug_assertions) { 300 } else { 30_000 };
    QuickCheck::new().tests(tests).max_tests(tests).quickcheck(law);
}

/// A world after these steps, and after everybody could speak for a while.
fn settled(steps: &[Step]) -> Result<World, String> {
    let mut world = World::new();
    world.settle();
    steps.iter().for_each(|&step| world.take(step));
    world.settle();
    world.verdict()?;
    Ok(world)
}

fn calm(steps: Calm) -> Verdict {
    let world = settled(&steps.0)?;
    // Nobody may know any more of one that is cut off, once those that knew of it have restarted.
    let may_part = [Step::Restart(0), Step::Cut(0)].iter().all(|step| {
        let is = |it: &Step| core::mem::discriminant(it) == core::mem::discriminant(step);
        steps.0.iter().any(is)
    });
    if may_part && !world.is_connected() {
        return Ok(());
    }
    let first = world.nodes[0].ring.primary();
    let all = world.nodes.iter().all(|node| node.ring.ids().eq([first]));
    if all { Ok(()) } else { Err(world.fault("not all have one key and no other")) }
}

fn wild(steps: Wild) -> Verdict {
    let world = settled(&steps.0)?;
    let all = |is: &dyn Fn(&HeldKey) -> bool, id| {
        world.nodes.iter().all(|node| node.ring.get(id).is_some_and(is))
    };
    let used: BTreeSet<KeyId> = world.nodes.iter().map(|node| node.ring.primary()).collect();
    let common: Vec<KeyId> = used.into_iter().filter(|&id| all(&|held| !held.leaked, id)).collect();
    // Nodes that were moved opposite ways, each beyond what another one uses, are not brought together.
    let latest = common.iter().filter(|&&id| all(&|held| !held.replaced, id)).count();
    if common.len() <= 1 || latest == 0 {
        Ok(())
    } else {
        Err(world.fault("two keys that all hold are in use"))
    }
}

/// The remedy that every refusal names: a new key, to every node.
fn remedied(steps: Wild) -> Verdict {
    let mut world = settled(&steps.0)?;
    for at in 0..NODES {
        while world.nodes[at].ring.ids().count() == Keyring::MOST {
            world.take(Step::Drop(at, 0, true));
            world.take(Step::Drop(at, 1, true));
        }
        let members = world.members(at);
        add(&mut world.nodes[at].ring, &members, secret(254))
            .map_err(|error| format!("{error}"))?;
        world.changed(at);
    }
    let before = world.fault("");
    world.settle();
    match world.all_use() {
        Some(id) if id == secret(254).id() => world.verdict(),
        _ => Err(before + &world.fault("\nnot all use the new key")),
    }
}

#[test]
fn rotations_end_with_one_key_whatever_the_network_does() {
    check(calm);
}

#[test]
fn whatever_operators_do_no_node_uses_what_it_must_not_and_all_agree_where_they_can() {
    check(wild);
}

#[test]
fn a_new_key_at_every_node_ends_any_split() {
    check(remedied);
}

/// A node that goes to a key of its own and drops the others' one is found again once a key is common.
#[test]
fn a_node_that_dropped_the_key_of_the_others_is_found_under_a_later_one() {
    use Step::{Add, AddEverywhere, Copy, Drop, Given, Rotate, Use};
    let steps = [
        Rotate(2),
        Use(2, 76, true),
        Add(1, 1),
        Drop(2, 121, true),
        Given(3, 227, 251, 23),
        Copy(3, 1),
        AddEverywhere(0),
        AddEverywhere(1),
    ];
    assert_eq!(wild(Wild(steps.to_vec())), Ok(()));
}

/// Rotations that begin at all nodes at once do not wait for each other's room.
#[test]
fn five_rotations_at_once_end_with_one_key() {
    use Step::{Rotate, Say, Second};
    let steps = [
        Rotate(2),
        Rotate(1),
        Rotate(3),
        Say(3, 1),
        Second,
        Rotate(0),
        Say(1, 3),
        Say(3, 1),
        Say(2, 1),
        Say(0, 2),
        Second,
        Rotate(0),
        Rotate(0),
        Say(2, 1),
    ];
    assert_eq!(calm(Calm(steps.to_vec())), Ok(()));
}
