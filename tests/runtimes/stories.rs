//! Nodes meet, lose one, regain it, let one go; on every kind of address.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use scalesmall_core::{Event, GroupName, KeyRange, NodeName, Status, Traits, TraitsError};
use scalesmall_driver::{CallError, Multicast, Settings};

use crate::adapter::Adapter;
use crate::namespace::Namespace;
use crate::running::{
    Running, free_port, has_ipv6, settings, turn, until, until_all_see_all, until_event,
};

const SOON: Duration = Duration::from_secs(5);
const VERDICT: Duration = Duration::from_secs(20);
const LOOPBACK: &str = "127.0.0.1:0";

fn kitchen() -> GroupName {
    GroupName::try_from("kitchen").expect("a name")
}

/// Has `node` serve keys from `start` to `start + 99` at `port`.
fn serve(node: &Running, start: u32, port: u16) {
    let range = KeyRange::new(start, start + 99).expect("a range");
    node.call(move |node| node.add_item(&kitchen(), range, port)).expect("room for it");
}

pub(crate) fn nodes_meet_lose_one_regain_it_and_let_one_go<A: Adapter>() {
    let _turn = turn();
    let mut a = Running::start::<A>(&settings(LOOPBACK, &[]));
    let b = Running::start::<A>(&settings(LOOPBACK, &[a.address]));
    let mut c = Running::start::<A>(&settings(LOOPBACK, &[a.address]));
    until_all_see_all(SOON, &[&a, &b, &c]);
    serve(&b, 100, 7001);
    let routes = |key, ports: &[u16], nodes: &[&Running]| {
        nodes.iter().all(|node| node.route(&kitchen(), key) == ports)
    };
    until(SOON, "all route to b", || routes(150, &[7001], &[&a, &b, &c]));

    let (place, address) = (b.id, b.address);
    drop(b);
    until(VERDICT, "b is down for all, and nobody routes to it", || {
        [&a, &c].iter().all(|node| node.status_of(place) == Some(Status::Down))
            && routes(150, &[], &[&a, &c])
    });
    until_event(
        &mut a,
        SOON,
        |event| matches!(event, Event::Peer { peer, to: Some(Status::Down), .. } if peer.id == place),
    );

    // Nobody tells b about the others: they keep trying, and it learns from them.
    let b = Running::start::<A>(&settings(&address.to_string(), &[]));
    serve(&b, 300, 7002);
    until(VERDICT, "b is back with its new range and none of its old", || {
        routes(350, &[7002], &[&a, &b, &c]) && routes(150, &[], &[&a, &b, &c])
    });
    until_all_see_all(SOON, &[&a, &b, &c]);

    c.call(|node| node.depart());
    until_event(
        &mut c,
        SOON,
        |event| matches!(event, Event::Departed { acknowledged_by, told } if acknowledged_by == told),
    );
    until(SOON, "c has left", || {
        [&a, &b].iter().all(|node| node.status_of(c.id) == Some(Status::Left))
    });
}

pub(crate) fn what_a_node_says_about_itself_reaches_the_others<A: Adapter>() {
    let _turn = turn();
    let mut a = Running::start::<A>(&settings(LOOPBACK, &[]));
    let mut with_traits = settings(LOOPBACK, &[a.address]);
    let zoned = Traits::default().with_zone("east").expect("a zone");
    with_traits.traits = zoned.clone();
    let b = Running::start::<A>(&with_traits);
    let id = b.id;
    let said = |a: &Running| {
        let peer = a.call(move |node| node.peer(id));
        peer.map(|peer| (peer.traits, peer.draining.is_some()))
    };
    until(SOON, "a knows where b stands", || said(&a) == Some((zoned.clone(), false)));

    let more = zoned.with_weight(3).and_then(|traits| traits.with_tag("role", "db"));
    let more = more.expect("traits");
    let set = more.clone();
    b.call(move |node| node.set_traits(set)).expect("they fit");
    b.call(|node| node.set_draining(true));
    until(SOON, "a knows that b drains", || said(&a) == Some((more.clone(), true)));
    until_event(
        &mut a,
        SOON,
        |event| matches!(event, Event::Draining { node, stamp: Some(_) } if *node == id),
    );
    let too_long = (0..4).try_fold(more.clone(), |traits, key: u8| {
        traits.with_tag(&key.to_string(), &"x".repeat(Traits::MAX_VALUE))
    });
    let refused = b.call(|node| node.set_traits(too_long.expect("each has its room")));
    assert!(matches!(refused, Err(TraitsError::TooLong { .. })), "{refused:?}");
    b.call(|node| node.set_draining(false));
    until(SOON, "a knows that b drains no longer", || said(&a) == Some((more.clone(), false)));

    // In its next life the node says the same again.
    b.call(|node| node.renew()).expect("random bytes");
    let epoch = b.call(|node| node.epoch());
    until(SOON, "a knows b in its next life", || {
        let peer = a.call(move |node| node.peer(id));
        peer.is_some_and(|peer| (peer.epoch, &peer.traits) == (epoch, &more))
    });
}

fn multicast_settings(address: IpAddr, port: u16) -> Settings {
    let mut settings = settings(&SocketAddr::new(address, 0).to_string(), &[]);
    let mut multicast = Multicast::for_node(address);
    multicast.group.set_port(port);
    settings.multicast = Some(multicast);
    settings
}

pub(crate) fn two_nodes_of_a_host_find_each_other_by_multicast<A: Adapter>() {
    let _turn = turn();
    let settings = multicast_settings([127, 0, 0, 1].into(), free_port());
    let a = Running::start::<A>(&settings);
    let b = Running::start::<A>(&settings);
    until_all_see_all(SOON, &[&a, &b]);
    serve(&b, 100, 7001);
    until(SOON, "a routes to b", || a.route(&kitchen(), 150) == [7001]);
}

/// On a link of its own, as Linux has no IPv6 multicast on loopback.
pub(crate) fn two_ipv6_nodes_of_a_host_find_each_other_by_multicast<A: Adapter>() {
    let _turn = turn();
    if !has_ipv6() {
        return;
    }
    let Some(host) = Namespace::new() else { return };
    host.ip("link set lo up");
    host.ip("link add here type veth peer name there");
    host.ip("-6 addr add fd99::1/64 dev here nodad");
    host.ip("link set here up");
    host.ip("link set there up");
    let address = "fd99::1".parse().expect("an address");
    let mut settings = multicast_settings(address, 29_999);
    if let Some(multicast) = &mut settings.multicast {
        multicast.group.set_ip("ff02::5ca1:e5a1".parse().expect("an address"));
    }
    host.enter(|| {
        let a = Running::start::<A>(&settings);
        let b = Running::start::<A>(&settings);
        until_all_see_all(SOON, &[&a, &b]);
    });
}

pub(crate) fn a_node_with_a_name_returns_as_itself_at_another_port<A: Adapter>() {
    let _turn = turn();
    let mut a = Running::start::<A>(&settings(LOOPBACK, &[]));
    let mut named = settings(LOOPBACK, &[a.address]);
    named.name = Some(NodeName::try_from("cook").expect("a name"));
    let b = Running::start::<A>(&named);
    let c = Running::start::<A>(&settings(LOOPBACK, &[a.address]));
    until_all_see_all(SOON, &[&a, &b, &c]);
    serve(&b, 100, 7001);
    let (id, old) = (b.id, b.address);
    drop(b);
    // So that it gets another one.
    let _taken = UdpSocket::bind(old).expect("it is free");

    let b = Running::start::<A>(&named);
    assert_eq!((b.id, b.address == old), (id, false));
    let at = b.address;
    serve(&b, 300, 7002);
    until(SOON, "all know where it is, and what it serves now", || {
        [&a, &c].iter().all(|node| {
            node.call(move |node| node.address(id)) == Some(at)
                && node.route(&kitchen(), 350) == [7002]
                && node.route(&kitchen(), 150).is_empty()
        })
    });
    until_all_see_all(SOON, &[&a, &b, &c]);
    assert_eq!(a.call(|node| node.peers().count()), 2, "it is known as two nodes");
    drop(b);
    until_event(
        &mut a,
        VERDICT,
        |event| matches!(event, Event::Peer { peer, to: Some(Status::Down), .. } if peer.id == id),
    );
    assert_eq!(a.events.name(id).map(NodeName::as_str), Some("cook"));
}

pub(crate) fn a_node_on_all_addresses_is_known_by_the_advertised_one<A: Adapter>() {
    let _turn = turn();
    let mut wildcard = settings("0.0.0.0:0", &[]);
    wildcard.advertise.push(LOOPBACK.parse().expect("an address"));
    let a = Running::start::<A>(&wildcard);
    assert!(a.address.ip().is_loopback() && a.address.port() != 0, "{}", a.address);
    let name = a.call(|node| node.my_name());
    assert_eq!(name.as_str(), a.address.to_string());
    let b = Running::start::<A>(&settings(LOOPBACK, &[a.address]));
    until_all_see_all(SOON, &[&a, &b]);
}

pub(crate) fn ipv6_nodes_meet<A: Adapter>() {
    let _turn = turn();
    if !has_ipv6() {
        return;
    }
    let a = Running::start::<A>(&settings("[::1]:0", &[]));
    let b = Running::start::<A>(&settings("[::1]:0", &[a.address]));
    until_all_see_all(SOON, &[&a, &b]);
}

pub(crate) fn a_node_on_both_families_meets_nodes_of_each<A: Adapter>() {
    let _turn = turn();
    if !has_ipv6() {
        return;
    }
    for (address, seeded) in [(LOOPBACK, true), ("[::1]:0", true), (LOOPBACK, false)] {
        let mut dual = settings("[::]:0", &[]);
        dual.advertise.push(address.parse().expect("an address"));
        // Either finds the other.
        let (a, b) = if seeded {
            let a = Running::start::<A>(&dual);
            let b = Running::start::<A>(&settings(address, &[a.address]));
            (a, b)
        } else {
            let b = Running::start::<A>(&settings(address, &[]));
            dual.seeds.push(b.address.into());
            (Running::start::<A>(&dual), b)
        };
        until_all_see_all(SOON, &[&a, &b]);
    }
}

pub(crate) fn a_handle_reaches_a_waiting_node_at_once<A: Adapter>() {
    let _turn = turn();
    let node = Running::start::<A>(&settings(LOOPBACK, &[]));
    let id = node.id;
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let handle = node.handle().clone();
            std::thread::spawn(move || {
                let mut longest = Duration::ZERO;
                for _ in 0..50 {
                    // Long enough for the node to be waiting again.
                    std::thread::sleep(Duration::from_millis(2));
                    let asked = Instant::now();
                    let answer = smol::block_on(handle.call(|node| node.id()));
                    assert_eq!(answer, Ok(id));
                    longest = longest.max(asked.elapsed());
                }
                longest
            })
        })
        .collect();
    for thread in threads {
        let longest = thread.join().expect("the calls are answered");
        // A node alone waits for a second and more between two probes or beacons.
        assert!(longest < Duration::from_millis(250), "{longest:?}");
    }
}

pub(crate) fn a_handle_says_when_its_node_is_no_more<A: Adapter>() {
    let _turn = turn();
    let node = A::bind(&settings(LOOPBACK, &[])).expect("the node starts");
    let handle = node.as_ref().handle();
    let waiting = handle.call(|node| node.id());
    drop(node);
    assert_eq!(waiting.wait(), Err(CallError::Stopped));
    assert_eq!(handle.call(|node| node.id()).wait(), Err(CallError::Stopped));
}
