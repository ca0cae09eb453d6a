//! The dissector for Wireshark says what the format says.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on is to stop")]

use core::fmt::Write as _;
use core::num::NonZeroU64;
use std::path::PathBuf;
use std::process::Command;

use bytes::{Bytes, BytesMut};
use scalesmall_core::seal::Sealer;
use scalesmall_core::wire::{
    AttributeKind, AttributeVersion, Claim, Coded, Finding, FirstTry, Frame, Holdings, Lacking,
    Message, RangeSum, RecordVersion, Route, Spread, Standing, Writer,
};
use scalesmall_core::{
    ClusterName, Epoch, GroupName, Key, KeyRange, Keyring, Life, Liveness, Locator, NodeId,
    NodeName, Op, RecordDelta, Write,
};

fn dissector() -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_scalesmall-sim")).arg("dissector").output();
    String::from_utf8(output.unwrap().stdout).unwrap()
}

/// The types of frames that the format has, and the dissector's names of them.
#[test]
fn it_knows_all_types_of_frames_by_name() {
    let lua = dissector();
    let kinds = std::fs::read_to_string("../core/src/wire/kind.rs").unwrap();
    let fixed =
        kinds.lines().find_map(|line| line.strip_prefix("pub(super) const LAST_FIXED: u8 = "));
    let fixed = fixed.unwrap().trim_end_matches(';');
    assert!(lua.contains(&format!("local LAST_FIXED = {fixed}")));
    let (_, types) = kinds.split_once("\nkinds! {").unwrap();
    let (types, _) = types.split_once('}').unwrap();
    let mut count = 0;
    for line in types.lines() {
        let Some((name, number)) = line.trim().trim_end_matches(',').split_once(" = ") else {
            continue;
        };
        let name = match name {
            "IDS" | "GROUPS" => {
                assert!(lua.contains("local IDS, GROUPS = 0x10, 0x11"));
                continue;
            }
            "PONG_EQUAL" | "PONG_DIFFERS" => "Pong".to_owned(),
            other => other
                .split('_')
                .map(|word| format!("{}{}", &word[..1], word[1..].to_lowercase()))
                .collect(),
        };
        assert!(lua.contains(&format!("[{number}] = {{ \"{name}\"")), "{number} {name}");
        count += 1;
    }
    assert_eq!(lua.matches("] = { \"").count(), count, "no more than there are");
}

/// The first bytes of a packet say the version, which the dissector has to know.
#[test]
fn it_is_for_the_version_of_the_format() {
    let version = scalesmall_core::wire::VERSION;
    assert!(dissector().contains(&format!("\nlocal VERSION = {version}\n")));
}

const SENDER: Life = Life { id: NodeId::from_bits(0x1111), epoch: Epoch(77) };

fn cluster() -> ClusterName {
    ClusterName::try_from("captured").unwrap()
}

fn name(text: &str) -> NodeName {
    NodeName::try_from(text).unwrap()
}

/// A node that has a name, and one that is named after its address.
fn other() -> Life {
    Life { id: cluster().node(&name("a node")), epoch: Epoch(0x0123_4567_89ab) }
}

fn group() -> GroupName {
    GroupName::try_from(&b"users"[..]).unwrap()
}

fn claim() -> Claim {
    let addresses = ["10.1.2.3:4567", "[fd00::9]:89"].map(|addr| addr.parse().unwrap());
    Claim {
        life: other(),
        incarnation: 5,
        standing: Standing::Down,
        accuser: Some(SENDER.id),
        confirmed_by: [Some(NodeId::from_bits(0xabcd)), None],
        age: 300,
        locator: Some(Locator::new(name("a node"), &addresses).unwrap()),
    }
}

/// Frames, and the lines that the dissector shows of them.
type Shown = (Vec<Frame>, Vec<&'static str>);

fn one(frame: Frame, lines: &[&'static str]) -> Shown {
    (vec![frame], lines.to_vec())
}

fn slow() -> Frame {
    Frame::Slow { life: other(), millis: 1_500 }
}

fn samples() -> Vec<Shown> {
    [answers(), news(), spreads(), looks(), repairs(), notices()].concat()
}

fn answers() -> Vec<Shown> {
    vec![
        one(Frame::Ping { root: 0xabcd_ef01 }, &["Ping", "root: 0x00000000abcdef01"]),
        one(Frame::Pong { packet: 300, root: None }, &["Pong", "packet: 300"]),
        one(
            Frame::Pong { packet: u64::MAX, root: Some(2) },
            &["packet: 18446744073709551615", "root: 0x0000000000000002"],
        ),
        one(Frame::Ack { packet: 1 << 40 }, &["Ack", "packet: 1099511627776"]),
        one(Frame::Challenge { packet: 127 }, &["Challenge", "packet: 127"]),
    ]
}

fn record() -> Shown {
    let (member, epoch) = (other().id, other().epoch);
    let range = KeyRange::new(16, 255).unwrap();
    let writes = Box::new([
        Write { range, op: Op::Add, port: 8080, clock: 5 },
        Write { range: KeyRange::FULL, op: Op::Remove, port: 0, clock: 9 },
    ]);
    let delta = RecordDelta { member, epoch, since: 3, floor: 2, clock: 9, target: 12, writes };
    let lines = [
        "Record: users of a node",
        "group: users",
        "owner: a node",
        "since: 3",
        "floor: 2",
        "clock: 9",
        "target: 12",
        "write: 5 add 00000010 to 000000ff port 8080",
        "write: 9 remove all keys",
    ];
    one(Frame::Record { group: group(), delta }, &lines)
}

fn news() -> Vec<Shown> {
    let message = Frame::Message(Message {
        origin: other(),
        sequence: 6,
        tag: 7,
        group: Some(group()),
        payload: Bytes::from_static(b"\x0a\x0b"),
    });
    let claimed = [
        "Claim: a node down 5",
        "incarnation: 5",
        "standing: down",
        "accuser: 0000000000001111",
        "confirmed by: 000000000000abcd",
        "age: 300",
        "name: a node",
        "address: 10.1.2.3:4567",
        "address: [fd00::9]:89",
    ];
    let bytes = Bytes::from_static(b"\x01\x02");
    let attribute = Frame::Attribute { life: other(), kind: AttributeKind(1), version: 4, bytes };
    vec![
        one(Frame::Claim(claim()), &claimed),
        record(),
        one(
            attribute,
            &["Attribute: a node", "life: a node", "kind: 1", "version: 4", "bytes: 0102"],
        ),
        one(slow(), &["Slow: a node", "millis: 1500"]),
        one(
            message,
            &["Message: a node 6", "sequence: 6", "tag: 7", "group: users", "payload: 0a0b"],
        ),
    ]
}

fn spreads() -> Vec<Shown> {
    let spread = |route| {
        let packets_ago = NonZeroU64::new(4).unwrap();
        let first_try = Some(FirstTry { packets_ago, place: 2 });
        Frame::Spread(Spread { route, hops: 9, frames: 1, first_try })
    };
    let ring = Route::Ring { from: 0x10, until: 0xff00, group: Some(group()), covered: true };
    let listed = Route::Listed(vec![other().id, SENDER.id]);
    vec![
        (
            vec![spread(ring), slow()],
            vec![
                "Spread: ring in a group with the covered",
                "hops: 9",
                "frames: 1",
                "packets ago: 4",
                "place: 2",
                "from: 0x00000010",
                "until: 0x0000ff00",
                "group: users",
                "Slow: a node",
            ],
        ),
        (
            vec![spread(listed), slow()],
            vec!["Spread: list", "node: a node", "node: 0000000000001111"],
        ),
        (
            vec![Frame::Numbered { sequence: 32, frames: 1 }, slow()],
            vec!["Numbered", "sequence: 32", "frames: 1", "Slow: a node"],
        ),
        one(Frame::Beat { sequence: 31 }, &["Beat", "sequence: 31"]),
        one(Frame::Missed { since: 33, silent: true }, &["since: 33", "silent: 1"]),
        one(
            Frame::Heard { speaker: other().id, nodes: vec![SENDER.id] },
            &["Heard: a node", "speaker: a node", "node: 0000000000001111"],
        ),
    ]
}

fn looks() -> Vec<Shown> {
    vec![
        one(
            Frame::Verify { suspect: other(), millis: 900 },
            &["Verify: a node", "suspect: a node", "millis: 900"],
        ),
        one(
            Frame::Verdict { suspect: other(), finding: Finding::Silent },
            &["Verdict: a node", "finding: silent"],
        ),
        one(Frame::Suspicion, &["Suspicion"]),
        one(Frame::Vouch { life: other(), packet: 21 }, &["Vouch: a node", "packet: 21"]),
        one(Frame::Duplicate { epoch: Epoch(0x99) }, &["epoch: 0x0000000000000099"]),
    ]
}

fn repairs() -> Vec<Shown> {
    let holdings = Frame::Holdings(Holdings {
        from: 1,
        to: 0xfeed,
        answer: true,
        claims: vec![claim()],
        records: vec![RecordVersion { group: group(), member: other(), clock: 12 }],
        attributes: vec![AttributeVersion {
            life: other(),
            kind: AttributeKind(1),
            version: 8,
            sum: 3,
        }],
    });
    let held = [
        "from: 0x0000000000000001",
        "to: 0x000000000000feed",
        "answer: 1",
        "claim: a node down 5",
        "record: users of a node up to 12",
        "attribute: kind 1 of a node, version 8",
    ];
    vec![
        one(
            Frame::Want { group: group(), member: other(), since: 44 },
            &["Want: a node", "group: users", "since: 44"],
        ),
        one(
            Frame::Ranges(vec![RangeSum { from: 0, to: 0xff, sum: 0x77, count: 3 }]),
            &["to: 0x00000000000000ff", "sum: 0x0000000000000077", "count: 3"],
        ),
        one(holdings, &held),
        one(
            Frame::Coded(Coded { from: 2, to: 3, count: 4, cells: vec![5] }),
            &["from: 0x0000000000000002", "count: 4", "cells: 0000000000000005"],
        ),
        one(
            Frame::Lacking(Lacking { from: 2, to: 3, elements: vec![6] }),
            &["to: 0x0000000000000003", "elements: 0000000006"],
        ),
    ]
}

fn notices() -> Vec<Shown> {
    vec![
        one(Frame::Padding { bytes: 3 }, &["Padding", "bytes: 000000"]),
        one(Frame::Narrow, &["Narrow"]),
        one(Frame::TooLarge { packet: 51, bytes: 52 }, &["TooLarge", "packet: 51", "bytes: 52"]),
        one(
            Frame::Undelivered { sequence: 53, bytes: 54 },
            &["Undelivered", "sequence: 53", "bytes: 54"],
        ),
        one(
            Frame::Counted { packet: 61, tag: 62, highest: 63, tag_of_highest: 64 },
            &["packet: 61", "tag: 62", "highest: 63", "tag of highest: 64"],
        ),
        one(Frame::Seen { at: "[fd00::5]:71".parse().unwrap() }, &["Seen: [fd00::5]:71"]),
        one(Frame::Drains { stamp: 81 }, &["Drains", "stamp: 81"]),
        one(Frame::Noted { stamp: 82, own: 83 }, &["Noted", "stamp: 82", "own: 83"]),
    ]
}

/// Puts packets into a capture of raw IP, from one address to another.
fn capture(packets: &[BytesMut]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for word in [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 65_535, 101] {
        bytes.extend_from_slice(&word.to_le_bytes());
    }
    for packet in packets {
        let len = packet.len() as u32 + 28;
        for word in [0, 0, len, len] {
            bytes.extend_from_slice(&word.to_le_bytes());
        }
        bytes.extend_from_slice(&[0x45, 0, (len >> 8) as u8, len as u8, 0, 0, 0, 0, 64, 17, 0, 0]);
        bytes.extend_from_slice(&[10, 0, 0, 1, 10, 0, 0, 2, 0x75, 0x2f, 0x75, 0x2f]);
        bytes.extend_from_slice(&(packet.len() as u16 + 8).to_be_bytes());
        bytes.extend_from_slice(&[0, 0]);
        bytes.extend_from_slice(packet);
    }
    bytes
}

/// What tshark shows of packets with these frames under a key: the lines of each packet.
fn shown(what: &str, packets: &[Vec<Frame>], key: Key) -> Vec<String> {
    let keys = Keyring::new(key);
    let sealer = Sealer::new(&keys, &cluster(), Liveness::On, SENDER);
    let written: Vec<BytesMut> = (1..)
        .zip(packets)
        .map(|(number, frames)| {
            let (mut writer, mut out) = (Writer::default(), BytesMut::new());
            writer.begin(sealer.header(number), 1_200);
            frames.iter().for_each(|frame| writer.push(frame).unwrap());
            writer.finish(&sealer, None, &mut out);
            out
        })
        .collect();
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let [lua, pcap] = ["lua", "pcap"].map(|ending| folder.join(format!("{what}.{ending}")));
    std::fs::write(&lua, dissector()).unwrap();
    std::fs::write(&pcap, capture(&written)).unwrap();
    let script = format!("lua_script:{}", lua.display());
    let mut tshark = Command::new("tshark");
    tshark.args(["-n", "-V", "-O", "scalesmall", "-X", &script, "-r"]).arg(&pcap);
    let output = tshark.output().expect("tshark is there: apt install tshark");
    let text = String::from_utf8(output.stdout).unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && !said.to_lowercase().contains("lua"), "{said}");
    let each: Vec<String> =
        text.split("\nScaleSmall\n").skip(1).map(|part| format!("\n{part}")).collect();
    assert_eq!(each.len(), packets.len(), "{text}");
    each
}

/// Every type of frame, with every field.
#[test]
#[ignore = "needs tshark"]
fn tshark_shows_each_frame_with_its_fields() {
    let samples = samples();
    // A claim first, so that the node is known by its name.
    let packets: Vec<Vec<Frame>> = [vec![Frame::Claim(claim())]]
        .into_iter()
        .chain(samples.iter().map(|(frames, _)| frames.clone()))
        .collect();
    let shown = shown("each", &packets, Key::authenticated([7; 32]));
    let mut wrong = String::new();
    for ((frames, lines), text) in samples.iter().zip(&shown[1..]) {
        assert!(text.contains("Sender id: 0x0000000000001111\n"), "{text}");
        assert!(text.contains("Epoch: 77\n") && text.contains("\n    Tag: "), "{text}");
        for line in lines {
            if !text.contains(&format!(" {line}\n")) {
                writeln!(wrong, "{frames:?}: no \"{line}\" in {text}").unwrap();
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// Of encrypted frames it shows the header, and that they are encrypted.
#[test]
#[ignore = "needs tshark"]
fn tshark_shows_that_frames_are_sealed() {
    let frames = vec![Frame::Claim(claim()), Frame::Ping { root: 3 }];
    let shown = shown("sealed", &[frames], Key::sealed([7; 32]));
    assert!(shown[0].contains("Packet number: 1\n"), "{}", shown[0]);
    assert!(shown[0].contains("Sealed frames: "), "{}", shown[0]);
}
