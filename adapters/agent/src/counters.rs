//! The counters of a node: the engine's, the sockets', and those of what goes on beside them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use scalesmall_driver::Front;

use crate::log::Log;

/// The counter of seeds that are left out for their address family.
pub(crate) const OUT_OF_REACH: &str = "seeds_out_of_reach";
/// The counter of recordings that have ended before the node: 0 or 1.
pub(crate) const RECORDING: &str = "recording_errors";

/// The counter of lines of the log that were lost.
pub(crate) const LOG: &str = "log_lines_lost";
/// The counter of watches that ended as their clients read too slowly.
pub(crate) const WATCHES: &str = "watches_lagged";
/// The counter of clients that were told why they are not served.
pub(crate) const CLIENTS: &str = "clients_refused";

/// What the program counts beside the node.
#[derive(Clone, Debug)]
pub(crate) struct Beside {
    log: Log,
    lagged: Arc<AtomicU64>,
    refused: Arc<AtomicU64>,
}

impl Beside {
    pub(crate) fn new(log: Log) -> Self {
        Self { log, lagged: Arc::default(), refused: Arc::default() }
    }

    pub(crate) fn client_refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn watch_lagged(&self) {
        self.lagged.fetch_add(1, Ordering::Relaxed);
    }

    /// All of it, by name.
    pub(crate) fn all(&self) -> [(String, u64); 3] {
        [
            (LOG.to_owned(), self.log.lost()),
            (WATCHES.to_owned(), self.lagged.load(Ordering::Relaxed)),
            (CLIENTS.to_owned(), self.refused.load(Ordering::Relaxed)),
        ]
    }
}

/// The counter of failed attempts to write the state file.
pub(crate) const STATE: &str = "state_errors";

/// All counters of a node, by name.
pub(crate) fn all(node: &Front) -> Vec<(String, u64)> {
    let engine = node.stats().iter().map(|(name, value)| (name.to_owned(), value));
    let driver = node.driver_stats();
    engine
        .chain([
            ("socket_receive_errors".to_owned(), driver.receive_errors),
            ("socket_send_errors".to_owned(), driver.send_errors),
            ("socket_send_waits".to_owned(), driver.send_waits),
            ("socket_full_bursts".to_owned(), driver.full_bursts),
            (OUT_OF_REACH.to_owned(), driver.seeds_out_of_reach),
            (RECORDING.to_owned(), u64::from(node.recording_error().is_some())),
            (STATE.to_owned(), node.state().map_or(0, |state| state.errors)),
        ])
        .collect()
}
