//! What a service names: adapters pass all of it on, so that one import is enough.

pub use std::thread::JoinHandle;

pub use bytes::Bytes;
pub use scalesmall_core::{
    BroadcastError, BroadcastId, Cause, Coverage, Epoch, Event, GroupError, GroupName, KeyRange,
    Life, MetadataError, NodeId, NodeName, Op, Owner, Peer, Recipients, Status, Suite, Tag,
    TimedItem,
};

pub use crate::{
    Call, CallError, Contact, Events, Front, Goodbye, GroupKeys, Handle, Multicast, Preset, Seed,
    Settings, SettingsError, StartError, figures, terms,
};
