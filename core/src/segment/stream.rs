//! The batches that a speaker has multicast: numbered, repeated once or twice, and kept for a while
//! for hearers that miss one.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use crate::base::{Instant, Ix};
use crate::out::{Out, Say, To};
use crate::picture::Picture;
use crate::segment::multicast::EVERYBODY;
use crate::timing::segment::{AGAIN, ANSWERED, ASKED, ASKED_AFTER_QUIET, BEAT, MEMORY, UNDER_WAY};
use crate::wire::Frame;

/// How many batches are kept for hearers that miss them, how many one answer brings, and the asker
/// with which a batch is multicast again for all: nothing waits here to be suppressed, as the one
/// speaker answers alone.
const BATCHES_KEPT: usize = 128;
const BATCHES_PER_ANSWER: usize = 16;
const ASKERS_FOR_ALL: usize = 3;

#[derive(Clone, Debug, Hash)]
struct Batch {
    sequence: u64,
    at: Instant,
    again: [Option<Instant>; 2],
    /// The hearers that have asked since, one fewer than make it a multicast.
    askers: [Option<Ix>; ASKERS_FOR_ALL - 1],
    /// When it was multicast again because many had asked.
    for_many: Option<Instant>,
    frames: Vec<Frame>,
}

/// What was multicast.
#[derive(Clone, Debug, Default, Hash)]
pub(super) struct Stream {
    sequence: u64,
    /// The first batch after a quiet time, and when it was sent.
    first: u64,
    busy: Instant,
    log: VecDeque<Batch>,
}

impl Stream {
    /// The number of the last batch such that neither it nor an earlier one is still under way: a
    /// hearer that misses it now may ask.
    pub(super) fn announced(&self, now: Instant) -> u64 {
        let fresh = |batch: &&Batch| now.since(batch.at) <= UNDER_WAY || batch.again[1].is_some();
        self.log.iter().find(fresh).map_or(self.sequence, |batch| batch.sequence - 1)
    }

    /// Whether there is a batch after a number.
    pub(super) fn is_beyond(&self, since: u64) -> bool {
        self.sequence > since
    }

    /// Whether a batch was multicast a short time ago.
    pub(super) fn has(&self, now: Instant, frames: &[Frame]) -> bool {
        self.log.iter().any(|batch| now.since(batch.at) < MEMORY && batch.frames == frames)
    }

    /// Whether one more batch would push out a batch that may still be asked for.
    pub(super) fn is_pressed(&self, now: Instant) -> bool {
        let quiet_before = now.since(self.busy) < ASKED_AFTER_QUIET;
        let since_quiet = self.sequence.saturating_sub(self.first) + 1;
        let oldest = self.log.len().checked_sub(BATCHES_KEPT - BATCHES_PER_ANSWER);
        oldest.is_some_and(|at| now.since(self.log[at].at) < ASKED)
            || quiet_before && since_quiet >= (BATCHES_KEPT - BATCHES_PER_ANSWER) as u64
    }

    /// Multicasts a batch: twice if its origin has multicast it as well, otherwise three times.
    pub(super) fn send(
        &mut self,
        picture: &Picture,
        out: &mut Out,
        frames: &[Frame],
        by_origin: bool,
    ) {
        self.sequence += 1;
        if self.log.back().is_none_or(|last| picture.now.since(last.at) >= ASKED) {
            (self.first, self.busy) = (self.sequence, picture.now);
        }
        let again = [(!by_origin).then(|| picture.now + AGAIN), Some(picture.now + BEAT)];
        out.say(EVERYBODY, Say::Frames(numbered(self.sequence, frames)));
        let (sequence, at) = (self.sequence, picture.now);
        let frames = frames.to_vec();
        self.log.push_back(Batch {
            sequence,
            at,
            again,
            askers: [None; ASKERS_FOR_ALL - 1],
            for_many: None,
            frames,
        });
        if self.log.len() > BATCHES_KEPT {
            self.log.pop_front();
        }
    }

    /// Repeats what is due, and beats with the last repetition of a batch.
    pub(super) fn repeat(&mut self, picture: &Picture, out: &mut Out) {
        let mut last = false;
        for batch in &mut self.log {
            let due = |at: &mut Instant| *at <= picture.now;
            let first = batch.again[0].take_if(due).is_some();
            let second = batch.again[1].take_if(due).is_some();
            if first || second {
                out.say(EVERYBODY, Say::Frames(numbered(batch.sequence, &batch.frames)));
            }
            last |= second;
        }
        if last {
            out.say_frame(EVERYBODY, Frame::Beat { sequence: self.announced(picture.now) });
        }
    }

    /// When something is to be repeated.
    pub(super) fn due(&self) -> Option<Instant> {
        self.log.iter().flat_map(|batch| batch.again).flatten().min()
    }

    /// Sends the batches after a number: to the asker if it hears nothing else (`alone`) or if few
    /// have asked, otherwise to all. A hearer that asks some time after that has missed the
    /// multicast as well, and counts as the first asker.
    pub(super) fn answer(
        &mut self,
        picture: &Picture,
        out: &mut Out,
        to: To,
        since: u64,
        alone: bool,
    ) {
        let missed = self.log.iter_mut().filter(|batch| batch.sequence > since);
        for batch in missed.take(BATCHES_PER_ANSWER) {
            let say = Say::Frames(numbered(batch.sequence, &batch.frames));
            if alone {
                out.say(to, say);
                continue;
            }
            match batch.for_many {
                Some(at) if picture.now.since(at) <= ANSWERED => continue,
                Some(_) => (batch.for_many, batch.askers) = (None, [None; ASKERS_FOR_ALL - 1]),
                None => {}
            }
            let known = batch.askers.iter_mut().find(|asker| asker.is_none() || **asker == to.node);
            if let Some(asker) = known {
                *asker = to.node;
                out.say(to, say);
            } else {
                batch.for_many = Some(picture.now);
                out.say(EVERYBODY, say);
            }
        }
        if alone {
            out.say_frame(to, Frame::Beat { sequence: self.sequence });
        }
    }
}

/// A batch as it is sent.
fn numbered(sequence: u64, frames: &[Frame]) -> Vec<Frame> {
    let count = u8::try_from(frames.len()).unwrap_or(u8::MAX);
    let mut all = Vec::with_capacity(frames.len() + 1);
    all.push(Frame::Numbered { sequence, frames: count });
    all.extend_from_slice(frames);
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Destination, Epoch};
    use core::net::SocketAddr;

    use crate::claims::Locator;
    use crate::config::Config;
    use crate::seal::{ClusterName, Key, Keyring};
    use core::time::Duration;

    fn beginning() -> (Picture, Out) {
        let keys = Keyring::new(Key::authenticated([7; 32]));
        let config = Config::lan([0; 32], ClusterName::try_from("test").unwrap(), keys);
        let me = Locator::from(SocketAddr::from(([10, 0, 0, 1], 1)));
        let now = Instant::from_millis(1_000);
        let picture = Picture::new(config, &me, Epoch(1), now);
        let out = Out::new(&picture.config, picture.me().id, Epoch(1), now);
        (picture, out)
    }

    fn said(picture: &Picture, out: &mut Out) -> Vec<(Destination, Say)> {
        let mut packet = Vec::new();
        let mut all = Vec::new();
        while !out.outbox.is_empty() {
            out.outbox.take_packet(picture.now, picture.config.max_datagram, &mut packet);
            all.extend(packet.drain(..).map(|intent| (intent.to.at, intent.say)));
        }
        all
    }

    fn frames(number: u64) -> Vec<Frame> {
        Vec::from([Frame::Ack { packet: number }])
    }

    #[test]
    fn a_batch_is_announced_once_it_must_have_come() {
        let ((mut picture, mut out), mut stream) = (beginning(), Stream::default());
        stream.send(&picture, &mut out, &frames(1), true);
        assert_eq!(stream.announced(picture.now), 0);
        assert!(stream.has(picture.now, &frames(1)) && !stream.has(picture.now, &frames(2)));
        picture.now = stream.due().unwrap();
        stream.repeat(&picture, &mut out);
        assert_eq!(stream.due(), None);
        assert_eq!(stream.announced(picture.now), 1);
        assert_eq!(said(&picture, &mut out).len(), 3, "twice, and a beat");
        // Nobody else has multicast it: once more.
        stream.send(&picture, &mut out, &frames(2), false);
        while let Some(due) = stream.due() {
            picture.now = due;
            stream.repeat(&picture, &mut out);
        }
        assert_eq!(said(&picture, &mut out).len(), 4, "three times, and a beat");
    }

    #[test]
    fn what_many_miss_is_multicast_once_more_and_only_once() {
        let ((mut picture, mut out), mut stream) = (beginning(), Stream::default());
        stream.send(&picture, &mut out, &frames(1), true);
        let _ = said(&picture, &mut out);
        let asker = |number: u32| To {
            at: Destination::Unicast(([10, 0, 0, 2], number as u16).into()),
            bound: None,
            node: Some(Ix::of(number)),
        };
        // One that asks again and again is answered alone.
        for _ in 0..5 {
            stream.answer(&picture, &mut out, asker(1), 0, false);
        }
        let unicast_alone = said(&picture, &mut out);
        for number in 1..10 {
            stream.answer(&picture, &mut out, asker(number), 0, false);
        }
        let batches = |all: bool, said: &[(Destination, Say)]| {
            let batch = |(at, say): &&(Destination, Say)| {
                (*at == Destination::Multicast) == all && matches!(say, Say::Frames(_))
            };
            said.iter().filter(batch).count()
        };
        assert_eq!((batches(false, &unicast_alone), batches(true, &unicast_alone)), (5, 0));
        let answers = said(&picture, &mut out);
        assert_eq!((batches(false, &answers), batches(true, &answers)), (2, 1));
        // A hearer that asks again has missed that, and will miss the next one.
        picture.now = picture.now + ANSWERED + Duration::from_millis(1);
        stream.answer(&picture, &mut out, asker(7), 0, false);
        assert_eq!(batches(false, &said(&picture, &mut out)), 1);
        // A multicast does not help a hearer that hears nothing.
        stream.answer(&picture, &mut out, asker(7), 0, true);
        assert_eq!(batches(false, &said(&picture, &mut out)), 1);
    }

    #[test]
    fn a_burst_presses_until_it_is_over() {
        let ((mut picture, mut out), mut stream) = (beginning(), Stream::default());
        for number in 0..(BATCHES_KEPT - BATCHES_PER_ANSWER) as u64 {
            assert!(!stream.is_pressed(picture.now), "{number}");
            stream.send(&picture, &mut out, &frames(number), true);
        }
        assert!(stream.is_pressed(picture.now + ASKED));
        assert!(!stream.is_pressed(picture.now + ASKED_AFTER_QUIET));
        // A node that missed the beginning has asked by then.
        picture.now = picture.now + ASKED / 2;
        stream.send(&picture, &mut out, &frames(0), true);
        picture.now = picture.now + ASKED_AFTER_QUIET;
        assert!(!stream.is_pressed(picture.now));
    }

    #[test]
    fn old_batches_are_forgotten() {
        let ((picture, mut out), mut stream) = (beginning(), Stream::default());
        for number in 0..BATCHES_KEPT as u64 + 10 {
            stream.send(&picture, &mut out, &frames(number), true);
        }
        assert_eq!(stream.log.len(), BATCHES_KEPT);
        assert!(!stream.has(picture.now, &frames(9)) && stream.has(picture.now, &frames(10)));
    }
}
