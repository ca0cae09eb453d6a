//! A link, as a file describes it.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use super::amount::{Size, Speed};
use super::value::{Chance, Span, possible};
use crate::link::{Delay, Link};
use crate::random::Ratio;

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
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "possible")]
    pub loss: Option<Chance>,
    /// Losses in bursts, in place of `loss`: the chances to enter and to leave one, and of a loss
    /// within.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "possible")]
    pub bursts: Option<[Chance; 3]>,
    /// Chance that a datagram arrives twice.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "possible")]
    pub duplicate: Option<Chance>,
    /// Chance that a datagram is held back, so that later ones overtake it.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "possible")]
    pub reorder: Option<Chance>,
    /// For up to how long it is held back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reorder_by: Option<Span>,
    /// Chance that bits flip.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "possible")]
    pub corrupt: Option<Chance>,
    /// Chance that somebody captures a datagram, and sends it again.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "possible")]
    pub replay: Option<Chance>,
    /// Within which time it is sent again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replay_within: Option<Span>,
    /// Largest datagram, in bytes of UDP payload.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mtu: Option<usize>,
    /// What passes in a second, and what may wait.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bandwidth: Option<(Speed, Size)>,
}

impl Path {
    pub(super) fn slowest(&self) -> Duration {
        match (self.delay, self.median) {
            (Some([_, most]), _) => most.0,
            (_, Some(median)) => 4 * median.0,
            _ => Duration::from_millis(2),
        }
    }

    /// What a link is like when nothing fails: how long it takes, and what fits.
    pub(super) fn by_nature(&self) -> Self {
        let (delay, median, octaves, mtu) = (self.delay, self.median, self.octaves, self.mtu);
        Self { delay, median, octaves, mtu, ..Self::default() }
    }

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
            link = link.reorder(chance.0, self.reorder_by.map_or(HELD_BACK, |by| by.0));
        }
        if let Some(chance) = self.corrupt {
            link = link.corrupt(chance.0);
        }
        if let Some(chance) = self.replay {
            link = link.replayed(chance.0, self.replay_within.map_or(REPLAYED, |within| within.0));
        }
        if let Some(bytes) = self.mtu {
            link = link.mtu(bytes);
        }
        if let Some((speed, queue)) = self.bandwidth {
            link = link.bandwidth(speed.0, queue.0);
        }
        link
    }
}

/// For up to how long a datagram is held back, and within which time it is sent again, unless a file
/// says otherwise.
const HELD_BACK: Duration = Duration::from_millis(20);
const REPLAYED: Duration = Duration::from_secs(30);
