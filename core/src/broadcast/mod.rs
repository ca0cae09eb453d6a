//! How changes and messages reach everybody.

mod copy;
mod joined;
mod messages;
mod parts;
mod piggyback;
mod taken;
mod tree;
mod view;

pub(crate) use joined::Joined;
pub(crate) use messages::{Claimed, Messages, Verdict};
pub(crate) use parts::{Audience, FAN_OUT};
pub(crate) use piggyback::Piggyback;
pub(crate) use taken::{CopyId, Taken};
pub(crate) use tree::Relays;
