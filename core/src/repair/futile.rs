//! Differences that repairs do not remove: they are tried again ever more rarely.
//!
//! A root is a sum, so the difference of two roots stays the same while both nodes take in the same
//! changes. If it is the same again although a repair for it was answered, that repair has moved
//! nothing, and the next one would not either: one side has no room for something, or no datagram
//! large enough for it.

use alloc::collections::VecDeque;
use core::time::Duration;

use crate::base::{Instant, backoff, mix};
use crate::mutants::mutated;
use crate::picture::Picture;

/// How many repairs in a row without an answer count as one that moved nothing: at 30 % loss that is rare.
const LOST_IN_VAIN: u8 = 8;

/// How many differences are remembered, and how many sets of what differed.
const MOST_DIFFERENCES: usize = 64;
const MOST_SETS: usize = 64;

/// From this many repairs in vain on, a node makes one per longest rest, whatever the difference.
const HOPELESS_FROM: u8 = 5;

#[derive(Clone, Debug, Hash)]
struct Entry {
    difference: u64,
    /// When the last repair for it began that counts.
    since: Instant,
    /// When it was seen last.
    seen: Instant,
    /// How often a repair was answered and has not moved it.
    vain: u8,
    answered: bool,
    /// How many repairs were not answered since.
    lost: u8,
}

/// The differences that repairs have not removed.
#[derive(Clone, Debug, Default, Hash)]
pub(super) struct Futile {
    entries: VecDeque<Entry>,
    /// The difference that the last repair was for.
    begun: Option<u64>,
    /// When a repair was last begun although many had been in vain.
    hopeless: Option<Instant>,
    /// Marks of sets that were found to differ, and when.
    sets: VecDeque<(u64, Instant)>,
}

impl Futile {
    /// Whether repairs for a difference have been in vain, and if so, whether it is time for the next.
    pub(super) fn rests(&mut self, picture: &Picture, difference: u64) -> Option<bool> {
        let entry = self.entries.iter_mut().find(|entry| entry.difference == difference)?;
        entry.seen = picture.now;
        if entry.vain == 0 || mutated!(picture.config, RepairRestless) {
            return None;
        }
        let longest = picture.timing.futile_longest;
        let rest = backoff::after(picture.config.repair_interval, entry.vain, 16).min(longest);
        let hopeless = entry.vain >= HOPELESS_FROM
            && self.hopeless.is_some_and(|last| picture.now.since(last) < longest);
        Some(picture.now.since(entry.since) < rest || hopeless)
    }

    /// A repair begins for a difference.
    pub(super) fn begin(&mut self, picture: &Picture, difference: u64) {
        let kept = 2 * picture.timing.futile_longest;
        self.entries.retain(|entry| picture.now.since(entry.seen) <= kept);
        self.begun = Some(difference);
        let known = self.entries.iter_mut().find(|entry| entry.difference == difference);
        if let Some(entry) = known {
            // A repair that is under way is not in vain yet. Lost ones are, if all are lost.
            entry.lost = entry.lost.saturating_add(u8::from(!entry.answered));
            if (entry.answered || entry.lost >= LOST_IN_VAIN)
                && picture.now.since(entry.since) >= picture.config.repair_interval
            {
                entry.vain = entry.vain.saturating_add(1);
                entry.since = picture.now;
                (entry.answered, entry.lost) = (false, 0);
            }
            if entry.vain >= HOPELESS_FROM {
                self.hopeless = Some(picture.now);
            }
            return;
        }
        if self.entries.len() >= MOST_DIFFERENCES {
            self.entries.pop_front();
        }
        let (since, seen) = (picture.now, picture.now);
        self.entries.push_back(Entry {
            difference,
            since,
            seen,
            vain: 0,
            answered: false,
            lost: 0,
        });
    }

    /// The last repair was answered.
    pub(super) fn answered(&mut self) {
        let begun = self.begun;
        let entry = self.entries.iter_mut().find(|entry| Some(entry.difference) == begun);
        if let Some(entry) = entry {
            entry.answered = true;
        }
    }

    /// Whether exactly this set was found to differ a short while ago.
    pub(super) fn is_old(&mut self, picture: &Picture, differs: impl Iterator<Item = u64>) -> bool {
        let mark = differs.fold(0, |mark, element| mix(mark ^ element));
        let fresh = |at: Instant, span: Duration| picture.now.since(at) <= span;
        let longest = picture.timing.futile_longest;
        self.sets.retain(|(_, at)| fresh(*at, longest));
        if let Some((_, at)) = self.sets.iter_mut().find(|(known, _)| *known == mark) {
            // Within a reunion nodes look around for the same differences all the time.
            return !mutated!(picture.config, RepairRestless)
                && !fresh(*at, picture.timing.reunion);
        }
        if self.sets.len() >= MOST_SETS {
            self.sets.pop_front();
        }
        self.sets.push_back((mark, picture.now));
        false
    }
}
