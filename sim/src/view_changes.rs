//! The changes of what nodes saw of each other in a simulation, one after the other.

use core::cell::RefCell;
use std::rc::Rc;

use scalesmall_core::Status;

/// One node began to see another in another way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// When, in nanoseconds.
    pub at: u64,
    /// Who.
    pub observer: usize,
    /// Whom. The observer itself began to run, or ceased to: with its start it knows nobody.
    pub subject: usize,
    /// As what; `None` if it knows nothing of it, or does not run.
    pub status: Option<Status>,
    /// Why, if the protocol says so.
    pub cause: Option<Cause>,
}

/// Why one node began to see another in another way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cause {
    /// In words, with `@` where a node is to be named.
    pub what: &'static str,
    /// The nodes, in the order in which they are named; `None` if one is not of the simulation.
    pub by: [Option<usize>; 3],
}

impl Cause {
    /// The words, with the nodes called as `name` says.
    pub(crate) fn words(&self, name: &dyn Fn(usize) -> String) -> String {
        let mut nodes = self.by.iter();
        let mut text = String::new();
        for (place, part) in self.what.split('@').enumerate() {
            if place > 0 {
                let node = nodes.next().copied().flatten();
                text.push_str(&node.map_or_else(|| "a stranger".to_owned(), name));
            }
            text.push_str(part);
        }
        text
    }
}

/// The changes of a simulation, bounded: of many, fewer and fewer observers are kept, but those over
/// all the time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sights {
    changes: Vec<Change>,
    /// Every observer is kept whose number is a multiple of two to this power.
    thinned: u32,
    ended_at: Option<u64>,
}

impl Sights {
    /// The changes, in order of time.
    #[must_use]
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// Observers are kept whose number is a multiple of this; when each began to run, and ceased to,
    /// is kept of all.
    #[must_use]
    pub const fn every(&self) -> usize {
        1 << self.thinned
    }

    /// From when on nothing is kept, in nanoseconds, if there was too much even of one observer.
    #[must_use]
    pub const fn ended_at(&self) -> Option<u64> {
        self.ended_at
    }

    /// Says why the last change came about, if it is this observer's and of this time.
    pub(crate) fn explain(&mut self, at: u64, observer: usize, cause: Cause) {
        if let Some(last) = self.changes.last_mut()
            && (last.at, last.observer) == (at, observer)
            && last.subject != observer
            && last.cause.is_none()
        {
            last.cause = Some(cause);
        }
    }

    /// Keeps a change, the latest of all, if there is room for it.
    pub fn push(&mut self, change: Change) {
        if self.ended_at.is_some() {
            return;
        }
        while self.changes.len() >= MOST_CHANGES && self.thinned < MOST_THINNED {
            self.thinned += 1;
            let every = self.every();
            self.changes.retain(|change| is_kept(change, every));
        }
        if self.changes.len() >= MOST_CHANGES {
            self.ended_at = Some(change.at);
        } else if is_kept(&change, self.every()) {
            self.changes.push(change);
        }
    }
}

const fn is_kept(change: &Change, every: usize) -> bool {
    change.observer == change.subject || change.observer.is_multiple_of(every)
}

/// This many take some megabytes of memory; a page keeps fewer.
const MOST_CHANGES: usize = 100_000;
/// Then only the first of all nodes is left: a simulation has at most 2^24 of them.
const MOST_THINNED: u32 = 24;

/// The records of the films of a simulation.
pub(crate) type AllSights = Vec<Rc<RefCell<Sights>>>;

#[cfg(test)]
mod tests {
    use super::*;

    fn change(at: u64, observer: usize, subject: usize) -> Change {
        Change { at, observer, subject, status: Some(Status::Alive), cause: None }
    }

    #[test]
    fn of_many_changes_those_of_fewer_observers_are_kept_from_beginning_to_end() {
        let (mut sights, nodes) = (Sights::default(), 1_000);
        for subject in 0..nodes {
            for observer in 0..nodes {
                sights.push(change((subject * nodes + observer) as u64, observer, subject));
            }
        }
        assert_eq!((sights.every(), sights.ended_at()), (16, None));
        assert!(sights.changes.len() <= MOST_CHANGES);
        for observer in 0..nodes {
            let of = sights.changes.iter().filter(|change| change.observer == observer);
            assert_eq!(of.count(), if observer % 16 == 0 { nodes } else { 1 });
        }
        assert!(sights.changes.is_sorted_by_key(|change| change.at));
    }

    #[test]
    fn a_cause_names_its_nodes() {
        let cause = Cause { what: "accused by @, confirmed by @", by: [Some(3), None, None] };
        let name = |node: usize| format!("node {node}");
        assert_eq!(cause.words(&name), "accused by node 3, confirmed by a stranger");
        let plain = Cause { what: "it left", by: [None; 3] };
        assert_eq!(plain.words(&name), "it left");
    }

    #[test]
    fn what_is_too_much_of_one_observer_ends() {
        let mut sights = Sights::default();
        let count = MOST_CHANGES as u64;
        for at in 0..count + 10 {
            sights.push(change(at, 0, 1));
        }
        assert_eq!((sights.changes.len(), sights.ended_at()), (MOST_CHANGES, Some(count)));
    }
}
