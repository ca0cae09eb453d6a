//! What the original GroupManager answered, and what this project answers to the same calls.
//!
//! `topology-oracle.jsonl` holds 300 recorded scenarios: calls on a few nodes, deliveries of one
//! node's group to another, and the original's answers. Everything has to agree up to a node's
//! first restart, clocks aside, which count from 1 here and are never used twice. What a restart
//! does is changed on purpose, and stated by tests of its own.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod acceptance;
mod replay;

use replay::{Replay, scenarios};

#[test]
fn every_answer_is_the_originals_up_to_the_first_restart() {
    let (mut compared, mut whole) = (0, 0);
    for scenario in scenarios() {
        let mut replay = Replay::new(&scenario);
        while !replay.is_over() && replay.restarts() == 0 {
            let restarts = replay.next_is_restart();
            replay.step();
            if !restarts {
                compared += replay.compare();
            }
        }
        if replay.restarts() == 0 {
            replay.compare_state(&scenario["final"]);
            whole += 1;
        }
    }
    // The numbers that the recording has, so that no scenario can be skipped by mistake.
    assert_eq!(whole, 230);
    assert!(compared > 3_500, "{compared} answers compared");
}

#[test]
fn clocks_are_the_originals_plus_one_until_a_member_leaves() {
    let mut compared = 0;
    for scenario in scenarios() {
        let mut replay = Replay::new(&scenario);
        while !replay.is_over() && replay.restarts() == 0 {
            replay.step();
            compared += usize::from(replay.compare_clock());
        }
    }
    assert!(compared > 1_000, "{compared} clocks compared");
}

#[test]
fn after_a_restart_a_node_stands_by_what_it_says_in_its_new_life() {
    let mut restarted = 0;
    for scenario in scenarios() {
        let mut replay = Replay::new(&scenario);
        while !replay.is_over() {
            let own = replay.own_items();
            let delivery = replay.next_is_delivery();
            replay.step();
            if delivery {
                assert_eq!(replay.own_items(), own, "{}: a delivery changed its own", replay.id());
            }
        }
        if replay.restarts() > 0 {
            replay.settle();
            replay.assert_all_agree_with_the_owners();
            restarted += 1;
        }
    }
    assert_eq!(restarted, 70);
}
