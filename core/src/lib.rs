//! The ScaleSmall engine.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod node;
mod time;
mod topology;
pub mod wire;

pub use node::{Epoch, Life, NodeId, Status};
pub use time::Instant;
pub use topology::{
    GroupName, GroupNameError, Item, KeyRange, KeyRangeError, Op, RecordDelta, TimedItem, Write,
};
