//! What the benches of the engine have in common: nodes that are nothing but a key and a counter.

use std::net::{Ipv4Addr, SocketAddr};

use bytes::BytesMut;
use scalesmall_core::seal::Sealer;
use scalesmall_core::wire::{Claim, Frame, Standing, Writer};
use scalesmall_core::{
    Arrival, ClusterName, Config, Epoch, Instant, Key, Keyring, Life, Liveness, NodeId, SendRate,
};

pub(crate) const EPOCH: Epoch = Epoch(1 << 40);
pub(crate) const START: Instant = Instant::from_millis(1_000);

pub(crate) fn addr(number: u32) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::from_bits(0x0a00_0000 + number), 29_999))
}

pub(crate) fn id(number: u32) -> NodeId {
    cluster().node_at(addr(number))
}

/// The first life of a node.
pub(crate) fn life(number: u32) -> Life {
    Life { id: id(number), epoch: EPOCH }
}

/// A claim about the first life of a node.
pub(crate) fn claim(number: u32, standing: Standing) -> Frame {
    let (accuser, confirmed_by, locator) = (None, [None; 2], Some(addr(number).into()));
    let life = life(number);
    Frame::Claim(Claim { life, incarnation: 0, standing, accuser, confirmed_by, age: 0, locator })
}

fn cluster() -> ClusterName {
    ClusterName::try_from("bench").expect("the name is short")
}

pub(crate) fn config() -> Config {
    let mut config = Config::lan([1; 32], cluster(), Keyring::new(Key::authenticated([3; 32])));
    // What is measured is the work, not the wait.
    config.send_rate = SendRate::UNBOUNDED;
    config
}

/// A node that says what it is told to say.
pub(crate) struct Speaker {
    pub(crate) number: u32,
    sealer: Sealer,
    writer: Writer,
    packet: u64,
}

impl Speaker {
    pub(crate) fn new(number: u32) -> Self {
        let config = config();
        let life = life(number);
        let sealer = Sealer::new(&config.keys, &config.cluster, Liveness::On, life);
        Self { number, sealer, writer: Writer::default(), packet: 0 }
    }

    /// A packet for the node with number 1, of any length that UDP carries.
    pub(crate) fn say<'a>(&mut self, frames: impl IntoIterator<Item = &'a Frame>) -> BytesMut {
        self.packet += 1;
        self.writer.begin(self.sealer.header(self.packet), 60_000);
        self.writer.push_all(frames).expect("the frames fit");
        let mut out = BytesMut::new();
        self.writer.finish(&self.sealer, Some(life(1)), &mut out);
        out
    }

    pub(crate) fn arrival(&self) -> Arrival {
        Arrival::Unicast(addr(self.number))
    }
}
