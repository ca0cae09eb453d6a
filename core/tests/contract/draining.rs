//! Nodes that stop in order: what each serves is left to others that stay.

use std::time::Duration;

use scalesmall_core::{Engine, Epoch, NodeId, Prefer, Traits};
use scalesmall_hostile::id;

use crate::net::Net;
use crate::{group, range};

/// How many other owners shall be left.
const COPIES: usize = 1;

fn covered(net: &Net, number: u16) -> bool {
    net.engines[usize::from(number) - 1].uncovered(COPIES).is_empty()
}

fn drain(net: &mut Net, number: u16) {
    net.on(number, |engine, now| engine.set_draining(now, true));
}

/// Nodes of which all serve the same keys.
fn serving(nodes: u16) -> Net {
    let mut net = Net::settled(nodes);
    for number in 1..=nodes {
        net.on(number, |engine, now| engine.add_item(now, &group("shards"), range(0, 99), 80))
            .unwrap();
    }
    net.run_for(Duration::from_secs(1));
    net
}

#[test]
fn a_node_may_stop_once_an_owner_that_stays_has_noted_it() {
    let mut net = serving(2);
    assert!(!covered(&net, 1), "it has not said that it drains");
    drain(&mut net, 1);
    assert!(!covered(&net, 1), "nobody has noted it yet");
    net.run_for(Duration::from_millis(100));
    assert!(covered(&net, 1));
    // The other one begins later, and may not stop any more.
    drain(&mut net, 2);
    net.run_for(Duration::from_secs(5));
    assert!(covered(&net, 1) && !covered(&net, 2));
    let missing = &net.engines[1].uncovered(COPIES)[0];
    assert_eq!((missing.range, missing.owners, missing.left), (range(0, 99), 2, 0));
    net.on(1, |engine, now| engine.set_draining(now, false));
    net.run_for(Duration::from_secs(2));
    assert!(!covered(&net, 1) && covered(&net, 2));
}

/// Two that need each other begin at the same moment: exactly one may stop, whatever is lost.
#[test]
fn of_two_that_need_each_other_one_waits() {
    for lost in [None, Some((1, 2)), Some((2, 1))] {
        let mut net = serving(3);
        net.on(3, |engine, now| engine.leave(now, &group("shards"))).unwrap();
        net.run_for(Duration::from_secs(1));
        net.cut.extend(lost);
        drain(&mut net, 1);
        drain(&mut net, 2);
        for step in 0..60 {
            net.run_for(Duration::from_millis(100));
            let both = covered(&net, 1) && covered(&net, 2);
            assert!(!both, "both may stop after {step} steps, {lost:?} lost");
        }
        net.cut.clear();
        net.run_for(Duration::from_secs(10));
        let first = if id(1) < id(2) { 1 } else { 2 };
        assert!(covered(&net, first) && !covered(&net, 3 - first), "{lost:?} lost");
    }
}

/// An owner that has restarted has forgotten what it noted.
#[test]
fn a_new_life_has_to_note_it_again() {
    let mut net = serving(2);
    drain(&mut net, 1);
    net.run_for(Duration::from_millis(100));
    assert!(covered(&net, 1));
    let epoch = Epoch(net.engines[1].epoch().0 + 1);
    net.on(2, |engine, now| engine.renew(now, epoch));
    net.cut.insert((1, 2));
    net.run_for(Duration::from_millis(500));
    assert!(!covered(&net, 1), "it has not told that life");
    net.cut.clear();
    net.run_for(Duration::from_secs(3));
    assert!(covered(&net, 1));
}

/// A rolling stop of all nodes but one, each asking itself alone.
#[test]
fn nodes_that_all_drain_stop_one_after_the_other_and_the_last_one_stays() {
    let mut net = serving(5);
    for number in 1..=5 {
        drain(&mut net, number);
    }
    let mut stopped = Vec::new();
    for _ in 0..200 {
        net.run_for(Duration::from_millis(50));
        for number in (1..=5).filter(|number| !stopped.contains(number)).collect::<Vec<_>>() {
            if covered(&net, number) {
                net.on(number, Engine::depart);
                stopped.push(number);
            }
        }
    }
    assert_eq!(stopped.len(), 4, "{stopped:?}");
}

fn owners(engine: &Engine, key: u32, prefer: &Prefer) -> Vec<NodeId> {
    engine.route_by(&group("shards"), key, prefer).iter().map(|owner| owner.member).collect()
}

#[test]
fn owners_are_chosen_by_zone_by_weight_and_by_who_stays() {
    let mut net = serving(4);
    let zones = ["a", "a", "b", "b"];
    for (number, zone) in (1..).zip(zones) {
        let weight = if number == 4 { 3 } else { 1 };
        let traits = Traits::default().with_zone(zone).unwrap().with_weight(weight).unwrap();
        net.on(number, |engine, now| engine.set_traits(now, traits)).unwrap();
    }
    net.run_for(Duration::from_secs(1));
    let engine = &net.engines[0];
    let zone = |node: &NodeId| engine.peer(*node).unwrap().traits.zone().unwrap().to_owned();
    let mut firsts = 0;
    for key in 0..100 {
        let mut near = Prefer::default();
        near.zone = Some("b".to_owned());
        let near: Vec<String> = owners(engine, key, &near).iter().map(&zone).collect();
        assert_eq!(near, ["b", "b", "a", "a"]);
        let mut spread = Prefer::default();
        spread.spread = true;
        let spread: Vec<String> = owners(engine, key, &spread).iter().map(&zone).collect();
        assert!(spread[0] != spread[1], "{spread:?}");
        firsts += usize::from(owners(engine, key, &Prefer::default())[0] == id(4));
        for other in &net.engines[1..] {
            let plain = Prefer::default();
            assert_eq!(owners(engine, key, &plain), owners(other, key, &plain));
        }
    }
    // Half of the weight; 50 on average.
    assert!((30..70).contains(&firsts), "{firsts}");
    drain(&mut net, 4);
    net.run_for(Duration::from_secs(1));
    let planned = net.engines[0].candidates(&group("shards"));
    assert!(net.engines[1..].iter().all(|other| other.candidates(&group("shards")) == planned));
    let of = |number| *planned.iter().find(|it| it.node == id(number)).unwrap();
    assert_eq!([1, 4].map(|number| of(number).weight), [1, 0]);
    assert!(of(1).zone == of(2).zone && of(1).zone != of(3).zone && of(1).zone != 0);
    let mut new = Prefer::default();
    new.new_work = true;
    new.zone = Some("b".to_owned());
    for key in 0..100 {
        assert_eq!(owners(&net.engines[0], key, &new)[3], id(4));
    }
}

/// Without weights and preferences it is what `route` returns.
#[test]
fn the_plain_order_is_that_of_route() {
    let net = serving(5);
    for key in 0..100 {
        let engine = &net.engines[0];
        let plain: Vec<NodeId> =
            engine.route(&group("shards"), key).map(|owner| owner.member).collect();
        assert_eq!(owners(engine, key, &Prefer::default()), plain);
    }
}
