//! A node, in a loop that blocks.

use std::io;
use std::ops::{Deref, DerefMut};
use std::time::{Duration, Instant};

use mio::net::UdpSocket;
use scalesmall_core::Event;
use scalesmall_driver::{Settings, StartError};

use crate::poller::Poller;
use crate::socket::Socket;

/// A node on mio. It dereferences to the driver's node, whose calls are all there.
#[derive(Debug)]
pub struct Node {
    pub(crate) node: scalesmall_driver::Node<Socket>,
    pub(crate) poller: Poller,
}

impl Node {
    /// Opens the sockets and starts the engine; not yet registered anywhere.
    ///
    /// # Errors
    ///
    /// [`StartError`]; nothing stays open then.
    pub fn bind(settings: &Settings) -> Result<Self, StartError> {
        let wrap = |socket| Ok(Socket(UdpSocket::from_std(socket)));
        let node = scalesmall_driver::Node::start(settings, wrap)?;
        Ok(Self { node, poller: Poller::default() })
    }

    /// Runs the node until there is an event.
    ///
    /// # Errors
    ///
    /// A socket or the poller that failed; or `AlreadyExists` if the node is registered in a `Poll`
    /// of yours.
    pub fn next_event(&mut self) -> io::Result<Event> {
        loop {
            if let Some(event) = self.next_event_within(Duration::MAX)? {
                return Ok(event);
            }
        }
    }

    /// Runs the node until there is an event, but not for longer than `limit`.
    ///
    /// # Errors
    ///
    /// As for [`Node::next_event`].
    pub fn next_event_within(&mut self, limit: Duration) -> io::Result<Option<Event>> {
        let end = Instant::now().checked_add(limit);
        loop {
            let wait = self.node.pump()?;
            if let Some(event) = self.node.poll_event() {
                return Ok(Some(event));
            }
            let left = end.map(|end| end.saturating_duration_since(Instant::now()));
            if left == Some(Duration::ZERO) {
                return Ok(None);
            }
            self.poller.wait(&mut self.node, wait, left)?;
        }
    }

    /// Runs the node until something has happened or `limit` is over: pumps once and waits once.
    /// For loops that take the events with `poll_event` in their own order; take all of them before.
    ///
    /// # Errors
    ///
    /// As for [`Node::next_event`].
    pub fn turn(&mut self, limit: Option<Duration>) -> io::Result<()> {
        let wait = self.node.pump()?;
        self.poller.wait(&mut self.node, wait, limit)
    }
}

impl Deref for Node {
    type Target = scalesmall_driver::Node<Socket>;

    fn deref(&self) -> &Self::Target {
        &self.node
    }
}

impl DerefMut for Node {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.node
    }
}
