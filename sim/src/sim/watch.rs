//! Questions put to nodes after each of their steps, and rules put to the whole now and then.

use core::fmt;
use core::time::Duration;

use super::Sim;
use super::protocol::Protocol;
use crate::check::{Broken, Verdict};
use crate::link::nanos;
use crate::sample::Sample;

/// Names a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watch(usize);

/// When each node first answered yes, in nanoseconds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answers {
    /// By node.
    pub at: Vec<Option<u64>>,
    /// How many have.
    pub count: usize,
}

impl Answers {
    /// How long after `start` the nodes said yes, in nanoseconds; those who did.
    #[must_use]
    pub fn after(&self, start: u64) -> Sample {
        Sample::of(self.at.iter().flatten().map(|at| at.saturating_sub(start)))
    }
}

/// The questions of a simulation.
pub(super) struct Watches<P: Protocol> {
    asked: Vec<(Question<P>, Answers)>,
}

enum Question<P: Protocol> {
    State(Ask<P>),
    Event(Ask<P::Event>),
    Closed,
}

type Ask<T> = Box<dyn Fn(usize, &T) -> bool>;

impl<P: Protocol> Default for Watches<P> {
    fn default() -> Self {
        Self { asked: Vec::new() }
    }
}

impl<P: Protocol> Watches<P> {
    /// Whether a node's state is asked for after each of its steps.
    pub(crate) fn ask(&self) -> bool {
        self.asked.iter().any(|(question, _)| matches!(question, Question::State(_)))
    }

    pub(crate) fn look(&mut self, now: u64, node: usize, protocol: &P) {
        for (question, answers) in &mut self.asked {
            if let Question::State(state) = question
                && answers.at[node].is_none()
                && state(node, protocol)
            {
                answers.at[node] = Some(now);
                answers.count += 1;
            }
        }
    }

    pub(crate) fn hear(&mut self, now: u64, node: usize, event: &P::Event) {
        for (question, answers) in &mut self.asked {
            if let Question::Event(said) = question
                && answers.at[node].is_none()
                && said(node, event)
            {
                answers.at[node] = Some(now);
                answers.count += 1;
            }
        }
    }
}

impl<P: Protocol> Sim<P> {
    /// Asks every node after each of its steps, until it says yes once.
    pub fn watch(&mut self, question: impl Fn(usize, &P) -> bool + 'static) -> Watch {
        self.ask(Question::State(Box::new(question)))
    }

    /// Waits, at each node, for an event.
    pub fn watch_events(&mut self, said: impl Fn(usize, &P::Event) -> bool + 'static) -> Watch {
        self.ask(Question::Event(Box::new(said)))
    }

    fn ask(&mut self, question: Question<P>) -> Watch {
        let answers = Answers { at: vec![None; self.len()], count: 0 };
        self.watches.asked.push((question, answers));
        Watch(self.watches.asked.len() - 1)
    }

    /// What was answered so far.
    #[must_use]
    pub fn answers(&self, watch: Watch) -> &Answers {
        &self.watches.asked[watch.0].1
    }

    /// Stops asking; the answers stay.
    pub fn unwatch(&mut self, watch: Watch) {
        self.watches.asked[watch.0].0 = Question::Closed;
    }

    /// Has each event judged by this as well, before it counts.
    pub(crate) fn judge_events(
        &mut self,
        judge: impl FnMut(&Self, usize, &P::Event) -> Verdict + 'static,
    ) {
        self.judge = Some(Box::new(judge));
    }

    /// Checks a rule as often as `every` while time passes, a microsecond at least. It answers with
    /// what is broken and the nodes concerned, if anything is.
    pub fn rule(
        &mut self,
        every: Duration,
        mut check: impl FnMut(&Self) -> Option<(String, Vec<usize>)> + 'static,
    ) {
        self.rule_of(every, move |sim| check(sim).map(|(rule, nodes)| (Broken::Rule(rule), nodes)));
    }

    pub(crate) fn rule_of(
        &mut self,
        every: Duration,
        check: impl FnMut(&Self) -> Verdict + 'static,
    ) {
        let every = nanos(every).max(1_000);
        self.rules.due = self.rules.due.min(self.now);
        self.rules.all.push((every, self.now, Box::new(check)));
    }
}

pub(crate) struct Rules<P: Protocol> {
    due: u64,
    all: Vec<(u64, u64, Check<P>)>,
}

type Check<P> = Box<dyn FnMut(&Sim<P>) -> Verdict>;

/// Judges each event of a node.
pub(super) type Judge<P> = Box<dyn FnMut(&Sim<P>, usize, &<P as Protocol>::Event) -> Verdict>;

impl<P: Protocol> Default for Rules<P> {
    fn default() -> Self {
        Self { due: u64::MAX, all: Vec::new() }
    }
}

impl<P: Protocol> Rules<P> {
    /// When the next rule is to be checked; nothing may happen after that before it is.
    pub(crate) const fn due(&self) -> u64 {
        self.due
    }

    pub(crate) fn check(&mut self, sim: &Sim<P>) -> Verdict {
        let now = sim.now().as_nanos();
        let mut broken = None;
        for (every, next, check) in &mut self.all {
            if *next <= now {
                *next = now.saturating_add(*every);
                broken = broken.or_else(|| check(sim));
            }
        }
        self.due = self.all.iter().map(|(_, next, _)| *next).min().unwrap_or(u64::MAX);
        broken
    }

    pub(crate) fn append(&mut self, mut added: Self) {
        self.due = self.due.min(added.due);
        self.all.append(&mut added.all);
    }
}

impl<P: Protocol> fmt::Debug for Watches<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.asked.iter().map(|(_, answers)| answers.count)).finish()
    }
}
