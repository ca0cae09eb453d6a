//! Questions put to nodes after each of their steps.

use core::fmt;
use std::rc::Rc;

use super::Sim;
use super::protocol::Protocol;
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

type Ask<T> = Rc<dyn Fn(usize, &T) -> bool>;

impl<P: Protocol> Clone for Question<P> {
    fn clone(&self) -> Self {
        match self {
            Self::State(ask) => Self::State(Rc::clone(ask)),
            Self::Event(ask) => Self::Event(Rc::clone(ask)),
            Self::Closed => Self::Closed,
        }
    }
}

impl<P: Protocol> Clone for Watches<P> {
    fn clone(&self) -> Self {
        Self { asked: self.asked.clone() }
    }
}

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
        self.ask(Question::State(Rc::new(question)))
    }

    /// Waits, at each node, for an event.
    pub fn watch_events(&mut self, said: impl Fn(usize, &P::Event) -> bool + 'static) -> Watch {
        self.ask(Question::Event(Rc::new(said)))
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
}

impl<P: Protocol> fmt::Debug for Watches<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.asked.iter().map(|(_, answers)| answers.count)).finish()
    }
}
