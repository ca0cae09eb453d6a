//! The known answers for fingerprints, the root, positions and routes.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use bytes::Bytes;
use core::net::SocketAddr;

use super::parts::{Audience, route, split};
use super::view::Views;
use crate::base::{Epoch, GroupName, Instant, Ix, Life, NodeId, NodeName};
use crate::claims::{AttributeKind, Locator};
use crate::config::Config;
use crate::out::{Cause, Out};
use crate::picture::{Picture, State};
use crate::reconcile::{FingerprintKey, Subject};
use crate::seal::{ClusterName, Key, Keyring};
use crate::topology::{Changes, KeyRange, Op, RecordDelta, Write};
use crate::wire::Route;

const TEXT: &str = include_str!("../wire/fingerprints.md");
const EPOCH: Epoch = Epoch(0x0102_0304_0506_0708);

fn cluster() -> ClusterName {
    ClusterName::try_from("vectors").unwrap()
}

fn addr(number: u8) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, number], 29_999))
}

fn web() -> GroupName {
    GroupName::try_from("web").unwrap()
}

/// The lines of the blocks after the one that explains the hash, split at the bars.
fn blocks() -> Vec<Vec<Vec<&'static str>>> {
    let fenced = TEXT.split("```text\n").skip(2).map(|block| block.split("```").next().unwrap());
    let line = |line: &'static str| line.split('|').map(str::trim).collect();
    fenced.map(|block| block.lines().map(line).collect()).collect()
}

/// What 10.0.0.2 holds, who knows nobody yet.
fn alone() -> (Picture, Out) {
    let config = Config::lan([1; 32], cluster(), Keyring::new(Key::authenticated([7; 32])));
    let picture = Picture::new(config, &addr(2).into(), EPOCH, Instant::ZERO);
    let out = Out::new(&picture.config, picture.me().id, EPOCH, Instant::ZERO);
    (picture, out)
}

fn admit(picture: &mut Picture, out: &mut Out, locator: &Locator) -> Ix {
    let life = Life { id: cluster().node(&locator.name()), epoch: EPOCH };
    picture.admit(out, life, locator, 0, State::Alive, Cause::Heard).unwrap()
}

/// The web-1 of the text.
fn named() -> Locator {
    let at = [addr(2), "[fd00::5]:29999".parse().unwrap()];
    Locator::new(NodeName::try_from("web-1").unwrap(), &at).unwrap()
}

fn writes() -> [Write; 2] {
    let add = Write { range: KeyRange::new(16, 31).unwrap(), op: Op::Add, port: 8080, clock: 3 };
    let get = Write { range: KeyRange::FULL, op: Op::Get, port: 0, clock: 5 };
    [add, get]
}

/// What a third node holds of 10.0.0.2, in incarnation 5, and of web-1, but for the third itself.
fn held() -> (Picture, Ix, Ix) {
    let config = Config::lan([1; 32], cluster(), Keyring::new(Key::authenticated([7; 32])));
    let mut picture = Picture::new(config, &addr(99).into(), EPOCH, Instant::ZERO);
    let mut out = Out::new(&picture.config, picture.me().id, EPOCH, Instant::ZERO);
    let life = Life { id: cluster().node_at(addr(2)), epoch: EPOCH };
    let one = picture.admit(&mut out, life, &addr(2).into(), 5, State::Alive, Cause::Heard);
    let one = one.unwrap();
    let other = admit(&mut picture, &mut out, &named());
    let delta = RecordDelta {
        member: life.id,
        epoch: EPOCH,
        since: 0,
        floor: 0,
        clock: 5,
        target: 5,
        writes: writes().into(),
    };
    picture.topology.apply(&web(), &delta, &mut Changes::default()).unwrap();
    for (ix, text) in [(one, &b"rack=7"[..]), (other, b"a longer text of 26 bytes.")] {
        let (key, life) = (picture.topology.fingerprints(), picture.life(ix));
        let kind = AttributeKind::METADATA;
        picture.attributes.set(key, life, ix, kind, 1, Bytes::from_static(text));
    }
    (picture, one, other)
}

#[test]
fn fingerprints_are_as_specified() {
    let (picture, one, other) = held();
    let key = FingerprintKey::default();
    let places = &picture.peers.places;
    let node = |ix| picture.peers.fingerprint(ix, &picture.topology);
    let position = |ix| key.peer_position(picture.id(ix));
    let write = |write: Write| {
        key.write(write.range.start(), write.range.end(), write.op as u8, write.port, write.clock)
    };
    let record = picture.topology.records().next().unwrap();
    let attribute = |of: Ix| {
        let metadata = Subject::Attribute(of, 0);
        let mut marks = picture.attributes.marks();
        let (position, _, fingerprint) =
            marks.find(|(_, subject, _)| *subject == metadata).unwrap();
        [fingerprint, position]
    };
    let others = [
        node(Ix::ME),
        picture.attributes.marks().filter(|(_, it, _)| is_of(it, Ix::ME)).map(|it| it.2).sum(),
    ];
    let root = others.iter().fold(picture.root(), |root, print| root.wrapping_sub(*print));
    let [add, get] = writes();
    let mut values = Vec::from([places.fingerprint(one), places.fingerprint(other)]);
    values.extend([node(one), position(one), node(other), position(other)]);
    values.extend([key.group(&web()), write(add), write(get)]);
    values.extend([record.fingerprint, record.position]);
    values.extend(attribute(one).into_iter().chain(attribute(other)));
    values.push(root);
    let stated: Vec<&str> = blocks()[0].iter().map(|line| line[1]).collect();
    let values: Vec<String> = values.iter().map(|value| format!("{value:016x}")).collect();
    assert_eq!(values, stated);
}

fn is_of(subject: &Subject, of: Ix) -> bool {
    matches!(subject, Subject::Attribute(ix, _) if *ix == of)
}

/// What 10.0.0.2 holds that knows the others up to 10.0.0.11, and their ids.
fn ten() -> (Picture, Out, BTreeMap<NodeId, String>) {
    let (mut picture, mut out) = alone();
    for number in 3..=11 {
        admit(&mut picture, &mut out, &addr(number).into());
    }
    let names =
        (2..=11).map(|number| (cluster().node_at(addr(number)), format!("{}", addr(number))));
    (picture, out, names.collect())
}

#[test]
fn positions_on_the_ring_are_as_specified() {
    let (picture, _, names) = ten();
    let positions: BTreeMap<String, String> = names
        .iter()
        .map(|(id, name)| {
            (name.clone(), format!("{:08x}", picture.position(picture.find(*id).unwrap())))
        })
        .collect();
    let stated = &blocks()[1];
    assert_eq!(stated.len(), positions.len());
    for line in stated {
        assert_eq!(positions[line[0]], line[1], "{}", line[0]);
    }
}

/// The ends of an interval.
fn ends(route: &Route) -> String {
    let Route::Ring { from, until, .. } = route else { panic!("a route over the ring") };
    format!("{from:08x} {until:08x}")
}

#[test]
fn routes_are_split_as_specified() {
    let (picture, mut out, names) = ten();
    let whole = route(&picture, Audience::All, false);
    assert_eq!(ends(&whole), blocks()[2][0][0]);
    for block in &blocks()[2..] {
        let bounds: Vec<u32> =
            block[0][0].split(' ').map(|end| u32::from_str_radix(end, 16).unwrap()).collect();
        let interval =
            Route::Ring { from: bounds[0], until: bounds[1], group: None, covered: false };
        let parts = split(&mut Views::default(), &picture, &mut out, &interval, None);
        let parts: Vec<Vec<String>> = parts
            .iter()
            .map(|it| [ends(&it.part), names[&picture.id(it.to)].clone(), ends(&it.route)].into())
            .collect();
        assert_eq!(parts, block[1..], "{}", block[0][0]);
    }
}
