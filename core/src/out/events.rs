//! The queue of events: bounded, and of changes to one subject it keeps the last.

use alloc::collections::VecDeque;
use core::hash;

use hashbrown::HashTable;

use crate::base::{GroupName, Hash, NodeId, growth};
use crate::out::event::Event;
use crate::topology::KeyRange;

/// What a change is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Subject<'a> {
    Peer(NodeId),
    Item(&'a GroupName, NodeId, KeyRange),
    Owner(&'a GroupName, NodeId, KeyRange),
    Metadata(NodeId),
    Traits(NodeId),
    Draining(NodeId),
    Path(NodeId),
    Place(NodeId),
    Multicast,
    Footing,
}

/// An event that waits.
#[derive(Clone, Debug, Hash)]
struct Waiting {
    event: Event,
    /// Whether it changes the peer's life.
    new_life: bool,
}

/// Where the change of a subject waits.
#[derive(Clone, Debug)]
struct Place {
    hash: u64,
    number: u64,
}

/// Events that wait to be polled, in order.
#[derive(Clone, Debug)]
pub(crate) struct Events {
    limit: usize,
    /// The most bytes of messages, metadata and traits.
    byte_limit: usize,
    /// The bytes of messages, metadata and traits that wait.
    bytes: usize,
    /// The events and, where one was replaced or undone, gaps.
    queue: VecDeque<Option<Waiting>>,
    /// The number of the first place of the queue.
    first: u64,
    /// The number of places that are not gaps.
    len: usize,
    /// Where the changes wait, by their subjects.
    places: HashTable<Place>,
    dropped: u64,
}

/// The queue keeps room for this many events when none waits.
const KEPT: usize = 16;

/// The places are left out, as they follow from the queue.
impl hash::Hash for Events {
    fn hash<H: hash::Hasher>(&self, state: &mut H) {
        let Self { limit, byte_limit, bytes, queue, first, len, places: _, dropped } = self;
        hash::Hash::hash(&(limit, byte_limit, bytes, queue, first, len, dropped), state);
    }
}

impl Events {
    pub(crate) fn new(limit: u32, byte_limit: u32) -> Self {
        Self {
            limit: limit as usize,
            byte_limit: byte_limit as usize,
            bytes: 0,
            queue: VecDeque::new(),
            first: 0,
            len: 0,
            places: HashTable::new(),
            dropped: 0,
        }
    }

    pub(crate) fn set_limits(&mut self, limit: u32, byte_limit: u32) {
        (self.limit, self.byte_limit) = (limit as usize, byte_limit as usize);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0 && self.dropped == 0
    }

    /// The events that wait.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The bytes of messages, metadata and traits that wait.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether there is no room for an event that holds this many bytes.
    fn is_full(&self, bytes: usize) -> bool {
        self.len >= self.limit || bytes > 0 && self.bytes + bytes > self.byte_limit
    }

    /// Whether the messages of a packet, with this many bytes in all, would be taken. An empty
    /// queue takes any number of them: a packet bounds it.
    pub(crate) fn has_room_for(&self, messages: usize, bytes: usize) -> bool {
        let fit = self.len + messages <= self.limit && self.bytes + bytes <= self.byte_limit;
        messages == 0 || self.len == 0 || fit
    }

    /// Queues an event. Returns whether changes had to be folded to make room.
    pub(crate) fn push(&mut self, event: Event) -> bool {
        self.enter(event, false)
    }

    /// As [`Events::push`], for a change of a peer that has begun a new life.
    pub(crate) fn push_new_life(&mut self, event: Event) -> bool {
        self.enter(event, true)
    }

    fn enter(&mut self, event: Event, new_life: bool) -> bool {
        let Some(waiting) = self.withdraw(&event) else {
            return self.append(Waiting { event, new_life });
        };
        let new_life = new_life || waiting.new_life;
        match merge(waiting.event, event, new_life) {
            Some(event) => self.append(Waiting { event, new_life }),
            None => false,
        }
    }

    /// Takes out the change that waits about the subject of `event`, if there is one.
    fn withdraw(&mut self, event: &Event) -> Option<Waiting> {
        let subject = subject(event)?;
        let (queue, first) = (&mut self.queue, self.first);
        let same = |place: &Place| {
            let waiting = queue.get((place.number - first) as usize);
            let waiting = waiting.and_then(Option::as_ref);
            waiting.is_some_and(|waiting| self::subject(&waiting.event) == Some(subject))
        };
        let found = self.places.find_entry(hash(subject), same).ok()?;
        let (place, _) = found.remove();
        let waiting = queue.get_mut((place.number - first) as usize)?.take()?;
        self.len -= 1;
        self.bytes -= held(&waiting.event);
        Some(waiting)
    }

    pub(crate) fn pop(&mut self) -> Option<Event> {
        if self.dropped > 0 {
            return Some(Event::Overflow { dropped: core::mem::take(&mut self.dropped) });
        }
        loop {
            let waiting = self.queue.pop_front()?;
            let number = self.first;
            self.first += 1;
            let Some(Waiting { event, .. }) = waiting else { continue };
            self.len -= 1;
            self.bytes -= held(&event);
            if let Some(subject) = subject(&event) {
                let place = self.places.find_entry(hash(subject), |it| it.number == number);
                let _ = place.map(|place| place.remove());
            }
            if self.len == 0 && self.queue.capacity() > KEPT {
                (self.queue, self.places) = (VecDeque::new(), HashTable::new());
            }
            return Some(event);
        }
    }

    /// Gives back what bursts have left behind.
    pub(crate) fn rest(&mut self) {
        if self.len == 0 && growth::rest_queue(&mut self.queue) {
            self.places = HashTable::new();
        }
    }

    fn append(&mut self, waiting: Waiting) -> bool {
        let bytes = held(&waiting.event);
        let before = self.dropped;
        if self.is_full(bytes) {
            self.dropped += self.places.len() as u64;
            self.places.clear();
            self.queue.retain(|it| it.as_ref().is_some_and(|it| subject(&it.event).is_none()));
            self.len = self.queue.len();
            self.bytes = self.queue.iter().flatten().map(|it| held(&it.event)).sum();
            if self.is_full(bytes) && !matches!(waiting.event, Event::Message { .. }) {
                // Only messages and notices are left, none of which may push another out. A
                // message has been asked for room before.
                self.dropped += 1;
                return true;
            }
        } else if self.queue.len() > 2 * self.len + KEPT {
            self.close_gaps();
        }
        let number = self.first + self.queue.len() as u64;
        self.note(&waiting.event, number);
        self.queue.push_back(Some(waiting));
        self.len += 1;
        self.bytes += bytes;
        self.dropped > before
    }

    /// Notes where the change of a subject waits.
    fn note(&mut self, event: &Event, number: u64) {
        if let Some(subject) = subject(event) {
            let hash = hash(subject);
            self.places.insert_unique(hash, Place { hash, number }, |place| place.hash);
        }
    }

    /// Removes what replaced and undone changes have left behind.
    fn close_gaps(&mut self) {
        self.places.clear();
        let queue = core::mem::take(&mut self.queue);
        for (number, waiting) in (self.first..).zip(queue.into_iter().flatten()) {
            self.note(&waiting.event, number);
            self.queue.push_back(Some(waiting));
        }
    }
}

/// The bytes that an event holds beside itself.
fn held(event: &Event) -> usize {
    match event {
        Event::Message { payload: bytes, .. } | Event::Metadata { metadata: bytes, .. } => {
            bytes.len()
        }
        Event::Traits { traits, .. } => traits.len(),
        _ => 0,
    }
}

fn subject(event: &Event) -> Option<Subject<'_>> {
    match event {
        Event::Peer { peer, .. } => Some(Subject::Peer(peer.id)),
        Event::ItemSet { group, item } => {
            Some(Subject::Item(group, item.item.member, item.item.range))
        }
        Event::ItemCleared { group, member, range } => Some(Subject::Item(group, *member, *range)),
        Event::OwnersChanged { group, member, range, .. } => {
            Some(Subject::Owner(group, *member, *range))
        }
        Event::Metadata { node, .. } => Some(Subject::Metadata(*node)),
        Event::Traits { node, .. } => Some(Subject::Traits(*node)),
        Event::Draining { node, .. } => Some(Subject::Draining(*node)),
        Event::Path { peer, .. } => Some(Subject::Path(*peer)),
        Event::Moved { peer, .. } => Some(Subject::Place(*peer)),
        Event::Multicast { .. } => Some(Subject::Multicast),
        Event::Footing { .. } => Some(Subject::Footing),
        Event::Key { .. }
        | Event::Message { .. }
        | Event::Undelivered { .. }
        | Event::Renewed { .. }
        | Event::Conflict { .. }
        | Event::SeenElsewhere { .. }
        | Event::Refused { .. }
        | Event::Isolated
        | Event::Stalled { .. }
        | Event::HeldOff { .. }
        | Event::Departed { .. }
        | Event::Overflow { .. } => None,
    }
}

fn hash(subject: Subject<'_>) -> u64 {
    match subject {
        Subject::Peer(node) => Hash::new(KEY, 0).node(node),
        Subject::Metadata(node) => Hash::new(KEY, 1).node(node),
        Subject::Item(group, node, range) | Subject::Owner(group, node, range) => {
            let kind = if matches!(subject, Subject::Item(..)) { 2 } else { 8 };
            let keys = u64::from(range.start()) << 32 | u64::from(range.end());
            Hash::new(KEY, kind).bytes(group.as_bytes()).node(node).word(keys)
        }
        Subject::Multicast => Hash::new(KEY, 3),
        Subject::Footing => Hash::new(KEY, 9),
        Subject::Path(node) => Hash::new(KEY, 4).node(node),
        Subject::Traits(node) => Hash::new(KEY, 5).node(node),
        Subject::Draining(node) => Hash::new(KEY, 6).node(node),
        Subject::Place(node) => Hash::new(KEY, 7).node(node),
    }
    .finish()
}

const KEY: [u64; 2] = [0x243f_6a88_85a3_08d3, 0x1319_8a2e_0370_7344];

/// The one change that two changes of a subject amount to; `None` if the later one undoes the
/// earlier.
fn merge(old: Event, new: Event, new_life: bool) -> Option<Event> {
    match (old, new) {
        (Event::Peer { from, peer: before, .. }, Event::Peer { peer, to, cause, .. }) => {
            let forgotten = from.is_none() && to.is_none();
            let undone = from == to && before.epoch == peer.epoch && !new_life;
            (!forgotten && !undone).then_some(Event::Peer { peer, from, to, cause })
        }
        (Event::Multicast { from, .. }, Event::Multicast { to, .. }) => {
            (from != to).then_some(Event::Multicast { from, to })
        }
        (Event::Footing { from, .. }, Event::Footing { to, .. }) => {
            (from != to).then_some(Event::Footing { from, to })
        }
        (Event::Path { from, .. }, Event::Path { peer, to, .. }) => {
            (from != to).then_some(Event::Path { peer, from, to })
        }
        (_, new) => Some(new),
    }
}

#[cfg(test)]
mod tests;
