//! Whether this node holds what the others hold, and whether it still hears most of them.
//!
//! Pings and pongs carry roots anyway. A root that this node has had itself, or that differs from one of
//! those by one change that it has seen, is that of a peer that is behind or ahead by some time; one that
//! this node reaches later is that of a peer that is ahead. Only a root that stays unexplained for
//! [`UNSETTLED`] is that of a peer that holds something else. All of it is bounded, and none of it grows
//! with the cluster.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::time::Duration;

use crate::base::{Instant, Ix};
use crate::out::{Event, Footing, Out};
use crate::picture::{Picture, State};

/// How many of its own roots a node remembers.
const ROOTS: usize = 64;

/// How many comparisons with peers are remembered, and for how long.
const SAMPLES: usize = 64;
const MEMORY: Duration = Duration::from_secs(10);

/// After how long a root that is not explained is that of a peer that holds something else.
const UNSETTLED: Duration = Duration::from_secs(10);

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
    /// that are down count until they are [forgotten](crate::Config::forget_after).
    pub known: u32,
    /// See `known`.
    pub heard: u32,
}

/// What a comparison has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Found {
    /// The same, but for changes that are so old.
    Agrees(Duration),
    /// A root that this node does not know yet.
    Open(u64),
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
    /// What led from each of them to the next one, and when, in order: a peer's root is compared with all
    /// of them for each ping.
    changes: Vec<(u64, Instant)>,
    samples: VecDeque<Sample>,
    /// When the verifiers of a silence were silent last.
    unconfirmed: Option<Instant>,
    /// What was told last, and since when the footing has been better than that.
    told: Footing,
    better_since: Option<Instant>,
}

impl Agreements {
    /// A life begins: what was found before it counts no more.
    pub(crate) fn start(&mut self) {
        self.samples.clear();
        self.unconfirmed = None;
    }

    /// This node has this root.
    pub(crate) fn note(&mut self, root: u64, now: Instant) {
        if self.roots.back().is_some_and(|&(last, _)| last == root) {
            return;
        }
        if self.roots.len() == ROOTS
            && let Some((first, _)) = self.roots.pop_front()
            && let Some(&(second, at)) = self.roots.front()
            && let Ok(place) = self.changes.binary_search(&(second.wrapping_sub(first), at))
        {
            self.changes.remove(place);
        }
        if let Some(&(last, _)) = self.roots.back() {
            let change = (root.wrapping_sub(last), now);
            let place = self.changes.partition_point(|known| *known < change);
            self.changes.insert(place, change);
        }
        self.roots.push_back((root, now));
    }

    /// Too few verifiers have reported of a silence.
    pub(crate) fn unconfirmed(&mut self, now: Instant) {
        self.unconfirmed = Some(now);
    }

    /// A peer has this root, which is this node's if it is left out.
    pub(crate) fn compared(&mut self, with: Ix, root: Option<u64>, now: Instant) {
        let found = match root {
            None => Found::Agrees(Duration::ZERO),
            Some(root) => self.explain(root, now).map_or(Found::Open(root), Found::Agrees),
        };
        let last = self.samples.iter().position(|sample| sample.with == with);
        let last = last.and_then(|at| self.samples.remove(at));
        let open = |found| matches!(found, Found::Open(_));
        let goes_on = last.filter(|last| open(last.found) && open(found));
        let since = goes_on.map_or(now, |last| last.since);
        if self.samples.len() == SAMPLES {
            self.samples.pop_front();
        }
        self.samples.push_back(Sample { with, at: now, since, found });
    }

    pub(crate) fn forget(&mut self, ix: Ix) {
        self.samples.retain(|sample| sample.with != ix);
    }

    /// Looks again at roots that were not known, and drops what is too old to count.
    fn review(&mut self, now: Instant) {
        let mut samples = core::mem::take(&mut self.samples);
        samples.retain(|sample| now.since(sample.at) <= UNSETTLED + MEMORY);
        for sample in &mut samples {
            if let Found::Open(root) = sample.found
                && let Some(lag) = self.explain(root, now)
            {
                // Measured from then: this node has caught up since.
                sample.found = Found::Agrees(lag.max(now.since(sample.at)));
            }
        }
        self.samples = samples;
    }

    /// How far another root is behind or ahead; `None` if it cannot be told.
    fn explain(&self, root: u64, now: Instant) -> Option<Duration> {
        if self.roots.back().is_some_and(|&(present, _)| present == root) {
            return Some(Duration::ZERO);
        }
        // Each root with the time at which it was replaced.
        let ended = self.roots.iter().skip(1).map(|&(_, at)| at).chain([now]);
        let mut best: Option<Duration> = None;
        let mut take = |lag: Duration| best = Some(best.map_or(lag, |known| known.min(lag)));
        for (&(own, _), ended) in self.roots.iter().zip(ended) {
            let behind = now.since(ended);
            if own == root {
                take(behind);
                continue;
            }
            // One change came to the two in another order: to the one last, to the other not yet.
            let difference = root.wrapping_sub(own);
            for change in [difference, difference.wrapping_neg()] {
                let first = self.changes.partition_point(|&(known, _)| known < change);
                let same = self.changes[first..].iter().take_while(|&&(known, _)| known == change);
                same.for_each(|&(_, at)| take(behind.max(now.since(at))));
            }
        }
        best
    }
}

impl Picture {
    /// How far this node agrees with the others.
    pub(crate) fn agreement(&self) -> Agreement {
        let total = |state| self.peers.total(state) as u32;
        let heard = total(State::Alive);
        let known = self.topology.roster().len() as u32 - total(State::Left);
        // While changes pour in, roots are unexplained that two repairs would find to be equal.
        let last = self.agreements.roots.back();
        let still = last.is_some_and(|&(_, at)| self.now.since(at) > UNSETTLED);
        let (mut compared, mut agree, mut apart, mut lag) = (0, 0, 0, Duration::ZERO);
        for sample in &self.agreements.samples {
            let age = self.now.since(sample.at);
            match sample.found {
                Found::Agrees(behind) if age <= MEMORY => {
                    (compared, agree, lag) = (compared + 1, agree + 1, lag.max(behind));
                }
                Found::Open(_) if still && self.now.since(sample.since) > UNSETTLED => {
                    (compared, apart) = (compared + 1, apart + 1);
                }
                _ => {}
            }
        }
        let minded = self.config.silence_window * MINDED;
        let cut = self.agreements.unconfirmed.is_some_and(|at| self.now.since(at) <= minded);
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
    /// Notes this node's root, if it has changed.
    pub(crate) fn note_root(&mut self) {
        let root = self.root();
        self.agreements.note(root, self.now);
    }

    /// Tells the embedder how this node stands, if that has changed: at once if it is worse, and if it is
    /// better after a while.
    pub(crate) fn tell_footing(&mut self, out: &mut Out) {
        self.note_root();
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
mod tests {
    use super::*;

    fn seconds(seconds: u64) -> Instant {
        Instant::ZERO + Duration::from_secs(seconds)
    }

    fn found(agreements: &Agreements) -> Vec<Found> {
        agreements.samples.iter().map(|sample| sample.found).collect()
    }

    /// Roots 0, 1, 11, 111 at the seconds 0, 1, 2, 3.
    fn three_changes() -> Agreements {
        let mut agreements = Agreements::default();
        for (second, root) in [(0, 0), (1, 1), (2, 11), (3, 111)] {
            agreements.note(root, seconds(second));
        }
        agreements
    }

    #[test]
    fn a_root_of_its_own_past_is_behind_by_the_time_since() {
        let agreements = three_changes();
        let lags = [111, 11, 1, 0].map(|root| agreements.explain(root, seconds(10)));
        assert_eq!(lags, [0, 7, 8, 9].map(|lag| Some(Duration::from_secs(lag))));
        // It has the last change, and not the one before that.
        assert_eq!(agreements.explain(101, seconds(10)), Some(Duration::from_secs(8)));
        assert_eq!(agreements.explain(77, seconds(10)), None);
    }

    #[test]
    fn a_root_that_this_node_reaches_later_was_ahead() {
        let mut agreements = three_changes();
        agreements.compared(Ix::of(1), Some(1_111), seconds(4));
        assert_eq!(found(&agreements), [Found::Open(1_111)]);
        agreements.note(1_111, seconds(5));
        agreements.review(seconds(5));
        assert_eq!(found(&agreements), [Found::Agrees(Duration::from_secs(1))]);
    }

    #[test]
    fn roots_and_comparisons_are_bounded_and_grow_old() {
        let mut agreements = Agreements::default();
        for number in 0..1_000 {
            agreements.note(number, seconds(number));
            agreements.compared(Ix::of(number as u32 + 1), None, seconds(number));
        }
        assert_eq!((agreements.roots.len(), agreements.samples.len()), (ROOTS, SAMPLES));
        let roots: Vec<(u64, Instant)> = agreements.roots.iter().copied().collect();
        let led = roots.windows(2).map(|pair| (pair[1].0.wrapping_sub(pair[0].0), pair[1].1));
        assert!(agreements.changes.iter().copied().eq(led), "all changes are one here");
        agreements.review(seconds(1_000));
        assert_eq!(agreements.samples.len(), 20);
        agreements.forget(Ix::of(1_000));
        assert_eq!(agreements.samples.len(), 19);
    }

    #[test]
    fn a_root_that_stays_unknown_is_apart_in_the_end() {
        let (mut picture, mut out) = crate::picture::of_one();
        picture.now = seconds(1);
        picture.tell_footing(&mut out);
        assert_eq!(picture.agreement().footing, Footing::Unknown);
        for second in 2..20 {
            picture.now = seconds(second);
            picture.agreements.compared(Ix::of(1), Some(77), picture.now);
            picture.tell_footing(&mut out);
            let apart = second > 12;
            let expected = if apart { Footing::Apart } else { Footing::Unknown };
            assert_eq!(picture.agreement().footing, expected, "after {second} s");
        }
        let told = Event::Footing { from: Footing::Unknown, to: Footing::Apart };
        assert_eq!(out.events.pop(), Some(told));
        let root = picture.root();
        for second in 20..26 {
            picture.now = seconds(second);
            picture.agreements.compared(Ix::of(1), Some(root), picture.now);
            picture.tell_footing(&mut out);
        }
        let told = Event::Footing { from: Footing::Apart, to: Footing::Agreed };
        assert_eq!((out.events.pop(), out.events.pop()), (Some(told), None));
    }
}
