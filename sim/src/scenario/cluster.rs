//! The nodes of a scenario, and the links between them.

use serde::{Deserialize, Serialize};

use super::{Chance, Span};
use crate::link::{Delay, Link};
use crate::random::Ratio;

/// The nodes, and the links between them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cluster {
    /// How many.
    pub nodes: usize,
    /// Which preset of the configuration.
    #[serde(default)]
    pub preset: Preset,
    /// All start at random times within this span.
    #[serde(default = "a_tenth_of_a_second")]
    pub start_within: Span,
    /// Whom they know when they start.
    #[serde(default)]
    pub seeds: Seeds,
    /// In how many multicast segments they are, in turn; 0 for no multicast.
    #[serde(default)]
    pub segments: u16,
    /// In how many zones they are, in turn.
    #[serde(default = "one")]
    pub zones: u16,
    /// Whether their addresses are of the sixth version.
    #[serde(default)]
    pub ipv6: bool,
    /// How long members keep what says that something was removed; as in the preset if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tombstone_ttl: Option<Span>,
    /// What all nodes do wrong on purpose.
    #[cfg(feature = "mutants")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mutant: Option<String>,
    /// The last so many are not started, until a step does.
    #[serde(default)]
    pub asleep: usize,
    /// The links between nodes, of one zone if there are several.
    #[serde(default)]
    pub link: Path,
    /// The links between zones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub between: Option<Path>,
}

/// A preset of the engine's configuration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Preset {
    /// `Config::lan`.
    #[default]
    Lan,
    /// `Config::wan`.
    Wan,
    /// `Config::local`.
    Local,
}

/// Whom nodes know when they start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Seeds {
    /// All know node 0.
    #[default]
    First,
    /// Each knows the one before it.
    Chain,
    /// All know the first three.
    Three,
    /// Nobody knows anybody.
    None,
}

/// A link, as a file describes it. What is left out is as in [`Link::lan`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Path {
    /// Least and most delay, as likely.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delay: Option<[Span; 2]>,
    /// Median of a log-normal delay; in place of `delay`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub median: Option<Span>,
    /// Its standard deviation, in doublings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub octaves: Option<Chance>,
    /// Chance that a datagram is lost.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loss: Option<Chance>,
    /// Losses in bursts: the chances to enter and to leave one, and of a loss within.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bursts: Option<[Chance; 3]>,
    /// Chance that a datagram arrives twice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duplicate: Option<Chance>,
    /// Chance that a datagram is held back for up to 20 ms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reorder: Option<Chance>,
    /// Chance that bits flip.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub corrupt: Option<Chance>,
    /// Chance that somebody captures a datagram, and sends it again within half a minute.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replay: Option<Chance>,
    /// Largest datagram, in bytes of UDP payload.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mtu: Option<usize>,
    /// Bytes per second, and bytes that may wait.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bandwidth: Option<[u64; 2]>,
}

impl Path {
    /// The link that is described.
    #[must_use]
    pub fn link(&self) -> Link {
        let mut link = Link::lan();
        if let Some([least, most]) = self.delay {
            link = link.delay(Delay::Uniform(least.0, most.0));
        }
        if let Some(median) = self.median {
            let octaves = self.octaves.map_or(Ratio(1, 3), |octaves| octaves.0);
            link = link.delay(Delay::LogNormal { median: median.0, octaves });
        }
        if let Some(loss) = self.loss {
            link = link.loss(loss.0);
        }
        if let Some([enter, exit, loss]) = self.bursts {
            link = link.burst_loss(enter.0, exit.0, loss.0);
        }
        if let Some(chance) = self.duplicate {
            link = link.duplicate(chance.0);
        }
        if let Some(chance) = self.reorder {
            link = link.reorder(chance.0, core::time::Duration::from_millis(20));
        }
        if let Some(chance) = self.corrupt {
            link = link.corrupt(chance.0);
        }
        if let Some(chance) = self.replay {
            link = link.replayed(chance.0, core::time::Duration::from_secs(30));
        }
        if let Some(bytes) = self.mtu {
            link = link.mtu(bytes);
        }
        if let Some([rate, queue]) = self.bandwidth {
            link = link.bandwidth(rate, queue);
        }
        link
    }
}

const fn one() -> u16 {
    1
}

const fn a_tenth_of_a_second() -> Span {
    Span(core::time::Duration::from_millis(100))
}
