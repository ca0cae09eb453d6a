//! The queue of events: bounded, and of changes to one subject it keeps the last.

use alloc::collections::BTreeMap;

use crate::event::Event;
use crate::node::NodeId;
use crate::topology::{GroupName, KeyRange};

/// What a change is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Subject {
    Peer(NodeId),
    Item(GroupName, NodeId, KeyRange),
    Metadata(NodeId),
}

/// Events that wait to be polled, in order.
#[derive(Debug)]
pub(crate) struct Events {
    limit: usize,
    next: u64,
    queue: BTreeMap<u64, Event>,
    /// Where the change of a subject waits, and whether it changes the peer's life.
    subjects: BTreeMap<Subject, (u64, bool)>,
    dropped: u64,
}

impl Events {
    pub(crate) fn new(limit: u32) -> Self {
        Self {
            limit: limit as usize,
            next: 0,
            queue: BTreeMap::new(),
            subjects: BTreeMap::new(),
            dropped: 0,
        }
    }

    pub(crate) fn set_limit(&mut self, limit: u32) {
        self.limit = limit as usize;
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty() && self.dropped == 0
    }

    fn is_full(&self) -> bool {
        self.queue.len() >= self.limit
    }

    /// Whether the messages of a packet would be taken. An empty queue takes them however many
    /// they are: a packet bounds them.
    pub(crate) fn has_room_for(&self, messages: usize) -> bool {
        messages == 0 || self.queue.is_empty() || self.queue.len() + messages <= self.limit
    }

    /// Queues an event. Answers whether changes had to be folded to make room.
    pub(crate) fn push(&mut self, event: Event) -> bool {
        self.enter(event, false)
    }

    /// As [`Events::push`], for a change of a peer that has begun a new life.
    pub(crate) fn push_new_life(&mut self, event: Event) -> bool {
        self.enter(event, true)
    }

    fn enter(&mut self, event: Event, new_life: bool) -> bool {
        let Some(subject) = subject(&event) else {
            return self.append(event, None);
        };
        let Some((at, other_life)) = self.subjects.remove(&subject) else {
            return self.append(event, Some((subject, new_life)));
        };
        let new_life = new_life || other_life;
        let waiting = self.queue.remove(&at);
        match waiting.and_then(|waiting| merge(waiting, event, new_life)) {
            Some(event) => self.append(event, Some((subject, new_life))),
            None => false,
        }
    }

    pub(crate) fn pop(&mut self) -> Option<Event> {
        if self.dropped > 0 {
            return Some(Event::Overflow { dropped: core::mem::take(&mut self.dropped) });
        }
        let (_, event) = self.queue.pop_first()?;
        if let Some(subject) = subject(&event) {
            self.subjects.remove(&subject);
        }
        Some(event)
    }

    fn append(&mut self, event: Event, subject: Option<(Subject, bool)>) -> bool {
        let folded = self.is_full();
        if folded {
            self.dropped += self.subjects.len() as u64;
            for (_, (at, _)) in core::mem::take(&mut self.subjects) {
                self.queue.remove(&at);
            }
            if self.is_full() && !matches!(event, Event::Message { .. }) {
                // Only messages and notices are left, none of which may push another out. A
                // message has been asked for room before.
                self.dropped += 1;
                return true;
            }
        }
        if let Some((subject, new_life)) = subject {
            self.subjects.insert(subject, (self.next, new_life));
        }
        self.queue.insert(self.next, event);
        self.next += 1;
        folded
    }
}

fn subject(event: &Event) -> Option<Subject> {
    match event {
        Event::Peer { peer, .. } => Some(Subject::Peer(peer.id)),
        Event::ItemSet { group, item } => {
            Some(Subject::Item(group.clone(), item.item.member, item.item.range))
        }
        Event::ItemCleared { group, member, range } => {
            Some(Subject::Item(group.clone(), *member, *range))
        }
        Event::Metadata { node, .. } => Some(Subject::Metadata(*node)),
        Event::Message { .. }
        | Event::Renewed { .. }
        | Event::Duplicate { .. }
        | Event::Isolated
        | Event::Stalled { .. }
        | Event::Departed { .. }
        | Event::Overflow { .. } => None,
    }
}

/// The one change that two changes of a subject amount to; `None` if the later one undoes the
/// earlier.
fn merge(old: Event, new: Event, new_life: bool) -> Option<Event> {
    match (old, new) {
        (Event::Peer { from, peer: before, .. }, Event::Peer { peer, to, cause, .. }) => {
            let forgotten = from.is_none() && to.is_none();
            let undone = from == to && before.epoch == peer.epoch && !new_life;
            (!forgotten && !undone).then_some(Event::Peer { peer, from, to, cause })
        }
        (_, new) => Some(new),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Cause;
    use crate::message::Tag;
    use crate::node::{Epoch, Life, Status};
    use bytes::Bytes;
    use core::net::SocketAddr;

    fn node(port: u16) -> NodeId {
        NodeId::from(SocketAddr::from(([10, 0, 0, 1], port)))
    }

    fn peer(port: u16, from: Option<Status>, to: Option<Status>) -> Event {
        let peer = Life { id: node(port), epoch: Epoch(1) };
        Event::Peer { peer, from, to, cause: Cause::Heard }
    }

    fn message() -> Event {
        Event::Message { origin: node(9), tag: Tag(0), payload: Bytes::new(), via: node(9) }
    }

    #[test]
    fn changes_of_one_subject_become_one() {
        let mut events = Events::new(16);
        events.push(peer(1, None, Some(Status::Alive)));
        events.push(peer(1, Some(Status::Alive), Some(Status::Suspect)));
        events.push(peer(1, Some(Status::Suspect), Some(Status::Down)));
        assert_eq!(events.pop(), Some(peer(1, None, Some(Status::Down))));
        assert_eq!(events.pop(), None);
    }

    #[test]
    fn a_change_that_is_undone_is_none() {
        let mut events = Events::new(16);
        events.push(peer(1, Some(Status::Alive), Some(Status::Suspect)));
        events.push(peer(1, Some(Status::Suspect), Some(Status::Alive)));
        assert!(events.is_empty());
    }

    #[test]
    fn a_new_life_is_told_whatever_came_of_it() {
        let mut events = Events::new(16);
        events.push_new_life(peer(1, Some(Status::Alive), Some(Status::Alive)));
        events.push(peer(1, Some(Status::Alive), Some(Status::Suspect)));
        events.push(peer(1, Some(Status::Suspect), Some(Status::Alive)));
        assert_eq!(events.pop(), Some(peer(1, Some(Status::Alive), Some(Status::Alive))));
        assert_eq!(events.pop(), None);
    }

    #[test]
    fn messages_are_taken_up_to_the_limit_and_notices_are_counted_beyond() {
        let mut events = Events::new(4);
        assert!(events.has_room_for(5));
        for _ in 0..4 {
            assert!(events.has_room_for(1));
            events.push(message());
        }
        assert!(!events.has_room_for(1) && events.has_room_for(0));
        events.push(Event::Isolated);
        events.push(peer(1, None, Some(Status::Alive)));
        assert_eq!(events.pop(), Some(Event::Overflow { dropped: 2 }));
        assert_eq!(core::iter::from_fn(|| events.pop()).count(), 4);
    }

    #[test]
    fn a_full_queue_folds_changes_and_keeps_messages() {
        let mut events = Events::new(4);
        events.push(message());
        for port in 0..8 {
            events.push(peer(port, None, Some(Status::Alive)));
        }
        assert!(matches!(events.pop(), Some(Event::Overflow { dropped: 6 })));
        assert_eq!(events.pop(), Some(message()));
        assert_eq!(core::iter::from_fn(|| events.pop()).count(), 2);
    }
}
