//! What is written is read, byte for byte.

use alloc::vec::Vec;
use bytes::BytesMut;
use quickcheck::{TestResult, quickcheck};

use super::*;
use crate::wire::samples::{AnyFrames, AnyLife};

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
