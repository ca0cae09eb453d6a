//! The events of a node, for tasks and threads that do not run it.

use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_core::Stream;
use scalesmall_core::{Event, NodeId, NodeName};

use crate::bell::Bell;
use crate::call_error::CallError;
use crate::calls::Front;

use crate::names::mentioned;

/// The most events that wait for their reader.
const EVENTS: usize = 256;

/// Two ends of a bounded queue: where the loop that runs a node puts its events, and where another
/// task or thread takes them.
#[must_use]
pub fn event_queue() -> (Outlet, Events) {
    let queue = Arc::<Queue>::default();
    (Outlet { queue: Arc::clone(&queue), dropped: 0 }, Events { queue, names: Vec::new() })
}

/// An event, and the names of the nodes that it mentions.
type Told = (Event, Vec<(NodeId, NodeName)>);

#[derive(Debug, Default)]
struct Queue {
    state: Mutex<State>,
    /// For the reader that blocks its thread.
    more: Condvar,
}

#[derive(Debug, Default)]
struct State {
    told: VecDeque<Told>,
    /// Of the task that reads.
    waker: Option<Waker>,
    /// The node, if it has found no room.
    lags: Option<Arc<Bell>>,
    /// The node has ended.
    ended: bool,
    /// Nobody reads.
    unread: bool,
}

impl Queue {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the reader that there is something to see.
    fn tell(&self, mut state: MutexGuard<'_, State>) {
        let waker = state.waker.take();
        drop(state);
        self.more.notify_one();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl State {
    /// The next event, and the node that waits for room and now has it.
    fn take(&mut self) -> Option<(Told, Option<Arc<Bell>>)> {
        let told = self.told.pop_front()?;
        // Woken once for many.
        let waits = if self.told.len() <= EVENTS / 2 { self.lags.take() } else { None };
        Some((told, waits))
    }
}

/// Where the loop that runs a node puts its events. The reader sees the end when it is dropped.
#[derive(Debug)]
pub struct Outlet {
    queue: Arc<Queue>,
    /// Events dropped since the last one that found room.
    dropped: u64,
}

impl Outlet {
    /// Moves the node's events into the queue while there is room, and never waits. The others stay
    /// in the engine, which folds them and lets senders of messages know; once half of the queue has been
    /// read, the node's wait ends. While a [`Handle::depart`](crate::Handle::depart) waits, they do not stay:
    /// its end must come through, and is told behind an [`Event::Overflow`].
    pub fn drain(&mut self, front: &mut Front) {
        front.reader_lags = false;
        loop {
            let mut state = self.queue.state();
            let unread = state.unread;
            let full = !unread && state.told.len() >= EVENTS;
            if full && !front.waiting.is_departing() {
                state.lags = Some(Arc::clone(&front.bell));
                front.reader_lags = true;
                return;
            }
            drop(state);
            // Subscribers are called in there, so not under the lock.
            let Some(told) = poll(front) else { return };
            if full && !matches!(told.0, Event::Departed { .. }) {
                self.dropped += 1;
            } else if !unread {
                self.put(told);
            }
            // If no reader is left, the engine's queue is drained all the same.
        }
    }

    fn put(&mut self, told: Told) {
        let mut state = self.queue.state();
        let dropped = core::mem::take(&mut self.dropped);
        if dropped > 0 {
            state.told.push_back((Event::Overflow { dropped }, Vec::new()));
        }
        state.told.push_back(told);
        self.queue.tell(state);
    }
}

impl Drop for Outlet {
    fn drop(&mut self) {
        let mut state = self.queue.state();
        state.ended = true;
        self.queue.tell(state);
    }
}

fn poll(front: &mut Front) -> Option<Told> {
    let event = front.poll_event()?;
    let named = |id: NodeId| Some((id, front.name(id)?));
    let names = mentioned(&event).filter_map(named).collect();
    Some((event, names))
}

/// Where another task or thread takes a node's events: a [`Stream`], which ends when the node has ended and
/// all events are read. Dropping a future of it loses no event.
///
/// If nobody takes them, the node goes on; what finds no room is folded into one [`Event::Overflow`].
#[derive(Debug)]
pub struct Events {
    queue: Arc<Queue>,
    /// Of the nodes that the event mentions which was taken last.
    names: Vec<(NodeId, NodeName)>,
}

impl Events {
    /// The next event, for a task; `None` once the node has ended and all events are read. May be dropped at
    /// any point: nothing is lost.
    pub async fn next(&mut self) -> Option<Event> {
        core::future::poll_fn(|cx| self.poll(cx)).await
    }

    /// Blocks this thread until there is an event; `None` once the node has ended and all events are read.
    #[must_use]
    pub fn next_event(&mut self) -> Option<Event> {
        loop {
            // Not a deadline, but long.
            match self.next_event_within(Duration::from_secs(3600)) {
                Ok(Some(event)) => return Some(event),
                Ok(None) => {}
                Err(_) => return None,
            }
        }
    }

    /// Blocks this thread until there is an event, for at most `limit`.
    ///
    /// # Errors
    ///
    /// [`CallError::Stopped`] once the node has ended and all events are read.
    pub fn next_event_within(&mut self, limit: Duration) -> Result<Option<Event>, CallError> {
        let begun = Instant::now();
        let queue = Arc::clone(&self.queue);
        let mut state = queue.state();
        loop {
            if let Some(taken) = state.take() {
                drop(state);
                return Ok(Some(self.took(taken)));
            }
            if state.ended {
                return Err(CallError::Stopped);
            }
            let left = limit.saturating_sub(begun.elapsed());
            if left.is_zero() {
                return Ok(None);
            }
            let waited = queue.more.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// The next event, if there is one already.
    ///
    /// # Errors
    ///
    /// [`CallError::Stopped`] once the node has ended and all events are read.
    pub fn try_next_event(&mut self) -> Result<Option<Event>, CallError> {
        self.next_event_within(Duration::ZERO)
    }

    /// The name of a node that the event mentions which was taken last, as it was known at that time;
    /// of a node that is forgotten too, if it was gone for a while before. Of all other nodes `None`.
    #[must_use]
    pub fn name(&self, id: NodeId) -> Option<&NodeName> {
        self.names.iter().find(|(known, _)| *known == id).map(|(_, name)| name)
    }

    fn poll(&mut self, cx: &Context<'_>) -> Poll<Option<Event>> {
        let mut state = self.queue.state();
        if let Some(taken) = state.take() {
            drop(state);
            return Poll::Ready(Some(self.took(taken)));
        }
        if state.ended {
            return Poll::Ready(None);
        }
        state.waker = Some(cx.waker().clone());
        Poll::Pending
    }

    fn took(&mut self, ((event, names), waits): (Told, Option<Arc<Bell>>)) -> Event {
        if let Some(node) = waits {
            node.ring();
        }
        self.names = names;
        event
    }
}

impl Stream for Events {
    type Item = Event;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        self.get_mut().poll(cx)
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        let mut state = self.queue.state();
        state.unread = true;
        state.told.clear();
        let waits = state.lags.take();
        drop(state);
        if let Some(node) = waits {
            node.ring();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;
    use std::time::Instant;

    use scalesmall_core::Status;

    use super::*;
    use crate::{GroupKeys, Node, Settings};

    #[test]
    fn an_event_about_a_node_that_is_forgotten_still_has_its_name() {
        let mut settings = Settings::new("127.0.0.1:0".parse().unwrap(), GroupKeys::published());
        let mut witness: Node<UdpSocket> = Node::start(&settings, Ok).unwrap();
        let mut config = settings.config([1; 32]);
        config.forget_after = Duration::from_millis(20);
        witness.set_config(config).unwrap();
        settings.name = Some(NodeName::try_from("cook").unwrap());
        settings.seeds.push(witness.my_address().into());
        let mut cook: Node<UdpSocket> = Node::start(&settings, Ok).unwrap();
        let (id, (mut outlet, mut events)) = (cook.id(), event_queue());
        let limit = Instant::now() + Duration::from_secs(20);
        loop {
            let _ = (witness.pump().unwrap(), cook.pump().unwrap());
            while cook.poll_event().is_some() {}
            outlet.drain(&mut witness);
            assert!(Instant::now() < limit, "it is not forgotten");
            let Some(event) = events.try_next_event().unwrap() else { continue };
            let Event::Peer { peer, to, .. } = event else { continue };
            assert_eq!(events.name(peer.id).map(NodeName::as_str), Some("cook"), "{event:?}");
            match to {
                Some(Status::Alive) => cook.depart(),
                None => break,
                _ => {}
            }
        }
        assert_eq!((witness.peer(id), witness.engine().name(id)), (None, None));
        assert_eq!(witness.name(id), NodeName::try_from("cook").ok());
    }

    #[test]
    fn what_finds_no_room_is_kept_in_order_and_does_not_make_the_node_spin() {
        let settings = Settings::new("127.0.0.1:0".parse().unwrap(), GroupKeys::published());
        let mut node: Node<UdpSocket> = Node::start(&settings, Ok).unwrap();
        let (mut outlet, mut events) = event_queue();
        for _ in 0..EVENTS {
            outlet.queue.state().told.push_back((Event::Isolated, Vec::new()));
        }
        let mut renewed = Vec::new();
        for _ in 0..2 {
            node.renew().unwrap();
            renewed.push(node.epoch());
            outlet.drain(&mut node);
        }
        let spins = (0..10).filter(|_| node.pump().unwrap().is_over()).count();
        assert!(spins < 10, "it never waits");

        let mut told = Vec::new();
        while told.len() < renewed.len() {
            match events.try_next_event().unwrap() {
                Some(Event::Renewed { to, .. }) => told.push(to),
                Some(_) => {}
                None => outlet.drain(&mut node),
            }
        }
        assert_eq!(told, renewed);
        assert!(!node.reader_lags);
        drop(outlet);
        while events.next_event().is_some() {}
        assert_eq!(events.try_next_event(), Err(CallError::Stopped));
    }
}
