//! Frames of every kind, from a small pool of nodes and groups so that they concern each other.

use std::net::SocketAddr;
use std::num::NonZeroU64;

use bytes::Bytes;
use scalesmall_core::wire::{
    AttributeKind, AttributeVersion, Claim, Coded, Decoder, Finding, FirstTry, Frame, Holdings,
    Lacking, Message, RangeSum, RecordVersion, Route, Spread, Standing,
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

fn attribute(source: &mut Source<'_>) -> Frame {
    Frame::Attribute {
        life: life(source),
        kind: attribute_kind(source),
        version: source.number(),
        bytes: Bytes::from(source.bytes(512)),
    }
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
    source.one_of(FOR_ALL)(source)
}

/// Any frame but those that announce others.
pub fn any_frame(source: &mut Source<'_>) -> Frame {
    source.one_of(FREQUENT)(source)
}

/// How one is drawn.
type Make = fn(&mut Source<'_>) -> Frame;

/// Those that may travel inside a spread, the weightier ones more than once.
const FOR_ALL: &[Make] = &[
    |source| Frame::Claim(claim(source)),
    attribute,
    |source| record(source),
    |source| record(source),
    |source| message(source),
    |source| Frame::Slow { life: life(source), millis: source.number() as u32 },
    |source| Frame::Heard { speaker: any_id(source), nodes: list(source, any_id) },
    |source| Frame::Vouch { life: life(source), packet: source.number() },
];

/// Those that do most, and at the end one of the others.
const FREQUENT: &[Make] = &[
    |source| Frame::Ping { root: source.number() },
    |source| Frame::Pong { packet: source.number(), root: some(source, |source| source.number()) },
    |source| Frame::Ack { packet: source.number() },
    |source| Frame::Challenge { packet: source.number() },
    |source| Frame::Claim(claim(source)),
    |source| Frame::Claim(claim(source)),
    |source| record(source),
    |source| record(source),
    |source| record(source),
    attribute,
    |source| Frame::Slow { life: life(source), millis: source.number() as u32 },
    |source| message(source),
    |source| Frame::Verify { suspect: life(source), millis: source.number() as u32 },
    |source| Frame::Verdict {
        suspect: life(source),
        finding: source.one_of(&[Finding::Looking, Finding::Answers, Finding::Silent]),
    },
    |_| Frame::Suspicion,
    |source| Frame::Want { group: any_group(source), member: life(source), since: source.number() },
    |source| Frame::Ranges(list(source, range_sum)),
    |source| holdings(source),
    |source| {
        Frame::Coded(Coded {
            from: 0,
            to: source.number().max(1),
            count: source.number(),
            cells: list(source, |source| source.number()),
        })
    },
    |source| {
        Frame::Lacking(Lacking {
            from: 0,
            to: u64::MAX,
            elements: list(source, |source| source.number() >> 24),
        })
    },
    |source| source.one_of(RARE)(source),
];

/// The others. A new kind of frame goes to the end.
const RARE: &[Make] = &[
    |source| Frame::Heard { speaker: any_id(source), nodes: list(source, any_id) },
    |source| Frame::Vouch { life: life(source), packet: source.number() },
    |source| Frame::Beat { sequence: source.number() },
    |source| Frame::Numbered { sequence: source.number(), frames: 0 },
    |source| Frame::Missed { since: source.number(), silent: source.flip() },
    |source| Frame::Padding { bytes: source.below(300) as u16 },
    |_| Frame::Narrow,
    |source| Frame::TooLarge { packet: source.number(), bytes: source.number() as u16 },
    |source| Frame::Undelivered { sequence: source.number(), bytes: source.number() as u16 },
    |source| Frame::Counted {
        packet: source.number(),
        tag: source.number() as u16,
        highest: source.number(),
        tag_of_highest: source.number() as u16,
    },
    |source| Frame::Seen { at: any_addr(source) },
    |source| Frame::Drains { stamp: source.number() },
    |source| Frame::Noted { stamp: source.number(), own: source.number() },
    |source| Frame::Duplicate { epoch: life(source).epoch },
];

/// How many kinds of frames the decoder knows: those of fixed length, of which this version gets no more,
/// and each type that it does not skip.
#[must_use]
pub fn kinds_of_frames() -> usize {
    let fixed = ["ping", "pong", "ack", "challenge"];
    let mut frames = Vec::new();
    let mut skips = |kind| {
        let taken = Decoder::new().decode(crate::life(2), &[kind, 0], &mut frames);
        taken.is_ok() && frames.is_empty()
    };
    fixed.len() + (FIRST_WITH_LENGTH..=u8::MAX).filter(|&kind| !skips(kind)).count()
}

/// The type of a claim; the two before it are tables.
const FIRST_WITH_LENGTH: u8 = 0x12;

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::mem::{Discriminant, discriminant};

    use super::*;

    /// A frame that is not drawn is one that no fuzzer sends.
    #[test]
    fn every_kind_of_frame_is_drawn() {
        let source = || Source::new(&[]);
        let drawn = FREQUENT.iter().chain(RARE).map(|make| make(&mut source()));
        let frames: Vec<Frame> =
            drawn.chain([numbered(&mut source(), 1), spread(&mut source(), 1)]).collect();
        let kinds = |frames: &mut dyn Iterator<Item = &Frame>| -> HashSet<Discriminant<Frame>> {
            frames.map(discriminant).collect()
        };
        assert_eq!(kinds(&mut frames.iter()).len(), kinds_of_frames());
        let for_all: Vec<Frame> = FOR_ALL.iter().map(|make| make(&mut source())).collect();
        let may = &mut frames.iter().filter(|frame| frame.is_for_all());
        assert_eq!(kinds(&mut for_all.iter()), kinds(may));
    }
}
