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

mod cluster;
mod fault;
mod figure;
mod gauge;
mod play;
mod recover;
mod step;
mod value;

use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Serialize};

pub use cluster::{Cluster, Path, Preset, Seeds};
pub use figure::{Bar, Figure, Figures, Limit, Score, Statistic, Unit};
pub use play::{Mark, Moment, Options, Played, play};
pub use recover::recovers_within;
pub use step::{
    Await, Churn, Count, Counted, Flap, Goal, Jump, Lossy, Nothing, Pauses, Recover, Repeat,
    Resume, Serve, Sever, Skew, Slow, Step, Tell, Usage, WallClock, Way, Whom,
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
