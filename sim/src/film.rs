//! How a simulation went: moments, one after the other, and what was done to it.

use core::cell::RefCell;
use core::time::Duration;
use std::rc::Rc;

use crate::node::Condition;
use crate::protocol::Protocol;
use crate::report;
use crate::sight::Sights;
use crate::sim::Sim;

/// How matters stood at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moment {
    /// When, in nanoseconds.
    pub at: u64,
    /// Pairs of nodes that are not seen as they ought to be.
    pub wrong_pairs: u64,
    /// Different pictures among the live nodes.
    pub pictures: usize,
    /// Bytes sent by all nodes so far.
    pub bytes: u64,
    /// Nodes that are up.
    pub live: usize,
    /// How each node was seen.
    pub seen: Vec<Seen>,
}

/// How a node is seen by the others, and what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Seen {
    /// It runs, and all see it.
    ByAll,
    /// It runs, and some see it.
    BySome,
    /// It runs, and nobody sees it.
    ByNone,
    /// It is up, but stands still or is starved; some see it.
    Still,
    /// It does not run or has said goodbye, and some see it all the same.
    GoneBySome,
    /// It does not run or has said goodbye, and nobody sees it.
    Gone,
}

impl Seen {
    /// Whether it is as it ought to be.
    #[must_use]
    pub const fn is_right(self) -> bool {
        matches!(self, Self::ByAll | Self::Gone)
    }

    fn of<P: Protocol>(sim: &Sim<P>, node: usize) -> Self {
        let views = sim.views();
        let seers = views.seen_by(node);
        match sim.condition(node) {
            _ if !views.is_expected(node) && seers > 0 => Self::GoneBySome,
            _ if !views.is_expected(node) => Self::Gone,
            _ if seers == 0 && views.observers() > 1 => Self::ByNone,
            Condition::Paused | Condition::Starved => Self::Still,
            _ if seers + 1 < views.observers() => Self::BySome,
            _ => Self::ByAll,
        }
    }
}

/// Something that was done, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// When, in nanoseconds.
    pub at: u64,
    /// What.
    pub what: String,
}

/// Looks at a simulation again and again while time passes. Made by [`Sim::film`].
#[derive(Clone, Debug, Default)]
pub struct Film {
    roll: Rc<RefCell<Roll>>,
    sights: Rc<RefCell<Sights>>,
}

#[derive(Debug, Default)]
struct Roll {
    moments: Vec<Moment>,
    marks: Vec<Mark>,
    /// How many moments have come, kept or not, and how many of them one that is kept stands for.
    seen: u64,
    stands_for: u64,
}

impl Roll {
    /// Keeps one in this many moments; fewer of them as a film grows long.
    fn take(&mut self, moment: impl FnOnce() -> Moment) {
        let stands_for = self.stands_for.max(1);
        if self.seen.is_multiple_of(stands_for) {
            self.moments.push(moment());
        }
        self.seen += 1;
        if self.moments.len() >= MOST_MOMENTS {
            let mut place = 0;
            self.moments.retain(|_| {
                place += 1;
                place % 2 == 1
            });
            self.stands_for = 2 * stands_for;
        }
    }
}

/// The most moments of a film: a page has room for fewer still.
const MOST_MOMENTS: usize = 8_192;

impl Film {
    /// Notes that something was done to the simulation just now.
    pub fn mark<P: Protocol>(&self, sim: &Sim<P>, what: impl Into<String>) {
        let mark = Mark { at: sim.now().as_nanos(), what: what.into() };
        self.roll.borrow_mut().marks.push(mark);
    }

    /// The course of the simulation so far as a self-contained HTML page.
    #[must_use]
    pub fn page(&self, title: &str) -> String {
        let roll = self.roll.borrow();
        report::film_page(title, &roll.moments, &roll.marks, &self.sights.borrow())
    }

    /// The moments, with how matters stand at the end as the last, and who saw whom as what.
    pub(crate) fn end<P: Protocol>(&self, sim: &Sim<P>) -> (Vec<Moment>, Sights) {
        let mut moments = core::mem::take(&mut self.roll.borrow_mut().moments);
        if moments.last().is_none_or(|last| last.at < sim.now().as_nanos()) {
            moments.push(moment(sim));
        }
        (moments, self.sights.take())
    }
}

impl<P: Protocol> Sim<P> {
    /// Keeps, from now on, how matters stand after each `every` of time, and each change of how one
    /// node sees another. Of a long film every other moment is forgotten, again and again, so that
    /// there are never more than 8,192, and the changes of every other observer, so that there are
    /// never more than 100,000.
    pub fn film(&mut self, every: Duration) -> Film {
        let film = Film::default();
        self.keep_sights(&film.sights);
        let roll = Rc::clone(&film.roll);
        self.rule(every, move |sim| {
            roll.borrow_mut().take(|| moment(sim));
            None
        });
        film
    }
}

fn moment<P: Protocol>(sim: &Sim<P>) -> Moment {
    Moment {
        at: sim.now().as_nanos(),
        wrong_pairs: sim.views().wrong_pairs(),
        pictures: sim.pictures(),
        bytes: (0..sim.len()).map(|node| sim.traffic(node).bytes).sum(),
        live: sim.live().count(),
        seen: (0..sim.len()).map(|node| Seen::of(sim, node)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_film_keeps_moments_from_all_of_it_equally_far_apart() {
        let mut roll = Roll::default();
        let count = 5 * MOST_MOMENTS as u64;
        for at in 0..count {
            let (wrong_pairs, pictures, bytes, live, seen) = (0, 1, 0, 0, Vec::new());
            roll.take(|| Moment { at, wrong_pairs, pictures, bytes, live, seen });
        }
        let times: Vec<u64> = roll.moments.iter().map(|moment| moment.at).collect();
        let expected: Vec<u64> = (0..count).step_by(8).collect();
        assert_eq!(times, expected);
    }
}
