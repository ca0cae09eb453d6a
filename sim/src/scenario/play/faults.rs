//! What a scenario does to nodes and links, and to which.

use scalesmall_core::{Event, Key};

use super::setup::write_keys;
use super::{Outcome, Player};
use crate::link::nanos;
use crate::node::Condition;
use crate::scenario::step::{Pauses, Stall, Stalls, Step, Whom};
use crate::sim::{CatchUp, Sim};

impl Player {
    pub(super) fn fault(&mut self, step: &Step) {
        match step {
            Step::Crash(whom) => self.end(whom, Sim::crash),
            Step::Kill(whom) => self.end(whom, Sim::kill),
            Step::Depart(whom) => self.each_up(whom, Sim::depart),
            Step::Pause(whom) => self.each_up(whom, Sim::pause),
            Step::Starve(whom) => self.each_up(whom, Sim::starve),
            Step::Restart(whom) => self.restart(whom),
            Step::Resume(resume) => {
                for node in 0..self.sim.len() {
                    self.sim.resume(node, resume.catch_up.into());
                }
            }
            Step::Lossy(lossy) => {
                self.pick_up(&lossy.whom);
                for node in self.picked.clone() {
                    self.sim.lossy(node, lossy.out.0, lossy.into.0);
                }
            }
            Step::Skew(skew) => {
                self.pick_up(&skew.whom);
                for node in self.picked.clone() {
                    self.sim.skew(node, skew.rate.0);
                }
            }
            Step::Jump(jump) => {
                let by = i64::try_from(nanos(jump.by.0)).unwrap_or(i64::MAX);
                self.pick_up(&jump.whom);
                for node in self.picked.clone() {
                    self.sim.jump(node, if jump.back { -by } else { by });
                }
            }
            Step::Slow(slow) => {
                self.pick_up(&slow.whom);
                for node in self.picked.clone() {
                    self.sim.slow_down(node, slow.pace.0);
                }
            }
            Step::Drain(whom) => self.each_up(whom, |sim, node| {
                sim.with(node, |engine, now| engine.set_draining(now, true));
            }),
            // What is refused leaves the picture as it is.
            Step::Leave(whom) => {
                let group = self.group.clone();
                self.each_up(whom, |sim, node| {
                    let _ = sim.leave(node, &group);
                });
            }
            Step::Describe(whom) => self.describe(whom),
            Step::Rotate(whom) => self.rotate(whom),
            Step::WallClock(clock) => {
                let behind = i64::try_from(clock.behind.0.as_millis()).unwrap_or(i64::MAX);
                self.pick(&clock.whom, |_, _| true);
                for node in self.picked.clone() {
                    self.sim.set_wall_clock(node, -behind);
                }
            }
            Step::Readdress(readdress) => self.readdress(readdress),
            Step::Close(close) => {
                self.pick(&close.whom, |_, _| true);
                let names = self.sim.names();
                let of = |node: &usize| names.addresses(*node).get(close.address).copied();
                let addresses: Vec<_> = self.picked.iter().filter_map(of).collect();
                self.sim.close(&addresses);
            }
            Step::Snapshot(whom) => self.each_up(whom, Sim::snapshot),
            Step::SetBack(whom) => {
                self.pick(whom, Sim::has_snapshot);
                for node in self.picked.clone() {
                    self.sim.set_back(node);
                }
            }
            Step::Copy(copies) => {
                self.pick(&copies.whom, Sim::has_snapshot);
                for node in self.picked.clone() {
                    self.sim.copy(node, copies.by_chance);
                }
            }
            Step::EndCopies(_) => self.sim.end_copies(),
            Step::ForbidFalseDown(_) => self.sim.forbid_false_down(),
            Step::ForbidHidden(_) => self.sim.forbid_hidden(),
            Step::AllowHidden(_) => self.sim.allow_hidden(),
            cut => self.cut(cut),
        }
    }

    /// Each says other words of itself.
    fn describe(&mut self, whom: &Whom) {
        let words = self.random.draw().to_le_bytes();
        self.each_up(whom, |sim, node| {
            let words = words.iter().map(|byte| byte ^ node as u8).collect();
            let _ = sim.with(node, |engine, now| engine.set_metadata(now, words));
        });
    }

    /// Ends nodes, which keep their keys.
    fn end(&mut self, whom: &Whom, how: impl Fn(&mut Sim, usize)) {
        let files = self.files.clone();
        self.each_up(whom, |sim, node| {
            write_keys(sim, node, &files);
            how(sim, node);
        });
    }

    /// Starts nodes that do not run. One that has said goodbye is ended first if the step is about it by
    /// name; what is drawn at random is drawn from those alone that do not run.
    fn restart(&mut self, whom: &Whom) {
        let named = whom.nodes.is_none() && whom.percent.is_none_or(|percent| percent == 100);
        self.pick(whom, |sim, node| {
            !sim.condition(node).is_up() || named && sim.has_departed(node)
        });
        self.restarted = true;
        let files = self.files.clone();
        for node in self.picked.clone() {
            if self.sim.condition(node).is_up() {
                write_keys(&self.sim, node, &files);
                self.sim.kill(node);
            }
            self.sim.restart(node);
        }
    }

    /// Each draws a key, and begins to exchange the one in use for it.
    fn rotate(&mut self, whom: &Whom) {
        let drawn = self.random.draw().to_le_bytes();
        self.each_up(whom, |sim, node| {
            let mut secret = [0; Key::LEN];
            secret[..8].copy_from_slice(&drawn);
            secret[8..16].copy_from_slice(&(node as u64).to_le_bytes());
            let key = Key::authenticated(secret);
            // One that may not begin now begins nothing.
            let _ = sim.with(node, |engine, now| engine.rotate_keys(now, key));
        });
    }

    /// Picks nodes, at random where it is left open, among those that fit.
    pub(super) fn pick(&mut self, whom: &Whom, fits: impl Fn(&Sim, usize) -> bool) {
        if whom.is_last() {
            return self.picked.retain(|node| fits(&self.sim, *node));
        }
        let zone = whom.zone.as_ref().map(|name| self.nature.zone_named(name));
        let is_named = |node: usize| {
            whom.these.as_ref().is_none_or(|these| these.contains(node))
                && zone.is_none_or(|zone| zone == Some(self.nature.zone_of(node)))
        };
        let named: Vec<usize> = (0..self.sim.len()).filter(|node| is_named(*node)).collect();
        let share = |percent: usize| (named.len() * percent).div_ceil(100);
        let count = whom.nodes.or_else(|| whom.percent.map(share));
        let fitting = named.into_iter().filter(|node| fits(&self.sim, *node));
        let mut nodes: Vec<usize> = fitting.collect();
        if let Some(count) = count {
            self.random.shuffle(&mut nodes);
            if whom.another {
                nodes.sort_by_key(|node| self.had.contains(node));
            }
            nodes.truncate(count);
            nodes.sort_unstable();
        }
        if whom.another {
            // Once all have had their turn it begins anew.
            if nodes.iter().any(|node| self.had.contains(node)) {
                self.had.clear();
            }
            self.had.extend(&nodes);
        }
        self.picked = nodes;
    }

    pub(super) fn pick_some(&mut self, count: usize) {
        self.pick(&Whom::some(count), |sim, node| sim.condition(node).is_up());
    }

    pub(super) fn pick_up(&mut self, whom: &Whom) {
        self.pick(whom, |sim, node| sim.condition(node).is_up());
    }

    fn each_up(&mut self, whom: &Whom, verb: impl Fn(&mut Sim, usize)) {
        self.pick(whom, |sim, node| sim.condition(node) == Condition::Running);
        for node in self.picked.clone() {
            verb(&mut self.sim, node);
        }
    }

    pub(super) fn sides(&mut self, whom: &Whom) -> (Vec<usize>, Vec<usize>) {
        self.pick(whom, |_, _| true);
        (self.picked.clone(), self.others())
    }

    pub(super) fn others(&self) -> Vec<usize> {
        (0..self.sim.len()).filter(|node| !self.picked.contains(node)).collect()
    }

    pub(super) fn pauses(&mut self, pauses: &Pauses) -> Outcome {
        let batches = (pauses.count as usize).div_ceil(pauses.at_once.max(1));
        for _ in 0..batches {
            self.pick_some(pauses.at_once);
            let [least, most] = pauses.span.map(|span| nanos(span.0));
            let mut ends: Vec<(u64, usize)> = Vec::new();
            for node in self.picked.clone() {
                ends.push((self.random.between(least, most), node));
                if pauses.starve {
                    self.sim.starve(node);
                } else {
                    self.sim.pause(node);
                }
            }
            ends.sort_unstable();
            let mut passed = 0;
            for (end, node) in ends {
                self.sim.run_for(core::time::Duration::from_nanos(end - passed))?;
                passed = end;
                self.sim.resume(node, pauses.catch_up.into());
            }
            let [least, most] = pauses.gap.map(|span| nanos(span.0));
            let gap = self.random.between(least, most);
            self.sim.run_for(core::time::Duration::from_nanos(gap))?;
        }
        Ok(())
    }

    /// Lets the same nodes stand still again and again; which combination, says the seed.
    pub(super) fn stalls(&mut self, stalls: &Stalls, seed: u64) -> Outcome {
        let mut turn = seed as usize;
        let mut take = |count: usize| {
            let place = turn.checked_rem(count);
            turn = turn.checked_div(count).unwrap_or(0);
            place.unwrap_or(0)
        };
        let place = (take(stalls.nodes.len()), take(stalls.on.len()));
        let more = (take(stalls.off.len()), take(stalls.how.len()));
        let (Some(nodes), Some(on), Some(off), Some(how)) = (
            stalls.nodes.get(place.0),
            stalls.on.get(place.1),
            stalls.off.get(more.0),
            stalls.how.get(more.1),
        ) else {
            return Ok(());
        };
        self.pick_some(*nodes);
        let end = self.sim.now().as_nanos().saturating_add(nanos(stalls.lasts.0));
        while self.sim.now().as_nanos() < end {
            if let Some(told) = self.told_of_hold {
                self.sim.unwatch(told);
            }
            let told = |_, event: &Event| matches!(event, Event::HeldOff { .. });
            self.told_of_hold = Some(self.sim.watch_events(told));
            for node in self.picked.clone() {
                match how {
                    Stall::AtOnce | Stall::Drain => self.sim.pause(node),
                    Stall::Starve => self.sim.starve(node),
                }
            }
            self.sim.run_for(on.0)?;
            let catch_up = if *how == Stall::Drain { CatchUp::Drain } else { CatchUp::AtOnce };
            for node in self.picked.clone() {
                self.sim.resume(node, catch_up);
            }
            // What is waited for afterwards counts from the end of the last stall.
            self.since = self.sim.now().as_nanos();
            self.sim.run_for(off.0)?;
        }
        Ok(())
    }
}
