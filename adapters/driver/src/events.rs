//! The events of a node, for a thread that does not run it.

use std::sync::mpsc::{
    Receiver, RecvTimeoutError, SyncSender, TryRecvError, TrySendError, sync_channel,
};
use std::time::Duration;

use scalesmall_core::Event;

use crate::front::Front;
use crate::handle::CallError;

/// Events that wait for their reader at most.
const EVENTS: usize = 4096;

/// Two ends of a bounded queue: where the loop that runs a node puts its events, and where another
/// thread takes them.
#[must_use]
pub fn event_queue() -> (Outlet, Events) {
    let (out, events) = sync_channel(EVENTS);
    (Outlet { out, dropped: 0 }, Events(events))
}

/// Where the loop that runs a node puts its events.
#[derive(Debug)]
pub struct Outlet {
    out: SyncSender<Event>,
    dropped: u64,
}

impl Outlet {
    /// Takes all of the node's events and queues them, without ever waiting. For those that found
    /// no room, as nobody read, an [`Event::Overflow`] follows as soon as there is room.
    pub fn drain(&mut self, front: &mut Front) {
        while let Some(event) = front.poll_event() {
            if self.dropped > 0 && self.send(Event::Overflow { dropped: self.dropped }) {
                self.dropped = 0;
            }
            if self.dropped > 0 || !self.send(event) {
                self.dropped += 1;
            }
        }
        if self.dropped > 0 && self.send(Event::Overflow { dropped: self.dropped }) {
            self.dropped = 0;
        }
    }

    /// Whether there was room. If nobody is left to read, there always is.
    fn send(&self, event: Event) -> bool {
        !matches!(self.out.try_send(event), Err(TrySendError::Full(_)))
    }
}

/// Where another thread takes a node's events.
#[derive(Debug)]
pub struct Events(Receiver<Event>);

impl Events {
    /// Waits for the next event; `None` once the node has ended and all events are read.
    pub fn next_event(&mut self) -> Option<Event> {
        self.0.recv().ok()
    }

    /// Waits for the next event for at most `limit`.
    ///
    /// # Errors
    ///
    /// [`CallError::Stopped`] once the node has ended and all events are read.
    pub fn next_event_within(&mut self, limit: Duration) -> Result<Option<Event>, CallError> {
        match self.0.recv_timeout(limit) {
            Ok(event) => Ok(Some(event)),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => Err(CallError::Stopped),
        }
    }

    /// The next event, if there is one already.
    ///
    /// # Errors
    ///
    /// [`CallError::Stopped`] once the node has ended and all events are read.
    pub fn try_next_event(&mut self) -> Result<Option<Event>, CallError> {
        match self.0.try_recv() {
            Ok(event) => Ok(Some(event)),
            Err(TryRecvError::Empty) => Ok(None),
            Err(TryRecvError::Disconnected) => Err(CallError::Stopped),
        }
    }
}
