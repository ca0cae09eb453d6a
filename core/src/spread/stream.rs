//! The batches that a speaker has multicast: numbered, repeated once or twice, and kept for a
//! while for those who miss one.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::time::Duration;

use crate::context::Context;
use crate::outbox::{Say, To};
use crate::spread::multicast::EVERYBODY;
use crate::time::Instant;
use crate::wire::Frame;

/// When a batch is repeated; the first time only if nobody else has multicast it here.
const FIRST_AGAIN: Duration = Duration::from_millis(8);
const AGAIN: Duration = Duration::from_millis(25);

/// Batches kept for those who miss them, how many are given at once, and to how many askers one
/// is given alone before it is multicast again for all.
const KEPT: usize = 64;
const ANSWER: usize = 16;
const ASKERS: u8 = 3;

/// For so long a batch that comes once more, by another way, is not multicast again.
const MEMORY: Duration = Duration::from_secs(5);

#[derive(Debug)]
struct Batch {
    sequence: u64,
    at: Instant,
    again: VecDeque<Instant>,
    askers: u8,
    frames: Vec<Frame>,
}

/// What was multicast.
#[derive(Debug, Default)]
pub(super) struct Stream {
    sequence: u64,
    log: VecDeque<Batch>,
}

impl Stream {
    /// The number of the last batch that was repeated, and before which all were: who misses it
    /// now may ask.
    pub(super) fn announced(&self, now: Instant) -> u64 {
        let fresh = |batch: &&Batch| now.since(batch.at) <= AGAIN || !batch.again.is_empty();
        self.log.iter().find(fresh).map_or(self.sequence, |batch| batch.sequence - 1)
    }

    /// Whether a batch was multicast a short time ago.
    pub(super) fn has(&self, now: Instant, frames: &[Frame]) -> bool {
        self.log.iter().any(|batch| now.since(batch.at) < MEMORY && batch.frames == frames)
    }

    /// Multicasts a batch: twice if its origin has multicast it as well, else three times.
    pub(super) fn send(&mut self, ctx: &mut Context, frames: &[Frame], by_origin: bool) {
        self.sequence += 1;
        let mut again = VecDeque::from([ctx.now + FIRST_AGAIN, ctx.now + AGAIN]);
        if by_origin {
            again.pop_front();
        }
        ctx.say(EVERYBODY, Say::Frames(numbered(self.sequence, frames)));
        let (sequence, at) = (self.sequence, ctx.now);
        self.log.push_back(Batch { sequence, at, again, askers: 0, frames: frames.to_vec() });
        if self.log.len() > KEPT {
            self.log.pop_front();
        }
    }

    /// Repeats what is due.
    pub(super) fn repeat(&mut self, ctx: &mut Context) {
        for batch in &mut self.log {
            while batch.again.front().is_some_and(|&at| at <= ctx.now) {
                batch.again.pop_front();
                ctx.say(EVERYBODY, Say::Frames(numbered(batch.sequence, &batch.frames)));
            }
        }
    }

    /// When something is to be repeated.
    pub(super) fn due(&self) -> Option<Instant> {
        self.log.iter().filter_map(|batch| batch.again.front().copied()).min()
    }

    /// Gives the batches after a number: to the one who asks if it hears nothing else (`alone`) or
    /// if few have asked, else to all, once.
    pub(super) fn answer(&mut self, ctx: &mut Context, to: To, since: u64, alone: bool) {
        let missed = self.log.iter_mut().filter(|batch| batch.sequence > since);
        for batch in missed.take(ANSWER) {
            batch.askers = batch.askers.saturating_add(1);
            let say = Say::Frames(numbered(batch.sequence, &batch.frames));
            if alone || batch.askers < ASKERS {
                ctx.say(to, say);
            } else if batch.askers == ASKERS {
                ctx.say(EVERYBODY, say);
            }
        }
        let sequence = if alone { self.sequence } else { self.announced(ctx.now) };
        ctx.say_frame(to, Frame::Beat { sequence });
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
