//! *Deterministic.* Same config, seed and sequence of calls (polls included): byte-identical
//! outputs.

use std::fmt::Write as _;
use std::time::Duration;

use bytes::Bytes;
use scalesmall_core::{Engine, Epoch, Instant, Recipients, Tag};
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
/// change of behaviour. Whoever means to change the behaviour replaces the number.
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

const SCRIPT: u64 = 0x16da_f7d6_2766_4e4b;

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
