//! One peer being watched: it is asked again and again, verifiers are recruited, and what was found
//! is told and judged.

use alloc::vec::Vec;
use core::time::Duration;

use crate::base::backoff::Backoff;
use crate::base::{Instant, Ix, NodeId};
use crate::claims::{Claim, Standing};
use crate::mutants::mutated;
use crate::out::{Cause, Out, Say};
use crate::picture::Picture;
use crate::wire::{Finding, Frame};

/// The most peers of a small cluster.
const SMALL: usize = 7;

/// How often missing reports are asked for before other verifiers are asked.
const REMINDERS_BEFORE_OTHERS: u8 = 4;

/// How often verifiers that have not said what they found are reminded before two that found silence
/// are enough: where many datagrams are lost, the word of one that got an answer may be among them.
const REMINDERS_BEFORE_VERDICT: u8 = 2;

/// How many others are asked [`Timing::last_look`](crate::timing::Timing::last_look) before the window
/// ends.
const LAST_VERIFIERS: usize = 5;

/// Whether so few peers are there that one node's own pings have to make up for verifiers.
///
/// Up to eight verifiers look at a suspect, so a cluster of nine is the first that has all of them. Below
/// that each ping costs little, as few watch and few are watched.
pub(super) fn is_small(picture: &Picture) -> bool {
    picture.ring.len() <= SMALL
}

/// The longest wait between two pings of a watched peer.
fn longest_gap(picture: &Picture) -> Duration {
    if is_small(picture) { picture.timing.small_gap } else { picture.timing.longest_gap }
}

/// The most that the verifiers of one suspicion, and the askers of one watch, can be.
pub(super) const MOST_PER_WATCH: usize = 16;

/// A peer being watched.
#[derive(Clone, Debug, Hash)]
pub(super) struct Watch {
    pub(super) ix: Ix,
    /// Whether this node suspects it, or looks for others only.
    pub(super) own: bool,
    pub(super) since: Instant,
    pub(super) until: Instant,
    pub(super) next: Instant,
    pub(super) gap: Backoff,
    pub(super) unbound: bool,
    pub(super) reminders: u8,
    /// Whether the first verifiers have been asked.
    pub(super) recruited: bool,
    /// Whether the last verifiers have been asked.
    pub(super) widened: bool,
    pub(super) verifiers: Vec<Verifier>,
    pub(super) askers: Vec<Asker>,
}

/// A peer that was asked to look.
#[derive(Clone, Debug, Hash)]
pub(super) struct Verifier {
    pub(super) ix: Ix,
    /// What it has said, if anything has arrived.
    pub(super) finding: Option<Finding>,
    /// When it was asked last.
    pub(super) asked: Instant,
}

/// A peer that has asked for a look.
#[derive(Clone, Debug, Hash)]
pub(super) struct Asker {
    pub(super) ix: Ix,
    /// When it wants to know, if the watch is not over before.
    pub(super) due: Instant,
    /// Whether it has been told of silence.
    pub(super) told: bool,
}

/// What is made of a suspect whose window has passed.
pub(super) enum Conclusion {
    Down(Claim),
    Unreachable(Cause),
    LookOn,
}

impl Watch {
    /// Nobody has asked for it yet, and it has no window.
    pub(super) fn new(ix: Ix, now: Instant, first_gap: Duration) -> Self {
        Self {
            ix,
            own: false,
            since: now,
            until: now,
            next: now + first_gap,
            gap: Backoff::new(first_gap),
            unbound: false,
            reminders: 0,
            recruited: false,
            widened: false,
            verifiers: Vec::new(),
            askers: Vec::new(),
        }
    }

    /// Asks soon, and then ever more rarely.
    pub(super) fn begin_asking(&mut self, picture: &Picture) {
        self.gap = Backoff::new(picture.timing.first_gap);
        self.next = picture.now + self.gap.wait();
    }

    /// Whether all who said that they look have found silence.
    pub(super) fn is_decided(&self) -> bool {
        let mut findings = self.verifiers.iter().filter_map(|known| known.finding).peekable();
        findings.peek().is_some() && findings.all(|finding| finding == Finding::Silent)
    }

    /// Asks up to `wanted` others to look, of those that may reach it: peers that are alive, and if there
    /// are none suspects. At
    /// 30 % loss a peer is suspect for an eighth of the time, and in a cluster of three there is no
    /// other to ask.
    fn recruit(&mut self, picture: &Picture, out: &mut Out, wanted: usize) {
        let places = &picture.peers.places;
        let fits = |ix| ix != self.ix && places.is_direct(ix) && places.share_a_family(ix, self.ix);
        // Those that may be made up report nothing, and a verdict waits for most of those that were asked.
        let any = !picture.peers.prefers_heard();
        let known = |ix| fits(ix) && (any || picture.peers.get(ix).was_heard());
        let mut picked = picture.random_alive(out, wanted, known);
        if picked.is_empty() {
            picked = picture.random_alive(out, wanted, fits);
        }
        if picked.is_empty() {
            let others = (0..picture.ring.len()).map(|at| picture.ring.at(at));
            picked.extend(others.filter(|&ix| fits(ix)).take(wanted));
        }
        for ix in picked {
            if self.verifiers.len() < MOST_PER_WATCH
                && !self.verifiers.iter().any(|known| known.ix == ix)
            {
                self.verifiers.push(Verifier { ix, finding: None, asked: picture.now });
                ask_verifier(self.ix, picture, out, ix, self.left(picture));
            }
        }
    }

    /// Asks again those verifiers of whom more should have been heard by now: what was asked may be
    /// lost, or what was said. That is so after a round trip if nothing has come at all, and after
    /// [`Timing::word_again`](crate::timing::Timing::word_again) if one has said only that it looks.
    fn repeat(&mut self, picture: &Picture, out: &mut Out) {
        let left = self.left(picture);
        for verifier in &mut self.verifiers {
            let late = picture.peers.late(verifier.ix).unwrap_or(picture.config.max_timeout);
            let wait = match verifier.finding {
                None => late,
                Some(Finding::Looking) => late.max(picture.timing.word_again),
                Some(Finding::Answers | Finding::Silent) => continue,
            };
            if picture.now.since(verifier.asked) >= wait {
                verifier.asked = picture.now;
                ask_verifier(self.ix, picture, out, verifier.ix, left);
            }
        }
    }

    /// The milliseconds that are left of the window.
    fn left(&self, picture: &Picture) -> u32 {
        u32::try_from(self.until.since(picture.now).as_millis()).unwrap_or(u32::MAX)
    }

    /// Pings a watched peer, bound and unbound in turn.
    pub(super) fn ask_again(&mut self, picture: &mut Picture, out: &mut Out) {
        self.unbound = !self.unbound;
        picture.peers.note_unanswered(self.ix);
        if picture.peers.is_dubious(self.ix) {
            // It has been asked once, and others ask it as well.
        } else if self.unbound {
            picture.greet_everywhere(out, self.ix);
        } else {
            out.say(picture.bound(self.ix), Say::Ping);
        }
        self.gap.grow(longest_gap(picture));
        self.next = (picture.now + self.gap.wait()).min(self.until);
        if self.own {
            self.repeat(picture, out);
            self.recruit_in_time(picture, out);
        }
    }

    /// Recruits verifiers if it is time to, and looks again when it will be.
    pub(super) fn recruit_in_time(&mut self, picture: &Picture, out: &mut Out) {
        let first = usize::from(picture.config.verifiers);
        if first == 0 {
            return;
        }
        let left = self.until.since(picture.now);
        let early = left.saturating_sub(picture.config.silence_window / 2);
        if !self.recruited && early.is_zero() {
            self.recruited = true;
            self.recruit(picture, out, first);
        }
        let look = picture.timing.last_look.max(2 * picture.peers.usually_late());
        let late = left.saturating_sub(look.min(picture.config.silence_window / 2));
        if !self.widened && late.is_zero() && !picture.peers.is_dubious(self.ix) {
            self.widened = true;
            if !mutated!(picture.config, LateVerifiersOff) {
                self.recruit(picture, out, LAST_VERIFIERS);
            }
        }
        let due = if self.recruited { late } else { early };
        if !due.is_zero() {
            self.next = self.next.min(picture.now + due);
        }
    }

    /// Tells those who want to know by now that there was silence since they asked, though the
    /// watch goes on: this node has a suspicion of its own, from later on.
    pub(super) fn report_in_time(&mut self, picture: &Picture, out: &mut Out) {
        for at in 0..self.askers.len() {
            let asker = &mut self.askers[at];
            if !asker.told && asker.due <= picture.now {
                asker.told = true;
                say_found(self.ix, asker.ix, Finding::Silent, picture, out);
            }
        }
    }

    /// Tells the askers, once, that the whole window was silent.
    pub(super) fn report_silence(&mut self, picture: &Picture, out: &mut Out) {
        for asker in core::mem::take(&mut self.askers) {
            if !asker.told {
                say_found(self.ix, asker.ix, Finding::Silent, picture, out);
            }
        }
    }

    /// Judges a suspect whose window has passed: down, unreachable, or to be looked at further.
    pub(super) fn conclude(&mut self, picture: &mut Picture, out: &mut Out) -> Conclusion {
        let answered = self.verifiers.iter().filter(|known| known.finding.is_some()).count();
        let silent: Vec<NodeId> = self
            .verifiers
            .iter()
            .filter(|known| known.finding == Some(Finding::Silent))
            .map(|known| picture.id(known.ix))
            .collect();
        let reminded = self.reminders >= REMINDERS_BEFORE_VERDICT || self.verifiers.is_empty();
        // A node that hears only a few of those it asks is cut off itself, and they with it.
        let heard = answered > 0 && 2 * answered >= self.verifiers.len();
        if reminded && !heard {
            if self.verifiers.is_empty() {
                return Conclusion::Unreachable(Cause::NobodyToAsk);
            }
            picture.health.worse();
            return Conclusion::Unreachable(Cause::VerifiersSilent);
        }
        if heard && (self.is_decided() || reminded && silent.len() >= answered.min(2)) {
            out.stats.verdicts_down += 1;
            let mut claim = picture.claim(self.ix);
            claim.standing = Standing::Down;
            claim.locator = None;
            claim.accuser = Some(picture.me().id);
            claim.confirmed_by = [silent.first().copied(), silent.get(1).copied()];
            return Conclusion::Down(claim);
        }
        self.reminders += 1;
        if self.reminders > REMINDERS_BEFORE_OTHERS {
            self.reminders = 0;
            // Those who were asked have gone quiet themselves: ask others for a window of theirs.
            self.verifiers.clear();
            self.until = picture.now + picture.config.silence_window;
            self.begin_asking(picture);
            (self.recruited, self.widened) = (true, false);
            self.recruit(picture, out, usize::from(picture.config.verifiers));
        } else {
            // A cut may have ended meanwhile: the suspect may say so itself.
            if !picture.peers.is_dubious(self.ix) {
                picture.greet_everywhere(out, self.ix);
            }
            let mut wait = picture.timing.report_wait;
            let longest = picture.config.max_timeout.max(picture.peers.usually_late());
            for verifier in &mut self.verifiers {
                if verifier.finding != Some(Finding::Silent) {
                    let late = picture.peers.late(verifier.ix).unwrap_or(longest);
                    wait = wait.max(late.min(longest));
                    verifier.asked = picture.now;
                    ask_verifier(self.ix, picture, out, verifier.ix, 0);
                }
            }
            self.next = picture.now + wait;
        }
        Conclusion::LookOn
    }
}

fn ask_verifier(suspect: Ix, picture: &Picture, out: &mut Out, verifier: Ix, millis: u32) {
    let suspect = picture.life(suspect);
    let verify = Frame::Verify { suspect, millis };
    out.say_frame(picture.bound(verifier), verify);
}

pub(super) fn say_found(
    suspect: Ix,
    asker: Ix,
    finding: Finding,
    picture: &Picture,
    out: &mut Out,
) {
    let verdict = Frame::Verdict { suspect: picture.life(suspect), finding };
    out.say_frame(picture.bound(asker), verdict);
}
