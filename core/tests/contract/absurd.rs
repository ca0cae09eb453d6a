//! A holder of the key says absurd things about others: its owner is heard all the same.

use std::time::Duration;

use bytes::Bytes;
use scalesmall_core::wire::{AttributeKind, Frame, Message, Standing};
use scalesmall_core::{
    ConfigError, DatagramError, Engine, Epoch, Event, Life, MergeError, NodeId, Op, Recipients,
    RecordDelta, Status, Tag, Topology, Write,
};
use scalesmall_hostile::{
    EPOCH, Holder, START, addr, cluster, config, drain, engine, id, keys, receiver,
};

use crate::net::Net;

fn life(number: u16) -> Life {
    Life { id: id(number), epoch: EPOCH }
}

fn message(origin: Life, sequence: u64) -> Frame {
    let payload = Bytes::from_static(b"x");
    Frame::Message(Message { origin, sequence, tag: 7, group: None, payload })
}

/// An owner that hears of metadata it never set puts its own above it.
#[test]
fn false_metadata_is_answered_by_its_owner() {
    let mut engine = engine(1);
    let mut holder = Holder::new(2);
    holder.introduce(&mut engine);
    engine.set_metadata(START, Bytes::from_static(b"mine")).unwrap();
    let _ = drain(&mut engine);
    let lie = attribute(life(1), 900);
    let packet = holder.packet(Some(receiver()), &[lie]);
    engine.handle_datagram(START, holder.arrival(), &packet).unwrap();
    assert_eq!(engine.peer(id(1)).unwrap().metadata, Bytes::from_static(b"mine"));
    assert_eq!(engine.stats().refutations, 1);
    assert!(engine.poll_timeout().is_some_and(|at| at.since(START).as_millis() < 200));
}

/// Messages in another's name, in a life of it that is not known or with a number out of reach, do
/// not keep its own from being delivered.
#[test]
fn a_false_origin_does_not_mute_the_true_one() {
    let mut engine = engine(1);
    let mut holder = Holder::new(2);
    holder.introduce(&mut engine);
    let mut third = Holder::new(3);
    third.introduce(&mut engine);
    let lies = [message(life(3), u64::MAX), message(Life { epoch: Epoch(1), ..life(3) }, 1)];
    let packet = holder.packet(Some(receiver()), &lies);
    engine.handle_datagram(START, holder.arrival(), &packet).unwrap();
    assert_eq!(engine.stats().messages_unknown_age, 2);
    let _ = drain(&mut engine);
    let packet = third.packet(Some(receiver()), &[message(life(3), 1)]);
    engine.handle_datagram(START, third.arrival(), &packet).unwrap();
    let events = drain(&mut engine).events;
    assert!(events.iter().any(|event| matches!(event, Event::Message { .. })), "{events:?}");
}

/// A message in another's name whose number lies far above all that it has sent, said to one node alone:
/// what its origin sends from then on comes there as well.
#[test]
fn a_false_number_of_a_message_is_learnt_by_its_origin() {
    for number in [5_000, 1 << 20, 1 << 32] {
        let mut net = Net::settled(4);
        let mut liar = Holder::new(9);
        let lie = liar.packet(Some(receiver()), &[message(life(3), number)]);
        let arrival = liar.arrival();
        net.on(1, |engine, now| engine.handle_datagram(now, arrival, &lie)).unwrap();
        net.run_for(Duration::from_secs(5));
        let since = net.events.len();
        let payload = Bytes::from_static(b"true");
        net.on(3, |engine, now| engine.broadcast(now, Recipients::All, Tag(8), payload)).unwrap();
        net.run_for(Duration::from_secs(1));
        let mut heard: Vec<u16> = Vec::new();
        for (by, event) in &net.events[since..] {
            if matches!(event, Event::Message { tag: Tag(8), .. }) {
                heard.push(*by);
            }
        }
        heard.sort_unstable();
        assert_eq!(heard, [1, 2, 4], "after number {number}");
    }
}

/// A vouch can make a life count as proven; it cannot deafen the receiver to one that is.
#[test]
fn a_false_vouch_does_not_deafen() {
    let mut engine = engine(1);
    let mut holder = Holder::new(2);
    holder.introduce(&mut engine);
    let mut third = Holder::new(3);
    third.introduce(&mut engine);
    let lie = Frame::Vouch { life: life(3), packet: u64::MAX };
    let packet = holder.packet(Some(receiver()), &[lie]);
    engine.handle_datagram(START, holder.arrival(), &packet).unwrap();
    let packet = third.packet(Some(receiver()), &[Frame::Ping { root: 0 }]);
    assert_eq!(engine.handle_datagram(START, third.arrival(), &packet), Ok(()));
}

/// One packet full of requests makes a node send no more than a bounded answer.
#[test]
fn a_packet_of_wishes_is_answered_within_a_budget() {
    let mut engine = engine(1);
    let group = crate::group("a");
    for start in 0..2_000 {
        engine.add_item(START, &group, crate::range(start * 10, start * 10 + 5), 80).unwrap();
    }
    let mut holder = Holder::new(2);
    holder.introduce(&mut engine);
    let _ = drain(&mut engine);
    let wish = Frame::Want { group, member: life(1), since: 0 };
    let wishes = vec![wish; 100];
    let packet = holder.packet(Some(receiver()), &wishes);
    engine.handle_datagram(START, holder.arrival(), &packet).unwrap();
    assert!(drain(&mut engine).datagrams.len() <= 2_100);
}

fn claim(life: Life, incarnation: u32, standing: Standing) -> Frame {
    Frame::Claim(scalesmall_hostile::claim(life, incarnation, standing))
}

fn record(Life { id: member, epoch }: Life, clock: u64) -> Frame {
    let write = Write { range: crate::range(666, 667), op: Op::Add, port: 666, clock };
    let (since, floor, target, writes) = (0, 0, clock, [write].into());
    let delta = RecordDelta { member, epoch, since, floor, clock, target, writes };
    Frame::Record { group: crate::group("shards"), delta }
}

fn attribute(life: Life, version: u64) -> Frame {
    let bytes = Bytes::from_static(b"lie");
    Frame::Attribute { life, kind: AttributeKind::METADATA, version, bytes }
}

/// All that can be said of a life.
fn said_of(life: Life) -> Vec<Frame> {
    let metadata = attribute(life, 1);
    let standings = [Standing::Alive, Standing::Down, Standing::Left];
    let claims = standings.map(|standing| claim(life, u32::MAX, standing));
    claims.into_iter().chain([record(life, 1), metadata, message(life, 1)]).collect()
}

/// The last epochs there are, said of the receiver, of a node it knows, of a stranger, and by
/// a sender that seals with the key: nobody is believed, each is counted, and lives go on.
#[test]
fn an_epoch_that_nothing_could_top_is_not_believed() {
    let mut engine = engine(1);
    let mut holder = Holder::new(2);
    holder.introduce(&mut engine);
    let mut third = Holder::new(3);
    third.introduce(&mut engine);
    let digest = engine.digest();
    for epoch in [Epoch(u64::MAX), Epoch(u64::MAX - 1), Epoch(EPOCH.horizon().0 + (1 << 33))] {
        for number in [1, 3, 9] {
            let life = Life { id: id(number), epoch };
            let before = engine.stats().epochs_refused;
            let lies = said_of(life);
            let packet = holder.packet(Some(receiver()), &lies);
            engine.handle_datagram(START, holder.arrival(), &packet).unwrap();
            // Of metadata and messages of its own another life is none of its business.
            let judged = if number == 1 { lies.len() - 2 } else { lies.len() };
            assert_eq!(engine.stats().epochs_refused - before, judged as u64, "of {life}");
            let mut forger = Holder::of(life, &keys(), &cluster());
            if number != 1 {
                let packet = forger.packet(Some(receiver()), &[Frame::Ping { root: 0 }]);
                let refused = engine.handle_datagram(START, forger.arrival(), &packet);
                assert_eq!(refused, Err(DatagramError::ImplausibleEpoch));
            }
        }
        let packet = holder.packet(Some(receiver()), &[Frame::Duplicate { epoch }]);
        engine.handle_datagram(START, holder.arrival(), &packet).unwrap();
    }
    assert_eq!((engine.digest(), engine.epoch()), (digest, EPOCH));
    assert_eq!(engine.peer(id(9)), None);
    // The third is heard as before, also in a later life.
    let packet = third.packet(Some(receiver()), &[Frame::Ping { root: 0 }]);
    assert_eq!(engine.handle_datagram(START, third.arrival(), &packet), Ok(()));
    let next = Life { id: id(3), epoch: Epoch(EPOCH.0 + 1) };
    let mut third = Holder::of(next, &keys(), &cluster());
    let packet = third.packet(Some(receiver()), &[Frame::Ping { root: 0 }]);
    assert_eq!(engine.handle_datagram(START, third.arrival(), &packet), Ok(()));
    assert_eq!(engine.peer(id(3)).map(|peer| peer.epoch), Some(next.epoch));
}

/// The highest epoch, incarnation and clock that are believed: the owner puts itself above each, and
/// all believe it again.
#[test]
fn the_highest_that_is_believed_can_be_topped() {
    let life = |epoch| Life { id: id(1), epoch };
    let ceilings: [fn(Life, Epoch) -> Frame; 4] = [
        |life, latest| claim(Life { epoch: latest, ..life }, u32::MAX, Standing::Down),
        |life, _| claim(life, u32::MAX, Standing::Down),
        |life, _| record(life, 1 << 32),
        |life, _| attribute(life, u64::MAX),
    ];
    for (case, lie) in ceilings.into_iter().enumerate() {
        let mut net = Net::settled(4);
        net.on(1, |engine, now| {
            engine.add_item(now, &crate::group("shards"), crate::range(0, 9), 80).unwrap();
        });
        net.run_for(Duration::from_secs(1));
        // A holder of the key tells all of them the same.
        let mut holder = Holder::new(50);
        for number in 1..=4 {
            let lie = lie(life(net.engines[0].epoch()), EPOCH.horizon());
            let bound = net.engines[usize::from(number) - 1].life();
            let packet = holder.packet(Some(bound), &[lie]);
            net.on(number, |engine, now| {
                engine.handle_datagram(now, holder.arrival(), &packet).unwrap();
            });
        }
        net.run_for(Duration::from_secs(20));
        let epoch = net.engines[0].epoch();
        for engine in &net.engines {
            assert_eq!(engine.digest(), net.engines[0].digest(), "case {case}");
            let owners: Vec<NodeId> =
                engine.route(&crate::group("shards"), 5).map(|owner| owner.member).collect();
            assert_eq!(owners, [id(1)], "case {case}");
            assert_eq!(engine.route(&crate::group("shards"), 666).count(), 0, "case {case}");
        }
        for other in &net.engines[1..] {
            let first = other.peer(id(1)).unwrap();
            assert_eq!((first.epoch, first.status), (epoch, Status::Alive), "case {case}");
            assert!(first.metadata.is_empty(), "case {case}");
        }
    }
}

/// A number that nobody gave, as high as is believed, is answered by its owner with a new life, and its
/// next message is heard.
#[test]
fn a_false_message_number_is_topped() {
    let mut net = Net::settled(3);
    let mut holder = Holder::new(50);
    for number in 1..=3 {
        let bound = net.engines[usize::from(number) - 1].life();
        let packet = holder.packet(Some(bound), &[message(life(1), 1 << 32)]);
        net.on(number, |engine, now| {
            engine.handle_datagram(now, holder.arrival(), &packet).unwrap();
        });
    }
    net.run_for(Duration::from_secs(5));
    net.events.clear();
    net.on(1, |engine, now| {
        let payload = Bytes::from_static(b"true");
        engine.broadcast(now, Recipients::All, Tag(1), payload)
    })
    .unwrap();
    net.run_for(Duration::from_secs(1));
    let heard =
        |event: &Event| matches!(event, Event::Message { payload, .. } if payload == "true");
    assert_eq!(net.events.iter().filter(|(_, event)| heard(event)).count(), 2);
}

/// Nobody begins in an epoch that leaves no room, and the data alone has the same horizon.
#[test]
fn an_epoch_that_leaves_no_room_is_refused_at_the_call() {
    let refused = Engine::new(config(), addr(1), Epoch(u64::MAX), START).map(|_| ());
    let Err(ConfigError::EpochTooHigh { latest }) = refused else { panic!("{refused:?}") };
    assert!(Engine::new(config(), addr(1), latest, START).is_ok());
    let mut engine = engine(1);
    engine.renew(START, Epoch(u64::MAX));
    assert_eq!(engine.epoch(), latest);
    engine.renew(START, Epoch(u64::MAX));
    assert!(engine.epoch() > latest);

    let mut topology = Topology::new(id(1), EPOCH);
    let latest = topology.horizon();
    let refused = topology.hear(Life { id: id(2), epoch: Epoch(u64::MAX) }).map(|_| ());
    assert_eq!(refused, Err(MergeError::ImplausibleEpoch { latest }));
    assert!(topology.hear(Life { id: id(2), epoch: latest }).is_ok());
    topology.set_horizon(Epoch(latest.0 + 1));
    assert!(topology.hear(Life { id: id(2), epoch: Epoch(latest.0 + 1) }).is_ok());
}
