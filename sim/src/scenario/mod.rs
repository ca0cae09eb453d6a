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
//!
//! # Map
//!
//! | layer | module | what it is for |
//! |---|---|---|
//! | uses | `check` | whether the parts of a scenario fit together, and what to do if they do not |
//! | | `grid` | one scenario at many points |
//! | | `play` | playing a scenario: what each step does, waits for and measures |
//! | spans | `estimate` | how long a scenario takes, and how much memory |
//! | parts | `cluster` | the nodes, and the links between them |
//! | | `step` | what can happen, and which figures it makes |
//! | words | `figure` | what scenarios measure, and what it has to reach |
//! | | `path` | a link |
//! | | `reader` | what the reader of files refuses, told with what to do |
//! | | `settings` | settings of the engines |
//! | ground | `amount` | bytes, and bytes per second |
//! | | `files` | the page on scenario files |
//! | | `nodes` | nodes by number, and zones by name |
//! | | `place` | where something stands in a file |
//! | | `seed` | a seed |
//! | | `statistic` | the statistics of a figure |
//! | | `value` | spans of time and chances |

mod amount;
mod check;
mod cluster;
mod estimate;
mod figure;
pub mod files;
mod grid;
mod nodes;
mod path;
mod place;
mod play;
mod reader;
mod seed;
mod settings;
mod statistic;
mod step;
mod value;

use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Serialize};

pub use amount::{Size, Speed};
pub use cluster::{Cluster, Home, Others, Route, Seeds, Shards, Zone};
pub use figure::{Bar, Delays, Figure, Figures, Limit, Medians, Score, Unit};
pub use grid::Grid;
pub use nodes::{Nodes, ZoneName};
pub use path::Path;
pub use play::{Options, Played, play, recovers_within};
pub use settings::{Preset, Settings};
pub use statistic::Statistic;
use step::walk;
pub use step::{
    At, Await, Betray, Between, Churn, Close, Copies, Count, Counted, Direction, Flap, Goal, Jump,
    Lossy, Narrow, Nothing, Parts, Pauses, Readdress, Recover, RelinkZone, Repeat, Resume, Send,
    Serve, Skew, Slow, Stall, Stalls, Step, Still, Tell, Timeline, To, Usage, WallClock, Way, Whom,
};
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
    /// The first seed that it is run with.
    #[serde(default = "one", skip_serializing_if = "is_one", with = "seed")]
    pub seed: u64,
    /// With how many seeds it is run unless told otherwise.
    #[serde(default = "ten")]
    pub seeds: u32,
    /// Keys, such as `"cluster.nodes"`, with values: it is played at each combination of them, and
    /// bars are to be met at each.
    #[serde(default, skip_serializing_if = "Grid::is_empty")]
    pub grid: Grid,
    /// The values of one such combination, if it is one.
    #[serde(skip)]
    pub point: Vec<(String, toml::Value)>,
    /// The nodes.
    pub cluster: Cluster,
    /// Settings with which the same seeds are played as well, to compare; what they come to are the
    /// figures called `baseline: ` and the figure's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<Settings>,
    /// What happens, one after the other.
    pub steps: Vec<Step>,
    /// What the figures have to reach.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bars: Vec<Bar>,
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
            toml::from_str(text).map_err(|error| ScenarioError(reader::told(&error)))?;
        match scenario.wrong() {
            None => Ok(scenario),
            Some(wrong) => Err(ScenarioError(wrong.in_text(text))),
        }
    }
}

impl Scenario {
    /// The scenario that a table describes, as it stands: [`Scenario::check`] tells whether its parts
    /// fit together.
    ///
    /// # Errors
    ///
    /// The first entry that cannot be one of a scenario.
    pub fn from_table(table: toml::Table) -> Result<Self, ScenarioError> {
        table.try_into().map_err(|error| ScenarioError(reader::told(&error)))
    }

    /// Whether a figure is named by a step, not derived from one that is.
    pub(crate) fn is_main_figure(&self, name: &str) -> bool {
        let mut is_main = false;
        walk(&self.steps, &mut |step| {
            is_main |= match step {
                Step::Await(Await { figure: Some(figure), .. })
                | Step::Count(Count { figure, .. }) => figure == name,
                _ => false,
            };
        });
        is_main
    }

    /// The scenario as a file.
    #[must_use]
    pub fn to_toml(&self) -> String {
        toml::to_string(self).unwrap_or_else(|error| format!("# {error}\n"))
    }
}

const fn ten() -> u32 {
    10
}

const fn one() -> u64 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the reader hands over a reference")]
const fn is_one(seed: &u64) -> bool {
    *seed == 1
}
