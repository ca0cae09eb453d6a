//! What an engine costs: nanoseconds for a ping and its answer, for a record, for a datagram of a
//! join storm; bytes for a peer and for a range. Everything is counted: seals, tables, queues.
//!
//! `cargo bench -p scalesmall-core --bench engine`; with `-- --test` each is run small and once.

use std::alloc::{GlobalAlloc, Layout, System};
use std::collections::BTreeMap;
use std::hint::black_box;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant as Clock};

use bytes::BytesMut;
use scalesmall_core::seal::Opener;
use scalesmall_core::wire::{Frame, Header, Standing};
use scalesmall_core::{
    Arrival, Config, Destination, Engine, GroupName, Instant, KeyRange, Life, Op, RecordDelta,
    Write,
};
use speaker::{EPOCH, START, Speaker, addr, claim, config, life};

mod speaker;

/// The bars: nanoseconds for a ping and its answer and for a datagram of a join storm; bytes for a
/// peer and for a range.
const PING: u64 = 1_000;
const JOIN: u64 = 3_000;
const PEER: u64 = 112 + ADDRESS;
const RANGE: u64 = 64;

/// The bars in tags: for a ping and its answer, which are two, and for a peer learnt in a join.
const PING_TAGS: f64 = 3.6;
const LEARNT_TAGS: f64 = 6.0;

/// The bar for all that an engine holds: a fixed part, a peer, its address, and a range.
const FIXED: u64 = 24_000;
const PEER_ALL_IN: u64 = 112;
const ADDRESS: u64 = 18;

fn main() {
    let small = std::env::args().any(|arg| arg == "--test");
    let (rounds, peers, crowd) = if small { (1, 16, 8) } else { (200, 1_024, 1_024) };
    println!("nanoseconds in the least disturbed round, and their part of the bar");
    for (name, keys) in [("keys of 256 senders kept", 256), ("keys of all kept", 1_024)] {
        let time = pings(peers, keys, rounds);
        report(&format!("ping and answer, {peers} peers, {name}"), time, Some(PING));
    }
    report("ping and answer, one peer", pings(1, 256, rounds * 100), Some(PING));
    report(&format!("record of one write, {peers} peers"), writes(peers, rounds), None);
    let (asked, told) = stopping(peers, rounds);
    report(&format!("may this node stop, {peers} members"), asked, None);
    report(&format!("telling owners that it drains, {peers} members"), told, None);
    let tag = tag();
    println!("multiples of the tag of a ping, {tag} ns, checked in the same run");
    let ping = pings(peers, peers, rounds) as f64 / tag as f64;
    println!(
        "  ping and answer, {peers} peers: {ping:.2} tags, {:.2} of {PING_TAGS}",
        ping / PING_TAGS
    );
    let (storm, datagrams) = join_storm(crowd);
    let learnt = storm as f64 * datagrams as f64 / f64::from(crowd) / f64::from(crowd - 1);
    let tags = learnt / tag as f64;
    println!(
        "  a peer learnt, {crowd} join: {tags:.2} tags, {:.2} of {LEARNT_TAGS}",
        tags / LEARNT_TAGS
    );
    report(&format!("datagram, {crowd} nodes join ({datagrams} datagrams)"), storm, Some(JOIN));
    println!("bytes, and their part of the bar");
    for peers in if small { [16, 32] } else { [1_024, 8_192] } {
        let (peer, range) = memory(peers);
        report(&format!("a peer, of {peers}"), peer, Some(PEER));
        report(&format!("a range of a member of a group, of {peers}"), range, Some(RANGE));
    }
    for nodes in if small { &[3][..] } else { &[3, 128, 1_024] } {
        let span = Duration::from_secs(if small { 5 } else { 61 });
        let (mean, most, bar) = memory_of_cluster(*nodes, span);
        report(&format!("an engine of {nodes} after a start and a minute, mean"), mean, Some(bar));
        report(&format!("the largest of {nodes}"), most, Some(bar));
    }
}

fn report(name: &str, number: u64, bar: Option<u64>) {
    let part = bar.map(|bar| format!("{:>6.2} of {bar}", number as f64 / bar as f64));
    println!("  {name:<56} {number:>6} {}", part.unwrap_or_default());
}

fn engine(number: u32, config: Config) -> Engine {
    Engine::new(config, addr(number), EPOCH, START).expect("the preset makes sense")
}

fn drain(engine: &mut Engine, datagram: &mut BytesMut) {
    while engine.poll_transmit(datagram).is_some() {
        datagram.clear();
    }
    while engine.poll_event().is_some() {}
}

/// An engine to which each of the speakers has proven itself, and which has nothing to say.
fn acquainted(speakers: &mut [Speaker], config: Config) -> Engine {
    let mut engine = engine(1, config);
    let mut datagram = BytesMut::new();
    for speaker in speakers {
        let hello = speaker.say([]);
        engine.handle_datagram(START, speaker.arrival(), &hello).expect("it is bound");
        drain(&mut engine, &mut datagram);
    }
    settle(&mut engine, START);
    engine
}

/// Lets a second and a half pass in which nobody is heard: news are spread, nobody is down yet.
fn settle(engine: &mut Engine, now: Instant) {
    let mut datagram = BytesMut::new();
    let end = now + Duration::from_millis(1_500);
    while let Some(due) = engine.poll_timeout().filter(|due| *due <= end) {
        engine.handle_timeout(due);
        drain(engine, &mut datagram);
    }
}

/// Each of the peers pings in turn; each ping is answered before the next.
fn pings(peers: u32, kept: u32, rounds: u64) -> u64 {
    let mut speakers: Vec<Speaker> = (2..2 + peers).map(Speaker::new).collect();
    let mut config = config();
    config.limits.session_keys = kept;
    let mut engine = acquainted(&mut speakers, config);
    let now = START + Duration::from_millis(1_500);
    let root = engine.digest().0;
    let mut datagram = BytesMut::with_capacity(2_048);
    let mut samples = Vec::new();
    for _ in 0..rounds {
        let packets: Vec<_> = speakers
            .iter_mut()
            .map(|speaker| (speaker.arrival(), speaker.say([&Frame::Ping { root }])))
            .collect();
        let start = Clock::now();
        for (arrival, packet) in &packets {
            engine.handle_datagram(now, *arrival, packet).expect("it is bound");
            let to = engine.poll_transmit(&mut datagram);
            assert!(matches!(to, Some(Destination::Unicast(_))));
            black_box(&datagram);
            datagram.clear();
        }
        samples.push(start.elapsed().as_nanos() as u64 / u64::from(peers));
        drain(&mut engine, &mut datagram);
    }
    least(samples)
}

/// What checking the tag of a ping takes.
fn tag() -> u64 {
    let packet = Speaker::new(2).say([&Frame::Ping { root: 1 }]);
    let config = config();
    let mut opener = Opener::new(&config.keys, &config.cluster, config.liveness, 16);
    let mut open = || {
        let (header, _) = Header::parse(&packet).expect("it is ours");
        black_box(opener.open(&header, &packet, life(1)).expect("it is authentic").len());
    };
    open();
    let mut sample = || {
        let start = Clock::now();
        (0..1_000).for_each(|_| open());
        start.elapsed().as_nanos() as u64 / 1_000
    };
    least((0..20).map(|_| sample()).collect()).max(1)
}

/// Each of the peers says one thing about its record in turn.
fn writes(peers: u32, rounds: u64) -> u64 {
    let mut speakers: Vec<Speaker> = (2..2 + peers).map(Speaker::new).collect();
    let mut config = config();
    config.limits.session_keys = 1_024;
    let mut engine = acquainted(&mut speakers, config);
    let now = START + Duration::from_millis(1_500);
    let mut datagram = BytesMut::with_capacity(2_048);
    let mut samples = Vec::new();
    for clock in 1..=rounds {
        let packets: Vec<_> = speakers
            .iter_mut()
            .map(|speaker| {
                let record = record(speaker.number, clock, clock as u16);
                (speaker.arrival(), speaker.say([&record]))
            })
            .collect();
        let start = Clock::now();
        for (arrival, packet) in &packets {
            engine.handle_datagram(now, *arrival, packet).expect("it is bound");
            black_box(engine.poll_event());
        }
        samples.push(start.elapsed().as_nanos() as u64 / u64::from(peers));
        drain(&mut engine, &mut datagram);
    }
    least(samples)
}

/// A node that serves what all members of a group serve between them begins to drain: what it takes to ask
/// whether it may stop, and to tell the first owners.
fn stopping(members: u32, rounds: u64) -> (u64, u64) {
    let mut speakers: Vec<Speaker> = (2..2 + members).map(Speaker::new).collect();
    let mut engine = acquainted(&mut speakers, config());
    let now = START + Duration::from_millis(1_500);
    let mut datagram = BytesMut::with_capacity(2_048);
    for speaker in &mut speakers {
        let record = record(speaker.number, 1, 80);
        let (arrival, packet) = (speaker.arrival(), speaker.say([&record]));
        engine.handle_datagram(now, arrival, &packet).expect("it is bound");
        drain(&mut engine, &mut datagram);
    }
    engine.add_item(now, &group(), KeyRange::FULL, 80).expect("there is room");
    drain(&mut engine, &mut datagram);
    let (mut asked, mut told) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        engine.set_draining(now, true);
        let start = Clock::now();
        engine.handle_timeout(now);
        told.push(start.elapsed().as_nanos() as u64);
        drain(&mut engine, &mut datagram);
        let start = Clock::now();
        let missing = black_box(engine.uncovered(1));
        asked.push(start.elapsed().as_nanos() as u64);
        assert!(!missing.is_empty(), "nobody has noted it");
        engine.set_draining(now, false);
        drain(&mut engine, &mut datagram);
    }
    (least(asked), least(told))
}

fn group() -> GroupName {
    GroupName::try_from("shards").expect("the name is short")
}

fn record(number: u32, clock: u64, port: u16) -> Frame {
    let (member, start) = (life(number), number << 8);
    let range = KeyRange::new(start, start + 255).expect("it ends behind its start");
    let write = Write { range, op: Op::Add, port, clock };
    let (since, floor, target) = (clock - 1, 0, clock);
    let Life { id: member, epoch } = member;
    let delta = RecordDelta { member, epoch, since, floor, clock, target, writes: [write].into() };
    Frame::Record { group: group(), delta }
}

/// How often each node lives through its part of a join storm.
const LIVES: u32 = 8;

/// Something that a node is told, and when.
enum Input {
    Seed,
    Datagram(usize, Vec<u8>),
    Timeout,
}

/// Nodes that start within a second and know one seed, for three seconds: what reading and writing
/// a datagram, and all that is due in between, take in the mean. The storm is played once to learn
/// what each node is told; then each node alone lives through its part, as it would on its own host.
/// Of each node the least disturbed of several lives counts: a life takes about a millisecond, so on
/// a busy host too some pass without a break.
fn join_storm(nodes: u32) -> (u64, u64) {
    let parts = storm(nodes);
    let count =
        |part: &Vec<_>| part.iter().filter(|(_, it)| matches!(it, Input::Datagram(..))).count();
    let handled: usize = parts.iter().map(count).sum();
    let mut buffer = BytesMut::with_capacity(2_048);
    let mut spent = 0;
    for (part, number) in parts.iter().zip(1..) {
        let mut live = || {
            let mut engine = engine(number, config());
            let start = Clock::now();
            for (now, input) in part {
                give(&mut engine, *now, input);
                drain(&mut engine, &mut buffer);
            }
            start.elapsed().as_nanos() as u64
        };
        spent += least((0..LIVES).map(|_| live()).collect());
    }
    (spent / (handled as u64).max(1), handled as u64)
}

fn give(engine: &mut Engine, now: Instant, input: &Input) {
    match input {
        Input::Seed => engine.contact(now, &[addr(1)]),
        Input::Datagram(from, datagram) => {
            let from = Arrival::Unicast(addr(*from as u32 + 1));
            let _ = black_box(engine.handle_datagram(now, from, datagram));
        }
        Input::Timeout => engine.handle_timeout(now),
    }
}

/// What each node is told in the storm.
fn storm(nodes: u32) -> Vec<Vec<(Instant, Input)>> {
    let (engines, parts) = play(nodes, false, Duration::from_secs(3));
    let known = engines.iter().filter(|engine| engine.peers().count() as u32 == nodes - 1).count();
    println!("{known} of {nodes} know all after 3 s");
    parts
}

/// What an engine holds, all in, in the mean and at the most, after a start of these nodes, each with
/// a range, and a minute; what the bar allows.
fn memory_of_cluster(nodes: u32, span: Duration) -> (u64, u64, u64) {
    let (engines, parts) = play(nodes, true, span);
    drop(parts);
    assert!(engines.iter().all(|engine| engine.topology(&group()).count() as u32 == nodes));
    let sizes: Vec<u64> = engines
        .into_iter()
        .map(|engine| {
            let before = HELD.load(Ordering::Relaxed);
            drop(engine);
            (before - HELD.load(Ordering::Relaxed)) as u64 + size_of::<Engine>() as u64
        })
        .collect();
    let mean = sizes.iter().sum::<u64>() / u64::from(nodes);
    let bar = FIXED + u64::from(nodes) * (PEER_ALL_IN + ADDRESS + RANGE);
    (mean, sizes.into_iter().max().unwrap_or_default(), bar)
}

/// Nodes that start within a second and know one seed, and what each is told in that time.
fn play(nodes: u32, serve: bool, span: Duration) -> (Vec<Engine>, Vec<Vec<(Instant, Input)>>) {
    let mut engines: Vec<Engine> = (1..=nodes).map(|number| engine(number, config())).collect();
    let mut parts: Vec<Vec<(Instant, Input)>> = engines.iter().map(|_| Vec::new()).collect();
    let mut wire: BTreeMap<(Instant, u64), (usize, usize, Vec<u8>)> = BTreeMap::new();
    let mut timers: std::collections::BTreeSet<(Instant, usize)> = Default::default();
    let mut due = vec![None; engines.len()];
    let mut count = 0;
    let mut now = START;
    let end = START + span;
    let mut buffer = BytesMut::with_capacity(2_048);
    if serve {
        for (engine, number) in engines.iter_mut().zip(0..) {
            let range = KeyRange::new(number * 8, number * 8 + 7).expect("it rises");
            engine.add_item(START, &group(), range, 80).expect("within limits");
        }
    }
    let mut starts = (1..engines.len())
        .map(|at| (START + Duration::from_nanos(1_000_000_000 / u64::from(nodes) * at as u64), at))
        .peekable();
    let mut touched = vec![0];
    loop {
        for at in touched.drain(..) {
            while let Some(to) = engines[at].poll_transmit(&mut buffer) {
                let datagram = buffer.split().to_vec();
                let Destination::Unicast(SocketAddr::V4(to)) = to else { continue };
                let to = to.ip().to_bits().wrapping_sub(0x0a00_0001) as usize;
                count += 1;
                let delay = Duration::from_micros(500 + count * 7_919 % 1_500);
                wire.insert((now + delay, count), (at, to, datagram));
            }
            while engines[at].poll_event().is_some() {}
            if let Some(old) = due[at].take() {
                timers.remove(&(old, at));
            }
            due[at] = engines[at].poll_timeout();
            timers.extend(due[at].map(|due| (due, at)));
        }
        let arrival = wire.keys().next().map(|key| key.0);
        let deadline = timers.first().map(|timer| timer.0);
        let begins = starts.peek().map(|start| start.0);
        let earliest = arrival.into_iter().chain(deadline).chain(begins).min();
        let Some(next) = earliest.filter(|at| *at <= end) else {
            break;
        };
        now = next;
        let (at, input) = if begins == Some(now) {
            let (_, at) = starts.next().expect("it was just seen");
            (at, Input::Seed)
        } else if arrival == Some(now) {
            let (_, (from, to, datagram)) = wire.pop_first().expect("it was just seen");
            (to, Input::Datagram(from, datagram))
        } else {
            let (_, at) = timers.pop_first().expect("it was just seen");
            due[at] = None;
            (at, Input::Timeout)
        };
        give(&mut engines[at], now, &input);
        if !serve {
            parts[at].push((now, input));
        }
        touched.push(at);
    }
    (engines, parts)
}

/// What an engine holds for each further peer, and then for a range of each, settled. What does not
/// grow with them, such as its buffers, is held by an engine that knows 30 peers.
fn memory(peers: u32) -> (u64, u64) {
    let mut teller = Speaker::new(2);
    let numbers: Vec<u32> = (3..33 + peers).collect();
    let mut datagram = BytesMut::with_capacity(2_048);
    let before = HELD.load(Ordering::Relaxed);
    let mut engine = acquainted(std::slice::from_mut(&mut teller), config());
    let mut now = START;
    let mut tell = |engine: &mut Engine, frames: &mut dyn Iterator<Item = Frame>, many: usize| {
        let frames: Vec<Frame> = frames.collect();
        for some in frames.chunks(many) {
            let packet = teller.say(some);
            let taken = engine.handle_datagram(START, teller.arrival(), &packet);
            taken.expect("it is bound");
            drain(engine, &mut datagram);
        }
        drop(frames);
        now = now + Duration::from_millis(200);
        settle(engine, now);
        // As between nodes that agree: what a repair has been working with is given back.
        let equal = teller.say([&Frame::Ping { root: engine.digest().0 }]);
        engine.handle_datagram(now, teller.arrival(), &equal).expect("it is bound");
        drain(engine, &mut datagram);
        HELD.load(Ordering::Relaxed) - before
    };
    let (few, many) = numbers.split_at(30);
    let alone =
        tell(&mut engine, &mut few.iter().map(|&number| claim(number, Standing::Alive)), 30);
    let known =
        tell(&mut engine, &mut many.iter().map(|&number| claim(number, Standing::Alive)), 30);
    assert_eq!(engine.peers().count(), numbers.len() + 1);
    let served = tell(&mut engine, &mut many.iter().map(|&number| record(number, 1, 80)), 15);
    assert_eq!(engine.topology(&group()).count(), many.len());
    println!("an engine that knows 30 peers: {alone} bytes");
    let each = |bytes: usize| (bytes as u64).div_ceil(peers.into());
    (each(known - alone), each(served - known))
}

fn least(samples: Vec<u64>) -> u64 {
    samples.into_iter().min().unwrap_or_default()
}

/// Bytes that are allocated.
static HELD: AtomicUsize = AtomicUsize::new(0);

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[expect(unsafe_code, reason = "an allocator is unsafe by its trait; all is left to the system's")]
// SAFETY: every call is passed on unchanged to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        HELD.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(at, layout) }
    }

    // Left to the trait it would always move.
    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        HELD.fetch_add(size, Ordering::Relaxed);
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of `realloc`.
        unsafe { System.realloc(at, layout, size) }
    }
}
