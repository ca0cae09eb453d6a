//! What can be done to nodes on purpose: they stand still, are cut off, lose datagrams, have wrong
//! clocks, or lie.

use serde::{Deserialize, Serialize};

use crate::scenario::value::{Chance, Span, possible};
use crate::sim::CatchUp;

/// How nodes go on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resume {
    /// How they catch up.
    pub catch_up: Way,
}

/// How a node catches up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// [`CatchUp::AtOnce`].
    AtOnce,
    /// [`CatchUp::Drain`].
    Drain,
}

impl From<Way> for CatchUp {
    fn from(way: Way) -> Self {
        match way {
            Way::AtOnce => Self::AtOnce,
            Way::Drain => Self::Drain,
        }
    }
}

/// Random pauses.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pauses {
    /// How many in all, 1 to 1,000,000.
    pub count: u32,
    /// How many nodes stand still at once.
    pub at_once: usize,
    /// The shortest and the longest.
    pub span: [Span; 2],
    /// The shortest and the longest time between one batch and the next.
    pub gap: [Span; 2],
    /// How they catch up.
    pub catch_up: Way,
    /// Whether deadlines are served meanwhile.
    #[serde(default)]
    pub starve: bool,
}

/// The same nodes stand still again and again, all at once (Lifeguard's *interval* experiment:
/// Dadgar et al. 2018, section V). Of each list one is taken by the seed, so that as many
/// consecutive seeds as there are combinations meet each of them once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stalls {
    /// How many nodes.
    pub nodes: Vec<usize>,
    /// How long they stand still.
    pub on: Vec<Span>,
    /// How long they run between; with the time that they stand still, 1 ms at least.
    pub off: Vec<Span>,
    /// In which way.
    pub how: Vec<Stall>,
    /// For how long all this goes on; the last stall ends where it would have.
    pub lasts: Span,
}

/// In which way nodes stand still.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stall {
    /// Nothing runs; afterwards [`CatchUp::AtOnce`].
    AtOnce,
    /// Nothing runs; afterwards [`CatchUp::Drain`].
    Drain,
    /// Input and output is held, deadlines are served; afterwards [`CatchUp::AtOnce`].
    Starve,
}

/// Into how many parts a cluster falls.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parts {
    /// How many, 2 at least, as large as each other, at random.
    pub count: usize,
}

/// Two sets of nodes that do not hear each other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Between {
    /// How many per cent of all nodes are in the one set, at random.
    pub percent: usize,
    /// How many per cent of all are in the other.
    pub and: usize,
}

/// A cut that comes and goes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Flap {
    /// How many nodes, at random.
    pub nodes: usize,
    /// How long they do not hear the others.
    pub on: Span,
    /// How long they do.
    pub off: Span,
}

/// Nodes that lose datagrams.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lossy {
    /// How many nodes, at random.
    pub nodes: usize,
    /// The chance, for what they send.
    #[serde(deserialize_with = "possible")]
    pub out: Chance,
    /// The chance, for what is sent to them.
    #[serde(deserialize_with = "possible")]
    pub into: Chance,
}

/// Links that carry no large datagrams: these vanish, and nobody is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Narrow {
    /// Of how many nodes, at random; of all if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nodes: Option<usize>,
    /// The largest datagram that passes, in bytes of UDP payload; if left out, all pass again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mtu: Option<usize>,
}

/// Clocks that run fast or slow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Skew {
    /// How many nodes, at random.
    pub nodes: usize,
    /// How fast, up to 100 times the truth.
    pub rate: Chance,
}

/// Second copies of nodes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Copies {
    /// Of how many nodes, at random among those with a snapshot; of those picked last if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nodes: Option<usize>,
    /// Whether a datagram for the address goes to either by chance, and not to the one that sent last.
    #[serde(default)]
    pub by_chance: bool,
}

/// Clocks that jump.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Jump {
    /// How many nodes, at random.
    pub nodes: usize,
    /// How far.
    pub by: Span,
    /// Whether back, and not forward.
    #[serde(default)]
    pub back: bool,
}

/// Nodes that are slow to take datagrams.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Slow {
    /// How many nodes, at random.
    pub nodes: usize,
    /// The time between two datagrams; none for as fast as they come.
    pub pace: Span,
}

/// Wall clocks that are wrong.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WallClock {
    /// How far behind the truth, of the nodes picked last.
    pub behind: Span,
}

/// One node at random, which runs on as it should, also says what no engine says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Betray {
    /// How many packets it says that in, 1 to 1,000,000.
    pub packets: u32,
    /// How long it waits from one to the next.
    #[serde(default)]
    pub every: Span,
    /// Under which name is kept how long one of the others was hidden from another at most, for how
    /// many thousandths of the time each of them was hidden from the rest, and how many bytes went to
    /// addresses of no node for each byte that was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub figure: Option<String>,
}
