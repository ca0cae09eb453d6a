//! The known answers of the specification.

use alloc::vec::Vec;
use bytes::{Bytes, BytesMut};
use core::net::SocketAddr;
use core::num::NonZeroU64;

use super::*;
use crate::base::{Epoch, GroupName, Life, Liveness, NodeId, NodeName};
use crate::claims::{AttributeKind, Locator};
use crate::packet::KeyId;
use crate::seal::{ClusterName, Key, KeyState, Keyring, Opener, Sealer, Suite};
use crate::topology::{KeyRange, Op, RecordDelta, Write};

const TEXT: &str = include_str!("vectors.md");

const PING: Frame = Frame::Ping { root: 0x0123_4567_89ab_cdef };
const PONG: Frame = Frame::Pong { packet: 300, root: None };
const FIRST: Epoch = Epoch(0x0102_0304_0506_0708);
const SECOND: Epoch = Epoch(0x1112_1314_1516_1718);

fn id(addr: &str) -> NodeId {
    cluster().node_at(addr.parse::<SocketAddr>().unwrap())
}

fn sender() -> Life {
    Life { id: id("10.0.0.2:29999"), epoch: FIRST }
}

fn suspect() -> Life {
    Life { id: id("10.0.0.3:29999"), epoch: Epoch(9) }
}

fn bystander() -> NodeId {
    id("10.0.0.4:29999")
}

fn web() -> GroupName {
    GroupName::try_from("web").unwrap()
}

fn alive(incarnation: u32) -> Claim {
    Claim {
        life: sender(),
        incarnation,
        standing: Standing::Alive,
        accuser: None,
        confirmed_by: [None, None],
        age: 0,
        locator: None,
    }
}

/// A claim of the sender with a name and addresses.
fn located(name: &str, addresses: &[&str]) -> Frame {
    let addresses: Vec<SocketAddr> = addresses.iter().map(|addr| addr.parse().unwrap()).collect();
    let locator = Locator::new(NodeName::try_from(name).unwrap(), &addresses).unwrap();
    Frame::Claim(Claim { locator: Some(locator), ..alive(5) })
}

fn record(since: u64, target: u64, writes: &[Write]) -> Frame {
    let clock = writes.last().unwrap().clock;
    let Life { id: member, epoch } = sender();
    let delta =
        RecordDelta { member, epoch, since, floor: 0, clock, target, writes: writes.into() };
    Frame::Record { group: web(), delta }
}

fn message(sequence: u64, group: Option<GroupName>) -> Frame {
    let payload = Bytes::from_static(b"hi");
    Frame::Message(Message { origin: sender(), sequence, tag: 42, group, payload })
}

fn spread(route: Route, hops: u8, frames: u8, again: Option<(u64, u32)>) -> Frame {
    let first_try =
        again.and_then(|(ago, place)| Some(FirstTry { packets_ago: NonZeroU64::new(ago)?, place }));
    Frame::Spread(Spread { route, hops, frames, first_try })
}

fn ring(group: Option<GroupName>) -> Route {
    Route::Ring { from: 1 << 30, until: 1 << 31, group, covered: false }
}

fn range_sum(from: u64, to: u64, sum: u64, count: u64) -> RangeSum {
    RangeSum { from, to, sum, count }
}

fn attribute_version(version: u64, sum: u32) -> AttributeVersion {
    AttributeVersion { life: sender(), kind: AttributeKind::METADATA, version, sum }
}

fn attribute(kind: AttributeKind, bytes: &'static [u8]) -> Frame {
    Frame::Attribute { life: sender(), kind, version: 1, bytes: Bytes::from_static(bytes) }
}

/// What the lines under "Payloads" say, in their order.
fn statements() -> Vec<(&'static str, Vec<Frame>)> {
    let keys = KeyRange::new(16, 31).unwrap();
    let add = Write { range: keys, op: Op::Add, port: 8080, clock: 3 };
    let get = Write { range: KeyRange::FULL, op: Op::Get, port: 0, clock: 5 };
    let remove = Write { range: keys, op: Op::Remove, port: 1, clock: 3 };
    let down = Claim {
        life: suspect(),
        incarnation: 300,
        standing: Standing::Down,
        accuser: Some(bystander()),
        confirmed_by: [None, Some(id("[fd00::5]:29999"))],
        age: 0,
        locator: None,
    };
    let holdings = Holdings {
        from: 0,
        to: u64::MAX,
        answer: true,
        claims: [alive(5)].into(),
        records: [RecordVersion { group: web(), member: sender(), clock: 5 }].into(),
        attributes: [attribute_version(1, 0x0102_0304)].into(),
    };
    let half = u64::MAX / 2;
    let sums = [range_sum(0, half, 1, 3), range_sum(half + 1, u64::MAX, 2, 4)];
    let listed = Route::Listed([sender().id, bystander()].into());
    let heard = Frame::Heard { speaker: sender().id, nodes: [bystander()].into() };
    let all = Route::Ring { from: 1 << 30, until: 1 << 31, group: None, covered: true };
    let news = |incarnation| Frame::Claim(alive(incarnation));
    [
        ("ping", [PING].into()),
        ("pong, roots equal", [PONG].into()),
        (
            "pong, roots differ",
            [Frame::Pong { packet: 300, root: Some(0xfedc_ba98_7654_3210) }].into(),
        ),
        ("acknowledgement", [Frame::Ack { packet: 127 }].into()),
        ("challenge", [Frame::Challenge { packet: 1 }].into()),
        ("claim, alive", [news(5)].into()),
        ("claim, alive, at its address", [located("10.0.0.2:29999", &["10.0.0.2:29999"])].into()),
        ("claim, alive, named", [located("web-1", &["10.0.0.2:29999", "[fd00::5]:29999"])].into()),
        ("claim, down", [Frame::Claim(down)].into()),
        ("record", [record(2, 5, &[add, get])].into()),
        ("record, first piece of two", [record(0, 5, &[remove])].into()),
        ("attribute", [attribute(AttributeKind::METADATA, b"rack=7")].into()),
        ("slow", [Frame::Slow { life: sender(), millis: 2_000 }].into()),
        ("message to a group", [message(1, Some(web()))].into()),
        ("message to all", [message(2, None)].into()),
        ("spread to a part of the ring", [spread(ring(None), 9, 1, None), news(5)].into()),
        (
            "spread in a group, second try",
            [spread(ring(Some(web())), 9, 2, Some((3, 1))), news(5), news(6)].into(),
        ),
        ("spread to all of a part", [spread(all, 9, 1, None), news(5)].into()),
        ("spread to a list", [spread(listed, 1, 1, None), news(5)].into()),
        ("verify", [Frame::Verify { suspect: suspect(), millis: 2_500 }].into()),
        ("verdict", [Frame::Verdict { suspect: suspect(), finding: Finding::Silent }].into()),
        ("suspicion", [Frame::Suspicion].into()),
        ("want", [Frame::Want { group: web(), member: sender(), since: 2 }].into()),
        ("ranges", [Frame::Ranges(sums.into())].into()),
        ("holdings", [Frame::Holdings(holdings)].into()),
        (
            "coded",
            [Frame::Coded(Coded { from: 0, to: u64::MAX, count: 3, cells: [7, 9].into() })].into(),
        ),
        (
            "lacking",
            [Frame::Lacking(Lacking { from: 0, to: half, elements: [0x12_3456_789a].into() })]
                .into(),
        ),
        ("heard", [heard].into()),
        ("vouch", [Frame::Vouch { life: sender(), packet: 300 }].into()),
        ("duplicate", [Frame::Duplicate { epoch: Epoch(10) }].into()),
        ("beat", [Frame::Beat { sequence: 300 }].into()),
        ("numbered", [Frame::Numbered { sequence: 301, frames: 1 }, news(5)].into()),
        ("missed", [Frame::Missed { since: 300, silent: true }].into()),
        ("padding", [Frame::Padding { bytes: 3 }].into()),
        ("narrow", [Frame::Narrow].into()),
        ("too large", [Frame::TooLarge { packet: 300, bytes: 1_068 }].into()),
        ("undelivered", [Frame::Undelivered { sequence: 300, bytes: 376 }].into()),
        (
            "counted",
            [Frame::Counted { packet: 300, tag: 0x1234, highest: 301, tag_of_highest: 0x5678 }]
                .into(),
        ),
        ("seen", [Frame::Seen { at: "10.0.0.2:29999".parse().unwrap() }].into()),
        ("drains", [Frame::Drains { stamp: 300 }].into()),
        ("noted", [Frame::Noted { stamp: 300, own: 0 }].into()),
    ]
    .into()
}

/// The blocks of the text, line by line, split at the bar.
fn blocks() -> Vec<Vec<(&'static str, &'static str)>> {
    let fenced = TEXT.split("```").skip(1).step_by(2);
    let line = |line: &'static str| line.split_once('|').unwrap_or((line, ""));
    fenced
        .map(|block| block.lines().skip(1).map(line).map(|(a, b)| (a.trim(), b.trim())).collect())
        .collect()
}

fn octets(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    let octet = |pair: &[u8]| u8::from_str_radix(core::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(octet).collect()
}

/// The name of each payload, and its bytes.
fn payloads() -> Vec<(&'static str, Vec<u8>)> {
    let mut payloads: Vec<(&str, Vec<u8>)> = Vec::new();
    for (name, hex) in blocks().swap_remove(1) {
        match payloads.last_mut() {
            Some((_, bytes)) if name.is_empty() => bytes.extend(octets(hex)),
            Some(_) | None => payloads.push((name, octets(hex))),
        }
    }
    payloads
}

/// The bytes of the packet whose block begins with `title`.
fn packet(title: &str) -> Vec<u8> {
    let blocks = blocks();
    let block = blocks.iter().find(|block| block[0].0 == title).unwrap();
    block[1..].iter().flat_map(|(hex, _)| octets(hex)).collect()
}

fn key(suite: Suite) -> Key {
    Key::new(suite, core::array::from_fn(|at| at as u8))
}

fn cluster() -> ClusterName {
    ClusterName::try_from("vectors").unwrap()
}

fn written(
    suite: Suite,
    sender: Life,
    number: u64,
    ack: bool,
    frames: &[Frame],
    receiver: Option<Life>,
) -> BytesMut {
    let sealer = Sealer::new(&Keyring::new(key(suite)), &cluster(), Liveness::On, sender);
    let mut writer = Writer::default();
    writer.begin(sealer.header(number), MAX_PACKET);
    writer.push_all(frames).unwrap();
    if ack {
        writer.ask_for_ack();
    }
    let mut out = BytesMut::new();
    writer.finish(&sealer, receiver, &mut out);
    out
}

#[test]
fn names_have_the_ids_that_are_specified() {
    for (name, hex) in blocks().swap_remove(0).into_iter().skip(1) {
        let id = cluster().node(&NodeName::try_from(name).unwrap());
        assert_eq!(alloc::format!("{id}"), hex, "{name}");
    }
}

#[test]
fn payloads_are_written_as_specified() {
    let payloads = payloads();
    let statements = statements();
    assert_eq!(payloads.len(), statements.len());
    for ((name, bytes), (stated, frames)) in payloads.iter().zip(&statements) {
        assert_eq!(name, stated);
        let packet = written(Suite::Authenticated, sender(), 1, false, frames, None);
        let (_, start) = Header::parse(&packet).unwrap();
        assert_eq!(&packet[start..packet.len() - TAG_LEN], bytes, "{name}");
    }
}

#[test]
fn payloads_are_read_as_specified() {
    for ((name, bytes), (_, expected)) in payloads().iter().zip(&statements()) {
        let mut frames = Vec::new();
        assert_eq!(Decoder::new().decode(sender(), bytes, &mut frames), Ok(()), "{name}");
        assert_eq!(&frames, expected, "{name}");
    }
}

fn packets_are_as_specified(suite: Suite, prefix: &str) {
    let asked = Life { id: id("10.0.0.3:29999"), epoch: SECOND };
    let speaker = Life { id: id("[fd00::5]:29999"), epoch: FIRST };
    let claim = Frame::Claim(Claim { life: speaker, ..alive(5) });
    let cases = [
        ("ping from 10.0.0.2:29999 to 10.0.0.3:29999", sender(), 300, false, PING, Some(asked)),
        ("pong from 10.0.0.3:29999 to 10.0.0.2:29999", asked, 1, false, PONG, Some(sender())),
        ("claim from [fd00::5]:29999 to all", speaker, 1, true, claim, None),
    ];
    let mut opener = Opener::new(&Keyring::new(key(suite)), &cluster(), Liveness::On, 4);
    for (title, from, number, ack, frame, receiver) in cases {
        let expected = packet(&alloc::format!("{prefix}{title}"));
        let frame = [frame];
        let packet = written(suite, from, number, ack, &frame, receiver);
        assert_eq!(packet, expected, "{title}");
        let (header, _) = Header::parse(&expected).unwrap();
        let payload = opener.open(&header, &expected, receiver.unwrap_or_else(sender)).unwrap();
        let mut frames = Vec::new();
        Decoder::new().decode(header.sender, payload, &mut frames).unwrap();
        assert_eq!(frames, frame, "{title}");
    }
}

#[test]
fn authenticated_packets_are_as_specified() {
    packets_are_as_specified(Suite::Authenticated, "");
}

#[cfg(feature = "seal")]
#[test]
fn sealed_packets_are_as_specified() {
    packets_are_as_specified(Suite::Sealed, "sealed ");
}

/// The key that a rotation brings.
#[cfg(feature = "seal")]
fn rotated() -> Key {
    Key::sealed(core::array::from_fn(|at| 0x20 + at as u8))
}

/// A ring in the middle of a rotation.
#[cfg(feature = "seal")]
fn rotating() -> Keyring {
    let mut ring = Keyring::new(key(Suite::Authenticated));
    ring.hold(crate::seal::HeldKey::of_rotation(rotated(), 1)).unwrap();
    ring
}

#[cfg(feature = "seal")]
#[test]
fn keys_that_travel_are_written_as_specified() {
    let mut ring = rotating();
    let offered = ring.highest().clone();
    let offer =
        crate::seal::Wrap::new(&cluster(), &ring.get(ring.primary()).unwrap().key, &offered);
    let state = KeyState::of(&ring, Some(offer));
    assert_eq!(state.to_bytes(), packet("keys of a node that offers one"));
    ring.set_primary(offered.key.id()).unwrap();
    let state = KeyState::of(&ring, None);
    assert_eq!(state.to_bytes(), packet("keys of a node that has replaced one"));
}

#[test]
fn keys_that_travel_are_read_as_specified() {
    let [old, new] = [KeyId::from_bits(0x3e49), KeyId::from_bits(0xee8b)];
    for (title, in_use, replaced, offers) in [
        ("keys of a node that offers one", old, false, true),
        ("keys of a node that has replaced one", new, true, false),
    ] {
        let state = KeyState::from_bytes(&packet(title)).unwrap();
        assert!(state.unwraps, "{title}");
        assert_eq!(state.in_use, in_use, "{title}");
        let held: Vec<_> =
            state.held.iter().map(|it| (it.id, it.generation, it.replaced)).collect();
        assert_eq!(held, [(old, 0, replaced), (new, 1, false)], "{title}");
        let offer = state.offer.map(|offer| (offer.under, offer.id, offer.generation));
        assert_eq!(offer, offers.then_some((old, new, 1)), "{title}");
    }
}

#[cfg(feature = "seal")]
#[test]
fn a_wrapped_key_that_travels_is_opened_as_specified() {
    let state = KeyState::from_bytes(&packet("keys of a node that offers one")).unwrap();
    let ring = Keyring::new(key(Suite::Authenticated));
    let taken = state.offer.unwrap().open(&cluster(), &ring).unwrap();
    assert_eq!((taken.key.id(), taken.generation), (rotated().id(), 1));
    assert_eq!(taken.key.expose_secret(), rotated().expose_secret());
}

#[test]
fn every_type_of_frame_has_a_known_answer() {
    let payloads = payloads();
    for &kind in kind::ALL {
        let begins = |bytes: &Vec<u8>| {
            bytes[0] == kind
                || matches!(bytes[0], kind::IDS | kind::GROUPS) && {
                    let after = 2 + usize::from(bytes[1]);
                    bytes[after] == kind
                }
        };
        assert!(payloads.iter().any(|(_, bytes)| begins(bytes)), "{kind:#x}");
    }
}
