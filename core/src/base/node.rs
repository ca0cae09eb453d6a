//! What a node is: its address, and its life.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use core::time::Duration;

/// A node's identity: the socket address that it advertises, IPv4 or IPv6.
///
/// An IPv4 address and the IPv4-mapped IPv6 address of the same host are one identity. The scope
/// and flow label of an IPv6 address are not part of it. Ordered by address, then port; IPv4
/// addresses order among themselves as numbers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId {
    ip: [u8; 16],
    port: [u8; 2],
}

impl NodeId {
    /// The socket address that the node advertises.
    #[must_use]
    pub fn addr(self) -> SocketAddr {
        SocketAddr::new(self.ip(), self.port())
    }

    /// The address part.
    #[must_use]
    pub fn ip(self) -> IpAddr {
        Ipv6Addr::from(self.ip).to_canonical()
    }

    /// The port part.
    #[must_use]
    pub fn port(self) -> u16 {
        u16::from_be_bytes(self.port)
    }

    /// Whether datagrams can be sent to it as to one node: it has a port, and its address is neither
    /// unspecified nor multicast nor broadcast.
    #[must_use]
    pub fn is_addressable(self) -> bool {
        let ip = self.ip();
        let broadcast = ip == IpAddr::V4(Ipv4Addr::BROADCAST);
        self.port() != 0 && !ip.is_unspecified() && !ip.is_multicast() && !broadcast
    }

    /// Address (IPv4 in its mapped form) and port as bytes, for hashing.
    pub(crate) const fn octets(self) -> ([u8; 16], [u8; 2]) {
        (self.ip, self.port)
    }
}

impl From<SocketAddr> for NodeId {
    fn from(addr: SocketAddr) -> Self {
        let ip = match addr.ip() {
            IpAddr::V4(v4) => v4.to_ipv6_mapped(),
            IpAddr::V6(v6) => v6,
        };
        Self { ip: ip.octets(), port: addr.port().to_be_bytes() }
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.addr(), f)
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.addr(), f)
    }
}

/// One life of a node. What a node said in a lower epoch is void as soon as a higher one is heard.
///
/// Make it with [`Epoch::new`], of the time and of random bits. It must grow from life to life, or
/// others take the node for an earlier life. A node must never use it twice, or two lives share
/// keys and packet numbers. And no two nodes may share it, as a packet is bound to its receiver's
/// epoch and counts at every node that has the same. So neither a counter nor a constant will do,
/// except in tests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(pub u64);

impl Epoch {
    /// The epoch of a life that starts `unix_ms` milliseconds after the Unix epoch.
    ///
    /// The low 22 bits of `random` tell apart two lives that start in the same millisecond.
    #[must_use]
    pub const fn new(unix_ms: u64, random: u32) -> Self {
        Self(unix_ms << 22 | (random & 0x3f_ffff) as u64)
    }

    /// The latest epoch that a node believes while its own clock would give this one: 32 years
    /// later, or 32 years after the beginning of 2026 if the clock is behind that.
    ///
    /// Only a higher epoch refutes a claimed one. Without a horizon one packet could put a node
    /// into the last epoch of all, and nothing that it says would count any more. The horizon moves
    /// on with time, so a claim at the horizon can be topped a moment later. It lies far enough
    /// ahead for clocks that were never set, and for epochs that are counted.
    #[must_use]
    pub const fn horizon(self) -> Self {
        let base = if self.0 > RECENT.0 { self.0 } else { RECENT.0 };
        Self(base.saturating_add(LEAD))
    }

    /// The epoch of a life that begins this much later.
    #[must_use]
    pub(crate) const fn after(self, span: Duration) -> Self {
        Self(self.0.saturating_add((span.as_millis() as u64).saturating_mul(1 << 22)))
    }

    /// The latest epoch whose horizon is not the last epoch of all: early in 2077.
    pub(crate) const LATEST_START: Self = Self(u64::MAX - LEAD);
}

/// The beginning of 2026.
const RECENT: Epoch = Epoch::new(1_767_225_600_000, 0);

/// How far ahead of a node's own clock an epoch may lie: 32 years.
const LEAD: u64 = (32 * 8_766 * 3_600_000) << 22;

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}", self.0)
    }
}

/// A node in one of its lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Life {
    /// The node.
    pub id: NodeId,
    /// Its life.
    pub epoch: Epoch,
}

impl fmt::Display for Life {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.id, self.epoch)
    }
}

/// What a node is known, or believed, to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// It answers, or there is no reason to doubt that it does.
    #[default]
    Alive,
    /// It has left a probe unanswered. Local to this node, and not yet a verdict.
    Suspect,
    /// This node cannot reach it and no verifier could be asked, or few reported. Local to this
    /// node.
    Unreachable,
    /// It was silent to this node or another, and to its verifiers.
    Down,
    /// It said that it leaves.
    Left,
}

impl Status {
    /// Whether members of this status are shown by `members`, `route` and `coverage` under
    /// `DownMembers::Hide`.
    #[must_use]
    pub const fn is_present(self) -> bool {
        matches!(self, Self::Alive | Self::Suspect)
    }
}

/// Why a peer is held off though it lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HoldReason {
    /// It was cut off: nobody answered it.
    Silences {
        /// How often of late.
        times: u8,
    },
    /// It stood still: it was not run.
    Stalls {
        /// How often it was silent of late.
        times: u8,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> NodeId {
        NodeId::from(text.parse::<SocketAddr>().unwrap())
    }

    #[test]
    fn mapped_and_plain_ipv4_are_one_node() {
        assert_eq!(id("[::ffff:10.0.0.2]:5"), id("10.0.0.2:5"));
    }

    #[test]
    fn order_is_numeric() {
        assert!(id("10.0.0.2:5") < id("10.0.0.10:5"));
        assert!(id("10.0.0.2:5") < id("10.0.0.2:10"));
    }

    #[test]
    fn the_horizon_lies_32_years_ahead_and_moves_on() {
        let years = |from: Epoch, to: Epoch| (to.0 - from.0) / ((8_766 * 3_600_000) << 22);
        let now = Epoch::new(1_900_000_000_000, 7);
        assert_eq!(years(now, now.horizon()), 32);
        assert_eq!(
            now.after(Duration::from_secs(9)).horizon(),
            Epoch(now.horizon().0 + (9_000 << 22))
        );
        assert_eq!(Epoch(0).horizon(), RECENT.horizon());
        assert!(Epoch::LATEST_START.horizon() == Epoch(u64::MAX) && RECENT < Epoch::LATEST_START);
    }

    #[test]
    fn epochs_grow_with_time() {
        assert!(Epoch::new(1, 0) > Epoch::new(0, u32::MAX));
    }
}
