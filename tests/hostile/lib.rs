//! What a hostile network and a hostile holder of the key can do to an engine, as plain functions
//! over bytes: property tests and fuzzers call the same ones.

mod any;
mod holder;
mod member;
mod mirror;
mod reader;
mod source;
mod targets;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::OnceLock;

use bytes::BytesMut;
use scalesmall_core::wire::{Claim, Standing};
use scalesmall_core::{
    ClusterName, Config, Destination, Engine, Epoch, Event, Instant, Key, Keyring, Life, Locator,
    NodeId, Suite,
};

pub use any::{
    any_addr, any_frame, any_frames, any_group, any_head, any_id, any_range, kinds_of_frames,
};
pub use holder::Holder;
pub use member::member;
pub use mirror::Mirror;
use reader::Reader;
pub use source::Source;
pub use targets::{calls, datagram, frames, mutant, payload};

/// The secret of the test cluster.
pub const SECRET: [u8; Key::LEN] = [7; Key::LEN];

/// The keys of the test cluster.
#[must_use]
pub fn keys() -> Keyring {
    keys_of(Suite::Authenticated)
}

/// The keys of the test cluster in a suite.
#[must_use]
pub fn keys_of(suite: Suite) -> Keyring {
    Keyring::new(Key::new(suite, SECRET))
}

/// The name of the test cluster.
///
/// # Panics
///
/// Never: the name is short.
#[must_use]
pub fn cluster() -> ClusterName {
    ClusterName::try_from("contract").expect("a short name is a cluster's name")
}

/// The preset for a local network, with the test cluster's name and key.
#[must_use]
pub fn config() -> Config {
    Config::lan([9; 32], cluster(), keys())
}

/// The address of the node with this number.
#[must_use]
pub fn addr(number: u16) -> SocketAddr {
    let [high, low] = number.to_be_bytes();
    SocketAddr::from(([10, 0, high, low], 29_999))
}

/// The id of the node with this number.
#[must_use]
pub fn id(number: u16) -> NodeId {
    cluster().node_at(addr(number))
}

/// The first life of the node with this number.
#[must_use]
pub fn life(number: u16) -> Life {
    Life { id: id(number), epoch: EPOCH }
}

/// How one of the test nodes is named and reached; `None` if it is none of them.
#[must_use]
pub fn locator(id: NodeId) -> Option<Locator> {
    static ADDRESSES: OnceLock<HashMap<NodeId, SocketAddr>> = OnceLock::new();
    let all = || (0..=u16::MAX).map(|number| (self::id(number), addr(number))).collect();
    ADDRESSES.get_or_init(all).get(&id).map(|&addr| addr.into())
}

/// A claim about a life of one of the test nodes.
#[must_use]
pub fn claim(life: Life, incarnation: u32, standing: Standing) -> Claim {
    let (accuser, confirmed_by, locator) = (None, [None; 2], locator(life.id));
    Claim { life, incarnation, standing, accuser, confirmed_by, age: 0, locator }
}

/// The first life of the node with number 1, which most tests are about.
#[must_use]
pub fn receiver() -> Life {
    life(1)
}

/// The epoch in which test nodes begin.
pub const EPOCH: Epoch = Epoch(1 << 40);

/// The time at which test nodes begin.
pub const START: Instant = Instant::from_millis(1_000);

/// An engine with the number that has just begun its life.
///
/// # Panics
///
/// If the configuration makes no sense.
#[must_use]
pub fn engine_with(number: u16, config: Config) -> Engine {
    Engine::new(config, addr(number), EPOCH, START).unwrap_or_else(|error| panic!("{error}"))
}

/// An engine with the number and the usual configuration.
#[must_use]
pub fn engine(number: u16) -> Engine {
    engine_with(number, config())
}

/// All that an engine has to say at a moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outputs {
    /// The datagrams, in order.
    pub datagrams: Vec<(Destination, Vec<u8>)>,
    /// The events, in order.
    pub events: Vec<Event>,
}

/// Polls an engine until nothing is left.
#[must_use]
pub fn drain(engine: &mut Engine) -> Outputs {
    let mut outputs = Outputs::default();
    let mut datagram = BytesMut::new();
    while let Some(to) = engine.poll_transmit(&mut datagram) {
        outputs.datagrams.push((to, datagram.split().to_vec()));
    }
    outputs.events.extend(std::iter::from_fn(|| engine.poll_event()));
    outputs
}

/// This many random inputs, times what the variable `CONTRACT_ROUNDS` of the environment asks for.
#[must_use]
pub fn rounds(usual: u64) -> u64 {
    let more = std::env::var("CONTRACT_ROUNDS").ok().and_then(|text| text.parse().ok());
    usual * more.unwrap_or(1)
}
