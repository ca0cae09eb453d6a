//! Nodes by number.

/// A node's index in the roster. Stays the same until the node is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Ix(u32);

impl Ix {
    /// The node itself.
    pub(crate) const ME: Self = Self(0);

    /// The position in vectors that run parallel to the roster.
    pub(crate) const fn index(self) -> usize {
        self.0 as usize
    }

    /// As it is kept in tables.
    pub(crate) const fn raw(self) -> u32 {
        self.0
    }

    /// Back from how it is kept in tables.
    pub(crate) const fn from_raw(raw: u32) -> Self {
        Self(raw)
    }
}
