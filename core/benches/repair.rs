//! What it costs to make two nodes equal that differ in some of their records: bytes and datagrams
//! of both together, from the first datagram of the repair until the digests are equal.
//!
//! `cargo bench -p scalesmall-core --bench repair`; with `-- --test` one small case is run.
//!
//! Of the records that differ a third is unknown to one node, a third to the other, and a third is
//! one write older at one of them. A datagram takes 1 ms. Nothing else goes on but probes.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::BytesMut;
use scalesmall_core::wire::{Frame, Standing};
use scalesmall_core::{
    Arrival, Config, Destination, Engine, GroupName, Instant, KeyRange, Life, Op, RecordDelta,
    Write,
};
use speaker::{EPOCH, START, Speaker, addr, claim, config, id};

mod speaker;

fn main() {
    let small = std::env::args().any(|arg| arg == "--test");
    println!("| records | differ | lie | loss | bytes | of them records | datagrams | trips |");
    println!("|---|---|---|---|---|---|---|---|");
    let sizes: &[u64] = if small { &[1_000] } else { &[1_000, 10_000, 100_000] };
    for &records in sizes {
        let counts = [0, 1, 5, 40, 300, 1_000, records / 10, records];
        let counts = if small { &counts[..4] } else { &counts };
        let mut done = Vec::new();
        for &differ in counts {
            if differ > records || done.contains(&differ) {
                continue;
            }
            done.push(differ);
            for scattered in [true, false] {
                for loss in [0, 1, 10] {
                    let skip = differ == 0 && (loss > 0 || !scattered);
                    if !(skip || small && loss > 0) {
                        row(&Case { records, differ, scattered, loss });
                    }
                }
            }
        }
    }
}

/// What is compared.
struct Case {
    records: u64,
    differ: u64,
    scattered: bool,
    /// In percent.
    loss: u64,
}

/// What it took.
struct Cost {
    bytes: u64,
    records: u64,
    datagrams: u64,
    trips: u128,
}

fn row(case: &Case) {
    let lie = if case.scattered { "scattered" } else { "together" };
    let Case { records, differ, loss, .. } = case;
    print!("| {records} | {differ} | {lie} | {loss} % | ");
    match measure(case) {
        Some(cost) => {
            println!("{} | {} | {} | {} |", cost.bytes, cost.records, cost.datagrams, cost.trips)
        }
        None => println!("not equal within 60 s | | | |"),
    }
}

const MEMBERS: u64 = 1_000;
const TRIP: Duration = Duration::from_millis(1);

/// With room for all that is compared.
fn roomy() -> Config {
    let mut config = config();
    config.limits.ranges = 1 << 20;
    config.limits.groups = 1 << 10;
    config
}

/// Two nodes that know each other, with what is under way between them.
struct Pair {
    engines: [Engine; 2],
    wire: BTreeMap<(Instant, u64), (usize, Vec<u8>)>,
    now: Instant,
    loss: u64,
    sent: u64,
    bytes: u64,
}

impl Pair {
    fn new(loss: u64) -> Self {
        let engine = |number| {
            Engine::new(roomy(), addr(number), EPOCH, START).expect("the preset makes sense")
        };
        let (engines, wire) = ([engine(1), engine(2)], BTreeMap::new());
        let mut pair = Self { engines, wire, now: START, loss, sent: 0, bytes: 0 };
        pair.engines[0].contact(START, &[addr(2)]);
        pair.run_until(START + Duration::from_secs(5), |_| false);
        pair
    }

    /// Puts what the engines say on the wire.
    fn pump(&mut self) {
        let mut datagram = BytesMut::new();
        for at in 0..2 {
            while let Some(to) = self.engines[at].poll_transmit(&mut datagram) {
                let datagram = datagram.split().to_vec();
                self.sent += 1;
                self.bytes += datagram.len() as u64;
                let lost = self.sent.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
                let lost = lost % 100 < self.loss;
                if to == Destination::Unicast(addr(2 - at as u32)) && !lost {
                    self.wire.insert((self.now + TRIP, self.sent), (1 - at, datagram));
                }
            }
            while self.engines[at].poll_event().is_some() {}
        }
    }

    fn run_until(&mut self, end: Instant, mut done: impl FnMut(&Self) -> bool) -> bool {
        loop {
            self.pump();
            if done(self) {
                return true;
            }
            let arrival = self.wire.keys().next().map(|key| key.0);
            let timers = self.engines.iter().filter_map(Engine::poll_timeout);
            let Some(next) = arrival.into_iter().chain(timers).min().filter(|at| *at <= end) else {
                self.now = end;
                return false;
            };
            self.now = self.now.max(next);
            if arrival == Some(next) {
                let (_, (to, datagram)) = self.wire.pop_first().expect("it was just seen");
                let from = Arrival::Unicast(addr(2 - to as u32));
                let _ = self.engines[to].handle_datagram(self.now, from, &datagram);
            } else {
                for engine in &mut self.engines {
                    if engine.poll_timeout().is_some_and(|due| due <= self.now) {
                        engine.handle_timeout(self.now);
                    }
                }
            }
        }
    }

    /// Tells the engines things, and lets nobody hear what they make of it.
    fn tell(&mut self, speaker: &mut Speaker, at: usize, frames: &[Frame]) {
        let mut datagram = BytesMut::new();
        for some in frames.chunks(800) {
            let packet = speaker.say(some);
            let taken = self.engines[at].handle_datagram(self.now, speaker.arrival(), &packet);
            taken.expect("it is bound");
            while self.engines[at].poll_transmit(&mut datagram).is_some() {
                datagram.clear();
            }
            while self.engines[at].poll_event().is_some() {}
        }
    }
}

fn life(member: u64) -> Life {
    Life { id: id(10 + member as u32), epoch: EPOCH }
}

/// The first write of a record, or the second.
fn record(number: u64, clock: u64) -> Frame {
    let group = format!("group-{}", number / MEMBERS);
    let group = GroupName::try_from(group.as_str()).expect("the name is short");
    let start = (number as u32) << 8;
    let range = KeyRange::new(start, start + 255).expect("it ends behind its start");
    let write = Write { range, op: Op::Add, port: clock as u16, clock };
    let Life { id: member, epoch } = life(number % MEMBERS);
    let (since, target, floor) = (clock - 1, clock, 0);
    let delta = RecordDelta { member, epoch, since, floor, clock, target, writes: [write].into() };
    Frame::Record { group, delta }
}

/// Makes two nodes that differ as the case says equal.
fn measure(case: &Case) -> Option<Cost> {
    let mut pair = Pair::new(case.loss);
    let mut speaker = Speaker::new(3);
    let stride = case.records.checked_div(case.differ).unwrap_or(0).max(1);
    let differs = |number: u64| {
        let at = if case.scattered { number / stride } else { number };
        at < case.differ && (!case.scattered || number.is_multiple_of(stride))
    };
    let mut own = 0;
    for at in 0..2 {
        let mut frames = Vec::new();
        for number in 0..case.records {
            match (differs(number), number / if case.scattered { stride } else { 1 } % 3) {
                (true, lacking) if lacking as usize == at => {}
                (true, 2) if at == 1 => {
                    frames.push(record(number, 1));
                    frames.push(record(number, 2));
                }
                _ => frames.push(record(number, 1)),
            }
        }
        // The members are gone: nobody waits for them to answer.
        frames.extend((0..MEMBERS).map(|member| claim(10 + member as u32, Standing::Left)));
        frames.push(claim(speaker.number, Standing::Left));
        pair.tell(&mut speaker, at, &frames);
    }
    for frames in (0..case.records).filter(|&number| differs(number)).collect::<Vec<_>>().chunks(25)
    {
        let frames: Vec<Frame> = frames.iter().map(|&number| record(number, 1)).collect();
        own += speaker.say(&frames).len() as u64;
    }
    let repairs = |pair: &Pair| pair.engines.iter().map(|engine| engine.stats().repairs).sum();
    let before: u64 = repairs(&pair);
    let end = pair.now + Duration::from_secs(20);
    let started = pair.run_until(end, |pair| repairs(pair) > before);
    let (start, sent, bytes) = (pair.now, pair.sent, pair.bytes);
    // The datagrams of the call that has begun the repair are on the wire already.
    let (first, first_bytes) = pair
        .wire
        .values()
        .fold((0, 0), |(count, bytes), (_, datagram)| (count + 1, bytes + datagram.len() as u64));
    let equal = |pair: &Pair| pair.engines[0].digest() == pair.engines[1].digest();
    let ended = pair.run_until(pair.now + Duration::from_secs(60), equal);
    ended.then(|| Cost {
        bytes: if started { pair.bytes - bytes + first_bytes } else { 0 },
        records: own,
        datagrams: if started { pair.sent - sent + first } else { 0 },
        trips: pair.now.since(start).as_nanos() / TRIP.as_nanos(),
    })
}
