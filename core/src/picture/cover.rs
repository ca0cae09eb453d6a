//! The nodes that speakers cover: the speaker has promised that they get what everybody gets (a
//! lease), so the broadcast tree leaves them out.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::base::{Epoch, Instant, Ix};
use crate::picture::Picture;
use crate::timing::segment::{PROMISE, PROMPT, SPEAKER_TTL};

/// The most speakers that are remembered.
const SPEAKERS: usize = 64;

#[derive(Clone, Copy, Debug, Hash)]
struct Cover {
    speaker: Ix,
    /// The lives of both, between which the promise holds.
    speaker_epoch: Epoch,
    epoch: Epoch,
    until: Instant,
}

/// What speakers have promised, as far as this node has heard.
#[derive(Clone, Debug, Default, Hash)]
pub(crate) struct Covers {
    covers: BTreeMap<Ix, Cover>,
    speakers: BTreeMap<Ix, Instant>,
    /// Grows with each change.
    version: u64,
    /// A datagram that is taken in now reached this host after this time.
    arrived_after: Instant,
}

impl Covers {
    /// Nothing is heard yet; the socket is as new as the engine.
    pub(crate) fn new(now: Instant) -> Self {
        Self { arrived_after: now, ..Self::default() }
    }

    /// Forgets what a speaker has promised, because it does not answer.
    ///
    /// It is still known as a speaker: nodes that have not noticed yet leave out the nodes that it
    /// covered. So it still gets copies, and a batch that it does not acknowledge is broadcast to
    /// those as well.
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

    /// When the next promise or speaker expires.
    pub(crate) fn next_end(&self, now: Instant) -> Option<Instant> {
        let ends = self.covers.values().map(|cover| cover.until);
        ends.chain(self.speakers.values().copied()).filter(|&until| until > now).min()
    }

    /// Whether a node has lately said that it is a speaker.
    pub(crate) fn is_speaker(&self, ix: Ix, now: Instant) -> bool {
        self.speakers.get(&ix).is_some_and(|&until| until > now)
    }
}

impl Picture {
    /// Notes that a node speaks. Beyond the limit the one that was heard of longest ago is
    /// forgotten.
    pub(crate) fn note_speaker(&mut self, ix: Ix) {
        let speakers = &mut self.covers.speakers;
        let known = speakers.insert(ix, self.now + SPEAKER_TTL);
        // Saying it again does not change the views of the ring.
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
        let known =
            speakers.filter(|&(&ix, &until)| until > self.now && self.state(ix).is_reachable());
        known.map(|(&ix, _)| ix).collect()
    }

    /// Notes that something that was sent at this time has been answered. A socket returns
    /// datagrams in the order in which they came, so those taken from now on came after that time.
    /// A node that was paused, starved or slow may take datagrams that are minutes old, and must
    /// not count an old promise from now on.
    pub(crate) fn note_answer(&mut self, sent: Instant) {
        self.covers.arrived_after = self.covers.arrived_after.max(sent);
    }

    /// Whether the datagrams that this node takes in are recent.
    pub(crate) fn takes_promptly(&self) -> bool {
        self.now.since(self.covers.arrived_after) <= PROMPT
    }

    /// Notes that a speaker covers a node, from the earliest time at which it can have said so. A
    /// promise of another speaker stays for as long as that speaker renews it, so no speaker can
    /// take over the hearers of another just by claiming them.
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

    /// The speaker that covers a node, if its promise can be relied on.
    pub(crate) fn coverer(&self, ix: Ix) -> Option<Ix> {
        let cover = self.covers.covers.get(&ix)?;
        let holds = cover.until > self.now
            && cover.epoch == self.life(ix).epoch
            && cover.speaker_epoch == self.life(cover.speaker).epoch
            && self.state(cover.speaker).is_alive();
        holds.then_some(cover.speaker)
    }

    /// Whether the tree may leave a node out. It never leaves out a speaker.
    pub(crate) fn is_covered(&self, ix: Ix) -> bool {
        self.coverer(ix).is_some() && !self.covers.is_speaker(ix, self.now)
    }
}
