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
                _ => Frame::Spread(Spread {
                    route: route(g),
                    hops: u8::arbitrary(g),
                    frames: announced,
                    first_try: first_try(g),
                }),
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
    match below(g, 30) {
        0 => Frame::Ping { root: u64::arbitrary(g) },
        1 => Frame::Pong { packet: number(g), root: some(g, u64::arbitrary) },
        2 => Frame::Ack { packet: number(g) },
        3 => Frame::Challenge { packet: number(g) },
        4 => Frame::Claim(claim(g)),
        5 | 6 => Frame::Record { group: group(g), delta: record_delta(g) },
        7 => Frame::Attribute {
            life: life(g),
            kind: AttributeKind(u8::arbitrary(g)),
            version: number(g),
            bytes: octets(g, 512),
        },
        8 => Frame::Slow { life: life(g), millis: small(g) },
        9 => Frame::Message(message(g)),
        10 => Frame::Verify { suspect: life(g), millis: small(g) },
        11 => Frame::Verdict {
            suspect: life(g),
            finding: *g.choose(&[Finding::Looking, Finding::Answers, Finding::Silent]).unwrap(),
        },
        12 => Frame::Suspicion,
        13 => Frame::Want { group: group(g), member: life(g), since: number(g) },
        14 => Frame::Ranges(list(g, range_sum)),
        15 => Frame::Holdings(holdings(g)),
        16 => Frame::Heard { speaker: id(g), nodes: list(g, id) },
        17 => Frame::Beat { sequence: number(g) },
        18 => Frame::Missed { since: number(g), silent: bool::arbitrary(g) },
        19 => {
            let (from, to) = ordered(g);
            Frame::Coded(Coded { from, to, count: number(g), cells: list(g, u64::arbitrary) })
        }
        20 => {
            let (from, to) = ordered(g);
            Frame::Lacking(Lacking { from, to, elements: list(g, |g| u64::arbitrary(g) >> 24) })
        }
        21 => Frame::Padding { bytes: below(g, 300) as u16 },
        22 => Frame::Narrow,
        23 => Frame::TooLarge { packet: number(g), bytes: u16::arbitrary(g) },
        24 => Frame::Undelivered { sequence: number(g), bytes: u16::arbitrary(g) },
        25 => Frame::Counted {
            packet: number(g),
            tag: u16::arbitrary(g),
            highest: number(g),
            tag_of_highest: u16::arbitrary(g),
        },
        26 => Frame::Seen { at: addr(g) },
        27 => Frame::Drains { stamp: number(g) },
        28 => Frame::Noted { stamp: number(g), own: number(g) },
        _ if bool::arbitrary(g) => Frame::Vouch { life: life(g), packet: number(g) },
        _ => Frame::Duplicate { epoch: Epoch(u64::arbitrary(g)) },
    }
}
