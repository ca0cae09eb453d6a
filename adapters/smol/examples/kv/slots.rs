//! Which key lies in which slot, and to which server a slot is due.

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};

use scalesmall_core::{GroupName, KeyRange, NodeId};

/// One of the sixteen equal parts of the key space.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Slot(u32);

const BITS: u32 = 4;

impl Slot {
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        (0..1 << BITS).map(Self)
    }

    /// The slot of a place in the key space.
    pub(crate) const fn of(place: u32) -> Self {
        Self(place >> (u32::BITS - BITS))
    }

    /// The first place in the slot.
    pub(crate) const fn start(self) -> u32 {
        self.0 << (u32::BITS - BITS)
    }

    /// All places in the slot.
    pub(crate) fn range(self) -> KeyRange {
        KeyRange::new(self.start(), self.start() | (u32::MAX >> BITS)).expect("it rises")
    }

    /// The server that the slot is due to. Each slot ranks the servers in an order of its own, so
    /// that one that comes or goes concerns no more slots than its share, and everybody who knows
    /// the same servers names the same one.
    pub(crate) fn due_to(self, servers: impl Iterator<Item = NodeId>) -> Option<NodeId> {
        servers.max_by_key(|server| hash((self.0, server)))
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "slot-{}", self.0)
    }
}

/// A key's place in the key space.
pub(crate) fn place(key: &str) -> u32 {
    (hash(key) >> 32) as u32
}

fn hash(value: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// The group in which servers say what they serve.
pub(crate) fn group() -> GroupName {
    GroupName::try_from("kv").expect("it has 1 to 255 bytes")
}
