//! What runs came to, for people and for programs.

mod begun;
mod chosen;
mod lines;
mod notes;
mod page;
mod recorded;
mod results;
mod row;
mod rows;
mod story;
mod table;
mod tally;

use crate::checks::Checks;
use crate::scenario::{Figures, Played, Scenario, Score};

pub use lines::lines;
pub use page::page;
pub use recorded::Recordings;
pub use results::{results, results_beside};
pub use row::Beside;
pub use table::table;
pub use tally::{Outcome, Tally};

/// All runs of one scenario.
#[derive(Clone, Debug)]
pub struct Runs {
    /// The scenario.
    pub scenario: Scenario,
    /// Its runs, by seed.
    pub runs: Vec<Played>,
}

impl Runs {
    /// Adds a run. How it went is kept of those alone that are going to be drawn: the first by seed,
    /// some that failed, and those with the greatest values of figures with bars.
    pub fn push(&mut self, run: Played) {
        self.runs.push(run);
        chosen::forget_others(self);
    }

    /// The figures of all runs together.
    #[must_use]
    pub fn figures(&self) -> Figures {
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

    /// Its name, with the point of its grid if there is one.
    fn title(&self) -> String {
        match self.scenario.point() {
            point if point.is_empty() => self.scenario.name.clone(),
            point => format!("{} at {point}", self.scenario.name),
        }
    }

    /// How many runs there are, in words.
    fn counted(&self) -> String {
        let runs = self.runs.len();
        format!("{runs} run{}", if runs == 1 { "" } else { "s" })
    }

    /// How much was checked, in words, unless all was.
    fn checked(&self) -> String {
        match self.runs.first().map(|run| run.checks).unwrap_or_default() {
            Checks::All => String::new(),
            checks => format!(", checks {checks}"),
        }
    }

    /// How many runs broke a rule.
    #[must_use]
    pub fn failures(&self) -> usize {
        self.runs.iter().filter(|run| run.failure.is_some()).count()
    }

    /// Whether no run failed and no bar is missed. A bar with too few values for a verdict is neither
    /// met nor missed.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.failures() == 0 && !self.scores().iter().any(Score::is_missed)
    }

    /// Whether it has passed, and how many bars had too few values to say so, in words.
    fn verdict(&self) -> String {
        let open = self.scores().iter().filter(|score| score.has_too_few()).count();
        match (self.passed(), open) {
            (false, _) => "FAILED".to_owned(),
            (true, 0) => "passed".to_owned(),
            (true, 1) => "passed, but one bar had too few values".to_owned(),
            (true, open) => format!("passed, but {open} bars had too few values"),
        }
    }
}
