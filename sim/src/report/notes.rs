//! What else is to be said of the runs of a scenario: with which seed a bar was missed worst, which
//! steps changed nothing, which nodes were left behind.

use super::Runs;
use super::chosen::worst;
use crate::scenario::{Played, Score};

impl Runs {
    /// The run with the worst value of the figure of a bar that is missed: of equal ones the first.
    pub(super) fn worst(&self, score: &Score) -> Option<&Played> {
        let missed = score.is_missed() && !self.runs.is_empty();
        let place = missed.then(|| worst(self, &score.bar))??;
        self.runs.get(place)
    }

    /// How many values a figure would have if no run had failed, as far as one that has most of them
    /// tells; `None` if none is missing.
    pub(super) fn expected(&self, figure: &str) -> Option<usize> {
        let of = |run: &Played| run.figures.0.get(figure).map_or(0, |it| it.values.len());
        let (most, all) = (self.runs.iter().map(of).max()?, self.runs.iter().map(of).sum());
        let expected = most * self.runs.len();
        (self.failures() > 0 && expected > all).then_some(expected)
    }

    /// What steps were taken in vain, and which nodes do not run in the end, a line for each.
    pub(super) fn notes(&self) -> Vec<String> {
        let mut idle: Vec<(&str, usize)> = Vec::new();
        for step in self.runs.iter().flat_map(|run| &run.idle) {
            match idle.iter_mut().find(|(known, _)| known == step) {
                Some((_, count)) => *count += 1,
                None => idle.push((step, 1)),
            }
        }
        let said =
            |(step, count)| format!("{step} changed nothing in {count} of {}", self.counted());
        let mut notes: Vec<String> = idle.into_iter().map(said).collect();
        let left = self.runs.iter().filter(|run| run.stopped > 0);
        if let Some(most) = left.clone().map(|run| run.stopped).max() {
            let (count, nodes) = (left.count(), if most == 1 { "node" } else { "nodes" });
            notes.push(format!(
                "{most} {nodes} did not run at the end of {count} of {}: \
                 restart = {{ percent = 100 }} starts all",
                self.counted()
            ));
        }
        notes
    }
}
