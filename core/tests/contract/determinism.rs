//! *Deterministic.* Same config, seed and sequence of calls (polls included): byte-identical
//! outputs.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use scalesmall_core::{Arrival, Engine, Epoch, Instant, Recipients, Tag};
use scalesmall_hostile::{START, addr, config, drain, engine, engine_with, id};

use crate::net::Net;
use crate::{group, range};

/// A run in which everything happens that an engine can do.
fn script(net: &mut Net) {
    let second = Duration::from_secs(1);
    net.meet();
    net.run_for(second);
    for number in 1..=5 {
        let start = u32::from(number) * 100;
        net.on(number, |engine, now| {
            engine.add_item(now, &group("shards"), range(start, start + 99), number)
        })
        .unwrap();
    }
    net.on(2, |engine, now| engine.join(now, &group("readers"))).unwrap();
    net.on(3, |engine, now| engine.set_metadata(now, Bytes::from_static(b"rack 7"))).unwrap();
    net.run_for(second);
    for to in [Recipients::All, Recipients::Group(&group("shards")), Recipients::Nodes(&[id(5)])] {
        net.on(1, |engine, now| engine.broadcast(now, to, Tag(7), Bytes::from_static(b"hello")))
            .unwrap();
    }
    net.run_for(second * 3);
    net.on(4, |engine, now| engine.announce_slow(now, Duration::from_secs(2)));
    net.on(5, |engine, now| engine.leave(now, &group("shards"))).unwrap();
    net.on(3, |engine, now| engine.depart(now));
    net.run_for(second * 3);
    net.on(3, |engine, now| engine.renew(now, Epoch(1 << 41)));
    net.run_for(second * 10);
}

fn hash(bytes: impl IntoIterator<Item = u8>, seed: u64) -> u64 {
    bytes
        .into_iter()
        .fold(seed, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}

#[test]
fn same_calls_give_byte_identical_outputs() {
    let run = || {
        let mut net = Net::new(5);
        script(&mut net);
        (net.sent, net.events, net.engines[0].digest())
    };
    let (first, second) = (run(), run());
    assert_eq!(first.0.len(), second.0.len());
    assert_eq!(first, second);
    assert!(first.0.len() > 200);
}

/// Holds in debug and in release, on every machine: an optimisation that changes a byte is a
/// change of behaviour. A commit that is meant to change the behaviour replaces the number.
#[test]
fn a_run_has_the_same_hash_in_debug_and_release() {
    let mut net = Net::new(5);
    script(&mut net);
    let mut state = 0xcbf2_9ce4_8422_2325;
    for (number, to, datagram) in &net.sent {
        let mut line = String::new();
        write!(line, "{number} {to:?} ").unwrap();
        state = hash(line.bytes().chain(datagram.iter().copied()), state);
    }
    for (number, event) in &net.events {
        state = hash(format!("{number} {event:?}").bytes(), state);
    }
    assert_eq!(state, SCRIPT, "the run has changed: {state:#018x}");
}

const SCRIPT: u64 = 0x9396_aac5_1429_8c14;

#[test]
fn another_seed_gives_other_choices() {
    let deadlines = |seed| {
        let mut config = config();
        config.seed = [seed; 32];
        deadlines(engine_with(1, config))
    };
    assert_eq!(deadlines(1), deadlines(1));
    assert_ne!(deadlines(1), deadlines(2));
}

/// When an engine that knows one silent seed wants to be called.
fn deadlines(mut engine: Engine) -> Vec<Instant> {
    engine.contact(START, &[addr(9)]);
    let called = std::iter::repeat_with(|| {
        let _ = drain(&mut engine);
        let due = engine.poll_timeout().unwrap();
        engine.handle_timeout(due);
        due
    });
    called.take(10).collect()
}

/// The seed may be shared: id and epoch are mixed in.
#[test]
fn engines_with_one_seed_make_different_choices() {
    assert_ne!(deadlines(engine(1)), deadlines(engine(2)));
}

/// Asking changes nothing, so it may be left out of a recording.
#[test]
fn queries_change_nothing() {
    let mut net = Net::settled(3);
    let mut other = Net::settled(3);
    for engine in &net.engines {
        let shards = group("shards");
        let _ = (engine.peers().count(), engine.members(&shards).count(), engine.digest());
        let _ = (engine.route(&shards, 7).count(), engine.coverage(&shards), engine.groups());
        let _ = (engine.peer(id(2)), engine.poll_timeout(), engine.stats());
    }
    net.run_for(Duration::from_secs(5));
    other.run_for(Duration::from_secs(5));
    assert_eq!(net.sent, other.sent);
}

/// The digests of all that the engines will act on.
fn states(net: &Net) -> Vec<u64> {
    net.engines.iter().map(Engine::state_digest).collect()
}

#[test]
fn a_clone_has_the_same_state_and_keeps_it_under_the_same_calls() {
    let mut net = Net::new(5);
    net.meet();
    let mut fork = net.clone();
    let before = states(&net);
    for net in [&mut net, &mut fork] {
        script(net);
    }
    assert_eq!(states(&net), states(&fork));
    for (now, before) in states(&net).into_iter().zip(before) {
        assert_ne!(now, before);
    }
    // It is the same at each step, and not at the end alone.
    let mut seen = BTreeSet::new();
    for _ in 0..100 {
        net.run_for(Duration::from_millis(50));
        fork.run_for(Duration::from_millis(50));
        assert_eq!(states(&net), states(&fork));
        seen.insert(states(&net));
    }
    assert!(seen.len() > 20, "{}", seen.len());
}

type Call = fn(&mut Engine, Instant);

#[test]
fn engines_that_were_called_in_different_ways_differ_in_their_state() {
    let net = Net::settled(3);
    let (engine, now) = (&net.engines[0], net.now);
    let calls: [(&str, Call); 11] = [
        ("none", |_, _| {}),
        ("time", |engine, now| engine.handle_timeout(now + Duration::from_millis(1))),
        ("add_item", |engine, now| {
            engine.add_item(now, &group("shards"), range(0, 99), 80).unwrap();
        }),
        ("add_item elsewhere", |engine, now| {
            engine.add_item(now, &group("shards"), range(0, 99), 81).unwrap();
        }),
        ("join", |engine, now| engine.join(now, &group("shards")).unwrap()),
        ("set_metadata", |engine, now| {
            engine.set_metadata(now, Bytes::from_static(b"rack 7")).unwrap();
        }),
        ("broadcast", |engine, now| {
            engine.broadcast(now, Recipients::All, Tag(7), Bytes::from_static(b"hello")).unwrap();
        }),
        ("contact", |engine, now| engine.contact(now, &[addr(9)])),
        ("set_config", |engine, now| {
            let mut config = engine.config().clone();
            config.verifiers += 1;
            engine.set_config(now, config).unwrap();
        }),
        ("depart", |engine, now| engine.depart(now)),
        ("handle_datagram", |engine, now| {
            let _ = engine.handle_datagram(now, Arrival::Unicast(addr(9)), b"");
        }),
    ];
    let mut seen = BTreeSet::new();
    for (name, call) in calls {
        let mut fork = engine.clone();
        call(&mut fork, now);
        assert!(seen.insert(fork.state_digest()), "{name}");
    }
}

/// Outputs may be drained in any order, and queries may come in between.
#[test]
fn the_order_of_polls_leaves_no_trace_in_the_state() {
    let mut net = Net::settled(5);
    let now = net.now;
    let engine = &mut net.engines[0];
    engine.add_item(now, &group("shards"), range(0, 99), 80).unwrap();
    engine.handle_timeout(now + Duration::from_secs(60));
    let drained = |order: &[bool]| {
        let (mut fork, mut counts) = (engine.clone(), [0; 2]);
        let mut turns = order.iter().copied().cycle();
        let mut empty = [false; 2];
        while empty != [true; 2] {
            let transmits = turns.next().unwrap();
            let more = if transmits {
                fork.poll_transmit(&mut BytesMut::new()).is_some()
            } else {
                fork.poll_event().is_some()
            };
            let _ = (fork.poll_timeout(), fork.digest(), fork.peers().count());
            empty[usize::from(transmits)] |= !more;
            counts[usize::from(transmits)] += usize::from(more);
        }
        (fork.state_digest(), counts)
    };
    let first = drained(&[true, false]);
    assert!(first.1.iter().all(|&count| count > 1), "{:?}", first.1);
    assert_ne!(first.0, engine.state_digest());
    for order in [&[false, true][..], &[true, true, true, false], &[true, false, false, false]] {
        assert_eq!(drained(order), first);
    }
}
