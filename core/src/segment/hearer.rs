//! Hearing speakers: registers with one, notices missing batches and a speaker that is no longer
//! heard, and asks.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::time::Duration;

use crate::base::backoff::{self, Backoff};
use crate::base::{Epoch, Instant, Ix};
use crate::out::{Out, Why};
use crate::picture::Picture;
use crate::segment::received::{LEAP, Received};
use crate::timing::segment::{
    ASK_AFTER, ASK_AGAIN, BEAT, HOLD, LONGEST_HOLD, PRESENT, PROMISE, QUIET_BEAT, RETURN, SAID,
    WORD_EVERY, expected, late, second_look, spread_out,
};
use crate::wire::Frame;

/// The most speakers that this node follows.
const MOST_SPEAKERS: usize = 4;

/// The most speakers whose promises are remembered.
const MOST_LISTED: usize = 64;

/// How often a speaker is asked, each time after twice as long: a speaker with a low send rate has
/// many to answer. At 30 % loss a question or its answer is lost in 51 of 100 cases, so of 48,000
/// batches that are asked for one does not come. A silent speaker may be gone, and is asked less
/// often.
const ASKINGS: u8 = 16;
const ASKINGS_IN_SILENCE: u8 = 4;

/// With this question a speaker that is heard is told that its answers do not arrive.
const ASKINGS_IN_VAIN: u8 = 6;

#[derive(Clone, Debug, Hash)]
struct Asking {
    due: Instant,
    tries: u8,
}

/// The state of one speaker.
#[derive(Clone, Debug, Hash)]
struct Heard {
    speaker: Ix,
    epoch: Epoch,
    /// Since when it has been heard without a break, and when it was last heard.
    steady: Instant,
    last: Instant,
    /// When it last sent a new batch, and how long after `last` the next beat is expected.
    calm: Option<Instant>,
    next: Duration,
    /// When it is next to be told that it is heard, when it last was, and whether it lists or
    /// covers any node.
    tell: Instant,
    said: Option<Instant>,
    lists: bool,
    /// Until when it covers this node according to its lists.
    covered: Option<Instant>,
    batches: Received,
    asking: Option<Asking>,
    /// Since when one beat is late, since when two are, and whether the speaker has answered since.
    doubt: Option<Instant>,
    away: Option<Instant>,
    answered: bool,
    /// The speaker takes this node for one that does not hear it.
    cut_off: bool,
}

impl Heard {
    /// Something has come from it, perhaps a new batch.
    fn hear(&mut self, now: Instant, news: bool) {
        self.last = now;
        if news {
            self.calm = Some(now);
            self.lists = true;
        }
        self.next = self.pause(now);
    }

    /// The longest pause of the speaker after a beat at this time.
    fn pause(&self, at: Instant) -> Duration {
        self.calm.map_or(QUIET_BEAT, |calm| expected(at.since(calm)))
    }

    /// Whether other nodes may rely on it to serve this one: it has listed this node, or it was
    /// lately told that this node hears it, and the list was lost.
    fn is_covered(&self, now: Instant) -> bool {
        let listed = self.covered.is_some_and(|until| until > now);
        listed || self.lists && self.said.is_some_and(|at| now.since(at) < SAID)
    }

    /// When to ask it for a beat that has not come, the first and the second time.
    fn silence(&self) -> Instant {
        match self.doubt {
            None => self.last + late(self.next),
            Some(doubt) => doubt + second_look(self.next),
        }
    }

    /// When something is to be done.
    fn due(&self, now: Instant, hold: Duration) -> Instant {
        let asking = self.asking.as_ref().map_or(Instant::MAX, |asking| asking.due);
        if let Some(away) = self.away {
            return asking.min(away + RETURN);
        }
        let silence = if self.is_covered(now) { self.silence() } else { Instant::MAX };
        self.tell.max(self.steady + hold).min(silence).min(asking)
    }
}

/// What a speaker has promised, whether or not it is heard at present. Once it has been told that
/// it is heard, it expects to be asked.
#[derive(Clone, Copy, Debug, Hash)]
struct Promise {
    /// Until when it covers this node.
    until: Instant,
    /// If it was lost: its life, and the last batch of it that was here.
    left_at: Option<(Epoch, u64)>,
}

/// The speakers that this node hears.
#[derive(Clone, Debug, Hash)]
pub(crate) struct Hearer {
    heard: Vec<Heard>,
    listed: BTreeMap<Ix, Promise>,
    hold: Backoff,
}

impl Default for Hearer {
    fn default() -> Self {
        Self { heard: Vec::new(), listed: BTreeMap::new(), hold: Backoff::new(HOLD) }
    }
}

impl Hearer {
    pub(crate) fn start(&mut self, out: &mut Out) {
        *self = Self::default();
        out.timers.set(Why::Hearing, None);
    }

    /// Whether a speaker is one of those that are listened to.
    pub(crate) fn hears(&self, speaker: Ix) -> bool {
        self.heard.iter().any(|heard| heard.speaker == speaker)
    }

    /// Whether there is a speaker, as far as this node knows.
    pub(crate) fn is_spoken_to(&self, now: Instant) -> bool {
        let present = |heard: &Heard| heard.away.is_none() && now.since(heard.last) <= PRESENT;
        self.heard.iter().any(present)
    }

    /// A speaker said that there are batches up to a number.
    pub(crate) fn on_beat(
        &mut self,
        picture: &Picture,
        out: &mut Out,
        from: Ix,
        sequence: u64,
        multicast: bool,
    ) {
        if multicast {
            self.listen(picture, out, from, sequence, false);
        }
        let Some(heard) = self.heard.iter_mut().find(|heard| heard.speaker == from) else {
            return;
        };
        heard.answered |= !multicast;
        // It multicasts batches, so it covers some nodes, perhaps this one if the list was lost.
        heard.lists |= sequence > heard.batches.have();
        heard.batches.announced(sequence, heard.is_covered(picture.now));
        if heard.batches.is_complete() {
            heard.asking = None;
        } else if heard.asking.is_none() {
            let due = picture.now + out.around(ASK_AFTER);
            heard.asking = Some(Asking { due, tries: 0 });
        }
        self.arm(picture, out);
    }

    /// A batch of a speaker has come.
    pub(crate) fn on_batch(
        &mut self,
        picture: &Picture,
        out: &mut Out,
        from: Ix,
        sequence: u64,
        multicast: bool,
    ) {
        if multicast {
            self.listen(picture, out, from, sequence, true);
        }
        if let Some(heard) = self.heard.iter_mut().find(|heard| heard.speaker == from) {
            let have = heard.batches.have();
            heard.batches.take(sequence);
            // It came by unicast alone, so the speaker takes this node for cut off.
            heard.cut_off |= heard.doubt.is_some() && !multicast;
            if heard.batches.is_complete() {
                heard.asking = None;
            } else if let Some(asking) =
                heard.asking.as_mut().filter(|_| heard.batches.have() > have)
            {
                // Its answers come, if slowly.
                asking.tries = 0;
            }
        }
    }

    /// This node is listed by a speaker.
    pub(crate) fn on_listed(&mut self, picture: &Picture, out: &mut Out, by: Ix) {
        let until = picture.now + PROMISE;
        if self.listed.len() >= MOST_LISTED {
            self.listed.retain(|_, promise| promise.until > picture.now);
        }
        if self.listed.len() < MOST_LISTED || self.listed.contains_key(&by) {
            self.listed.entry(by).or_insert(Promise { until, left_at: None }).until = until;
        }
        if let Some(heard) = self.heard.iter_mut().find(|heard| heard.speaker == by) {
            heard.covered = Some(until);
            self.arm(picture, out);
        }
    }

    /// This node has missed something: a speaker that has been quiet for a while may have sent it,
    /// and this node no longer hears that speaker. It is asked, unless what it sent comes in a
    /// moment.
    pub(crate) fn doubt(&mut self, picture: &Picture, out: &mut Out) {
        let now = picture.now;
        for heard in &mut self.heard {
            let quiet = now.since(heard.last) > late(BEAT);
            if quiet && heard.doubt.is_none() && heard.asking.is_none() && heard.is_covered(now) {
                heard.answered = false;
                heard.doubt = Some(now);
                heard.asking = Some(Asking { due: now + out.around(ASK_AFTER), tries: 0 });
            }
        }
        self.arm(picture, out);
    }

    /// A speaker was heard by multicast: a beat, or a batch.
    fn listen(&mut self, picture: &Picture, out: &mut Out, from: Ix, sequence: u64, batch: bool) {
        let (now, epoch) = (picture.now, picture.life(from).epoch);
        let known = self.heard.iter_mut().find(|heard| heard.speaker == from);
        if let Some(heard) = known.filter(|heard| heard.epoch == epoch) {
            let doubted = heard.doubt.take().is_some();
            if heard.away.take().is_some() || heard.cut_off {
                // A few beats were lost: the speaker is told that this node hears it again.
                (heard.tell, heard.steady, heard.said) = (now, now, Some(now));
                heard.cut_off = false;
                let me = picture.me().id;
                let frame = Frame::Heard { speaker: picture.id(from), nodes: [me].into() };
                out.say_frame(picture.bound(from), frame);
            }
            if doubted && heard.batches.is_complete() {
                heard.asking = None;
            }
            heard.hear(now, batch && heard.batches.is_news(sequence));
            self.arm(picture, out);
            return;
        }
        self.heard.retain(|heard| heard.speaker != from);
        if self.heard.len() >= MOST_SPEAKERS {
            let idle = self.heard.iter().position(|heard| !heard.is_covered(now));
            let Some(idle) = idle else { return };
            self.heard.swap_remove(idle);
        }
        let promise = self.listed.get_mut(&from).filter(|promise| promise.until > now);
        let covered = promise.as_ref().map(|promise| promise.until);
        // What it has sent in the meantime was meant for this node as well, if it had promised
        // that.
        let left_at = promise.and_then(|promise| promise.left_at.take());
        let behind = left_at.filter(|(life, have)| {
            *life == epoch && sequence.checked_sub(*have).is_some_and(|missed| missed < LEAP)
        });
        self.heard.push(Heard {
            speaker: from,
            epoch,
            steady: now,
            last: now,
            calm: batch.then_some(now),
            next: QUIET_BEAT,
            tell: now + out.around(HOLD),
            said: None,
            lists: covered.is_some(),
            covered,
            batches: Received::new(behind.map_or(sequence, |(_, have)| have), sequence),
            asking: None,
            doubt: None,
            away: None,
            answered: false,
            cut_off: false,
        });
        self.arm(picture, out);
    }

    /// A speaker lists hearers: this node may be among them if it has told the speaker that it
    /// hears it.
    pub(crate) fn on_list(&mut self, picture: &Picture, out: &mut Out, by: Ix) {
        if let Some(heard) = self.heard.iter_mut().find(|heard| heard.speaker == by && !heard.lists)
        {
            heard.lists = true;
            self.arm(picture, out);
        }
    }

    /// Does what is due: registers, asks, gives up. Returns whether a speaker was lost. A node that
    /// `speaks` itself registers with nobody: two speakers would wait for each other.
    pub(crate) fn on_timer(&mut self, picture: &mut Picture, out: &mut Out, speaks: bool) -> bool {
        let best = self.best(picture).filter(|_| !speaks);
        let mut lost = false;
        let mut at = 0;
        while at < self.heard.len() {
            let heard = &mut self.heard[at];
            if heard.due(picture.now, self.hold.wait()) > picture.now {
                at += 1;
                continue;
            }
            let over = heard.away.is_some_and(|away| picture.now >= away + RETURN);
            if over || heard.doubt.is_some() && !ask(picture, out, heard) {
                if !heard.answered {
                    // It is gone altogether, so this node no longer relies on its promises.
                    picture.covers.void(heard.speaker);
                }
                lost = true;
                let gone = self.heard.swap_remove(at);
                if let Some(promise) = self.listed.get_mut(&gone.speaker) {
                    promise.left_at = Some((gone.epoch, gone.batches.have()));
                }
                self.hold.grow(LONGEST_HOLD);
                continue;
            }
            if heard.away.is_none() {
                attend(picture, out, heard, best == Some(heard.speaker), &mut self.hold);
            }
            at += 1;
        }
        self.arm(picture, out);
        lost
    }

    /// The preferred speaker, the same for all nodes that hear the same speakers.
    fn best(&self, picture: &Picture) -> Option<Ix> {
        // A speaker whose trial has failed sends no more beats.
        let beats = |heard: &&Heard| picture.now.since(heard.last) <= PRESENT;
        let present = self.heard.iter().filter(|heard| heard.away.is_none()).filter(beats);
        present.map(|heard| heard.speaker).min_by_key(|&ix| (picture.position(ix), picture.id(ix)))
    }

    /// Forgets a node that is leaving the table.
    pub(crate) fn forget(&mut self, ix: Ix) {
        self.heard.retain(|heard| heard.speaker != ix);
        self.listed.remove(&ix);
    }

    fn arm(&self, picture: &Picture, out: &mut Out) {
        let due = self.heard.iter().map(|heard| heard.due(picture.now, self.hold.wait())).min();
        out.timers
            .set(Why::Hearing, due.map(|due| due.max(picture.now + Duration::from_micros(100))));
    }
}

/// Does what is due for a speaker that is heard. `hold` is how long it must be heard.
fn attend(picture: &Picture, out: &mut Out, heard: &mut Heard, best: bool, hold: &mut Backoff) {
    let now = picture.now;
    if heard.is_covered(now) && now >= heard.silence() {
        heard.answered = false;
        heard.asking = Some(Asking { due: now + out.around(spread_out(heard.next)), tries: 0 });
        // One missing beat may be lost; two make the speaker send unicast, and beat often for a
        // moment.
        if heard.doubt.replace(now).is_some() {
            (heard.away, heard.cut_off) = (Some(now), true);
        }
        heard.next = heard.pause(now);
        return;
    }
    if heard.asking.as_ref().is_some_and(|asking| asking.due <= now) && !ask(picture, out, heard) {
        // The log does not reach back that far: repair will find it.
        heard.batches.give_up();
        heard.asking = None;
    }
    if now >= heard.tell.max(heard.steady + hold.wait()) {
        if best && heard.doubt.is_none() && now.since(heard.last) <= late(heard.next) {
            let frame = Frame::Heard {
                speaker: picture.id(heard.speaker),
                nodes: [picture.me().id].into(),
            };
            out.say_frame(picture.bound(heard.speaker), frame);
            heard.said = Some(now);
            hold.shrink(HOLD);
            heard.tell = now + out.around(WORD_EVERY);
        } else {
            heard.tell = now + out.around(WORD_EVERY / 2);
        }
    }
}

/// Asks a speaker for what is missing. Returns false once there is no hope left.
fn ask(picture: &Picture, out: &mut Out, heard: &mut Heard) -> bool {
    let silent = heard.doubt.is_some();
    if silent && heard.answered && heard.batches.is_complete() {
        heard.asking = None;
        return true;
    }
    let Some(asking) = &mut heard.asking else { return true };
    if asking.due > picture.now {
        return true;
    }
    if asking.tries >= if silent { ASKINGS_IN_SILENCE } else { ASKINGS } {
        return false;
    }
    let wait = ask_again(picture, heard.speaker);
    asking.due = picture.now + backoff::after(wait, asking.tries, if silent { 2 } else { 5 });
    asking.tries += 1;
    if !silent && asking.tries == ASKINGS_IN_VAIN {
        // The beats arrive, so it may be the size of the answers.
        out.say_frame(picture.bound(heard.speaker), Frame::Narrow);
    }
    out.say_frame(
        picture.bound(heard.speaker),
        Frame::Missed { since: heard.batches.have(), silent },
    );
    true
}

/// How long a hearer waits for the answer of a speaker, the first time.
fn ask_again(picture: &Picture, speaker: Ix) -> Duration {
    picture.peers.late(speaker).unwrap_or_default().max(ASK_AGAIN)
}
