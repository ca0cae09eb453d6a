//! How a simulation went: moments, one after the other, and what was done to it.

use core::cell::RefCell;
use core::time::Duration;
use std::rc::Rc;

use scalesmall_core::Status;

use super::Sim;
use super::protocol::Protocol;
use crate::drawing::{self, Cast, Course, Zones};
use crate::moment::{Mark, Moment, Seen, Series};
use crate::node::Condition;
use crate::view_changes::{Change, Sights};

/// Looks at a simulation again and again while time passes. Made by [`Sim::film`].
#[derive(Clone, Debug, Default)]
pub struct Film {
    roll: Rc<RefCell<Roll>>,
    sights: Rc<RefCell<Sights>>,
    series: Rc<RefCell<Vec<Series>>>,
    cast: Rc<Cast>,
    rerun: String,
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
    /// Keeps one in this many moments, fewer of them as a film grows long; one that is kept shows the
    /// worst of those that it stands for, so that what is short is not lost.
    fn take(&mut self, moment: Moment) {
        let stands_for = self.stands_for.max(1);
        match self.moments.last_mut() {
            Some(last) if !self.seen.is_multiple_of(stands_for) => last.join(&moment),
            _ => self.moments.push(moment),
        }
        self.seen += 1;
        if self.moments.len() >= MOST_MOMENTS && self.seen.is_multiple_of(stands_for) {
            let mut halved: Vec<Moment> = Vec::with_capacity(MOST_MOMENTS);
            for (place, moment) in self.moments.drain(..).enumerate() {
                match halved.last_mut() {
                    Some(last) if place % 2 == 1 => last.join(&moment),
                    _ => halved.push(moment),
                }
            }
            self.moments = halved;
            self.stands_for = 2 * stands_for;
        }
    }
}

/// The most moments of a film: a page has room for fewer still.
const MOST_MOMENTS: usize = 8_192;

impl Film {
    /// Notes that something was done to the simulation just now.
    pub fn mark<P: Protocol>(&self, sim: &Sim<P>, what: impl Into<String>) {
        let mark = Mark { at: sim.now().as_nanos(), what: what.into(), whom: String::new() };
        self.roll.borrow_mut().marks.push(mark);
    }

    /// The course of the simulation so far as a self-contained HTML page.
    #[must_use]
    pub fn page(&self, title: &str) -> String {
        let roll = self.roll.borrow();
        let course = Course {
            moments: &roll.moments,
            marks: &roll.marks,
            unmarked: 0,
            sights: &self.sights.borrow(),
            spans: None,
            series: &self.series.borrow(),
            cast: &self.cast,
            courses: 1,
        };
        drawing::page(title, &self.rerun, &course)
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
    /// node sees another. Of a long film two moments become one, again and again, which shows the worst
    /// of both, so that there are never more than 8,192, and the changes of every other observer, so that there are
    /// never more than 100,000.
    pub fn film(&mut self, every: Duration) -> Film {
        let zones = self.network.zones().to_vec();
        let count = zones.iter().max().map_or(0, |last| usize::from(*last) + 1);
        let names = (0..count).map(|zone| zone.to_string()).collect();
        let zones = (count > 1).then_some(Zones { of: zones, names });
        let film = Film {
            series: Rc::clone(&self.series),
            cast: Rc::new(Cast { names: Vec::new(), zones }),
            rerun: self.rerun.clone(),
            ..Film::default()
        };
        self.keep_sights(&film.sights);
        let roll = Rc::clone(&film.roll);
        self.look_on(every, move |sim| roll.borrow_mut().take(moment(sim)));
        film
    }

    /// Records from now on how nodes see each other, beginning with the present state.
    pub(super) fn keep_sights(&mut self, sights: &Rc<RefCell<Sights>>) {
        let at = self.now;
        for observer in self.live() {
            let mut sights = sights.borrow_mut();
            let status = Some(Status::Alive);
            sights.push(Change { at, observer, subject: observer, status, cause: None });
            for subject in (0..self.len()).filter(|subject| *subject != observer) {
                let status = self.views.belief(observer, subject);
                if status.is_some() {
                    sights.push(Change { at, observer, subject, status, cause: None });
                }
            }
        }
        self.sights.push(Rc::clone(sights));
    }
}

fn moment<P: Protocol>(sim: &Sim<P>) -> Moment {
    Moment {
        at: sim.now().as_nanos(),
        wrong_pairs: sim.views().wrong_pairs(),
        pictures: sim.pictures(),
        bytes: (0..sim.len()).map(|node| sim.traffic(node).bytes).sum(),
        sent: sim.fates().sent,
        delivered: sim.fates().delivered,
        live: sim.live().count(),
        seen: (0..sim.len()).map(|node| seen(sim, node)).collect(),
    }
}

/// How a node is seen by the others.
fn seen<P: Protocol>(sim: &Sim<P>, node: usize) -> Seen {
    let views = sim.views();
    let seers = views.seen_by(node);
    match sim.condition(node) {
        _ if !views.is_expected(node) && seers > 0 => Seen::GoneBySome,
        _ if !views.is_expected(node) => Seen::Gone,
        _ if seers == 0 && views.observers() > 1 => Seen::ByNone,
        Condition::Paused | Condition::Starved => Seen::Still,
        _ if seers + 1 < views.observers() => Seen::BySome,
        _ => Seen::ByAll,
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
            let (wrong_pairs, pictures, bytes, live, sent, delivered) = (0, 1, 0, 0, 0, 0);
            // One crash of a moment in every thousand.
            let seen = vec![if at % 1_000 == 999 { Seen::Gone } else { Seen::ByAll }];
            roll.take(Moment { at, wrong_pairs, pictures, bytes, sent, delivered, live, seen });
        }
        let times: Vec<u64> = roll.moments.iter().map(|moment| moment.at).collect();
        let expected: Vec<u64> = (0..count).step_by(8).collect();
        assert_eq!(times, expected);
        let crashes = roll.moments.iter().filter(|moment| moment.seen[0] == Seen::Gone).count();
        assert_eq!(crashes as u64, count / 1_000);
    }
}
