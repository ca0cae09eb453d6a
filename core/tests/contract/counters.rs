//! Packet numbers that others remember: a node whose numbers they have seen before is told so, and
//! begins a new life.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use scalesmall_core::seal::Opener;
use scalesmall_core::wire::{Frame, Header, TAG_LEN};
use scalesmall_core::{
    Arrival, Config, DatagramError, Destination, Engine, Event, Instant, Life, Liveness,
    Recipients, Status, Suite, Tag,
};
use scalesmall_hostile::{
    EPOCH, Holder, START, addr, cluster, config, drain, engine, id, keys, keys_of, receiver,
};

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
    let renewed =
        |(number, event): &&(u16, Event)| *number == of && matches!(event, Event::Renewed { .. });
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

/// The packets of one life that node 3 has sent by unicast, by number and receiver: the frames as they were
/// sent, the frames in clear, and the tag.
type Heard = BTreeMap<(u64, u16), (Vec<u8>, Vec<u8>, [u8; TAG_LEN])>;

/// What an onlooker has heard of node 3 in a life, opened by somebody with the key.
fn overheard(net: &Net, life: Life) -> Heard {
    let keys = keys_of(Suite::Sealed);
    let mut opener = Opener::new(&keys, &cluster(), Liveness::On, 4);
    let mut heard = Heard::new();
    for (_, to, datagram) in net.sent.iter().filter(|(from, ..)| *from == 3) {
        let (header, start) = Header::parse(datagram).unwrap();
        let to = (1..=8).find(|&number| *to == Destination::Unicast(addr(number)));
        let Some(to) = to.filter(|_| header.sender == life) else { continue };
        let me = Life { id: id(to), epoch: EPOCH };
        let Ok(plain) = opener.open(&header, datagram, me) else { continue };
        let (sealed, tag) = datagram[start..].split_last_chunk().unwrap();
        heard.insert((header.packet, to), (sealed.to_vec(), plain.to_vec(), *tag));
    }
    heard
}

/// A machine that is set back and says other things under the numbers that it has used: an onlooker who
/// has heard both sees that they differ and no more, nothing is delivered twice, and the node is back soon.
#[test]
fn packets_under_used_numbers_give_nothing_away_in_suite_sealed() {
    let config = Config::lan([9; 32], cluster(), keys_of(Suite::Sealed));
    let mut net = Net::settled_with(8, &config);
    net.run_for(Duration::from_secs(60));
    let snapshot = net.engines[2].clone();
    net.sent.clear();
    net.events.clear();
    let say = |net: &mut Net, text: &'static str| {
        let payload = Bytes::from_static(text.as_bytes());
        net.on(3, |engine, now| engine.broadcast(now, Recipients::All, Tag(1), payload)).unwrap();
        net.run_for(Duration::from_secs(1));
    };
    let said = ["transfer 100 to the account of one", "cancel that, transfer 999 to another"];
    let others = |net: &Net, text: &str| {
        let copies =
            delivered(net).into_iter().filter(|(by, it)| *by != 3 && it == text.as_bytes());
        (1..=8)
            .map(|number| copies.clone().filter(|(by, _)| *by == number).count())
            .collect::<Vec<_>>()
    };
    let once = [1, 1, 0, 1, 1, 1, 1, 1];
    say(&mut net, said[0]);
    net.run_for(Duration::from_secs(5));
    assert_eq!(others(&net, said[0]), once);
    let life = net.engines[2].life();
    let before = overheard(&net, life);
    net.sent.clear();
    net.engines[2] = snapshot;
    say(&mut net, said[1]);
    until_well(&mut net, Duration::from_secs(4));
    let after = overheard(&net, life);
    let (mut pairs, mut bytes, mut equal) = (0, 0, 0);
    for (place, (sealed, plain, tag)) in &after {
        let Some((other_sealed, other_plain, other_tag)) = before.get(place) else { continue };
        if plain == other_plain {
            continue;
        }
        pairs += 1;
        assert_ne!(tag, other_tag, "packet {place:?}");
        let [in_clear, on_wire] = [(plain, other_plain), (sealed, other_sealed)]
            .map(|(one, other)| one.iter().zip(other).map(|(a, b)| a ^ b).collect::<Vec<u8>>());
        bytes += in_clear.len();
        equal += in_clear.iter().zip(&on_wire).filter(|(a, b)| a == b).count();
    }
    assert!(pairs >= 3 && bytes > 60, "{pairs} numbers were used twice, with {bytes} bytes");
    // By chance one byte of 256 agrees; under one key stream all would.
    assert!(equal * 32 < bytes, "{equal} of {bytes} differences show through");
    net.run_for(Duration::from_secs(20));
    assert_eq!((hidden(&net), renewals(&net, 3)), (0, 1));
    assert_eq!(others(&net, said[0]), once, "delivered twice");
    assert!(others(&net, said[1]).iter().all(|&copies| copies <= 1), "delivered twice");
    say(&mut net, "after");
    assert_eq!(others(&net, "after"), once);
}

/// A process that begins its former epoch again, with the first packet number.
#[test]
fn an_epoch_used_again_is_left_soon() {
    for up in [2, 60, 600] {
        let mut net = Net::settled(8);
        net.run_for(Duration::from_secs(up));
        net.engines[2] = Engine::new(config(), addr(3), EPOCH, net.now).unwrap();
        net.events.clear();
        net.on(3, |engine, now| engine.contact(now, &[addr(1), addr(5)]));
        net.run_for(Duration::from_secs(5));
        assert_eq!(until_well(&mut net, Duration::from_millis(1)), Duration::ZERO, "up {up} s");
        net.run_for(Duration::from_secs(20));
        assert_eq!((hidden(&net), renewals(&net, 3)), (0, 1), "up {up} s");
    }
}

/// Two engines that go on from one snapshot, at one address: to the others they are one member, both
/// say that there is a conflict, and what is sent to all comes once to each of the others.
#[test]
fn two_copies_of_a_snapshot_are_one_member_and_a_conflict() {
    for in_turn in [true, false] {
        for apart in [0, 3, 600] {
            let mut net = Net::settled(8);
            net.run_for(Duration::from_secs(60));
            let snapshot = net.engines[2].clone();
            net.run_for(Duration::from_secs(apart));
            net.in_turn = in_turn;
            net.events.clear();
            net.add_copy(3, snapshot);
            net.run_for(Duration::from_secs(2));
            let payload = Bytes::from_static(b"pay 100");
            net.on(1, |engine, now| engine.broadcast(now, Recipients::All, Tag(1), payload))
                .unwrap();
            net.run_for(Duration::from_secs(28));
            let conflict = |(number, event): &(u16, Event)| {
                [3, 9].contains(number) && matches!(event, Event::Conflict { .. })
            };
            let way = format!("in turn: {in_turn}, {apart} s apart");
            assert!(net.events.iter().any(conflict), "{way}: no conflict is reported");
            for number in (1..=8).filter(|number| *number != 3) {
                let status = net.engines[usize::from(number) - 1].peer(id(3)).map(|it| it.status);
                assert_eq!(status, Some(Status::Alive), "{way}");
                let heard = delivered(&net).iter().filter(|(by, _)| *by == number).count();
                assert!(heard == usize::from(number != 1), "{way}: node {number} has {heard}");
            }
            net.events.clear();
            net.run_for(Duration::from_secs(120));
            let hides = |(number, event): &(u16, Event)| {
                let down = |to| matches!(to, Some(Status::Down | Status::Unreachable));
                // Each of the two hears only a part of what goes to their address.
                ![3, 9].contains(number) && matches!(event, Event::Peer { to, .. } if down(*to))
            };
            assert!(!net.events.iter().any(hides), "{way}: somebody is hidden");
        }
    }
}

/// A packet in the name of a node, with a number of the writer's choice.
fn forged(net: &Net, name: u16, number: u64, receiver: Option<Life>) -> Vec<u8> {
    let life = Life { id: id(name), epoch: net.engines[usize::from(name) - 1].epoch() };
    let mut writer = Holder::of(life, &keys(), &cluster());
    writer.numbered(number, receiver, &[])
}

/// Plays a packet in the name of a node to all others.
fn push(net: &mut Net, name: u16, number: u64, bound: bool, multicast: bool) {
    for other in (1..=net.engines.len() as u16).filter(|&other| other != name) {
        let life = net.engines[usize::from(other) - 1].life();
        let packet = forged(net, name, number, bound.then_some(life));
        let arrival =
            if multicast { Arrival::Multicast(addr(name)) } else { Arrival::Unicast(addr(name)) };
        let _ = net.on(other, |engine, now| engine.handle_datagram(now, arrival, &packet));
    }
}

#[test]
fn a_number_in_the_name_of_a_node_costs_it_seconds() {
    for number in [u64::MAX, u64::MAX - 1, 1 << 40, 100_000, 2_000] {
        for (bound, multicast) in [(false, true), (false, false), (true, false)] {
            let mut net = Net::settled(8);
            net.run_for(Duration::from_secs(60));
            net.events.clear();
            push(&mut net, 3, number, bound, multicast);
            net.run_for(Duration::from_secs(5));
            let way = format!("{number}, bound: {bound}, multicast: {multicast}");
            assert_eq!(until_well(&mut net, Duration::from_millis(1)), Duration::ZERO, "{way}");
            net.run_for(Duration::from_secs(20));
            assert_eq!((hidden(&net), renewals(&net, 3)), (0, 1), "{way}");
        }
    }
}

#[test]
fn the_numbers_of_all_nodes_pushed_to_the_end_at_once_cost_seconds() {
    for bound in [false, true] {
        let mut net = Net::settled(8);
        net.run_for(Duration::from_secs(60));
        net.events.clear();
        for name in 1..=8 {
            push(&mut net, name, u64::MAX, bound, false);
        }
        net.run_for(Duration::from_secs(5));
        assert_eq!(until_well(&mut net, Duration::from_millis(1)), Duration::ZERO);
        net.run_for(Duration::from_secs(20));
        assert_eq!(hidden(&net), 0);
        assert!((1..=8).all(|number| renewals(&net, number) == 1));
    }
}

/// Somebody with the key who goes on to write such numbers: the renewals become rare, the pongs of the node
/// still count, so that nobody takes it for dead, and it says that there is a conflict.
#[test]
fn numbers_written_every_second_hide_nobody() {
    let mut net = Net::settled(8);
    net.events.clear();
    for _ in 0..300 {
        push(&mut net, 3, u64::MAX, false, true);
        net.run_for(Duration::from_secs(1));
        net.sent.clear();
    }
    assert_eq!(hidden(&net), 0);
    let renewed = renewals(&net, 3);
    assert!((5..=12).contains(&renewed), "renewed {renewed} times");
    assert!(net.events.iter().any(|(_, event)| matches!(event, Event::Conflict { .. })));
    net.run_for(Duration::from_secs(130));
    assert_eq!(until_well(&mut net, Duration::from_millis(1)), Duration::ZERO);
}

/// What an engine answers to refused packets of one holder of the key, bound and unbound: once a second
/// each at most, and nothing to a plain copy of the highest one.
#[test]
fn refused_numbers_are_answered_once_a_second_and_told_once_a_minute() {
    let mut engine = engine(1);
    let mut holder = Holder::new(2);
    let last = holder.numbered(5_000, Some(receiver()), &[Frame::Ping { root: 1 }]);
    engine.handle_datagram(START, holder.arrival(), &last).unwrap();
    let _ = drain(&mut engine);
    let to = Destination::Unicast(addr(2));
    let answers = |engine: &mut Engine, now: Instant, packet: &[u8]| {
        engine.handle_timeout(now);
        let before = drain(engine);
        let taken = engine.handle_datagram(now, Arrival::Unicast(addr(2)), packet);
        assert!(matches!(taken, Err(DatagramError::TooOld | DatagramError::Replayed)), "{taken:?}");
        let after = drain(engine);
        let told = [before.events, after.events].concat();
        let told = told.iter().filter(|event| matches!(event, Event::Refused { .. })).count();
        (after.datagrams.iter().filter(|(at, _)| *at == to).count(), told)
    };
    assert_eq!(answers(&mut engine, START, &last), (0, 0), "a copy says nothing new");
    let (mut answered, mut told) = (0, 0);
    for step in 0..600_u64 {
        let now = ms(1_000 + step * 100);
        let receiver = (step % 3 != 0).then_some(receiver());
        let old = holder.numbered(1 + step, receiver, &[Frame::Ping { root: 1 }]);
        let (more, events) = answers(&mut engine, now, &old);
        (answered, told) = (answered + more, told + events);
    }
    assert!((55..=60).contains(&answered), "{answered} answers in a minute");
    assert_eq!(told, 1);
}
