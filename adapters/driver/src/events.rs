//! The events of a node, for a thread that does not run it.

use std::sync::mpsc::{
    Receiver, RecvTimeoutError, SyncSender, TryRecvError, TrySendError, sync_channel,
};
use std::time::Duration;

use scalesmall_core::{Event, NodeId, NodeName};

use crate::calls::Front;
use crate::handle::CallError;
use crate::names::mentioned;

/// The most events that wait for their reader.
const EVENTS: usize = 256;

/// Two ends of a bounded queue: where the loop that runs a node puts its events, and where another
/// thread takes them.
#[must_use]
pub fn event_queue() -> (Outlet, Events) {
    let (out, events) = sync_channel(EVENTS);
    (Outlet { out, held: None }, Events { queue: events, names: Vec::new() })
}

/// An event, and the names of the nodes that it mentions.
type Told = (Event, Vec<(NodeId, NodeName)>);

/// Where the loop that runs a node puts its events.
#[derive(Debug)]
pub struct Outlet {
    out: SyncSender<Told>,
    /// The event that found no room.
    held: Option<Told>,
}

impl Outlet {
    /// Moves the node's events into the queue while there is room, and never waits. The others stay
    /// in the engine, which folds them and lets senders of messages know.
    pub fn drain(&mut self, front: &mut Front) {
        front.reader_lags = false;
        while let Some(event) = self.held.take().or_else(|| poll(front)) {
            // If no reader is left, the engine's queue is drained all the same.
            if let Err(TrySendError::Full(event)) = self.out.try_send(event) {
                self.held = Some(event);
                front.reader_lags = true;
                return;
            }
        }
    }
}

fn poll(front: &mut Front) -> Option<Told> {
    let event = front.poll_event()?;
    let named = |id: NodeId| Some((id, front.name(id)?));
    let names = mentioned(&event).filter_map(named).collect();
    Some((event, names))
}

/// Where another thread takes a node's events.
#[derive(Debug)]
pub struct Events {
    queue: Receiver<Told>,
    /// Of the nodes that the event mentions which was taken last.
    names: Vec<(NodeId, NodeName)>,
}

impl Events {
    /// Waits for the next event; `None` once the node has ended and all events are read.
    pub fn next_event(&mut self) -> Option<Event> {
        let told = self.queue.recv().ok()?;
        Some(self.take(told))
    }

    /// Waits for the next event for at most `limit`.
    ///
    /// # Errors
    ///
    /// [`CallError::Stopped`] once the node has ended and all events are read.
    pub fn next_event_within(&mut self, limit: Duration) -> Result<Option<Event>, CallError> {
        match self.queue.recv_timeout(limit) {
            Ok(told) => Ok(Some(self.take(told))),
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
        match self.queue.try_recv() {
            Ok(told) => Ok(Some(self.take(told))),
            Err(TryRecvError::Empty) => Ok(None),
            Err(TryRecvError::Disconnected) => Err(CallError::Stopped),
        }
    }

    /// The name of a node that the event mentions which was taken last, as it was known at that time;
    /// of a node that is forgotten too, if it was gone for a while before. Of all other nodes `None`.
    #[must_use]
    pub fn name(&self, id: NodeId) -> Option<&NodeName> {
        self.names.iter().find(|(known, _)| *known == id).map(|(_, name)| name)
    }

    fn take(&mut self, (event, names): Told) -> Event {
        self.names = names;
        event
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
            outlet.out.try_send((Event::Isolated, Vec::new())).unwrap();
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
