//! What every node multicasts: its own changes, once, and a beacon by which nodes find each other.

use alloc::vec::Vec;

use crate::base::{Destination, Instant, Ix};
use crate::out::{Event, MulticastState, Out, Say, To, Why};
use crate::picture::Picture;
use crate::timing::segment::{FIRST_BEACON, PRESENT};
use crate::wire::Frame;

/// The packets that go to the whole segment.
pub(crate) const EVERYBODY: To = To { at: Destination::Multicast, bound: None, node: None };

/// What multicast has brought lately, and whether it works.
#[derive(Clone, Debug, Hash)]
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
        let (quiet, patience, calm) = (0, MISSED_BEACONS, 0);
        Self { heard: None, speaker: None, state, quiet, patience, calm, near: Vec::new() }
    }
}

impl Multicast {
    /// Says hello soon, and at intervals from then on.
    pub(crate) fn start(&mut self, picture: &Picture, out: &mut Out) {
        *self = Self { state: self.state, ..Self::default() };
        let beacon = picture.config.multicast.then(|| picture.now + out.around(FIRST_BEACON));
        out.timers.set(Why::Beacon, beacon);
    }

    /// The state as the embedder knows it.
    pub(crate) fn state(&self) -> MulticastState {
        self.state
    }

    /// Notes that a node was heard; `speaks` if it was a speaker.
    pub(crate) fn heard(&mut self, picture: &Picture, out: &mut Out, from: Ix, speaks: bool) {
        self.heard = Some(picture.now);
        if let Some((_, since)) = self.near.iter_mut().find(|(ix, _)| *ix == from) {
            *since = 0;
        } else if self.near.len() < MOST_NEAR {
            self.near.push((from, 0));
        }
        if speaks {
            self.speaker = Some(picture.now);
        }
        self.quiet = 0;
        if self.state == MulticastState::Silent {
            self.turn(picture, out, MulticastState::Working);
        }
    }

    /// Notes that another node hears this one, or that a speaker covers it.
    pub(crate) fn confirmed(&mut self, picture: &Picture, out: &mut Out) {
        self.quiet = 0;
        self.turn(picture, out, MulticastState::Working);
    }

    /// Notes that nobody hears this node. If it hears nobody either, it may simply be alone.
    pub(crate) fn unheard(&mut self, picture: &Picture, out: &mut Out) {
        if self.state == MulticastState::Working && self.hears(picture) {
            self.turn(picture, out, MulticastState::Unheard);
        }
    }

    /// Counts a beacon that is due. Many in a row without a word from the segment are not loss; a
    /// node that has slept has not counted any.
    fn count(&mut self, picture: &Picture, out: &mut Out) {
        let company = picture.ring.len() > 0;
        self.quiet = if company { self.quiet.saturating_add(1) } else { 0 };
        self.calm = self.calm.saturating_add(1);
        self.near.retain_mut(|(_, since)| {
            *since += 1;
            *since < MISSED_BEACONS
        });
        if self.state != MulticastState::Silent && self.quiet >= self.patience {
            // The event gets rarer where multicast works only now and then: a back-off, but one that
            // counts beacons and not time.
            let steady = self.calm / 8 >= self.patience;
            self.patience =
                if steady { MISSED_BEACONS } else { (2 * self.patience).min(MOST_MISSED_BEACONS) };
            self.turn(picture, out, MulticastState::Silent);
        }
        if self.state == MulticastState::Silent {
            self.calm = 0;
        }
    }

    fn turn(&mut self, picture: &Picture, out: &mut Out, to: MulticastState) {
        if picture.config.multicast && self.state != to {
            let from = core::mem::replace(&mut self.state, to);
            out.event(Event::Multicast { from, to });
        }
    }

    /// How many nodes share the beacons, as far as this node knows: few in a small segment of a
    /// large cluster.
    fn others(&self, picture: &Picture) -> usize {
        let all = picture.ring.len();
        match self.state {
            MulticastState::Silent => all.min(SHARERS_IN_SILENCE),
            _ if self.near.len() < MOST_NEAR => all.min(self.near.len() + 1),
            _ => all,
        }
    }

    /// Whether any node was heard lately.
    fn hears(&self, picture: &Picture) -> bool {
        self.heard.is_some_and(|at| picture.now.since(at) <= 4 * picture.config.beacon_interval)
    }

    /// Whether a speaker was heard lately.
    fn hears_speaker(&self, now: Instant) -> bool {
        self.speaker.is_some_and(|at| now.since(at) <= PRESENT)
    }

    /// Multicasts frames that fit in one packet, once, if that is worth it: if a speaker covers
    /// this node, or if there are few nodes and one was heard lately.
    pub(crate) fn send(&self, picture: &Picture, out: &mut Out, frames: &[Frame]) {
        let lately = self.hears(picture);
        let few = picture.ring.len() < picture.config.least_hearers as usize;
        let worth = picture.coverer(Ix::ME).is_some() || lately && few;
        if picture.config.multicast && worth {
            out.say(EVERYBODY, Say::Frames(frames.to_vec()));
        }
    }

    /// Says that this node is here. A speaker's beats do as much for the whole segment; without a
    /// speaker each node does so with a chance, all together about once per interval.
    pub(crate) fn on_beacon(&mut self, picture: &Picture, out: &mut Out, speaks: bool) {
        self.count(picture, out);
        let spoken_for = speaks || self.hears_speaker(picture.now);
        if !spoken_for && out.random_below(self.others(picture)) == 0 {
            picture.greet(out, EVERYBODY);
        }
        // A node with a speaker only has to check that the speaker is still there.
        let rarely = if spoken_for { SPOKEN_FOR } else { 1 };
        let wait = out.around(picture.config.beacon_interval * rarely);
        out.timers.set(Why::Beacon, Some(picture.now + wait));
    }
}

/// How many beacons in a row may be missed at first, and at most. With one beacon per interval in
/// the mean and 30 % loss, 24 of them in a row are missed once in 20 million times.
const MISSED_BEACONS: u32 = 24;
const MOST_MISSED_BEACONS: u32 = 64 * MISSED_BEACONS;

/// The most nodes nearby that are counted. And while nobody is heard, each node sends at least one
/// beacon in this many, so that it shows when multicast works again.
const MOST_NEAR: usize = 8;
const SHARERS_IN_SILENCE: usize = 64;

/// A node with a speaker looks after its beacon this many times less often.
const SPOKEN_FOR: u32 = 4;
