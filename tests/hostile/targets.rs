//! What must hold whatever the bytes are. Each function panics where something does not.

use std::time::Duration;

use bytes::Bytes;
use scalesmall_core::{
    Arrival, Config, Destination, Engine, Epoch, Instant, Recipients, SendError, Suite, Tag,
};

use crate::{
    Holder, Reader, START, Source, addr, any_addr, any_frames, any_group, any_id, any_range,
};
use crate::{cluster, config, drain, engine, engine_with, keys, keys_of, life, receiver};

/// Bytes as a datagram, to an engine that knows a peer.
///
/// # Panics
///
/// If the contract is broken.
pub fn datagram(bytes: &[u8]) {
    let mut engine = engine(1);
    let mut holder = Holder::new(2);
    holder.introduce(&mut engine);
    let digest = engine.digest();
    for arrival in [Arrival::Unicast(addr(2)), Arrival::Multicast(addr(3))] {
        let taken = engine.handle_datagram(START, arrival, bytes);
        assert!(taken.is_err(), "nobody can write a packet without the key");
        assert_eq!(engine.digest(), digest);
    }
    settle(&mut engine, START, &mut Reader::new(&keys(), holder.life));
}

/// A datagram that somebody holding the key has written, altered as the bytes say.
///
/// # Panics
///
/// If the contract is broken.
pub fn mutant(bytes: &[u8]) {
    let mut source = Source::new(bytes);
    let mut engine = engine(1);
    let mut holder = Holder::new(2);
    holder.introduce(&mut engine);
    let frames = any_frames(&mut source);
    let original = holder.packet(Some(receiver()), &frames);
    let mut altered = original.clone();
    for _ in 0..1 + source.below(4) {
        let at = source.below(altered.len().max(1) as u64) as usize;
        match source.below(4) {
            0 => altered.truncate(at),
            1 => altered.insert(at.min(altered.len()), source.byte()),
            2 if at < altered.len() => altered[at] = source.byte(),
            _ if at < altered.len() => altered[at] ^= 1 << source.below(8),
            _ => altered.push(source.byte()),
        }
    }
    let digest = engine.digest();
    if altered != original {
        let taken = engine.handle_datagram(START, holder.arrival(), &altered);
        assert!(taken.is_err(), "what was altered does not fit its tag");
        assert_eq!(engine.digest(), digest);
    }
}

/// Authentic bytes in the place of frames.
///
/// # Panics
///
/// If the contract is broken.
pub fn payload(bytes: &[u8]) {
    let mut engine = engine(1);
    let mut holder = Holder::new(2);
    holder.introduce(&mut engine);
    let digest = engine.digest();
    let packet = holder.raw(receiver(), bytes);
    let taken = engine.handle_datagram(START, holder.arrival(), &packet);
    if taken.is_err() {
        assert_eq!(engine.digest(), digest);
    }
    settle(&mut engine, START, &mut Reader::new(&keys(), holder.life));
}

/// Packets full of legal frames that make no sense, by a holder of the key, under either suite.
///
/// # Panics
///
/// If the contract is broken.
pub fn frames(bytes: &[u8]) {
    let mut source = Source::new(bytes);
    let keys = keys_of(if source.flip() { Suite::Sealed } else { Suite::Authenticated });
    let mut config: Config = config();
    config.keys = keys.clone();
    config.multicast = source.flip();
    config.max_datagram = source.one_of(&[512, 1200]);
    let mut engine = engine_with(1, config);
    let mut holder = Holder::of(life(2), &keys, &cluster());
    holder.introduce(&mut engine);
    let mut reader = Reader::new(&keys, life(2));
    let mut now = START;
    let _ = engine.add_item(now, &any_group(&mut source), any_range(&mut source), 80);
    while !source.is_spent() {
        now = now + Duration::from_millis(source.number() % 4_000);
        let frames = any_frames(&mut source);
        let bound = (source.below(8) > 0).then(|| engine.life());
        let packet = holder.packet(bound, &frames);
        let _ = engine.handle_datagram(now, holder.arrival(), &packet);
        if source.below(4) > 0 {
            settle(&mut engine, now, &mut reader);
        }
    }
    settle(&mut engine, now + Duration::from_secs(10), &mut reader);
}

/// Calls of an embedder in any order, with packets of a holder of the key among them.
///
/// # Panics
///
/// If the contract is broken.
pub fn calls(bytes: &[u8]) {
    let mut source = Source::new(bytes);
    let mut engine = engine(1);
    let mut holder = Holder::new(2);
    holder.introduce(&mut engine);
    let mut reader = Reader::new(&keys(), life(2));
    let mut now = START;
    while !source.is_spent() {
        call(&mut engine, now, &mut source);
        if source.below(3) == 0 {
            let frames = any_frames(&mut source);
            let packet = holder.packet(Some(engine.life()), &frames);
            let _ = engine.handle_datagram(now, holder.arrival(), &packet);
        }
        if source.below(3) == 0 {
            settle(&mut engine, now, &mut reader);
        }
        now = match source.below(8) {
            0 => Instant::from_nanos(source.number()),
            _ => now + Duration::from_millis(source.number() % 10_000),
        };
    }
    settle(&mut engine, Instant::MAX, &mut reader);
}

/// One call.
fn call(engine: &mut Engine, now: Instant, source: &mut Source<'_>) {
    let group = any_group(source);
    let range = any_range(source);
    let port = source.byte().into();
    match source.below(16) {
        0 => engine.join(now, &group).unwrap_or(()),
        1 => engine.leave(now, &group).unwrap_or(()),
        2 | 3 => drop(engine.add_item(now, &group, range, port)),
        4 => drop(engine.remove_item(now, &group, range, port)),
        5 => engine.contact(now, &[any_addr(source)]),
        6 => drop(engine.set_metadata(now, Bytes::from(source.bytes(600)))),
        7 => engine.announce_slow(now, Duration::from_millis(source.number())),
        8 => engine.depart(now),
        9 => engine.renew(now, Epoch(source.number())),
        10 => {
            let mut config = config();
            config.max_datagram = 400 + source.below(2_000) as usize;
            config.coalesce = Duration::from_millis(source.below(4));
            config.limits.events = 16 + source.byte() as u32;
            config.limits.outbox = 64 + source.byte() as u32;
            config.limits.nodes = 2 + source.below(8) as u32;
            config.probe_interval = Duration::from_nanos(source.number());
            let _ = engine.set_config(now, config);
        }
        11 => engine.handle_send_error(
            now,
            Destination::Unicast(any_addr(source)),
            source.one_of(&[SendError::Refused, SendError::Unreachable, SendError::Other]),
        ),
        12 | 13 => {
            let nodes: Vec<_> = (0..source.below(40)).map(|_| any_id(source)).collect();
            let to = match source.below(3) {
                0 => Recipients::All,
                1 => Recipients::Group(&group),
                _ => Recipients::Nodes(&nodes),
            };
            let payload = Bytes::from(vec![1; source.below(1_300) as usize]);
            let _ = engine.broadcast(now, to, Tag(1), payload);
        }
        14 => drop(engine.forget(now, any_id(source))),
        _ => engine.handle_timeout(now),
    }
}

/// Serves what is due at `now`, drains, and checks what is promised of what comes out.
fn settle(engine: &mut Engine, now: Instant, reader: &mut Reader) {
    engine.handle_timeout(now);
    let outputs = drain(engine);
    for (to, datagram) in &outputs.datagrams {
        // The largest that any of these configurations allows.
        assert!(datagram.len() <= 2_400, "{} bytes", datagram.len());
        reader.check(*to, datagram);
    }
    // Times beyond half of what can be named count as that.
    let now = now.min(Instant::from_nanos(u64::MAX / 2));
    assert!(engine.poll_timeout().is_none_or(|at| at > now), "a deadline that stays behind");
    assert_eq!(drain(engine), crate::Outputs::default());
}
