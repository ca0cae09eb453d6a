//! Watching a peer that did not answer: on one's own account, or because another asked.
//!
//! A suspicion stays with those who look: the accuser, and a few verifiers that it recruits when
//! half of the window has passed in silence. Each sends pings of its own, and only an answer to
//! one's own ping is evidence of life. Few pings are sent: a node that cannot keep up with what it
//! gets must not be given more for that.

use alloc::vec::Vec;
use core::time::Duration;

use crate::base::{Instant, Ix};
use crate::claims::Claim;
use crate::membership::watch::{Asker, Conclusion, MOST_PER_WATCH, Watch, is_small, say_found};
use crate::mutants::mutated;
use crate::out::{Cause, Out, Say, Why};
use crate::picture::{Picture, Trigger};
use crate::wire::{Finding, Frame};

/// This many verified suspects within [`Timing::mass_span`](crate::timing::Timing::mass_span) are a mass
/// crash.
const MASS: usize = 3;

/// All peers being watched.
#[derive(Clone, Debug, Default, Hash)]
pub(crate) struct Watches {
    list: Vec<Watch>,
    /// The peers that answered recently while others wanted to know.
    answered: Vec<(Ix, Instant)>,
    /// The peers found silent by another as well, or called down, within
    /// [`Timing::mass_span`](crate::timing::Timing::mass_span).
    verified: Vec<(Ix, Instant)>,
    slow: Vec<(Ix, Instant)>,
    /// Whether a peer has had to be asked again since that was asked.
    silent: bool,
}

impl Watches {
    /// Suspects a peer that has left a probe unanswered.
    pub(crate) fn suspect(&mut self, picture: &mut Picture, out: &mut Out, ix: Ix, since: Instant) {
        if !picture.is_watchable(ix) {
            return;
        }
        let Some((at, _)) = self.watch(picture, out, ix) else {
            return;
        };
        out.stats.suspicions += 1;
        let slow = self.slow_until(ix);
        let watch = &mut self.list[at];
        // However long the probe took, others need a while to look.
        let share = if is_small(picture) { 2 } else { 4 };
        let look = if watch.own { Duration::ZERO } else { picture.config.silence_window / share };
        watch.own = true;
        // If others have had this node look already, the silence began when it started to.
        let over = watch.until <= picture.now;
        watch.since = if over { since } else { watch.since.min(since) };
        if over {
            watch.verifiers.clear();
        }
        watch.until =
            (watch.since + picture.config.silence_window).max(slow).max(picture.now + look);
        watch.next = watch.next.min(watch.until.max(picture.now + picture.timing.first_gap));
        if !picture.peers.is_dubious(ix) {
            out.say_frame(picture.bound(ix), Frame::Suspicion);
            out.say(picture.bound(ix), Say::Ping);
        }
        (watch.recruited, watch.widened) = (false, false);
        watch.recruit_in_time(picture, out);
        picture.observe(out, ix, Trigger::Unanswered, Cause::Unanswered);
        self.arm(picture, out);
    }

    /// Looks at a peer because another asks for it.
    pub(crate) fn verify(
        &mut self,
        picture: &Picture,
        out: &mut Out,
        asker: Ix,
        suspect: Ix,
        millis: u32,
    ) {
        let span = Duration::from_millis(u64::from(millis)).min(picture.timing.slowest);
        // The asker has heard nothing for the part of the window that has passed. If the suspect has
        // answered this node in that time, it is not silent: the report of it was lost.
        let silent =
            picture.config.silence_window.saturating_sub(span).min(picture.timing.report_memory);
        if self.answered.iter().any(|&(ix, at)| ix == suspect && picture.now.since(at) <= silent) {
            say_found(suspect, asker, Finding::Answers, picture, out);
            return;
        }
        if span.is_zero() && !self.list.iter().any(|watch| watch.ix == suspect) {
            // A reminder of a watch that is over, or that never was.
            return;
        }
        let Some((at, begun)) = self.watch(picture, out, suspect) else {
            return;
        };
        if begun {
            // It may have begun a new life, of which the asker does not know.
            self.list[at].unbound = true;
            picture.greet_everywhere(out, suspect);
        }
        let watch = &mut self.list[at];
        if !span.is_zero() && watch.until <= picture.now && !watch.own {
            // New, or over: a window that is running serves this asker too. One of this node's own
            // that is over waits for others, and is as good.
            watch.since = picture.now;
            watch.until = picture.now + span;
            watch.begin_asking(picture);
        }
        let due = picture.now + span;
        let told = match watch.askers.iter_mut().find(|known| known.ix == asker) {
            Some(known) => {
                if !span.is_zero() {
                    (known.due, known.told) = (due, false);
                }
                known.told
            }
            None => {
                if watch.askers.len() < MOST_PER_WATCH {
                    let due = if span.is_zero() { watch.until } else { due };
                    watch.askers.push(Asker { ix: asker, due, told: false });
                }
                false
            }
        };
        let silent = told || watch.until <= picture.now;
        let finding = if silent { Finding::Silent } else { Finding::Looking };
        let life = picture.life(suspect);
        out.say_frame(picture.bound(asker), Frame::Verdict { suspect: life, finding });
        self.arm(picture, out);
    }

    /// Takes in what a verifier has seen. Returns until when to probe faster, if many are dying.
    pub(crate) fn reported(
        &mut self,
        picture: &mut Picture,
        out: &mut Out,
        by: Ix,
        suspect: Ix,
        finding: Finding,
    ) -> Option<Instant> {
        if mutated!(picture.config, WordForgotten) && finding != Finding::Looking {
            return None;
        }
        let at = self.list.iter().position(|watch| watch.ix == suspect && watch.own)?;
        let watch = &mut self.list[at];
        let known = watch.verifiers.iter_mut().find(|known| known.ix == by)?;
        let is_late = picture.now.since(known.asked) > Duration::from_millis(10);
        if mutated!(picture.config, WaitIgnoresRoundTrips) && finding == Finding::Silent && is_late
        {
            return None;
        }
        let slot = &mut known.finding;
        if finding == Finding::Looking && *slot == Some(Finding::Silent) {
            // It was said before the other.
            return None;
        }
        *slot = Some(finding);
        match finding {
            Finding::Looking => None,
            Finding::Answers => {
                let cause = Cause::AnsweredOther { verifier: picture.id(by) };
                self.end(picture, out, at, cause);
                None
            }
            Finding::Silent => {
                // The conclusion may be waiting for just this.
                if watch.until <= picture.now && watch.is_decided() {
                    watch.next = picture.now + Duration::from_nanos(1);
                }
                self.arm(picture, out);
                self.note_verified(picture, suspect)
            }
        }
    }

    /// A peer has answered a ping of this node's.
    pub(crate) fn answered(&mut self, picture: &mut Picture, out: &mut Out, ix: Ix) {
        if let Some(at) = self.list.iter().position(|watch| watch.ix == ix) {
            let askers = core::mem::take(&mut self.list[at].askers);
            self.answered.retain(|&(other, at)| {
                other != ix && picture.now.since(at) <= picture.timing.report_memory
            });
            if !askers.is_empty() && self.answered.len() < picture.config.limits.inquiries as usize
            {
                self.answered.push((ix, picture.now));
            }
            for asker in askers {
                say_found(ix, asker.ix, Finding::Answers, picture, out);
            }
            self.end(picture, out, at, Cause::Answered);
        } else {
            picture.observe(out, ix, Trigger::Cleared, Cause::Answered);
        }
    }

    /// A relay has got an answer from a peer that packets of this node do not reach.
    pub(crate) fn vouched(&mut self, picture: &mut Picture, out: &mut Out, ix: Ix, by: Ix) {
        let cause = Cause::AnsweredOther { verifier: picture.id(by) };
        match self.list.iter().position(|watch| watch.ix == ix) {
            Some(at) => self.end(picture, out, at, cause),
            None => picture.observe(out, ix, Trigger::Cleared, cause),
        }
    }

    /// Something better than a suspicion is known of a peer: stop watching it.
    pub(crate) fn drop(&mut self, picture: &Picture, out: &mut Out, ix: Ix) {
        self.list.retain(|watch| watch.ix != ix);
        self.arm(picture, out);
    }

    /// Forgets a peer that is leaving the table.
    pub(crate) fn forget(&mut self, picture: &Picture, out: &mut Out, ix: Ix) {
        self.slow.retain(|(slow, _)| *slow != ix);
        self.answered.retain(|(other, _)| *other != ix);
        self.verified.retain(|(other, _)| *other != ix);
        for watch in &mut self.list {
            watch.verifiers.retain(|known| known.ix != ix);
            watch.askers.retain(|asker| asker.ix != ix);
        }
        self.drop(picture, out, ix);
    }

    /// Withdraws all accusations: this node was asleep while the answers came.
    pub(crate) fn void(&mut self, picture: &mut Picture, out: &mut Out) {
        for watch in core::mem::take(&mut self.list) {
            if watch.own {
                picture.observe(out, watch.ix, Trigger::Cleared, Cause::OwnStall);
            }
        }
        self.arm(picture, out);
    }

    /// Honours a peer's announcement that it will be slow. If as many as `inquiries` allows are remembered already, it
    /// is dropped and not counted; a suspicion of the peer that is running waits for the time all the same.
    pub(crate) fn expect_slow(&mut self, picture: &Picture, ix: Ix, span: Duration) {
        let until = picture.now + span.min(picture.timing.slowest);
        self.slow.retain(|(other, until)| *other != ix && *until > picture.now);
        if self.slow.len() < picture.config.limits.inquiries as usize {
            self.slow.push((ix, until));
        }
        for watch in self.list.iter_mut().filter(|watch| watch.ix == ix && watch.own) {
            watch.until = watch.until.max(until);
        }
    }

    /// Asks again, and concludes where the window has passed; returns the peers that are found to be down.
    pub(crate) fn on_timer(&mut self, picture: &mut Picture, out: &mut Out) -> Vec<Claim> {
        let mut down = Vec::new();
        let mut at = 0;
        while at < self.list.len() {
            let watch = &mut self.list[at];
            if picture.health.trusts_silence(picture.now) {
                watch.report_in_time(picture, out);
            }
            if watch.next > picture.now {
                at += 1;
                continue;
            }
            if watch.until > picture.now {
                self.silent = true;
                watch.ask_again(picture, out);
                at += 1;
                continue;
            }
            let waits = mutated!(picture.config, EndlessSuspicion)
                || !picture.health.trusts_silence(picture.now);
            if watch.own && waits {
                watch.until = picture.now + picture.timing.own_stall_wait;
                watch.next = picture.now + picture.timing.first_gap;
                at += 1;
                continue;
            }
            watch.report_silence(picture, out);
            if watch.own {
                match watch.conclude(picture, out) {
                    Conclusion::Down(claim) => down.push(claim),
                    Conclusion::Unreachable(cause) => {
                        picture.observe(out, watch.ix, Trigger::Unconfirmed, cause);
                        let retry = out.around(picture.config.retry_interval);
                        out.timers.hasten(Why::Comeback, picture.now + retry);
                    }
                    Conclusion::LookOn => {
                        at += 1;
                        continue;
                    }
                }
                self.list.swap_remove(at);
            } else if picture.now.since(watch.until) >= picture.timing.report_memory {
                self.list.swap_remove(at);
            } else {
                watch.next = watch.until + picture.timing.report_memory;
                at += 1;
            }
        }
        self.arm(picture, out);
        down
    }

    /// Whether a peer has had to be asked again since this was called last.
    pub(crate) fn take_silent(&mut self) -> bool {
        core::mem::take(&mut self.silent)
    }

    /// The watch of a peer, and whether it has just been begun; `None` if there are too many.
    fn watch(&mut self, picture: &Picture, out: &mut Out, ix: Ix) -> Option<(usize, bool)> {
        if let Some(at) = self.list.iter().position(|watch| watch.ix == ix) {
            return Some((at, false));
        }
        if self.list.len() >= picture.config.limits.inquiries as usize {
            out.stats.watches_refused += 1;
            return None;
        }
        self.list.push(Watch::new(ix, picture.now, picture.timing.first_gap));
        Some((self.list.len() - 1, true))
    }

    fn end(&mut self, picture: &mut Picture, out: &mut Out, at: usize, cause: Cause) {
        let watch = self.list.swap_remove(at);
        if watch.own {
            out.stats.suspicions_cleared += 1;
        }
        picture.observe(out, watch.ix, Trigger::Cleared, cause);
        self.arm(picture, out);
    }

    /// A suspect has been found silent by another as well, or has been called down. Returns until when to
    /// probe faster, if many are dying.
    pub(crate) fn note_verified(&mut self, picture: &Picture, suspect: Ix) -> Option<Instant> {
        if picture.peers.is_dubious(suspect) {
            return None;
        }
        let now = picture.now;
        let span = picture.timing.mass_span;
        // A suspect of this node's own is called down later, and is one death all the same.
        self.verified.retain(|&(ix, at)| ix != suspect && now.since(at) <= span);
        if self.verified.len() < MOST_PER_WATCH {
            self.verified.push((suspect, now));
        }
        (self.verified.len() >= MASS).then(|| now + picture.timing.mass_haste)
    }

    fn slow_until(&self, ix: Ix) -> Instant {
        self.slow.iter().find(|(slow, _)| *slow == ix).map_or(Instant::ZERO, |&(_, until)| until)
    }

    fn arm(&self, picture: &Picture, out: &mut Out) {
        let next = self.list.iter().map(|watch| {
            let untold = watch.askers.iter().filter(|asker| !asker.told && asker.due > picture.now);
            untold.map(|asker| asker.due).fold(watch.next, Instant::min)
        });
        out.timers.set(Why::Watch, next.min());
    }
}
