//! Going in order: everybody is told, and the embedder learns how many have heard.

use crate::out::{Event, Out, Why};
use crate::picture::Picture;

/// A departure under way.
#[derive(Clone, Debug, Default, Hash)]
pub(crate) struct Departure {
    batch: Option<u64>,
    told: u32,
    acknowledged: u32,
    open: u32,
}

impl Departure {
    /// Begins to wait for the acknowledgements of the `told` copies of a batch.
    pub(crate) fn start(&mut self, picture: &Picture, out: &mut Out, batch: u64, told: u32) {
        *self = Self { batch: Some(batch), told, acknowledged: 0, open: told };
        out.timers.set(Why::Departure, Some(picture.now + picture.config.depart_timeout));
    }

    pub(crate) fn is_running(&self) -> bool {
        self.batch.is_some()
    }

    /// A copy of a batch was acknowledged, or given up.
    pub(crate) fn copy_closed(&mut self, batch: u64, acknowledged: bool) {
        if self.batch == Some(batch) {
            self.open = self.open.saturating_sub(1);
            self.acknowledged += u32::from(acknowledged);
        }
    }

    /// Ends once all copies are closed and nobody else's news waits for this node (`idle`).
    pub(crate) fn end_if_done(&mut self, out: &mut Out, idle: bool) {
        if self.open == 0 && idle {
            self.on_timer(out);
        }
    }

    /// The wait is over.
    pub(crate) fn on_timer(&mut self, out: &mut Out) {
        if self.batch.take().is_some() {
            out.silent = true;
            // The farewell and answers that others wait for still go out.
            out.outbox.clear_bulk();
            out.timers.clear();
            out.event(Event::Departed { acknowledged_by: self.acknowledged, told: self.told });
        }
    }
}
