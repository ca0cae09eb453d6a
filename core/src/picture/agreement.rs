//! Whether this node holds what the others hold, and whether it still hears most of them.
//!
//! Pings and pongs carry roots anyway. A root is a sum, to which each change adds its part: a peer whose
//! root is one that this node has had, and the parts of some of the changes that came to this node around
//! then, differs by the others of these changes, which are on their way from one of the two to the other.
//! Only a root that stays unexplained for [`UNSETTLED`] is that of a peer that holds something else. All
//! of it is bounded, and none of it grows with the cluster.

mod explain;

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::time::Duration;

use crate::base::{Instant, Ix};
use crate::out::{Event, Footing, Out};
use crate::picture::{Picture, State};
use explain::explain;

/// How many of its own roots a node remembers.
const ROOTS: usize = 64;

/// How many comparisons with peers are remembered, and for how long.
const SAMPLES: usize = 64;
const MEMORY: Duration = Duration::from_secs(10);

/// How many changes before a comparison, and after it, may be on their way to one of the two: as many as come
/// in a second or two at ten a second. There are 65,536 ways to choose among so many, which are searched
/// from both ends, by 256 sums each.
const BEFORE: usize = 10;
const AFTER: usize = 6;

/// How many roots are searched for at a time.
const SEARCHES: usize = 4;

/// After how long a root that is not explained is that of a peer that holds something else.
const UNSETTLED: Duration = Duration::from_secs(10);

/// After how long all have the last of many changes, however they got it.
const REPAIRED: Duration = Duration::from_secs(5);

/// A node has heard most of the others if it has heard this many times as many as not.
const MOST: usize = 2;

/// For how many silence windows a node minds that verifiers were silent.
const MINDED: u32 = 4;

/// For how many probe intervals a better footing has to last before it is told.
const STEADY: u32 = 3;

/// How far a node agrees with the others, from what it has found in the last ten seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Agreement {
    /// All of it in a word.
    pub footing: Footing,
    /// With how many peers it has compared its picture. In ten seconds that is about twenty.
    pub compared: u32,
    /// How many of these hold the same, except changes that are on their way.
    pub agree: u32,
    /// The oldest change that one of these lacks, or that this node lacked of it: how stale this node's
    /// picture may be.
    pub lag: Duration,
    /// How many nodes are known and have not left, this one included, and how many of these it hears. Those
    /// that are down count until they are [forgotten](crate::Config::forget_after). Once a node has heard most
    /// of the others for ten seconds, of many at once that it has never heard only a few count: they may be made up.
    pub known: u32,
    /// See `known`.
    pub heard: u32,
}

/// What a comparison has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Found {
    /// The same, but for changes that are so old.
    Agrees(Duration),
    /// A root that this node cannot explain yet.
    Open {
        root: u64,
        /// This node's last root that was looked at for that.
        searched: Option<u64>,
    },
}

#[derive(Clone, Copy, Debug, Hash)]
struct Sample {
    with: Ix,
    at: Instant,
    /// Since when nothing else has been found.
    since: Instant,
    found: Found,
}

/// The memory of roots and comparisons.
#[derive(Clone, Debug, Default, Hash)]
pub(crate) struct Agreements {
    /// This node's roots, each since when it has had it; the last is the present one.
    roots: VecDeque<(u64, Instant)>,
    samples: VecDeque<Sample>,
    /// When this node last found itself cut off from most: the verifiers of a silence were silent as well, or
    /// most of a sample was.
    cut_off: Option<Instant>,
    /// Since when this node has heard most of those that it knows, and how many it had not heard when that had lasted.
    acquainted_since: Option<Instant>,
    strangers: Option<usize>,
    /// What was told last, and since when the footing has been better than that.
    told: Footing,
    better_since: Option<Instant>,
}

impl Agreements {
    /// A life begins: what was found before it counts no more.
    pub(crate) fn start(&mut self) {
        self.samples.clear();
        self.cut_off = None;
    }

    /// This node has this root.
    pub(crate) fn note(&mut self, root: u64, now: Instant) {
        if self.roots.back().is_some_and(|&(last, _)| last == root) {
            return;
        }
        if self.roots.len() == ROOTS {
            self.roots.pop_front();
        }
        self.roots.push_back((root, now));
    }

    /// This node has found itself cut off from most of the others.
    pub(crate) fn found_cut_off(&mut self, now: Instant) {
        self.cut_off = Some(now);
    }

    /// A peer has this root, which is this node's if it is left out.
    pub(crate) fn compared(&mut self, with: Ix, root: Option<u64>, now: Instant) {
        let found = match root {
            None => Found::Agrees(Duration::ZERO),
            Some(root) => {
                let open = Found::Open { root, searched: None };
                self.had(root, now).map_or(open, Found::Agrees)
            }
        };
        let last = self.samples.iter().position(|sample| sample.with == with);
        let last = last.and_then(|at| self.samples.remove(at));
        let open = |found| matches!(found, Found::Open { .. });
        let goes_on = last.filter(|last| open(last.found) && open(found));
        let since = goes_on.map_or(now, |last| last.since);
        if self.samples.len() == SAMPLES {
            self.samples.pop_front();
        }
        self.samples.push_back(Sample { with, at: now, since, found });
    }

    /// Whether this node has heard most of those that it knows, all but so many.
    fn follow_acquaintance(&mut self, knows_most: bool, unheard: usize, now: Instant) {
        if !knows_most {
            self.acquainted_since = None;
        } else if now.since(*self.acquainted_since.get_or_insert(now)) > UNSETTLED {
            self.strangers = Some(unheard);
        }
    }

    /// This node did not run for a while, in which it could not find out what a root means.
    pub(crate) fn slept(&mut self, span: Duration) {
        let open = self.samples.iter_mut().filter(|it| matches!(it.found, Found::Open { .. }));
        open.for_each(|it| (it.at, it.since) = (it.at + span, it.since + span));
    }

    pub(crate) fn forget(&mut self, ix: Ix) {
        self.samples.retain(|sample| sample.with != ix);
    }

    /// Looks again at roots that were not known, and drops what is too old to count.
    fn review(&mut self, now: Instant) {
        let mut samples = core::mem::take(&mut self.samples);
        samples.retain(|sample| now.since(sample.at) <= UNSETTLED + MEMORY);
        let mut searches = 0;
        for sample in &mut samples {
            let Found::Open { root, ref mut searched } = sample.found else { continue };
            let Some(around) = self.around(sample.at) else { continue };
            let last = around.last().map(|&(own, _)| own);
            if searches == SEARCHES || *searched == last {
                continue;
            }
            *searched = last;
            searches += 1;
            if let Some(lag) = explain(root, &around, sample.at) {
                sample.found = Found::Agrees(lag);
            }
        }
        self.samples = samples;
    }

    /// How long ago this node had this root last; `None` if it is not known, or too long ago.
    fn had(&self, root: u64, now: Instant) -> Option<Duration> {
        let known = self.roots.iter().rposition(|&(own, _)| own == root)?;
        // When the next one took its place.
        let ended = self.roots.get(known + 1).map_or(now, |&(_, at)| at);
        Some(now.since(ended)).filter(|behind| *behind <= UNSETTLED)
    }

    /// This node's roots around that time; `None` if it does not remember them any more.
    fn around(&self, at: Instant) -> Option<Vec<(u64, Instant)>> {
        let then = self.roots.partition_point(|&(_, since)| since <= at).checked_sub(1)?;
        let all = then.saturating_sub(BEFORE)..self.roots.len().min(then + 1 + AFTER);
        Some(self.roots.range(all).copied().collect())
    }
}

impl Picture {
    /// How far this node agrees with the others.
    pub(crate) fn agreement(&self) -> Agreement {
        let (known, heard) = self.known_and_heard();
        let (known, heard) = (known as u32, heard as u32);
        // While changes pour in, roots are unexplained that two repairs would find to be equal.
        let last = self.agreements.roots.back();
        let changed = last.map_or(self.now, |&(_, at)| at);
        let still = self.now.since(changed) > UNSETTLED;
        let (mut compared, mut agree, mut apart, mut lag) = (0, 0, 0, Duration::ZERO);
        for sample in &self.agreements.samples {
            let age = self.now.since(sample.at);
            match sample.found {
                Found::Agrees(behind) if age <= MEMORY => {
                    (compared, agree, lag) = (compared + 1, agree + 1, lag.max(behind));
                }
                // Others may have had the last changes later, more of them at once than are searched for.
                Found::Open { .. }
                    if still
                        && sample.at.since(changed) > REPAIRED
                        && self.now.since(sample.since) > UNSETTLED =>
                {
                    (compared, apart) = (compared + 1, apart + 1);
                }
                _ => {}
            }
        }
        let minded = self.config.silence_window * MINDED;
        let cut = self.agreements.cut_off.is_some_and(|at| self.now.since(at) <= minded);
        let footing = if heard * 2 <= known && known > 1 || cut {
            Footing::Minority
        } else if apart * 4 > compared {
            Footing::Apart
        } else if agree == 0 {
            Footing::Unknown
        } else {
            Footing::Agreed
        };
        Agreement { footing, compared, agree, lag, known, heard }
    }
}

impl Picture {
    /// How many nodes are known and have not left, this one included, and how many of these it hears. Of those
    /// that were never heard only as many count as there were before many of them came at once: more may be made up.
    fn known_and_heard(&self) -> (usize, usize) {
        let (known, unheard) = self.known_and_unheard();
        let (alive, silent) =
            (self.peers.total(State::Alive), self.peers.total_unheard(State::Alive));
        let most = self.agreements.strangers.unwrap_or(usize::MAX);
        (known - unheard + unheard.min(most), alive - silent + silent.min(most))
    }

    /// Estimates from a sample, of which `answered` of `asked` have answered, how many nodes this one hears, itself
    /// included. Returns that and how many it knows.
    pub(crate) fn heard_by_sample(&self, answered: usize, asked: usize) -> (usize, usize) {
        let (known, heard) = self.known_and_heard();
        (1 + (heard - 1) * answered / asked.max(1), known)
    }

    /// A sample has found that this node is cut off from most of the others.
    pub(crate) fn found_cut_off(&mut self) {
        self.agreements.found_cut_off(self.now);
    }

    /// How many nodes are known and have not left, this one included, and how many of them were never heard.
    fn known_and_unheard(&self) -> (usize, usize) {
        let states = State::ALL.into_iter().filter(|state| *state != State::Left);
        let sums = states.map(|it| (self.peers.total(it), self.peers.total_unheard(it)));
        sums.fold((0, 0), |(known, unheard), (all, some)| (known + all, unheard + some))
    }

    /// Notes whether this node has heard most of the nodes that it knows. A newcomer may not know of most yet.
    fn note_acquaintance(&mut self) {
        let (known, unheard) = self.known_and_unheard();
        let heard = known - 1 - unheard;
        let knows_most = self.newness.caught_up && heard > 0 && heard >= MOST * unheard;
        self.agreements.follow_acquaintance(knows_most, unheard, self.now);
    }

    /// Notes this node's root, if it has changed.
    pub(crate) fn note_root(&mut self) {
        let root = self.root();
        self.agreements.note(root, self.now);
    }

    /// Tells the embedder how this node stands, if that has changed: at once if it is worse, and if it is
    /// better after a while.
    pub(crate) fn tell_footing(&mut self, out: &mut Out) {
        self.note_root();
        self.note_acquaintance();
        self.agreements.review(self.now);
        let (to, now) = (self.agreement().footing, self.now);
        let agreements = &mut self.agreements;
        let from = agreements.told;
        if to <= from {
            agreements.better_since = None;
        }
        if to == from {
            return;
        }
        if to > from {
            let since = *agreements.better_since.get_or_insert(now);
            if now.since(since) < self.config.probe_interval * STEADY {
                return;
            }
            agreements.better_since = None;
        }
        agreements.told = to;
        out.event(Event::Footing { from, to });
    }
}

#[cfg(test)]
mod tests;
