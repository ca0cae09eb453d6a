//! Bursts, cancelled waits, no room to send: nothing is lost.

use std::collections::BTreeSet;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsFd as _;
use std::time::{Duration, Instant};

use bytes::Bytes;
use scalesmall_core::{Event, Recipients, Status, Tag};
use scalesmall_driver::Preset;

use crate::adapter::Adapter;
use crate::namespace::Namespace;
use crate::running::{Running, settings, turn, until, until_all_see_all};

const LOOPBACK: &str = "127.0.0.1:0";

/// What the system says of the socket on this port: bytes that wait to be received, and datagrams
/// that it has dropped for want of room. Asking does not wake the node.
fn queue(port: u16) -> (u64, u64) {
    let table = std::fs::read_to_string("/proc/net/udp").expect("a Linux system");
    let place = format!(":{port:04X}");
    let mut lines = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let line = lines.find(|line| line.get(1).is_some_and(|at| at.ends_with(&place)));
    let line = line.expect("the socket is open");
    let (_, waiting) = line[4].split_once(':').expect("two queues");
    let waiting = u64::from_str_radix(waiting, 16).expect("a number");
    (waiting, line[line.len() - 1].parse().expect("a number"))
}

/// The node must take all that waits by itself: none of its own deadlines is that close.
#[track_caller]
fn until_taken(port: u16) {
    until(Duration::from_secs(2), "all is taken", || queue(port).0 == 0);
}

pub(crate) fn a_burst_loses_no_wake_up<A: Adapter>() {
    const BURST: u64 = 1000;
    let _turn = turn();
    let stranger = UdpSocket::bind(LOOPBACK).expect("a socket");
    for waiting in [false, true] {
        let mut settings = settings(LOOPBACK, &[]);
        settings.preset = Preset::Wan;
        let mut node = A::bind(&settings).expect("the node starts");
        let to = node.my_address();
        // It may be alone and have something to say about that.
        while let Ok(Some(_)) = A::next_event_within(&mut node, Duration::from_millis(20)) {}
        let before = node.stats().datagrams_received;
        let node = if waiting {
            let node = Running::run::<A>(node);
            (0..BURST).for_each(|_| assert!(stranger.send_to(&[0; 100], to).is_ok()));
            node
        } else {
            (0..BURST).for_each(|_| assert!(stranger.send_to(&[0; 100], to).is_ok()));
            Running::run::<A>(node)
        };
        let received = || node.call(|node| node.stats().datagrams_received);
        until_taken(to.port());
        let arrived = BURST - queue(to.port()).1;
        assert!(arrived >= 64, "too few for more than one turn of the pump");
        assert_eq!(received() - before, arrived, "waiting: {waiting}");

        // The wait works as before.
        let before = received();
        for _ in 0..10 {
            assert!(stranger.send_to(b"x", to).is_ok());
            until_taken(to.port());
        }
        assert_eq!(received() - before, 10);
    }
}

/// Nobody sends anything: the engine's own timers must do.
pub(crate) fn a_deadline_is_kept_without_any_datagram<A: Adapter>() {
    const LIMIT: Duration = Duration::from_secs(20);
    let _turn = turn();
    let silent = UdpSocket::bind(LOOPBACK).expect("a socket").local_addr().expect("it is bound");
    let mut node = A::bind(&settings(LOOPBACK, &[silent])).expect("the node starts");
    let end = Instant::now() + LIMIT;
    while A::next_event_within(&mut node, LIMIT).expect("it works") != Some(Event::Isolated) {
        assert!(Instant::now() < end);
    }
}

pub(crate) fn a_cancelled_wait_loses_nothing<A: Adapter>() {
    const MESSAGES: u32 = 300;
    let _turn = turn();
    let sender = Running::start::<A>(&settings(LOOPBACK, &[]));
    let mut node = A::bind(&settings(LOOPBACK, &[sender.address])).expect("the node starts");
    let me = node.id();
    let end = Instant::now() + Duration::from_secs(20);
    let mut sent = 0;
    let mut seen = BTreeSet::new();
    let mut met = false;
    let mut cancelled = 0;
    let mut turns = 0;
    while seen.len() < MESSAGES as usize {
        assert!(Instant::now() < end, "met: {met}, sent {sent}, seen {}", seen.len());
        met = met || sender.status_of(me) == Some(Status::Alive);
        turns += 1;
        if met && sent < MESSAGES && turns % 3 == 0 {
            let message = move |node: &mut scalesmall_driver::Front| {
                let payload = Bytes::from_static(b"soup");
                node.broadcast(Recipients::Nodes(&[me]), Tag(sent), payload)
            };
            if sender.call(message).is_ok() {
                sent += 1;
            }
        }
        // From nothing at all to longer than a datagram takes.
        let limit = Duration::from_micros(turns % 10 * 50);
        match A::next_event_within(&mut node, limit).expect("the node works") {
            Some(Event::Message { tag: Tag(tag), .. }) => {
                assert!(seen.insert(tag), "message {tag} came twice");
            }
            Some(_) => {}
            None => cancelled += 1,
        }
    }
    println!("{cancelled} waits were cancelled");
    assert!(cancelled > 10);
}

/// An address on an Ethernet at which nobody answers makes the system hold datagrams back, up to
/// what the socket may have on its way: from then on it has no room.
pub(crate) fn a_datagram_without_room_is_kept<A: Adapter>() {
    let _turn = turn();
    let Some(place) = Namespace::new() else { return };
    place.ip("link set lo up");
    place.ip("link add here type veth peer name there");
    place.ip("addr add 10.99.0.1/24 dev here");
    place.ip("link set here up");
    place.ip("link set there up");
    place.enter(|| {
        let node = A::bind(&settings("10.99.0.1:0", &[])).expect("the node starts");
        let unicast = node.as_ref().driver().sockets().unicast.as_fd().try_clone_to_owned();
        let unicast = unicast.expect("another name of the socket");
        let unicast = socket2::SockRef::from(&unicast);
        let usual = unicast.send_buffer_size().expect("a size");
        unicast.set_send_buffer_size(1).expect("a smaller buffer");
        let absent: Vec<SocketAddr> = (50..80_u8).map(|n| ([10, 99, 0, n], 4000).into()).collect();
        let a = Running::run::<A>(node);
        a.call(move |node| node.contact(&absent));
        let waits = || a.call(|node| node.driver_stats().send_waits);
        until(Duration::from_secs(5), "there is no room to send", || waits() > 0);

        // What waits goes out as soon as there is room, and the node works as before.
        unicast.set_send_buffer_size(usual).expect("the usual buffer");
        let b = Running::start::<A>(&settings("10.99.0.1:0", &[a.address]));
        until_all_see_all(Duration::from_secs(5), &[&a, &b]);
        let spent = waits();
        println!("{spent} datagrams waited");
    });
}
