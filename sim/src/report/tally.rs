//! What the page of results needs of runs, wherever they were played.

use serde::{Deserialize, Serialize};

use crate::checks::Checks;
use crate::scenario::{Figures, Played, Scenario, Score};

/// What a run came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outcome {
    /// Its seed.
    pub seed: u64,
    /// Its trace hash.
    pub hash: u64,
    /// What it measured.
    pub figures: Figures,
    /// Bytes per second and node, from beginning to end.
    pub rate: u64,
    /// Reports of nodes down or unreachable that were up, from beginning to end.
    pub hidden_reports: u64,
    /// What broke, if anything did.
    pub failure: Option<String>,
    /// How much was checked.
    #[serde(default)]
    pub checks: Checks,
}

impl From<&Played> for Outcome {
    fn from(run: &Played) -> Self {
        Self {
            seed: run.seed,
            hash: run.hash,
            figures: run.figures.clone(),
            rate: run.rate,
            hidden_reports: run.hidden_reports,
            failure: run.failure.as_ref().map(|failure| failure.summary()),
            checks: run.checks,
        }
    }
}

/// What the runs of a scenario came to, at one point of its grid if it has one.
#[derive(Clone, Debug)]
pub struct Tally {
    /// The scenario.
    pub scenario: Scenario,
    /// Its runs, by seed.
    pub runs: Vec<Outcome>,
}

impl Tally {
    /// The figures of all runs together.
    pub(super) fn figures(&self) -> Figures {
        let mut figures = Figures::default();
        for run in &self.runs {
            figures.append(&run.figures);
        }
        figures
    }

    /// How the bars were met.
    #[must_use]
    pub fn scores(&self) -> Vec<Score> {
        let figures = self.figures();
        let one_way = self.scenario.cluster.one_way();
        self.scenario.bars.iter().map(|bar| Score::of(bar, &figures, one_way)).collect()
    }

    /// How many runs broke a rule.
    pub(super) fn failures(&self) -> usize {
        self.runs.iter().filter(|run| run.failure.is_some()).count()
    }

    /// Whether no run failed and no bar is missed.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.failures() == 0 && !self.scores().iter().any(Score::is_missed)
    }
}
