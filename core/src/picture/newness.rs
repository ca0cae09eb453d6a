//! How well this node knows its cluster: a newcomer asks for everything, and for a while after a lost
//! peer has come back roots are compared often.

use crate::base::Instant;
use crate::out::{Out, Why};
use crate::picture::Picture;

/// What this node may still have missed.
#[derive(Clone, Debug, Default, Hash)]
pub(crate) struct Newness {
    /// Whether this node is no longer a newcomer: others know it, and it knows them.
    pub(crate) caught_up: bool,
    /// Since when a newcomer has known anybody.
    pub(crate) company_since: Option<Instant>,
    /// Until when roots are compared often.
    pub(crate) reunion_until: Instant,
}

impl Picture {
    /// Another node is known: a newcomer asks it soon.
    pub(crate) fn company(&mut self, out: &mut Out) {
        if !self.newness.caught_up && self.newness.company_since.is_none() {
            self.newness.company_since = Some(self.now);
            out.timers.set(Why::Repair, Some(self.now + self.timing.repair_soon));
        }
    }

    /// A lost peer is back: both sides look at once for what they have missed.
    pub(crate) fn reunion(&mut self, out: &mut Out) {
        let round_trip = self.peers.usually_late();
        self.newness.reunion_until = self.now + self.timing.reunion.max(round_trip * 8);
        let wait = out.around(self.timing.reunion_rest.max(round_trip) / 2);
        out.timers.hasten(Why::Repair, self.now + wait);
    }
}
