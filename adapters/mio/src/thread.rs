//! A node on a thread of its own.

use core::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{
    Receiver, RecvTimeoutError, Sender, SyncSender, TryRecvError, TrySendError, channel,
    sync_channel,
};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use mio::{Interest, Poll, Token, Waker};
use scalesmall_core::Event;

use crate::Node;

const NODE: Token = Token(0);
const WAKE: Token = Token(1);

/// Events that wait for the application on their way out of the thread. What comes on top stays in
/// the engine, which keeps only the last change of each subject.
const EVENTS: usize = 256;

type Call = Box<dyn FnOnce(&mut Node) + Send>;

/// Runs `node` on a thread of its own until the last [`Handle`] is dropped.
///
/// # Errors
///
/// No poller, no thread, or a node that cannot be registered.
pub fn spawn(mut node: Node) -> io::Result<(Handle, Events)> {
    let poll = Poll::new()?;
    poll.registry().register(&mut node, NODE, Interest::READABLE | Interest::WRITABLE)?;
    let waker = Arc::new(Waker::new(poll.registry(), WAKE)?);
    let stalled = Arc::new(AtomicBool::new(false));
    let (calls, to_call) = channel();
    let (out, events) = sync_channel(EVENTS);
    let worker = Worker { node, poll, calls: to_call, out, stalled: Arc::clone(&stalled) };
    let thread = Builder::new().name("scalesmall".to_owned()).spawn(move || worker.run())?;
    let wake_on_drop = WakeOnDrop(Arc::clone(&waker));
    let handle = Handle { calls, _wake: Arc::new(wake_on_drop), waker: Arc::clone(&waker) };
    Ok((handle, Events { events, stalled, waker, thread: Some(thread) }))
}

/// Talks to a node on its thread. Clones talk to the same node.
#[derive(Clone, Debug)]
pub struct Handle {
    // Dropped before the waker below rings, so that the thread then sees that nobody is left.
    calls: Sender<Call>,
    _wake: Arc<WakeOnDrop>,
    waker: Arc<Waker>,
}

impl Handle {
    /// Makes calls of the node on its thread and waits for what they return. What they changed is
    /// sent at once afterwards.
    ///
    /// # Errors
    ///
    /// [`Stopped`] if the thread has ended; whether the call was made is then unknown.
    pub fn call<R: Send + 'static>(
        &self,
        call: impl FnOnce(&mut Node) -> R + Send + 'static,
    ) -> Result<R, Stopped> {
        let (answer, answered) = sync_channel(1);
        let boxed: Call = Box::new(move |node| {
            // The caller waits, or has been killed and does not care.
            let _ = answer.send(call(node));
        });
        self.calls.send(boxed).map_err(|_| Stopped)?;
        self.waker.wake().map_err(|_| Stopped)?;
        answered.recv().map_err(|_| Stopped)
    }
}

/// Rings the thread when the last handle goes.
#[derive(Debug)]
struct WakeOnDrop(Arc<Waker>);

impl Drop for WakeOnDrop {
    fn drop(&mut self) {
        // Should it fail, the thread notices at its next deadline.
        let _ = self.0.wake();
    }
}

/// The events of a node on its thread.
#[derive(Debug)]
pub struct Events {
    events: Receiver<Event>,
    stalled: Arc<AtomicBool>,
    waker: Arc<Waker>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl Events {
    /// Waits for the next event; `None` once the thread has ended and all events are read.
    pub fn next_event(&mut self) -> Option<Event> {
        let event = self.events.recv().ok();
        self.resume();
        event
    }

    /// Waits for the next event for at most `limit`.
    ///
    /// # Errors
    ///
    /// [`Stopped`] once the thread has ended and all events are read.
    pub fn next_event_within(&mut self, limit: Duration) -> Result<Option<Event>, Stopped> {
        let event = match self.events.recv_timeout(limit) {
            Ok(event) => Some(event),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => return Err(Stopped),
        };
        self.resume();
        Ok(event)
    }

    /// Waits for the thread to end, which it does when the last handle is dropped.
    ///
    /// # Errors
    ///
    /// What ended it otherwise: a socket or a poller that failed.
    pub fn join(mut self) -> io::Result<()> {
        let Some(thread) = self.thread.take() else { return Ok(()) };
        // With nobody left to read them, events no longer hold the thread up.
        drop(self.events);
        match thread.join() {
            Ok(ended) => ended,
            Err(_) => Err(io::Error::other("the node's thread panicked")),
        }
    }

    /// Tells the thread that there is room again, if it waits for that.
    fn resume(&self) {
        if self.stalled.swap(false, Ordering::AcqRel) {
            // Should it fail, the thread notices at its next deadline.
            let _ = self.waker.wake();
        }
    }
}

/// The node's thread has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stopped;

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the node has stopped; start it again")
    }
}

impl core::error::Error for Stopped {}

struct Worker {
    node: Node,
    poll: Poll,
    calls: Receiver<Call>,
    out: SyncSender<Event>,
    stalled: Arc<AtomicBool>,
}

impl Worker {
    fn run(mut self) -> io::Result<()> {
        let mut ready = mio::Events::with_capacity(16);
        let mut held = None;
        loop {
            loop {
                match self.calls.try_recv() {
                    Ok(call) => call(&mut self.node),
                    Err(TryRecvError::Empty) => break,
                    Err(TryRecvError::Disconnected) => return Ok(()),
                }
            }
            let wait = self.node.pump()?;
            self.hand_out(&mut held);
            match self.poll.poll(&mut ready, wait.timeout()) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
                _ => {}
            }
        }
    }

    /// Hands events out while there is room for them; `held` is the one that found none.
    fn hand_out(&mut self, held: &mut Option<Event>) {
        while let Some(event) = held.take().or_else(|| self.node.poll_event()) {
            match self.out.try_send(event) {
                // If nobody listens, the engine's queue is drained all the same.
                Ok(()) | Err(TrySendError::Disconnected(_)) => {}
                Err(TrySendError::Full(event)) => {
                    // Announced before the second try: a reader that makes room after it sees the
                    // announcement and wakes this thread.
                    self.stalled.store(true, Ordering::Release);
                    match self.out.try_send(event) {
                        Ok(()) | Err(TrySendError::Disconnected(_)) => {}
                        Err(TrySendError::Full(event)) => {
                            *held = Some(event);
                            return;
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::time::Instant;

    use scalesmall_core::{GroupName, KeyRange, Recipients, Status, Tag};
    use scalesmall_driver::{GroupKey, Settings};

    use super::*;

    const LIMIT: Duration = Duration::from_secs(20);

    fn start(seed: Option<SocketAddr>) -> (Handle, Events, SocketAddr) {
        let mut settings = Settings::new("127.0.0.1:0".parse().unwrap(), GroupKey::published());
        settings.seeds.extend(seed.map(Into::into));
        let node = Node::start(&settings).unwrap();
        let id = node.id().addr();
        let (handle, events) = spawn(node).unwrap();
        (handle, events, id)
    }

    fn wait_for(events: &mut Events, mut wanted: impl FnMut(&Event) -> bool) {
        let limit = Instant::now() + LIMIT;
        loop {
            let left = limit.saturating_duration_since(Instant::now());
            let event = events.next_event_within(left).unwrap().expect("in time");
            if wanted(&event) {
                return;
            }
        }
    }

    fn is_alive(event: &Event) -> bool {
        matches!(event, Event::Peer { to: Some(Status::Alive), .. })
    }

    #[test]
    fn calls_reach_the_node_and_others_hear_of_them() {
        let (a, _a_events, id) = start(None);
        let (_b, mut b_events, _) = start(Some(id));
        wait_for(&mut b_events, is_alive);
        let group = GroupName::try_from("kitchen").unwrap();
        let range = KeyRange::new(1, 9).unwrap();
        let added = a.call(move |node| node.add_item(&group, range, 7000)).unwrap().unwrap();
        let same = |event: &Event| matches!(event, Event::ItemSet { item, .. } if *item == added);
        wait_for(&mut b_events, same);
    }

    #[test]
    fn the_last_handle_that_goes_ends_the_thread() {
        let (handle, mut events, _) = start(None);
        let other = handle.clone();
        drop(handle);
        assert!(other.call(|node| node.id()).is_ok());
        drop(other);
        assert_eq!(events.next_event(), None);
        events.join().unwrap();
    }

    #[test]
    fn a_reader_that_lags_gets_every_message_when_it_reads() {
        const MESSAGES: usize = 3 * EVENTS;
        let (a, mut a_events, id) = start(None);
        let (_b, mut b_events, _) = start(Some(id));
        wait_for(&mut b_events, is_alive);
        wait_for(&mut a_events, is_alive);
        let limit = Instant::now() + LIMIT;
        for number in 0..MESSAGES {
            let tag = Tag(u32::try_from(number).unwrap());
            let sent = move |node: &mut Node| {
                node.broadcast(Recipients::All, tag, vec![0; 8].into()).map(|_| ())
            };
            while a.call(sent).unwrap().is_err() {
                assert!(Instant::now() < limit, "the sender stays busy");
                std::thread::yield_now();
            }
        }
        let mut seen = vec![false; MESSAGES];
        let mut left = MESSAGES;
        wait_for(&mut b_events, |event| {
            if let Event::Message { tag, .. } = event {
                let first = !std::mem::replace(&mut seen[tag.0 as usize], true);
                left -= usize::from(first);
            }
            left == 0
        });
    }
}
