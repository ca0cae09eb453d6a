//! What becomes figures.

use serde::{Deserialize, Serialize};

use crate::scenario::figure::Unit;
use crate::scenario::nodes::ZoneName;

/// What was sent, as figures.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Usage {
    /// The figures are called this and ` rate`, ` bytes`, ` datagrams` (each of a node in the mean),
    /// ` peak` (of the node that sends most in a tenth of a second), ` largest`, ` pair` (twice the
    /// mean datagram), ` multicasts in all` and ` unicasts in all`.
    pub figure: String,
    /// Only what passes between two zones, both ways and in all: the figures are ` rate`, ` bytes` and
    /// ` datagrams`. A multicast counts once for each receiver, and what is lost counts too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub between: Option<[ZoneName; 2]>,
    /// Whether to take off what the same seed sends when no ranges are served or withdrawn.
    #[serde(default)]
    pub extra: bool,
    /// Whether to tell apart what spreads a change. A datagram with a branch of the broadcast tree
    /// in it, or with nothing but acknowledgements, is the change itself; all others, probes and
    /// repairs among them, are what goes beyond. The figures are called ` beyond` (a rate) and
    /// ` each`, the bytes of a node for one change of a `churn`.
    #[serde(default)]
    pub apart: bool,
    /// Whether to count what wakes a node: datagrams that it takes, and its own deadlines. The figures
    /// are called ` received` and ` timer calls`, each of a node in the mean in 1,000 s.
    #[serde(default)]
    pub woken: bool,
}

/// What nodes said of others, as a figure.
///
/// A node that is up and has not said goodbye is *hidden* from another one that shows it as down or
/// unreachable.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Count {
    /// What is counted.
    pub what: Counted,
    /// Under which name.
    pub figure: String,
}

/// What can be counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Counted {
    /// Nodes that were up when anyone called them down, each once.
    FalseSubjects,
    /// Reports of nodes down that were up.
    FalseReports,
    /// Nodes that were up when anyone called them down or unreachable, each once.
    HiddenSubjects,
    /// Reports of nodes down or unreachable that were up.
    HiddenReports,
    /// Pairs of a node and another that it called down or unreachable while that was up, each once.
    HiddenPairs,
    /// The same, of pairs of which neither was picked last.
    HealthyHidden,
    /// For how long nodes that were up were shown as down or unreachable by anyone, of all such nodes
    /// together.
    HiddenTime,
    /// Reports of nodes down that were up and not picked last.
    HealthyCalledDown,
    /// Reports of nodes down that were up, by nodes not picked last about nodes not picked last: one
    /// for each that says so.
    HealthyOut,
    /// How often, at most, one node not picked took one that was picked back.
    Readmissions,
    /// How often, at most, one node not picked changed its mind about one that was picked.
    Transitions,
    /// Packets that live nodes have refused as too old to tell, each since it began its life: of honest
    /// ones there should be none.
    RefusedOld,
    /// Packets that live nodes have refused as of an unknown key, each since it began its life.
    RefusedKey,
    /// Suspicions that live nodes have formed since the row of counts before, each since it began its life.
    Suspicions,
    /// Keys of 10,000 that begin with another node than at the last `note_owners`, at any live node.
    FirstOwnersMoved,
    /// Slots that servers have taken since they were noted, as a share of the least: of those that servers
    /// got which had none, or of those that others had which have none any more.
    SlotsMoved,
    /// For how long a slot was without an owner at most, since they were noted.
    SlotsUnowned,
    /// The most slots of a server, as a share of the mean.
    SlotsLoad,
}

impl Counted {
    /// Whether it is about slots.
    pub(crate) const fn is_of_slots(self) -> bool {
        matches!(self, Self::SlotsMoved | Self::SlotsUnowned | Self::SlotsLoad)
    }

    /// What a figure of it counts.
    pub(crate) const fn unit(self) -> Unit {
        match self {
            Self::HiddenTime | Self::SlotsUnowned => Unit::Nanos,
            Self::SlotsMoved | Self::SlotsLoad => Unit::Share,
            _ => Unit::Count,
        }
    }
}
