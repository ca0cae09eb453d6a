//! The ScaleSmall engine.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod growth;
mod hash;
mod node;
mod repair;
mod roster;
mod time;
mod topology;
pub mod wire;

pub use node::{Epoch, Life, NodeId, Status};
pub use time::Instant;
pub use topology::{
    Change, Changes, Coverage, DownMembers, GroupError, GroupName, GroupNameError, GroupRecords,
    Item, KeyRange, KeyRangeError, MergeError, Op, Overlap, Owner, RecordDelta, Refusal, TimedItem,
    Topology, TopologyLimits, Write,
};
