//! What is no packet is refused, whichever byte is wrong.

use alloc::vec::Vec;
use bytes::Bytes;
use quickcheck::{Arbitrary, Gen, TestResult, quickcheck};

use super::*;
use crate::wire::samples::AnyFrames;

quickcheck! {
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
    // A table of one group, for the frames that need it.
    let group = [0x11, 2, 1, b'g'];
    let alone = |frame: &[u8]| [&group, frame].concat();
    let spread = |frame: &[u8]| [&group[..], &[0x17, 4, 2, 1, 1, 0], frame].concat();
    let numbered = |frame: &[u8]| [&group[..], &[0x22, 2, 7, 1], frame].concat();
    let everything = |head: [u8; 2], tail: &[u8]| [&head[..], &[0; 8], &[255; 8], tail].concat();
    let not_for_all: &[&[u8]] = &[
        &[0x01, 0, 0, 0, 0, 0, 0, 0, 0],
        &[0x02, 1],
        &[0x03, 1, 0, 0, 0, 0, 0, 0, 0, 0],
        &[0x04, 1],
        &[0x05, 1],
        &[0x17, 4, 2, 1, 1, 0],
        &[0x18, 2, 0, 0],
        &[0x19, 2, 0, 0],
        &[0x1a, 0],
        &[0x1b, 3, 0, 0, 0],
        &[0x1c, 0],
        &everything([0x1d, 20], &[0, 0, 0, 0]),
        &[0x20, 8, 0, 0, 0, 0, 0, 0, 0, 9],
        &[0x21, 1, 1],
        &[0x22, 2, 1, 0],
        &[0x23, 2, 1, 0],
        &everything([0x24, 17], &[0]),
        &everything([0x25, 16], &[]),
        &[0x26, 0],
        &[0x27, 0],
        &[0x28, 3, 1, 0, 0],
        &[0x29, 3, 1, 0, 0],
        &[0x2a, 6, 1, 0, 0, 1, 0, 0],
        &[0x2b, 6, 10, 0, 0, 1, 0, 5],
        &[0x2c, 1, 1],
        &[0x2d, 2, 1, 0],
    ];
    let for_all = [
        kind::CLAIM,
        kind::RECORD,
        kind::ATTRIBUTE,
        kind::SLOW,
        kind::MESSAGE,
        kind::HEARD,
        kind::VOUCH,
    ];
    let tables = [kind::IDS, kind::GROUPS];
    let types = kind::ALL.iter().copied().filter(|of| !tables.contains(of));
    let listed: Vec<u8> = not_for_all.iter().map(|frame| frame[0]).collect();
    assert_eq!(listed, types.filter(|of| !for_all.contains(of)).collect::<Vec<u8>>());
    for frame in not_for_all {
        let expected = if frame[0] == kind::SPREAD { Err(WireError::Malformed) } else { Ok(()) };
        assert_eq!(decoded(v4(), &alone(frame)).map(drop), expected, "{frame:?}");
        assert_eq!(decoded(v4(), &spread(frame)), Err(WireError::Malformed), "{frame:?}");
        assert_eq!(decoded(v4(), &numbered(frame)), Err(WireError::Malformed), "{frame:?}");
    }
    let slow: &[u8] = &[0x15, 2, 0, 9];
    assert!(decoded(v4(), &spread(slow)).is_ok() && decoded(v4(), &numbered(slow)).is_ok());
}

#[test]
fn a_refused_payload_leaves_no_frames() {
    let mut frames = alloc::vec![Frame::Ack { packet: 9 }];
    let bytes = [0x04, 1, 0x00];
    assert_eq!(Decoder::new().decode(v4(), &bytes, &mut frames), Err(WireError::Malformed));
    assert!(frames.is_empty());
}
