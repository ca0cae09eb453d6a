//! The events of a node, for a thread that does not run it.

use std::sync::mpsc::{
    Receiver, RecvTimeoutError, SyncSender, TryRecvError, TrySendError, sync_channel,
};
use std::time::Duration;

use scalesmall_core::Event;

use crate::calls::Front;
use crate::handle::CallError;

/// The most events that wait for their reader.
const EVENTS: usize = 256;

/// Two ends of a bounded queue: where the loop that runs a node puts its events, and where another
/// thread takes them.
#[must_use]
pub fn event_queue() -> (Outlet, Events) {
    let (out, events) = sync_channel(EVENTS);
    (Outlet { out, held: None }, Events(events))
}

/// Where the loop that runs a node puts its events.
#[derive(Debug)]
pub struct Outlet {
    out: SyncSender<Event>,
    /// The event that found no room.
    held: Option<Event>,
}

impl Outlet {
    /// Moves the node's events into the queue while there is room, and never waits. The others stay
    /// in the engine, which folds them and lets senders of messages know.
    pub fn drain(&mut self, front: &mut Front) {
        front.reader_lags = false;
        while let Some(event) = self.held.take().or_else(|| front.poll_event()) {
            // If no reader is left, the engine's queue is drained all the same.
            if let Err(TrySendError::Full(event)) = self.out.try_send(event) {
                self.held = Some(event);
                front.reader_lags = true;
                return;
            }
        }
    }
}

/// Where another thread takes a node's events.
#[derive(Debug)]
pub struct Events(Receiver<Event>);

impl Events {
    /// Waits for the next event; `None` once the node has ended and all events are read.
    pub fn next_event(&mut self) -> Option<Event> {
        self.0.recv().ok()
    }

    /// Waits for the next event for at most `limit`.
    ///
    /// # Errors
    ///
    /// [`CallError::Stopped`] once the node has ended and all events are read.
    pub fn next_event_within(&mut self, limit: Duration) -> Result<Option<Event>, CallError> {
        match self.0.recv_timeout(limit) {
            Ok(event) => Ok(Some(event)),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => Err(CallError::Stopped),
        }
    }

    /// The next event, if there is one already.
    ///
    /// # Errors
    ///
    /// [`CallError::Stopped`] once the node has ended and all events are read.
    pub fn try_next_event(&mut self) -> Result<Option<Event>, CallError> {
        match self.0.try_recv() {
            Ok(event) => Ok(Some(event)),
            Err(TryRecvError::Empty) => Ok(None),
            Err(TryRecvError::Disconnected) => Err(CallError::Stopped),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use super::*;
    use crate::{GroupKey, Node, Settings};

    #[test]
    fn what_finds_no_room_is_kept_in_order_and_does_not_make_the_node_spin() {
        let settings = Settings::new("127.0.0.1:0".parse().unwrap(), GroupKey::published());
        let mut node: Node<UdpSocket> = Node::start(&settings, Ok).unwrap();
        let (mut outlet, mut events) = event_queue();
        for _ in 0..EVENTS {
            outlet.out.try_send(Event::Isolated).unwrap();
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
