//! Figures: quantiles of times, and what was sent between two moments.

use core::fmt;
use core::time::Duration;

use crate::node::Traffic;
use crate::protocol::Protocol;
use crate::sim::Sim;
use crate::watch::Answers;

/// A set of numbers, to ask for its quantiles.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sample {
    sorted: Vec<u64>,
}

impl Sample {
    /// The numbers of an iterator.
    #[must_use]
    pub fn of(numbers: impl IntoIterator<Item = u64>) -> Self {
        let mut sorted: Vec<u64> = numbers.into_iter().collect();
        sorted.sort_unstable();
        Self { sorted }
    }

    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.sorted.len()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.sorted.is_empty()
    }

    /// The least number that `percent` per cent of all do not exceed; zero of an empty sample.
    #[must_use]
    pub fn quantile(&self, percent: usize) -> u64 {
        let rank = (self.sorted.len() * percent.min(100)).div_ceil(100);
        self.sorted.get(rank.saturating_sub(1)).copied().unwrap_or(0)
    }

    /// The median.
    #[must_use]
    pub fn median(&self) -> u64 {
        self.quantile(50)
    }

    /// What 99 of 100 do not exceed, if there are enough to say so: five are above it then.
    #[must_use]
    pub fn p99(&self) -> Option<u64> {
        (self.len() >= 500).then(|| self.quantile(99))
    }

    /// The greatest.
    #[must_use]
    pub fn max(&self) -> u64 {
        self.quantile(100)
    }

    /// The mean, rounded down.
    #[must_use]
    pub fn mean(&self) -> u64 {
        let mean = self.exact_sum().checked_div(self.sorted.len() as u128).unwrap_or(0);
        u64::try_from(mean).unwrap_or(u64::MAX)
    }

    /// The sum; the greatest number there is if it is greater.
    #[must_use]
    pub fn sum(&self) -> u64 {
        u64::try_from(self.exact_sum()).unwrap_or(u64::MAX)
    }

    fn exact_sum(&self) -> u128 {
        self.sorted.iter().map(|number| u128::from(*number)).sum()
    }
}

/// Nanoseconds as milliseconds with three decimals, for tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Millis(pub u64);

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{}.{:03} ms", self.0 / 1_000_000, self.0 / 1_000 % 1_000);
        f.pad(&text)
    }
}

/// What all nodes had sent at one moment.
#[derive(Clone, Debug)]
pub struct Meter {
    at: u64,
    sent: Vec<Traffic>,
}

/// What was sent in a span of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Usage {
    /// How long it lasted.
    pub span: Duration,
    /// Bytes of each node.
    pub bytes: Sample,
    /// Datagrams of each node.
    pub datagrams: Sample,
    /// Bytes of all nodes.
    pub total_bytes: u64,
    /// Datagrams of all nodes, multicasts among them.
    pub total_datagrams: u64,
    /// Multicasts of all nodes.
    pub total_multicasts: u64,
    /// Bytes of all nodes in datagrams that spread a change; none unless
    /// [`Sim::tell_changes_apart`] was called.
    pub change_bytes: u64,
    /// Datagrams that all nodes have taken.
    pub total_received: u64,
    /// How often deadlines have woken any node.
    pub total_timer_calls: u64,
}

impl Usage {
    /// Bytes per second and node, rounded down.
    #[must_use]
    pub fn bytes_per_second(&self) -> u64 {
        let millis = (self.span.as_millis() as u64).max(1) * (self.bytes.len() as u64).max(1);
        self.total_bytes.saturating_mul(1_000) / millis
    }

    /// Bytes of a node in the mean, rounded down.
    #[must_use]
    pub const fn bytes_per_node(&self) -> u64 {
        match self.total_bytes.checked_div(self.bytes.len() as u64) {
            Some(mean) => mean,
            None => 0,
        }
    }
}

impl<P: Protocol> Sim<P> {
    /// Remembers what all nodes have sent, and starts their peaks anew.
    pub fn meter(&mut self) -> Meter {
        self.reset_peaks();
        Meter { at: self.now, sent: self.nodes.iter().map(|node| node.traffic).collect() }
    }

    /// What the live nodes have sent since.
    #[must_use]
    pub fn since(&self, meter: &Meter) -> Usage {
        let sum = |of: fn(&Traffic) -> u64| -> u64 {
            self.live().map(|node| of(self.traffic(node)) - of(&meter.sent[node])).sum()
        };
        let each = |of: fn(&Traffic) -> u64| {
            Sample::of(self.live().map(|node| of(self.traffic(node)) - of(&meter.sent[node])))
        };
        Usage {
            span: Duration::from_nanos(self.now - meter.at),
            bytes: each(|traffic| traffic.bytes),
            datagrams: each(|traffic| traffic.datagrams),
            total_bytes: sum(|traffic| traffic.bytes),
            total_datagrams: sum(|traffic| traffic.datagrams),
            total_multicasts: sum(|traffic| traffic.multicasts),
            change_bytes: sum(|traffic| traffic.change_bytes),
            total_received: sum(|traffic| traffic.received),
            total_timer_calls: sum(|traffic| traffic.timer_calls),
        }
    }

    /// Counts from now on the bytes of datagrams that [spread a change](Protocol::spreads_change)
    /// apart. It makes the simulation slower.
    pub const fn tell_changes_apart(&mut self) {
        self.apart = true;
    }

    /// The most that a live node has sent in any tenth of a second since the peaks were reset:
    /// bytes, and the node.
    #[must_use]
    pub fn peak(&self) -> (u64, usize) {
        self.live().map(|node| (self.traffic(node).peak_bytes, node)).max().unwrap_or((0, 0))
    }

    /// The largest datagram of any live node since the peaks were reset.
    #[must_use]
    pub fn largest_datagram(&self) -> usize {
        self.live().map(|node| self.traffic(node).largest).max().unwrap_or(0)
    }
}

impl Answers {
    /// How long after `start` the nodes said yes, in nanoseconds; those who did.
    #[must_use]
    pub fn after(&self, start: u64) -> Sample {
        Sample::of(self.at.iter().flatten().map(|at| at.saturating_sub(start)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_members_of_the_sample() {
        let sample = Sample::of([5, 1, 3, 2, 4]);
        assert_eq!((sample.quantile(0), sample.median(), sample.max()), (1, 3, 5));
        assert_eq!((sample.quantile(99), sample.quantile(20), sample.mean()), (5, 1, 3));
        assert_eq!((Sample::default().median(), Sample::default().mean()), (0, 0));
        assert_eq!(Sample::of([7]).quantile(1), 7);
    }

    #[test]
    fn millis_keep_their_decimals() {
        assert_eq!(format!("{:>12}", Millis(12_034_567)), "   12.034 ms");
    }
}
