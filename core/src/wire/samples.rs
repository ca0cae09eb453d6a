//! Arbitrary packets for tests.

use alloc::boxed::Box;
use alloc::vec::Vec;
use bytes::Bytes;
use core::net::SocketAddr;
use core::num::NonZeroU64;
use quickcheck::{Arbitrary, Gen};

use super::*;
use crate::base::{Epoch, GroupName, Life, NodeId, NodeName};
use crate::claims::{AttributeKind, Locator};
use crate::packet::Reader;
use crate::topology::{KeyRange, Op, RecordDelta, Write};

/// The frames of a packet, in an order that is legal.
#[derive(Clone, Debug)]
pub(super) struct AnyFrames(pub(super) Vec<Frame>);

impl Arbitrary for AnyFrames {
    fn arbitrary(g: &mut Gen) -> Self {
        let mut frames = Vec::new();
        for _ in 0..below(g, 12) {
            let count = 1 + below(g, 4);
            let announced = count as u8;
            frames.push(match below(g, 4) {
                0 | 1 => {
                    frames.push(frame(g));
                    continue;
                }
                2 => Frame::Numbered { sequence: number(g), frames: announced },
                _ => spread(g, announced),
            });
            frames.extend((0..count).map(|_| frame_for_all(g)));
        }
        Self(frames)
    }

    fn shrink(&self) -> Box<dyn Iterator<Item = Self>> {
        let all = self.0.clone();
        // Without a frame that it announces, a spread or a batch would not be legal.
        let heads = |frame: &Frame| matches!(frame, Frame::Spread(_) | Frame::Numbered { .. });
        if all.iter().any(heads) {
            return Box::new(core::iter::empty());
        }
        Box::new((0..all.len()).map(move |at| {
            let mut fewer = all.clone();
            fewer.remove(at);
            Self(fewer)
        }))
    }
}

/// A life out of a small pool, so that packets name some more than once.
#[derive(Clone, Copy, Debug)]
pub(super) struct AnyLife(pub(super) Life);

impl Arbitrary for AnyLife {
    fn arbitrary(g: &mut Gen) -> Self {
        Self(life(g))
    }
}

fn below(g: &mut Gen, bound: u64) -> u64 {
    u64::arbitrary(g) % bound
}

/// Numbers of all lengths.
fn number(g: &mut Gen) -> u64 {
    let bits = below(g, 64);
    u64::arbitrary(g) >> bits
}

fn first_try(g: &mut Gen) -> Option<FirstTry> {
    NonZeroU64::new(number(g)).map(|packets_ago| FirstTry { packets_ago, place: small(g) })
}

fn small(g: &mut Gen) -> u32 {
    number(g) as u32
}

fn id(g: &mut Gen) -> NodeId {
    NodeId::from_bits(below(g, 6))
}

fn addr(g: &mut Gen) -> SocketAddr {
    let host = below(g, 6) as u8;
    if host < 3 {
        SocketAddr::from(([10, 0, 0, host], 29_999))
    } else {
        SocketAddr::from(([0xfd00, 0, 0, 0, 0, 0, 0, host.into()], 29_999))
    }
}

fn locator(g: &mut Gen) -> Option<Locator> {
    match below(g, 4) {
        0 => None,
        1 => Some(addr(g).into()),
        _ => {
            let len = 1 + below(g, NodeName::MAX_LEN as u64) as usize;
            let name = NodeName::try_from("n".repeat(len).as_str()).ok()?;
            let list: Vec<SocketAddr> = (0..=below(g, 4)).map(|_| addr(g)).collect();
            Locator::new(name, &list).ok()
        }
    }
}

fn life(g: &mut Gen) -> Life {
    Life { id: id(g), epoch: Epoch(below(g, 3)) }
}

fn group(g: &mut Gen) -> GroupName {
    let len = if below(g, 20) == 0 { 255 } else { 1 + below(g, 3) as usize };
    GroupName::try_from(&alloc::vec![b'a' + below(g, 3) as u8; len][..]).unwrap()
}

fn some<T>(g: &mut Gen, one: impl Fn(&mut Gen) -> T) -> Option<T> {
    bool::arbitrary(g).then(|| one(g))
}

fn list<T>(g: &mut Gen, one: impl Fn(&mut Gen) -> T) -> Vec<T> {
    (0..below(g, 6)).map(|_| one(g)).collect()
}

fn octets(g: &mut Gen, most: u64) -> Bytes {
    (0..below(g, most + 1)).map(|_| u8::arbitrary(g)).collect()
}

fn route(g: &mut Gen) -> Route {
    if bool::arbitrary(g) {
        Route::Ring {
            from: u32::arbitrary(g),
            until: u32::arbitrary(g),
            group: some(g, group),
            covered: bool::arbitrary(g),
        }
    } else {
        Route::Listed(list(g, id))
    }
}

fn spread(g: &mut Gen, frames: u8) -> Frame {
    Frame::Spread(Spread {
        route: route(g),
        hops: u8::arbitrary(g),
        frames,
        first_try: first_try(g),
    })
}

fn claim(g: &mut Gen) -> Claim {
    Claim {
        life: life(g),
        incarnation: small(g),
        standing: *g.choose(&[Standing::Alive, Standing::Down, Standing::Left]).unwrap(),
        accuser: some(g, id),
        confirmed_by: [some(g, id), some(g, id)],
        locator: locator(g),
        age: if bool::arbitrary(g) { 0 } else { u32::arbitrary(g) },
    }
}

fn ordered(g: &mut Gen) -> (u64, u64) {
    let (a, b) = (number(g), number(g));
    (a.min(b), a.max(b))
}

fn record_delta(g: &mut Gen) -> RecordDelta {
    let Life { id: member, epoch } = life(g);
    let since = number(g) / 2;
    let mut clock = since;
    let writes = list(g, |g| {
        let (start, end) = (u32::arbitrary(g), u32::arbitrary(g));
        let range = KeyRange::new(start, end).unwrap_or(KeyRange::FULL);
        let op = *g.choose(&[Op::Add, Op::Remove, Op::Get]).unwrap();
        let port = if bool::arbitrary(g) { 0 } else { u16::arbitrary(g) };
        Write { range, op, port, clock: 1 + below(g, 300) }
    });
    let writes: Box<[Write]> = writes
        .into_iter()
        .map(|write| {
            clock += write.clock;
            Write { clock, ..write }
        })
        .collect();
    let clock = clock + number(g) / 4;
    let target = clock + number(g) / 8;
    RecordDelta { member, epoch, since, floor: number(g), clock, target, writes }
}

fn holdings(g: &mut Gen) -> Holdings {
    let (from, to) = ordered(g);
    Holdings {
        from,
        to,
        answer: bool::arbitrary(g),
        claims: list(g, claim),
        records: list(g, |g| RecordVersion { group: group(g), member: life(g), clock: number(g) }),
        attributes: list(g, |g| AttributeVersion {
            life: life(g),
            kind: AttributeKind(u8::arbitrary(g)),
            version: number(g),
            sum: small(g),
        }),
    }
}

fn range_sum(g: &mut Gen) -> RangeSum {
    let (from, to) = ordered(g);
    RangeSum { from, to, sum: u64::arbitrary(g), count: number(g) }
}

fn message(g: &mut Gen) -> Message {
    Message {
        origin: life(g),
        sequence: number(g),
        tag: small(g),
        group: some(g, group),
        payload: octets(g, 300),
    }
}

/// Any frame that may travel inside a spread.
fn frame_for_all(g: &mut Gen) -> Frame {
    loop {
        let frame = frame(g);
        if frame.is_for_all() {
            return frame;
        }
    }
}

/// Any frame but those that announce others.
fn frame(g: &mut Gen) -> Frame {
    let kind = below(g, FRAMES.len() as u64);
    FRAMES[kind as usize](g)
}

/// One for each kind of frame but those that announce others; one that says much is there twice.
const FRAMES: &[fn(&mut Gen) -> Frame] = &[
    |g| Frame::Ping { root: u64::arbitrary(g) },
    |g| Frame::Pong { packet: number(g), root: some(g, u64::arbitrary) },
    |g| Frame::Ack { packet: number(g) },
    |g| Frame::Challenge { packet: number(g) },
    |g| Frame::Claim(claim(g)),
    |g| Frame::Record { group: group(g), delta: record_delta(g) },
    |g| Frame::Record { group: group(g), delta: record_delta(g) },
    |g| Frame::Attribute {
        life: life(g),
        kind: AttributeKind(u8::arbitrary(g)),
        version: number(g),
        bytes: octets(g, 512),
    },
    |g| Frame::Slow { life: life(g), millis: small(g) },
    |g| Frame::Message(message(g)),
    |g| Frame::Verify { suspect: life(g), millis: small(g) },
    |g| Frame::Verdict {
        suspect: life(g),
        finding: *g.choose(&[Finding::Looking, Finding::Answers, Finding::Silent]).unwrap(),
    },
    |_| Frame::Suspicion,
    |g| Frame::Want { group: group(g), member: life(g), since: number(g) },
    |g| Frame::Ranges(list(g, range_sum)),
    |g| Frame::Holdings(holdings(g)),
    |g| Frame::Heard { speaker: id(g), nodes: list(g, id) },
    |g| Frame::Beat { sequence: number(g) },
    |g| Frame::Missed { since: number(g), silent: bool::arbitrary(g) },
    |g| {
        let (from, to) = ordered(g);
        Frame::Coded(Coded { from, to, count: number(g), cells: list(g, u64::arbitrary) })
    },
    |g| {
        let (from, to) = ordered(g);
        Frame::Lacking(Lacking { from, to, elements: list(g, |g| u64::arbitrary(g) >> 24) })
    },
    |g| Frame::Padding { bytes: below(g, 300) as u16 },
    |_| Frame::Narrow,
    |g| Frame::TooLarge { packet: number(g), bytes: u16::arbitrary(g) },
    |g| Frame::Undelivered { sequence: number(g), bytes: u16::arbitrary(g) },
    |g| Frame::Counted {
        packet: number(g),
        tag: u16::arbitrary(g),
        highest: number(g),
        tag_of_highest: u16::arbitrary(g),
    },
    |g| Frame::Seen { at: addr(g) },
    |g| Frame::Drains { stamp: number(g) },
    |g| Frame::Noted { stamp: number(g), own: number(g) },
    |g| Frame::Vouch { life: life(g), packet: number(g) },
    |g| Frame::Duplicate { epoch: Epoch(u64::arbitrary(g)) },
];

/// The types that a payload begins with: tables, if there are some, and the first frame.
fn types(frames: &[Frame]) -> Vec<u8> {
    let sender = Life { id: NodeId::from_bits(1), epoch: Epoch(1) };
    let payload = tests::payload(sender, frames);
    let mut reader = Reader::new(&payload);
    let mut types = Vec::new();
    loop {
        let kind = reader.u8().unwrap();
        types.push(kind);
        if !matches!(kind, kind::IDS | kind::GROUPS) {
            return types;
        }
        let len = reader.index().unwrap();
        reader.take(len).unwrap();
    }
}

#[test]
fn every_type_of_frame_is_among_the_samples() {
    let g = &mut Gen::new(100);
    let mut drawn = Vec::new();
    // Some frames have two types, and some that can be written without a table.
    for _ in 0..64 {
        for make in FRAMES {
            drawn.extend(types(&[make(g)]));
        }
        for head in [spread(g, 1), Frame::Numbered { sequence: 1, frames: 1 }] {
            drawn.extend(types(&[head, Frame::Claim(claim(g))]));
        }
    }
    drawn.sort_unstable();
    drawn.dedup();
    assert_eq!(drawn, kind::ALL);
}
