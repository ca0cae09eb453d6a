//! The clients that watch changes.

use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use crate::counters::Beside;
use crate::protocol::EventRow;

/// The clients that watch changes.
#[derive(Clone, Debug)]
pub(crate) struct Watchers {
    clients: Arc<Mutex<Vec<SyncSender<EventRow>>>>,
    beside: Beside,
}

impl Watchers {
    pub(crate) fn new(beside: Beside) -> Self {
        Self { clients: Arc::default(), beside }
    }

    /// From here on, every change.
    pub(crate) fn subscribe(&self) -> Receiver<EventRow> {
        let (tell, told) = sync_channel(BACKLOG);
        self.clients.lock().unwrap_or_else(PoisonError::into_inner).push(tell);
        told
    }

    /// Tells all watchers; one that has gone or does not keep up is told no more.
    pub(crate) fn publish(&self, event: &EventRow) {
        let mut watchers = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        watchers.retain(|tell| match tell.try_send(event.clone()) {
            Ok(()) => true,
            Err(TrySendError::Disconnected(_)) => false,
            Err(TrySendError::Full(_)) => {
                self.beside.watch_lagged();
                false
            }
        });
    }

    /// Ends all watches, once they have passed on what they were told.
    pub(crate) fn end(&self) {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// Changes that wait for a client that watches.
const BACKLOG: usize = 4096;
