//! Whether this node holds what the others hold, and whether it still hears most of them.
//!
//! Pings and pongs carry roots anyway. A root is a sum, to which each change adds its part: a peer whose
//! root is one that this node has had, and the parts of some of the changes that came to this node around
//! then, differs by the others of these changes, which are on their way from one of the two to the other.
//! Only a root that stays unexplained for [`UNSETTLED`] is that of a peer that holds something else. All
//! of it is bounded, and none of it grows with the cluster.

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

/// How many changes before a comparison, and after it, may be on their way to one of the two: as many as come
/// in a second or two at ten a second. There are 65,536 ways to choose among so many, which are searched
/// from both ends, by 256 sums each.
const BEFORE: usize = 10;
const AFTER: usize = 6;

/// How many roots are searched for at a time.
const SEARCHES: usize = 4;

/// After how long a root that is not explained is that of a peer that holds something else.
const UNSETTLED: Duration = Duration::from_secs(10);

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
    /// of the others for ten seconds, only those count that it has heard: others may be made up.
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
    /// When the verifiers of a silence were silent last.
    unconfirmed: Option<Instant>,
    /// Since when this node has heard most of those that it knows, and whether that has lasted once.
    acquainted_since: Option<Instant>,
    is_acquainted: bool,
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
        if self.roots.len() == ROOTS {
            self.roots.pop_front();
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

    /// Whether this node has heard most of those that it knows.
    fn follow_acquaintance(&mut self, knows_most: bool, now: Instant) {
        if !knows_most {
            self.acquainted_since = None;
        } else if now.since(*self.acquainted_since.get_or_insert(now)) > UNSETTLED {
            self.is_acquainted = true;
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

/// Whether a peer that had this root at that time had the first of these roots of this node's and, of the
/// changes that led to the others, all but some: returns how long before or after that time the one that
/// was furthest away came here, of those that only one of the two had.
fn explain(root: u64, own: &[(u64, Instant)], at: Instant) -> Option<Duration> {
    let target = root.wrapping_sub(own.first()?.0);
    let changes: Vec<(u64, Instant)> =
        own.windows(2).map(|pair| (pair[1].0.wrapping_sub(pair[0].0), pair[1].1)).collect();
    let (early, late) = changes.split_at(changes.len() / 2);
    let mut sums = sums(early);
    sums.sort_unstable();
    let mut best: Option<Duration> = None;
    for (sum, chosen) in self::sums(late) {
        let rest = target.wrapping_sub(sum);
        let first = sums.partition_point(|&(known, _)| known < rest);
        for &(_, before) in sums[first..].iter().take_while(|&&(known, _)| known == rest) {
            let had = before | chosen << early.len();
            let lag = changes.iter().enumerate().filter_map(|(place, &(_, came))| {
                let peer_had = had >> place & 1 == 1;
                (peer_had != (came <= at)).then(|| at.since(came).max(came.since(at)))
            });
            let lag = lag.max().unwrap_or_default();
            best = Some(best.map_or(lag, |known| known.min(lag)));
        }
    }
    best.filter(|lag| *lag <= UNSETTLED)
}

/// The sums of all choices among these changes, each with the choice as a mask.
fn sums(changes: &[(u64, Instant)]) -> Vec<(u64, u32)> {
    let mut sums = Vec::with_capacity(1 << changes.len());
    sums.push((0u64, 0));
    for (place, &(change, _)) in changes.iter().enumerate() {
        for at in 0..sums.len() {
            let (sum, chosen) = sums[at];
            sums.push((sum.wrapping_add(change), chosen | 1 << place));
        }
    }
    sums
}

impl Picture {
    /// How far this node agrees with the others.
    pub(crate) fn agreement(&self) -> Agreement {
        let (known, unheard) = self.known_and_unheard();
        let alive = self.peers.total(State::Alive);
        let (known, heard) = match self.agreements.is_acquainted {
            true => (known - unheard, alive - self.peers.total_unheard(State::Alive)),
            false => (known, alive),
        };
        let (known, heard) = (known as u32, heard as u32);
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
                Found::Open { .. } if still && self.now.since(sample.since) > UNSETTLED => {
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
        self.agreements.follow_acquaintance(knows_most, self.now);
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

    /// What is found of this root at this second, at once and in the end.
    fn finds(agreements: &mut Agreements, root: u64, second: u64) -> [Option<u64>; 2] {
        agreements.compared(Ix::of(1), Some(root), seconds(second));
        let lag = |agreements: &Agreements| match agreements.samples[0].found {
            Found::Agrees(lag) => Some(lag.as_secs()),
            Found::Open { .. } => None,
        };
        let at_once = lag(agreements);
        agreements.review(seconds(second));
        [at_once, lag(agreements)]
    }

    #[test]
    fn a_root_of_its_own_past_is_behind_by_the_time_since() {
        let mut agreements = three_changes();
        for (root, lag) in [(111, 0), (11, 7), (1, 8), (0, 9)] {
            assert_eq!(finds(&mut agreements, root, 10), [Some(lag); 2]);
        }
        assert_eq!(finds(&mut agreements, 11, 14), [None, None], "eleven seconds are too long");
    }

    #[test]
    fn a_root_with_some_of_the_last_changes_lacks_the_others() {
        let mut agreements = three_changes();
        // The last change without the one before, that one alone, and the first and the last.
        for (root, lag) in [(101, 8), (10, 9), (101, 8), (110, 9)] {
            assert_eq!(finds(&mut agreements, root, 10), [None, Some(lag)], "{root}");
        }
        assert_eq!(finds(&mut agreements, 77, 10), [None, None]);
    }

    #[test]
    fn a_root_with_changes_that_come_later_was_ahead() {
        let mut agreements = three_changes();
        assert_eq!(finds(&mut agreements, 51_111, 4), [None, None]);
        agreements.note(1_111, seconds(5));
        agreements.review(seconds(5));
        assert!(matches!(found(&agreements)[..], [Found::Open { .. }]));
        agreements.note(51_111, seconds(6));
        agreements.review(seconds(7));
        assert_eq!(found(&agreements), [Found::Agrees(Duration::from_secs(2))]);
    }

    /// Of sixteen changes around a comparison a peer may have had any.
    #[test]
    fn every_choice_of_sixteen_changes_is_found() {
        let mut agreements = Agreements::default();
        let mut change = 1u64;
        let mut root = 0;
        agreements.note(root, Instant::ZERO);
        let mut changes = Vec::new();
        for number in 0..BEFORE + AFTER {
            change = change.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ number as u64;
            changes.push(change);
            root = change.wrapping_add(root);
            agreements.note(root, Instant::from_millis(100 * (number as u64 + 1)));
        }
        let at = Instant::from_millis(100 * BEFORE as u64 + 50);
        let around = agreements.around(at).expect("it is remembered");
        for had in (0u32..1 << (BEFORE + AFTER)).step_by(97) {
            let chosen = changes.iter().enumerate().filter(|(place, _)| had >> place & 1 == 1);
            let sum = chosen.fold(0u64, |sum, (_, change)| sum.wrapping_add(*change));
            let lag = explain(sum, &around, at).expect("it is a sum of these");
            let lacks = (!had & ((1 << BEFORE) - 1)).trailing_zeros() as usize;
            let ahead =
                (had >> BEFORE).checked_ilog2().map_or(0, |last| 100 * u64::from(last) + 50);
            let behind = if lacks < BEFORE { 100 * (BEFORE - lacks) as u64 - 50 } else { 0 };
            assert_eq!(lag.as_millis() as u64, ahead.max(behind), "{had:b}");
            assert_eq!(explain(sum ^ 1, &around, at), None);
        }
    }

    #[test]
    fn roots_and_comparisons_are_bounded_and_grow_old() {
        let mut agreements = Agreements::default();
        for number in 0..1_000 {
            agreements.note(number, seconds(number));
            agreements.compared(Ix::of(number as u32 + 1), None, seconds(number));
        }
        assert_eq!((agreements.roots.len(), agreements.samples.len()), (ROOTS, SAMPLES));
        agreements.review(seconds(1_000));
        assert_eq!(agreements.samples.len(), 20);
        agreements.forget(Ix::of(1_000));
        assert_eq!(agreements.samples.len(), 19);
    }

    /// A node that has slept does not take a peer for apart because of that.
    #[test]
    fn time_in_which_a_node_slept_does_not_count_against_a_root() {
        for slept in [false, true] {
            let (mut picture, _) = crate::picture::of_one();
            picture.now = seconds(1);
            picture.note_root();
            picture.agreements.compared(Ix::of(1), Some(77), picture.now);
            picture.now = seconds(13);
            if slept {
                picture.agreements.slept(Duration::from_secs(12));
            }
            let expected = if slept { Footing::Unknown } else { Footing::Apart };
            assert_eq!(picture.agreement().footing, expected);
        }
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
