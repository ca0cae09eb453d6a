//! The speaker of a segment: one node that numbers and multicasts what everybody is to get, and is
//! responsible for the nodes that hear it.
//!
//! Multicast is proved to work all the time: the speaker sends beats (heartbeats) with the number
//! of its last batch, and a node that misses that batch or the beat asks by unicast. A beat follows
//! soon after a batch, and beats get rarer while there is nothing to say ([`crate::timing::segment`]; the
//! variable heartbeat of log-based receiver-reliable multicast: Holbrook, Singhal, Cheriton 1995).
//! A question for a lost batch makes them begin anew. So a lost batch is noticed at once, and a
//! break of multicast itself by the next quiet beat: a node that does not hear the batch at all
//! cannot know sooner, short of a unicast datagram to or from each node for every update. Nodes
//! that hear the speaker tell it so now and then; it lists them to all, in turn, and the tree
//! leaves out the nodes that are listed ([`crate::picture::cover`]). A listing is a promise for a time, a
//! lease: until it ends, the speaker sends everything by unicast to listed nodes that have stopped
//! hearing. Nobody decides which node speaks: a node that hears no speaker for a while tries, and
//! gives way to one with a lower position on the ring.

mod hearers;

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;
use core::time::Duration;

use crate::base::{Epoch, Instant, Ix, backoff};
use crate::out::{Out, Why};
use crate::picture::Picture;
use crate::segment::multicast::EVERYBODY;
use crate::segment::stream::Stream;
use crate::timing::segment::{
    ANSWERS, BEAT, FIRST_LIST, LOOK_AGAIN, MUTE, QUIET_BEAT, REST, TRIAL, TRIAL_BEAT, WAIT_AND_SEE,
    is_lossy, is_second, pause,
};
use crate::wire::{Frame, is_message};

/// The most lists of other speakers that wait to be multicast here.
const MOST_ABROAD: usize = 64;

/// If more lists than this wait, they do not wait for a quiet beat.
const ABROAD_AT_REST: usize = 4;

/// With more hearers cut off than this, everybody gets a unicast copy.
const MANY_CUT_OFF: usize = 48;

#[derive(Clone, Debug, Hash)]
struct Listener {
    epoch: Epoch,
    said: Instant,
    promised: Option<Instant>,
    listings: u32,
    answered: Option<Instant>,
    /// When it first asked because it had missed a beat.
    doubted: Option<Instant>,
}

/// What a node does for its segment.
#[derive(Clone, Debug, Default, Hash)]
pub(crate) struct Speaker {
    /// Since when it has been the speaker.
    since: Option<Instant>,
    /// When its beats last began to get rarer: when a batch was sent, or was reported missing.
    calm: Instant,
    /// Questions since the last quiet beat, and whether those before it were many.
    questions: usize,
    lossy: bool,
    /// It gives way, or nobody hears it: it makes no more promises.
    ending: bool,
    /// Since when most hearers have not heard it.
    mute: Option<Instant>,
    failures: u32,
    candidacy: Option<Instant>,
    stream: Stream,
    hearers: BTreeMap<Ix, Listener>,
    /// Hearers in the order in which they are listed.
    turns: VecDeque<Ix>,
    /// Hearers with a promise that no longer hear it.
    cut_off: BTreeSet<Ix>,
    promised: Option<Instant>,
    next_beat: Option<Instant>,
    next_list: Instant,
    abroad: VecDeque<Frame>,
}

impl Speaker {
    /// Begins a life, or stops speaking after a change of the configuration. Promises are kept.
    pub(crate) fn start(&mut self, picture: &Picture, out: &mut Out, new_life: bool) {
        if new_life {
            *self = Self::default();
        }
        self.stop(picture, out);
        self.arm(out);
    }

    fn stop(&mut self, picture: &Picture, out: &mut Out) {
        self.since = None;
        self.next_beat = None;
        self.hearers.clear();
        self.turns.clear();
        self.abroad.clear();
        self.postpone(picture, out, LOOK_AGAIN);
    }

    /// Whether this node speaks.
    pub(crate) fn speaks(&self) -> bool {
        self.since.is_some()
    }

    /// Whether any node relies on a promise of this one.
    pub(crate) fn has_duty(&self, now: Instant) -> bool {
        self.promised.is_some_and(|until| until > now)
    }

    /// Does not begin to speak for some time, as another node may.
    pub(crate) fn postpone(&mut self, picture: &Picture, out: &mut Out, least: Duration) {
        self.candidacy =
            picture.config.multicast.then(|| picture.now + least + out.around(4 * least));
        self.arm(out);
    }

    /// Another node begins to speak, perhaps in this segment: waits until it is known whether it is
    /// here.
    pub(crate) fn wait_and_see(&mut self, picture: &Picture, out: &mut Out) {
        if self.candidacy.is_some_and(|at| at < picture.now + WAIT_AND_SEE) {
            self.candidacy = Some(picture.now + WAIT_AND_SEE + out.around(WAIT_AND_SEE));
            self.arm(out);
        }
    }

    /// Does what is due: beats, lists, repeats, begins to speak or stops. `spoken_to` says whether
    /// a speaker is heard, `knows` whether this node knows its cluster. Returns whether no hearer
    /// was found, or all have stopped hearing.
    pub(crate) fn on_timer(
        &mut self,
        picture: &mut Picture,
        out: &mut Out,
        spoken_to: bool,
        knows: bool,
    ) -> bool {
        let mut unheard = false;
        if self.candidacy.is_some_and(|at| at <= picture.now) {
            // If the speaker is lost, that will show.
            let calm = spoken_to || self.speaks();
            self.postpone(picture, out, LOOK_AGAIN * if calm { 5 } else { 1 });
            if !calm && knows && picture.ring.len() >= least(picture) {
                self.begin(picture, out);
            }
        }
        if self.next_beat.is_some_and(|at| at <= picture.now) {
            unheard = self.review(picture, out);
            if self.speaks() {
                self.beat(picture, out);
            }
        }
        self.stream.repeat(picture, out);
        self.arm(out);
        unheard
    }

    fn begin(&mut self, picture: &Picture, out: &mut Out) {
        self.since = Some(picture.now);
        (self.ending, self.mute, self.calm) = (false, None, picture.now);
        self.next_beat = Some(picture.now + BEAT);
        let me = picture.me();
        // Others take unbound packets of this life from here on.
        let packet = out.packet + 1;
        picture.tell_all(out, Frame::Vouch { life: me, packet });
        picture.tell_all(out, Frame::Heard { speaker: me.id, nodes: Vec::new() });
    }

    /// Ends a trial that has failed, and a service that nobody relies on any more. Returns whether
    /// nobody hears this node.
    fn review(&mut self, picture: &Picture, out: &mut Out) -> bool {
        let Some(since) = self.since else { return false };
        let mut unheard = false;
        if self.cut_off.len() <= 2 + self.hearers.len() / 2 {
            self.mute = None;
        } else if picture.now.since(*self.mute.get_or_insert(picture.now)) > MUTE {
            self.ending = true;
            unheard = self.cut_off.len() == self.hearers.len();
        }
        if self.has_duty(picture.now) {
            self.failures = 0;
        } else if self.ending {
            self.stop(picture, out);
        } else if picture.now.since(since) > TRIAL && self.hearers.len() < least(picture) {
            unheard = self.hearers.is_empty();
            self.stop(picture, out);
            self.postpone(picture, out, backoff::after(REST, self.failures, 4));
            self.failures += 1;
        }
        unheard
    }

    /// Whether hearers rely on it, or it has enough to begin with.
    fn serves(&self, picture: &Picture) -> bool {
        self.speaks() && (self.has_duty(picture.now) || self.hearers.len() >= least(picture))
    }

    fn beat(&mut self, picture: &mut Picture, out: &mut Out) {
        let serves = self.serves(picture);
        let pause =
            if serves { pause(picture.now.since(self.calm), self.lossy) } else { TRIAL_BEAT };
        if pause == QUIET_BEAT {
            self.lossy = is_lossy(self.questions, self.hearers.len());
            self.questions = 0;
        }
        let mut next = picture.now + pause;
        out.say_frame(EVERYBODY, Frame::Beat { sequence: self.stream.announced(picture.now) });
        let enough = self.hearers.len() >= least(picture) / 2;
        // It is better sent with this beat than in a packet of its own before the next one.
        if serves && !self.ending && self.mute.is_none() && enough && self.next_list < next {
            self.list(picture, out);
            next = next.min(self.next_list);
        }
        for _ in 0..self.abroad.len().div_ceil(4) {
            if let Some(list) = self.abroad.pop_front() {
                out.say_frame(EVERYBODY, list);
            }
        }
        self.next_beat = Some(next);
    }

    /// Beats after this time, and ever more rarely from then on.
    fn quicken(&mut self, picture: &Picture, out: &mut Out, age: Duration) {
        self.calm = picture.now;
        self.hasten(out, picture.now + age);
    }

    /// Makes the next beat come no later than this.
    fn hasten(&mut self, out: &mut Out, at: Instant) {
        self.next_beat = self.next_beat.map(|next| next.min(at));
        self.arm(out);
    }

    /// A node misses batches, or no longer hears this one: it gets what it lacks, by multicast if
    /// many lack the same.
    pub(crate) fn on_missed(
        &mut self,
        picture: &Picture,
        out: &mut Out,
        from: Ix,
        since: u64,
        silent: bool,
    ) {
        let Some(hearer) = self.hearers.get_mut(&from) else { return };
        if hearer.answered.is_some_and(|at| picture.now.since(at) < ANSWERS) {
            return;
        }
        hearer.answered = Some(picture.now);
        self.questions = self.questions.saturating_add(1);
        let missed = self.stream.is_beyond(since);
        // A hearer that has missed a single beat and nothing else is not cut off yet.
        let doubted = hearer.doubted.filter(|_| silent);
        let second = doubted.map_or(Some(false), |at| is_second(picture.now.since(at)));
        if silent && second.is_some() {
            hearer.doubted = Some(picture.now);
        }
        if silent && (missed || second == Some(true)) {
            self.cut_off.insert(from);
        }
        if missed || second == Some(true) {
            self.quicken(picture, out, BEAT);
        }
        let to = picture.bound(from);
        self.stream.answer(picture, out, to, since, silent);
    }

    /// A preferred speaker was heard: this one stops, at once if nobody relies on it; otherwise
    /// once the other has hearers and all promises have run out.
    pub(crate) fn give_way(&mut self, picture: &Picture, out: &mut Out, has_hearers: bool) {
        if self.speaks() && !self.has_duty(picture.now) {
            self.stop(picture, out);
            self.arm(out);
        } else if self.speaks() && has_hearers {
            self.ending = true;
        }
    }

    /// A list of another speaker, to be multicast here.
    pub(crate) fn on_list_from_abroad(&mut self, picture: &Picture, out: &mut Out, list: Frame) {
        if self.speaks() && self.abroad.len() < MOST_ABROAD {
            self.abroad.push_back(list);
            if self.abroad.len() > ABROAD_AT_REST {
                self.hasten(out, picture.now + FIRST_LIST);
            }
        }
    }

    /// Multicasts a batch for the nodes that rely on this one. Returns the nodes that must get it
    /// by unicast, `None` for all. `from` is the node that sent the batch; if it hears this node,
    /// it has multicast the batch as well.
    pub(crate) fn serve(
        &mut self,
        picture: &Picture,
        out: &mut Out,
        frames: &[Frame],
        from: Ix,
    ) -> Option<Vec<Ix>> {
        if !self.has_duty(picture.now) || frames.len() > usize::from(u8::MAX) {
            return Some(Vec::new());
        }
        if self.stream.has(picture.now, frames) {
            return Some(Vec::new());
        }
        // A message that cannot be asked for would be lost; a change is found by repair.
        let pressed = self.stream.is_pressed(picture.now) && frames.iter().any(is_message);
        if self.cut_off.len() > MANY_CUT_OFF || !self.speaks() || pressed {
            return None;
        }
        self.stream.send(picture, out, frames, self.hearers.contains_key(&from));
        // The first beat is the repetition.
        self.quicken(picture, out, BEAT + pause(BEAT, self.lossy));
        Some(self.cut_off.iter().copied().collect())
    }

    /// Forgets a node that is leaving the table.
    pub(crate) fn forget(&mut self, ix: Ix) {
        self.drop(ix);
        self.turns.retain(|&turn| turn != ix);
    }

    fn arm(&self, out: &mut Out) {
        let next = [self.stream.due(), self.next_beat, self.candidacy].into_iter().flatten().min();
        out.timers.set(Why::Beat, next);
    }
}

/// How many hearers are worth the heartbeats.
fn least(picture: &Picture) -> usize {
    picture.config.least_hearers as usize
}
