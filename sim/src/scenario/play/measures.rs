//! What a scenario waits for and measures.

use std::collections::{BTreeMap, BTreeSet};

use scalesmall_core::Status;

use super::moves::not_located;
use super::sharing::Sharing;
use super::{Outcome, Player};
use crate::sample::Sample;
use crate::scenario::figure::Unit;
use crate::scenario::nodes::ZoneName;
use crate::scenario::step::{Await, Counted, Goal, Usage};
use crate::sim::{Sim, Watch};

impl Player {
    pub(super) fn reach(&mut self, goal: &Await) -> Outcome {
        self.wait(goal).map_err(|failure| self.explained(failure, goal.what))
    }

    fn wait(&mut self, goal: &Await) -> Outcome {
        let within = goal.within.0;
        // Of nobody nothing is to be said.
        let anybody = |sim: &Sim| sim.live().next().is_some();
        let at = match goal.what {
            Goal::Sight => {
                self.sim.run_until(|sim| sim.all_see_all() && anybody(sim), within)?;
                self.sim.views().agreed_at()
            }
            Goal::Agreement => {
                self.sim.run_until(|sim| sim.converged() && anybody(sim), within)?;
                self.sim.views().agreed_at().max(self.sim.pictures_agreed_at())
            }
            Goal::Shown => {
                return match self.shown {
                    Some(watch) => self.reach_all(goal, watch, None),
                    None => Ok(()),
                };
            }
            Goal::Heard => {
                return match self.heard {
                    Some((teller, watch)) => self.reach_all(goal, watch, Some(teller)),
                    None => Ok(()),
                };
            }
            Goal::ToldOfHold => {
                let Some(told) = self.told_of_hold else { return Ok(()) };
                let picked = self.picked.clone();
                let is_told = |sim: &Sim, node: &usize| {
                    sim.answers(told).at[*node].is_some() || !is_held_off(sim, *node)
                };
                self.sim.run_until(|sim| picked.iter().all(|node| is_told(sim, node)), within)?;
                None
            }
            Goal::Conflict => {
                self.sim.run_until(|sim| sim.conflict_at().is_some(), within)?;
                self.sim.conflict_at()
            }
            Goal::OneKey => {
                let has_one = |sim: &Sim| one_key(sim) && anybody(sim);
                self.sim.run_until(has_one, within)?;
                None
            }
            Goal::Located => {
                let picked = self.picked.clone();
                self.sim.run_until(|sim| not_located(sim, &picked).is_none(), within)?;
                None
            }
            Goal::Shared => {
                let Some(sharing) = self.sharing.clone() else { return Ok(()) };
                sharing.borrow_mut().look_again();
                self.sim.run_until(|sim| sharing.borrow_mut().is_as_planned(sim), within)?;
                None
            }
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

    /// Waits until all live nodes but one have answered a question.
    fn reach_all(&mut self, goal: &Await, watch: Watch, but: Option<usize>) -> Outcome {
        if self.control {
            return Ok(());
        }
        let asked = |node: &usize| Some(*node) != but;
        let all =
            |sim: &Sim| sim.live().filter(asked).all(|node| sim.answers(watch).at[node].is_some());
        self.sim.run_until(all, goal.within.0)?;
        if let Some(figure) = &goal.figure {
            let answers = self.sim.answers(watch);
            let at = self.sim.live().filter(asked).filter_map(|node| answers.at[node]);
            let times: Vec<u64> = at.map(|at| at.saturating_sub(self.since)).collect();
            for time in &times {
                self.figures.push(figure, Unit::Nanos, *time);
            }
            let sample = Sample::of(times);
            for (part, percent) in [("by half", 50), ("by 99 %", 99), ("by all", 100)] {
                let name = format!("{figure} {part}");
                self.figures.push(&name, Unit::Nanos, sample.quantile(percent));
            }
        }
        self.sim.unwatch(watch);
        Ok(())
    }

    pub(super) fn usage(&mut self, step: &Usage) {
        let Some(meter) = &self.meter else { return };
        if let Some(zones) = &step.between {
            return self.usage_between(zones, &step.figure);
        }
        let usage = self.sim.since(meter);
        let unicasts = usage.total_datagrams - usage.total_multicasts;
        let mut seen =
            [usage.bytes_per_node(), usage.datagrams.mean(), usage.total_multicasts, unicasts];
        self.usages.push(seen);
        if step.extra
            && let Some(control) = self.controls.get(self.usages.len() - 1)
        {
            for (seen, control) in seen.iter_mut().zip(control) {
                *seen = seen.saturating_sub(*control);
            }
        }
        let [bytes, datagrams, multicasts, unicasts] = seen;
        let millis = (usage.span.as_millis() as u64).max(1);
        let pair = (2 * usage.total_bytes).checked_div(usage.total_datagrams).unwrap_or(0);
        let mut push = |what: &str, unit, value| {
            self.figures.push(&format!("{} {what}", step.figure), unit, value);
        };
        push("rate", Unit::BytesPerSecond, bytes * 1_000 / millis);
        push("bytes", Unit::Bytes, bytes);
        push("datagrams", Unit::Count, datagrams);
        push("peak", Unit::BytesPerSecond, self.sim.peak().0 * 10);
        push("largest", Unit::Bytes, self.sim.largest_datagram() as u64);
        push("pair", Unit::Bytes, pair);
        push("multicasts in all", Unit::Count, multicasts);
        push("unicasts in all", Unit::Count, unicasts);
        if step.apart {
            let nodes = (usage.bytes.len() as u64).max(1);
            let beyond = usage.total_bytes.saturating_sub(usage.change_bytes);
            push("beyond", Unit::BytesPerSecond, beyond * 1_000 / nodes / millis);
            push("each", Unit::Bytes, usage.change_bytes / nodes / self.changes.max(1));
        }
        if step.woken {
            let nodes = (usage.bytes.len() as u64).max(1);
            let each = |count: u64| count * 1_000_000 / millis / nodes;
            push("received", Unit::Count, each(usage.total_received));
            push("timer calls", Unit::Count, each(usage.total_timer_calls));
        }
    }

    /// What has passed between two zones, both ways.
    fn usage_between(&mut self, zones: &[ZoneName; 2], figure: &str) {
        let Some(meter) = &self.meter else { return };
        let [Some(one), Some(other)] = zones.each_ref().map(|zone| self.nature.zone_named(zone))
        else {
            return;
        };
        let there = self.sim.passed(meter, one, other);
        let back = self.sim.passed(meter, other, one);
        let (bytes, datagrams) = (there.bytes + back.bytes, there.datagrams + back.datagrams);
        let millis = (self.sim.since(meter).span.as_millis() as u64).max(1);
        let mut push = |what: &str, unit, value| {
            self.figures.push(&format!("{figure} {what}"), unit, value);
        };
        push("rate", Unit::BytesPerSecond, bytes.saturating_mul(1_000) / millis);
        push("bytes", Unit::Bytes, bytes);
        push("datagrams", Unit::Count, datagrams);
    }

    /// Nanoseconds, of all nodes together, in which one that was up was hidden from anyone.
    pub(super) fn hidden_time(&self) -> u64 {
        self.sim.views().hidden_for(self.sim.now().as_nanos())
    }

    fn of_slots(&self, count: impl Fn(&Sharing) -> u64) -> u64 {
        self.sharing.as_ref().map_or(0, |sharing| count(&sharing.borrow()))
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
                distinct(reports.iter().filter(|report| report.is_false_down()).map(|r| r.about))
            }
            Counted::HiddenReports => {
                reports.iter().filter(|report| report.is_hiding()).count() as u64
            }
            Counted::HiddenSubjects => {
                distinct(reports.iter().filter(|report| report.is_hiding()).map(|r| r.about))
            }
            Counted::HiddenPairs => {
                let hiding = reports.iter().filter(|report| report.is_hiding());
                distinct(hiding.map(|report| (report.by, report.about)))
            }
            Counted::HealthyHidden => {
                let hiding = reports.iter().filter(|report| report.is_hiding());
                let pairs = hiding.map(|report| (report.by, report.about));
                distinct(pairs.filter(|(by, about)| healthy(*by) && healthy(*about)))
            }
            Counted::HiddenTime => self.hidden_time() - self.counted_hidden,
            Counted::RefusedKey => {
                let nodes = self.sim.live().filter_map(|node| self.sim.node(node));
                nodes.map(|engine| engine.stats().refused_key).sum()
            }
            Counted::RefusedOld => {
                let nodes = self.sim.live().filter_map(|node| self.sim.node(node));
                nodes.map(|engine| engine.stats().refused_old).sum()
            }
            Counted::Suspicions => self.new_suspicions(),
            Counted::FirstOwnersMoved => self.owners_moved(),
            Counted::SlotsMoved => self.of_slots(Sharing::moved),
            Counted::SlotsLoad => self.of_slots(Sharing::load),
            Counted::SlotsUnowned => {
                let now = self.sim.now().as_nanos();
                self.of_slots(|sharing| sharing.longest(now))
            }
            Counted::HealthyCalledDown => reports
                .iter()
                .filter(|report| report.is_false_down() && healthy(report.about))
                .count() as u64,
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

/// Whether any live node holds another one off.
fn is_held_off(sim: &Sim, node: usize) -> bool {
    let id = sim.id(node);
    let mut live = sim.live().filter_map(|other| sim.node(other));
    live.any(|engine| engine.peer(id).is_some_and(|peer| peer.held_for.is_some()))
}

fn distinct<T: Ord>(values: impl Iterator<Item = T>) -> u64 {
    values.collect::<BTreeSet<T>>().len() as u64
}

/// Whether all live nodes use one key and hold no other.
fn one_key(sim: &Sim) -> bool {
    let mut rings = sim.live().filter_map(|node| Some(&sim.node(node)?.config().keys));
    let Some(first) = rings.next() else { return true };
    first.ids().count() == 1 && rings.all(|ring| ring.ids().eq(first.ids()))
}

#[cfg(test)]
mod tests {
    use crate::scenario::{Options, Scenario, play};

    /// Two sides call each other down; of one node, picked afterwards, nothing is counted.
    #[test]
    fn reports_are_counted_for_each_who_says_so_and_nodes_once() {
        let scenario: Scenario = r#"
            name = "sides"
            [cluster]
            nodes = 5
            [[steps]]
            await = { what = "agreement", within = "5s" }
            [[steps]]
            split = { these = [0, 1] }
            [[steps]]
            await = { what = "split", within = "60s" }
            [[steps]]
            describe = { these = [0] }
            [[steps]]
            count = { what = "false_subjects", figure = "nodes" }
            [[steps]]
            count = { what = "false_reports", figure = "reports" }
            [[steps]]
            count = { what = "hidden_subjects", figure = "hidden" }
            [[steps]]
            count = { what = "hidden_reports", figure = "hidden reports" }
            [[steps]]
            count = { what = "hidden_pairs", figure = "hidden pairs" }
            [[steps]]
            count = { what = "healthy_hidden", figure = "hidden pairs of healthy" }
            [[steps]]
            count = { what = "hidden_time", figure = "hidden time" }
            [[steps]]
            count = { what = "healthy_called_down", figure = "of healthy" }
            [[steps]]
            count = { what = "healthy_out", figure = "of healthy by healthy" }
        "#
        .parse()
        .unwrap();
        let played = play(&scenario, 1, Options::default());
        assert!(played.failure.is_none(), "{:?}", played.failure);
        let count = |figure: &str| played.figures.0[figure].values[0];
        // A side may give another node up as unreachable, which is no report of it down.
        let (reports, healthy) = (count("reports"), count("of healthy by healthy"));
        assert!(count("nodes") == 5 && reports > 5, "{reports} reports");
        assert!(healthy > 4 && healthy < count("of healthy"), "{healthy} about 4 nodes");
        assert!(count("of healthy") < reports, "{reports} reports");
        // All of a side are hidden from all of the other, as down or unreachable.
        let pairs = [count("hidden pairs"), count("hidden pairs of healthy")];
        assert_eq!((count("hidden"), pairs), (5, [12, 6]));
        assert!(count("hidden reports") >= 12 && count("hidden reports") > reports);
        assert!(count("hidden time") > 0);
    }
}
