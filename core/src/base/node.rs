//! What a node is: its identity, and its life.

use core::fmt;
use core::str::FromStr;
use core::time::Duration;

/// A node's identity: the first 8 bytes of a hash of the cluster's name and the node's name.
///
/// It stays the same from life to life and whatever address the node has. Records, ranks and the
/// ring depend on it alone. [`ClusterName::node`](crate::seal::ClusterName::node) computes it, and
/// [`Engine::name`](crate::Engine::name) returns the name of an identity that is known.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId([u8; 8]);

impl NodeId {
    /// The bytes of an identity.
    pub(crate) const LEN: usize = 8;

    /// An identity from its bytes, big-endian: as it stands in a packet.
    #[must_use]
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits.to_be_bytes())
    }

    /// Its bytes as a number, big-endian. Identities order like these.
    #[must_use]
    pub const fn to_bits(self) -> u64 {
        u64::from_be_bytes(self.0)
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.to_bits())
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for NodeId {
    type Err = NodeIdError;

    /// Reads what `Display` writes: 16 hexadecimal digits.
    fn from_str(text: &str) -> Result<Self, NodeIdError> {
        let digits = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let bits = digits.then(|| u64::from_str_radix(text, 16).ok()).flatten();
        bits.map(Self::from_bits).ok_or(NodeIdError)
    }
}

/// A text that is no node's identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeIdError;

impl fmt::Display for NodeIdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a node's identity has 16 hexadecimal digits")
    }
}

impl core::error::Error for NodeIdError {}

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
#[non_exhaustive]
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

    /// The term for it: `alive`, `suspect`, `unreachable`, `down` or `left`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Alive => "alive",
            Self::Suspect => "suspect",
            Self::Unreachable => "unreachable",
            Self::Down => "down",
            Self::Left => "left",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why a peer is held off though it lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HoldReason {
    /// It was cut off: nobody answered it.
    Silences {
        /// How often that happened recently.
        times: u8,
    },
    /// It stood still: it was not run.
    Stalls {
        /// How often it was silent recently, for whatever reason.
        times: u8,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_is_read_as_it_is_written() {
        let id = NodeId::from_bits(0x00ab_cdef_0123_4567);
        assert_eq!(alloc::format!("{id}"), "00abcdef01234567");
        assert_eq!("00abcdef01234567".parse(), Ok(id));
        for wrong in ["", "ab", "00abcdef0123456g", "+0abcdef01234567", "00abcdef012345678"] {
            assert_eq!(wrong.parse::<NodeId>(), Err(NodeIdError));
        }
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
