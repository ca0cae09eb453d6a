//! Asking many at once whether they still hear this node, as soon as one of them is silent.
//!
//! The probes find out about one peer after the other, and a peer is counted as lost only when its window is over:
//! that is soon enough to call it down, but a node that is cut off from most of the others is to know it
//! earlier. So a first silence makes it ping a sample of those that it takes for alive. The share of these that
//! answers is an estimate of how many of all it still hears.

use alloc::vec::Vec;

use crate::base::backoff::Backoff;
use crate::base::{Instant, Ix};
use crate::out::{Out, Say};
use crate::picture::Picture;

/// How many peers are asked: in a cluster that is not larger all of them, and in any other an estimate that is
/// wrong by more than a sixth in one case of twenty.
const ASKED: usize = 32;

/// How often each is asked. At 30 % loss seven of eight answer one of three.
const TRIES: u8 = 3;

/// The sample, and when the next one may be drawn.
#[derive(Clone, Debug, Default, Hash)]
pub(super) struct Survey {
    /// Those that have not answered yet.
    open: Vec<Ix>,
    asked: usize,
    tries: u8,
    /// When those are asked again, or given up.
    due: Option<Instant>,
    /// When the last one ended that has found nothing, and the rest after it.
    rest: Option<(Instant, Backoff)>,
}

impl Survey {
    /// A peer has left a first question unanswered. Begins a survey unless one is running, or the last one found
    /// that this node is well, and that is not long ago: where datagrams are lost all the time, silences are common.
    pub(super) fn begin(&mut self, picture: &Picture, out: &mut Out) {
        let rests = self.rest.is_some_and(|(at, rest)| picture.now.since(at) < rest.wait());
        if self.due.is_some() || rests {
            return;
        }
        let some_made_up = picture.peers.prefers_heard();
        let fits =
            |ix| picture.is_direct(ix) && (!some_made_up || picture.peers.get(ix).was_heard());
        self.open = picture.random_alive(out, ASKED, fits);
        (self.asked, self.tries) = (self.open.len(), 0);
        if self.asked > 0 {
            self.ask(picture, out);
        }
    }

    /// A peer has answered.
    pub(super) fn answered(&mut self, ix: Ix) {
        self.open.retain(|&open| open != ix);
    }

    /// Forgets a peer that is leaving the table.
    pub(super) fn forget(&mut self, ix: Ix) {
        let before = self.open.len();
        self.answered(ix);
        self.asked -= before - self.open.len();
    }

    /// Asks those again that have not answered, or ends.
    pub(super) fn on_timer(&mut self, picture: &mut Picture, out: &mut Out) {
        if self.due.is_none_or(|due| due > picture.now) {
            return;
        }
        let (heard, known) = picture.heard_by_sample(self.asked - self.open.len(), self.asked);
        let is_close = heard * 8 <= known * 5;
        if is_close && self.tries < TRIES {
            self.ask(picture, out);
            return;
        }
        let is_cut_off = heard * 2 <= known && known > 1;
        let (first, longest) = (picture.timing.survey_rest, picture.timing.survey_longest);
        // The sample may have been too small to tell: then the next one follows soon.
        let mut rest = Backoff::new(first);
        if let Some((at, last)) = self.rest
            && picture.now.since(at) < last.wait() * 2
        {
            rest = last;
            if !is_close {
                rest.grow(longest);
            }
        }
        if is_cut_off {
            picture.found_cut_off();
        }
        self.rest = (!is_cut_off).then_some((picture.now, rest));
        self.void();
    }

    pub(super) const fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Forgets what was asked: this node was asleep when the answers came.
    pub(super) fn void(&mut self) {
        (self.due, self.asked) = (None, 0);
        self.open = Vec::new();
    }

    fn ask(&mut self, picture: &Picture, out: &mut Out) {
        self.tries += 1;
        for &ix in &self.open {
            out.say(picture.bound(ix), Say::Ping);
        }
        let (least, most) = (picture.config.min_timeout, picture.config.max_timeout);
        let wait = picture.peers.usually_late().clamp(least, most) * picture.health.factor();
        self.due = Some(picture.now + wait);
    }
}
