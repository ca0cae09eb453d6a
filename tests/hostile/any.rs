//! Frames of every kind, from a small pool of nodes and groups so that they concern each other.

use std::net::SocketAddr;
use std::num::NonZeroU64;

use bytes::Bytes;
use scalesmall_core::wire::{
    AttributeKind, AttributeVersion, Claim, Coded, Finding, FirstTry, Frame, Holdings, Lacking,
    Message, RangeSum, RecordVersion, Route, Spread, Standing,
};
use scalesmall_core::{
    Epoch, GroupName, KeyRange, Life, Locator, NodeId, NodeName, Op, RecordDelta, Write,
};

use crate::{EPOCH, Source, addr, cluster};

/// The frames of a packet, spreads included.
pub fn any_frames(source: &mut Source<'_>) -> Vec<Frame> {
    let mut frames = Vec::new();
    for _ in 0..1 + source.below(12) {
        let count = 1 + source.below(4);
        frames.push(match source.below(9) {
            0..=5 => {
                frames.push(any_frame(source));
                continue;
            }
            6 => numbered(source, count as u8),
            _ => spread(source, count as u8),
        });
        frames.extend((0..count).map(|_| for_all(source)));
    }
    frames
}

/// A spread or a numbered batch of one frame.
pub fn any_head(source: &mut Source<'_>) -> Frame {
    if source.flip() { numbered(source, 1) } else { spread(source, 1) }
}

fn numbered(source: &mut Source<'_>, frames: u8) -> Frame {
    Frame::Numbered { sequence: source.number(), frames }
}

fn spread(source: &mut Source<'_>, frames: u8) -> Frame {
    Frame::Spread(Spread {
        route: route(source),
        hops: source.byte(),
        frames,
        first_try: first_try(source),
    })
}

fn first_try(source: &mut Source<'_>) -> Option<FirstTry> {
    let packets_ago = NonZeroU64::new(source.number())?;
    Some(FirstTry { packets_ago, place: source.number() as u32 })
}

/// A node out of eight, of which 1 is the engine under test and 2 the holder.
pub fn any_id(source: &mut Source<'_>) -> NodeId {
    cluster().node_at(any_addr(source))
}

/// The address of a node out of eight.
pub fn any_addr(source: &mut Source<'_>) -> SocketAddr {
    match source.below(8) as u16 {
        7 => SocketAddr::from(([0xfd00, 0, 0, 0, 0, 0, 0, 7], 29_999)),
        number => addr(number + 1),
    }
}

/// How a node at this address is named and reached, or how somebody makes it up.
fn locator(source: &mut Source<'_>, at: SocketAddr) -> Option<Locator> {
    match source.below(8) {
        0 => None,
        1 => Some(Locator::from(any_addr(source))),
        2 => Locator::new(NodeName::of_address(at), &[any_addr(source), at]).ok(),
        3 => Locator::new(NodeName::of_address(at), &[any_addr(source)]).ok(),
        _ => Some(Locator::from(at)),
    }
}

fn life(source: &mut Source<'_>) -> Life {
    life_at(any_addr(source), source)
}

fn life_at(addr: SocketAddr, source: &mut Source<'_>) -> Life {
    let epoch = match source.below(8) {
        0..=3 => EPOCH,
        4 => Epoch(EPOCH.0 - 1),
        5 => Epoch(EPOCH.0 + source.below(4)),
        6 => Epoch(u64::MAX - source.below(2)),
        _ => Epoch(source.number()),
    };
    Life { id: cluster().node_at(addr), epoch }
}

/// A group out of four, one with the longest name.
///
/// # Panics
///
/// Never: all names are legal.
pub fn any_group(source: &mut Source<'_>) -> GroupName {
    let name = [&b"a"[..], b"b", b"shards", &[b'z'; 255]];
    GroupName::try_from(source.one_of(&name)).expect("the names have 1 to 255 bytes")
}

/// A range of keys, now and then the full one.
pub fn any_range(source: &mut Source<'_>) -> KeyRange {
    let start = source.below(16) as u32 * 10;
    KeyRange::new(start, start + source.below(30) as u32).unwrap_or(KeyRange::FULL)
}

fn some<T>(source: &mut Source<'_>, one: impl Fn(&mut Source<'_>) -> T) -> Option<T> {
    source.flip().then(|| one(source))
}

fn list<T>(source: &mut Source<'_>, one: impl Fn(&mut Source<'_>) -> T) -> Vec<T> {
    (0..source.below(6)).map(|_| one(source)).collect()
}

fn route(source: &mut Source<'_>) -> Route {
    if source.flip() {
        let from = source.number() as u32;
        let until = if source.flip() { from } else { source.number() as u32 };
        Route::Ring { from, until, group: some(source, any_group), covered: source.flip() }
    } else {
        Route::Listed(list(source, any_id))
    }
}

fn claim(source: &mut Source<'_>) -> Claim {
    let at = any_addr(source);
    Claim {
        life: life_at(at, source),
        incarnation: if source.below(8) == 0 { u32::MAX } else { source.below(4) as u32 },
        standing: source.one_of(&[Standing::Alive, Standing::Down, Standing::Left]),
        accuser: some(source, any_id),
        confirmed_by: [some(source, any_id), some(source, any_id)],
        age: source.below(3) as u32 * 100_000,
        locator: locator(source, at),
    }
}

fn record(source: &mut Source<'_>) -> Frame {
    let group = any_group(source);
    let Life { id: member, epoch } = life(source);
    let since = if source.flip() { 0 } else { source.number() / 2 };
    let mut clock = since;
    let writes: Vec<Write> = list(source, |source| {
        let op = source.one_of(&[Op::Add, Op::Remove, Op::Get]);
        let range = if source.below(5) == 0 { KeyRange::FULL } else { any_range(source) };
        Write { range, op, port: source.byte().into(), clock: 1 + source.below(3) }
    });
    let writes: Box<[Write]> = writes
        .into_iter()
        .map(|write| {
            clock += write.clock;
            Write { clock, ..write }
        })
        .collect();
    let more = |source: &mut Source<'_>| if source.flip() { 0 } else { source.number() / 8 };
    let clock = clock + more(source);
    let target = clock + more(source);
    let floor = if source.flip() { 0 } else { source.number() };
    let delta = RecordDelta { member, epoch, since, floor, clock, target, writes };
    Frame::Record { group, delta }
}

fn range_sum(source: &mut Source<'_>) -> RangeSum {
    let (a, b) = if source.flip() { (0, u64::MAX) } else { (source.number(), source.number()) };
    RangeSum { from: a.min(b), to: a.max(b), sum: source.number(), count: source.number() }
}

fn holdings(source: &mut Source<'_>) -> Frame {
    let range = range_sum(source);
    Frame::Holdings(Holdings {
        from: range.from,
        to: range.to,
        answer: source.flip(),
        claims: list(source, claim),
        records: list(source, |source| RecordVersion {
            group: any_group(source),
            member: life(source),
            clock: source.number(),
        }),
        attributes: list(source, |source| AttributeVersion {
            life: life(source),
            kind: attribute_kind(source),
            version: source.number(),
            sum: source.number() as u32,
        }),
    })
}

/// One that the engine knows, or another.
fn attribute_kind(source: &mut Source<'_>) -> AttributeKind {
    AttributeKind(if source.flip() { source.number() as u8 % 4 } else { source.number() as u8 })
}

fn message(source: &mut Source<'_>) -> Frame {
    Frame::Message(Message {
        origin: life(source),
        sequence: source.number(),
        tag: source.byte().into(),
        group: some(source, any_group),
        payload: if source.below(6) == 0 {
            Bytes::from(vec![0x61; source.below(8_000) as usize])
        } else {
            Bytes::from(source.bytes(40))
        },
    })
}

/// A frame that may travel inside a spread.
fn for_all(source: &mut Source<'_>) -> Frame {
    match source.below(8) {
        0 | 1 => Frame::Claim(claim(source)),
        2 | 3 => record(source),
        4 => message(source),
        5 => Frame::Slow { life: life(source), millis: source.number() as u32 },
        6 => Frame::Heard { speaker: any_id(source), nodes: list(source, any_id) },
        _ => Frame::Vouch { life: life(source), packet: source.number() },
    }
}

/// Any frame but those that announce others.
pub fn any_frame(source: &mut Source<'_>) -> Frame {
    match source.below(21) {
        0 => Frame::Ping { root: source.number() },
        1 => Frame::Pong { packet: source.number(), root: some(source, |source| source.number()) },
        2 => Frame::Ack { packet: source.number() },
        3 => Frame::Challenge { packet: source.number() },
        4 | 5 => Frame::Claim(claim(source)),
        6..=8 => record(source),
        9 => Frame::Attribute {
            life: life(source),
            kind: attribute_kind(source),
            version: source.number(),
            bytes: Bytes::from(source.bytes(512)),
        },
        10 => Frame::Slow { life: life(source), millis: source.number() as u32 },
        11 => message(source),
        12 => Frame::Verify { suspect: life(source), millis: source.number() as u32 },
        13 => Frame::Verdict {
            suspect: life(source),
            finding: source.one_of(&[Finding::Looking, Finding::Answers, Finding::Silent]),
        },
        14 => Frame::Suspicion,
        15 => {
            Frame::Want { group: any_group(source), member: life(source), since: source.number() }
        }
        16 => Frame::Ranges(list(source, range_sum)),
        17 => holdings(source),
        18 => Frame::Coded(Coded {
            from: 0,
            to: source.number().max(1),
            count: source.number(),
            cells: list(source, |source| source.number()),
        }),
        19 => Frame::Lacking(Lacking {
            from: 0,
            to: u64::MAX,
            elements: list(source, |source| source.number() >> 24),
        }),
        _ => match source.below(14) {
            0 => Frame::Heard { speaker: any_id(source), nodes: list(source, any_id) },
            1 => Frame::Vouch { life: life(source), packet: source.number() },
            2 => Frame::Beat { sequence: source.number() },
            3 => Frame::Numbered { sequence: source.number(), frames: 0 },
            4 => Frame::Missed { since: source.number(), silent: source.flip() },
            5 => Frame::Padding { bytes: source.below(300) as u16 },
            6 => Frame::Narrow,
            7 => Frame::TooLarge { packet: source.number(), bytes: source.number() as u16 },
            8 => Frame::Undelivered { sequence: source.number(), bytes: source.number() as u16 },
            9 => Frame::Counted {
                packet: source.number(),
                tag: source.number() as u16,
                highest: source.number(),
                tag_of_highest: source.number() as u16,
            },
            10 => Frame::Seen { at: any_addr(source) },
            11 => Frame::Drains { stamp: source.number() },
            12 => Frame::Noted { stamp: source.number(), own: source.number() },
            _ => Frame::Duplicate { epoch: life(source).epoch },
        },
    }
}
