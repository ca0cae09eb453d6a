//! Nodes on threads of their own: calls, events as a stream, contact and goodbye.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use scalesmall_core::{
    ClusterName, Event, GroupName, Key, KeyRange, Keyring, NodeName, Recipients, Status, Tag,
};
use scalesmall_driver::{CallError, Contact, Events, Front, GroupKeys, Handle, Settings};

use crate::running::{free_port, settings, turn, until};
use crate::spawning::{Spawned, Spawning};

const LIMIT: Duration = Duration::from_secs(20);
const LOOPBACK: &str = "127.0.0.1:0";

fn start<A: Spawning>(settings: &Settings) -> (Spawned, SocketAddr) {
    let node = A::bind(settings).expect("the node starts");
    let at = node.my_address();
    (A::spawn(node).expect("a thread"), at)
}

/// Two nodes that have met: a handle and the events of each.
fn pair<A: Spawning>() -> [(Handle, Events); 2] {
    let ((a, a_events, _), at) = start::<A>(&settings(LOOPBACK, &[]));
    let ((b, b_events, _), _) = start::<A>(&settings(LOOPBACK, &[at]));
    for node in [&a, &b] {
        let contact = A::within(node.contacted(LIMIT), LIMIT).expect("in time");
        assert_eq!(contact, Ok(Contact::In { peers: 1 }));
    }
    [(a, a_events), (b, b_events)]
}

/// Reads events in a task until one is wanted.
#[track_caller]
fn until_event<A: Spawning>(events: &mut Events, wanted: impl FnMut(&Event) -> bool + Send) {
    let mut wanted = wanted;
    let read = async {
        while let Some(event) = events.next().await {
            if wanted(&event) {
                return true;
            }
        }
        false
    };
    assert_eq!(A::within(read, LIMIT), Some(true), "the event does not come");
}

/// Has a node send a message to all, as soon as there is room.
fn send(node: &Handle, tag: u32) {
    let sent = move |node: &mut Front| {
        node.broadcast(Recipients::All, Tag(tag), Bytes::from_static(b"soup")).map(|_| ())
    };
    until(LIMIT, "a message is taken", || node.call(sent).wait().expect("it runs").is_ok());
}

pub(crate) fn calls_reach_the_node_and_others_hear_of_them<A: Spawning>() {
    let _turn = turn();
    let [(a, _a_events), (_b, mut b_events)] = pair::<A>();
    let group = GroupName::try_from("kitchen").expect("a name");
    let range = KeyRange::new(1, 9).expect("a range");
    let call = a.call(move |node| node.add_item(&group, range, 7000));
    let added = A::within(call, LIMIT).expect("in time").expect("it is made").expect("room");
    let same = |event: &Event| matches!(event, Event::ItemSet { item, .. } if *item == added);
    until_event::<A>(&mut b_events, same);
}

pub(crate) fn the_last_handle_that_goes_ends_the_thread_and_the_events<A: Spawning>() {
    let _turn = turn();
    let ((handle, mut events, thread), at) = start::<A>(&settings(LOOPBACK, &[]));
    let other = handle.clone();
    drop(handle);
    let asked = A::within(other.call(|node| node.my_address()), LIMIT);
    assert_eq!(asked, Some(Ok(at)));
    drop(other);
    let read = async { while events.next().await.is_some() {} };
    assert_eq!(A::within(read, LIMIT), Some(()), "the events do not end");
    thread.join().expect("no panic").expect("no failure");
    assert!(std::net::UdpSocket::bind(at).is_ok(), "the socket is still open");
}

pub(crate) fn a_reader_that_lags_gets_every_message_when_it_reads<A: Spawning>() {
    const MESSAGES: u32 = 1000;
    let _turn = turn();
    let [(a, _a_events), (_b, mut b_events)] = pair::<A>();
    (0..MESSAGES).for_each(|tag| send(&a, tag));
    let mut seen = std::collections::BTreeSet::new();
    until_event::<A>(&mut b_events, |event| {
        if let Event::Message { tag, .. } = event {
            assert!(seen.insert(tag.0), "{tag:?} came twice");
        }
        seen.len() == MESSAGES as usize
    });
}

pub(crate) fn a_wait_for_an_event_that_is_dropped_loses_none<A: Spawning>() {
    const MESSAGES: u32 = 300;
    let _turn = turn();
    let [(a, _a_events), (_b, mut b_events)] = pair::<A>();
    let (mut sent, mut next, mut dropped, end) = (0, 0, 0, Instant::now() + LIMIT);
    let mut seen = std::collections::BTreeSet::new();
    while seen.len() < MESSAGES as usize {
        assert!(Instant::now() < end, "sent {sent}, seen {}", seen.len());
        if sent < MESSAGES && next % 3 == 0 {
            send(&a, sent);
            sent += 1;
        }
        next += 1;
        // From nothing at all to longer than a datagram takes.
        let limit = Duration::from_micros(next % 10 * 50);
        match A::within(b_events.next(), limit) {
            Some(Some(Event::Message { tag, .. })) => {
                assert!(seen.insert(tag.0), "{tag:?} came twice");
            }
            Some(event) => assert!(event.is_some(), "the events end"),
            None => dropped += 1,
        }
    }
    assert!(dropped > 10, "only {dropped} waits were dropped");
}

pub(crate) fn a_goodbye_ends_though_nobody_reads_events_and_though_it_was_dropped<A: Spawning>() {
    let _turn = turn();
    let [(a, mut a_events), (b, mut b_events)] = pair::<A>();
    let id = b.call(|node| node.id()).wait().expect("it runs");
    // More than the queue of events holds.
    (0..600).for_each(|tag| send(&a, tag));
    // It may be quick enough, or be dropped.
    let _ = A::within(b.depart(), Duration::ZERO);
    let goodbye = A::within(b.depart(), LIMIT).expect("in time").expect("it is said");
    assert_eq!((goodbye.acknowledged_by, goodbye.told), (1, 1));
    let left = |event: &Event| matches!(event, Event::Peer { peer, to: Some(Status::Left), .. } if peer.id == id);
    until_event::<A>(&mut a_events, left);
    until_event::<A>(&mut b_events, |event| matches!(event, Event::Departed { .. }));
    // Once more is no more.
    assert_eq!(A::within(b.depart(), LIMIT), Some(Ok(goodbye)));
    b.call(|node| node.renew()).wait().expect("it runs").expect("random numbers");
    until_event::<A>(&mut b_events, |event| matches!(event, Event::Renewed { .. }));
}

pub(crate) fn a_call_that_panics_ends_the_thread_and_all_are_told<A: Spawning>() {
    let _turn = turn();
    let ((handle, mut events, thread), at) = start::<A>(&settings(LOOPBACK, &[]));
    let contact = handle.contacted(LIMIT);
    let panics = handle.call(|_| panic!("on purpose"));
    assert_eq!(A::within(panics, LIMIT), Some(Err::<(), _>(CallError::Stopped)));
    assert_eq!(A::within(contact, LIMIT), Some(Err(CallError::Stopped)));
    let read = async { while events.next().await.is_some() {} };
    assert_eq!(A::within(read, LIMIT), Some(()), "the events do not end");
    assert!(thread.join().is_err(), "the thread answers with the panic");
    assert_eq!(A::within(handle.depart(), LIMIT), Some(Err(CallError::Stopped)));
    assert!(std::net::UdpSocket::bind(at).is_ok(), "the socket is still open");
}

/// What a node is told when it and another one contact each other, which differ in `change`.
fn differing<A: Spawning>(change: impl FnOnce(&mut Settings)) -> Contact {
    let places = [free_port(), free_port()].map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
    let mut one = settings(&places[0].to_string(), &[places[1]]);
    let other = settings(&places[1].to_string(), &[places[0]]);
    change(&mut one);
    let ((one, _one_events, _), _) = start::<A>(&one);
    let contact = one.contacted(Duration::from_secs(2));
    let _other = start::<A>(&other);
    A::within(contact, LIMIT).expect("in time").expect("it runs")
}

pub(crate) fn a_contact_ends_with_what_has_come_of_it<A: Spawning>() {
    let _turn = turn();
    assert_eq!(differing::<A>(|_| {}), Contact::In { peers: 1 });
    let other_key = |settings: &mut Settings| {
        settings.keys = GroupKeys::parse(&[b'o'; 32]).expect("long enough");
    };
    assert_eq!(differing::<A>(other_key), Contact::WrongKey);
    let other_cluster = |settings: &mut Settings| {
        settings.cluster = ClusterName::try_from("other").expect("a name");
    };
    assert_eq!(differing::<A>(other_cluster), Contact::WrongCluster);
    let other_suite = |settings: &mut Settings| {
        settings.keys = Keyring::new(Key::sealed([b'k'; 32])).into();
    };
    assert_eq!(differing::<A>(other_suite), Contact::WrongSuite);

    let nobody = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let ((alone, _events, _), _) = start::<A>(&settings(LOOPBACK, &[nobody]));
    let limit = Duration::from_millis(50);
    // One that is dropped disturbs none.
    assert_eq!(A::within(alone.contacted(LIMIT), Duration::ZERO), None);
    assert_eq!(A::within(alone.contacted(limit), LIMIT), Some(Ok(Contact::NobodyAnswers)));
}

pub(crate) fn a_name_in_use_is_told<A: Spawning>() {
    let _turn = turn();
    let ((_seed, _seed_events, _), at) = start::<A>(&settings(LOOPBACK, &[]));
    let mut named = settings(LOOPBACK, &[at]);
    named.name = Some(NodeName::try_from("cook").expect("a name"));
    let ((first, _first_events, _), _) = start::<A>(&named);
    let contact = A::within(first.contacted(LIMIT), LIMIT);
    assert_eq!(contact, Some(Ok(Contact::In { peers: 1 })));
    let begun = Instant::now();
    let ((second, _second_events, _), _) = start::<A>(&named);
    let contact = A::within(second.contacted(LIMIT), LIMIT);
    println!("{contact:?} within {:?}", begun.elapsed());
    assert_eq!(contact, Some(Ok(Contact::NameInUse)));
}
