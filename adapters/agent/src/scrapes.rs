//! The figures of a node for those that watch it: asked of the node at most once a second, however many of
//! them there are.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use scalesmall_driver::{CallError, Handle, figures};

use crate::counters::Beside;
use crate::openmetrics;
use crate::readiness::Readiness;

/// How long an answer of the node is used again.
const FRESH: Duration = Duration::from_secs(1);
/// How long the node may take to answer. One that takes longer stands still.
const ANSWER_LIMIT: Duration = Duration::from_secs(2);

/// The figures of a node at one moment.
#[derive(Debug)]
pub(crate) struct Scrape {
    /// OpenMetrics.
    pub(crate) text: String,
    pub(crate) readiness: Readiness,
}

type Taken = Result<Arc<Scrape>, CallError>;

/// Where figures are to be had.
#[derive(Clone, Debug)]
pub(crate) struct Scrapes {
    handle: Handle,
    beside: Beside,
    last: Arc<Mutex<Option<(Instant, Taken)>>>,
}

impl Scrapes {
    pub(crate) fn new(handle: Handle, beside: Beside) -> Self {
        Self { handle, beside, last: Arc::default() }
    }

    /// The figures, at most a second old. Those that ask at the same time wait for one answer.
    ///
    /// # Errors
    ///
    /// The node has ended, is too busy, or stands still.
    pub(crate) fn take(&self) -> Taken {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, taken)) = &*last
            && at.elapsed() < FRESH
        {
            return taken.clone();
        }
        let ask = self.handle.call(|node| (figures::of(node), Readiness::of(node)));
        let taken = ask.wait_within(ANSWER_LIMIT).map(|(mut families, readiness)| {
            families.extend(self.beside.families());
            Arc::new(Scrape { text: openmetrics::encode(families), readiness })
        });
        *last = Some((Instant::now(), taken.clone()));
        taken
    }
}
