//! How matters stood at a moment, and what was done at another: what pictures are drawn from.

/// How matters stood at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moment {
    /// When, in nanoseconds.
    pub at: u64,
    /// Pairs of nodes that are not seen as they ought to be.
    pub wrong_pairs: u64,
    /// Different pictures among the live nodes.
    pub pictures: usize,
    /// Bytes sent by all nodes so far.
    pub bytes: u64,
    /// Nodes that are up.
    pub live: usize,
    /// How each node was seen.
    pub seen: Vec<Seen>,
}

/// How a node is seen by the others, and what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Seen {
    /// It runs, and all see it.
    ByAll,
    /// It runs, and some see it.
    BySome,
    /// It runs, and nobody sees it.
    ByNone,
    /// It is up, but stands still or is starved; some see it.
    Still,
    /// It does not run or has said goodbye, and some see it all the same.
    GoneBySome,
    /// It does not run or has said goodbye, and nobody sees it.
    Gone,
}

impl Seen {
    /// Whether it is as it ought to be.
    #[must_use]
    pub const fn is_right(self) -> bool {
        matches!(self, Self::ByAll | Self::Gone)
    }
}

/// Something that was done, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// When, in nanoseconds.
    pub at: u64,
    /// What.
    pub what: String,
}
