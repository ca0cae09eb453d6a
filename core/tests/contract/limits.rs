//! Every field of [`Limits`]: what happens at it.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use scalesmall_core::wire::{Claim, Frame, Message, Route, Spread, Standing};
use scalesmall_core::{
    BroadcastError, Config, ConfigError, DatagramError, Engine, Epoch, GroupError, KeyRange, Life,
    Limits, MetadataError, Op, Recipients, RecordDelta, SendRate, Tag, Write,
};
use scalesmall_hostile::{
    EPOCH, Holder, START, addr, config, drain, engine, engine_with, id, life, receiver,
};

use crate::net::Net;
use crate::{group, range};

fn limited(set: impl FnOnce(&mut Limits)) -> Config {
    let mut config = config();
    set(&mut config.limits);
    config
}

fn alive(number: u16) -> Frame {
    Frame::Claim(scalesmall_hostile::claim(life(number), 0, Standing::Alive))
}

/// What was said by a node whose claim is not taken is asked for once in a while, however often it is told.
#[test]
fn a_record_of_an_unknown_node_is_asked_for_once() {
    let mut engine = engine_with(1, limited(|limits| limits.nodes = 3));
    let mut holder = Holder::new(2);
    holder.introduce(&mut engine);
    Holder::new(3).introduce(&mut engine);
    let mut sent = 0;
    for _ in 0..100 {
        let packet = holder.packet(Some(receiver()), &[alive(9), record(9, "shards", 60)]);
        engine.handle_datagram(START, holder.arrival(), &packet).unwrap();
        sent += drain(&mut engine).datagrams.len();
    }
    assert_eq!(engine.peer(id(9)), None);
    assert!(sent <= 8, "{sent} datagrams");
}

/// A whole record of somebody, of `ranges` ranges.
fn record(member: u16, name: &str, ranges: u32) -> Frame {
    let writes = (0..ranges).map(|at| Write {
        range: range(at, at),
        op: Op::Add,
        port: 80,
        clock: u64::from(at) + 1,
    });
    let clock = u64::from(ranges);
    let delta = RecordDelta {
        member: id(member),
        epoch: EPOCH,
        since: 0,
        floor: 0,
        clock,
        target: clock,
        writes: writes.collect(),
    };
    Frame::Record { group: group(name), delta }
}

fn tell(engine: &mut Engine, holder: &mut Holder, frames: &[Frame]) {
    let packet = holder.packet(Some(engine.life()), frames);
    engine.handle_datagram(START, holder.arrival(), &packet).unwrap();
}

fn met(config: Config) -> (Engine, Holder) {
    let mut engine = engine_with(1, config);
    let mut holder = Holder::new(2);
    holder.introduce(&mut engine);
    (engine, holder)
}

/// The tests below are one for each field: a new limit asks for a new test.
#[test]
fn every_limit_has_a_test() {
    let tested = [
        "nodes",
        "groups",
        "ranges_per_record",
        "ranges",
        "claims",
        "staged_records",
        "metadata",
        "events",
        "event_bytes",
        "outbox",
        "relays",
        "piggyback",
        "seeds",
        "challenges_per_second",
        "message_origins",
        "inquiries",
        "session_keys",
    ];
    let shown = format!("{:?}", Limits::default());
    let body = shown.trim_start_matches("Limits { ").trim_end_matches(" }");
    let fields: Vec<&str> = body.split(", ").filter_map(|field| field.split(':').next()).collect();
    assert_eq!(fields, tested);
}

#[test]
fn a_limit_too_low_to_work_with_is_named() {
    for (config, limit, least) in [
        (limited(|limits| limits.nodes = 1), "nodes", 2),
        (limited(|limits| limits.events = 0), "events", 16),
        (limited(|limits| limits.relays = 15), "relays", 16),
    ] {
        let refused = Engine::new(config, addr(1), EPOCH, START).map(|_| ());
        assert_eq!(refused, Err(ConfigError::LimitTooLow { limit, least }));
    }
}

#[test]
fn nodes() {
    let (mut engine, mut holder) = met(limited(|limits| limits.nodes = 4));
    tell(&mut engine, &mut holder, &[alive(3), alive(4), alive(5), alive(6)]);
    assert_eq!(engine.peers().count(), 3);
    assert_eq!(engine.stats().claims_refused, 2);
    // Records of nobody are not kept either.
    tell(&mut engine, &mut holder, &[record(7, "a", 1)]);
    assert_eq!(engine.topology(&group("a")).count(), 0);
}

#[test]
fn groups() {
    let (mut engine, mut holder) = met(limited(|limits| limits.groups = 2));
    engine.join(START, &group("a")).unwrap();
    tell(&mut engine, &mut holder, &[record(2, "b", 1)]);
    let refused = engine.join(START, &group("c"));
    assert_eq!(refused, Err(GroupError::TooManyGroups { limit: 2 }));
    tell(&mut engine, &mut holder, &[record(2, "d", 1)]);
    assert_eq!(engine.stats().deltas_refused, 1);
    assert_eq!(engine.groups().count(), 2);
}

#[test]
fn ranges_per_record() {
    let (mut engine, mut holder) = met(limited(|limits| limits.ranges_per_record = 3));
    for start in 0..3 {
        engine.add_item(START, &group("a"), range(start, start), 80).unwrap();
    }
    let refused = engine.add_item(START, &group("a"), range(9, 9), 80);
    assert_eq!(refused, Err(GroupError::TooManyItems { limit: 3 }));
    tell(&mut engine, &mut holder, &[record(2, "a", 3), record(2, "b", 4)]);
    assert_eq!(engine.stats().deltas_refused, 1);
    assert_eq!(engine.topology(&group("a")).count(), 6);
    assert_eq!(engine.topology(&group("b")).count(), 0);
}

#[test]
fn ranges() {
    let (mut engine, mut holder) = met(limited(|limits| limits.ranges = 5));
    tell(&mut engine, &mut holder, &[record(2, "a", 4), record(2, "b", 4)]);
    assert_eq!(engine.stats().deltas_refused, 1);
    engine.add_item(START, &group("c"), KeyRange::FULL, 80).unwrap();
    let refused = engine.add_item(START, &group("c"), range(9, 9), 80);
    assert_eq!(refused, Err(GroupError::TopologyFull { limit: 5 }));
}

/// False claims in more groups than are remembered are answered when they are heard again.
#[test]
fn claims() {
    let (mut engine, mut holder) = met(limited(|limits| limits.claims = 1));
    let false_claims: Vec<Frame> = ["a", "b", "c"].map(|name| record(1, name, 2)).into();
    for round in 0..3 {
        tell(&mut engine, &mut holder, &false_claims);
        assert!(engine.stats().refutations > round);
    }
    // Whatever was claimed, this node never said it.
    for name in ["a", "b", "c"] {
        assert_eq!(engine.topology(&group(name)).count(), 0);
    }
}

/// Of records of which only a first piece came as many are kept as may be; those that gave way
/// are asked for again from their start.
#[test]
fn staged_records() {
    let (mut engine, mut holder) = met(limited(|limits| limits.staged_records = 2));
    let piece = |name: &str, first: bool| {
        let Frame::Record { group, mut delta } = record(2, name, 4) else { panic!("a record") };
        let half = if first { 0..2 } else { 2..4 };
        delta.writes = delta.writes[half].into();
        (delta.since, delta.clock) = if first { (0, 2) } else { (2, 4) };
        Frame::Record { group, delta }
    };
    tell(&mut engine, &mut holder, &["a", "b", "c"].map(|name| piece(name, true)));
    assert_eq!(engine.stats().gaps, 0);
    tell(&mut engine, &mut holder, &["a", "b", "c"].map(|name| piece(name, false)));
    assert_eq!(engine.stats().gaps, 1);
    let counts = ["a", "b", "c"].map(|name| engine.topology(&group(name)).count());
    assert_eq!(counts, [0, 4, 4]);
}

#[test]
fn metadata() {
    let mut engine = engine_with(1, limited(|limits| limits.metadata = 9));
    let refused = engine.set_metadata(START, Bytes::from_static(b"0123456789"));
    assert_eq!(refused, Err(MetadataError::TooLong { len: 10, limit: 9 }));
    engine.set_metadata(START, Bytes::from_static(b"012345678")).unwrap();
    // The format has a limit of its own.
    let mut engine = engine_with(1, limited(|limits| limits.metadata = 9_999));
    let refused = engine.set_metadata(START, vec![0; 513].into());
    assert_eq!(refused, Err(MetadataError::TooLong { len: 513, limit: 512 }));
}

#[test]
fn events() {
    let mut engine = engine_with(1, limited(|limits| limits.events = 20));
    for start in 0..500 {
        engine.add_item(START, &group("a"), range(start, start), 80).unwrap();
    }
    assert!(drain(&mut engine).events.len() <= 21);
    assert!(engine.stats().events_folded > 0);
}

/// Few large messages fill the queue; each comes again, and is taken once they have been polled.
#[test]
fn event_bytes() {
    let (mut engine, mut holder) = met(limited(|limits| limits.event_bytes = 1_024));
    let _ = drain(&mut engine);
    let message = |sequence| {
        let origin = Life { id: id(2), epoch: EPOCH };
        let payload = Bytes::from(vec![7; 600]);
        Frame::Message(Message { origin, sequence, tag: 1, group: None, payload })
    };
    tell(&mut engine, &mut holder, &[message(1)]);
    let second = holder.packet(Some(receiver()), &[message(2)]);
    let give = |engine: &mut Engine| engine.handle_datagram(START, holder.arrival(), &second);
    assert_eq!(give(&mut engine), Err(DatagramError::Busy));
    assert_eq!(drain(&mut engine).events.len(), 1);
    assert_eq!(give(&mut engine), Ok(()));
    assert_eq!((engine.stats().messages_refused, engine.stats().messages_delivered), (1, 2));
}

#[test]
fn outbox() {
    let (mut engine, mut holder) = met(limited(|limits| limits.outbox = 64));
    for _ in 0..200 {
        tell(&mut engine, &mut holder, &[Frame::Ping { root: 1 }]);
    }
    assert!(engine.stats().outbox_full >= 136);
    let datagrams = drain(&mut engine).datagrams;
    assert!(!datagrams.is_empty() && datagrams.len() <= 64);
}

/// A message of another for the engine, which is asked to pass it on to four more.
fn asked(engine: &mut Engine, holder: &mut Holder, sequence: u64) -> Result<(), DatagramError> {
    let route = Route::Listed([1, 4, 5, 6, 7].map(id).into());
    let origin = Life { id: id(3), epoch: EPOCH };
    let message = Message { origin, sequence, tag: 0, group: None, payload: Bytes::new() };
    let spread = Spread { route, hops: 3, frames: 1, first_try: None };
    let packet = holder.packet(Some(receiver()), &[Frame::Spread(spread), Frame::Message(message)]);
    engine.handle_datagram(START, holder.arrival(), &packet)
}

#[test]
fn relays() {
    let mut config = limited(|limits| limits.relays = 16);
    config.min_timeout = Duration::from_millis(400);
    let (mut engine, mut holder) = met(config);
    let others: Vec<Frame> = (3..20).map(alive).collect();
    tell(&mut engine, &mut holder, &others);
    let send = |engine: &mut Engine| {
        engine.broadcast(START, Recipients::All, Tag(1), Bytes::from_static(b"x")).map(|_| ())
    };
    // Four copies of each; the other half is for what others ask it to pass on.
    for _ in 0..2 {
        assert_eq!(send(&mut engine), Ok(()));
    }
    assert_eq!(send(&mut engine), Err(BroadcastError::Busy { limit: 16 }));
    assert_eq!(asked(&mut engine, &mut holder, 1), Ok(()));
    assert_eq!(asked(&mut engine, &mut holder, 2), Ok(()));
    // What it cannot pass on it does not take, so that it comes again; all else in the packet counts.
    assert_eq!(asked(&mut engine, &mut holder, 3), Ok(()));
    assert_eq!(engine.stats().messages_delivered, 2);
    assert_eq!(engine.stats().messages_refused, 1);
    // A change is not lost for that: it rides along until it has been told.
    engine.join(START, &group("a")).unwrap();
    engine.handle_timeout(START + Duration::from_millis(5));
    assert_eq!(engine.stats().relay_retries, 0);
}

/// Where neither the tree nor what rides along has room, a change is left to repair, and counted.
#[test]
fn piggyback() {
    let mut config = limited(|limits| (limits.relays, limits.piggyback) = (16, 1));
    config.min_timeout = Duration::from_millis(400);
    let (mut engine, mut holder) = met(config);
    let others: Vec<Frame> = (3..20).map(alive).collect();
    tell(&mut engine, &mut holder, &others);
    for number in 3..20 {
        Holder::new(number).introduce(&mut engine);
    }
    let left_and_back = |number: u16, incarnation, standing| {
        let Frame::Claim(claim) = alive(number) else { panic!("a claim") };
        Frame::Claim(Claim { incarnation, standing, ..claim })
    };
    let left: Vec<Frame> = (3..6).map(|it| left_and_back(it, 0, Standing::Left)).collect();
    tell(&mut engine, &mut holder, &left);
    let mut sequence = 1..;
    while engine.stats().messages_refused == 0 {
        asked(&mut engine, &mut holder, sequence.next().unwrap()).unwrap();
    }
    let back: Vec<Frame> = (3..6).map(|it| left_and_back(it, 2, Standing::Alive)).collect();
    tell(&mut engine, &mut holder, &back);
    // Others may tell all of a return first: it is waited for.
    engine.handle_timeout(START + Duration::from_millis(150));
    engine.handle_timeout(START + Duration::from_millis(155));
    assert_eq!(engine.stats().changes_left_to_repair, 2);
}

#[test]
fn a_message_has_a_limit_that_is_named() {
    let mut net = Net::settled(2);
    let now = net.now;
    let mut send = |to: Recipients<'_>, len: usize| {
        net.engines[0].broadcast(now, to, Tag(1), vec![0; len].into()).map(|_| ())
    };
    let Err(BroadcastError::TooLong { len: 5_000, limit }) = send(Recipients::All, 5_000) else {
        panic!("5,000 bytes do not fit")
    };
    assert!(limit > 900);
    assert!(send(Recipients::All, limit).is_ok());
    assert!(send(Recipients::All, limit + 1).is_err());
    let many = vec![id(2); 1_025];
    let refused = send(Recipients::Nodes(&many), 1);
    assert_eq!(refused, Err(BroadcastError::TooManyNodes { count: 1_025 }));
    let refused = send(Recipients::Group(&group("nowhere")), 1);
    assert_eq!(refused, Err(BroadcastError::UnknownGroup));
}

/// The smallest datagrams have room for a message to as many as may be listed.
#[test]
fn a_message_to_many_fits_in_small_datagrams() {
    let mut config = config();
    config.max_datagram = 512;
    let mut engine = engine_with(1, config);
    let others: Vec<Frame> = (3..63).map(alive).collect();
    let mut holder = Holder::new(2);
    holder.introduce(&mut engine);
    tell(&mut engine, &mut holder, &others);
    let listed: Vec<_> = (3..63).map(id).collect();
    let mut send = |len: usize| {
        let to = Recipients::Nodes(&listed);
        engine.broadcast(START, to, Tag(1), vec![0; len].into()).map(|_| ())
    };
    let Err(BroadcastError::TooLong { limit, .. }) = send(512) else { panic!("too long") };
    assert!(limit > 150, "{limit}");
    assert_eq!(send(limit), Ok(()));
    let datagrams = drain(&mut engine).datagrams;
    let longest = datagrams.iter().map(|(_, datagram)| datagram.len()).max();
    assert!(datagrams.len() >= 8 && longest <= Some(512), "{} {longest:?}", datagrams.len());
    assert_eq!(engine.stats().frames_too_large, 0);
}

/// The oldest seeds are dropped: after long loneliness only the last are still tried.
#[test]
fn seeds() {
    let mut engine = engine_with(1, limited(|limits| limits.seeds = 2));
    engine.contact(START, &[addr(11), addr(12), addr(13), addr(14)]);
    let _ = drain(&mut engine);
    let mut tried = std::collections::BTreeSet::new();
    for _ in 0..40 {
        engine.handle_timeout(engine.poll_timeout().unwrap());
        tried.extend(drain(&mut engine).datagrams.into_iter().map(|(to, _)| format!("{to:?}")));
    }
    assert_eq!(tried.len(), 2, "{tried:?}");
    assert!(tried.iter().all(|to| to.contains(&addr(13).to_string()[..8])));
}

#[test]
fn challenges_per_second() {
    let mut engine = engine_with(1, limited(|limits| limits.challenges_per_second = 1));
    for number in 10..20 {
        let mut holder = Holder::new(number);
        let packet = holder.packet(None, &[Frame::Ping { root: 1 }]);
        let _ = engine.handle_datagram(START, holder.arrival(), &packet);
    }
    assert_eq!((engine.stats().challenges_sent, engine.stats().refused_unproven), (1, 10));
}

/// The origin of which nothing was heard for longest is forgotten: its message may come twice.
#[test]
fn message_origins() {
    let (mut engine, mut holder) = met(limited(|limits| limits.message_origins = 2));
    let message = |number| {
        let origin = Life { id: id(number), epoch: EPOCH };
        let payload = Bytes::from_static(b"m");
        Frame::Message(Message { origin, sequence: 1, tag: 1, group: None, payload })
    };
    tell(&mut engine, &mut holder, &[message(3), message(4), message(3), message(4)]);
    assert_eq!((engine.stats().messages_delivered, engine.stats().messages_duplicate), (2, 2));
    tell(&mut engine, &mut holder, &[message(5), message(4), message(3)]);
    assert_eq!((engine.stats().messages_delivered, engine.stats().messages_duplicate), (4, 3));
}

/// Requests to look at more suspects than may be watched are declined and counted.
#[test]
fn inquiries() {
    let (mut engine, mut holder) = met(limited(|limits| limits.inquiries = 8));
    let others: Vec<Frame> = (3..40).map(alive).collect();
    tell(&mut engine, &mut holder, &others);
    let _ = drain(&mut engine);
    let requests: Vec<Frame> = (3..40)
        .map(|number| Frame::Verify {
            suspect: Life { id: id(number), epoch: EPOCH },
            millis: 2_000,
        })
        .collect();
    tell(&mut engine, &mut holder, &requests);
    assert_eq!(engine.stats().watches_refused, 37 - 8);
}

/// A bound of what is kept derived, not of who is heard.
#[test]
fn session_keys() {
    let mut engine = engine_with(1, limited(|limits| limits.session_keys = 1));
    let mut holders: Vec<Holder> = (2..40).map(Holder::new).collect();
    for _ in 0..3 {
        for holder in &mut holders {
            tell(&mut engine, holder, &[Frame::Ping { root: 1 }]);
        }
    }
    assert_eq!(engine.peers().count(), 38);
}

#[test]
fn a_limit_that_is_lowered_later_is_in_force() {
    let (mut engine, mut holder) = met(config());
    engine.join(START, &group("a")).unwrap();
    let lower = limited(|limits| {
        limits.nodes = 2;
        limits.groups = 1;
    });
    engine.set_config(START, lower).unwrap();
    let refused = engine.join(START, &group("b"));
    assert_eq!(refused, Err(GroupError::TooManyGroups { limit: 1 }));
    tell(&mut engine, &mut holder, &[alive(3)]);
    assert_eq!(engine.peers().count(), 1);
}

#[test]
fn spans_have_bounds_that_are_named() {
    let mut running = engine(1);
    let digest = running.digest();
    let mut refused = |set: fn(&mut Config), expected| {
        let mut config = config();
        set(&mut config);
        assert_eq!(running.set_config(START, config), Err(expected));
    };
    let short = |field| ConfigError::TooShort { field };
    let long = |field| ConfigError::TooLong { field };
    refused(|config| config.probe_interval = Duration::ZERO, short("probe_interval"));
    refused(|config| config.repair_patience = Duration::ZERO, short("repair_patience"));
    refused(|config| config.probe_interval = Duration::MAX, long("probe_interval"));
    refused(|config| config.coalesce = Duration::MAX, long("coalesce"));
    refused(|config| config.forget_after = Duration::from_hours(24 * 41), long("forget_after"));
    refused(|config| config.max_datagram = 511, ConfigError::MaxDatagram { bytes: 511 });
    refused(|config| config.max_timeout = Duration::from_millis(1), ConfigError::TimeoutOrder);
    let least = SendRate::new(96_000, 160);
    let refusal = ConfigError::SendRate { least };
    refused(|config| config.send_rate = SendRate::new(95_999, 160), refusal);
    refused(|config| config.send_rate = SendRate::new(96_000, 159), refusal);
    refused(|config| config.verifiers = 9, ConfigError::Verifiers { count: 9 });
    assert_eq!(running.digest(), digest);
    for bad in ["0.0.0.0:1", "[::]:1", "224.1.1.1:1", "10.0.0.1:0"] {
        let bad: SocketAddr = bad.parse().unwrap();
        let refused = Engine::new(config(), bad, Epoch(1), START).map(|_| ());
        assert_eq!(refused, Err(ConfigError::NotAddressable { addr: bad }));
    }
}
