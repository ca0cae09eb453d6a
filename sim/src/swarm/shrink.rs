//! Making a failing scenario smaller.

use core::time::Duration;

use crate::check::{Broken, Failure};
use crate::scenario::{Options, Path, Played, Preset, Scenario, Seeds, Settings, Span, Step, play};

/// A small scenario that fails.
#[derive(Clone, Debug)]
pub struct Small {
    /// The scenario.
    pub scenario: Scenario,
    /// The seed that it fails with.
    pub seed: u64,
    /// How it fails.
    pub failure: Box<Failure>,
}

impl Small {
    /// The scenario as a file that says what is to be seen in it: which rule breaks, and what found it.
    /// It is played with the seed that it fails with.
    #[must_use]
    pub fn to_toml(&self, found_by: &str) -> String {
        let mut scenario = self.scenario.clone();
        (scenario.seed, scenario.seeds) = (self.seed, 1);
        let (check, summary) = (self.failure.broken.check(), self.failure.summary());
        scenario.about = format!("Breaks the rule \"{check}\": {summary}.");
        let mut head = format!("# Found by: {found_by}\n# With seed {}: {summary}\n", self.seed);
        for (name, line) in &self.failure.why {
            head += &format!("#   {name}: {line}\n");
        }
        head + &scenario.to_toml()
    }
}

/// Makes a failing scenario smaller, as long as it [fails in the same way](Failure::is_like).
///
/// The cluster is tried at a few small sizes, each with a few seeds. Steps are dropped in halves,
/// quarters ... (delta debugging: Zeller and Hildebrandt 2002), waits are shortened, and the cluster
/// and its links made simpler. If something was not reached that an [`Await`](crate::scenario::Await)
/// waits for, the steps from the last [`Step::Heal`] on stay. `tries` bounds the runs; the smallest
/// that failed is answered.
#[must_use]
pub fn shrink(scenario: &Scenario, seed: u64, failure: &Failure, tries: u32) -> Small {
    let best = Small { scenario: scenario.clone(), seed, failure: Box::new(failure.clone()) };
    let mut shrinking = Shrinking { best, left: tries };
    loop {
        let before = (shrinking.best.scenario.clone(), shrinking.left);
        shrinking.sizes();
        shrinking.steps();
        shrinking.waits();
        for edit in SIMPLER {
            shrinking.edit(edit);
        }
        if shrinking.best.scenario == before.0 || shrinking.left == 0 {
            return shrinking.best;
        }
    }
}

struct Shrinking {
    best: Small,
    left: u32,
}

impl Shrinking {
    fn attempt(&mut self, candidate: Scenario, seed: u64) -> bool {
        // What is written has to be readable: a step that lacks what an earlier one did is refused.
        let wrong = candidate.check().is_err();
        if self.left == 0 || wrong || candidate == self.best.scenario {
            return false;
        }
        self.left -= 1;
        let Played { failure: Some(failure), .. } = play(&candidate, seed, Options::default())
        else {
            return false;
        };
        let same = failure.is_like(&self.best.failure);
        if same {
            self.best = Small { scenario: candidate, seed, failure };
        }
        same
    }

    fn edit(&mut self, edit: impl FnOnce(&mut Scenario)) -> bool {
        let mut candidate = self.best.scenario.clone();
        edit(&mut candidate);
        self.attempt(candidate, self.best.seed)
    }

    /// Tries small clusters. A cluster of another size draws other nodes, so each gets some seeds.
    fn sizes(&mut self) {
        let nodes = self.best.scenario.cluster.nodes;
        for small in [2, 3, 4, 5, 6, 7, 8, nodes / 2, nodes * 3 / 4, nodes.saturating_sub(1)] {
            if small == 0 || small >= self.best.scenario.cluster.nodes {
                continue;
            }
            let mut candidate = self.best.scenario.clone();
            candidate.cluster.nodes = small;
            fit(&mut candidate);
            let mut halves = candidate.clone();
            halves.steps.iter_mut().for_each(halve);
            for turn in 0..SEEDS {
                let seed = self.best.seed.wrapping_add(turn);
                if self.attempt(candidate.clone(), seed) || self.attempt(halves.clone(), seed) {
                    return;
                }
            }
        }
    }

    fn steps(&mut self) {
        // What must come about after all is well need not while it is not.
        let steps = &self.best.scenario.steps;
        let waits = steps.iter().any(|step| matches!(step, Step::Await(_)));
        let heals = |step: &Step| matches!(step, Step::Heal(_));
        let kept = match self.best.failure.broken {
            Broken::NotReached { .. } if waits => {
                steps.iter().rev().position(heals).map_or(0, |place| place + 1)
            }
            _ => 0,
        };
        let mut size = steps.len().div_ceil(2);
        while size > 0 {
            // From the end: what comes after the failure goes at once.
            let mut end = self.best.scenario.steps.len().saturating_sub(kept);
            while end > 0 {
                let start = end.saturating_sub(size);
                self.edit(|scenario| drop(scenario.steps.drain(start..end)));
                end = start;
            }
            size /= 2;
        }
    }

    fn waits(&mut self) {
        for at in 0..self.best.scenario.steps.len() {
            while let Some(Step::Run(span)) = self.best.scenario.steps.get(at)
                && span.0 > Duration::from_millis(200)
            {
                let half = Span(Duration::from_millis(span.0.as_millis() as u64 / 2));
                if !self.edit(|scenario| scenario.steps[at] = Step::Run(half)) {
                    break;
                }
            }
        }
    }
}

/// Has what names nodes name some that there are.
fn fit(scenario: &mut Scenario) {
    let nodes = scenario.cluster.nodes;
    for whom in scenario.steps.iter_mut().flat_map(Step::whom_mut) {
        whom.fit(nodes);
    }
    for home in &mut scenario.cluster.homes {
        home.these = home.these.wrapped(nodes);
    }
    if let Some(others) = &mut scenario.cluster.others {
        others.these = others.these.wrapped(nodes);
    }
}

/// Has a step that concerns some per cent of the nodes concern half of them: a few per cent of a
/// small cluster are one node, and often the wrong one.
fn halve(step: &mut Step) {
    let (Step::Crash(whom)
    | Step::Kill(whom)
    | Step::Restart(whom)
    | Step::Pause(whom)
    | Step::Starve(whom)
    | Step::Split(whom)
    | Step::Mute(whom)
    | Step::Deafen(whom)) = step
    else {
        return;
    };
    if let Some(percent) = &mut whom.percent {
        *percent = 50;
    }
}

/// How many seeds a smaller cluster is tried with.
const SEEDS: u64 = 8;

/// The greatest delay that the settings for a LAN are meant for.
const NEAR: Duration = Duration::from_millis(75);

/// Edits that make a cluster simpler.
const SIMPLER: [fn(&mut Scenario); 19] = [
    |scenario| scenario.cluster.link = Path::default(),
    |scenario| scenario.cluster.link.delay = None,
    |scenario| scenario.cluster.link.loss = None,
    |scenario| scenario.cluster.link.bursts = None,
    |scenario| scenario.cluster.link.duplicate = None,
    |scenario| scenario.cluster.link.reorder = None,
    |scenario| scenario.cluster.link.corrupt = None,
    |scenario| scenario.cluster.link.replay = None,
    |scenario| scenario.cluster.link.mtu = None,
    |scenario| scenario.cluster.link.bandwidth = None,
    |scenario| (scenario.cluster.segments, scenario.cluster.least_hearers) = (0, None),
    |scenario| {
        (scenario.cluster.zones, scenario.cluster.between) = (1, None);
        scenario.cluster.routes.clear();
    },
    |scenario| scenario.cluster.ipv6 = false,
    |scenario| scenario.cluster.homes.clear(),
    |scenario| scenario.cluster.addresses.clear(),
    |scenario| scenario.cluster.seeds = Seeds::First,
    |scenario| {
        // A preset that does not fit the delays would fail for that.
        if scenario.cluster.slowest() <= NEAR {
            scenario.cluster.preset = Preset::Lan;
        }
    },
    |scenario| scenario.cluster.settings = Settings::default(),
    |scenario| scenario.cluster.start_within = Span(Duration::from_millis(100)),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{Await, Goal, Whom};
    use crate::swarm::{Bounds, sample};

    /// What is left is what keeps the nodes apart, time to start in, and the wait.
    #[test]
    fn shrinking_leaves_what_matters() {
        let mut scenario = sample(3, &Bounds { nodes: 24, faults: 16 });
        scenario.steps.truncate(6);
        scenario.steps.push(Step::Split(Whom::some(1)));
        scenario.steps.push(Step::Run(Span(Duration::from_secs(20))));
        let impossible =
            Await { what: Goal::Sight, within: Span(Duration::from_millis(1)), figure: None };
        scenario.steps.push(Step::Await(impossible));
        let failure = play(&scenario, 3, Options::default()).failure.unwrap();
        let small = shrink(&scenario, 3, &failure, 300);
        let left = small.scenario.steps.as_slice();
        assert!(
            matches!(left, [Step::Split(_), Step::Run(_), Step::Await(_)]),
            "{}",
            small.scenario.to_toml()
        );
        assert!(small.scenario.cluster.nodes <= 2, "{}", small.scenario.to_toml());
        let again = play(&small.scenario, small.seed, Options::default()).failure.unwrap();
        assert_eq!(again.broken, small.failure.broken);
        // What is written says all that it takes to see it again.
        let text = small.to_toml("explore --seed 3");
        let read: Scenario = text.parse().unwrap();
        assert_eq!((read.seed, read.seeds), (small.seed, 1));
        assert!(
            read.about.contains("Breaks the rule \"liveness\": not reached within 1ms"),
            "{text}"
        );
        assert!(
            text.contains("# Found by: explore --seed 3\n") && text.contains("#   whom: "),
            "{text}"
        );
        let failure = play(&read, read.seed, Options::default()).failure.unwrap();
        assert_eq!(failure.broken, small.failure.broken);
    }

    /// An earlier wait for the same, which is only met because time has passed before, is not what failed.
    #[test]
    fn shrinking_keeps_the_limit_and_what_was_lacking() {
        let scenario: Scenario = r#"
            name = "two-waits"
            [cluster]
            nodes = 4
            [[steps]]
            run = "5s"
            [[steps]]
            await = { what = "agreement", within = "1ms" }
            [[steps]]
            crash = { nodes = 1 }
            [[steps]]
            await = { what = "agreement", within = "1s" }
        "#
        .parse()
        .unwrap();
        let failure = play(&scenario, 1, Options::default()).failure.unwrap();
        assert_eq!(failure.lack, "is gone and still seen");
        let small = shrink(&scenario, 1, &failure, 300);
        assert!(small.failure.is_like(&failure), "{}", small.failure);
        let text = small.to_toml("a test");
        assert!(text.contains("not reached within 1s"), "{text}");
        assert!(small.scenario.steps.iter().any(|step| matches!(step, Step::Crash(_))), "{text}");
        assert!(small.scenario.cluster.nodes <= 2, "{text}");
    }
}
