//! What every node multicasts: its own changes, once, and a beacon by which nodes find each other.

use alloc::vec::Vec;

use crate::base::{Destination, Instant, Ix};
use crate::out::{Event, MulticastState, Say, To, Why};
use crate::picture::Context;
use crate::timing::segment::{FIRST_BEACON, PRESENT};
use crate::wire::Frame;

/// The packets that go to the whole segment.
pub(crate) const EVERYBODY: To = To { at: Destination::Multicast, bound: None, node: None };

/// What multicast has brought lately, and whether it works.
#[derive(Clone, Debug)]
pub(crate) struct Multicast {
    heard: Option<Instant>,
    speaker: Option<Instant>,
    state: MulticastState,
    /// How many beacons have been due since anything showed that multicast works, how many make it
    /// silent, and how many have been due since it last was silent.
    quiet: u32,
    patience: u32,
    calm: u32,
    /// Some of the nodes heard lately, each with the number of beacons that were due since.
    near: Vec<(Ix, u32)>,
}

impl Default for Multicast {
    fn default() -> Self {
        let state = MulticastState::default();
        let (quiet, patience, calm) = (0, PATIENCE, 0);
        Self { heard: None, speaker: None, state, quiet, patience, calm, near: Vec::new() }
    }
}

impl Multicast {
    /// Says hello soon, and at intervals from then on.
    pub(crate) fn start(&mut self, ctx: &mut Context) {
        *self = Self { state: self.state, ..Self::default() };
        let beacon =
            ctx.picture.config.multicast.then(|| ctx.picture.now + ctx.out.around(FIRST_BEACON));
        ctx.out.timers.set(Why::Beacon, beacon);
    }

    /// The state as the embedder knows it.
    pub(crate) fn state(&self) -> MulticastState {
        self.state
    }

    /// Notes that a node was heard; `speaks` if it was a speaker.
    pub(crate) fn heard(&mut self, ctx: &mut Context, from: Ix, speaks: bool) {
        self.heard = Some(ctx.picture.now);
        if let Some((_, since)) = self.near.iter_mut().find(|(ix, _)| *ix == from) {
            *since = 0;
        } else if self.near.len() < CROWD {
            self.near.push((from, 0));
        }
        if speaks {
            self.speaker = Some(ctx.picture.now);
        }
        self.quiet = 0;
        if self.state == MulticastState::Silent {
            self.turn(ctx, MulticastState::Working);
        }
    }

    /// Notes that another node hears this one, or that a speaker covers it.
    pub(crate) fn confirmed(&mut self, ctx: &mut Context) {
        self.quiet = 0;
        self.turn(ctx, MulticastState::Working);
    }

    /// Notes that nobody hears this node. If it hears nobody either, it may simply be alone.
    pub(crate) fn unheard(&mut self, ctx: &mut Context) {
        if self.state == MulticastState::Working && self.hears(ctx) {
            self.turn(ctx, MulticastState::Unheard);
        }
    }

    /// Counts a beacon that is due. Many in a row without a word from the segment are not loss; a
    /// node that has slept has not counted any.
    fn count(&mut self, ctx: &mut Context) {
        let company = ctx.picture.ring.len() > 0;
        self.quiet = if company { self.quiet.saturating_add(1) } else { 0 };
        self.calm = self.calm.saturating_add(1);
        self.near.retain_mut(|(_, since)| {
            *since += 1;
            *since < PATIENCE
        });
        if self.state != MulticastState::Silent && self.quiet >= self.patience {
            // The event gets rarer where multicast works only now and then.
            let steady = self.calm / 8 >= self.patience;
            self.patience = if steady { PATIENCE } else { (2 * self.patience).min(LONGEST) };
            self.turn(ctx, MulticastState::Silent);
        }
        if self.state == MulticastState::Silent {
            self.calm = 0;
        }
    }

    fn turn(&mut self, ctx: &mut Context, to: MulticastState) {
        if ctx.picture.config.multicast && self.state != to {
            let from = core::mem::replace(&mut self.state, to);
            ctx.out.event(Event::Multicast { from, to });
        }
    }

    /// How many nodes share the beacons, as far as this node knows: few in a small segment of a
    /// large cluster.
    fn others(&self, ctx: &Context) -> usize {
        let all = ctx.picture.ring.len();
        match self.state {
            MulticastState::Silent => all.min(RARE),
            _ if self.near.len() < CROWD => all.min(self.near.len() + 1),
            _ => all,
        }
    }

    /// Whether any node was heard lately.
    fn hears(&self, ctx: &Context) -> bool {
        self.heard
            .is_some_and(|at| ctx.picture.now.since(at) <= 4 * ctx.picture.config.beacon_interval)
    }

    /// Whether a speaker was heard lately.
    fn hears_speaker(&self, now: Instant) -> bool {
        self.speaker.is_some_and(|at| now.since(at) <= PRESENT)
    }

    /// Multicasts frames that fit in one packet, once, if that is worth it: if a speaker covers
    /// this node, or if there are few nodes and one was heard lately.
    pub(crate) fn send(&self, ctx: &mut Context, frames: &[Frame]) {
        let lately = self.hears(ctx);
        let few = ctx.picture.ring.len() < ctx.picture.config.least_hearers as usize;
        let worth = ctx.picture.coverer(Ix::ME).is_some() || lately && few;
        if ctx.picture.config.multicast && worth {
            ctx.out.say(EVERYBODY, Say::Frames(frames.to_vec()));
        }
    }

    /// Says that this node is here. A speaker's beats do as much for the whole segment; without a
    /// speaker each node does so with a chance, all together about once per interval.
    pub(crate) fn on_beacon(&mut self, ctx: &mut Context, speaks: bool) {
        self.count(ctx);
        let spoken_for = speaks || self.hears_speaker(ctx.picture.now);
        if !spoken_for && ctx.out.random_below(self.others(ctx)) == 0 {
            ctx.picture.greet(&mut ctx.out, EVERYBODY);
        }
        // A node with a speaker only has to check that the speaker is still there.
        let rarely = if spoken_for { SPOKEN_FOR } else { 1 };
        let wait = ctx.out.around(ctx.picture.config.beacon_interval * rarely);
        ctx.out.timers.set(Why::Beacon, Some(ctx.picture.now + wait));
    }
}

/// How many beacons in a row may be missed at first, and at most. With one beacon per interval in
/// the mean and 30 % loss, 24 of them in a row are missed once in 20 million times.
const PATIENCE: u32 = 24;
const LONGEST: u32 = 64 * PATIENCE;

/// The most nodes nearby that are counted. And while nobody is heard, each node sends at least one
/// beacon in this many, so that it shows when multicast works again.
const CROWD: usize = 8;
const RARE: usize = 64;

/// A node with a speaker looks after its beacon this many times less often.
const SPOKEN_FOR: u32 = 4;
