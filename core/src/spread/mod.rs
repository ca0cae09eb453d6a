//! How changes and messages reach everybody.

mod copy;
mod cover;
mod gaps;
mod hearer;
mod joined;
mod messages;
mod multicast;
mod pace;
mod parts;
mod piggyback;
mod returns;
mod ring;
mod speaker;
mod stream;
mod taken;
mod tree;
mod view;

pub(crate) use cover::Covers;
pub(crate) use gaps::Gaps;
pub(crate) use hearer::Hearer;
pub(crate) use joined::Joined;
pub(crate) use messages::{Claimed, Messages, Verdict};
pub(crate) use multicast::Multicast;
pub(crate) use pace::Pace;
pub(crate) use parts::{Audience, FAN_OUT};
pub(crate) use piggyback::Piggyback;
pub(crate) use returns::Returns;
pub(crate) use ring::Ring;
pub(crate) use speaker::Speaker;
pub(crate) use taken::{CopyId, Taken};
pub(crate) use tree::{Relays, is_message};
pub(crate) use view::Views;
