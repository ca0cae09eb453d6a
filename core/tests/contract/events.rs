//! Events are changes only; replaying all of them gives what the queries return; the queue is
//! bounded and coalesces; a full one refuses messages unacknowledged.

use std::time::Duration;

use bytes::Bytes;
use quickcheck::{Arbitrary as _, Gen};
use scalesmall_core::wire::{Frame, Message};
use scalesmall_core::{DatagramError, Event, OwnerChange, Tag};
use scalesmall_hostile::{
    Holder, Mirror, START, Source, any_frames, config, drain, engine, engine_with, receiver, rounds,
};

use crate::{group, range};

/// The same for one that polls its events late, and hears what makes no sense.
#[test]
fn coalesced_events_give_what_the_queries_answer() {
    let mut random = Gen::new(600);
    for _ in 0..rounds(60) {
        let bytes: Vec<u8> = Vec::arbitrary(&mut random);
        let mut source = Source::new(&bytes);
        let mut engine = engine(1);
        let mut mirror = Mirror::default();
        let mut holder = Holder::new(2);
        let mut now = START;
        while !source.is_spent() {
            let packet = holder.packet(Some(engine.life()), &any_frames(&mut source));
            let _ = engine.handle_datagram(now, holder.arrival(), &packet);
            now = now + Duration::from_millis(source.number() % 3_000);
            engine.handle_timeout(now);
            while engine.poll_transmit(&mut bytes::BytesMut::new()).is_some() {}
            if source.below(6) == 0 {
                std::iter::from_fn(|| engine.poll_event()).for_each(|event| mirror.replay(&event));
                assert_eq!(mirror, Mirror::of(&engine), "by {bytes:?}");
            }
        }
    }
}

fn message(holder: &Holder, sequence: u64) -> Frame {
    let payload = Bytes::from_static(b"for you");
    Frame::Message(Message { origin: holder.life, sequence, tag: 4, group: None, payload })
}

#[test]
fn a_full_event_queue_refuses_messages_unacknowledged_and_counts_them() {
    let mut config = config();
    config.limits.events = 16;
    let mut engine = engine_with(1, config);
    let mut holder = Holder::new(2);
    holder.introduce(&mut engine);
    let mut taken = 0;
    for sequence in 1..=40 {
        let packet = holder.packet(Some(receiver()), &[message(&holder, sequence)]);
        match engine.handle_datagram(START, holder.arrival(), &packet) {
            Ok(()) => taken += 1,
            Err(error) => assert_eq!(error, DatagramError::Busy),
        }
    }
    assert_eq!(taken, 16);
    assert_eq!(engine.stats().messages_refused, 24);
    assert_eq!(engine.stats().messages_delivered, 16);
    let outputs = drain(&mut engine);
    assert_eq!(outputs.events.len(), 16);
    let all_messages =
        outputs.events.iter().all(|event| matches!(event, Event::Message { tag: Tag(4), .. }));
    assert!(all_messages);
    // Refused is not lost: it is taken when it comes again.
    let packet = holder.packet(Some(receiver()), &[message(&holder, 40)]);
    assert_eq!(engine.handle_datagram(START, holder.arrival(), &packet), Ok(()));
    assert_eq!(drain(&mut engine).events.len(), 1);
}

/// Messages for a group that the node is not in need no room.
#[test]
fn a_full_event_queue_still_passes_on_what_is_for_others() {
    let mut config = config();
    config.limits.events = 16;
    let mut engine = engine_with(1, config);
    let mut holder = Holder::new(2);
    holder.introduce(&mut engine);
    for sequence in 1..=16 {
        let packet = holder.packet(Some(receiver()), &[message(&holder, sequence)]);
        engine.handle_datagram(START, holder.arrival(), &packet).unwrap();
    }
    let Frame::Message(mut other) = message(&holder, 17) else { return };
    other.group = Some(group("elsewhere"));
    let packet = holder.packet(Some(receiver()), &[Frame::Message(other)]);
    assert_eq!(engine.handle_datagram(START, holder.arrival(), &packet), Ok(()));
}

#[test]
fn the_event_queue_is_bounded_and_coalesces() {
    let mut config = config();
    config.limits.events = 16;
    let mut engine = engine_with(1, config);
    // Of one subject only the last change is kept.
    for port in 1..=1_000 {
        engine.add_item(START, &group("a"), range(1, 2), port).unwrap();
    }
    let events = drain(&mut engine).events;
    assert!(matches!(
        &events[..],
        [Event::ItemSet { item, .. }, Event::OwnersChanged { change: OwnerChange::Served, .. }]
            if item.item.port == 1_000
    ));
    assert_eq!(engine.stats().events_folded, 0);
    // Of more subjects than there is room for the number is told.
    for start in 0..1_000 {
        engine.add_item(START, &group("a"), range(start, start), 1).unwrap();
    }
    let events = drain(&mut engine).events;
    let Some(Event::Overflow { dropped }) = events.first() else { panic!("{events:?}") };
    assert_eq!(*dropped as usize + events.len() - 1, 2_000, "items and their owners");
    assert!(events.len() <= 17);
    assert!(engine.stats().events_folded > 0);
}
