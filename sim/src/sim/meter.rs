//! What nodes sent between two moments.

use core::time::Duration;
use std::collections::BTreeMap;

use super::Sim;
use super::protocol::Protocol;
use crate::node::Traffic;
use crate::sample::Sample;

/// What all nodes had sent at one moment.
#[derive(Clone, Debug)]
#[must_use]
pub struct Meter {
    at: u64,
    sent: Vec<Traffic>,
    passed: Passages,
}

/// What has been sent from one zone to another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Passage {
    /// Bytes of UDP payload; of a multicast once for each receiver.
    pub bytes: u64,
    /// Datagrams, as often.
    pub datagrams: u64,
}

/// By the zone that sends and the one that is sent to.
pub(super) type Passages = BTreeMap<(u16, u16), Passage>;

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
        let sent = self.nodes.iter().map(|node| node.traffic).collect();
        Meter { at: self.now, sent, passed: self.passed.clone().unwrap_or_default() }
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

    /// What has been sent from one zone to another since, be it lost on the way; nothing unless
    /// [`Sim::tell_zones_apart`] was called.
    #[must_use]
    pub fn passed(&self, meter: &Meter, from: u16, to: u16) -> Passage {
        let of = |passed: &Passages| passed.get(&(from, to)).copied().unwrap_or_default();
        let (before, now) = (of(&meter.passed), self.passed.as_ref().map(of).unwrap_or_default());
        Passage { bytes: now.bytes - before.bytes, datagrams: now.datagrams - before.datagrams }
    }

    /// Counts from now on what is sent from each zone to each other one.
    pub fn tell_zones_apart(&mut self) {
        self.passed.get_or_insert_default();
    }

    /// A datagram is sent from one node to another.
    pub(super) fn count_passage(&mut self, from: usize, to: usize, bytes: usize) {
        if let Some(passed) = &mut self.passed {
            let (from, to) = (self.network.zone_of(from), self.network.zone_of(to));
            if from != to {
                let passage = passed.entry((from, to)).or_default();
                passage.bytes += bytes as u64;
                passage.datagrams += 1;
            }
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
