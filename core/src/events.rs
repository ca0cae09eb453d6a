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
    subjects: BTreeMap<Subject, u64>,
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

    /// Whether a message would be refused.
    pub(crate) fn is_full(&self) -> bool {
        self.queue.len() >= self.limit
    }

    /// Queues an event. Answers whether changes had to be folded to make room.
    pub(crate) fn push(&mut self, event: Event) -> bool {
        let Some(subject) = subject(&event) else {
            return self.append(event, None);
        };
        let Some(&at) = self.subjects.get(&subject) else {
            return self.append(event, Some(subject));
        };
        if let Some(waiting) = self.queue.remove(&at) {
            self.subjects.remove(&subject);
            if let Some(event) = merge(waiting, event) {
                return self.append(event, Some(subject));
            }
        }
        false
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

    fn append(&mut self, event: Event, subject: Option<Subject>) -> bool {
        let folded = self.is_full();
        if folded {
            self.dropped += self.subjects.len() as u64;
            for (_, at) in core::mem::take(&mut self.subjects) {
                self.queue.remove(&at);
            }
            if self.is_full() && subject.is_none() {
                // Only messages and notices are left, none of which may push another out.
                self.dropped += 1;
                return true;
            }
        }
        if let Some(subject) = subject {
            self.subjects.insert(subject, self.next);
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

/// The one change that two changes of a subject amount to.
fn merge(old: Event, new: Event) -> Option<Event> {
    match (old, new) {
        (Event::Peer { from, peer: before, .. }, Event::Peer { peer, from: turned, to, cause }) => {
            let nothing = from == to && before.epoch == peer.epoch && from != turned;
            (!nothing).then_some(Event::Peer { peer, from, to, cause })
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
