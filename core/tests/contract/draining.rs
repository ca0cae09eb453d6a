//! Nodes that stop in order: what each serves is left to others that stay.

use std::time::Duration;

use scalesmall_core::wire::{AttributeKind, Decoder, Frame, Header, Standing, TAG_LEN};
use scalesmall_core::{Engine, Epoch, NodeId, Op, Prefer, RecordDelta, Traits, Write};
use scalesmall_hostile::{Holder, cluster, id, keys};

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

/// A faulty member names the highest stamp: to all, to one of the two alone, as its own or as that of one of them.
/// The two still come one after the other, at the latest after half as long again as that went on.
#[test]
fn nobody_can_use_up_the_stamps() {
    let last = Frame::Drains { stamp: u64::MAX };
    let (low, high) = if id(1) < id(2) { (1, 2) } else { (2, 1) };
    for told in [&[1, 2, 3][..], &[low], &[high]] {
        for attribute in [false, true] {
            for (first, second) in [(low, high), (high, low)] {
                let mut net = serving(3);
                net.on(3, |engine, now| engine.leave(now, &group("shards"))).unwrap();
                let mut member = Holder::new(9);
                for _ in 0..100 {
                    for &number in told {
                        let engine = &net.engines[usize::from(number) - 1];
                        let (kind, version) = (AttributeKind::DRAINING, 1);
                        let bytes = bytes::Bytes::from_static(&[0xff; 8]);
                        let frame = Frame::Attribute { life: member.life, kind, version, bytes };
                        let frames = if attribute { vec![frame] } else { vec![last.clone(); 50] };
                        let packet = member.packet(Some(engine.life()), &frames);
                        let arrival = member.arrival();
                        net.on(number, |engine, now| engine.handle_datagram(now, arrival, &packet))
                            .unwrap();
                    }
                    net.run_for(Duration::from_millis(100));
                }
                drain(&mut net, first);
                net.run_for(Duration::from_secs(15));
                assert!(covered(&net, first), "{told:?}");
                drain(&mut net, second);
                for _ in 0..120 {
                    net.run_for(Duration::from_millis(100));
                    assert!(covered(&net, first) && !covered(&net, second), "{told:?}");
                }
            }
        }
    }
}

/// What a datagram says.
fn frames(datagram: &[u8]) -> Vec<Frame> {
    let (header, start) = Header::parse(datagram).unwrap();
    let mut frames = Vec::new();
    let payload = &datagram[start..datagram.len() - TAG_LEN];
    Decoder::new().decode(header.sender, payload, &mut frames).unwrap();
    frames
}

/// An owner that has forgotten what it noted asks a node whether it may count on that one, while that one, which was
/// told that it may stop, is saying goodbye.
#[test]
fn nobody_counts_on_a_node_that_says_goodbye() {
    for leaves in [false, true] {
        let mut net = serving(2);
        drain(&mut net, 1);
        net.run_for(Duration::from_secs(1));
        assert!(covered(&net, 1));
        net.set_cut(1, 2, true);
        if leaves {
            net.on(1, Engine::depart);
        }
        let mut owner = Holder::of(net.engines[1].life(), &keys(), &cluster());
        let asks = [Frame::Drains { stamp: 1 }];
        let asks = owner.numbered(1 << 20, Some(net.engines[0].life()), &asks);
        let since = net.sent.len();
        net.on(1, |engine, now| engine.handle_datagram(now, owner.arrival(), &asks)).unwrap();
        net.run_for(Duration::from_millis(100));
        let said = net.sent[since..].iter().filter(|(by, ..)| *by == 1);
        let said = said.flat_map(|(_, _, datagram)| frames(datagram));
        let noted = said.filter(|frame| matches!(frame, Frame::Noted { .. })).count();
        assert_eq!(noted, usize::from(!leaves));
    }
}

/// The first owners that are to be told live, and answer nothing that concerns draining.
#[test]
fn owners_that_do_not_answer_keep_none_of_the_others_from_being_told() {
    let mut net = Net::new(2);
    for number in [1, 2] {
        net.on(number, |engine, now| engine.add_item(now, &group("shards"), range(0, 99), 80))
            .unwrap();
    }
    // They are known to the first one before the owner that answers is.
    let mut mute: Vec<Holder> = (100..180).map(Holder::new).collect();
    for holder in &mut mute {
        let claim = Frame::Claim(scalesmall_hostile::claim(holder.life, 0, Standing::Alive));
        let writes = [Write { range: range(0, 99), op: Op::Add, port: 80, clock: 1 }];
        let delta = RecordDelta {
            member: holder.life.id,
            epoch: holder.life.epoch,
            since: 0,
            floor: 0,
            clock: 1,
            target: 1,
            writes: writes.into(),
        };
        let record = Frame::Record { group: group("shards"), delta };
        let packet = holder.packet(Some(net.engines[0].life()), &[claim, record]);
        net.on(1, |engine, now| engine.handle_datagram(now, holder.arrival(), &packet)).unwrap();
    }
    net.meet();
    net.run_for(Duration::from_millis(500));
    drain(&mut net, 1);
    net.run_for(Duration::from_millis(1_500));
    assert!(covered(&net, 1));
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
