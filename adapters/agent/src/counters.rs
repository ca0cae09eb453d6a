//! The counters of a node: the engine's, the sockets', and those of what goes on beside them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use scalesmall_driver::Front;
use scalesmall_driver::figures::{self, Family, Kind, Value};

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

/// The counter of scrapers that were told why they are not served.
pub(crate) const SCRAPERS: &str = "scrapers_refused";

/// What the program counts beside the node.
#[derive(Clone, Debug)]
pub(crate) struct Beside {
    log: Log,
    lagged: Arc<AtomicU64>,
    refused: Arc<AtomicU64>,
    scrapers: Arc<AtomicU64>,
}

impl Beside {
    pub(crate) fn new(log: Log) -> Self {
        Self { log, lagged: Arc::default(), refused: Arc::default(), scrapers: Arc::default() }
    }

    pub(crate) fn client_refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn scraper_refused(&self) {
        self.scrapers.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn watch_lagged(&self) {
        self.lagged.fetch_add(1, Ordering::Relaxed);
    }

    /// All of it.
    pub(crate) fn families(&self) -> [Family; 5] {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        [
            Family::gauge("log_lines_waiting", "Lines of the log that wait for stderr.")
                .with([], Value::Whole(self.log.waiting())),
            Family::counter(LOG, "Lines of the log that were lost.", self.log.lost()),
            Family::counter(
                WATCHES,
                "Watches that ended as their clients read too slowly.",
                count(&self.lagged),
            ),
            Family::counter(
                CLIENTS,
                "Clients of the control socket that were told why they are not served.",
                count(&self.refused),
            ),
            Family::counter(
                SCRAPERS,
                "Scrapers that were told why they are not served.",
                count(&self.scrapers),
            ),
        ]
    }

    /// The counters among them, by name.
    pub(crate) fn all(&self) -> Vec<(String, u64)> {
        by_name(self.families())
    }
}

/// The counter of failed attempts to write the state file.
pub(crate) const STATE: &str = "state_errors";

/// All counters of a node, by name.
pub(crate) fn all(node: &Front) -> Vec<(String, u64)> {
    by_name(figures::counters(node))
}

/// The counters among figures.
fn by_name(families: impl IntoIterator<Item = Family>) -> Vec<(String, u64)> {
    let counters = families.into_iter().filter(|family| family.kind == Kind::Counter);
    counters
        .filter_map(|family| match family.samples.first()?.value {
            Value::Whole(value) => Some((family.name.to_owned(), value)),
            _ => None,
        })
        .collect()
}
