//! What the benches of the engine have in common: nodes that are nothing but a key and a counter.

use std::net::{Ipv4Addr, SocketAddr};

use bytes::BytesMut;
use scalesmall_core::seal::Sealer;
use scalesmall_core::wire::{Frame, Writer};
use scalesmall_core::{
    Arrival, ClusterName, Config, Epoch, Instant, Key, KeyId, Keyring, Life, NodeId, SendRate,
    Suite,
};

pub(crate) const EPOCH: Epoch = Epoch(1 << 40);
pub(crate) const START: Instant = Instant::from_millis(1_000);

pub(crate) fn id(number: u32) -> NodeId {
    NodeId::from(SocketAddr::from((Ipv4Addr::from_bits(0x0a00_0000 + number), 29_999)))
}

pub(crate) fn config() -> Config {
    let cluster = ClusterName::try_from("bench").expect("the name is short");
    let mut config = Config::lan([1; 32], cluster, Keyring::new(KeyId(1), Key::from([3; 32])));
    // What is measured is the work, not the wait.
    config.send_rate = SendRate::UNBOUNDED;
    config
}

/// A node that says what it is told to say.
pub(crate) struct Speaker {
    pub(crate) life: Life,
    sealer: Sealer,
    writer: Writer,
    packet: u64,
}

impl Speaker {
    pub(crate) fn new(number: u32) -> Self {
        let config = config();
        let life = Life { id: id(number), epoch: EPOCH };
        let sealer = Sealer::new(&config.keys, &config.cluster, Suite::Authenticated, life);
        Self { life, sealer, writer: Writer::default(), packet: 0 }
    }

    /// A packet for a node in [`EPOCH`], of any length that UDP carries.
    pub(crate) fn say<'a>(&mut self, frames: impl IntoIterator<Item = &'a Frame>) -> BytesMut {
        self.packet += 1;
        self.writer.begin(self.sealer.header(self.packet), 60_000);
        self.writer.push_all(frames).expect("the frames fit");
        let mut out = BytesMut::new();
        self.writer.finish(&self.sealer, Some(EPOCH), &mut out);
        out
    }

    pub(crate) fn arrival(&self) -> Arrival {
        Arrival::Unicast(self.life.id.addr())
    }
}
