//! Packet numbers that others remember: a node whose numbers they have seen before is told so, and
//! begins a new life.

use std::time::Duration;

use bytes::Bytes;
use scalesmall_core::wire::Frame;
use scalesmall_core::{
    Arrival, DatagramError, Destination, Engine, Epoch, Event, Recipients, Status, Tag,
};
use scalesmall_hostile::{EPOCH, Holder, START, addr, config, drain, engine, id};

use crate::ms;
use crate::net::Net;

/// Whether each of the others shows a node as alive, and has heard of all of the present life.
fn is_seen(net: &Net, number: u16) -> bool {
    let node = &net.engines[usize::from(number) - 1];
    let others = net.engines.iter().filter(|engine| engine.id() != node.id());
    others.clone().all(|engine| {
        let peer = engine.peer(node.id());
        peer.is_some_and(|peer| peer.epoch == node.epoch() && peer.status == Status::Alive)
    })
}

/// Runs until all see each other and hold the same picture; says how long that took.
fn until_well(net: &mut Net, limit: Duration) -> Duration {
    let start = net.now;
    loop {
        let all = 1..=net.engines.len() as u16;
        let equal = net.engines.iter().all(|one| one.digest() == net.engines[0].digest());
        if equal && all.clone().all(|number| is_seen(net, number)) {
            return net.now.since(start);
        }
        let waited = net.now.since(start);
        assert!(waited < limit, "not well after {waited:?}");
        net.run_for(Duration::from_millis(10));
    }
}

/// How many of the events are news of a node that is down or unreachable.
fn hidden(net: &Net) -> usize {
    let hides = |event: &&(u16, Event)| {
        matches!(event.1, Event::Peer { to: Some(Status::Down | Status::Unreachable), .. })
    };
    net.events.iter().filter(hides).count()
}

fn renewals(net: &Net, of: u16) -> usize {
    let renewed = |(number, event): &&(u16, Event)| {
        *number == of && matches!(event, Event::Renewed { .. })
    };
    net.events.iter().filter(renewed).count()
}

/// The messages that nodes have delivered.
fn delivered(net: &Net) -> Vec<(u16, Bytes)> {
    let message = |(number, event): &(u16, Event)| match event {
        Event::Message { payload, .. } => Some((*number, payload.clone())),
        _ => None,
    };
    net.events.iter().filter_map(message).collect()
}

#[test]
fn a_node_set_back_to_a_snapshot_is_back_soon_and_nobody_calls_it_down() {
    for (up, back) in [(3_600, 600), (600, 60), (120, 5), (60, 1)] {
        let mut net = Net::settled(8);
        net.run_for(Duration::from_secs(up - back));
        let snapshot = net.engines[2].clone();
        net.run_for(Duration::from_secs(back));
        let payload = Bytes::from_static(b"pay 100");
        net.on(1, |engine, now| engine.broadcast(now, Recipients::All, Tag(1), payload)).unwrap();
        net.run_for(Duration::from_secs(1));
        net.events.clear();
        net.sent.clear();
        net.engines[2] = snapshot;
        net.run_for(Duration::from_secs(5));
        assert_eq!(until_well(&mut net, ms(1).since(ms(0))), Duration::ZERO, "up {up} s");
        net.run_for(Duration::from_secs(20));
        assert_eq!(hidden(&net), 0, "up {up} s, back {back} s");
        assert!(renewals(&net, 3) <= 1);
        let others = delivered(&net).iter().filter(|(number, _)| *number != 3).count();
        assert_eq!(others, 0, "a message comes twice");
    }
}
