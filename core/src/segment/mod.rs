//! Reliable multicast: one node speaks for those that hear it.

mod hearer;
mod multicast;
mod received;
mod speaker;
mod stream;

pub(crate) use hearer::Hearer;
pub(crate) use multicast::Multicast;
pub(crate) use speaker::Speaker;
