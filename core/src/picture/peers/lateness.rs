//! When an answer of a peer is late, by its round trips and everybody's.

use core::time::Duration;

use super::Peers;
use crate::base::Ix;

impl Peers {
    /// Takes in a round trip to a peer.
    pub(crate) fn sample(&mut self, ix: Ix, round_trip: Duration) {
        self.get_mut(ix).rtt.sample(round_trip);
        self.usual.sample(round_trip);
    }

    /// When an answer is late, by everybody's round trips; zero while nothing has been measured.
    pub(crate) fn usually_late(&self) -> Duration {
        self.usual.late().unwrap_or_default()
    }

    /// When an answer of a peer is late: by its own round trips, else by twice everybody's;
    /// `None` while nothing has been measured.
    pub(crate) fn late(&self, ix: Ix) -> Option<Duration> {
        self.get(ix).rtt.late().or_else(|| Some(self.usual.late()? * 2))
    }

    /// When an answer of a peer may be late, for questions that can be repeated at little cost.
    ///
    /// Most peers of a large cluster have been measured once or never, and what is known of them alone
    /// would be three round trips. So everybody's answers count where they are late sooner, as long as
    /// that leaves the peer a quarter more than its own mean.
    pub(crate) fn late_at_first(&self, ix: Ix) -> Option<Duration> {
        let own = self.get(ix).rtt;
        let mean = own.mean().or_else(|| self.usual.mean())?;
        let usual = self.usual.late()?.max(mean + mean / 4);
        Some(own.late().map_or(usual, |late| late.max(mean + mean / 4).min(usual)))
    }
}
