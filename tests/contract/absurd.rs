//! A holder of the key says absurd things about others: its owner is heard all the same.

use bytes::Bytes;
use scalesmall_core::wire::{Frame, Message};
use scalesmall_core::{Epoch, Event, Life};
use scalesmall_hostile::{EPOCH, Holder, START, drain, engine, id};

fn life(number: u16) -> Life {
    Life { id: id(number), epoch: EPOCH }
}

fn message(origin: Life, sequence: u64) -> Frame {
    let payload = Bytes::from_static(b"x");
    Frame::Message(Message { origin, sequence, tag: 7, group: None, payload })
}

/// An owner that hears of metadata it never set puts its own above it.
#[test]
fn false_metadata_is_answered_by_its_owner() {
    let mut engine = engine(1);
    let mut holder = Holder::new(2);
    holder.introduce(&mut engine);
    engine.set_metadata(START, Bytes::from_static(b"mine")).unwrap();
    let _ = drain(&mut engine);
    let lie = Frame::Metadata { life: life(1), version: 900, bytes: Bytes::from_static(b"lie") };
    let packet = holder.packet(Some(EPOCH), &[lie]);
    engine.handle_datagram(START, holder.arrival(), &packet).unwrap();
    assert_eq!(engine.peer(id(1)).unwrap().metadata, Bytes::from_static(b"mine"));
    assert_eq!(engine.stats().refutations, 1);
    assert!(engine.poll_timeout().is_some_and(|at| at.since(START).as_millis() < 200));
}

/// Messages in another's name, in a life of it that is not known or with a number out of reach, do
/// not keep its own from being delivered.
#[test]
fn a_false_origin_does_not_mute_the_true_one() {
    let mut engine = engine(1);
    let mut holder = Holder::new(2);
    holder.introduce(&mut engine);
    let mut third = Holder::new(3);
    third.introduce(&mut engine);
    let lies = [message(life(3), u64::MAX), message(Life { epoch: Epoch(1), ..life(3) }, 1)];
    let packet = holder.packet(Some(EPOCH), &lies);
    engine.handle_datagram(START, holder.arrival(), &packet).unwrap();
    assert_eq!(engine.stats().messages_unknown_age, 2);
    let _ = drain(&mut engine);
    let packet = third.packet(Some(EPOCH), &[message(life(3), 1)]);
    engine.handle_datagram(START, third.arrival(), &packet).unwrap();
    let events = drain(&mut engine).events;
    assert!(events.iter().any(|event| matches!(event, Event::Message { .. })), "{events:?}");
}

/// A vouch can make a life count as proven; it cannot deafen the receiver to one that is.
#[test]
fn a_false_vouch_does_not_deafen() {
    let mut engine = engine(1);
    let mut holder = Holder::new(2);
    holder.introduce(&mut engine);
    let mut third = Holder::new(3);
    third.introduce(&mut engine);
    let lie = Frame::Vouch { life: life(3), packet: u64::MAX };
    let packet = holder.packet(Some(EPOCH), &[lie]);
    engine.handle_datagram(START, holder.arrival(), &packet).unwrap();
    let packet = third.packet(Some(EPOCH), &[Frame::Ping { root: 0 }]);
    assert_eq!(engine.handle_datagram(START, third.arrival(), &packet), Ok(()));
}

/// One packet full of requests makes a node send no more than a bounded answer.
#[test]
fn a_packet_of_wishes_is_answered_within_a_budget() {
    let mut engine = engine(1);
    let group = crate::group("a");
    for start in 0..2_000 {
        engine.add_item(START, &group, crate::range(start * 10, start * 10 + 5), 80).unwrap();
    }
    let mut holder = Holder::new(2);
    holder.introduce(&mut engine);
    let _ = drain(&mut engine);
    let wish = Frame::Want { group, member: life(1), since: 0 };
    let wishes = vec![wish; 100];
    let packet = holder.packet(Some(EPOCH), &wishes);
    engine.handle_datagram(START, holder.arrival(), &packet).unwrap();
    assert!(drain(&mut engine).datagrams.len() <= 2_100);
}
