//! Cuts: datagrams from some nodes to others that do not pass.

use core::time::Duration;

use super::Rule;
use crate::link::nanos;

/// Stops datagrams from some nodes to others, always or on a schedule.
#[derive(Clone, Debug)]
pub(crate) struct Cut {
    pub(super) rule: Rule,
    from: NodeSet,
    to: NodeSet,
    since: u64,
    /// Time in force and time at rest, alternating, in nanoseconds; `None` for always.
    flapping: Option<(u64, u64)>,
    /// Whether only multicasts are stopped.
    pub(super) multicast: bool,
}

impl Cut {
    pub(crate) fn new(from: &[usize], to: &[usize], since: u64) -> Self {
        let (from, to) = (NodeSet::new(from), NodeSet::new(to));
        Self { rule: Rule(0), from, to, since, flapping: None, multicast: false }
    }

    pub(crate) fn flapping(mut self, on: Duration, off: Duration) -> Self {
        self.flapping = Some((nanos(on), nanos(off)));
        self
    }

    /// Stops multicasts alone.
    pub(crate) fn of_multicast(mut self) -> Self {
        self.multicast = true;
        self
    }

    pub(super) fn stops(&self, now: u64, from: usize, to: usize) -> bool {
        let in_force = self.flapping.is_none_or(|(on, off)| {
            now.saturating_sub(self.since) % on.saturating_add(off).max(1) < on
        });
        in_force && self.from.contains(from) && self.to.contains(to)
    }
}

#[derive(Clone, Debug)]
struct NodeSet(Vec<u64>);

impl NodeSet {
    fn new(nodes: &[usize]) -> Self {
        let words = nodes.iter().max().map_or(0, |most| most / 64 + 1);
        let mut bits = vec![0; words];
        for node in nodes {
            bits[node / 64] |= 1 << (node % 64);
        }
        Self(bits)
    }

    fn contains(&self, node: usize) -> bool {
        self.0.get(node / 64).is_some_and(|word| word >> (node % 64) & 1 == 1)
    }
}
