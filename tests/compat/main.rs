//! What two nodes have said to each other, recorded in each suite, and played to the engine as it is now: a
//! node that speaks this version has to understand it and to answer it, whatever else has changed.
//!
//! A recording is a text: a line for each datagram, with the microseconds since the start, the numbers of the
//! sender and the receiver, and the bytes. `WRITE_COMPAT=1 cargo test -p scalesmall-tests --test compat -- --test-threads 1` writes
//! them anew. That is right only where the format is meant to change: then the change needs a line under
//! "Changed" in `CHANGELOG.md`, and new vectors.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on is to stop")]

mod exchange;
mod recording;

use scalesmall_core::seal::{Opener, Sealer};
use scalesmall_core::wire::{Decoder, Frame, Header, Writer};
use scalesmall_core::{Event, Instant, Life, Liveness, Op, Status, Suite};
use scalesmall_hostile::{EPOCH, cluster, id, keys_of};

use exchange::{METADATA, TEXT, exchange, group, play, range};
use recording::{Datagram, read, write};

const SUITES: [Suite; 2] = [Suite::Authenticated, Suite::Sealed];

/// The recorded datagrams, or those of now if they are to be written anew.
fn recorded(suite: Suite) -> Vec<Datagram> {
    if std::env::var_os("WRITE_COMPAT").is_some() {
        write(suite, &exchange(suite));
    }
    read(suite)
}

fn life(number: u16) -> Life {
    Life { id: id(number), epoch: EPOCH }
}

/// The header and the payload of a datagram.
fn opened(suite: Suite, datagram: &Datagram) -> (Header, Vec<u8>) {
    let mut opener = Opener::new(&keys_of(suite), &cluster(), Liveness::On, 2);
    let (header, _) = Header::parse(&datagram.bytes).unwrap();
    let payload = opener.open(&header, &datagram.bytes, life(datagram.to)).unwrap();
    (header, payload.to_vec())
}

fn frames(suite: Suite, datagram: &Datagram) -> (Header, Vec<Frame>) {
    let (header, payload) = opened(suite, datagram);
    let mut frames = Vec::new();
    Decoder::new().decode(header.sender, &payload, &mut frames).unwrap();
    (header, frames)
}

/// What is read from a recording is written as it was.
#[test]
fn recorded_frames_are_written_as_they_were() {
    for suite in SUITES {
        for datagram in recorded(suite) {
            let (header, payload) = opened(suite, &datagram);
            let (_, frames) = frames(suite, &datagram);
            let sealer = Sealer::new(&keys_of(suite), &cluster(), Liveness::On, header.sender);
            let mut writer = Writer::default();
            writer.begin(sealer.header(header.packet), 60_000);
            writer.push_all(&frames).unwrap();
            let mut bytes = bytes::BytesMut::new();
            writer.finish(&sealer, None, &mut bytes);
            let again = Datagram { bytes: bytes.to_vec(), ..datagram.clone() };
            assert_eq!(opened(suite, &again).1, payload, "{suite}, {} us", datagram.at);
        }
    }
}

/// A recording is worth keeping only while it has the frames that two nodes need.
#[test]
fn recordings_have_all_that_two_nodes_say() {
    for suite in SUITES {
        let all: Vec<Frame> = recorded(suite).iter().flat_map(|it| frames(suite, it).1).collect();
        let has = |fits: fn(&Frame) -> bool| all.iter().any(fits);
        assert!(has(|it| matches!(it, Frame::Ping { .. })));
        assert!(has(|it| matches!(it, Frame::Pong { root: None, .. })));
        assert!(has(|it| matches!(it, Frame::Pong { root: Some(_), .. })));
        assert!(has(|it| matches!(it, Frame::Ack { .. })));
        assert!(has(|it| matches!(it, Frame::Challenge { .. })));
        assert!(has(|it| matches!(it, Frame::Claim(_))));
        assert!(has(|it| matches!(it, Frame::Record { .. })));
        assert!(has(|it| matches!(it, Frame::Attribute { .. })));
        assert!(has(|it| matches!(it, Frame::Message(_))));
        assert!(has(|it| matches!(it, Frame::Spread(_))));
        assert!(has(|it| matches!(it, Frame::Ranges(_))));
    }
}

/// What a node understands of a recording: that the other is there, what it serves and says, and that it has left.
#[test]
fn a_recording_is_understood() {
    for suite in SUITES {
        let played = play(suite, 1, &recorded(suite));
        let other = id(2);
        let turned = |to| {
            let turn = |event: &Event| matches!(event, Event::Peer { peer, to: Some(now), .. } if peer.id == other && *now == to);
            played.events.iter().position(|(_, event)| turn(event))
        };
        let told =
            |fits: &dyn Fn(&Event) -> bool| played.events.iter().position(|(_, event)| fits(event));
        let served = told(&|event| {
            matches!(event, Event::ItemSet { item, .. } if item.item.op == Op::Add
                && item.item.member == other && item.item.range == range() && item.item.port == 80)
        });
        let owned = told(&|event| {
            matches!(event, Event::OwnersChanged { group: of, range: keys, member, .. }
                if *of == group() && *keys == range() && *member == other)
        });
        let said = told(
            &|event| matches!(event, Event::Message { origin, payload, .. } if *origin == other && payload == TEXT),
        );
        let described = told(
            &|event| matches!(event, Event::Metadata { node, metadata } if *node == other && metadata == METADATA),
        );
        let steps = [turned(Status::Alive), served, described, said, turned(Status::Left)];
        assert!(steps.iter().all(Option::is_some), "{suite}: {steps:?}");
        assert!(steps.is_sorted(), "{suite}: {steps:?}");
        assert!(owned.is_some());
        // Only what comes before the other has proven itself is not taken.
        let refused = played.refused.iter().filter(|at| **at > Instant::from_millis(1_100));
        assert_eq!(refused.count(), 0, "{suite}");
    }
}

/// What a node answers to a recording: each ping gets a pong and each packet that asks for it an acknowledgement.
#[test]
fn a_recording_is_answered() {
    for suite in SUITES {
        for number in [1, 2] {
            let recorded = recorded(suite);
            let played = play(suite, number, &recorded);
            let answers: Vec<Frame> =
                played.sent.iter().flat_map(|datagram| frames(suite, datagram).1).collect();
            let (mut pings, mut acks) = (0, 0);
            for datagram in recorded.iter().filter(|it| it.to == number && it.at > 100_000) {
                let (header, frames) = frames(suite, datagram);
                if frames.iter().any(|frame| matches!(frame, Frame::Ping { .. })) {
                    pings += 1;
                    let pong = |frame: &Frame| matches!(frame, Frame::Pong { packet, .. } if *packet == header.packet);
                    assert!(
                        answers.iter().any(pong),
                        "{suite}, {}: ping {}",
                        number,
                        header.packet
                    );
                }
                if header.ack {
                    acks += 1;
                    let ack = |frame: &Frame| matches!(frame, Frame::Ack { packet } if *packet == header.packet);
                    assert!(
                        answers.iter().any(ack),
                        "{suite}, {}: packet {}",
                        number,
                        header.packet
                    );
                }
            }
            assert!(pings > 0, "{suite}: node {number} is never asked");
            assert!(
                acks > 0 || number == 2,
                "{suite}: node {number} is never asked to acknowledge"
            );
        }
    }
}
