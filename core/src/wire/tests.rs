//! Packets as two ends write and read them.

mod both_ways;
mod refusals;
mod room;

use alloc::vec::Vec;
use bytes::BytesMut;
use core::net::SocketAddr;

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

pub(super) fn payload(sender: Life, frames: &[Frame]) -> Vec<u8> {
    let (sealer, mut opener) = ends(Suite::Authenticated, sender);
    let packet = packet(&sealer, 1, frames, false);
    let (header, _) = Header::parse(&packet).unwrap();
    opener.open(&header, &packet, ME).unwrap().to_vec()
}

fn decoded(sender: Life, payload: &[u8]) -> Result<Vec<Frame>, WireError> {
    let mut frames = Vec::new();
    Decoder::new().decode(sender, payload, &mut frames).map(|()| frames)
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
