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
    /// Datagrams put on links so far, each receiver of a multicast counted.
    pub sent: u64,
    /// Datagrams handed to nodes so far.
    pub delivered: u64,
    /// Nodes that are up.
    pub live: usize,
    /// How each node was seen.
    pub seen: Vec<Seen>,
}

impl Moment {
    /// Shows the worst of itself and a later moment.
    pub(crate) fn join(&mut self, later: &Self) {
        self.wrong_pairs = self.wrong_pairs.max(later.wrong_pairs);
        self.pictures = self.pictures.max(later.pictures);
        self.live = self.live.min(later.live);
        for (seen, other) in self.seen.iter_mut().zip(&later.seen) {
            if other.weight() > seen.weight() {
                *seen = *other;
            }
        }
    }
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
    /// Which of two stays if there is room for one: what is wrong goes before what is right, and what is
    /// rare before what is usual.
    pub(crate) const fn weight(self) -> u8 {
        match self {
            Self::ByAll => 0,
            Self::Gone => 1,
            Self::Still => 2,
            Self::BySome => 3,
            Self::GoneBySome => 4,
            Self::ByNone => 5,
        }
    }

    /// What the node is, whatever others see: it runs, stands still, or does not run.
    pub(crate) const fn alone(self) -> Self {
        match self {
            Self::ByAll | Self::BySome | Self::ByNone => Self::ByAll,
            Self::Still => Self::Still,
            Self::GoneBySome | Self::Gone => Self::Gone,
        }
    }

    /// Whether it is as it ought to be.
    #[must_use]
    pub const fn is_right(self) -> bool {
        matches!(self, Self::ByAll | Self::Gone)
    }
}

/// Values of one thing over time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Series {
    /// What it is called.
    pub name: String,
    /// Nanoseconds and values. Of many every other one is forgotten, again and again, so that there are
    /// never more than 8,192; of two the greater value stays.
    pub points: Vec<(u64, u64)>,
    /// How many values one that is kept stands for, and how many of the next have come.
    stands_for: usize,
    pending: usize,
}

impl Series {
    pub(crate) const fn new(name: String) -> Self {
        Self { name, points: Vec::new(), stands_for: 1, pending: 0 }
    }

    pub(crate) fn push(&mut self, at: u64, value: u64) {
        match self.points.last_mut() {
            Some(last) if self.pending > 0 => last.1 = last.1.max(value),
            _ => self.points.push((at, value)),
        }
        self.pending = (self.pending + 1) % self.stands_for;
        if self.points.len() > MOST_POINTS && self.pending == 0 {
            let pairs = self.points.chunks(2);
            self.points = pairs
                .map(|pair| (pair[0].0, pair.iter().map(|point| point.1).max().unwrap_or(0)))
                .collect();
            self.stands_for *= 2;
        }
    }
}

/// The most points of a series.
const MOST_POINTS: usize = 8_191;

/// Something that was done, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// When, in nanoseconds.
    pub at: u64,
    /// What, in a word or two.
    pub what: String,
    /// To whom, to how many of them, and how; empty if there is nothing to say.
    pub whom: String,
}
