//! What can be done to nodes on purpose: they stand still, are cut off, lose datagrams, have wrong
//! clocks, or lie.

use serde::{Deserialize, Serialize};

use super::whom::{Whom, about_nodes, percent};
use crate::addresses::Family;
use crate::scenario::nodes::ZoneName;
use crate::scenario::path::Path;
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
    #[serde(deserialize_with = "whole_percent")]
    pub percent: usize,
    /// How many per cent of all are in the other.
    #[serde(deserialize_with = "whole_percent")]
    pub and: usize,
}

fn whole_percent<'de, D: serde::Deserializer<'de>>(reader: D) -> Result<usize, D::Error> {
    percent(reader).map(Option::unwrap_or_default)
}

/// Datagrams from some nodes to others that do not arrive any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Direction {
    /// Which nodes are not heard any more; they are then those picked last.
    pub from: Whom,
    /// Which do not hear them; at random, of those that are not in `from`.
    pub to: Whom,
    /// Whether neither hears the other.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub both_ways: bool,
    /// Only between addresses of this family.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub family: Option<Family>,
}

/// The links of a zone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RelinkZone {
    /// Which zone.
    pub zone: ZoneName,
    /// Its links to which zone: to another one, or within itself; to all others if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<ZoneName>,
    /// Whether only what leaves the zone takes them, and not what comes back.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub one_way: bool,
    /// What they become.
    pub link: Path,
}

about_nodes! {
    /// A cut that comes and goes.
    pub struct Flap {
        /// How long the nodes do not hear the others.
        pub on: Span,
        /// How long they do.
        pub off: Span,
    }

    /// Nodes that lose datagrams.
    pub struct Lossy {
        /// The chance, for what they send.
        #[serde(deserialize_with = "possible")]
        pub out: Chance,
        /// The chance, for what is sent to them.
        #[serde(deserialize_with = "possible")]
        pub into: Chance,
    }

    /// Links that carry no large datagrams: these vanish, and nobody is told. Those of all nodes if
    /// none are named.
    pub struct Narrow {
        /// The largest datagram that passes, in bytes of UDP payload; if left out, all pass again.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub mtu: Option<usize>,
    }

    /// Nodes that get other addresses.
    pub struct Readdress {
        /// Whether each gets those of the next of these nodes, and not some that nobody has had.
        #[serde(default, skip_serializing_if = "core::ops::Not::not")]
        pub swap: bool,
        /// Of which families, the preferred one first; of the same as until now if it is left out.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        pub addresses: Vec<Family>,
        /// How much later the process of a node that runs notices.
        #[serde(default)]
        pub late: Span,
    }

    /// Addresses that nothing comes to or goes out from any more.
    pub struct Close {
        /// Which of each node's addresses, counted from 0, the preferred one.
        #[serde(default)]
        pub address: usize,
    }

    /// Clocks that run fast or slow.
    pub struct Skew {
        /// How fast, up to 100 times the truth.
        pub rate: Chance,
    }

    /// Second copies of nodes that have a snapshot.
    pub struct Copies {
        /// Whether a datagram for the address goes to either by chance, and not to the one that sent
        /// last.
        #[serde(default)]
        pub by_chance: bool,
    }

    /// Clocks that jump.
    pub struct Jump {
        /// How far.
        pub by: Span,
        /// Whether back, and not forward.
        #[serde(default)]
        pub back: bool,
    }

    /// Nodes that are slow to take datagrams.
    pub struct Slow {
        /// The time between two datagrams; none for as fast as they come.
        pub pace: Span,
    }

    /// Wall clocks that are wrong.
    pub struct WallClock {
        /// How far behind the truth.
        pub behind: Span,
    }
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
    /// Under which name is kept how long one of the others was hidden from another at most, for which
    /// share of the time each of them was hidden from the rest, and how many bytes went to
    /// addresses of no node for each byte that was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub figure: Option<String>,
}
