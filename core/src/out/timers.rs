//! One table of deadlines, each with its reason.

use crate::base::Instant;

/// Why the engine wants to be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub(crate) enum Why {
    /// News waits to be broadcast.
    Flush,
    /// A copy has not been acknowledged.
    Relay,
    /// A probe is due, or has not been answered.
    Probe,
    /// A watched peer is to be asked again, or its window ends.
    Watch,
    /// A down peer or a seed is to be tried.
    Comeback,
    /// A newcomer is to ask, roots are to be compared, or a repair was not answered.
    Repair,
    /// Writes that a multicast has shown to be missing have not come by themselves.
    Gap,
    /// No other node has broadcast the return of a peer.
    Return,
    /// A beacon is due.
    Beacon,
    /// A claim about this node itself waits for a second holder of the id to show itself.
    Renewal,
    /// A node that others believe in is to be asked again.
    Hearsay,
    /// Tombstones are to be collected, old peers forgotten.
    Housekeeping,
    /// The wait for acknowledgements of a departure ends.
    Departure,
    /// Other owners are to be told that this node drains.
    Draining,
    /// The speaker is to beat or to repeat a batch, or this node may begin to speak.
    Beat,
    /// A speaker is to be told that it is heard, or was not heard for too long.
    Hearing,
    /// A size of datagrams is to be tried, or has not passed.
    Path,
    /// What others have said of their keys is to be looked at.
    Keys,
}

const REASONS: [Why; 18] = [
    Why::Flush,
    Why::Relay,
    Why::Probe,
    Why::Watch,
    Why::Comeback,
    Why::Repair,
    Why::Gap,
    Why::Return,
    Why::Beacon,
    Why::Renewal,
    Why::Hearsay,
    Why::Housekeeping,
    Why::Departure,
    Why::Draining,
    Why::Beat,
    Why::Hearing,
    Why::Path,
    Why::Keys,
];

/// At most one deadline per reason.
#[derive(Clone, Debug, Hash)]
pub(crate) struct Timers {
    /// By reason; [`Instant::MAX`] for none.
    at: [Instant; REASONS.len()],
}

impl Default for Timers {
    fn default() -> Self {
        Self { at: [Instant::MAX; REASONS.len()] }
    }
}

impl Timers {
    /// Sets or clears a deadline.
    pub(crate) fn set(&mut self, why: Why, at: Option<Instant>) {
        self.at[why as usize] = at.unwrap_or(Instant::MAX);
    }

    /// Brings a deadline forward to `at`, unless it is earlier already.
    pub(crate) fn hasten(&mut self, why: Why, at: Instant) {
        let slot = &mut self.at[why as usize];
        *slot = at.min(*slot);
    }

    /// Forgets all deadlines.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// The earliest deadline.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.at.iter().min().copied().filter(|&at| at < Instant::MAX)
    }

    /// Takes the earliest deadline that is not after `now`; of equal ones the first reason.
    pub(crate) fn take_due(&mut self, now: Instant) -> Option<Why> {
        let (&at, &why) = self.at.iter().zip(&REASONS).min()?;
        if at > now || at == Instant::MAX {
            return None;
        }
        self.at[why as usize] = Instant::MAX;
        Some(why)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earliest_comes_first_and_once() {
        let mut timers = Timers::default();
        timers.set(Why::Probe, Some(Instant::from_millis(5)));
        timers.set(Why::Watch, Some(Instant::from_millis(3)));
        timers.hasten(Why::Watch, Instant::from_millis(4));
        assert_eq!(timers.next(), Some(Instant::from_millis(3)));
        assert_eq!(timers.take_due(Instant::from_millis(2)), None);
        assert_eq!(timers.take_due(Instant::from_millis(9)), Some(Why::Watch));
        assert_eq!(timers.take_due(Instant::from_millis(9)), Some(Why::Probe));
        assert_eq!(timers.take_due(Instant::from_millis(9)), None);
        assert_eq!(timers.next(), None);
    }

    #[test]
    fn each_reason_has_its_own_slot() {
        for (slot, why) in REASONS.iter().enumerate() {
            assert_eq!(*why as usize, slot);
        }
    }
}
