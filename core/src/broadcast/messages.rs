//! Application messages: numbered by their origin, delivered once.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};

use crate::base::{Epoch, Freshness, Life, NodeId, Window};

/// Which of an origin's last messages are told apart; older ones count as delivered.
///
/// Wider than the window of packet numbers: a message that is retried over several hops may be
/// overtaken by all that its origin has sent meanwhile.
type Delivered = Window<64>;

/// The largest step of an origin's numbers that is believed.
const LARGEST_STEP: u64 = 1 << 32;

/// Reports that a message did not reach all are accepted for this many of a node's last messages.
const REPORTABLE: u64 = 1024;

/// What is remembered of one origin.
#[derive(Clone, Debug, Hash)]
struct Origin {
    epoch: Epoch,
    delivered: Box<Delivered>,
    touched: u64,
}

impl Origin {
    fn new(epoch: Epoch) -> Self {
        Self { epoch, delivered: Box::new(Window::empty()), touched: 0 }
    }

    fn novelty(&self, sequence: u64) -> Novelty {
        match self.delivered.check(sequence) {
            _ if sequence.saturating_sub(self.delivered.highest()) > LARGEST_STEP => {
                Novelty::Absurd
            }
            Freshness::Fresh => Novelty::New,
            Freshness::Replay => Novelty::Delivered,
            Freshness::TooOld => Novelty::TooOld,
        }
    }
}

/// Whether a message is new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Novelty {
    /// It has not been delivered.
    New,
    /// It has been delivered.
    Delivered,
    /// Too many later ones have come since, or it is of a life that is over.
    TooOld,
    /// Its number is implausibly far ahead.
    Absurd,
}

/// What follows from the number of a message that this node is said to have sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Claimed {
    /// It may have sent it.
    Sent,
    /// It has not. Its own next message gets a number above it, so that others do not take that for
    /// an old one.
    Skipped,
    /// It has not, and others would not believe a number above it: only another life helps.
    OutOfReach,
}

/// What has been sent and delivered.
#[derive(Clone, Debug, Default, Hash)]
pub(crate) struct Messages {
    sequence: u64,
    touches: u64,
    origins: BTreeMap<NodeId, Origin>,
    /// The last messages of this node that are known not to have reached all.
    undelivered: BTreeSet<u64>,
}

impl Messages {
    /// The number of this node's next message.
    pub(crate) fn number(&mut self) -> u64 {
        self.sequence += 1;
        self.sequence
    }

    /// Another node says that this node has sent a message with this number.
    pub(crate) const fn claimed(&mut self, sequence: u64) -> Claimed {
        if sequence <= self.sequence {
            return Claimed::Sent;
        }
        if sequence > LARGEST_STEP / 2 {
            return Claimed::OutOfReach;
        }
        self.sequence = sequence;
        Claimed::Skipped
    }

    /// One of this node's messages does not reach some node. Returns whether that is new: it is so
    /// once for each of the last messages.
    pub(crate) fn undelivered(&mut self, sequence: u64) -> bool {
        let oldest = self.sequence.saturating_sub(REPORTABLE - 1).max(1);
        self.undelivered = self.undelivered.split_off(&oldest);
        (oldest..=self.sequence).contains(&sequence) && self.undelivered.insert(sequence)
    }

    /// Begins to number anew in a new life.
    pub(crate) fn renew(&mut self) {
        self.sequence = 0;
        self.undelivered.clear();
    }

    /// Whether a message is new; its origin must be known to be in that life.
    pub(crate) fn novelty(&self, origin: Life, sequence: u64) -> Novelty {
        match self.origins.get(&origin.id) {
            Some(known) if known.epoch == origin.epoch => known.novelty(sequence),
            Some(known) if known.epoch > origin.epoch => Novelty::TooOld,
            _ => Origin::new(origin.epoch).novelty(sequence),
        }
    }

    /// Whether the number of a new message lies far above all others of its origin: if the origin
    /// has not sent it, its next messages would be too old to tell.
    pub(crate) fn leaps(&self, origin: Life, sequence: u64) -> bool {
        let known = self.origins.get(&origin.id).filter(|known| known.epoch == origin.epoch);
        sequence.saturating_sub(known.map_or(0, |known| known.delivered.highest()))
            > Delivered::WIDTH
    }

    /// Remembers that a message has been delivered. Beyond the limit the stalest origin that does
    /// not live is forgotten, or else the stalest.
    pub(crate) fn delivered(
        &mut self,
        origin: Life,
        sequence: u64,
        limit: u32,
        lives: impl Fn(NodeId) -> bool,
    ) {
        self.touches += 1;
        let known = self.origins.entry(origin.id).or_insert_with(|| Origin::new(origin.epoch));
        if known.epoch < origin.epoch {
            *known = Origin::new(origin.epoch);
        }
        known.delivered.mark(sequence);
        known.touched = self.touches;
        if self.origins.len() > limit as usize {
            let stalest =
                self.origins.iter().min_by_key(|(id, origin)| (lives(**id), origin.touched));
            if let Some((&stalest, _)) = stalest {
                self.origins.remove(&stalest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn life(port: u16, epoch: u64) -> Life {
        let id = NodeId::from_bits(port.into());
        Life { id, epoch: Epoch(epoch) }
    }

    #[test]
    fn once_each_and_none_of_an_earlier_life() {
        let mut messages = Messages::default();
        assert_eq!(messages.novelty(life(1, 5), 1), Novelty::New);
        messages.delivered(life(1, 5), 1, 10, |_| true);
        assert_eq!(messages.novelty(life(1, 5), 1), Novelty::Delivered);
        assert_eq!(messages.novelty(life(1, 5), 2), Novelty::New);
        assert_eq!(messages.novelty(life(1, 4), 9), Novelty::TooOld);
        assert_eq!(messages.novelty(life(1, 6), 1), Novelty::New);
        assert_eq!(messages.novelty(life(1, 5), u64::MAX), Novelty::Absurd);
    }

    #[test]
    fn the_stalest_origin_is_forgotten() {
        let mut messages = Messages::default();
        for port in 0..3 {
            messages.delivered(life(port, 1), 1, 2, |_| true);
        }
        assert_eq!(messages.novelty(life(0, 1), 1), Novelty::New);
        assert_eq!(messages.novelty(life(2, 1), 1), Novelty::Delivered);
    }

    #[test]
    fn a_message_that_thousands_have_overtaken_is_too_old_to_tell() {
        let mut messages = Messages::default();
        messages.delivered(life(1, 1), 5_000, 10, |_| true);
        assert_eq!(messages.novelty(life(1, 1), 5_000 - 4_096), Novelty::TooOld);
        assert_eq!(messages.novelty(life(1, 1), 5_000 - 4_095), Novelty::New);
    }
}
