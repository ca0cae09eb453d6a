//! What nodes say about themselves reaches all, in this version's kinds and in others.

use std::time::Duration;

use bytes::Bytes;
use scalesmall_core::wire::{AttributeKind, Frame};
use scalesmall_core::{Epoch, Event, Life, Traits, TraitsError};
use scalesmall_hostile::{Holder, id, life};

use crate::net::Net;

fn traits(zone: &str) -> Traits {
    Traits::default().with_zone(zone).unwrap().with_weight(3).unwrap()
}

fn agreed(net: &Net) {
    for engine in &net.engines {
        assert_eq!(engine.digest(), net.engines[0].digest());
    }
}

#[test]
fn traits_and_draining_reach_all_and_outlive_a_renewal() {
    let mut net = Net::settled(4);
    net.on(1, |engine, now| engine.set_traits(now, traits("a"))).unwrap();
    net.on(1, |engine, now| engine.set_draining(now, true));
    net.on(2, |engine, now| engine.set_draining(now, true));
    net.run_for(Duration::from_secs(1));
    let shown = |net: &Net, seen_by: usize| {
        let peer = net.engines[seen_by].peer(id(1)).unwrap();
        (peer.traits, peer.draining.is_some())
    };
    for at in 0..4 {
        assert_eq!(shown(&net, at), (traits("a"), true), "at {at}");
    }
    // Both began before they heard of each other.
    let first = net.engines[0].peer(id(2)).unwrap().draining;
    assert_eq!(first, net.engines[0].peer(id(1)).unwrap().draining);
    net.on(3, |engine, now| engine.set_draining(now, true));
    assert!(net.engines[2].peer(id(3)).unwrap().draining > first);

    let epoch = Epoch(net.engines[0].epoch().0 + 1);
    net.on(1, |engine, now| engine.renew(now, epoch));
    net.run_for(Duration::from_secs(1));
    for at in 0..4 {
        assert_eq!(shown(&net, at), (traits("a"), true), "at {at}");
    }
    net.events.clear();
    net.on(1, |engine, now| engine.set_draining(now, false));
    net.on(1, |engine, now| engine.set_draining(now, false));
    net.run_for(Duration::from_secs(1));
    let ended = Event::Draining { node: id(1), stamp: None };
    assert_eq!(net.events.iter().filter(|(_, event)| *event == ended).count(), 4);
    agreed(&net);
}

#[test]
fn traits_that_do_not_fit_are_refused() {
    let mut net = Net::settled(1);
    let mut large = traits("a");
    for key in ["1", "2", "3"] {
        large = large.with_tag(key, &"x".repeat(Traits::MAX_VALUE)).unwrap();
    }
    let refused = net.on(1, |engine, now| engine.set_traits(now, large)).unwrap_err();
    assert!(matches!(refused, TraitsError::TooLong { limit: 512, .. }), "{refused}");
    assert_eq!(net.engines[0].peer(id(1)).unwrap().traits, Traits::default());
}

fn attribute(life: Life, kind: u8, bytes: &'static [u8]) -> Frame {
    let bytes = Bytes::from_static(bytes);
    Frame::Attribute { life, kind: AttributeKind(kind), version: 5, bytes }
}

/// A later version says something that this one does not know: one node hears it, and newcomers get it
/// from that node as they get everything else.
#[test]
fn kinds_that_nobody_knows_are_kept_and_passed_on() {
    let digest = |frames: &[Frame]| {
        let mut net = Net::new(4);
        let mut holder = Holder::new(50);
        holder.introduce(&mut net.engines[0]);
        let packet = holder.packet(Some(net.engines[0].life()), frames);
        net.on(1, |engine, now| engine.handle_datagram(now, holder.arrival(), &packet)).unwrap();
        net.meet();
        net.run_for(Duration::from_secs(1));
        agreed(&net);
        assert!(net.engines.iter().all(|engine| engine.peer(id(50)).is_some()));
        net.engines[3].digest()
    };
    let plain = digest(&[]);
    assert_ne!(digest(&[attribute(life(50), 200, b"new")]), plain);
    assert_ne!(
        digest(&[attribute(life(50), 200, b"new")]),
        digest(&[attribute(life(50), 200, b"")])
    );
}

/// A member says things of kinds that nobody knows in another's name. What the owner has put above that ends with its
/// life.
#[test]
fn kinds_that_others_make_up_end_with_the_life() {
    let digest = |kinds: u8| {
        let mut net = Net::settled(4);
        let mut holder = Holder::new(50);
        let owner = net.engines[3].life();
        let lies: Vec<Frame> =
            (0..kinds).map(|kind| attribute(owner, 100 + kind, b"lie")).collect();
        let packet = holder.packet(Some(net.engines[0].life()), &lies);
        net.on(1, |engine, now| engine.handle_datagram(now, holder.arrival(), &packet)).unwrap();
        net.run_for(Duration::from_secs(5));
        let epoch = Epoch(net.engines[3].epoch().0 + 1);
        net.on(4, |engine, now| engine.renew(now, epoch));
        net.run_for(Duration::from_secs(20));
        agreed(&net);
        assert_eq!(net.engines[0].peer(id(4)).unwrap().epoch, epoch);
        net.engines[0].digest()
    };
    assert_eq!(digest(8), digest(0));
}

/// Two nodes are told two contents under one version: that is found, and the owner ends it.
#[test]
fn of_two_contents_under_one_version_the_owner_decides() {
    let mut net = Net::settled(5);
    net.on(5, |engine, now| engine.set_metadata(now, Bytes::from_static(b"mine"))).unwrap();
    net.run_for(Duration::from_secs(1));
    let mut holder = Holder::new(50);
    let life = net.engines[4].life();
    for (number, lie) in [(1, &b"one"[..]), (2, b"two")] {
        let lie = attribute(life, AttributeKind::METADATA.0, lie);
        let packet = holder.packet(Some(net.engines[usize::from(number) - 1].life()), &[lie]);
        net.on(number, |engine, now| engine.handle_datagram(now, holder.arrival(), &packet))
            .unwrap();
    }
    net.run_for(Duration::from_secs(5));
    for engine in &net.engines {
        assert_eq!(engine.peer(id(5)).unwrap().metadata, "mine");
    }
    agreed(&net);
}
