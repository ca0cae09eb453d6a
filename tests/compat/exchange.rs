//! Two nodes that meet, serve, talk and part, and one of them alone with a recording of the other.

use std::time::Duration;

use bytes::Bytes;
use scalesmall_core::{
    Arrival, Config, Destination, Engine, Event, GroupName, Instant, KeyRange, Recipients, Suite,
    Tag,
};
use scalesmall_hostile::{START, addr, cluster, drain, engine_with, keys_of};

use crate::recording::Datagram;

pub(crate) const TEXT: &[u8] = b"hello";
pub(crate) const METADATA: &[u8] = b"rack 7";

/// How long a datagram is under way.
const DELAY: Duration = Duration::from_micros(700);

const END: Duration = Duration::from_secs(6);

pub(crate) fn group() -> GroupName {
    GroupName::try_from("shards").unwrap()
}

pub(crate) fn range() -> KeyRange {
    KeyRange::new(100, 199).unwrap()
}

fn engine(suite: Suite, number: u16) -> Engine {
    let mut config = Config::lan([9; 32], cluster(), keys_of(suite));
    // No searches for a larger one: they would only make the files long.
    config.max_datagram = 512;
    engine_with(number, config)
}

/// What node 2 does, and when.
type Call = fn(&mut Engine, Instant);
const CALLS: [(Duration, Call); 5] = [
    (Duration::ZERO, |engine, now| engine.contact(now, &[addr(1)])),
    (Duration::from_millis(500), |engine, now| {
        engine.add_item(now, &group(), range(), 80).unwrap();
    }),
    (Duration::from_millis(1_000), |engine, now| {
        engine.set_metadata(now, Bytes::from_static(METADATA)).unwrap();
    }),
    (Duration::from_millis(1_500), |engine, now| {
        let text = Bytes::from_static(TEXT);
        engine.broadcast(now, Recipients::All, Tag(7), text).unwrap();
    }),
    (Duration::from_millis(4_500), |engine, now| engine.depart(now)),
];

/// What one node did that was played to.
#[derive(Default)]
pub(crate) struct Played {
    pub(crate) sent: Vec<Datagram>,
    pub(crate) events: Vec<(u16, Event)>,
    /// When it refused what came.
    pub(crate) refused: Vec<Instant>,
}

/// All that two engines say to each other.
pub(crate) fn exchange(suite: Suite) -> Vec<Datagram> {
    run(suite, &[1, 2], Vec::new()).sent
}

/// Runs one engine, to which is said what a recording has for it.
pub(crate) fn play(suite: Suite, number: u16, recorded: &[Datagram]) -> Played {
    run(suite, &[number], recorded.iter().filter(|it| it.to == number).cloned().collect())
}

fn run(suite: Suite, numbers: &[u16], mut wire: Vec<Datagram>) -> Played {
    let mut engines: Vec<(u16, Engine)> =
        numbers.iter().map(|&number| (number, engine(suite, number))).collect();
    let mut played = Played::default();
    let mut calls = CALLS.iter().filter(|_| numbers.contains(&2)).peekable();
    loop {
        let deadlines = engines.iter().filter_map(|(_, engine)| engine.poll_timeout());
        let arrival = wire.iter().map(|it| it.at).min();
        let call = calls.peek().map(|(at, _)| START + *at);
        let arrives = arrival.map(|at| START + Duration::from_micros(at));
        let Some(now) = deadlines.chain(arrives).chain(call).min() else { break };
        if now > START + END {
            break;
        }
        for (number, engine) in &mut engines {
            if let Some((_, call)) =
                calls.peek().filter(|(at, _)| START + *at <= now && *number == 2)
            {
                call(engine, now);
                calls.next();
            }
            engine.handle_timeout(now);
            let due: Vec<Datagram> = wire
                .extract_if(.., |it| {
                    it.to == *number && START + Duration::from_micros(it.at) <= now
                })
                .collect();
            for datagram in due {
                let arrival = Arrival::Unicast(addr(datagram.from));
                if engine.handle_datagram(now, arrival, &datagram.bytes).is_err() {
                    played.refused.push(now);
                }
            }
            let outputs = drain(engine);
            played.events.extend(outputs.events.into_iter().map(|event| (*number, event)));
            for (to, bytes) in outputs.datagrams {
                let other = 3 - *number;
                if to != Destination::Unicast(addr(other)) {
                    continue;
                }
                let at = (now + DELAY).since(START).as_micros() as u64;
                let datagram = Datagram { at, from: *number, to: other, bytes };
                played.sent.push(datagram.clone());
                if numbers.contains(&other) {
                    wire.push(datagram);
                }
            }
        }
    }
    played
}
