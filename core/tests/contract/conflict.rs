//! Another life under a node's id: a claim that it answers, never a command that it obeys.

use std::time::Duration;

use scalesmall_core::wire::{Claim, Frame, Route, Spread, Standing};
use scalesmall_core::{Arrival, Epoch, Event, GroupName, KeyRange, Life, Locator, Status};
use scalesmall_hostile::{EPOCH, Holder, addr, claim, cluster, id, keys, receiver};

use crate::net::Net;

/// One packet of a holder of the key, in every way that a packet can come: all nodes live on, and
/// each other sees them.
#[test]
fn a_member_that_speaks_of_another_life_ends_nobody() {
    let above = Epoch(EPOCH.0 + 1);
    let spread = Frame::Spread(Spread {
        route: Route::Ring { from: 0, until: 0, group: None, covered: true },
        hops: 20,
        frames: 1,
        first_try: None,
    });
    let duplicate = Frame::Duplicate { epoch: above };
    let alone = std::slice::from_ref(&duplicate);
    for way in ["multicast", "unbound", "bound", "in a spread"] {
        let mut net = Net::settled(4);
        let mut member = Holder::new(9);
        let hello = member.packet(Some(receiver()), &[Frame::Ping { root: 0 }]);
        let packet = match way {
            "bound" => member.packet(Some(receiver()), alone),
            "in a spread" => member.smuggled(receiver(), &spread, &duplicate).unwrap(),
            _ => member.packet(None, alone),
        };
        for number in 1..=4 {
            net.on(number, |engine, now| {
                let source = addr(9);
                let _ = engine.handle_datagram(now, Arrival::Unicast(source), &hello);
                let multicast = way == "multicast";
                let arrival =
                    if multicast { Arrival::Multicast(source) } else { Arrival::Unicast(source) };
                let _ = engine.handle_datagram(now, arrival, &packet);
            });
        }
        net.run_for(Duration::from_secs(10));
        for engine in &net.engines {
            for other in (1..=4).filter(|&other| id(other) != engine.id()) {
                let status = engine.peer(id(other)).map(|peer| peer.status);
                assert_eq!(status, Some(Status::Alive), "{way}");
            }
        }
        assert!(!net.events.iter().any(|(_, event)| matches!(event, Event::Conflict { .. })));
    }
}

/// A member that goes on to claim other lives makes a node renew, but ever more rarely: in ten minutes
/// of ten claims a second no more than sixteen times. From the third time on the node says so.
#[test]
fn renewals_that_others_cause_back_off() {
    let mut net = Net::settled(2);
    let mut member = Holder::new(9);
    let mut sent = 0_u32;
    while sent < 6_000 {
        let epoch = net.engines[0].epoch();
        let duplicate = Frame::Duplicate { epoch: Epoch(epoch.0 + 1) };
        let packet = member.packet(Some(net.engines[0].life()), &[duplicate]);
        net.on(1, |engine, now| {
            let _ = engine.handle_datagram(now, Arrival::Unicast(addr(9)), &packet);
        });
        net.run_for(Duration::from_millis(100));
        net.sent.clear();
        sent += 1;
    }
    let of_first = net.events.iter().filter(|(number, _)| *number == 1);
    let events: Vec<&Event> = of_first.map(|(_, event)| event).collect();
    let renewed = events.iter().filter(|event| matches!(event, Event::Renewed { .. })).count();
    assert!((7..=16).contains(&renewed), "renewed {renewed} times");
    let told = events.iter().filter(|event| matches!(event, Event::Conflict { .. })).count();
    assert_eq!(told, renewed - 2);
}

/// Whatever a member says of another holder of a node's name, ten times a second: that nobody answers is told with it.
/// It says so in the name of an earlier life and of a later one, with and without an address, of others and of its
/// own, and with all the answers that it can think of.
#[test]
fn a_holder_that_is_only_spoken_of_does_not_answer() {
    let elsewhere = Locator::from(addr(1));
    for lie in 0..5 {
        let mut net = Net::settled(2);
        let mut member = Holder::new(9);
        let mut told = 0;
        for step in 0..600_u64 {
            let me = net.engines[0].life();
            let other = |by: u64| Life { id: me.id, epoch: Epoch(me.epoch.0 - 1 + 2 * by) };
            let says = |life: Life| {
                let mut holder = Holder::of(life, &keys(), &cluster());
                (0..=step).for_each(|_| drop(holder.packet(None, &[])));
                holder
            };
            let duplicate = Frame::Duplicate { epoch: me.epoch };
            let pongs = (0..40).map(|at| Frame::Pong { packet: step + at, root: Some(at) });
            let later = claim(other(1), 0, Standing::Alive);
            let packet = match lie {
                0 => says(other(0)).packet(Some(me), &[duplicate]),
                1 => says(other(1)).packet(Some(me), &[duplicate]),
                2 => says(other(step % 2)).packet(Some(me), &pongs.collect::<Vec<_>>()),
                3 => member.packet(Some(me), &[Frame::Claim(later)]),
                _ => {
                    let locator = Some(elsewhere.clone());
                    member.packet(Some(me), &[Frame::Claim(Claim { locator, ..later })])
                }
            };
            net.on(1, |engine, now| {
                let _ = engine.handle_datagram(now, Arrival::Unicast(addr(9)), &packet);
            });
            net.run_for(Duration::from_millis(100));
            net.sent.clear();
            for (_, event) in net.events.drain(..) {
                if let Event::Conflict { answered, .. } = event {
                    assert!(!answered, "lie {lie}, step {step}");
                    told += 1;
                }
            }
        }
        assert_eq!(told > 0, lie > 0, "lie {lie}: {told} times");
    }
}

/// Calm ends the streak: a claim long after the last one is answered at once, and is no conflict.
#[test]
fn a_claim_after_calm_is_the_first_again() {
    let mut net = Net::settled(2);
    let mut member = Holder::new(9);
    for _ in 0..4 {
        let epoch = net.engines[0].epoch();
        let duplicate = Frame::Duplicate { epoch: Epoch(epoch.0 + 1) };
        let packet = member.packet(Some(net.engines[0].life()), &[duplicate]);
        net.on(1, |engine, now| {
            let _ = engine.handle_datagram(now, Arrival::Unicast(addr(9)), &packet);
        });
        net.run_for(Duration::from_secs(2));
        assert!(net.engines[0].epoch() > epoch, "it has renewed within 2 s");
        net.run_for(Duration::from_secs(30));
    }
    assert!(!net.events.iter().any(|(_, event)| matches!(event, Event::Conflict { .. })));
}

/// A node leaves a group before the one of the others, is set back to a moment before that, and serves a
/// range before the other one. It has sent more than it had by the time that the first hears it again,
/// so nobody notices that it was set back. Both hold its record at one clock, and what they hold differs.
#[test]
fn two_copies_under_one_clock_end_as_what_their_owner_says() {
    let group = GroupName::try_from("shop").unwrap();
    let range = KeyRange::new(4, 7).unwrap();
    let mut net = Net::settled(3);
    let snapshot = net.engines[0].clone();
    net.set_cut(1, 3, true);
    net.on(1, |engine, now| engine.leave(now, &group)).unwrap();
    net.run_for(Duration::from_millis(100));
    net.set_cut(1, 2, true);
    net.set_cut(1, 3, false);
    net.engines[0] = snapshot;
    net.run_for(Duration::from_millis(100));
    net.on(1, |engine, now| engine.add_item(now, &group, range, 80)).unwrap();
    net.run_for(Duration::from_secs(30));
    net.set_cut(1, 2, false);
    net.run_for(Duration::from_secs(10));
    let life = net.engines[0].life();
    for engine in &net.engines {
        let routed: Vec<_> = engine.route(&group, 5).map(|owner| owner.member).collect();
        assert_eq!(routed, [life.id]);
        assert_eq!(engine.digest(), net.engines[0].digest());
    }
    assert_eq!(life, receiver(), "it leads the life that it has led twice");
}
