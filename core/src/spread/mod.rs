//! How changes and messages reach everybody.

mod messages;
mod multicast;
mod pace;
mod parts;
mod piggyback;
mod ring;
mod tree;

pub(crate) use messages::{Messages, Verdict};
pub(crate) use multicast::Multicast;
pub(crate) use pace::Pace;
pub(crate) use piggyback::Piggyback;
pub(crate) use ring::Ring;
pub(crate) use tree::{Audience, Relays};
