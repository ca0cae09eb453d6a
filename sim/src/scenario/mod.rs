//! Scenarios: a cluster, a network, and what happens to them, as a value or a TOML file.
//!
//! ```
//! use scalesmall_sim::scenario::Scenario;
//!
//! let scenario: Scenario = r#"
//!     name = "crash"
//!     about = "One of 64 dies: how long until all know?"
//!     [cluster]
//!     nodes = 64
//!     [[steps]]
//!     await = { what = "agreement", within = "5s" }
//!     [[steps]]
//!     crash = { nodes = 1 }
//!     [[steps]]
//!     await = { what = "sight", within = "15s", figure = "crash" }
//!     [[bars]]
//!     figure = "crash"
//!     of = "median"
//!     at_most = "3.5s"
//! "#.parse()?;
//! assert_eq!(scenario.steps.len(), 3);
//! # Ok::<(), scalesmall_sim::scenario::ScenarioError>(())
//! ```

mod figure;
mod play;
mod value;

use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::link::{Delay, Link};
use crate::random::Ratio;
use crate::verbs::CatchUp;

pub use figure::{Bar, Figure, Figures, Limit, Score, Statistic, Unit};
pub use play::{Mark, Moment, Options, Played, play};
pub use value::{Chance, Span};

/// A cluster, a network, and what happens to them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// What it is called.
    pub name: String,
    /// What it asks.
    #[serde(default)]
    pub about: String,
    /// With how many seeds it is run unless told otherwise.
    #[serde(default = "ten")]
    pub seeds: u32,
    /// The nodes.
    pub cluster: Cluster,
    /// What happens, one after the other.
    pub steps: Vec<Step>,
    /// What the figures have to reach.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bars: Vec<Bar>,
}

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
        if let Some(bytes) = self.mtu {
            link = link.mtu(bytes);
        }
        if let Some([rate, queue]) = self.bandwidth {
            link = link.bandwidth(rate, queue);
        }
        link
    }
}

/// One thing that happens.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Step {
    /// Time passes.
    Run(Span),
    /// Time passes until something is so.
    Await(Await),
    /// Hosts vanish.
    Crash(Whom),
    /// Processes end; their hosts refuse what is sent to them.
    Kill(Whom),
    /// Nodes start in a new life.
    Restart(Whom),
    /// Nodes say goodbye.
    Depart(Whom),
    /// Nodes stand still.
    Pause(Whom),
    /// Nodes' input and output is held.
    Starve(Whom),
    /// Nodes that stood still go on.
    Resume(Resume),
    /// Many nodes stand still for random times.
    Pauses(Pauses),
    /// Some nodes are cut off from all others, both ways.
    Split(Whom),
    /// The others do not hear some nodes any more.
    Mute(Whom),
    /// Some nodes do not hear the others any more.
    Deafen(Whom),
    /// Some nodes do not hear the others for a time, again and again.
    Flap(Flap),
    /// Some nodes lose datagrams.
    Lossy(Lossy),
    /// All cuts end, and the losses of single nodes.
    Heal(Nothing),
    /// The link between all nodes becomes another one, between zones as well.
    Relink(Path),
    /// Nodes' clocks run fast or slow: a factor such as "101/100".
    Skew(Skew),
    /// Nodes' wall clocks are set; their next lives get their epochs from them.
    WallClock(WallClock),
    /// Each of some nodes serves a range of its own, numbered.
    Serve(Serve),
    /// Each of some nodes serves a numbered range no longer.
    Withdraw(Serve),
    /// One node after the other serves another range, so many a second in all.
    Churn(Churn),
    /// What is sent is counted from here on.
    Meter(Nothing),
    /// What was sent since becomes figures.
    Usage(Usage),
    /// The reports since the last count become a figure.
    Count(Count),
    /// From here on it is a failure to call a node down that is up.
    ForbidFalseDown(Nothing),
    /// From here on it is not.
    AllowFalseDown(Nothing),
    /// Steps that are repeated.
    Repeat(Repeat),
}

/// A step that takes no more words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

/// What is waited for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Await {
    /// What is to be so.
    pub what: Goal,
    /// How long at most; it is a failure if it takes longer.
    pub within: Span,
    /// Under which name the time since the last step that was no waiting is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub figure: Option<String>,
}

/// What can be waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Goal {
    /// All live nodes see each other and nobody else.
    Sight,
    /// And they have equal digests.
    Agreement,
    /// All live nodes show the ranges that were served last, and those withdrawn no more; the
    /// figure gets the time of each node.
    Shown,
    /// The nodes picked last see each other alone, and so do the others.
    Split,
}

/// Which nodes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Whom {
    /// So many, at random among those in question.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nodes: Option<usize>,
    /// So many per cent of all, at random.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub percent: Option<usize>,
    /// These. Without any of the three: those picked last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub these: Option<Vec<usize>>,
}

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
    /// How many in all.
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
    pub out: Chance,
    /// The chance, for what is sent to them.
    pub into: Chance,
}

/// Clocks that run fast or slow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Skew {
    /// How many nodes, at random.
    pub nodes: usize,
    /// How fast.
    pub rate: Chance,
}

/// Wall clocks that are wrong.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WallClock {
    /// How far behind the truth, of the nodes picked last.
    pub behind: Span,
}

/// Ranges that are served.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Serve {
    /// How many nodes, at random; all that are live if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nodes: Option<usize>,
    /// Which of their ranges; each node has 1,000 of its own.
    #[serde(default)]
    pub range: u32,
    /// The calls are spread over this span.
    #[serde(default)]
    pub over: Span,
}

/// A steady stream of changes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Churn {
    /// Changes a second in the whole cluster.
    pub per_second: u32,
    /// For how long.
    pub lasts: Span,
}

/// What was sent, as figures.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Usage {
    /// The figures are called this, and ` rate`, ` bytes`, ` datagrams`, ` peak`, ` largest`.
    pub figure: String,
    /// Whether to take off what the same seed sends when no ranges are served or withdrawn.
    #[serde(default)]
    pub extra: bool,
}

/// What nodes said of others, as a figure.
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
    /// Nodes that were up when anyone called them down.
    FalseSubjects,
    /// Reports of nodes down that were up.
    FalseReports,
    /// Nodes not picked last that a node not picked last called down.
    HealthyOut,
    /// How often, at most, one node not picked took one that was picked back.
    Readmissions,
    /// How often, at most, one node not picked changed its mind about one that was picked.
    Transitions,
}

/// Steps that are repeated.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Repeat {
    /// How often.
    pub times: u32,
    /// What.
    pub steps: Vec<Step>,
}

/// Why a file is no scenario: where, and what was expected there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScenarioError(String);

impl fmt::Display for ScenarioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.trim_end())
    }
}

impl core::error::Error for ScenarioError {}

impl FromStr for Scenario {
    type Err = ScenarioError;

    fn from_str(text: &str) -> Result<Self, ScenarioError> {
        let scenario: Self =
            toml::from_str(text).map_err(|error| ScenarioError(error.to_string()))?;
        scenario.check()?;
        Ok(scenario)
    }
}

impl Scenario {
    fn check(&self) -> Result<(), ScenarioError> {
        let wrong = |text: &str| Err(ScenarioError(format!("scenario {}: {text}", self.name)));
        if !(1..=1_000_000).contains(&self.cluster.nodes) {
            return wrong("cluster.nodes must be 1 to 1000000");
        }
        if self.cluster.asleep > self.cluster.nodes {
            return wrong("cluster.asleep cannot be more than cluster.nodes");
        }
        if self.cluster.zones > 1 && self.cluster.between.is_none() {
            return wrong("several zones need links: describe them in [cluster.between]");
        }
        let mut figures = Vec::new();
        collect_figures(&self.steps, &mut figures);
        for bar in &self.bars {
            if !figures.iter().any(|figure| bar.figure.starts_with(figure.as_str())) {
                return wrong(&format!("no step makes the figure \"{}\" of a bar", bar.figure));
            }
        }
        Ok(())
    }

    /// The scenario as a file.
    #[must_use]
    pub fn to_toml(&self) -> String {
        toml::to_string(self).unwrap_or_else(|error| format!("# {error}\n"))
    }
}

fn collect_figures(steps: &[Step], figures: &mut Vec<String>) {
    for step in steps {
        match step {
            Step::Await(Await { figure: Some(figure), .. })
            | Step::Usage(Usage { figure, .. })
            | Step::Count(Count { figure, .. }) => figures.push(figure.clone()),
            Step::Repeat(repeat) => collect_figures(&repeat.steps, figures),
            _ => {}
        }
    }
}

const fn ten() -> u32 {
    10
}

const fn one() -> u16 {
    1
}

const fn a_tenth_of_a_second() -> Span {
    Span(core::time::Duration::from_millis(100))
}
