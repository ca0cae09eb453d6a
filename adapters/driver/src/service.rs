//! What a service names: adapters pass all of it on, so that one import is enough.

pub use std::thread::JoinHandle;

pub use bytes::Bytes;
pub use scalesmall_core::{
    Agreement, BroadcastError, BroadcastId, Cause, ClusterName, Config, ConfigError, ConfigPatch,
    Coverage, DrainStamp, Epoch, Event, Footing, ForgetError, GroupError, GroupName, Key, KeyCause,
    KeyChange, KeyError, KeyId, KeyRange, Keyring, Life, MetadataError, NodeId, NodeName, Op,
    Owner, OwnerChange, Peer, Prefer, Recipients, RingKey, SendRate, Server, Status, Suite, Tag,
    TimedItem, Traits, TraitsError,
};

pub use crate::call_error::CallError;
pub use crate::calls::{Front, RotateError};
pub use crate::contact::{Contact, Goodbye};
pub use crate::events::Events;
pub use crate::handle::{Call, Handle};
pub use crate::key::GroupKeys;
pub use crate::node::StartError;
pub use crate::seed::Seed;
pub use crate::settings::{Multicast, Preset, Settings, SettingsError};
pub use crate::tape::RecordLimits;
pub use crate::{figures, guide};
