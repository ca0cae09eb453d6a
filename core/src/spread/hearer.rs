//! Hearing speakers: says which one is heard, notices what is missed and when one is heard no
//! more, and asks.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::time::Duration;

use crate::context::Context;
use crate::node::Epoch;
use crate::roster::Ix;
use crate::spread::cover::PROMISE;
use crate::spread::speaker::{BEAT, SETTLING, SLOW_BEAT};
use crate::time::Instant;
use crate::timers::Why;
use crate::wire::Frame;

/// The most speakers that are listened to.
const SPEAKERS: usize = 4;

/// The most whose promises are remembered.
const LISTED: usize = 64;

/// After this long without a word a speaker that covers this node is asked: three beats are
/// missing. A little later at random, as others may ask too.
const SILENCE: Duration = Duration::from_millis(3 * BEAT.as_millis() as u64 + 2);
const SPREAD_OUT: Duration = Duration::from_millis(4);

/// A missing batch is asked for after about this long, then again, so many times: at first soon, as a
/// question or an answer may have been lost, then after twice as long each time, as a speaker that may
/// send little has many to answer. One that is heard is asked as often as a message is tried by
/// unicast; a silent one may be gone.
const PATIENCE: Duration = Duration::from_millis(6);
const ASK_AGAIN: Duration = Duration::from_millis(10);
const ASKINGS: u8 = 12;
const ASKINGS_IN_SILENCE: u8 = 4;

/// With this one a speaker that is heard is told that its answers do not arrive.
const ASKINGS_IN_VAIN: u8 = 6;

/// A speaker that is not heard again within this time, though it answers, is out of earshot.
const RETURN: Duration = Duration::from_millis(250);

/// How often a speaker is told that it is heard.
const WORD: Duration = Duration::from_secs(10);

/// How long it may list this node on such a word for all that this node knows: until the next word,
/// and less than until one that gives way ceases to beat.
const SAID: Duration = Duration::from_secs(25);

/// How long a speaker must be heard before it is told so: doubled each time it is lost.
const HOLD: Duration = Duration::from_secs(1);
const LONGEST_HOLD: Duration = Duration::from_secs(64);

/// A step of the numbers that is not believed to be one of batches missed.
const LEAP: u64 = 1024;

#[derive(Debug)]
struct Asking {
    due: Instant,
    tries: u8,
}

/// What is kept of one speaker.
#[derive(Debug)]
struct Heard {
    speaker: Ix,
    epoch: Epoch,
    /// Since when it has been heard without a break, and when last.
    steady: Instant,
    last: Instant,
    /// When it falls due to be told, when it was, and whether it beats as one that covers others.
    tell: Instant,
    said: Option<Instant>,
    brisk: bool,
    /// Until when it covers this node, as it has listed it.
    covered: Option<Instant>,
    /// All batches up to `have` are here, and those `beyond`; up to `told` there are some.
    have: u64,
    beyond: BTreeSet<u64>,
    told: u64,
    asking: Option<Asking>,
    /// Since when it is not heard, and whether it has answered since.
    away: Option<Instant>,
    answered: bool,
}

impl Heard {
    fn take(&mut self, sequence: u64) {
        if sequence > self.have.saturating_add(LEAP) {
            self.have = sequence;
        } else if sequence > self.have {
            self.beyond.insert(sequence);
        }
        self.told = self.told.max(sequence);
        while self.beyond.first().is_some_and(|&first| first <= self.have.saturating_add(1)) {
            self.have = self.have.max(self.beyond.pop_first().unwrap_or_default());
        }
    }

    /// Whether somebody may count on it on account of this node: it has listed it, or has been told
    /// of late that it is heard, and the list was lost.
    fn is_covered(&self, now: Instant) -> bool {
        let listed = self.covered.is_some_and(|until| until > now);
        listed || self.brisk && self.said.is_some_and(|at| now.since(at) < SAID)
    }

    /// When something is to be done.
    fn due(&self, now: Instant, hold: Duration) -> Instant {
        let tell = self.tell.max(self.steady + hold);
        let Some(away) = self.away else {
            let silence = self.is_covered(now).then(|| self.last + SILENCE);
            let asking = self.asking.as_ref().map(|asking| asking.due);
            return [silence, asking].into_iter().flatten().fold(tell, Instant::min);
        };
        self.asking.as_ref().map_or(away + RETURN, |asking| asking.due.min(away + RETURN))
    }
}

/// What a speaker has promised, whether it is heard at present or not: as soon as it is told that it
/// is, it counts on being asked.
#[derive(Clone, Copy, Debug)]
struct Promise {
    /// Until when it covers this node.
    until: Instant,
    /// In which life it was lost, and up to where its batches were here then.
    left_at: Option<(Epoch, u64)>,
}

/// The speakers that are heard.
#[derive(Debug)]
pub(crate) struct Hearer {
    heard: Vec<Heard>,
    listed: BTreeMap<Ix, Promise>,
    hold: Duration,
}

impl Default for Hearer {
    fn default() -> Self {
        Self { heard: Vec::new(), listed: BTreeMap::new(), hold: HOLD }
    }
}

impl Hearer {
    pub(crate) fn start(&mut self, ctx: &mut Context) {
        *self = Self::default();
        ctx.timers.set(Why::Hearing, None);
    }

    /// Whether a speaker is one of those that are listened to.
    pub(crate) fn hears(&self, speaker: Ix) -> bool {
        self.heard.iter().any(|heard| heard.speaker == speaker)
    }

    /// A speaker said that there are batches up to a number.
    pub(crate) fn on_beat(&mut self, ctx: &mut Context, from: Ix, sequence: u64, multicast: bool) {
        if multicast {
            self.listen(ctx, from, sequence);
        }
        let Some(heard) = self.heard.iter_mut().find(|heard| heard.speaker == from) else {
            return;
        };
        heard.answered |= !multicast;
        if sequence > heard.have.saturating_add(LEAP) || !heard.is_covered(ctx.now) {
            heard.have = heard.have.max(sequence);
            heard.beyond.clear();
        }
        heard.told = heard.told.max(sequence.min(heard.have.saturating_add(LEAP)));
        if heard.told <= heard.have {
            heard.asking = None;
        } else if heard.asking.is_none() {
            let due = ctx.now + ctx.around(PATIENCE);
            heard.asking = Some(Asking { due, tries: 0 });
        }
        self.arm(ctx);
    }

    /// A batch of a speaker has come.
    pub(crate) fn on_batch(&mut self, ctx: &mut Context, from: Ix, sequence: u64, multicast: bool) {
        if multicast {
            self.listen(ctx, from, sequence);
        }
        if let Some(heard) = self.heard.iter_mut().find(|heard| heard.speaker == from) {
            let have = heard.have;
            heard.take(sequence);
            if heard.told <= heard.have {
                heard.asking = None;
            } else if let Some(asking) = heard.asking.as_mut().filter(|_| heard.have > have) {
                // What it is asked for comes, if slowly.
                asking.tries = 0;
            }
        }
    }

    /// This node is listed by a speaker.
    pub(crate) fn on_listed(&mut self, ctx: &mut Context, by: Ix) {
        let until = ctx.now + PROMISE;
        if self.listed.len() >= LISTED {
            self.listed.retain(|_, promise| promise.until > ctx.now);
        }
        if self.listed.len() < LISTED || self.listed.contains_key(&by) {
            self.listed.entry(by).or_insert(Promise { until, left_at: None }).until = until;
        }
        if let Some(heard) = self.heard.iter_mut().find(|heard| heard.speaker == by) {
            heard.covered = Some(until);
            self.arm(ctx);
        }
    }

    /// A speaker was heard by multicast.
    fn listen(&mut self, ctx: &mut Context, from: Ix, sequence: u64) {
        let (now, epoch) = (ctx.now, ctx.life(from).epoch);
        let known = self.heard.iter_mut().find(|heard| heard.speaker == from);
        if let Some(heard) = known.filter(|heard| heard.epoch == epoch) {
            if heard.away.take().is_some() {
                // A few beats were lost: the speaker is to count on this node again.
                (heard.tell, heard.steady, heard.said) = (now, now, Some(now));
                let me = ctx.me().id;
                let frame = Frame::Heard { speaker: ctx.id(from), nodes: [me].into() };
                ctx.say_frame(ctx.bound(from), frame);
            }
            let gap = now.since(heard.last);
            let brisk = gap <= if heard.brisk { SLOW_BEAT / 2 } else { SILENCE };
            let news = brisk && !heard.brisk && heard.said.is_some();
            (heard.brisk, heard.last) = (brisk, now);
            if news {
                // From here on a break will be noticed: now it may count on this node.
                heard.tell = now + SETTLING + ctx.around(HOLD / 2);
                self.arm(ctx);
            }
            return;
        }
        self.heard.retain(|heard| heard.speaker != from);
        if self.heard.len() >= SPEAKERS {
            let idle = self.heard.iter().position(|heard| !heard.is_covered(now));
            let Some(idle) = idle else { return };
            self.heard.swap_remove(idle);
        }
        let promise = self.listed.get_mut(&from).filter(|promise| promise.until > now);
        let covered = promise.as_ref().map(|promise| promise.until);
        // What it has said meanwhile was meant for this node as well, if it had promised that.
        let left_at = promise.and_then(|promise| promise.left_at.take());
        let behind = left_at.filter(|(life, have)| {
            *life == epoch && sequence.checked_sub(*have).is_some_and(|missed| missed < LEAP)
        });
        self.heard.push(Heard {
            speaker: from,
            epoch,
            steady: now,
            last: now,
            tell: now + ctx.around(HOLD),
            said: None,
            brisk: false,
            covered,
            have: behind.map_or(sequence, |(_, have)| have),
            beyond: BTreeSet::new(),
            told: sequence,
            asking: None,
            away: None,
            answered: false,
        });
        self.arm(ctx);
    }

    /// Tells, asks and gives up what is due. Answers whether a speaker was lost.
    /// One that `speaks` itself says of nobody that it hears it: two speakers would wait for each other.
    pub(crate) fn on_timer(&mut self, ctx: &mut Context, speaks: bool) -> bool {
        let best = self.best(ctx).filter(|_| !speaks);
        let mut lost = false;
        let mut at = 0;
        while at < self.heard.len() {
            let heard = &mut self.heard[at];
            if heard.due(ctx.now, self.hold) > ctx.now {
                at += 1;
                continue;
            }
            if let Some(away) = heard.away
                && (ctx.now >= away + RETURN || !ask(ctx, heard))
            {
                if !heard.answered {
                    // Gone altogether: nobody is to count on it on this node's word.
                    ctx.covers.void(heard.speaker);
                }
                lost = true;
                let gone = self.heard.swap_remove(at);
                if let Some(promise) = self.listed.get_mut(&gone.speaker) {
                    promise.left_at = Some((gone.epoch, gone.have));
                }
                self.hold = (2 * self.hold).min(LONGEST_HOLD);
                continue;
            }
            if heard.away.is_none() {
                self.hold = attend(ctx, heard, best == Some(heard.speaker), self.hold);
            }
            at += 1;
        }
        self.arm(ctx);
        lost
    }

    /// The speaker that all who hear the same ones prefer.
    fn best(&self, ctx: &Context) -> Option<Ix> {
        // One whose trial has failed has ceased to beat.
        let beats = |heard: &&Heard| ctx.now.since(heard.last) <= 5 * SLOW_BEAT;
        let present = self.heard.iter().filter(|heard| heard.away.is_none()).filter(beats);
        present.map(|heard| heard.speaker).min_by_key(|&ix| (ctx.position(ix), ctx.id(ix)))
    }

    /// Forgets a node that is leaving the table.
    pub(crate) fn forget(&mut self, ix: Ix) {
        self.heard.retain(|heard| heard.speaker != ix);
        self.listed.remove(&ix);
    }

    fn arm(&self, ctx: &mut Context) {
        let due = self.heard.iter().map(|heard| heard.due(ctx.now, self.hold)).min();
        ctx.timers.set(Why::Hearing, due.map(|due| due.max(ctx.now + Duration::from_micros(100))));
    }
}

/// What is due of a speaker that is within earshot. Answers how long the next one must be heard.
fn attend(ctx: &mut Context, heard: &mut Heard, best: bool, mut hold: Duration) -> Duration {
    let now = ctx.now;
    if heard.is_covered(now) && now >= heard.last + SILENCE {
        heard.away = Some(now);
        heard.answered = false;
        heard.asking = Some(Asking { due: now + ctx.around(SPREAD_OUT), tries: 0 });
        return hold;
    }
    if heard.asking.as_ref().is_some_and(|asking| asking.due <= now) && !ask(ctx, heard) {
        // The log does not reach back that far: repair will find it.
        (heard.have, heard.asking) = (heard.told, None);
    }
    if now >= heard.tell.max(heard.steady + hold) {
        let pause = if heard.brisk { SILENCE } else { SLOW_BEAT + SILENCE };
        if best && now.since(heard.last) <= pause {
            let frame =
                Frame::Heard { speaker: ctx.id(heard.speaker), nodes: [ctx.me().id].into() };
            ctx.say_frame(ctx.bound(heard.speaker), frame);
            heard.said = Some(now);
            hold = (hold / 2).max(HOLD);
        }
        heard.tell = now + ctx.around(WORD);
    }
    hold
}

/// Asks a speaker for what is missing. Answers whether there is hope left.
fn ask(ctx: &mut Context, heard: &mut Heard) -> bool {
    let silent = heard.away.is_some();
    if silent && heard.answered && heard.told <= heard.have {
        heard.asking = None;
        return true;
    }
    let Some(asking) = &mut heard.asking else { return true };
    if asking.due > ctx.now {
        return true;
    }
    if asking.tries >= if silent { ASKINGS_IN_SILENCE } else { ASKINGS } {
        return false;
    }
    asking.due = ctx.now + ASK_AGAIN * (1 << asking.tries.min(if silent { 2 } else { 5 }));
    asking.tries += 1;
    if !silent && asking.tries == ASKINGS_IN_VAIN {
        // The beats arrive, so it may be the size of the answers.
        ctx.say_frame(ctx.bound(heard.speaker), Frame::Narrow);
    }
    ctx.say_frame(ctx.bound(heard.speaker), Frame::Missed { since: heard.have, silent });
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use quickcheck::quickcheck;

    fn heard(have: u64) -> Heard {
        let now = Instant::from_millis(1_000);
        Heard {
            speaker: Ix::from_raw(1),
            epoch: Epoch(1),
            steady: now,
            last: now,
            tell: now,
            said: None,
            brisk: false,
            covered: None,
            have,
            beyond: BTreeSet::new(),
            told: have,
            asking: None,
            away: None,
            answered: false,
        }
    }

    #[test]
    fn gaps_fill_in_any_order() {
        let mut heard = heard(4);
        for (number, have) in [(6, 4), (8, 4), (5, 6), (5, 6), (3, 6), (7, 8)] {
            heard.take(number);
            assert_eq!(heard.have, have, "after {number}");
        }
        assert!(heard.beyond.is_empty());
    }

    #[test]
    fn a_leap_begins_anew_and_the_highest_number_is_the_last() {
        let mut heard = heard(4);
        heard.take(u64::MAX);
        assert_eq!((heard.have, heard.told), (u64::MAX, u64::MAX));
        heard.take(u64::MAX);
        heard.take(7);
        assert_eq!(heard.have, u64::MAX);
    }

    quickcheck! {
        /// What is here without a gap is what a set of all numbers would say.
        fn numbers_are_taken_as_a_set_would(numbers: Vec<u8>) -> bool {
            let mut heard = heard(0);
            let mut all = vec![false; 258];
            all[0] = true;
            numbers.into_iter().all(|number| {
                heard.take(number.into());
                all[usize::from(number)] = true;
                let gap = all.iter().position(|has| !has).unwrap_or(all.len());
                heard.have == gap as u64 - 1
            })
        }
    }
}
