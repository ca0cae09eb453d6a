//! The clients that watch changes.

use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use crate::protocol::EventRow;

/// The clients that watch changes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Watchers(Arc<Mutex<Vec<SyncSender<EventRow>>>>);

impl Watchers {
    /// From here on, every change.
    pub(crate) fn subscribe(&self) -> Receiver<EventRow> {
        let (tell, told) = sync_channel(BACKLOG);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(tell);
        told
    }

    /// Tells all watchers; one that has gone or does not keep up is told no more.
    pub(crate) fn publish(&self, event: &EventRow) {
        let mut watchers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        watchers.retain(|tell| match tell.try_send(event.clone()) {
            Ok(()) => true,
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => false,
        });
    }

    /// Ends all watches, once they have passed on what they were told.
    pub(crate) fn end(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// Changes that wait for a client that watches.
const BACKLOG: usize = 4096;
