//! What waits to be sent: small intents, turned into bytes when they are polled.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::time::Duration;

use crate::base::growth::KEPT;
use crate::base::{Destination, Instant, Ix, Life, SendRate, Throttle, growth};
use crate::mutants::mutated;
use crate::wire::Frame;

/// Where a packet goes and whether it is bound to a life of the receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct To {
    /// The address.
    pub(crate) at: Destination,
    /// The receiver's life; `None` for an unbound packet.
    pub(crate) bound: Option<Life>,
    /// The peer, if the address is that of one.
    pub(crate) node: Option<Ix>,
}

/// One thing to send.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Say {
    /// A ping; the root is filled in when the packet is built.
    Ping,
    /// The answer to ping number `packet`, which came with this root.
    Pong { packet: u64, root: u64 },
    /// A ping that fills a datagram of this size, alone.
    PaddedPing { size: usize },
    /// One copy of a batch under way in the broadcast tree, by its number; urgent if it carries claims.
    Relay { copy: u64, urgent: bool },
    /// An entry for a peer that repairs.
    Held(Frame),
    /// Anything else.
    Frame(Frame),
    /// Frames that belong together, in one packet.
    Frames(Vec<Frame>),
}

impl Say {
    /// Whether it goes out before what is not urgent.
    fn is_urgent(&self) -> bool {
        match self {
            Self::Ping | Self::Pong { .. } => true,
            Self::Held(_) | Self::PaddedPing { .. } => false,
            Self::Relay { urgent, .. } => *urgent,
            Self::Frame(frame) => is_urgent(frame),
            Self::Frames(frames) => frames.iter().any(is_urgent),
        }
    }
}

/// Whether a frame goes out before those that are not urgent: it is about liveness, or it is an answer that the
/// receiver waits for. Two such answers are not urgent all the same: a challenge, which anybody can provoke, and
/// `TooLarge`, after which the receiver has a message to send anew.
pub(crate) fn is_urgent(frame: &Frame) -> bool {
    matches!(
        frame,
        Frame::Ack { .. }
            | Frame::Claim(_)
            | Frame::Slow { .. }
            | Frame::Verify { .. }
            | Frame::Verdict { .. }
            | Frame::Suspicion
            | Frame::Duplicate { .. }
            | Frame::Counted { .. }
            | Frame::Beat { .. }
    )
}

/// An intent.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Intent {
    pub(crate) to: To,
    pub(crate) say: Say,
    /// When it was queued.
    since: Instant,
}

impl Intent {
    /// Something else to send in place of this intent.
    pub(crate) fn instead(&self, say: Say) -> Self {
        Self { to: self.to, say, since: self.since }
    }
}

/// Intents, the urgent ones first, each sort in order; those for one receiver share packets.
#[derive(Clone, Debug, Hash)]
pub(crate) struct Outbox {
    urgent: VecDeque<Intent>,
    /// Pings and pongs that do not wait behind a long urgent queue.
    ahead: VecDeque<Intent>,
    /// Whether the next packet is begun with one of these.
    overtakes: bool,
    bulk: VecDeque<Intent>,
    /// The most intents in each queue.
    limit: usize,
    throttle: Throttle,
    #[cfg(feature = "mutants")]
    mutant: Option<crate::mutants::Mutant>,
}

/// How far behind the head of a queue to look for intents for the same receiver.
const REACH: usize = 48;

/// The most pings and pongs that go ahead of a long queue, and the most of them to one receiver: a
/// node that pings more often than it can be answered must not displace others.
const AHEAD: usize = 1_024;
const AHEAD_EACH: usize = 4;

impl Outbox {
    pub(crate) fn new(limit: u32, rate: SendRate, now: Instant) -> Self {
        Self {
            urgent: VecDeque::new(),
            ahead: VecDeque::new(),
            overtakes: true,
            bulk: VecDeque::new(),
            limit: limit as usize,
            throttle: Throttle::new(rate, now),
            #[cfg(feature = "mutants")]
            mutant: None,
        }
    }

    /// With a fault to make on purpose.
    #[cfg(feature = "mutants")]
    pub(super) const fn with_mutant(mut self, mutant: Option<crate::mutants::Mutant>) -> Self {
        self.mutant = mutant;
        self
    }

    pub(crate) fn set_limits(&mut self, limit: u32, rate: SendRate) {
        self.limit = limit as usize;
        self.throttle.set_rate(rate);
    }

    pub(crate) fn len(&self) -> usize {
        self.urgent.len() + self.ahead.len() + self.bulk.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Drops what waits. What has been sent still counts against the rate.
    pub(crate) fn clear(&mut self) {
        self.urgent.clear();
        self.ahead.clear();
        self.bulk.clear();
    }

    /// Drops what waits and is not urgent.
    pub(crate) fn clear_bulk(&mut self) {
        self.bulk.clear();
    }

    /// Whether answers should be withheld.
    pub(crate) fn is_full(&self) -> bool {
        self.bulk.len() >= self.limit
    }

    /// Queues an intent; returns whether there was room.
    ///
    /// Pings and pongs overtake a long queue, by turns: a late acknowledgement is waited for, but a
    /// node whose pongs are late is thought to be dead.
    pub(crate) fn push(&mut self, now: Instant, to: To, say: Say) -> bool {
        let is_probe = matches!(say, Say::Ping | Say::Pong { .. });
        let overtakes = is_probe && self.urgent.len() > REACH && !mutated!(self, SecondQueueOff);
        let (queue, room) = if overtakes {
            let same = self.ahead.iter().filter(|intent| intent.to == to).take(AHEAD_EACH).count();
            let room = self.ahead.len() < AHEAD.min(self.limit) && same < AHEAD_EACH;
            (&mut self.ahead, room)
        } else {
            let queue = if say.is_urgent() { &mut self.urgent } else { &mut self.bulk };
            let room = queue.len() < self.limit;
            (queue, room)
        };
        if room {
            queue.push_back(Intent { to, say, since: now });
        }
        room
    }

    /// When the next datagram of up to `len` bytes may go out; `None` if nothing waits.
    pub(crate) fn next_due(&self, len: usize) -> Option<Instant> {
        (!self.is_empty()).then(|| self.throttle.ready(len, self.has_urgent()))
    }

    /// Takes the first intent that may go out in a datagram of up to `len` bytes, and all near ones
    /// for the same receiver, in order.
    pub(crate) fn take_packet(&mut self, now: Instant, len: usize, into: &mut Vec<Intent>) {
        into.clear();
        if self.is_empty() {
            return;
        }
        self.throttle.advance(now);
        let bulk_too = self.throttle.ready(len, false) <= now;
        if !bulk_too && self.throttle.ready(len, true) > now {
            return;
        }
        let queues = [&mut self.ahead, &mut self.urgent];
        let order = if self.overtakes { [0, 1] } else { [1, 0] };
        self.overtakes = !self.overtakes;
        for at in order {
            take_near(queues[at], into);
        }
        if bulk_too || !into.is_empty() {
            take_near(&mut self.bulk, into);
        }
        for queue in [&mut self.urgent, &mut self.ahead, &mut self.bulk] {
            if queue.is_empty() && queue.capacity() > KEPT {
                *queue = VecDeque::new();
            }
        }
    }

    /// Gives back memory that bursts have left behind.
    pub(crate) fn rest(&mut self) {
        for queue in [&mut self.urgent, &mut self.ahead, &mut self.bulk] {
            growth::rest_queue(queue);
        }
    }

    /// A datagram of `len` bytes has gone out.
    pub(crate) fn sent(&mut self, len: usize) {
        self.throttle.take(len);
    }

    /// Whether the rate holds back what waits; with `urgent`, even what is urgent.
    pub(crate) fn is_held(&self, now: Instant, len: usize, urgent: bool) -> bool {
        let waits = if urgent { self.has_urgent() } else { !self.is_empty() };
        waits && self.throttle.ready(len, urgent) > now
    }

    /// For how long the oldest urgent intent has waited.
    pub(crate) fn urgent_delay(&self, now: Instant) -> Duration {
        let waits = |intent: Option<&Intent>| intent.map_or(Duration::ZERO, |i| now.since(i.since));
        waits(self.urgent.front()).max(waits(self.ahead.front()))
    }

    fn has_urgent(&self) -> bool {
        !self.urgent.is_empty() || !self.ahead.is_empty()
    }

    /// Puts back, in order, what did not fit.
    pub(crate) fn put_back(&mut self, rest: impl DoubleEndedIterator<Item = Intent>) {
        for intent in rest.rev() {
            let urgent = intent.say.is_urgent();
            let queue = if urgent { &mut self.urgent } else { &mut self.bulk };
            queue.push_front(intent);
        }
    }
}

/// Takes near intents for the receiver of those taken, or of the first.
fn take_near(queue: &mut VecDeque<Intent>, into: &mut Vec<Intent>) {
    if into.is_empty() {
        into.extend(queue.pop_front());
    }
    let Some(to) = into.first().map(|intent| intent.to) else {
        return;
    };
    let mut at = 0;
    for _ in 0..REACH.min(queue.len()) {
        if queue.get(at).is_some_and(|intent| intent.to == to) {
            into.extend(queue.remove(at));
        } else {
            at += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pongs wait behind a few acknowledgements, and go before a great many.
    #[test]
    fn answers_overtake_a_long_queue() {
        let to = |port| {
            let at = Destination::Unicast(([10, 0, 0, 1], port).into());
            To { at, bound: None, node: None }
        };
        let ack = |packet| Say::Frame(Frame::Ack { packet });
        let pong = Say::Pong { packet: 1, root: 2 };
        for (acks, overtakes) in [(REACH, false), (4 * REACH, true)] {
            let mut outbox = Outbox::new(1_000, SendRate::UNBOUNDED, Instant::ZERO);
            for packet in 0..acks {
                assert!(outbox.push(Instant::ZERO, to(1), ack(packet as u64)));
            }
            assert!(outbox.push(Instant::from_millis(1), to(2), pong.clone()));
            let mut packet = Vec::new();
            outbox.take_packet(Instant::from_millis(2), 1_200, &mut packet);
            assert_eq!(packet[0].to == to(2), overtakes);
            assert!(!outbox.urgent_delay(Instant::from_millis(2)).is_zero());
        }
    }
}
