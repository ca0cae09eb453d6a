//! Claims about oneself from a higher epoch: a clock that was set back, or a second holder of the id.
//!
//! A node that hears of itself from a higher epoch waits a moment and then renews above it. Whatever
//! others say, nothing silences it: a second holder of its id, or a member that claims there is one,
//! makes it renew, and each time that it is overtaken again soon it waits twice as long. The third time
//! its embedder is told, which alone can decide.
//!
//! A holder that starts while the other one already waits for long would be overtaken too rarely to
//! learn of it in that way. So a node that has told its embedder says so to the one that overtakes it,
//! by a packet bound to that one's life, which is told at once.
//!
//! All of that may be words of a single member. So a node asks the other holder, where that is said to be, with a
//! number that it has to send back, and tells its embedder whether it has.
//!
//! A peer that has heard a live packet of the lower life asks the higher one for an answer; if there
//! is one, both live, and the lower one is told.

use alloc::vec::Vec;
use core::net::SocketAddr;
use core::time::Duration;

use crate::base::{Destination, Epoch, Instant, Ix, Life, backoff};
use crate::out::{Event, Out, Say, To, Why};
use crate::picture::Picture;
use crate::wire::Frame;

/// The most ids that a node can be looking into at once.
const MOST_CONTESTS: usize = 16;

/// From which renewal in a row on the embedder is told of a conflict. A clock that was set back takes
/// one, and a second if a claim was under way.
const CONFLICT_FROM: u32 = 3;

/// The most doublings of the wait before a renewal.
const MOST_DOUBLINGS: u32 = 6;

/// An id of which this peer has heard two lives.
#[derive(Clone, Debug, Hash)]
struct Contest {
    ix: Ix,
    lower: Life,
    addr: SocketAddr,
    until: Instant,
}

/// Renewals that others have caused, each soon after the one before.
#[derive(Clone, Copy, Debug, Hash)]
struct Streak {
    count: u32,
    since: Instant,
    last: Instant,
}

/// A claim about this node that waits, and the contests that this node looks into.
#[derive(Clone, Debug, Default, Hash)]
pub(crate) struct Renewal {
    claimed: Option<(Epoch, Instant)>,
    streak: Option<Streak>,
    /// Where the other holder of this node's id was seen or is said to be.
    pub(crate) rival: Option<SocketAddr>,
    /// When the other holder was last told that this node has told its embedder.
    warned: Option<Instant>,
    /// The highest epoch of another holder that has said the same to this node, and one that has not
    /// answered yet.
    disputed: Option<Epoch>,
    unproven: Option<Epoch>,
    /// The number that the other holder is to send back, and when it was asked.
    question: Option<(u64, Instant)>,
    /// Whether it has answered, and whether the embedder has been told before that.
    answered: bool,
    told_unanswered: bool,
    contests: Vec<Contest>,
}

impl Renewal {
    /// Begins a life. How often others have caused one is remembered.
    pub(crate) fn start(&mut self) {
        (self.claimed, self.contests) = (None, Vec::new());
    }

    /// This node is said to live in a higher epoch, or to have used up in its own what it has not.
    pub(crate) fn claimed(&mut self, picture: &Picture, out: &mut Out, epoch: Epoch) {
        let (highest, at) = match self.claimed {
            Some(waiting) => waiting,
            None => (epoch, picture.now + self.wait(picture, out)),
        };
        self.claimed = Some((highest.max(epoch), at));
        out.timers.set(Why::Renewal, Some(at));
        self.warn(picture, out, epoch);
        if !self.answered {
            self.ask(picture, out);
        }
    }

    /// Asks the other holder for an answer that nobody can have recorded, or made up without having got the
    /// question. One at this node's own address would not get it.
    fn ask(&mut self, picture: &Picture, out: &mut Out) {
        let again = picture.timing.renewal_wait;
        let due = self.question.is_none_or(|(_, at)| picture.now.since(at) >= again);
        let places = &picture.peers.places;
        let Some(rival) = self.rival.filter(|&at| due && !places.has(Ix::ME, at)) else { return };
        let number = out.random();
        self.question = Some((number, picture.now));
        // The claim makes the question longer than its answer.
        let frames = [Frame::Claim(picture.claim(Ix::ME)), Frame::Ping { root: number }];
        let to = To { at: Destination::Unicast(rival), bound: None, node: None };
        out.say(to, Say::Frames(frames.into()));
    }

    /// Another holder of this node's id has sent a number back, bound to this node's life.
    pub(crate) fn on_answer(
        &mut self,
        picture: &Picture,
        out: &mut Out,
        number: u64,
        epoch: Epoch,
        source: SocketAddr,
    ) {
        if self.question.is_none_or(|(asked, _)| asked != number) {
            return;
        }
        (self.question, self.answered, self.rival) = (None, true, Some(source));
        if let Some(epoch) = self.unproven.take() {
            self.disputed = Some(epoch);
            self.tell(picture, out, epoch);
        } else if core::mem::take(&mut self.told_unanswered) {
            self.tell(picture, out, epoch);
        }
    }

    fn tell(&mut self, picture: &Picture, out: &mut Out, epoch: Epoch) {
        let renewals = self.streak.map_or(0, |streak| streak.count);
        let lasted = self.streak.map_or(Duration::ZERO, |streak| picture.now.since(streak.since));
        let (address, answered) = (self.rival, self.answered);
        self.told_unanswered |= !answered;
        out.event(Event::Conflict { epoch, renewals, lasted, address, answered });
    }

    /// Tells the other holder that there are two, if this node has told its embedder. It is told again
    /// for as long as others speak of it, as the packet may be lost.
    fn warn(&mut self, picture: &Picture, out: &mut Out, epoch: Epoch) {
        let is_sure = self.streak.is_some_and(|streak| streak.count >= CONFLICT_FROM);
        let due =
            self.warned.is_none_or(|last| picture.now.since(last) >= picture.timing.renewal_wait);
        let Some(rival) = self.rival.filter(|_| is_sure && due) else { return };
        self.warned = Some(picture.now);
        let me = picture.me();
        let life = Life { id: me.id, epoch };
        let to = To { at: Destination::Unicast(rival), bound: Some(life), node: None };
        out.say_frame(to, Frame::Duplicate { epoch: me.epoch });
    }

    /// A lower life of this node's id says that there are two, bound to this node's life. Its embedder is
    /// told once for each life of the other one, once that has answered.
    pub(crate) fn disputed(
        &mut self,
        picture: &Picture,
        out: &mut Out,
        epoch: Epoch,
        source: SocketAddr,
    ) {
        if self.disputed.is_none_or(|highest| highest < epoch) {
            (self.unproven, self.rival) = (Some(epoch), Some(source));
            self.ask(picture, out);
        }
    }

    /// How long to wait before renewing: longer each time, and not in step with the other holder.
    fn wait(&mut self, picture: &Picture, out: &mut Out) -> Duration {
        let least = picture.timing.renewal_wait;
        let Some(streak) = self.streak else {
            (self.answered, self.told_unanswered) = (false, false);
            return least;
        };
        let wait = backoff::after(least, streak.count, MOST_DOUBLINGS);
        // The other holder has waited for as long at most, and each hears of the other by its next probe.
        if picture.now.since(streak.last) > 4 * wait + 8 * least {
            (self.streak, self.rival) = (None, None);
            (self.answered, self.told_unanswered) = (false, false);
            return least;
        }
        out.around(wait)
    }

    /// The wait is over: returns the epoch to renew in.
    pub(crate) fn on_timer(&mut self, picture: &Picture, out: &mut Out) -> Option<Epoch> {
        let (epoch, _) = self.claimed.take()?;
        if epoch < picture.me().epoch {
            return None;
        }
        let streak =
            self.streak.get_or_insert(Streak { count: 0, since: picture.now, last: picture.now });
        streak.count = streak.count.saturating_add(1);
        streak.last = picture.now;
        if streak.count >= CONFLICT_FROM {
            self.tell(picture, out, epoch);
        }
        // Above by chance, so that a life that was never noticed is not begun a second time.
        let leap = 1 + out.random_below(1 << 22) as u64;
        Some(Epoch(epoch.0.saturating_add(leap)))
    }

    /// A live packet of a life came in that a higher one is known of: see whether both live. Returns `false` if
    /// that has begun already, or if too many are looked into.
    pub(crate) fn contested(
        &mut self,
        picture: &Picture,
        out: &mut Out,
        ix: Ix,
        lower: Life,
        addr: SocketAddr,
    ) -> bool {
        let now = picture.now;
        self.contests.retain(|contest| contest.until > now);
        if self.contests.len() >= MOST_CONTESTS
            || self.contests.iter().any(|case| case.lower == lower)
        {
            return false;
        }
        self.contests.push(Contest { ix, lower, addr, until: now + picture.timing.renewal_wait });
        out.say(picture.bound(ix), Say::Ping);
        true
    }

    /// The life that is known of a peer has answered a ping: if it is contested, both live.
    pub(crate) fn answered(&mut self, picture: &Picture, out: &mut Out, ix: Ix) {
        if self.contests.is_empty() {
            return;
        }
        let epoch = picture.life(ix).epoch;
        for contest in self.contests.extract_if(.., |contest| contest.ix == ix) {
            let same = picture.id(ix) == contest.lower.id;
            if same && contest.until > picture.now && contest.lower.epoch < epoch {
                let to = To {
                    at: Destination::Unicast(contest.addr),
                    bound: Some(contest.lower),
                    node: None,
                };
                out.say_frame(to, Frame::Duplicate { epoch });
            }
        }
    }
}
