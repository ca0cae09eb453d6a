//! What waits to be sent: small intents, turned into bytes when they are polled.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use crate::node::Epoch;
use crate::port::Destination;
use crate::roster::Ix;
use crate::wire::Frame;

/// Where a packet goes and whether it is bound to a life of the receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct To {
    /// The address.
    pub(crate) at: Destination,
    /// The receiver's life; `None` for an unbound packet.
    pub(crate) bound: Option<Epoch>,
    /// The peer, if the address is that of one.
    pub(crate) node: Option<Ix>,
}

/// One thing to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Say {
    /// A ping; the root is filled in when the packet is built.
    Ping,
    /// The answer to ping number `packet`, which came with this root.
    Pong { packet: u64, root: u64 },
    /// One copy of a batch under way, by its number.
    Relay { copy: u64 },
    /// Anything else.
    Frame(Frame),
    /// Frames that belong together, in one packet.
    Frames(Vec<Frame>),
}

/// An intent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Intent {
    pub(crate) to: To,
    pub(crate) say: Say,
}

/// Intents in order; those for one receiver share packets.
#[derive(Debug)]
pub(crate) struct Outbox {
    queue: VecDeque<Intent>,
    limit: usize,
}

/// How far behind the head of the queue intents for the same receiver are looked for.
const REACH: usize = 48;

impl Outbox {
    pub(crate) fn new(limit: u32) -> Self {
        Self { queue: VecDeque::new(), limit: limit as usize }
    }

    pub(crate) fn set_limit(&mut self, limit: u32) {
        self.limit = limit as usize;
    }

    pub(crate) fn len(&self) -> usize {
        self.queue.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    pub(crate) fn clear(&mut self) {
        self.queue.clear();
    }

    /// Whether answers should be withheld.
    pub(crate) fn is_full(&self) -> bool {
        self.queue.len() >= self.limit
    }

    /// Queues an intent; answers whether there was room.
    pub(crate) fn push(&mut self, to: To, say: Say) -> bool {
        let room = !self.is_full();
        if room {
            self.queue.push_back(Intent { to, say });
        }
        room
    }

    /// Takes the first intent and all near ones for the same receiver, in order.
    pub(crate) fn take_packet(&mut self, into: &mut Vec<Intent>) {
        into.clear();
        let Some(first) = self.queue.pop_front() else {
            return;
        };
        let to = first.to;
        into.push(first);
        let mut at = 0;
        let mut seen = 0;
        while at < self.queue.len() && seen < REACH {
            seen += 1;
            if self.queue[at].to == to {
                if let Some(intent) = self.queue.remove(at) {
                    into.push(intent);
                }
            } else {
                at += 1;
            }
        }
    }

    /// Puts back, in order, what did not fit.
    pub(crate) fn put_back(&mut self, rest: impl DoubleEndedIterator<Item = Intent>) {
        for intent in rest.rev() {
            self.queue.push_front(intent);
        }
    }
}
