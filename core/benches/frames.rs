//! What a frame costs at a node that knows many peers: as a multiple of what checking the tag of the
//! datagram costs that it came in, both measured in the same run.
//!
//! `cargo bench -p scalesmall-core --bench frames`; with `-- --test` each is run small and once.

use std::hint::black_box;
use std::time::{Duration, Instant as Clock};

use bytes::BytesMut;
use scalesmall_core::seal::Opener;
use scalesmall_core::wire::{Frame, Header, Route, Spread, Standing};
use scalesmall_core::{Engine, GroupName, Instant, KeyRange, Life, Op, RecordDelta, Write};
use speaker::{EPOCH, START, Speaker, addr, claim, config, life};

mod speaker;

/// The bars: tags that a frame may cost, and how much more at 65,535 peers than at 20,000.
const TAGS: f64 = 20.0;
const GROWTH: f64 = 2.0;

/// Frames in one datagram.
const FRAMES: u32 = 300;

/// One in this many peers is a member of a group.
const MEMBERS: u32 = 4;

fn main() {
    let small = std::env::args().any(|arg| arg == "--test");
    let sizes: &[u32] = if small { &[400] } else { &[1_024, 20_000, 65_535] };
    let kinds: [(&str, Kind); 5] = [
        ("spread to all", |_| spread(None)),
        ("spread to a group", |_| spread(Some(group()))),
        ("suspicion", |number| Frame::Verify { suspect: life(number), millis: 2_000 }),
        ("claim", |number| claim(number, Standing::Down)),
        ("want", |number| Frame::Want { group: group(), member: life(number), since: 0 }),
    ];
    println!(
        "nanoseconds a frame of {FRAMES} in one datagram, and multiples of that datagram's tag"
    );
    for (name, kind) in kinds {
        let mut before: Option<f64> = None;
        for &peers in sizes {
            let (frame, tag) = least(peers, kind, if small { 1 } else { 3 });
            let (tags, growth) = (frame / tag, before.map_or(1.0, |before| frame / before));
            println!(
                "  {name:<20} {peers:>6} peers: {frame:>9.0} ns, {tags:>6.2} of {TAGS} tags, {growth:.2} x \
                 the one before (bar {GROWTH})"
            );
            before = Some(frame);
        }
    }
}

type Kind = fn(u32) -> Frame;

fn group() -> GroupName {
    GroupName::try_from("shards").expect("the name is short")
}

fn spread(group: Option<GroupName>) -> Frame {
    let route = Route::Ring { from: 0, until: 0, group, covered: false };
    Frame::Spread(Spread { route, hops: 20, frames: 1, first_try: None })
}

fn record(number: u32) -> Frame {
    let range = KeyRange::new(number * 8, number * 8 + 7).expect("it rises");
    let write = Write { range, op: Op::Add, port: 80, clock: 1 };
    let Life { id: member, epoch } = life(number);
    let (since, floor, clock, target) = (0, 0, 1, 1);
    let delta = RecordDelta { member, epoch, since, floor, clock, target, writes: [write].into() };
    Frame::Record { group: group(), delta }
}

/// The least nanoseconds of a frame, and of the tag of its datagram.
fn least(peers: u32, kind: Kind, rounds: u32) -> (f64, f64) {
    let samples = (0..rounds).map(|_| sample(peers, kind));
    samples.fold((f64::MAX, f64::MAX), |(a, b), (c, d)| (a.min(c), b.min(d)))
}

fn sample(peers: u32, kind: Kind) -> (f64, f64) {
    let (mut engine, mut teller, now) = acquainted(peers);
    let step = peers / (FRAMES + 2);
    let frames: Vec<Frame> = (0..FRAMES)
        .flat_map(|at| {
            let frame = kind(3 + at * step / MEMBERS * MEMBERS);
            let rider = matches!(frame, Frame::Spread(_)).then(|| claim(3, Standing::Alive));
            [frame].into_iter().chain(rider)
        })
        .collect();
    let packet = teller.say(&frames);
    let config = config();
    let mut opener = Opener::new(&config.keys, &config.cluster, config.liveness, 16);
    let mut open = || {
        let (header, _) = Header::parse(&packet).expect("it is ours");
        black_box(opener.open(&header, &packet, life(1)).expect("it is authentic").len());
    };
    open();
    let start = Clock::now();
    (0..100).for_each(|_| open());
    let tag = nanos(start) / 100.0;
    let start = Clock::now();
    engine.handle_datagram(now, teller.arrival(), &packet).expect("it is bound");
    let all = nanos(start);
    (all / f64::from(FRAMES), tag)
}

fn nanos(start: Clock) -> f64 {
    start.elapsed().as_nanos() as f64
}

/// An engine that knows this many peers, and one of them that has proven itself.
fn acquainted(peers: u32) -> (Engine, Speaker, Instant) {
    let mut engine = Engine::new(config(), addr(1), EPOCH, START).expect("the preset makes sense");
    let mut teller = Speaker::new(2);
    let all: Vec<Frame> = (3..2 + peers)
        .flat_map(|number| {
            let record = (number % MEMBERS == 3).then(|| record(number));
            std::iter::once(claim(number, Standing::Alive)).chain(record)
        })
        .collect();
    for some in all.chunks(1_000) {
        let packet = teller.say(some);
        engine.handle_datagram(START, teller.arrival(), &packet).expect("it is bound");
        drain(&mut engine);
    }
    assert_eq!(engine.peers().count() as u32, peers);
    let now = START + Duration::from_millis(1_200);
    while let Some(due) = engine.poll_timeout().filter(|due| *due <= now) {
        engine.handle_timeout(due);
        drain(&mut engine);
    }
    (engine, teller, now)
}

fn drain(engine: &mut Engine) {
    let mut datagram = BytesMut::new();
    while engine.poll_transmit(&mut datagram).is_some() {
        datagram.clear();
    }
    while engine.poll_event().is_some() {}
}
