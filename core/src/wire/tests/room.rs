//! A writer knows what fits, and takes nothing that no receiver would take.

use alloc::vec::Vec;
use bytes::BytesMut;
use quickcheck::quickcheck;

use super::*;
use crate::wire::samples::AnyFrames;

/// The most bytes that a [`Frame::Holdings`] without elements takes, headers of tables included.
const EMPTY_HOLDINGS: usize = 4 + 8 + 8 + 1 + 3 * 3 + 2 * 4;

// A sender adds up what the elements cost and leaves `OVERHEAD` for the rest.
const _: () = assert!(EMPTY_HOLDINGS <= OVERHEAD - Header::MAX_LEN - TAG_LEN);

quickcheck! {
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

quickcheck! {
    fn costs_are_upper_bounds(frames: AnyFrames) -> bool {
        frames.0.iter().all(|frame| {
            let Frame::Holdings(holdings) = frame else { return true };
            let bound = EMPTY_HOLDINGS
                + holdings.claims.iter().map(claim_cost).sum::<usize>()
                + holdings.records.iter().map(record_version_cost).sum::<usize>()
                + holdings.attributes.iter().map(attribute_version_cost).sum::<usize>();
            payload(v4(), core::slice::from_ref(frame)).len() <= bound
        })
    }
}
