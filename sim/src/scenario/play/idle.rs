//! Steps that change nothing: a kill of nodes that do not run, a `heal` of nothing.

use std::collections::BTreeMap;

use super::Player;
use crate::node::Condition;
use crate::scenario::step::Step;

/// Which steps have been taken, by their places, and what each says if it has not changed anything yet.
#[derive(Default)]
pub(super) struct Idle {
    /// Where the present step stands: its place, counted from 1, in each list of steps that it is in.
    place: Vec<usize>,
    taken: BTreeMap<Vec<usize>, Option<String>>,
}

impl Idle {
    pub(super) fn enter(&mut self, place: usize) {
        self.place.push(place + 1);
    }

    pub(super) fn leave(&mut self) {
        self.place.pop();
    }

    fn note(&mut self, step: &Step, changed: bool) {
        let text = self.taken.entry(self.place.clone()).or_insert_with(|| Some(step.to_string()));
        if changed {
            *text = None;
        }
    }

    /// The steps that were taken and never changed anything, each with its place.
    pub(super) fn steps(&self) -> Vec<String> {
        let idle = self.taken.iter().filter_map(|(place, text)| Some((place, text.as_ref()?)));
        let named = |(place, text): (&Vec<usize>, &String)| {
            let place: Vec<String> = place.iter().map(usize::to_string).collect();
            format!("step {} ({text})", place.join("."))
        };
        idle.map(named).collect()
    }
}

impl Player {
    /// Whether there is something that a step could end, if it is one that ends things.
    pub(super) fn could_end(&self, step: &Step) -> bool {
        let holds =
            |node| matches!(self.sim.condition(node), Condition::Paused | Condition::Starved);
        match step {
            Step::Resume(_) => (0..self.sim.len()).any(holds),
            Step::Heal(_) => self.sim.network().has_cuts(),
            Step::EndCopies(_) => self.sim.has_copies(),
            _ => true,
        }
    }

    /// Notes whether a step that has been taken changed anything: it had something to end, or was about
    /// some node.
    pub(super) fn note_change(&mut self, step: &Step, could_end: bool) {
        let about_all =
            |step: &Step| !step.wants_picked() && step.whom().is_some_and(|whom| whom.is_last());
        let found_nobody = step.whom().is_some() && !about_all(step) && self.picked.is_empty();
        self.idle.note(step, could_end && !found_nobody);
    }
}
