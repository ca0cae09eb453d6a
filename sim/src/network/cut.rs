//! Cuts: datagrams from some nodes to others that do not pass.

use core::net::SocketAddr;
use core::time::Duration;

use super::{Packet, Rule};
use crate::addresses::Family;
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
    /// Which addresses it is about, if not all.
    addresses: About,
}

/// Which addresses a cut is about.
#[derive(Clone, Debug)]
enum About {
    All,
    /// Those of a family.
    Family(Family),
    /// These.
    These(Vec<SocketAddr>),
}

impl Cut {
    pub(crate) fn new(from: &[usize], to: &[usize], since: u64) -> Self {
        let (from, to) = (NodeSet::new(from), NodeSet::new(to));
        Self {
            rule: Rule(0),
            from,
            to,
            since,
            flapping: None,
            multicast: false,
            addresses: About::All,
        }
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

    /// Stops what goes from and to addresses of a family alone.
    pub(crate) fn of_family(mut self, family: Family) -> Self {
        self.addresses = About::Family(family);
        self
    }

    /// Stops what comes from some addresses or goes to them alone.
    pub(crate) fn of_addresses(mut self, addresses: &[SocketAddr]) -> Self {
        self.addresses = About::These(addresses.to_vec());
        self
    }

    /// Whether it is about all addresses.
    pub(super) const fn is_whole(&self) -> bool {
        matches!(self.addresses, About::All)
    }

    /// Whether it is about what goes from one address to another.
    pub(super) fn concerns(&self, source: SocketAddr, target: SocketAddr) -> bool {
        match &self.addresses {
            About::All => true,
            About::Family(family) => Family::of(target) == *family,
            About::These(these) => these.contains(&source) || these.contains(&target),
        }
    }

    pub(super) fn stops_packet(&self, packet: &Packet<'_>) -> bool {
        self.concerns(packet.source, packet.target)
            && (packet.multicast || !self.multicast)
            && self.stops(packet.at, packet.from, packet.to)
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
