//! Rules that are put to the whole simulation while time passes, and figures that are kept of it.

use core::time::Duration;
use std::cell::RefCell;
use std::rc::Rc;

use serde::Serialize;

use super::Sim;
use super::protocol::Protocol;
use crate::check::{Broken, Verdict};
use crate::checks::Checks;
use crate::link::nanos;
use crate::moment::Series;
use crate::network::Rule;

/// What is asked of a simulation, of which a fork gets a copy.
pub(crate) trait Ask<P: Protocol, T> {
    fn ask(&mut self, sim: &Sim<P>) -> T;
    fn copied(&self) -> Box<dyn Ask<P, T>>;
}

impl<P: Protocol, T, F: FnMut(&Sim<P>) -> T + Clone + 'static> Ask<P, T> for F {
    fn ask(&mut self, sim: &Sim<P>) -> T {
        self(sim)
    }

    fn copied(&self) -> Box<dyn Ask<P, T>> {
        Box::new(self.clone())
    }
}

/// The laws of a protocol: what is looked at with each event, and now and then.
pub(crate) trait Laws<P: Protocol> {
    /// A node reports an event, which does not count yet.
    fn hear(&mut self, sim: &Sim<P>, node: usize, event: &P::Event) -> Verdict;
    /// Time has passed.
    fn look(&mut self, sim: &Sim<P>) -> Verdict;
    fn copied(&self) -> Box<dyn Laws<P>>;
}

/// The rules of a simulation.
pub(super) struct Rules<P: Protocol> {
    due: u64,
    all: Vec<Entry<P>>,
}

struct Entry<P: Protocol> {
    rule: Rule,
    every: u64,
    next: u64,
    kind: Kind<P>,
}

enum Kind<P: Protocol> {
    /// The laws of the protocol have a look.
    Laws,
    /// What is broken is returned.
    Check(Box<dyn Ask<P, Verdict>>),
    /// The same, and a fork gets no copy.
    Own(Look<P>),
    /// It is to be so, once, until then.
    Eventually { name: String, until: u64, limit: Duration, holds: Box<dyn Ask<P, bool>> },
    /// It has come about.
    Done,
    /// A value is kept in the series of this number.
    Sample { series: usize, value: Box<dyn Ask<P, u64>> },
}

type Look<P> = Box<dyn FnMut(&Sim<P>)>;

impl<P: Protocol> Default for Rules<P> {
    fn default() -> Self {
        Self { due: u64::MAX, all: Vec::new() }
    }
}

impl<P: Protocol> Rules<P> {
    /// When the next rule is to be checked; nothing may happen after that before it is.
    pub(super) const fn due(&self) -> u64 {
        self.due
    }

    fn push(&mut self, entry: Entry<P>) {
        self.due = self.due.min(entry.next);
        self.all.push(entry);
    }

    fn lift(&mut self, rule: Rule) {
        self.all.retain(|entry| entry.rule != rule);
    }

    fn check(&mut self, sim: &Sim<P>, laws: &mut Option<Box<dyn Laws<P>>>) -> Verdict {
        let now = sim.now;
        let mut broken = None;
        for entry in self.all.iter_mut().filter(|entry| entry.next <= now) {
            entry.next = now.saturating_add(entry.every);
            let verdict = match &mut entry.kind {
                // The first broken rule is the one that counts, but samples are taken and films shot.
                Kind::Own(look) => {
                    look(sim);
                    None
                }
                Kind::Sample { series, value } => {
                    let value = value.ask(sim);
                    if let Some(series) = sim.series.borrow_mut().get_mut(*series) {
                        series.push(now, value);
                    }
                    None
                }
                Kind::Done => None,
                _ if broken.is_some() => None,
                Kind::Laws => laws.as_mut().and_then(|laws| laws.look(sim)),
                Kind::Check(check) => check.ask(sim),
                Kind::Eventually { name, until, limit, holds } => {
                    let (until, limit) = (*until, *limit);
                    entry.next = entry.next.min(until.max(now + 1));
                    if holds.ask(sim) {
                        entry.kind = Kind::Done;
                        None
                    } else {
                        let text = || format!("{name}: has not come about within {limit:?}");
                        (now >= until).then(|| (Broken::Rule(text()), Vec::new()))
                    }
                }
            };
            broken = broken.or(verdict);
        }
        self.all.retain(|entry| !matches!(entry.kind, Kind::Done));
        self.due = self.all.iter().map(|entry| entry.next).min().unwrap_or(u64::MAX);
        broken
    }

    /// The rules that a fork goes on with.
    pub(super) fn copied(&self) -> Self {
        let kind = |kind: &Kind<P>| {
            Some(match kind {
                Kind::Laws => Kind::Laws,
                Kind::Check(check) => Kind::Check(check.copied()),
                Kind::Eventually { name, until, limit, holds } => Kind::Eventually {
                    name: name.clone(),
                    until: *until,
                    limit: *limit,
                    holds: holds.copied(),
                },
                Kind::Sample { series, value } => {
                    Kind::Sample { series: *series, value: value.copied() }
                }
                Kind::Own(_) | Kind::Done => return None,
            })
        };
        let entry = |entry: &Entry<P>| {
            let Entry { rule, every, next, .. } = *entry;
            Some(Entry { rule, every, next, kind: kind(&entry.kind)? })
        };
        Self { due: self.due, all: self.all.iter().filter_map(entry).collect() }
    }
}

impl<P: Protocol> Sim<P> {
    fn add_rule(&mut self, every: Duration, kind: Kind<P>) -> Rule {
        let rule = self.network.next_rule();
        let every = nanos(every).max(1_000);
        self.rules.push(Entry { rule, every, next: self.now, kind });
        rule
    }

    /// Ends a rule, or a sample.
    pub(super) fn lift_rule(&mut self, rule: Rule) {
        self.rules.lift(rule);
    }

    /// From now on, checks a rule as often as `every` while time passes, a microsecond at least. It
    /// answers with what is broken and the nodes concerned, if anything is. [`Sim::lift`] ends it.
    pub fn rule(
        &mut self,
        every: Duration,
        mut check: impl FnMut(&Self) -> Option<(String, Vec<usize>)> + Clone + 'static,
    ) -> Rule {
        let check = move |sim: &Self| check(sim).map(|(rule, nodes)| (Broken::Rule(rule), nodes));
        self.add_rule(every, Kind::Check(Box::new(check)))
    }

    /// From now on something is so, looked at each millisecond: where it is not, a rule is broken that
    /// has this name. [`Sim::lift`] ends it.
    pub fn always(
        &mut self,
        name: impl Into<String>,
        mut holds: impl FnMut(&Self) -> bool + Clone + 'static,
    ) -> Rule {
        let name = name.into();
        self.rule(LOOKED_AT_EVERY, move |sim| {
            (!holds(sim)).then(|| (format!("{name}: is not so any more"), Vec::new()))
        })
    }

    /// From now on something is never so, looked at each millisecond. [`Sim::lift`] ends it.
    pub fn never(
        &mut self,
        name: impl Into<String>,
        mut happens: impl FnMut(&Self) -> bool + Clone + 'static,
    ) -> Rule {
        let name = name.into();
        self.rule(LOOKED_AT_EVERY, move |sim| {
            happens(sim).then(|| (format!("{name}: has come about"), Vec::new()))
        })
    }

    /// Something comes about `within` a span from now on, once, looked at each millisecond; if it does
    /// not, a rule is broken that has this name. [`Sim::lift`] ends it.
    pub fn eventually(
        &mut self,
        name: impl Into<String>,
        within: Duration,
        holds: impl FnMut(&Self) -> bool + Clone + 'static,
    ) -> Rule {
        let (name, until) = (name.into(), self.now.saturating_add(nanos(within)));
        let holds = Box::new(holds);
        self.add_rule(LOOKED_AT_EVERY, Kind::Eventually { name, until, limit: within, holds })
    }

    /// From now on keeps a value as often as `every`, under a name: see [`Sim::series`], and the page of
    /// a [`Film`](crate::Film), which draws it. [`Sim::lift`] ends it.
    pub fn sample(
        &mut self,
        name: impl Into<String>,
        every: Duration,
        value: impl FnMut(&Self) -> u64 + Clone + 'static,
    ) -> Rule {
        let series = self.series.borrow().len();
        self.series.borrow_mut().push(Series::new(name.into()));
        self.add_rule(every, Kind::Sample { series, value: Box::new(value) })
    }

    /// The values that were kept, by name: of two samples of one name both.
    #[must_use]
    pub fn series(&self) -> Vec<Series> {
        self.series.borrow().clone()
    }

    /// The values that were kept as a line of JSON for each sample: its name, and pairs of nanoseconds
    /// and value.
    #[must_use]
    pub fn series_as_json(&self) -> String {
        #[derive(Serialize)]
        struct Line<'a> {
            kind: &'static str,
            name: &'a str,
            points: &'a [(u64, u64)],
        }

        let line = |series: &Series| {
            let line = Line { kind: "series", name: &series.name, points: &series.points };
            // Numbers and text are always written.
            serde_json::to_string(&line).unwrap_or_default() + "\n"
        };
        self.series.borrow().iter().map(line).collect()
    }

    /// Has something look as often as `every`, in this simulation alone and not in its forks.
    pub(super) fn look_on(&mut self, every: Duration, look: impl FnMut(&Self) + 'static) {
        self.add_rule(every, Kind::Own(Box::new(look)));
    }

    /// Has laws hear each event before it counts, and look as often as `every`.
    pub(crate) fn set_laws(&mut self, every: Duration, laws: impl Laws<P> + 'static) {
        self.laws = Some(Box::new(laws));
        self.add_rule(every, Kind::Laws);
    }

    /// How much is checked from now on. What is left out once stays out.
    pub fn set_checks(&mut self, checks: Checks) {
        if checks != Checks::All {
            self.rules.all.retain(|entry| !matches!(entry.kind, Kind::Laws));
            self.next_replay.0 = u64::MAX;
        }
        if checks == Checks::None {
            self.laws = None;
        }
    }

    /// Has the laws hear an event.
    pub(super) fn judge(&mut self, node: usize, event: &P::Event) {
        if let Some(mut laws) = self.laws.take() {
            let verdict = laws.hear(self, node, event);
            self.laws = Some(laws);
            if let Some((broken, nodes)) = verdict {
                self.fail(broken, &nodes);
            }
        }
    }

    pub(super) fn check_rules(&mut self) {
        let (mut rules, mut laws) = (core::mem::take(&mut self.rules), self.laws.take());
        let verdict = rules.check(self, &mut laws);
        (self.rules, self.laws) = (rules, laws);
        if let Some((broken, nodes)) = verdict {
            self.fail(broken, &nodes);
        }
    }
}

/// The series of a simulation; a film draws them.
pub(super) type AllSeries = Rc<RefCell<Vec<Series>>>;

/// How often rules are looked at that say nothing of it.
const LOOKED_AT_EVERY: Duration = Duration::from_millis(1);

#[cfg(test)]
mod checks {
    use std::cell::Cell;

    use scalesmall_core::{Engine, Event};

    use super::*;
    use crate::sim::lan;

    /// How often it has heard, and looked.
    #[derive(Clone, Default)]
    struct Counter(Rc<Cell<[u64; 2]>>);

    impl Counter {
        fn count(&self, place: usize) -> Verdict {
            let mut counts = self.0.get();
            counts[place] += 1;
            self.0.set(counts);
            None
        }
    }

    impl Laws<Engine> for Counter {
        fn hear(&mut self, _: &Sim<Engine>, _: usize, _: &Event) -> Verdict {
            self.count(0)
        }

        fn look(&mut self, _: &Sim<Engine>) -> Verdict {
            self.count(1)
        }

        fn copied(&self) -> Box<dyn Laws<Engine>> {
            Box::new(self.clone())
        }
    }

    #[test]
    fn what_is_not_checked_is_not_asked_and_happens_all_the_same() {
        let run = |checks| {
            let mut sim = Sim::new(3).nodes(5, lan()).build();
            let counter = Counter::default();
            sim.set_laws(Duration::from_millis(10), counter.clone());
            sim.set_checks(checks);
            sim.run_for(Duration::from_secs(5)).unwrap();
            sim.crash(2);
            sim.run_for(Duration::from_secs(5)).unwrap();
            (counter.0.get(), sim.trace_hash())
        };
        let [all, light, none] = [Checks::All, Checks::Light, Checks::None].map(run);
        assert!(all.0[0] > 20 && all.0[1] > 100, "{all:?}");
        assert_eq!((light.0, none.0), ([all.0[0], 0], [0, 0]));
        assert_eq!((light.1, none.1), (all.1, all.1));
    }
}
