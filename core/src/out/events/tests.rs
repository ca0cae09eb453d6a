use super::*;
use crate::base::{Epoch, Life, Status};
use crate::out::event::{Cause, MulticastState};
use crate::out::message::Tag;

fn node(port: u16) -> NodeId {
    NodeId::from_bits(port.into())
}

fn peer(port: u16, from: Option<Status>, to: Option<Status>) -> Event {
    let peer = Life { id: node(port), epoch: Epoch(1) };
    Event::Peer { peer, from, to, cause: Cause::Heard }
}

fn message() -> Event {
    sized(0)
}

fn sized(len: usize) -> Event {
    Event::Message {
        origin: node(9),
        sequence: 1,
        group: None,
        tag: Tag(0),
        payload: alloc::vec![0; len].into(),
        via: node(9),
    }
}

#[test]
fn changes_of_one_subject_become_one() {
    let mut events = Events::new(16, 1 << 20);
    events.push(peer(1, None, Some(Status::Alive)));
    events.push(peer(1, Some(Status::Alive), Some(Status::Suspect)));
    events.push(peer(1, Some(Status::Suspect), Some(Status::Down)));
    assert_eq!(events.pop(), Some(peer(1, None, Some(Status::Down))));
    assert_eq!(events.pop(), None);
}

#[test]
fn a_change_that_is_undone_is_none() {
    let mut events = Events::new(16, 1 << 20);
    events.push(peer(1, Some(Status::Alive), Some(Status::Suspect)));
    events.push(peer(1, Some(Status::Suspect), Some(Status::Alive)));
    assert!(events.is_empty());
}

#[test]
fn changes_of_multicast_become_one_or_none() {
    let change = |from, to| Event::Multicast { from, to };
    let mut events = Events::new(16, 1 << 20);
    events.push(change(MulticastState::Working, MulticastState::Unheard));
    events.push(change(MulticastState::Unheard, MulticastState::Silent));
    let one = change(MulticastState::Working, MulticastState::Silent);
    assert_eq!((events.pop(), events.pop()), (Some(one.clone()), None));
    events.push(one);
    events.push(change(MulticastState::Silent, MulticastState::Working));
    assert!(events.is_empty());
}

/// A peer that comes and goes while nobody polls takes no room for it.
#[test]
fn gaps_are_closed() {
    let mut events = Events::new(16, 1 << 20);
    events.push(peer(1, None, Some(Status::Alive)));
    for port in [2, 3] {
        for _ in 0..1_000 {
            events.push(peer(port, Some(Status::Alive), Some(Status::Suspect)));
            events.push(peer(port, Some(Status::Suspect), Some(Status::Alive)));
        }
        events.push(peer(port, Some(Status::Alive), Some(Status::Down)));
    }
    assert!(events.queue.len() <= 3 * KEPT && events.queue.capacity() < 1_000);
    let polled = [
        peer(1, None, Some(Status::Alive)),
        peer(2, Some(Status::Alive), Some(Status::Down)),
        peer(3, Some(Status::Alive), Some(Status::Down)),
    ];
    assert!(polled.into_iter().all(|event| events.pop() == Some(event)));
    assert!(events.pop().is_none() && events.is_empty() && events.places.is_empty());
}

#[test]
fn a_new_life_is_told_whatever_came_of_it() {
    let mut events = Events::new(16, 1 << 20);
    events.push_new_life(peer(1, Some(Status::Alive), Some(Status::Alive)));
    events.push(peer(1, Some(Status::Alive), Some(Status::Suspect)));
    events.push(peer(1, Some(Status::Suspect), Some(Status::Alive)));
    assert_eq!(events.pop(), Some(peer(1, Some(Status::Alive), Some(Status::Alive))));
    assert_eq!(events.pop(), None);
}

#[test]
fn messages_are_taken_up_to_the_limit_and_notices_are_counted_beyond() {
    let mut events = Events::new(4, 1 << 20);
    assert!(events.has_room_for(5, 0));
    for _ in 0..4 {
        assert!(events.has_room_for(1, 0));
        events.push(message());
    }
    assert!(!events.has_room_for(1, 0) && events.has_room_for(0, 0));
    events.push(Event::Isolated);
    events.push(peer(1, None, Some(Status::Alive)));
    assert_eq!(events.pop(), Some(Event::Overflow { dropped: 2 }));
    assert_eq!(core::iter::from_fn(|| events.pop()).count(), 4);
}

/// Few large messages fill the queue as many small ones do; what holds no bytes still finds room.
#[test]
fn bytes_have_a_limit_as_well() {
    let metadata = |len| Event::Metadata { node: node(1), metadata: alloc::vec![0; len].into() };
    let mut events = Events::new(100, 1_000);
    assert!(events.has_room_for(1, 5_000));
    assert!(!events.push(sized(900)));
    assert!(events.has_room_for(1, 100) && !events.has_room_for(1, 101));
    assert!(!events.push(peer(1, None, Some(Status::Alive))));
    assert!(!events.push(metadata(60)) && !events.push(metadata(90)));
    assert!(!events.has_room_for(1, 11) && events.has_room_for(1, 10));
    // The change of metadata and that of the peer are folded.
    assert!(events.push(metadata(200)));
    assert_eq!(events.pop(), Some(Event::Overflow { dropped: 2 }));
    assert_eq!(events.pop(), Some(sized(900)));
    assert!(events.pop().is_none() && events.has_room_for(1, 1_000) && events.bytes == 0);
}

#[test]
fn a_full_queue_folds_changes_and_keeps_messages() {
    let mut events = Events::new(4, 1 << 20);
    events.push(message());
    for port in 0..8 {
        events.push(peer(port, None, Some(Status::Alive)));
    }
    assert!(matches!(events.pop(), Some(Event::Overflow { dropped: 6 })));
    assert_eq!(events.pop(), Some(message()));
    assert_eq!(core::iter::from_fn(|| events.pop()).count(), 2);
}
