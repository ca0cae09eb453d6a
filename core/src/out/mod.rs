//! What the engine puts out: datagrams to be, events, deadlines, counters.

mod event;
mod events;
mod message;
pub(crate) mod outbox;
mod pace;
mod stats;
mod timers;

pub use event::{Cause, Event, MulticastState};
pub(crate) use events::Events;
pub use message::{BroadcastError, BroadcastId, Recipients, Tag};
pub(crate) use outbox::{Intent, Outbox, Say, To};
pub(crate) use pace::Pace;
pub use stats::Stats;
pub(crate) use timers::{Timers, Why};
