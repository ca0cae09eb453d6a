//! The speaker of a segment: one node that numbers and multicasts what everybody is to hear, and
//! answers for those who hear it.
//!
//! That multicast works is proved anew all the time: the speaker beats every few milliseconds and
//! names the number of its last batch, so whoever misses a batch or stops hearing notices within a
//! tenth of a second and asks, by unicast (log-based receiver-reliable multicast: Holbrook, Singhal,
//! Cheriton 1995, with a heartbeat of constant rate). Nodes that hear it well say so now and then,
//! and anew when its beats have become fast, by which alone they would notice a break; those it
//! lists to all, in turn, and the tree leaves out who is listed ([`super::cover`]). A listing
//! is a promise for a time: as long as it runs the speaker gives what they get by unicast to those
//! who have stopped hearing. Who speaks is decided by nobody: whoever hears no speaker for a while
//! tries, and gives way to one of a lower position on the ring.

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;
use core::time::Duration;

use crate::context::Context;
use crate::node::Epoch;
use crate::roster::Ix;
use crate::spread::cover::PROMISE;
use crate::spread::multicast::EVERYBODY;
use crate::spread::stream::Stream;
use crate::spread::tree::is_message;
use crate::time::Instant;
use crate::timers::Why;
use crate::wire::{Frame, OVERHEAD};

/// Time between two beats of a speaker that covers others, and of one that finds out who hears it.
pub(crate) const BEAT: Duration = Duration::from_millis(28);
pub(crate) const SLOW_BEAT: Duration = Duration::from_millis(400);

/// A hearer is listed if it has said that it hears this node so long after the beats have become
/// fast, or later: then it notices within a tenth of a second when it ceases to.
pub(crate) const SETTLING: Duration = Duration::from_millis(600);

/// How long a speaker tries to be heard by that many, and how long it rests if it is not.
const TRIAL: Duration = Duration::from_secs(12);
const REST: Duration = Duration::from_secs(60);

/// How long nobody else begins when one has begun.
const WAIT_AND_SEE: Duration = Duration::from_secs(1);

/// For how long most may not hear a speaker until it ends: it may have stood still for a moment.
const MUTE: Duration = Duration::from_secs(5);

/// For how long a hearer's word holds, and within which time all are listed.
const WORD: Duration = Duration::from_secs(40);
const ROUND: Duration = Duration::from_secs(12);
/// A node is vouched for in its first so many lists, then in each so manieth.
const VOUCHES: u32 = 4;
const LEAST_LIST: Duration = Duration::from_millis(60);

/// A promise is kept for longer than it was given, as it was under way, perhaps by way of another
/// speaker.
const GRACE: Duration = Duration::from_secs(10);

/// A node is not answered more often than this.
const ANSWERS: Duration = Duration::from_millis(8);

/// Bounds: hearers, and lists of other speakers that wait to be told here.
const HEARERS: usize = 8192;
const ABROAD: usize = 64;

/// With more hearers cut off than this everybody gets a unicast copy.
const MANY: usize = 48;

/// The most that an entry of a list takes: an id with epoch, two indices, a vouch.
const ENTRY: [usize; 2] = [27, 39];

#[derive(Debug)]
struct Listener {
    epoch: Epoch,
    said: Instant,
    promised: Option<Instant>,
    listings: u32,
    answered: Option<Instant>,
}

/// What a node does for its segment.
#[derive(Debug, Default)]
pub(crate) struct Speaker {
    /// Since when it speaks.
    since: Option<Instant>,
    /// Since when it beats fast.
    brisk: Option<Instant>,
    /// It gives way, or is heard by nobody: no more promises.
    ending: bool,
    /// Since when most do not hear it.
    mute: Option<Instant>,
    failures: u32,
    candidacy: Option<Instant>,
    stream: Stream,
    hearers: BTreeMap<Ix, Listener>,
    /// Hearers in the order in which they are listed.
    turns: VecDeque<Ix>,
    /// Those promised something who do not hear any more.
    cut_off: BTreeSet<Ix>,
    promised: Option<Instant>,
    next_beat: Option<Instant>,
    next_list: Instant,
    abroad: VecDeque<Frame>,
}

impl Speaker {
    /// Begins a life, or stops to speak after a change of the configuration. Promises are kept.
    pub(crate) fn start(&mut self, ctx: &mut Context, new_life: bool) {
        if new_life {
            *self = Self::default();
        }
        self.stop(ctx);
        self.arm(ctx);
    }

    fn stop(&mut self, ctx: &mut Context) {
        (self.since, self.brisk) = (None, None);
        self.next_beat = None;
        self.hearers.clear();
        self.turns.clear();
        self.abroad.clear();
        self.postpone(ctx, SLOW_BEAT * 5);
    }

    /// Whether this node speaks.
    pub(crate) fn speaks(&self) -> bool {
        self.since.is_some()
    }

    /// Whether somebody counts on this node.
    pub(crate) fn has_duty(&self, now: Instant) -> bool {
        self.promised.is_some_and(|until| until > now)
    }

    /// Does not begin to speak before some time has passed, as another may.
    pub(crate) fn postpone(&mut self, ctx: &mut Context, least: Duration) {
        self.candidacy = ctx.config.multicast.then(|| ctx.now + least + ctx.around(4 * least));
        self.arm(ctx);
    }

    /// Another node begins to speak, perhaps in this segment: waits until that is known.
    pub(crate) fn wait_and_see(&mut self, ctx: &mut Context) {
        if self.candidacy.is_some_and(|at| at < ctx.now + WAIT_AND_SEE) {
            self.candidacy = Some(ctx.now + WAIT_AND_SEE + ctx.around(WAIT_AND_SEE));
            self.arm(ctx);
        }
    }

    /// Beats, lists, repeats, begins and ends to speak. `alone` says whether no speaker is heard
    /// and this node knows its cluster. Answers whether nobody has been found to hear it, or all
    /// have ceased to.
    pub(crate) fn on_timer(&mut self, ctx: &mut Context, alone: bool) -> bool {
        let mut unheard = false;
        if self.candidacy.is_some_and(|at| at <= ctx.now) {
            self.postpone(ctx, SLOW_BEAT * 5);
            if alone && ctx.ring.len() >= least(ctx) && !self.speaks() {
                self.begin(ctx);
            }
        }
        if self.next_beat.is_some_and(|at| at <= ctx.now) {
            unheard = self.review(ctx);
            if self.speaks() {
                self.beat(ctx);
            }
        }
        self.stream.repeat(ctx);
        self.arm(ctx);
        unheard
    }

    fn begin(&mut self, ctx: &mut Context) {
        self.since = Some(ctx.now);
        (self.ending, self.mute) = (false, None);
        self.next_beat = Some(ctx.now + BEAT);
        let me = ctx.me();
        // Others take unbound packets of this life from here on.
        ctx.tell_all(Frame::Vouch { life: me, packet: ctx.packet + 1 });
        ctx.tell_all(Frame::Heard { speaker: me.id, nodes: Vec::new() });
    }

    /// Ends a trial that has failed, and a service that nobody counts on any more. Answers whether
    /// nobody hears this node.
    fn review(&mut self, ctx: &mut Context) -> bool {
        let Some(since) = self.since else { return false };
        let mut unheard = false;
        if self.cut_off.len() <= 2 + self.hearers.len() / 2 {
            self.mute = None;
        } else if ctx.now.since(*self.mute.get_or_insert(ctx.now)) > MUTE {
            self.ending = true;
            unheard = self.cut_off.len() == self.hearers.len();
        }
        if self.has_duty(ctx.now) {
            self.failures = 0;
        } else if self.ending {
            self.stop(ctx);
        } else if ctx.now.since(since) > TRIAL && self.hearers.len() < least(ctx) {
            unheard = self.hearers.is_empty();
            self.stop(ctx);
            self.postpone(ctx, REST * (1 << self.failures.min(4)));
            self.failures += 1;
        }
        unheard
    }

    fn beat(&mut self, ctx: &mut Context) {
        let fast = self.has_duty(ctx.now) || self.hearers.len() >= least(ctx);
        self.brisk = fast.then(|| self.brisk.unwrap_or(ctx.now));
        self.next_beat = Some(ctx.now + if fast { BEAT } else { SLOW_BEAT });
        ctx.say_frame(EVERYBODY, Frame::Beat { sequence: self.stream.announced(ctx.now) });
        let due = self.next_list <= ctx.now;
        if fast
            && !self.ending
            && self.mute.is_none()
            && due
            && self.hearers.len() >= least(ctx) / 2
        {
            self.list(ctx);
        } else if let Some(list) = self.abroad.pop_front() {
            ctx.say_frame(EVERYBODY, list);
        }
    }

    /// Lists the next hearers: to the segment, and to the speakers elsewhere.
    fn list(&mut self, ctx: &mut Context) {
        let me = ctx.me().id;
        let entry = ENTRY[usize::from(me.addr().is_ipv6())];
        let most = (ctx.datagram(Ix::ME).saturating_sub(OVERHEAD + 24) / entry).min(MANY);
        let (mut nodes, mut vouches) = (Vec::new(), Vec::new());
        for _ in 0..self.turns.len() {
            if nodes.len() >= most {
                break;
            }
            let Some(ix) = self.turns.pop_front() else { break };
            if !self.keep(ctx, ix) {
                continue;
            }
            self.turns.push_back(ix);
            let promise = ctx.now + PROMISE + GRACE;
            let narrow = ctx.datagram(ix) < ctx.datagram(Ix::ME);
            if narrow && self.is_promised(ix, ctx.now) {
                // What is multicast for all may be too large for it.
                self.cut_off.insert(ix);
            }
            let (brisk, cut_off) = (self.brisk, narrow || self.cut_off.contains(&ix));
            let sure = |hearer: &&mut Listener| {
                !cut_off && brisk.is_some_and(|since| hearer.said >= since + SETTLING)
            };
            if let Some(hearer) = self.hearers.get_mut(&ix).filter(sure) {
                hearer.promised = Some(promise);
                self.promised = Some(promise);
                ctx.note_cover(ix, Ix::ME);
                let life = ctx.life(ix);
                nodes.push(life.id);
                // Once it is known to all, only newcomers need it.
                if hearer.listings < VOUCHES || hearer.listings.is_multiple_of(VOUCHES) {
                    let packet = ctx.peers.get(ix).window.highest();
                    vouches.push(Frame::Vouch { life, packet });
                }
                hearer.listings = hearer.listings.wrapping_add(1);
            }
        }
        let rounds = self.hearers.len().div_ceil(most.max(1)) as u32;
        self.next_list = ctx.now + (ROUND / rounds.max(1)).max(LEAST_LIST);
        if nodes.is_empty() {
            return;
        }
        let heard = Frame::Heard { speaker: me, nodes };
        for other in ctx.speakers() {
            ctx.say_frame(ctx.bound(other), heard.clone());
        }
        // First those that name lives: the others then need no entry of their own in the packet.
        for vouch in vouches {
            ctx.say_frame(EVERYBODY, vouch);
        }
        ctx.say_frame(EVERYBODY, heard);
    }

    /// Whether a hearer stays one: it has said so of late, or there is a promise to keep.
    fn keep(&mut self, ctx: &Context, ix: Ix) -> bool {
        let Some(hearer) = self.hearers.get(&ix) else { return false };
        // One that is merely under suspicion may hear no other.
        let same = hearer.epoch == ctx.life(ix).epoch && ctx.status(ix).is_present();
        let promised = hearer.promised.is_some_and(|until| until > ctx.now);
        let word = ctx.now.since(hearer.said) <= WORD;
        if same && promised && !word {
            self.cut_off.insert(ix);
        }
        let stays = same && (word || promised);
        if !stays {
            self.drop(ix);
        }
        stays
    }

    fn is_promised(&self, ix: Ix, now: Instant) -> bool {
        let promised = self.hearers.get(&ix).and_then(|hearer| hearer.promised);
        promised.is_some_and(|until| until > now)
    }

    fn drop(&mut self, ix: Ix) {
        self.hearers.remove(&ix);
        self.cut_off.remove(&ix);
    }

    /// A node says that it hears this one.
    pub(crate) fn on_heard_by(&mut self, ctx: &Context, from: Ix) {
        let room = self.hearers.len() < HEARERS && !self.ending;
        if !self.speaks() || !room && !self.hearers.contains_key(&from) {
            return;
        }
        let (epoch, said) = (ctx.life(from).epoch, ctx.now);
        if ctx.datagram(from) >= ctx.datagram(Ix::ME) {
            self.cut_off.remove(&from);
        }
        match self.hearers.get_mut(&from) {
            Some(hearer) if hearer.epoch == epoch => {
                hearer.said = said;
                if hearer.promised.is_none() {
                    self.next_list = self.next_list.min(ctx.now + LEAST_LIST);
                }
            }
            known => {
                let is_new = known.is_none();
                let hearer = Listener { epoch, said, promised: None, listings: 0, answered: None };
                self.hearers.insert(from, hearer);
                if is_new {
                    self.turns.push_front(from);
                }
                self.next_list = self.next_list.min(ctx.now + LEAST_LIST);
            }
        }
    }

    /// A node misses batches, or does not hear this one any more: it gets what it lacks, all at
    /// once if many lack the same.
    pub(crate) fn on_missed(&mut self, ctx: &mut Context, from: Ix, since: u64, silent: bool) {
        let Some(hearer) = self.hearers.get_mut(&from) else { return };
        if hearer.answered.is_some_and(|at| ctx.now.since(at) < ANSWERS) {
            return;
        }
        hearer.answered = Some(ctx.now);
        if silent {
            self.cut_off.insert(from);
        }
        let to = ctx.bound(from);
        self.stream.answer(ctx, to, since, silent);
    }

    /// A speaker that is to be preferred was heard: this one ends, at once if nobody counts on it;
    /// else when the other has hearers and the promises have run out.
    pub(crate) fn give_way(&mut self, ctx: &mut Context, has_hearers: bool) {
        if self.speaks() && !self.has_duty(ctx.now) {
            self.stop(ctx);
            self.arm(ctx);
        } else if self.speaks() && has_hearers {
            self.ending = true;
        }
    }

    /// A list of another speaker, to be told here.
    pub(crate) fn on_list_from_abroad(&mut self, list: Frame) {
        if self.speaks() && self.abroad.len() < ABROAD {
            self.abroad.push_back(list);
        }
    }

    /// Multicasts a batch for those who count on it. Answers who must get it by unicast, `None` for
    /// everybody; `from` is who has sent it, and so has multicast it if it hears this node.
    pub(crate) fn serve(
        &mut self,
        ctx: &mut Context,
        frames: &[Frame],
        from: Ix,
    ) -> Option<Vec<Ix>> {
        if !self.has_duty(ctx.now) || frames.len() > usize::from(u8::MAX) {
            return Some(Vec::new());
        }
        if self.stream.has(ctx.now, frames) {
            return Some(Vec::new());
        }
        // A message that cannot be asked for would be lost; a change is found by repair.
        let pressed = self.stream.is_pressed(ctx.now) && frames.iter().any(is_message);
        if self.cut_off.len() > MANY || !self.speaks() || pressed {
            return None;
        }
        self.stream.send(ctx, frames, self.hearers.contains_key(&from));
        self.arm(ctx);
        Some(self.cut_off.iter().copied().collect())
    }

    /// Forgets a node that is leaving the table.
    pub(crate) fn forget(&mut self, ix: Ix) {
        self.drop(ix);
        self.turns.retain(|&turn| turn != ix);
    }

    fn arm(&self, ctx: &mut Context) {
        let next = [self.stream.due(), self.next_beat, self.candidacy].into_iter().flatten().min();
        ctx.timers.set(Why::Beat, next);
    }
}

/// How many hearers are worth the beats.
fn least(ctx: &Context) -> usize {
    ctx.config.least_hearers as usize
}
