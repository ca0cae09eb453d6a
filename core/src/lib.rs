//! The ScaleSmall engine.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod config;
mod context;
mod engine;
mod event;
mod events;
mod growth;
mod hash;
mod liveness;
mod message;
mod metadata;
mod node;
mod outbox;
mod port;
mod repair;
mod roster;
pub mod seal;
mod spread;
mod stats;
mod time;
mod timers;
mod tombstones;
mod topology;
pub mod wire;

pub use config::{Config, ConfigError, Limits, Liveness};
pub use engine::{DatagramError, Digest, Engine, MetadataError, Peer};
pub use event::{Cause, Event};
pub use message::{BroadcastError, BroadcastId, Recipients, Tag};
pub use node::{Epoch, Life, NodeId, Status};
pub use port::{Arrival, Destination, SendError};
pub use seal::{ClusterName, ClusterNameError, Key, KeyError, KeyId, Keyring, KeyringError, Suite};
pub use stats::Stats;
pub use time::Instant;
pub use topology::{
    Change, Changes, Coverage, DownMembers, GroupError, GroupName, GroupNameError, GroupRecords,
    Item, KeyRange, KeyRangeError, MergeError, Op, Overlap, Owner, RecordDelta, Refusal, TimedItem,
    Topology, TopologyLimits, Write,
};
