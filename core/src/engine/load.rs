//! How much an engine holds, and how much waits in it: for those that watch it.

use super::Engine;

/// How much an engine holds, and how much waits in it. All of it has a limit in
/// [`Limits`](crate::Limits); to read it takes no longer in a large cluster than in a small one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Load {
    /// Ranges of all members in all groups, tombstones included.
    pub ranges: usize,
    /// Frames that wait to be sent.
    pub frames: usize,
    /// Changes that wait to be broadcast.
    pub changes: usize,
    /// Copies of batches that a hop has not acknowledged yet.
    pub copies: usize,
    /// Events that wait to be polled.
    pub events: usize,
    /// Bytes of messages, metadata and traits in these events.
    pub event_bytes: usize,
    /// What this node multiplies its time-outs by: 1 when it is well, up to 9.
    pub health: u32,
}

impl Engine {
    /// How much this engine holds, and how much waits in it.
    #[must_use]
    pub fn load(&self) -> Load {
        Load {
            ranges: self.picture.topology.items_held(),
            frames: self.out.outbox.len(),
            changes: self.out.changes_waiting(),
            copies: self.broadcast.relays.under_way(),
            events: self.out.events.len(),
            event_bytes: self.out.events.bytes(),
            health: self.picture.health.factor(),
        }
    }

    /// Whether this node says goodbye or has said it: from [`Engine::depart`] to
    /// [`Engine::renew`].
    #[must_use]
    pub fn is_leaving(&self) -> bool {
        self.out.silent || self.membership.departure.is_running()
    }
}
