//! Who is covered by a speaker: it has promised to see to it that they get what everybody gets,
//! so the broadcast tree leaves them out.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::context::Context;
use crate::node::{Epoch, Status};
use crate::roster::Ix;
use crate::time::Instant;
use crate::timing::segment::{PROMISE, PROMPT, SPEAKER_TTL};

/// The most speakers that are known.
const SPEAKERS: usize = 64;

#[derive(Clone, Copy, Debug)]
struct Cover {
    speaker: Ix,
    /// The lives of both; the promise is between these.
    speaker_epoch: Epoch,
    epoch: Epoch,
    until: Instant,
}

/// What speakers have promised, as far as this node has heard.
#[derive(Clone, Debug, Default)]
pub(crate) struct Covers {
    covers: BTreeMap<Ix, Cover>,
    speakers: BTreeMap<Ix, Instant>,
    /// Grows with each change.
    version: u64,
    /// What is taken in now has come to this host after this time.
    arrived_after: Instant,
}

impl Covers {
    /// Nothing is heard yet; the socket is as new as the engine.
    pub(crate) fn new(now: Instant) -> Self {
        Self { arrived_after: now, ..Self::default() }
    }

    /// Forgets what a speaker has promised: it does not answer.
    ///
    /// It stays known as one: who has not noticed yet leaves out those whom it covered, so it is
    /// still sent copies, and what it does not acknowledge is sent to each of them.
    pub(crate) fn void(&mut self, speaker: Ix) {
        self.version += 1;
        self.covers.retain(|_, cover| cover.speaker != speaker);
    }

    /// Forgets a node that is leaving the table.
    pub(crate) fn forget(&mut self, ix: Ix) {
        self.void(ix);
        self.covers.remove(&ix);
        self.speakers.remove(&ix);
    }

    pub(crate) fn clear(&mut self) {
        *self = Self { version: self.version + 1, ..Self::new(self.arrived_after) };
    }

    /// Whether no speaker has been heard of.
    pub(crate) fn is_empty(&self) -> bool {
        self.covers.is_empty() && self.speakers.is_empty()
    }

    pub(crate) const fn version(&self) -> u64 {
        self.version
    }

    /// When the next of the promises and speakers is too old to count.
    pub(crate) fn next_end(&self, now: Instant) -> Option<Instant> {
        let ends = self.covers.values().map(|cover| cover.until);
        ends.chain(self.speakers.values().copied()).filter(|&until| until > now).min()
    }

    /// Whether a node has said of late that it is a speaker.
    pub(crate) fn is_speaker(&self, ix: Ix, now: Instant) -> bool {
        self.speakers.get(&ix).is_some_and(|&until| until > now)
    }
}

impl Context {
    /// Notes that a node speaks. Of too many the one goes that was heard of the longest ago.
    pub(crate) fn note_speaker(&mut self, ix: Ix) {
        let speakers = &mut self.covers.speakers;
        let known = speakers.insert(ix, self.now + SPEAKER_TTL);
        // Said again, it changes nothing of what is seen of the ring.
        self.covers.version += u64::from(known.is_none_or(|until| until <= self.now));
        if speakers.len() > SPEAKERS
            && let Some((&stalest, _)) = speakers.iter().min_by_key(|(_, until)| **until)
        {
            speakers.remove(&stalest);
        }
    }

    /// The other nodes that speak.
    pub(crate) fn speakers(&self) -> Vec<Ix> {
        let speakers = self.covers.speakers.iter();
        let known = speakers.filter(|&(&ix, &until)| until > self.now && self.is_reachable(ix));
        known.map(|(&ix, _)| ix).collect()
    }

    /// Notes that something sent at a time has been answered: a socket gives datagrams in the order
    /// in which they have come, so those taken from now on have come after that time. One that was
    /// paused, starved or slow may take others that are minutes old, and must not count from now
    /// what was promised then.
    pub(crate) fn note_answer(&mut self, sent: Instant) {
        self.covers.arrived_after = self.covers.arrived_after.max(sent);
    }

    /// Whether what this node takes in has come a short time ago.
    pub(crate) fn takes_promptly(&self) -> bool {
        self.now.since(self.covers.arrived_after) <= PROMPT
    }

    /// Notes that a speaker covers a node, from the earliest time on at which it can have said so. A
    /// promise of another one stays for as long as that one renews it, so nobody can take others'
    /// hearers over by words.
    pub(crate) fn note_cover(&mut self, ix: Ix, speaker: Ix) {
        let said = if speaker == Ix::ME { self.now } else { self.covers.arrived_after };
        let until = said + PROMISE;
        let fresh = |cover: &Cover| cover.until.since(self.now) > PROMISE / 2;
        let kept = self.covers.covers.get(&ix).is_some_and(fresh)
            && self.coverer(ix).is_some_and(|other| other != speaker);
        if ix == speaker || kept || until <= self.now {
            return;
        }
        let cover = Cover {
            speaker,
            speaker_epoch: self.life(speaker).epoch,
            epoch: self.life(ix).epoch,
            until,
        };
        self.covers.version += 1;
        self.covers.covers.insert(ix, cover);
    }

    /// The speaker that covers a node, if one does that can be counted on.
    pub(crate) fn coverer(&self, ix: Ix) -> Option<Ix> {
        let cover = self.covers.covers.get(&ix)?;
        let holds = cover.until > self.now
            && cover.epoch == self.life(ix).epoch
            && cover.speaker_epoch == self.life(cover.speaker).epoch
            && self.status(cover.speaker) == Status::Alive;
        holds.then_some(cover.speaker)
    }

    /// Whether the tree may leave a node out. It never leaves out a speaker.
    pub(crate) fn is_covered(&self, ix: Ix) -> bool {
        self.coverer(ix).is_some() && !self.covers.is_speaker(ix, self.now)
    }
}
