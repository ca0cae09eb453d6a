//! A member that lies, and what that may cost the others.

use core::time::Duration;
use std::collections::BTreeMap;

use scalesmall_core::Status;

use super::lies::Liar;
use super::{Outcome, Player};
use crate::check::Broken;
use crate::scenario::figure::{Unit, share};
use crate::scenario::step::{Betray, betrayal_figures};

impl Player {
    pub(super) fn betray(&mut self, betray: &Betray) -> Outcome {
        self.pick_some(1);
        let Some(&liar) = self.picked.first() else { return Ok(()) };
        let (start, before) = (self.sim.now().as_nanos(), self.sim.reports().len());
        let strays = self.strays(liar);
        let mut said = 0;
        for _ in 0..betray.packets {
            let mut random = self.random;
            let group = self.group.clone();
            let forged = Liar { sim: &self.sim, random: &mut random, group: &group }.packet(liar);
            self.random = random;
            said += self.sim.forge(liar, &forged) as u64;
            self.sim.run_for(betray.every.0)?;
        }
        self.sim.run_for(MENDED)?;
        let hidden = Hidden::among(self, liar, before, start);
        let drawn = (self.strays(liar) - strays).div_ceil(said.max(1));
        if let Some(figure) = &betray.figure {
            let [longest, share, stray] = betrayal_figures(figure);
            self.figures.push(&longest.0, longest.1, hidden.longest);
            self.figures.push(&share.0, share.1, hidden.most_share);
            self.figures.push(&stray.0, stray.1, drawn);
        }
        let (longest, share) = (Duration::from_nanos(hidden.longest), hidden.most_share);
        if is_continuous(betray) {
            if share > MOST_SHARE {
                let [share, most] = [share, MOST_SHARE].map(|share| Unit::Share.show(share));
                let text = format!(
                    "a member lied, and another was hidden from the rest for {share} of the time, though {most} are allowed"
                );
                self.sim.fail(Broken::Rule(text), &hidden.pair);
            }
        } else if longest > MENDED - Duration::from_secs(1) {
            let text = format!(
                "a member lied, and one of the others was hidden from another for {longest:?}"
            );
            self.sim.fail(Broken::Rule(text), &hidden.pair);
        }
        if drawn > MOST_STRAYS {
            let text = format!(
                "a member lied in {said} bytes, and {drawn} times as many went to addresses of no node, though {MOST_STRAYS} times are allowed"
            );
            self.sim.fail(Broken::Rule(text), &[liar]);
        }
        self.sim.run_for(Duration::ZERO)
    }

    /// The bytes that all but one node have sent to addresses of no node.
    fn strays(&self, but: usize) -> u64 {
        let others = (0..self.sim.len()).filter(|node| *node != but);
        others.map(|node| self.sim.traffic(node).stray_bytes).sum()
    }
}

/// For how long nodes were hidden from each other.
struct Hidden {
    longest: u64,
    pair: Vec<usize>,
    /// In parts of a million of the time, of the node that was hidden for longest in the mean over the
    /// others.
    most_share: u64,
}

impl Hidden {
    /// Among all but one since some time, by the reports from a place on.
    fn among(player: &Player, but: usize, before: usize, start: u64) -> Self {
        let (sim, end) = (&player.sim, player.sim.now().as_nanos());
        let mut since = BTreeMap::new();
        let mut total: BTreeMap<usize, u64> = BTreeMap::new();
        let (mut longest, mut pair) = (0, Vec::new());
        let mut close = |by: usize, about: usize, from: u64, at: u64| {
            *total.entry(about).or_default() += at - from;
            if at - from > longest {
                (longest, pair) = (at - from, vec![by, about]);
            }
        };
        for (place, report) in sim.reports().iter().enumerate() {
            let key = (report.by, report.about);
            let at = report.at.max(start);
            if report.by == but || report.about == but {
                continue;
            }
            let hides = matches!(
                report.status,
                Some(Status::Down | Status::Unreachable | Status::Left) | None
            ) && report.truth.is_up()
                && !report.departed;
            if hides {
                since.entry(key).or_insert(at);
            } else if let Some(from) = since.remove(&key)
                && place >= before
            {
                close(key.0, key.1, from, at);
            }
        }
        for ((by, about), from) in since {
            close(by, about, from, end);
        }
        let pairs = sim.len().saturating_sub(2).max(1) as u64 * (end - start).max(1);
        let most_share = total.values().max().map_or(0, |time| share(*time, pairs));
        Self { longest, pair, most_share }
    }
}

/// Whether it goes on for long enough to be judged by shares of the time.
fn is_continuous(betray: &Betray) -> bool {
    betray.every.0 * betray.packets >= SHARES_FROM
}

/// How long the others are looked at after the last packet: what one packet hides is back before.
const MENDED: Duration = Duration::from_secs(6);

/// From how long on a betrayal is judged by shares of the time.
const SHARES_FROM: Duration = Duration::from_secs(30);

/// The most of the time, in parts of a million, for which a node may be hidden from the others.
const MOST_SHARE: u64 = 100_000;

/// The most bytes that go to addresses of no node for a byte that was said.
const MOST_STRAYS: u64 = 20;
