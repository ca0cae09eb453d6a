//! What must never happen, and how it is told when it does.

use core::fmt;
use core::net::SocketAddr;
use core::time::Duration;

use scalesmall_core::{Instant, Status};

use crate::trace::Entry;

/// Which rule was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Broken {
    /// A datagram is larger than the node's configuration allows.
    DatagramTooLarge {
        /// Its bytes of UDP payload.
        len: usize,
        /// The limit.
        limit: usize,
    },
    /// After all output was taken, the deadline did not lie ahead.
    DeadlineNotAhead {
        /// The deadline, by the node's clock.
        deadline: Instant,
        /// What the node's clock showed.
        now: Instant,
    },
    /// One input made a node send without end.
    Runaway {
        /// How many datagrams had been taken.
        datagrams: u32,
    },
    /// A node that was up was called down, where nothing gave reason to.
    FalseDown {
        /// The node.
        about: usize,
    },
    /// What a node's events add up to is not what its queries answer.
    ReplayDiffers {
        /// The peer.
        peer: SocketAddr,
        /// What the events say.
        events: Option<Status>,
        /// What the queries say.
        queries: Option<Status>,
    },
    /// What was waited for did not come about.
    NotReached {
        /// How long it was waited for.
        limit: Duration,
    },
    /// A rule of the scenario.
    Rule(String),
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DatagramTooLarge { len, limit } => {
                write!(f, "a datagram of {len} bytes, though at most {limit} are allowed")
            }
            Self::DeadlineNotAhead { deadline, now } => {
                write!(f, "all output is taken, but the deadline {deadline} is not after {now}")
            }
            Self::Runaway { datagrams } => {
                write!(f, "{datagrams} datagrams for one input, and no end of it")
            }
            Self::FalseDown { about } => {
                write!(f, "node {about} is called down, though it runs and nothing is wrong")
            }
            Self::ReplayDiffers { peer, events, queries } => {
                write!(f, "of {peer} the events say {events:?}, the queries {queries:?}")
            }
            Self::NotReached { limit } => {
                write!(f, "not reached within {limit:?}")
            }
            Self::Rule(rule) => f.write_str(rule),
        }
    }
}

/// A broken rule, with all that is needed to see it again.
#[derive(Clone, PartialEq, Eq)]
pub struct Failure {
    /// Which rule.
    pub broken: Broken,
    /// The seed of the run.
    pub seed: u64,
    /// When, in the simulation's time.
    pub at: Instant,
    /// The nodes concerned; none if it is about all.
    pub nodes: Vec<usize>,
    /// What the run was set up with, by name.
    pub parameters: Vec<(String, String)>,
    /// How matters stood: pairs that disagree, pictures that differ.
    pub state: String,
    /// The last things that happened to the nodes concerned.
    pub records: Vec<Entry>,
    /// The line that runs it again.
    pub rerun: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "broken at {} with seed {}: {}", self.at, self.seed, self.broken)?;
        if !self.nodes.is_empty() {
            writeln!(f, "  nodes      {:?}", self.nodes)?;
        }
        for (name, value) in &self.parameters {
            writeln!(f, "  {name:<10} {value}")?;
        }
        writeln!(f, "  state      {}", self.state)?;
        for record in &self.records {
            writeln!(f, "  {record}")?;
        }
        write!(f, "again: {}", self.rerun)
    }
}

impl fmt::Debug for Failure {
    /// The same as for display, so that a test which unwraps shows what a person wants to read.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\n{self}")
    }
}

impl core::error::Error for Failure {}

/// What a node said about another that matters to a judgement of detection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// When, in nanoseconds.
    pub at: u64,
    /// Which node said it.
    pub by: usize,
    /// About which.
    pub about: usize,
    /// What it is said to be. `Alive` is reported only if it was down, left or unreachable.
    pub status: Option<Status>,
    /// What it was in truth.
    pub truth: crate::Condition,
}

impl Report {
    /// Whether it calls a node down that is up.
    #[must_use]
    pub fn is_false_down(&self) -> bool {
        self.status == Some(Status::Down) && self.truth.is_up()
    }
}
