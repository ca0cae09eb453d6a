//! Which packets count: those that are new, of this life, and of somebody who has proven itself.

use std::time::Duration;

use bytes::Bytes;
use scalesmall_core::seal::OpenError;
use scalesmall_core::wire::{Frame, Standing};
use scalesmall_core::{
    Arrival, DatagramError, Destination, Engine, Epoch, Event, Life, Recipients, Status, Tag,
};
use scalesmall_hostile::{
    EPOCH, Holder, START, addr, config, drain, engine, engine_with, id, receiver,
};

use crate::ms;
use crate::net::Net;

/// All that was ever sent to a node, or to everybody, is played to its next life.
#[test]
fn a_capture_is_void_at_a_node_that_has_restarted() {
    let mut config = config();
    config.multicast = true;
    let mut net = Net::with(3, &config);
    net.meet();
    net.run_for(Duration::from_secs(5));
    net.on(2, |engine, now| engine.add_item(now, &crate::group("a"), crate::range(1, 9), 80))
        .unwrap();
    net.run_for(Duration::from_secs(5));
    let later = Epoch(EPOCH.0 + 1);
    let mut reborn = Engine::new(config, addr(1), later, net.now).unwrap();
    let digest = reborn.digest();
    let (mut bound, mut unbound) = (0, 0);
    for (from, to, datagram) in &net.sent {
        let arrival = match to {
            Destination::Unicast(at) if *at == addr(1) => Arrival::Unicast(addr(*from)),
            Destination::Multicast if *from != 1 => Arrival::Multicast(addr(*from)),
            _ => continue,
        };
        match reborn.handle_datagram(net.now, arrival, datagram) {
            Err(DatagramError::Sealed(OpenError::Forged)) => bound += 1,
            Err(DatagramError::Unproven) => unbound += 1,
            other => panic!("{other:?}"),
        }
    }
    assert!(bound > 20 && unbound > 2, "{bound} and {unbound}");
    assert_eq!((reborn.digest(), reborn.peers().count()), (digest, 0));
    assert_eq!(drain(&mut reborn).events, []);
}

/// The same after the node has met the others again: a first proof opens nothing downwards. Each of the
/// old multicasts is played at several moments, and the old message is not delivered a second time.
#[test]
fn a_capture_is_void_at_a_node_that_has_met_the_others_again() {
    let mut config = config();
    config.multicast = true;
    let mut net = Net::settled_with(3, &config);
    let payload = Bytes::from_static(b"pay 100");
    net.on(2, |engine, now| engine.broadcast(now, Recipients::All, Tag(1), payload)).unwrap();
    net.run_for(Duration::from_secs(3));
    net.on(3, |engine, now| engine.add_item(now, &crate::group("a"), crate::range(1, 9), 80))
        .unwrap();
    net.run_for(Duration::from_secs(2));
    let old: Vec<_> = net
        .sent
        .iter()
        .filter(|(from, to, _)| *from != 1 && *to == Destination::Multicast)
        .cloned()
        .collect();
    assert!(old.len() > 2, "{} multicasts", old.len());
    let later = Epoch(EPOCH.0 + (10_000 << 22));
    net.engines[0] = Engine::new(config, addr(1), later, net.now).unwrap();
    net.on(1, |engine, now| engine.contact(now, &[addr(2)]));
    net.events.clear();
    for pause in [1, 2, 5, 20, 100, 1_000, 5_000] {
        net.run_for(Duration::from_millis(pause));
        for (from, _, datagram) in &old {
            let arrival = Arrival::Multicast(addr(*from));
            let taken = net.on(1, |engine, now| engine.handle_datagram(now, arrival, datagram));
            assert!(taken.is_err(), "{pause} ms after the others");
        }
    }
    let again =
        |(number, event): &(u16, Event)| *number == 1 && matches!(event, Event::Message { .. });
    assert!(!net.events.iter().any(again));
    assert_eq!(net.engines[0].peers().filter(|peer| peer.status == Status::Alive).count(), 2);
}

/// The packet that proves its sender is a floor for unbound packets alone: bound ones that it has
/// overtaken still count.
#[test]
fn a_proof_is_a_floor_for_unbound_packets_alone() {
    let mut engine = engine(1);
    let mut holder = Holder::new(2);
    let ping = [Frame::Ping { root: 1 }];
    let unbound = |holder: &mut Holder, number| holder.numbered(number, None, &ping);
    let bound = |holder: &mut Holder, number| holder.numbered(number, Some(receiver()), &ping);
    for (packet, taken) in [
        (bound(&mut holder, 30), Ok(())),
        (unbound(&mut holder, 29), Err(DatagramError::Unproven)),
        (unbound(&mut holder, 30), Err(DatagramError::Replayed)),
        (bound(&mut holder, 28), Ok(())),
        (unbound(&mut holder, 31), Ok(())),
        (bound(&mut holder, 35), Ok(())),
        (unbound(&mut holder, 33), Ok(())),
        (unbound(&mut holder, 29), Err(DatagramError::Unproven)),
        (unbound(&mut holder, 34), Ok(())),
        (bound(&mut holder, 27), Ok(())),
        (bound(&mut holder, 90), Ok(())),
        (unbound(&mut holder, 32), Ok(())),
    ] {
        assert_eq!(engine.handle_datagram(START, holder.arrival(), &packet), taken);
    }
}

/// Of a burst of several hundred packets each counts once, in whatever order they come.
#[test]
fn a_burst_may_arrive_in_any_order() {
    let mut engine = engine(1);
    let mut holder = Holder::new(2);
    holder.introduce(&mut engine);
    let packets: Vec<Vec<u8>> = (100..800)
        .map(|number| holder.numbered(number, Some(receiver()), &[Frame::Ping { root: 1 }]))
        .collect();
    // 331 shares no factor with 700.
    let order: Vec<usize> = (0..700).map(|step| step * 331 % 700).collect();
    for &at in &order {
        let taken = engine.handle_datagram(START, holder.arrival(), &packets[at]);
        assert_eq!(taken, Ok(()), "packet {at}");
    }
    for &at in &order {
        let again = engine.handle_datagram(START, holder.arrival(), &packets[at]);
        assert_eq!(again, Err(DatagramError::Replayed), "packet {at}");
    }
    let stats = engine.stats();
    assert_eq!((stats.refused_old, stats.refused_replayed), (0, 700));
}

#[test]
fn what_is_sent_to_everybody_counts_once() {
    let mut config = config();
    config.multicast = true;
    let mut net = Net::with(2, &config);
    net.meet();
    net.run_for(Duration::from_secs(10));
    let digest = net.engines[0].digest();
    let multicasts: Vec<_> = net
        .sent
        .iter()
        .filter(|(from, to, _)| *from == 2 && *to == Destination::Multicast)
        .collect();
    assert!(multicasts.len() > 3);
    for (_, _, datagram) in multicasts {
        let arrival = Arrival::Multicast(addr(2));
        let refused = net.engines[0].handle_datagram(net.now, arrival, datagram);
        let old = matches!(refused, Err(DatagramError::Replayed | DatagramError::TooOld));
        assert!(old, "{refused:?}");
    }
    assert_eq!(net.engines[0].digest(), digest);
}

/// First contact: unbound, challenged, said again bound to the life of the one who challenged.
#[test]
fn a_stranger_proves_itself_by_answering_a_challenge() {
    let (mut one, mut other) = (engine(1), engine(2));
    other.contact(START, &[addr(1)]);
    let hello = drain(&mut other).datagrams.remove(0).1;
    let refused = one.handle_datagram(START, Arrival::Unicast(addr(2)), &hello);
    assert_eq!(refused, Err(DatagramError::Unproven));
    assert_eq!(one.peers().count(), 0);
    let (to, challenge) = drain(&mut one).datagrams.remove(0);
    assert_eq!(to, Destination::Unicast(addr(2)));
    other.handle_datagram(START, Arrival::Unicast(addr(1)), &challenge).unwrap();
    let answer = drain(&mut other).datagrams.remove(0).1;
    one.handle_datagram(START, Arrival::Unicast(addr(2)), &answer).unwrap();
    assert_eq!(one.peers().map(|peer| peer.id).collect::<Vec<_>>(), [id(2)]);
    // Unbound, and sent before the proof: for all that this node knows a recording.
    let refused = one.handle_datagram(START, Arrival::Unicast(addr(2)), &hello);
    assert_eq!(refused, Err(DatagramError::Unproven));
}

/// An attacker that names a victim as its address gains nothing: the victim gets no more than was
/// sent.
#[test]
fn a_challenge_is_no_larger_than_what_provoked_it() {
    let mut challenged = 0;
    for before in [0, 5, 120, 126, 127, 128, 130, 300] {
        for pings in 0..4 {
            let mut engine = engine(1);
            let mut known = Holder::new(2);
            known.introduce(&mut engine);
            // Packets that wait in front of the challenge, so that its number is larger.
            for _ in 0..before {
                engine.contact(START, &[addr(9)]);
                let _ = drain(&mut engine);
            }
            engine.contact(START, &[addr(9)]);
            let mut stranger = Holder::new(3);
            let frames = vec![Frame::Ping { root: 1 }; pings];
            for number in [1, 200, 40_000] {
                let packet = stranger.numbered(number, None, &frames);
                let refused = engine.handle_datagram(START, stranger.arrival(), &packet);
                assert_eq!(refused, Err(DatagramError::Unproven));
                let to = Destination::Unicast(addr(3));
                for (_, datagram) in drain(&mut engine).datagrams.iter().filter(|(at, _)| *at == to)
                {
                    challenged += 1;
                    assert!(datagram.len() <= packet.len(), "{} {}", datagram.len(), packet.len());
                }
            }
        }
    }
    assert!(challenged > 30, "{challenged}");
}

#[test]
fn challenges_are_limited_in_rate() {
    let mut config = config();
    config.limits.challenges_per_second = 10;
    let mut engine = engine_with(1, config);
    for second in 1..=3 {
        for number in 10..60 {
            let packet = Holder::new(number).packet(None, &[Frame::Ping { root: 1 }]);
            let now = ms(second * 1_000 + u64::from(number));
            let _ = engine.handle_datagram(now, Arrival::Unicast(addr(number)), &packet);
        }
        assert_eq!(engine.stats().challenges_sent, second * 10);
        assert_eq!(engine.stats().challenges_withheld, second * 40);
    }
}

fn alive(life: Life) -> Frame {
    Frame::Claim(scalesmall_hostile::claim(life, 0, Standing::Alive))
}

/// A proven peer that has seen a node's packet vouches for its number and all later ones.
#[test]
fn a_voucher_proves_a_node_from_a_number_on() {
    let mut engine = engine(1);
    let (mut voucher, mut node) = (Holder::new(2), Holder::new(3));
    voucher.introduce(&mut engine);
    let introduction = voucher.packet(Some(receiver()), &[alive(node.life)]);
    engine.handle_datagram(START, voucher.arrival(), &introduction).unwrap();
    let mut say = |engine: &mut Engine, number| {
        let packet = node.numbered(number, None, &[Frame::Ping { root: 1 }]);
        engine.handle_datagram(START, Arrival::Multicast(addr(3)), &packet)
    };
    assert_eq!(say(&mut engine, 10), Err(DatagramError::Unproven));
    let vouch = |packet| Frame::Vouch { life: Holder::new(3).life, packet };
    // Nobody is proven by the word of somebody who is not.
    let mut unproven = Holder::new(4);
    let word = unproven.packet(None, &[vouch(10)]);
    let refused = engine.handle_datagram(START, unproven.arrival(), &word);
    assert_eq!(refused, Err(DatagramError::Unproven));
    assert_eq!(say(&mut engine, 11), Err(DatagramError::Unproven));
    let word = voucher.packet(Some(receiver()), &[vouch(10)]);
    engine.handle_datagram(START, voucher.arrival(), &word).unwrap();
    assert_eq!(say(&mut engine, 9), Err(DatagramError::Replayed));
    assert_eq!(say(&mut engine, 10), Ok(()));
    assert_eq!(say(&mut engine, 10), Err(DatagramError::Replayed));
    assert_eq!(say(&mut engine, 12), Ok(()));
    assert_eq!(say(&mut engine, 11), Ok(()));
    // What was taken on another's word stays taken once the node proves itself.
    let packet = node.numbered(13, Some(receiver()), &[Frame::Ping { root: 1 }]);
    engine.handle_datagram(START, node.arrival(), &packet).unwrap();
    for number in 9..14 {
        let packet = node.numbered(number, None, &[Frame::Ping { root: 1 }]);
        let again = engine.handle_datagram(START, Arrival::Multicast(addr(3)), &packet);
        assert_eq!(again, Err(DatagramError::Replayed), "{number}");
    }
}

/// One that was vouched for with a number far too high is heard all the same.
#[test]
fn an_absurd_vouch_silences_nobody() {
    let mut engine = engine(1);
    let (mut voucher, mut node) = (Holder::new(2), Holder::new(3));
    voucher.introduce(&mut engine);
    let vouch = Frame::Vouch { life: node.life, packet: u64::MAX };
    let word = voucher.packet(Some(receiver()), &[alive(node.life), vouch]);
    engine.handle_datagram(START, voucher.arrival(), &word).unwrap();
    let packet = node.packet(Some(receiver()), &[Frame::Ping { root: 1 }]);
    engine.handle_datagram(START, node.arrival(), &packet).unwrap();
}

#[test]
fn a_packet_bound_to_another_life_is_void() {
    let mut engine = engine(1);
    let mut holder = Holder::new(2);
    for epoch in [EPOCH.0 - 1, EPOCH.0 + 1, 0, u64::MAX] {
        let packet = holder.packet(Some(Life { epoch: Epoch(epoch), ..receiver() }), &[]);
        let refused = engine.handle_datagram(START, holder.arrival(), &packet);
        assert_eq!(refused, Err(DatagramError::Sealed(OpenError::Forged)));
    }
    holder.introduce(&mut engine);
    engine.renew(START, Epoch(EPOCH.0 + 1));
    let packet = holder.packet(Some(receiver()), &[]);
    let refused = engine.handle_datagram(START, holder.arrival(), &packet);
    assert_eq!(refused, Err(DatagramError::Sealed(OpenError::Forged)));
}

/// A later life of a known node has to prove itself anew, and voids the earlier one.
#[test]
fn a_new_life_is_unproven_and_the_old_one_is_stale() {
    let mut engine = engine(1);
    let mut holder = Holder::new(2);
    holder.introduce(&mut engine);
    let life = Life { id: id(2), epoch: Epoch(EPOCH.0 + 5) };
    let mut reborn = Holder::of(life, &scalesmall_hostile::keys(), &scalesmall_hostile::cluster());
    let hello = reborn.packet(None, &[Frame::Ping { root: 1 }]);
    let refused = engine.handle_datagram(START, reborn.arrival(), &hello);
    assert_eq!(refused, Err(DatagramError::Unproven));
    assert_eq!(engine.peer(id(2)).unwrap().epoch, EPOCH);
    reborn.introduce(&mut engine);
    assert_eq!(engine.peer(id(2)).unwrap().epoch, life.epoch);
    let stale = holder.packet(None, &[]);
    let refused = engine.handle_datagram(START, holder.arrival(), &stale);
    assert_eq!(refused, Err(DatagramError::StaleLife));
}

/// All that a node has sent to another is played to it after it has left and been forgotten: it does not
/// come back by that, nor once somebody claims that it lives. If it lives, it is taken back by its
/// answer.
#[test]
fn a_node_that_was_forgotten_comes_back_by_a_fresh_answer_alone() {
    let mut config = config();
    config.forget_after = Duration::from_secs(60);
    config.multicast = true;
    let mut net = Net::settled_with(4, &config);
    let payload = Bytes::from_static(b"pay 100");
    net.on(2, |engine, now| engine.broadcast(now, Recipients::All, Tag(1), payload)).unwrap();
    net.run_for(Duration::from_secs(30));
    let recorded = net.sent.clone();
    // Those that it left do not hear it, nor it them: it thinks itself alone, and lives on.
    for other in [1, 3, 4] {
        net.set_cut(2, other, true);
    }
    net.run_for(Duration::from_secs(200));
    let one = |net: &Net| net.engines[0].peer(id(2)).map(|peer| peer.status);
    assert_eq!(one(&net), None, "it is forgotten");
    net.events.clear();
    let digest = net.engines[0].digest();
    let play = |net: &mut Net| {
        for (_, to, datagram) in recorded.iter().filter(|(from, ..)| *from == 2) {
            let arrival = match to {
                Destination::Unicast(at) if *at == addr(1) => Arrival::Unicast(addr(2)),
                Destination::Multicast => Arrival::Multicast(addr(2)),
                _ => continue,
            };
            let taken = net.on(1, |engine, now| engine.handle_datagram(now, arrival, datagram));
            assert!(taken.is_err(), "{taken:?}");
        }
    };
    play(&mut net);
    net.run_for(Duration::from_secs(5));
    assert_eq!((one(&net), net.engines[0].digest()), (None, digest));
    let word = alive(Life { id: id(2), epoch: EPOCH });
    let later = Life { id: id(9), epoch: Epoch(EPOCH.0 + 1) };
    let (keys, cluster) = (scalesmall_hostile::keys(), scalesmall_hostile::cluster());
    let mut member = Holder::of(later, &keys, &cluster);
    let claim = member.packet(Some(receiver()), &[word]);
    net.on(1, |engine, now| engine.handle_datagram(now, member.arrival(), &claim)).unwrap();
    play(&mut net);
    net.run_for(Duration::from_millis(500));
    let message =
        |(number, event): &(u16, Event)| *number == 1 && matches!(event, Event::Message { .. });
    assert!(!net.events.iter().any(message));
    for other in [1, 3, 4] {
        net.set_cut(2, other, false);
    }
    net.on(2, |engine, now| engine.contact(now, &[addr(1)]));
    net.run_for(Duration::from_secs(3));
    assert_eq!(one(&net), Some(Status::Alive), "its answer is taken");
    play(&mut net);
    assert!(!net.events.iter().any(message));
}
