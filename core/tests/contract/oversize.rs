//! What is too large for somebody: divided, passed on by another way, refused or reported, but never
//! acknowledged and lost.

use std::time::Duration;

use bytes::Bytes;
use scalesmall_core::wire::{Frame, MESSAGE_OVERHEAD, Message, Route, Spread};
use scalesmall_core::{BroadcastError, BroadcastId, Config, ConfigError, Event, Recipients, Tag};
use scalesmall_hostile::{Holder, addr, config, engine, engine_with, id, receiver};

use crate::net::Net;

fn sized(max_datagram: usize) -> Config {
    let mut config = config();
    config.max_datagram = max_datagram;
    config
}

/// Engines of which the first has datagrams of another size, after they have met.
fn mixed(nodes: u16, first: &Config) -> Net {
    let mut net = Net::new(nodes);
    net.engines[0] = engine_with(1, first.clone());
    net.meet();
    net.run_for(Duration::from_secs(8));
    net
}

fn broadcast(net: &mut Net, by: u16, len: usize) -> Result<BroadcastId, BroadcastError> {
    let payload = Bytes::from(vec![1; len]);
    net.on(by, |engine, now| engine.broadcast(now, Recipients::All, Tag(1), payload))
}

/// How many nodes have got a message since this many events.
fn delivered(net: &Net, since: usize) -> usize {
    let events = net.events[since..].iter();
    events.filter(|(_, event)| matches!(event, Event::Message { .. })).count()
}

/// The messages that somebody was told not to have reached all, with the sizes that would have passed.
fn undelivered(net: &Net, since: usize) -> Vec<(u16, BroadcastId, usize)> {
    let events = net.events[since..].iter();
    let told = events.filter_map(|(number, event)| match event {
        Event::Undelivered { message, limit } => Some((*number, *message, *limit)),
        _ => None,
    });
    told.collect()
}

/// While `max_datagram` is raised node by node, the first one's messages are too large for all others
/// to pass on: it sends them to each itself.
#[test]
fn a_message_that_no_hop_passes_on_is_sent_to_each_by_its_origin() {
    for nodes in [3, 8, 40] {
        let mut net = mixed(nodes, &sized(9_000));
        let since = net.events.len();
        broadcast(&mut net, 1, 5_000).unwrap();
        net.run_for(Duration::from_secs(5));
        assert_eq!(delivered(&net, since), usize::from(nodes) - 1, "of {nodes}");
        assert_eq!(undelivered(&net, since), []);
    }
}

/// A node with small datagrams is no obstacle to the messages of the others, and gets them.
#[test]
fn messages_go_round_a_node_with_small_datagrams() {
    let mut net = mixed(40, &sized(512));
    for by in 2..=40 {
        let since = net.events.len();
        broadcast(&mut net, by, 1_000).unwrap();
        net.run_for(Duration::from_secs(1));
        assert_eq!(delivered(&net, since), 39, "by {by}");
        assert_eq!(undelivered(&net, since), []);
    }
    let too_long = Err(BroadcastError::TooLong { len: 1_000, limit: 512 - MESSAGE_OVERHEAD });
    assert_eq!(broadcast(&mut net, 1, 1_000), too_long);
}

/// With no room for a copy to each, its origin is told what would have passed, once.
#[test]
fn a_message_that_does_not_reach_all_is_reported_with_the_size_that_would() {
    let mut first = sized(9_000);
    first.limits.relays = 16;
    let mut net = mixed(60, &first);
    let since = net.events.len();
    let sent = broadcast(&mut net, 1, 5_000).unwrap();
    net.run_for(Duration::from_secs(20));
    assert!(delivered(&net, since) < 59);
    assert_eq!(undelivered(&net, since), [(1, sent, 1_200 - MESSAGE_OVERHEAD)]);
    assert_eq!(net.engines[0].stats().messages_undelivered, 1);
}

/// A holder of the key has a hop pass on what it cannot: that keeps no message of others waiting.
#[test]
fn messages_too_large_to_pass_on_do_not_block_a_hop() {
    let mut net = Net::settled(8);
    let mut holder = Holder::new(99);
    let route = Route::Ring { from: 0, until: 0, group: None, covered: false };
    for sequence in 1..=1_200 {
        let message = Message {
            origin: holder.life,
            sequence,
            tag: 1,
            group: None,
            payload: Bytes::from(vec![7; 3_000]),
        };
        let spread = Spread { route: route.clone(), hops: 20, frames: 1, first_try: None };
        let packet =
            holder.packet(Some(receiver()), &[Frame::Spread(spread), Frame::Message(message)]);
        let arrival = holder.arrival();
        net.on(1, |engine, now| engine.handle_datagram(now, arrival, &packet)).unwrap();
    }
    let since = net.events.len();
    for by in [1, 2] {
        broadcast(&mut net, by, 5).unwrap();
    }
    net.run_for(Duration::from_millis(500));
    assert_eq!(delivered(&net, since), 14);
}

/// Only a node's own last messages can be reported to it, each once.
#[test]
fn a_report_of_a_message_that_was_never_sent_is_no_event() {
    let mut net = Net::settled(2);
    broadcast(&mut net, 1, 5).unwrap();
    let mut holder = Holder::new(99);
    let reports = [0, 1, 1, 2, u64::MAX].map(|sequence| Frame::Undelivered { sequence, bytes: 7 });
    let packet = holder.packet(Some(receiver()), &reports);
    let since = net.events.len();
    net.on(1, |engine, now| engine.handle_datagram(now, holder.arrival(), &packet)).unwrap();
    let told: Vec<u64> =
        undelivered(&net, since).iter().map(|(_, message, _)| message.sequence).collect();
    assert_eq!(told, [1]);
}

/// A node that says that large datagrams do not arrive gets small ones, and a few padded pings: not
/// one for each time that it says so.
#[test]
fn a_peer_that_says_that_its_path_is_narrow_draws_few_bytes() {
    let mut net = Net::settled(3);
    let before = net.engines[0].stats().bytes_sent;
    let mut holder = Holder::new(99);
    let mut said = 0;
    for _ in 0..500 {
        let packet = holder.packet(Some(receiver()), &[Frame::Narrow]);
        said += packet.len() as u64;
        net.on(1, |engine, now| engine.handle_datagram(now, holder.arrival(), &packet)).unwrap();
        net.run_for(Duration::from_millis(20));
    }
    let sent = net.engines[0].stats().bytes_sent - before;
    assert!(sent < 2 * said, "{sent} bytes for {said}");
}

/// What a node has said about itself must fit into its datagrams: a smaller size is refused first.
#[test]
fn datagrams_too_small_for_the_metadata_are_refused() {
    let mut engine = engine(1);
    let now = scalesmall_hostile::START;
    engine.set_metadata(now, Bytes::from(vec![1; 500])).unwrap();
    let refused = engine.set_config(now, sized(512)).unwrap_err();
    assert!(matches!(refused, ConfigError::AttributeTooLong { len: 500, limit } if limit < 500));
    assert_eq!(engine.config().max_datagram, 1_200);
    engine.set_metadata(now, Bytes::from(vec![1; 300])).unwrap();
    engine.set_config(now, sized(512)).unwrap();
    let peer = engine.peer(id(1)).unwrap();
    assert_eq!((peer.datagram, peer.address), (512, addr(1)));
}
