//! Nodes by number.

/// A node's place in the roster: an index and a generation.
///
/// When a node is removed, its index may be given to another, which then gets the next generation.
/// So an `Ix` that was kept for too long equals that of no other node, until 256 nodes have had the
/// place. The index fills the high bits: nodes that are known sort by index alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Ix(u32);

const GENERATION_BITS: u32 = 8;

impl Ix {
    /// The node itself.
    pub(crate) const ME: Self = Self(0);

    /// How many nodes can be told apart.
    pub(crate) const COUNT: usize = 1 << (u32::BITS - GENERATION_BITS);

    /// The node of this generation at an index below [`Ix::COUNT`].
    pub(crate) const fn new(index: u32, generation: u8) -> Self {
        Self(index << GENERATION_BITS | generation as u32)
    }

    /// The first node at an index.
    #[cfg(test)]
    pub(crate) const fn of(index: u32) -> Self {
        Self::new(index, 0)
    }

    /// The position in vectors that run parallel to the roster.
    pub(crate) const fn index(self) -> usize {
        (self.0 >> GENERATION_BITS) as usize
    }

    /// Tells those apart that have had the index one after the other.
    pub(crate) const fn generation(self) -> u8 {
        self.0 as u8
    }

    /// Both, as they are kept in tables.
    pub(crate) const fn raw(self) -> u32 {
        self.0
    }

    /// Back from how it is kept in tables.
    pub(crate) const fn from_raw(raw: u32) -> Self {
        Self(raw)
    }
}
