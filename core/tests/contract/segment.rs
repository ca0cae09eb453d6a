//! A holder of the key lies about who hears multicast: nobody is cut off for longer than a promise
//! lasts, and nobody is made to send much.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use scalesmall_core::wire::{Frame, Header};
use scalesmall_core::{
    Arrival, Config, Destination, Engine, Instant, Liveness, NodeId, Recipients, Tag,
};
use scalesmall_hostile::{Holder, START, addr, config, drain, engine_with, id, life, receiver};

/// An engine that multicasts and knows some holders of the key, from number 2 on. It calls nobody
/// down, as none of them answers.
fn known_to(holders: u16, least_hearers: u32) -> (Engine, Vec<Holder>) {
    let mut config: Config = config();
    config.multicast = true;
    config.least_hearers = least_hearers;
    config.liveness = Liveness::Off;
    let holder =
        |number| Holder::among(life(number), &config.keys, &config.cluster, config.liveness);
    let mut known: Vec<Holder> = (2..2 + holders).map(holder).collect();
    let mut engine = engine_with(1, config);
    known.iter_mut().for_each(|holder| holder.introduce(&mut engine));
    (engine, known)
}

fn multicast(engine: &mut Engine, now: Instant, from: &mut Holder, frames: &[Frame]) {
    let packet = from.packet(None, frames);
    let Arrival::Unicast(source) = from.arrival() else { panic!("holders are unicast") };
    engine.handle_datagram(now, Arrival::Multicast(source), &packet).unwrap();
}

fn unicast(engine: &mut Engine, now: Instant, from: &mut Holder, frames: &[Frame]) {
    let packet = from.packet(Some(receiver()), frames);
    engine.handle_datagram(now, from.arrival(), &packet).unwrap();
}

fn heard(speaker: u16, nodes: impl IntoIterator<Item = u16>) -> Frame {
    let nodes: Vec<NodeId> = nodes.into_iter().map(id).collect();
    Frame::Heard { speaker: id(speaker), nodes }
}

/// Lets time pass; returns what is sent that asks for an acknowledgement: copies of the tree.
fn run(engine: &mut Engine, from: Instant, until: Instant) -> Vec<(SocketAddr, u64)> {
    let mut copies = Vec::new();
    let mut now = from;
    loop {
        for (to, datagram) in drain(engine).datagrams {
            let (header, _) = Header::parse(&datagram).unwrap();
            if let (Destination::Unicast(to), true) = (to, header.ack) {
                copies.push((to, header.packet));
            }
        }
        let due = engine.poll_timeout().unwrap();
        if due > until {
            return copies;
        }
        now = now.max(due);
        engine.handle_timeout(now);
    }
}

fn broadcast(engine: &mut Engine, now: Instant) {
    engine.broadcast(now, Recipients::All, Tag(1), Bytes::from_static(b"all")).unwrap();
}

fn to(copies: &[(SocketAddr, u64)]) -> Vec<SocketAddr> {
    let mut to: Vec<SocketAddr> = copies.iter().map(|(to, _)| *to).collect();
    to.sort_unstable();
    to.dedup();
    to
}

/// A speaker that says it covers everybody and does not acknowledge: 100 ms later the others are
/// sent copies by the tree.
#[test]
fn a_speaker_that_does_not_answer_is_not_waited_for() {
    let (mut engine, mut holders) = known_to(10, 99);
    let frames = [Frame::Beat { sequence: 1 }, heard(2, 3..12)];
    multicast(&mut engine, START, &mut holders[0], &frames);
    broadcast(&mut engine, START);
    let at_once = run(&mut engine, START, START + Duration::from_millis(5));
    assert_eq!(to(&at_once), [addr(2)]);
    // Before anything is known of round trips the wait for an acknowledgement is 20 ms.
    let later = START + Duration::from_millis(200);
    let rescued = run(&mut engine, START + Duration::from_millis(5), later);
    assert!(to(&rescued).len() > 3, "{rescued:?}");
}

/// One that acknowledges and keeps everything for itself does so until its promise has run out;
/// what it kept is left to repair.
#[test]
fn a_speaker_that_keeps_all_for_itself_does_so_for_as_long_as_it_has_promised() {
    let (mut engine, mut holders) = known_to(10, 99);
    let frames = [Frame::Beat { sequence: 1 }, heard(2, 3..12)];
    multicast(&mut engine, START, &mut holders[0], &frames);
    broadcast(&mut engine, START);
    let at_once = run(&mut engine, START, START + Duration::from_millis(5));
    let acks: Vec<Frame> = at_once.iter().map(|&(_, packet)| Frame::Ack { packet }).collect();
    let now = START + Duration::from_millis(6);
    unicast(&mut engine, now, &mut holders[0], &acks);
    let kept = run(&mut engine, now, START + Duration::from_secs(74));
    assert_eq!(to(&kept), [], "it was acknowledged");
    let over = START + Duration::from_secs(76);
    run(&mut engine, START + Duration::from_secs(74), over);
    broadcast(&mut engine, over);
    let copies = run(&mut engine, over, over + Duration::from_millis(5));
    assert!(to(&copies).len() > 3, "{copies:?}");
}

/// Nobody speaks for another: a list in the name of a node that did not send it counts for nothing,
/// nor does one that takes over those whom another covers.
#[test]
fn lists_in_the_name_of_others_are_not_believed() {
    let (mut engine, mut holders) = known_to(10, 99);
    unicast(&mut engine, START, &mut holders[3], &[heard(2, 3..12)]);
    multicast(&mut engine, START, &mut holders[3], &[heard(2, 3..12)]);
    broadcast(&mut engine, START);
    let copies = run(&mut engine, START, START + Duration::from_millis(5));
    assert!(to(&copies).len() > 3, "{copies:?}");

    let (mut engine, mut holders) = known_to(10, 99);
    multicast(&mut engine, START, &mut holders[0], &[heard(2, 3..12)]);
    multicast(&mut engine, START, &mut holders[1], &[heard(3, 2..12)]);
    broadcast(&mut engine, START);
    let copies = run(&mut engine, START, START + Duration::from_millis(5));
    assert_eq!(to(&copies), [addr(2), addr(3)]);
}

/// Numbers that nobody reaches, beats of many who speak and lists of many make no node ask much.
#[test]
fn absurd_beats_cause_few_questions() {
    let sent = |engine: &mut Engine| {
        let before = engine.stats().datagrams_sent;
        run(engine, START, START + Duration::from_millis(700));
        engine.stats().datagrams_sent - before
    };
    let (mut engine, mut holders) = known_to(40, 99);
    let anyway = sent(&mut engine.clone());
    for holder in &mut holders {
        let frames = [
            Frame::Beat { sequence: u64::MAX },
            Frame::Heard { speaker: holder.id(), nodes: vec![id(1)] },
        ];
        multicast(&mut engine, START, holder, &frames);
        let frames =
            [Frame::Beat { sequence: 7 }, Frame::Numbered { sequence: u64::MAX, frames: 3 }];
        multicast(&mut engine, START, holder, &frames);
    }
    let asked = sent(&mut engine) - anyway;
    assert!(asked < 60, "{asked}");
}

/// A speaker answers those whom it covers, each once in 8 ms whatever it asks, and nobody else.
#[test]
fn a_speaker_is_no_amplifier() {
    let (mut engine, mut holders) = known_to(8, 3);
    let mut now = START;
    while now < START + Duration::from_secs(30) {
        let next = now + Duration::from_millis(100);
        run(&mut engine, now, next);
        now = next;
        for holder in &mut holders[..6] {
            let me = holder.id();
            unicast(&mut engine, now, holder, &[Frame::Heard { speaker: id(1), nodes: vec![me] }]);
        }
    }
    broadcast(&mut engine, now);
    let copies = run(&mut engine, now, now + Duration::from_millis(5));
    assert_eq!(to(&copies), [addr(8), addr(9)], "the others are covered");
    now = now + Duration::from_millis(50);
    run(&mut engine, now, now);
    let before = engine.stats().bytes_sent;
    for _ in 0..1_000 {
        let missed = Frame::Missed { since: 0, silent: true };
        unicast(&mut engine, now, &mut holders[0], std::slice::from_ref(&missed));
        unicast(&mut engine, now, &mut holders[7], &[missed]);
    }
    let answers = drain(&mut engine).datagrams;
    assert!(answers.iter().all(|(to, _)| *to != Destination::Unicast(addr(9))));
    assert!((1..=2).contains(&answers.len()), "{}", answers.len());
    assert!(engine.stats().bytes_sent - before < 2_000);
}
