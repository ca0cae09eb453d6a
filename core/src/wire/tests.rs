use alloc::vec::Vec;
use bytes::{Bytes, BytesMut};
use core::net::SocketAddr;
use quickcheck::{Arbitrary, Gen, TestResult, quickcheck};

use super::samples::{AnyFrames, AnyLife};
use super::*;
use crate::base::{Epoch, GroupName, Life, Liveness, NodeId};
use crate::seal::{ClusterName, Key, Keyring, Opener, Sealer, Suite};
use crate::topology::{KeyRange, Op, RecordDelta, Write};

const ME: Life = Life { id: NodeId::from_bits(7), epoch: Epoch(77) };

fn cluster() -> ClusterName {
    ClusterName::try_from("test").unwrap()
}

fn v4() -> Life {
    life("10.0.0.2:29999")
}

fn v6() -> Life {
    life("[fd00::2]:29999")
}

fn life(addr: &str) -> Life {
    let addr: SocketAddr = addr.parse().unwrap();
    Life { id: cluster().node_at(addr), epoch: Epoch::new(1_700_000_000_000, 5) }
}

fn group(name: &str) -> GroupName {
    GroupName::try_from(name).unwrap()
}

/// The two ends of a conversation.
fn ends(suite: Suite, sender: Life) -> (Sealer, Opener) {
    let keys = Keyring::new(Key::new(suite, [3; 32]));
    let cluster = cluster();
    (
        Sealer::new(&keys, &cluster, Liveness::On, sender),
        Opener::new(&keys, &cluster, Liveness::On, 256),
    )
}

/// Writes as many of `frames` as fit into one packet.
fn packet(sealer: &Sealer, number: u64, frames: &[Frame], bound: bool) -> BytesMut {
    let mut writer = Writer::default();
    writer.begin(sealer.header(number), MAX_PACKET);
    writer.push_all(frames).unwrap();
    let mut out = BytesMut::new();
    writer.finish(sealer, bound.then_some(ME), &mut out);
    out
}

fn payload(sender: Life, frames: &[Frame]) -> Vec<u8> {
    let (sealer, mut opener) = ends(Suite::Authenticated, sender);
    let packet = packet(&sealer, 1, frames, false);
    let (header, _) = Header::parse(&packet).unwrap();
    opener.open(&header, &packet, ME).unwrap().to_vec()
}

fn decoded(sender: Life, payload: &[u8]) -> Result<Vec<Frame>, WireError> {
    let mut frames = Vec::new();
    Decoder::new().decode(sender, payload, &mut frames).map(|()| frames)
}

quickcheck! {
    fn what_is_written_is_read(frames: AnyFrames, sender: AnyLife, number: u64, flags: (bool, bool)) -> bool {
        let number = number.max(1);
        Suite::ALL.iter().all(|&suite| {
            let (sealer, mut opener) = ends(suite, sender.0);
            let mut writer = Writer::default();
            writer.begin(sealer.header(number), MAX_PACKET);
            if flags.0 {
                writer.ask_for_ack();
            }
            writer.push_all(&frames.0).unwrap();
            let mut out = BytesMut::from(&b"before"[..]);
            writer.finish(&sealer, flags.1.then_some(ME), &mut out);
            let packet = out.split_off(6);
            let (header, len) = Header::parse(&packet).unwrap();
            let expected = Header { ack: flags.0, bound: flags.1, ..sealer.header(number) };
            let payload = opener.open(&header, &packet, ME).unwrap();
            &out[..] == b"before"
                && header == expected
                && len == header.encoded_len()
                && decoded(sender.0, payload) == Ok(frames.0.clone())
        })
    }

    fn what_is_read_is_written_again(frames: AnyFrames, changes: Vec<(u16, u8)>) -> TestResult {
        let mut bytes = payload(v4(), &frames.0);
        for (at, value) in changes {
            let len = bytes.len().max(1);
            if let Some(byte) = bytes.get_mut(usize::from(at) % len) {
                *byte = value;
            }
        }
        let Ok(read) = decoded(v4(), &bytes) else {
            return TestResult::discard();
        };
        TestResult::from_bool(decoded(v4(), &payload(v4(), &read)) == Ok(read))
    }

    fn arbitrary_bytes_are_read_or_refused(bytes: Vec<u8>) -> bool {
        let read = decoded(v6(), &bytes);
        // Rarely they begin with a header, which is not opened here.
        let within = |(_, len): (Header, usize)| len + TAG_LEN <= bytes.len();
        (read.is_ok() || read == Err(WireError::Malformed))
            && Header::parse(&bytes).map_or(true, within)
    }

    fn one_changed_byte_is_refused(frames: AnyFrames, at: u16, change: u8) -> TestResult {
        if change == 0 {
            return TestResult::discard();
        }
        TestResult::from_bool(Suite::ALL.iter().all(|&suite| {
            let (sealer, mut opener) = ends(suite, v4());
            let mut packet = packet(&sealer, 9, &frames.0, true);
            let at = usize::from(at) % packet.len();
            packet[at] ^= change;
            Header::parse(&packet)
                .map_or(true, |(header, _)| opener.open(&header, &packet, ME).is_err())
        }))
    }

    fn the_room_left_is_exact(frames: AnyFrames, more: AnyFrames) -> bool {
        let (sealer, _) = ends(Suite::Authenticated, v4());
        let mut writer = Writer::default();
        writer.begin(sealer.header(1), MAX_PACKET);
        writer.push_all(&frames.0).unwrap();
        writer.push_all(&more.0).unwrap();
        let used = MAX_PACKET - writer.header().encoded_len() - TAG_LEN - writer.remaining();
        let mut out = BytesMut::new();
        writer.finish(&sealer, None, &mut out);
        let exact = out.len();
        let fits = |size: usize, writer: &mut Writer| {
            writer.begin(sealer.header(1), size);
            writer.push_all(&frames.0).and_then(|()| writer.push_all(&more.0))
        };
        exact == used + sealer.header(1).encoded_len() + TAG_LEN
            && fits(exact, &mut writer) == Ok(())
            && writer.remaining() == 0
            && (used == 0 || fits(exact - 1, &mut writer) == Err(Refused::NoRoom))
    }

    fn what_is_refused_leaves_no_trace(frames: AnyFrames, more: AnyFrames, room: u16) -> bool {
        let (sealer, _) = ends(Suite::Authenticated, v4());
        let finished = |writer: &mut Writer| {
            let mut out = BytesMut::new();
            writer.finish(&sealer, None, &mut out);
            out
        };
        let mut writer = Writer::default();
        let size = usize::from(room) % 2_000;
        writer.begin(sealer.header(1), size);
        let _ = writer.push_all(&frames.0);
        let mark = writer.mark();
        let before = (writer.remaining(), writer.is_empty());
        if writer.push_all(&more.0).is_ok() {
            writer.rewind(mark);
        }
        let after = (writer.remaining(), writer.is_empty());
        let tried = finished(&mut writer);
        writer.begin(sealer.header(1), size);
        let _ = writer.push_all(&frames.0);
        before == after && tried == finished(&mut writer)
    }
}

#[test]
fn every_truncation_is_refused() {
    for &suite in Suite::ALL {
        for sender in [v4(), v6()] {
            let (sealer, mut opener) = ends(suite, sender);
            let packet = packet(&sealer, 300, &[Frame::Ping { root: 7 }], true);
            for cut in 0..packet.len() {
                let cut = &packet[..cut];
                match Header::parse(cut) {
                    Ok((header, _)) => assert!(opener.open(&header, cut, ME).is_err()),
                    Err(error) => assert_eq!(error, WireError::Truncated),
                }
            }
        }
    }
}

#[test]
fn every_truncated_payload_of_one_frame_is_malformed() {
    let delta = delta(3);
    let bytes = payload(v4(), &[Frame::Record { group: group("g"), delta }]);
    for cut in 1..bytes.len() {
        // A payload may end after a table; then it says nothing.
        let read = decoded(v4(), &bytes[..cut]);
        assert!(read == Err(WireError::Malformed) || read == Ok(Vec::new()), "{cut}: {read:?}");
    }
}

#[test]
fn a_ping_and_its_pong_fit_their_budget() {
    for (sender, budget) in [(v4(), 96), (v6(), 96)] {
        let (sealer, _) = ends(Suite::Authenticated, sender);
        let number = (1 << 21) - 1;
        let ping = packet(&sealer, number, &[Frame::Ping { root: u64::MAX }], true);
        let pong = packet(&sealer, number, &[Frame::Pong { packet: number, root: None }], true);
        let total = ping.len() + pong.len();
        std::println!("ping {} + pong {} = {total} bytes of {budget}", ping.len(), pong.len());
        assert!(total <= budget, "{total} > {budget}");
    }
}

#[test]
fn headers_that_break_a_rule_are_told_apart() {
    let (sealer, _) = ends(Suite::Authenticated, v4());
    let good = packet(&sealer, 1, &[], false);
    let with = |at: usize, value: u8| {
        let mut bad = good.clone();
        bad[at] = value;
        Header::parse(&bad).unwrap_err()
    };
    assert_eq!(with(0, 0x51), WireError::Foreign);
    assert_eq!(with(0, 0xa1), WireError::UnknownVersion { version: 1 });
    assert_eq!(with(1, 0x10), WireError::Malformed);
    assert_eq!(with(1, 0x01), WireError::Malformed);
    assert_eq!(with(22, 0), WireError::Malformed);
    assert_eq!(Header::parse(&[0xa2; MAX_PACKET + 1]), Err(WireError::Oversized));
    assert_eq!(Header::parse(&[]), Err(WireError::Truncated));
}

/// Locators that break one rule each.
#[test]
fn locators_that_break_a_rule_are_malformed() {
    let claim = |locator: &[u8]| {
        let len = locator.len() as u8 + 3;
        decoded(v4(), &[&[0x12, len, 0, 0, 0x40], locator].concat())
    };
    let v4 = [10, 0, 0, 1, 0, 5];
    let v6 = [[0xfd, 0], [0; 2], [0; 2], [0; 2], [0; 2], [0; 2], [0; 2], [0, 1], [0, 5]].concat();
    let mapped = [&[0; 10][..], &[0xff, 0xff], &v4].concat();
    assert!(claim(&[&[0x00][..], &v4].concat()).is_ok());
    assert!(claim(&[&[0x25, 1, b'n'][..], &v4, &v6].concat()).is_ok());
    let cases: &[(&str, &[&[u8]])] = &[
        ("nothing", &[]),
        ("an unknown bit", &[&[0x08], &v4]),
        ("a family of an address that is not there", &[&[0x20], &v4]),
        ("two addresses without a name", &[&[0x21], &v4, &v6]),
        ("an address cut short", &[&[0x00], &v4[..5]]),
        ("an address in its mapped form", &[&[0x10], &mapped]),
        ("one address twice", &[&[0x05, 1, b'n'], &v4, &v4]),
        ("no name", &[&[0x04, 0], &v4]),
        ("a control character", &[&[0x04, 1, 7], &v4]),
        ("no UTF-8", &[&[0x04, 1, 0xff], &v4]),
        ("a name of 64 bytes", &[&[0x04, 64], &[b'n'; 64], &v4]),
        ("the name of an address spelt out", &[&[0x04, 10], b"10.0.0.1:5", &v4]),
        ("bytes behind it", &[&[0x00], &v4, &[0]]),
    ];
    for (rule, locator) in cases {
        assert_eq!(claim(&locator.concat()), Err(WireError::Malformed), "{rule}");
    }
}

/// Payloads that break one rule each.
#[test]
fn payloads_that_break_a_rule_are_malformed() {
    let cases: &[(&str, &[u8])] = &[
        ("type 0", &[0x00]),
        ("an unassigned fixed type", &[0x06, 0x00]),
        ("a ping cut short", &[0x01, 0, 0, 0]),
        ("a padded packet number", &[0x04, 0x81, 0x00]),
        ("a length beyond the end", &[0x7f, 0x02, 0x00]),
        ("an empty table of ids", &[0x10, 0x00]),
        ("an unknown bit of an id", &[0x10, 0x09, 0x02, 1, 2, 3, 4, 5, 6, 7, 8]),
        ("an id cut short", &[0x10, 0x08, 0x00, 1, 2, 3, 4, 5, 6, 7]),
        ("an empty group name", &[0x11, 0x01, 0x00]),
        ("a group name cut short", &[0x11, 0x02, 0x02, b'a']),
        ("ids after groups", &[0x11, 2, 1, b'a', 0x10, 0x09, 0, 1, 2, 3, 4, 5, 6, 7, 8]),
        ("a second table of groups", &[0x11, 2, 1, b'a', 0x11, 2, 1, b'b']),
        ("a table after a frame", &[0x04, 1, 0x11, 2, 1, b'a']),
        ("a claim about an id not in the table", &[0x12, 3, 1, 0, 0]),
        (
            "a claim about a life whose epoch is left out",
            &[0x10, 9, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0x12, 3, 1, 0, 0],
        ),
        ("an unknown standing", &[0x12, 3, 0, 0, 3]),
        ("an unknown bit of a claim", &[0x12, 3, 0, 0, 0x80]),
        ("an incarnation above 32 bits", &[0x12, 7, 0, 0x80, 0x80, 0x80, 0x80, 0x10, 0]),
        ("bytes after a claim", &[0x12, 4, 0, 0, 0, 0]),
        ("a group that is not in the table", &[0x1b, 3, 0, 0, 0]),
        ("a slow node without a time", &[0x15, 1, 0]),
        ("an unknown finding", &[0x19, 2, 0, 3]),
        ("an unknown route", &[0x17, 4, 5, 1, 1, 0, 0x15, 2, 0, 9]),
        ("a spread of no frames", &[0x17, 4, 2, 1, 0, 0]),
        ("a spread without its frames", &[0x17, 4, 2, 1, 2, 0, 0x15, 2, 0, 9]),
        ("a numbered batch without its frames", &[0x22, 2, 7, 2, 0x15, 2, 0, 9]),
        ("a spread in a spread", &[0x17, 4, 2, 1, 1, 0, 0x17, 4, 2, 1, 1, 0, 0x15, 2, 0, 9]),
        ("a message to a group that is not in the table", &[0x16, 4, 0, 1, 0, 1]),
        ("a duplicate cut short", &[0x20, 2, 0, 0]),
    ];
    for (rule, bytes) in cases {
        assert_eq!(decoded(v4(), bytes), Err(WireError::Malformed), "{rule}");
    }
}

#[test]
fn records_that_break_a_rule_are_malformed() {
    let record = |tail: &[u8]| {
        let mut bytes = alloc::vec![0x11, 2, 1, b'g', 0x13, tail.len() as u8 + 2, 0, 0];
        bytes.extend_from_slice(tail);
        decoded(v4(), &bytes)
    };
    let max = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
    // since, floor, clock - since, target - clock, then gap, bits, range, port
    assert!(record(&[0, 0, 1, 0, 1, 0x07]).is_ok());
    let cases: &[(&str, &[u8])] = &[
        ("a write beyond the clock", &[0, 0, 1, 0, 2, 0x07]),
        ("a write that does not rise", &[0, 0, 1, 0, 0, 0x07]),
        ("no operation", &[0, 0, 1, 0, 1, 0x04]),
        ("an unknown bit", &[0, 0, 1, 0, 1, 0x17]),
        ("a start above its end", &[0, 0, 1, 0, 1, 0x03, 0, 0, 0, 2, 0, 0, 0, 1]),
        ("all keys spelt out", &[0, 0, 1, 0, 1, 0x03, 0, 0, 0, 0, 255, 255, 255, 255]),
        ("port 0 spelt out", &[0, 0, 1, 0, 1, 0x0d, 0, 0]),
        ("a range cut short", &[0, 0, 1, 0, 1, 0x03, 0, 0, 0, 2]),
    ];
    for (rule, tail) in cases {
        assert_eq!(record(tail), Err(WireError::Malformed), "{rule}");
    }
    let overflow = [&max[..], &[0, 1, 0]].concat();
    assert_eq!(record(&overflow), Err(WireError::Malformed));
    let overflow = [&[0, 0][..], &max, &[1]].concat();
    assert_eq!(record(&overflow), Err(WireError::Malformed));
    let overflow = [&[1, 0, 0, 0][..], &max, &[0x07]].concat();
    assert_eq!(record(&overflow), Err(WireError::Malformed));
}

#[test]
fn a_count_is_held_against_the_bytes_that_are_left() {
    let mut bytes = alloc::vec![0x1d, 22];
    bytes.extend_from_slice(&[0; 17]);
    bytes.extend_from_slice(&[0xff, 0xff, 0xff, 0xff, 0x0f]);
    assert_eq!(decoded(v4(), &bytes), Err(WireError::Malformed));
}

#[test]
fn ranges_that_run_backwards_are_malformed() {
    let mut bytes = alloc::vec![0x1c, 18, 9];
    bytes.extend_from_slice(&8u64.to_be_bytes());
    bytes.extend_from_slice(&[0; 9]);
    assert_eq!(decoded(v4(), &bytes), Err(WireError::Malformed));
}

#[test]
fn attributes_are_bounded() {
    let attribute = |len| Frame::Attribute {
        life: v4(),
        kind: AttributeKind(9),
        version: 1,
        bytes: Bytes::from(alloc::vec![1; len]),
    };
    assert!(decoded(v4(), &payload(v4(), &[attribute(512)])).is_ok());
    let (sealer, _) = ends(Suite::Authenticated, v4());
    let mut writer = Writer::default();
    writer.begin(sealer.header(1), MAX_PACKET);
    assert_eq!(writer.push(&attribute(513)), Err(Refused::Illegal));
    let mut bytes = alloc::vec![0x14, 0x84, 0x04, 0, 9, 1];
    bytes.extend_from_slice(&[0; 513]);
    assert_eq!(decoded(v4(), &bytes), Err(WireError::Malformed));
}

#[test]
fn frames_of_unknown_types_are_skipped() {
    let bytes = [0x04, 1, 0x7f, 2, 9, 9, 0xff, 0, 0x04, 2];
    let expected = alloc::vec![Frame::Ack { packet: 1 }, Frame::Ack { packet: 2 }];
    assert_eq!(decoded(v4(), &bytes), Ok(expected));
}

#[test]
fn a_spread_counts_only_the_frames_that_are_known() {
    let bytes = [0x17, 4, 2, 1, 3, 0, 0x7f, 0, 0x15, 2, 0, 9, 0x7f, 0, 0x04, 2];
    let route = Route::Listed(Vec::new());
    let spread = Frame::Spread(Spread { route, hops: 1, frames: 1, first_try: None });
    let slow = Frame::Slow { life: v4(), millis: 9 };
    let expected = alloc::vec![spread, slow.clone(), Frame::Ack { packet: 2 }];
    assert_eq!(decoded(v4(), &bytes), Ok(expected));
    let bytes = [0x17, 4, 2, 1, 2, 0, 0x7f, 0, 0x7f, 0, 0x04, 2];
    assert_eq!(decoded(v4(), &bytes), Ok(alloc::vec![Frame::Ack { packet: 2 }]));
    let bytes = [0x22, 2, 7, 2, 0x7f, 0, 0x15, 2, 0, 9, 0x04, 2];
    let numbered = Frame::Numbered { sequence: 7, frames: 1 };
    assert_eq!(decoded(v4(), &bytes), Ok(alloc::vec![numbered, slow, Frame::Ack { packet: 2 }]));
}

/// Each type of frame by itself, in a spread and in a numbered batch: what says something to one receiver
/// is refused there, by the reader and by the writer.
#[test]
fn only_what_is_said_to_all_is_announced() {
    let heads = [
        Frame::Spread(Spread {
            route: Route::Listed(Vec::new()),
            hops: 1,
            frames: 1,
            first_try: None,
        }),
        Frame::Numbered { sequence: 7, frames: 1 },
    ];
    let mut seen = [0; 2];
    for seed in 0..2_000 {
        let AnyFrames(frames) = AnyFrames::arbitrary(&mut Gen::from_size_and_seed(30, seed));
        for frame in frames {
            let for_all = frame.is_for_all();
            seen[usize::from(for_all)] += 1;
            for head in &heads {
                let (sealer, _) = ends(Suite::Authenticated, v4());
                let mut writer = Writer::default();
                writer.begin(sealer.header(1), MAX_PACKET);
                let pushed = writer.push_all([head, &frame]);
                assert_eq!(pushed.is_ok(), for_all, "{frame:?} in {head:?}");
            }
        }
    }
    assert!(seen[0] > 1_000 && seen[1] > 1_000);
    let spread = |frame: &[u8]| [&[0x17, 4, 2, 1, 1, 0], frame].concat();
    let numbered = |frame: &[u8]| [&[0x22, 2, 7, 1], frame].concat();
    let not_for_all: &[&[u8]] = &[
        &[0x01, 0, 0, 0, 0, 0, 0, 0, 0],
        &[0x02, 1],
        &[0x04, 1],
        &[0x05, 1],
        &[0x17, 4, 2, 1, 1, 0],
        &[0x18, 2, 0, 0],
        &[0x19, 2, 0, 0],
        &[0x1a, 0],
        &[0x1c, 0],
        &[0x20, 8, 0, 0, 0, 0, 0, 0, 0, 9],
        &[0x21, 1, 1],
        &[0x22, 2, 1, 0],
        &[0x23, 2, 1, 0],
        &[0x26, 0],
        &[0x27, 0],
        &[0x28, 3, 1, 0, 0],
        &[0x29, 3, 1, 0, 0],
    ];
    for frame in not_for_all {
        let alone = if frame[0] == 0x17 { Err(WireError::Malformed) } else { Ok(()) };
        assert_eq!(decoded(v4(), frame).map(drop), alone, "{frame:?}");
        assert_eq!(decoded(v4(), &spread(frame)), Err(WireError::Malformed), "{frame:?}");
        assert_eq!(decoded(v4(), &numbered(frame)), Err(WireError::Malformed), "{frame:?}");
    }
    let slow: &[u8] = &[0x15, 2, 0, 9];
    assert!(decoded(v4(), &spread(slow)).is_ok() && decoded(v4(), &numbered(slow)).is_ok());
}

#[test]
fn a_packet_has_at_most_1024_frames() {
    let full = [0x04, 1].repeat(MAX_FRAMES);
    assert_eq!(decoded(v4(), &full).map(|frames| frames.len()), Ok(MAX_FRAMES));
    assert_eq!(decoded(v4(), &[0x04, 1].repeat(MAX_FRAMES + 1)), Err(WireError::Malformed));
    assert_eq!(decoded(v4(), &[0x7f, 0].repeat(MAX_FRAMES + 1)), Err(WireError::Malformed));
    let (sealer, _) = ends(Suite::Authenticated, v4());
    let mut writer = Writer::default();
    writer.begin(sealer.header(1), MAX_PACKET);
    for _ in 0..MAX_FRAMES {
        writer.push(&Frame::Ack { packet: 1 }).unwrap();
    }
    assert_eq!(writer.push(&Frame::Ack { packet: 1 }), Err(Refused::NoRoom));
}

#[test]
fn a_refused_payload_leaves_no_frames() {
    let mut frames = alloc::vec![Frame::Ack { packet: 9 }];
    let bytes = [0x04, 1, 0x00];
    assert_eq!(Decoder::new().decode(v4(), &bytes, &mut frames), Err(WireError::Malformed));
    assert!(frames.is_empty());
}

#[test]
fn a_node_named_twice_is_written_once() {
    let claim = |incarnation| {
        Frame::Claim(Claim {
            life: life("10.0.0.3:1"),
            incarnation,
            standing: Standing::Alive,
            accuser: None,
            confirmed_by: [None, None],
            age: 0,
            locator: None,
        })
    };
    let one = payload(v4(), &[claim(1)]).len();
    assert_eq!(payload(v4(), &[claim(1), claim(2)]).len(), one + 5);
    let heard =
        Frame::Heard { speaker: v4().id, nodes: alloc::vec![life("10.0.0.3:1").id, v4().id] };
    assert_eq!(payload(v4(), &[claim(1), heard]).len(), one + 5);
}

fn delta(writes: u64) -> RecordDelta {
    let write = |clock| Write {
        range: KeyRange::new(clock as u32, clock as u32 + 9).unwrap(),
        op: Op::Add,
        port: 8080,
        clock,
    };
    RecordDelta {
        member: life("10.0.0.3:1").id,
        epoch: Epoch(7),
        since: 0,
        floor: 0,
        clock: writes,
        target: writes,
        writes: (1..=writes).map(write).collect(),
    }
}

#[test]
fn a_delta_cut_to_what_fits_does_fit() {
    let (sealer, _) = ends(Suite::Authenticated, v4());
    let whole = delta(100);
    let mut writer = Writer::default();
    for size in 60..1_600 {
        writer.begin(sealer.header(1), size);
        let _ = writer.push(&Frame::Suspicion);
        let fitting = writer.fit_writes(&group("group"), &whole);
        let cut = |count: usize| {
            let writes: alloc::boxed::Box<[Write]> = whole.writes[..count].into();
            let clock = writes.last().map_or(0, |write| write.clock);
            Frame::Record {
                group: group("group"),
                delta: RecordDelta { clock, writes, ..whole.clone() },
            }
        };
        if fitting > 0 {
            assert_eq!(writer.push(&cut(fitting)), Ok(()), "{size}");
            assert!(fitting == 100 || writer.remaining() < 14, "{size}: {}", writer.remaining());
        } else {
            assert_eq!(writer.push(&cut(1)), Err(Refused::NoRoom), "{size}");
        }
    }
}

#[test]
fn sums_cut_to_what_fits_do_fit() {
    let (sealer, _) = ends(Suite::Authenticated, v4());
    let sums: Vec<_> = (0..64)
        .map(|part| RangeSum {
            from: part << 58,
            to: ((part + 1) << 58).wrapping_sub(1),
            sum: !0,
            count: part,
        })
        .collect();
    let mut writer = Writer::default();
    writer.begin(sealer.header(1), 1_200);
    // A range that follows on the one before takes 18 bytes.
    assert_eq!(writer.fit_ranges(&sums), 64);
    for size in 60..1_200 {
        writer.begin(sealer.header(1), size);
        let fitting = writer.fit_ranges(&sums);
        assert_eq!(writer.push(&Frame::Ranges(sums[..fitting].to_vec())), Ok(()));
        let _ = fitting == 64 || {
            writer.begin(sealer.header(1), size);
            assert!(writer.push(&Frame::Ranges(sums[..=fitting].to_vec())).is_err());
            true
        };
    }
}

quickcheck! {
    fn costs_are_upper_bounds(frames: AnyFrames) -> bool {
        frames.0.iter().all(|frame| {
            let Frame::Holdings(holdings) = frame else { return true };
            let bound = HOLDINGS_OVERHEAD
                + holdings.claims.iter().map(claim_cost).sum::<usize>()
                + holdings.records.iter().map(record_version_cost).sum::<usize>()
                + holdings.attributes.iter().map(attribute_version_cost).sum::<usize>();
            payload(v4(), core::slice::from_ref(frame)).len() <= bound
        })
    }
}

#[test]
fn a_writer_takes_only_what_a_receiver_takes() {
    let (sealer, _) = ends(Suite::Authenticated, v4());
    let mut writer = Writer::default();
    writer.begin(sealer.header(1), 1_200);
    let record = |delta| Frame::Record { group: group("g"), delta };
    let spread = |frames| {
        Frame::Spread(Spread { route: Route::Listed(Vec::new()), hops: 1, frames, first_try: None })
    };
    let illegal = [
        record(RecordDelta { clock: 2, target: 2, ..delta(3) }),
        record(RecordDelta { target: 2, ..delta(3) }),
        record(RecordDelta { since: 4, ..delta(3) }),
        record(RecordDelta { since: 1, ..delta(3) }),
        spread(0),
        Frame::Ranges(alloc::vec![RangeSum { from: 2, to: 1, sum: 0, count: 0 }]),
    ];
    for frame in &illegal {
        assert_eq!(writer.push(frame), Err(Refused::Illegal), "{frame:?}");
        assert!(writer.is_empty());
    }
    writer.push(&spread(2)).unwrap();
    assert_eq!(writer.push(&spread(1)), Err(Refused::Illegal));
}
