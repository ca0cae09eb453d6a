//! What is told to those that watch a node.

use std::time::Duration;

use bytes::Bytes;
use scalesmall_core::{Epoch, Recipients, Stats, Tag};
use scalesmall_hostile::{EPOCH, START, addr, drain, engine};

use crate::net::Net;
use crate::{group, range};

#[test]
fn what_waits_is_told_until_it_is_drained() {
    let mut engine = engine(1);
    let _ = drain(&mut engine);
    let empty = engine.load();
    assert_eq!((empty.frames, empty.changes, empty.events, empty.event_bytes), (0, 0, 0, 0));
    assert_eq!((empty.ranges, empty.copies, empty.health), (0, 0, 1));

    engine.contact(START, &[addr(2)]);
    engine.add_item(START, &group("g"), range(1, 2), 7).unwrap();
    engine.add_item(START, &group("g"), range(3, 4), 7).unwrap();
    let full = engine.load();
    assert!(full.frames > 0 && full.changes > 0 && full.events > 0, "{full:?}");
    // The membership in the group is an item as well.
    let ranges = engine.topology(&group("g")).count();
    assert_eq!(full.ranges, ranges);

    while engine.poll_event().is_some() {}
    let _ = drain(&mut engine);
    let drained = engine.load();
    assert_eq!((drained.frames, drained.events, drained.ranges), (0, 0, ranges));
}

#[test]
fn changes_wait_until_they_are_told_and_copies_until_they_are_acknowledged() {
    let mut net = Net::settled(3);
    let copies = |net: &mut Net| {
        net.on(1, |engine, now| {
            engine.broadcast(now, Recipients::All, Tag(1), Bytes::from_static(b"x")).unwrap();
            engine.load().copies
        })
    };
    assert!(copies(&mut net) > 0);
    let changes = net.on(1, |engine, now| {
        engine.join(now, &group("g")).unwrap();
        engine.load().changes
    });
    assert_eq!(changes, 1);
    net.run_for(Duration::from_secs(2));
    let load = net.engines[0].load();
    assert_eq!((load.copies, load.changes), (0, 0), "{load:?}");
}

#[test]
fn a_node_is_leaving_from_its_goodbye_to_its_next_life() {
    let mut engine = engine(1);
    assert!(!engine.is_leaving());
    engine.depart(START);
    assert!(engine.is_leaving());
    let _ = drain(&mut engine);
    assert!(engine.is_leaving());
    engine.renew(START, Epoch(EPOCH.0 + 1));
    assert!(!engine.is_leaving());
}

#[test]
fn each_counter_says_what_it_counts() {
    let names: Vec<&str> = Stats::default().iter().map(|(name, _)| name).collect();
    assert_eq!(names.len(), Stats::HELP.len());
    let of = |wanted: &str| {
        let at = names.iter().position(|name| *name == wanted).unwrap();
        Stats::HELP[at]
    };
    assert_eq!(of("datagrams_received").trim(), "Datagrams handed in.");
    // A text of several lines is one line.
    assert!(of("messages_unknown_age").contains("had come, or because the sequence number"));
    for help in Stats::HELP {
        assert!(help.trim().ends_with('.') && !help.contains('\n'), "{help:?}");
    }
}
