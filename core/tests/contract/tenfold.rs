//! Ten times as much as there is room for, in the tables that nothing but memory asks for: what is
//! living or in use stays, and nothing is taken twice.

use std::time::Duration;

use bytes::Bytes;
use scalesmall_core::wire::{Frame, Message, Standing};
use scalesmall_core::{
    DatagramError, Engine, Event, Instant, Life, Limits, Op, Recipients, RecordDelta, Suite, Tag,
    Write,
};
use scalesmall_hostile::{
    EPOCH, Holder, START, cluster, config, engine_with, id, keys_of, receiver,
};

use crate::net::Net;
use crate::{group, range};

fn with(set: impl FnOnce(&mut Limits)) -> Engine {
    let mut config = config();
    set(&mut config.limits);
    engine_with(1, config)
}

fn tell(engine: &mut Engine, holder: &mut Holder, frames: &[Frame]) {
    let packet = holder.packet(Some(engine.life()), frames);
    engine.handle_datagram(START, holder.arrival(), &packet).unwrap();
    let _ = scalesmall_hostile::drain(engine);
}

fn met(engine: &mut Engine, numbers: impl Iterator<Item = u16>) -> Vec<Holder> {
    let mut holders: Vec<Holder> = numbers.map(Holder::new).collect();
    holders.iter_mut().for_each(|holder| holder.introduce(engine));
    holders
}

fn message(holder: &Holder) -> Frame {
    let payload = Bytes::from_static(b"m");
    Frame::Message(Message { origin: holder.life, sequence: 1, tag: 1, group: None, payload })
}

fn left(holder: &Holder) -> Frame {
    Frame::Claim(scalesmall_hostile::claim(holder.life, 0, Standing::Left))
}

/// Ranges that a node serves, and nobody else does.
fn served(holder: &Holder, number: u32, count: u32) -> Frame {
    let writes = (0..count).map(|at| Write {
        range: range(number * 100 + at, number * 100 + at),
        op: Op::Add,
        port: 80,
        clock: u64::from(at) + 1,
    });
    let Life { id: member, epoch } = holder.life;
    let clock = u64::from(count);
    let writes = writes.collect();
    let delta = RecordDelta { member, epoch, since: 0, floor: 0, clock, target: clock, writes };
    Frame::Record { group: group("a"), delta }
}

fn is_served(engine: &Engine, holder: &Holder, number: u32) -> bool {
    engine.route(&group("a"), number * 100).any(|owner| owner.member == holder.id())
}

/// Members that said something once, long ago, are remembered; of those that have gone the stalest is
/// forgotten.
#[test]
fn origins_that_have_gone_make_room_for_others() {
    let mut engine = with(|limits| limits.message_origins = 8);
    let mut members = met(&mut engine, 2..=5);
    for member in &mut members {
        let frame = message(member);
        tell(&mut engine, member, &[frame]);
    }
    for mut passing in met(&mut engine, 100..180) {
        let frames = [message(&passing), left(&passing)];
        tell(&mut engine, &mut passing, &frames);
    }
    assert_eq!((engine.stats().messages_delivered, engine.stats().messages_duplicate), (84, 0));
    for member in &mut members {
        let frame = message(member);
        tell(&mut engine, member, &[frame]);
    }
    assert_eq!((engine.stats().messages_delivered, engine.stats().messages_duplicate), (84, 4));
}

/// Where all live, those heard last are remembered, and the others' messages may come again.
#[test]
fn of_living_origins_the_stalest_makes_room() {
    let mut engine = with(|limits| limits.message_origins = 8);
    let mut members = met(&mut engine, 100..180);
    for member in &mut members {
        let frame = message(member);
        tell(&mut engine, member, &[frame]);
    }
    for member in &mut members[72..] {
        let frame = message(member);
        tell(&mut engine, member, &[frame]);
    }
    assert_eq!((engine.stats().messages_delivered, engine.stats().messages_duplicate), (80, 8));
    let frame = message(&members[71]);
    tell(&mut engine, &mut members[71], &[frame]);
    assert_eq!((engine.stats().messages_delivered, engine.stats().messages_duplicate), (81, 8));
}

/// Half of the nodes remember one origin, the others all: everybody gets all messages, once where they
/// are remembered.
#[test]
fn messages_reach_all_whatever_each_remembers() {
    const NODES: u16 = 11;
    let mut net = Net::settled(NODES);
    let mut short = config();
    short.limits.message_origins = 1;
    for number in (1..=NODES).step_by(2) {
        let short = short.clone();
        net.on(number, |engine, now| engine.set_config(now, short)).unwrap();
    }
    let since = net.events.len();
    for round in 0..10_u8 {
        for number in 1..=NODES {
            let payload = Bytes::from(vec![round, number as u8]);
            net.on(number, |engine, now| engine.broadcast(now, Recipients::All, Tag(1), payload))
                .unwrap();
        }
        net.run_for(Duration::from_millis(100));
    }
    net.run_for(Duration::from_secs(2));
    for number in 1..=NODES {
        let got = net.events[since..].iter().filter(|(at, _)| *at == number);
        let mut payloads: Vec<&Bytes> = got
            .filter_map(|(_, event)| match event {
                Event::Message { payload, .. } => Some(payload),
                _ => None,
            })
            .collect();
        let all = payloads.len();
        payloads.sort();
        payloads.dedup();
        assert_eq!(payloads.len(), 100, "at node {number}");
        assert!(number % 2 == 1 || all == 100, "{all} messages at node {number}");
    }
}

/// Ten times as many ranges as there is room for come and go; what the living serve is never given up.
#[test]
fn ranges_of_the_gone_make_room_for_those_of_the_living() {
    let mut engine = with(|limits| limits.ranges = 16);
    let mut members = met(&mut engine, 2..=3);
    for (number, member) in (2..).zip(&mut members) {
        let frame = served(member, number, 4);
        tell(&mut engine, member, &[frame]);
    }
    for (number, mut passing) in (100..).zip(met(&mut engine, 100..140)) {
        let frame = served(&passing, number, 4);
        tell(&mut engine, &mut passing, &[frame]);
        assert!(is_served(&engine, &passing, number), "node {number}");
        let frame = left(&passing);
        tell(&mut engine, &mut passing, &[frame]);
        assert!(engine.topology(&group("a")).count() <= 16);
    }
    assert_eq!(engine.stats().deltas_refused, 0);
    // Those that stay fill the table; more is refused and counted, and takes nothing from anybody.
    for (number, mut more) in (200..).zip(met(&mut engine, 200..220)) {
        let frame = served(&more, number, 4);
        tell(&mut engine, &mut more, &[frame]);
        assert_eq!(is_served(&engine, &more, number), number < 202, "node {number}");
    }
    assert_eq!(engine.stats().deltas_refused, 18);
    for (number, member) in (2..).zip(&members) {
        assert!(is_served(&engine, member, number), "node {number}");
    }
}

/// Forty senders share the places of four keys while a hundred times as many packets are forged: all
/// are heard, under either suite.
#[test]
fn more_senders_than_keys_are_heard_while_packets_are_forged() {
    for suite in [Suite::Authenticated, Suite::Sealed] {
        let mut config = config();
        (config.keys, config.limits.session_keys) = (keys_of(suite), 4);
        let mut engine = engine_with(1, config);
        let holder = |number| {
            let life = Life { id: id(number), epoch: EPOCH };
            Holder::of(life, &keys_of(suite), &cluster())
        };
        let mut holders: Vec<Holder> = (100..140).map(holder).collect();
        for _ in 0..3 {
            for holder in &mut holders {
                let packet = holder.packet(Some(receiver()), &[Frame::Ping { root: 1 }]);
                for at in packet.len() - 10..packet.len() {
                    let mut forged = packet.clone();
                    forged[at] ^= 1;
                    assert!(engine.handle_datagram(START, holder.arrival(), &forged).is_err());
                }
                assert_eq!(engine.handle_datagram(START, holder.arrival(), &packet), Ok(()));
                let _ = scalesmall_hostile::drain(&mut engine);
            }
        }
        assert_eq!(engine.stats().refused_forged, 1_200);
        assert_eq!(engine.peers().count(), 40);
    }
}

/// Packets of ten times as many senders as have wide windows overtake each other by more than the narrow
/// ones hold: those of the last are taken, those of the others are too old, and none is taken twice.
#[test]
fn of_more_bursts_than_wide_windows_the_last_count() {
    const WIDE: usize = 32;
    let mut engine = with(|limits| limits.nodes = 1_000);
    let mut senders = met(&mut engine, 100..420);
    let give = |engine: &mut Engine, now, sender: &mut Holder, number| {
        let packet = sender.numbered(number, Some(receiver()), &[Frame::Ping { root: 0 }]);
        let taken = engine.handle_datagram(now, sender.arrival(), &packet);
        let _ = scalesmall_hostile::drain(engine);
        taken
    };
    let at = |count: usize| Instant::from_millis(1_001 + count as u64);
    for (count, sender) in senders.iter_mut().enumerate() {
        assert_eq!(give(&mut engine, at(count), sender, 300), Ok(()));
    }
    let (now, last) = (at(senders.len()), senders.len() - WIDE);
    for (count, sender) in senders.iter_mut().enumerate() {
        let late = give(&mut engine, now, sender, 100);
        let expected = if count < last { Err(DatagramError::TooOld) } else { Ok(()) };
        assert_eq!(late, expected, "sender {count}");
        assert_eq!(give(&mut engine, now, sender, 290), Ok(()), "the narrow window has it");
        for again in [100, 290, 300] {
            assert!(give(&mut engine, now, sender, again).is_err(), "{again} of sender {count}");
        }
    }
}
