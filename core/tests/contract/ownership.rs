//! What a service may build on: fencing tokens rise, and a node that may stop is told from one that
//! may not.

use std::time::Duration;

use scalesmall_core::{Epoch, Event, OwnerChange};
use scalesmall_hostile::id;

use crate::net::Net;
use crate::{group, range};

#[test]
fn a_fencing_token_rises_with_each_term_and_each_life_of_an_owner() {
    let mut net = Net::new(2);
    net.on(2, |engine, now| engine.contact(now, &[scalesmall_hostile::addr(1)]));
    let (shards, keys) = (group("shards"), range(0, 9));
    let mut last = None;
    for term in 0..6 {
        if term == 3 {
            net.on(1, |engine, now| {
                let later = Epoch(engine.epoch().0 + 1);
                engine.renew(now, later);
            });
        }
        net.on(1, |engine, now| engine.add_item(now, &shards, keys, 80)).unwrap();
        net.run_for(Duration::from_millis(200));
        net.on(2, |engine, _| {
            let owner = engine.route(&shards, 5).next().expect("it serves the key");
            let fence = engine.fence(&shards, &owner);
            assert!(fence > last, "{fence:?} after {last:?}");
            last = fence;
        });
        let owner = net.on(2, |engine, _| engine.route(&shards, 5).next()).unwrap();
        net.on(1, |engine, now| engine.remove_item(now, &shards, keys, 80)).unwrap();
        net.run_for(Duration::from_millis(200));
        assert_eq!(net.on(2, |engine, _| engine.fence(&shards, &owner)), None);
    }
}

#[test]
fn what_nobody_else_serves_is_missing_without_its_owner() {
    let mut net = Net::new(3);
    for node in [2, 3] {
        net.on(node, |engine, now| engine.contact(now, &[scalesmall_hostile::addr(1)]));
    }
    let shards = group("shards");
    net.on(1, |engine, now| engine.add_item(now, &shards, range(0, 9), 80)).unwrap();
    net.on(2, |engine, now| engine.add_item(now, &shards, range(5, 14), 80)).unwrap();
    net.run_for(Duration::from_millis(500));
    net.on(3, |engine, _| {
        let without = |nodes: &[u16], copies| {
            let nodes: Vec<_> = nodes.iter().map(|&node| id(node)).collect();
            let all = engine.shortfalls_without(&nodes, copies);
            all.iter().map(|it| (it.range.start(), it.range.end(), it.left)).collect::<Vec<_>>()
        };
        assert_eq!(without(&[3], 1), []);
        assert_eq!(without(&[1], 1), [(0, 4, 0)]);
        assert_eq!(without(&[2], 2), [(5, 9, 1), (10, 14, 0)]);
        assert_eq!(without(&[1, 2], 1), [(0, 4, 0), (5, 9, 0), (10, 14, 0)]);
        let mut both = [id(1), id(2)];
        both.sort();
        assert_eq!(engine.living_members(&shards), both);
    });
}

/// One owner through all that can happen to it, as another node is told.
#[test]
fn each_change_of_an_owner_is_told_once() {
    let mut net = Net::settled(3);
    let (shards, keys) = (group("shards"), range(0, 9));
    let mut since = 0;
    let mut told = |net: &Net| {
        let news: Vec<OwnerChange> = net.events[since..]
            .iter()
            .filter_map(|(node, event)| match event {
                Event::OwnersChanged { group, range, member, change } if *node == 2 => {
                    assert_eq!((group, *range, *member), (&shards, keys, id(1)));
                    Some(*change)
                }
                _ => None,
            })
            .collect();
        since = net.events.len();
        news
    };
    let run = |net: &mut Net| net.run_for(Duration::from_secs(1));
    net.on(1, |engine, now| engine.add_item(now, &shards, keys, 80)).unwrap();
    run(&mut net);
    assert_eq!(told(&net), [OwnerChange::Served]);
    net.on(1, |engine, now| engine.set_draining(now, true));
    run(&mut net);
    assert_eq!(told(&net), [OwnerChange::Draining]);
    net.cut.extend([(1, 2), (1, 3), (2, 1), (3, 1)]);
    net.run_for(Duration::from_secs(20));
    assert_eq!(told(&net), [OwnerChange::Down]);
    net.cut.clear();
    net.run_for(Duration::from_secs(60));
    assert_eq!(told(&net), [OwnerChange::Draining], "it is back, and drains");
    net.on(1, |engine, now| engine.set_draining(now, false));
    run(&mut net);
    assert_eq!(told(&net), [OwnerChange::Undrained]);
    net.on(1, |engine, now| engine.remove_item(now, &shards, keys, 80)).unwrap();
    run(&mut net);
    assert_eq!(told(&net), [OwnerChange::Withdrawn]);
}
