//! What a scenario waits for and measures.

use std::collections::BTreeMap;

use scalesmall_core::Status;

use super::play::{Outcome, Player};
use super::{Await, Counted, Goal, Unit, Usage};
use crate::sim::Sim;

impl Player {
    pub(super) fn reach(&mut self, goal: &Await) -> Outcome {
        let within = goal.within.0;
        let at = match goal.what {
            Goal::Sight => {
                self.sim.run_until(Sim::all_see_all, within)?;
                self.sim.views().agreed_at()
            }
            Goal::Agreement => {
                self.sim.run_until(Sim::converged, within)?;
                self.sim.views().agreed_at().max(self.sim.pictures_agreed_at())
            }
            Goal::Shown => return self.reach_shown(goal),
            Goal::Split => {
                let up = |sim: &Sim, node: &usize| sim.condition(*node).is_up();
                let mut inside = self.picked.clone();
                inside.retain(|node| up(&self.sim, node));
                let mut outside = self.others();
                outside.retain(|node| up(&self.sim, node));
                let split =
                    |sim: &Sim| sim.views().is_closed(&inside) && sim.views().is_closed(&outside);
                self.sim.run_until(split, within)?;
                None
            }
        };
        if let Some(figure) = &goal.figure {
            let at = at.unwrap_or_else(|| self.sim.now().as_nanos());
            self.figures.push(figure, Unit::Nanos, at.saturating_sub(self.since));
        }
        Ok(())
    }

    fn reach_shown(&mut self, goal: &Await) -> Outcome {
        let Some(watch) = self.shown.filter(|_| !self.control) else {
            return Ok(());
        };
        let all = |sim: &Sim| sim.live().all(|node| sim.answers(watch).at[node].is_some());
        self.sim.run_until(all, goal.within.0)?;
        if let Some(figure) = &goal.figure {
            let answers = self.sim.answers(watch);
            for at in self.sim.live().filter_map(|node| answers.at[node]) {
                self.figures.push(figure, Unit::Nanos, at.saturating_sub(self.since));
            }
        }
        self.sim.unwatch(watch);
        Ok(())
    }

    pub(super) fn usage(&mut self, step: &Usage) {
        let Some(meter) = &self.meter else { return };
        let usage = self.sim.since(meter);
        let multicasts = usage.total_multicasts;
        let unicasts = usage.total_datagrams - multicasts;
        let mut spent = [usage.bytes_per_node(), usage.datagrams.mean(), multicasts, unicasts];
        self.usages.push(spent);
        if step.extra
            && let Some(control) = self.controls.get(self.usages.len() - 1)
        {
            spent = core::array::from_fn(|at| spent[at].saturating_sub(control[at]));
        }
        let [bytes, datagrams, multicasts, unicasts] = spent;
        let millis = (usage.span.as_millis() as u64).max(1);
        let name = |what: &str| format!("{} {what}", step.figure);
        self.figures.push(&name("rate"), Unit::BytesPerSecond, bytes * 1_000 / millis);
        self.figures.push(&name("bytes"), Unit::Bytes, bytes);
        self.figures.push(&name("datagrams"), Unit::Count, datagrams);
        self.figures.push(&name("multicasts"), Unit::Count, multicasts);
        self.figures.push(&name("unicasts"), Unit::Count, unicasts);
        self.figures.push(&name("peak"), Unit::BytesPerSecond, self.sim.peak().0 * 10);
        self.figures.push(&name("largest"), Unit::Bytes, self.sim.largest_datagram() as u64);
    }

    pub(super) fn count(&self, what: Counted) -> u64 {
        let reports = &self.sim.reports()[self.counted..];
        let healthy = |node: usize| !self.picked.contains(&node);
        let mut per_pair: BTreeMap<(usize, usize), u64> = BTreeMap::new();
        match what {
            Counted::FalseReports => {
                reports.iter().filter(|report| report.is_false_down()).count() as u64
            }
            Counted::FalseSubjects => {
                let mut subjects: Vec<usize> = reports
                    .iter()
                    .filter(|report| report.is_false_down())
                    .map(|report| report.about)
                    .collect();
                subjects.sort_unstable();
                subjects.dedup();
                subjects.len() as u64
            }
            Counted::HealthyOut => reports
                .iter()
                .filter(|report| report.is_false_down())
                .filter(|report| healthy(report.about) && healthy(report.by))
                .count() as u64,
            Counted::Readmissions | Counted::Transitions => {
                for report in reports {
                    let counts = healthy(report.by)
                        && !healthy(report.about)
                        && (what == Counted::Transitions || report.status == Some(Status::Alive));
                    if counts {
                        *per_pair.entry((report.by, report.about)).or_insert(0) += 1;
                    }
                }
                per_pair.values().max().copied().unwrap_or(0)
            }
        }
    }
}
