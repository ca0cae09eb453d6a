//! One node's picture of all groups.

mod item;

pub use item::{
    GroupName, GroupNameError, Item, KeyRange, KeyRangeError, Op, RecordDelta, TimedItem, Write,
};
