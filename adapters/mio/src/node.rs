//! A node, in a loop that blocks, and on a thread of its own.

use std::io;
use std::ops::{Deref, DerefMut};
use std::task::Waker;
#[cfg(unix)]
use std::thread::JoinHandle;
use std::time::Duration;

use mio::net::UdpSocket;
use scalesmall_driver::Wait;
use scalesmall_driver::service::{Event, Events, Front, Handle, Settings, StartError};
#[cfg(unix)]
use scalesmall_driver::{Poller, next_event_here, turn_here};

use crate::socket::Socket;

/// A node on mio. All calls are those of [`Front`], to which it dereferences.
#[derive(Debug)]
pub struct Node {
    pub(crate) node: scalesmall_driver::Node<Socket>,
    /// Made when it is first needed.
    #[cfg(unix)]
    poller: Option<Poller>,
}

impl Node {
    /// Opens the sockets and starts the engine; not registered anywhere.
    ///
    /// # Errors
    ///
    /// [`StartError`]; nothing stays open then.
    pub fn bind(settings: &Settings) -> Result<Self, StartError> {
        let wrap = |socket| Ok(Socket(UdpSocket::from_std(socket)));
        let node = scalesmall_driver::Node::start(settings, wrap)?;
        Ok(Self {
            node,
            #[cfg(unix)]
            poller: None,
        })
    }

    /// Receives, fires what is due and sends, without waiting; for loops with a `Poll` of their own. Returns
    /// what to wait for.
    ///
    /// # Errors
    ///
    /// A socket that failed.
    pub fn pump(&mut self) -> io::Result<Wait> {
        self.node.pump()
    }

    /// Has `waker` woken when a handle has sent a call; see
    /// [the driver's](scalesmall_driver::Node::wake_on_call).
    ///
    /// Returns whether a call is waiting already, in which case nothing is woken for it.
    #[must_use = "a call may be waiting already"]
    pub fn wake_on_call(&self, waker: &Waker) -> bool {
        self.node.wake_on_call(waker)
    }

    /// A way to make calls of this node from other tasks and threads; cheap to clone.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.node.handle()
    }

    /// Whether any [`Handle`] is left. When the last one goes, the wait ends.
    #[must_use]
    pub fn has_handles(&self) -> bool {
        self.node.has_handles()
    }
}

#[cfg(unix)]
impl Node {
    /// Runs the node on this thread until there is an event.
    ///
    /// # Errors
    ///
    /// A socket that failed, or no file descriptor left to wait by.
    pub fn next_event(&mut self) -> io::Result<Event> {
        loop {
            if let Some(event) = self.next_event_within(Duration::MAX)? {
                return Ok(event);
            }
        }
    }

    /// Runs the node on this thread until there is an event, but not for longer than `limit`.
    ///
    /// # Errors
    ///
    /// As for [`Node::next_event`].
    pub fn next_event_within(&mut self, limit: Duration) -> io::Result<Option<Event>> {
        let (node, poller) = self.parts()?;
        next_event_here(node, poller, Some(limit))
    }

    /// Runs the node on this thread until something has happened or `limit` is over: pumps once and waits
    /// once. For loops that take the events with `poll_event` in their own order; take all of them before.
    ///
    /// # Errors
    ///
    /// As for [`Node::next_event`].
    pub fn turn(&mut self, limit: Option<Duration>) -> io::Result<()> {
        let (node, poller) = self.parts()?;
        turn_here(node, poller, limit)
    }

    fn parts(&mut self) -> io::Result<(&mut scalesmall_driver::Node<Socket>, &Poller)> {
        let poller = match self.poller.take() {
            Some(poller) => poller,
            None => Poller::new()?,
        };
        Ok((&mut self.node, self.poller.insert(poller)))
    }
}

/// Runs `node` on a thread of its own until the last [`Handle`] is dropped. Returns a handle, by which calls are made;
/// the events; and the thread, whose result is what ended the node otherwise, such as a socket that failed.
///
/// # Errors
///
/// The system has no thread or no file descriptor; nothing stays open then.
#[cfg(unix)]
pub fn spawn(node: Node) -> io::Result<(Handle, Events, JoinHandle<io::Result<()>>)> {
    scalesmall_driver::spawn(node.node)
}

/// The driver's node beneath, for its sockets and its counters.
impl AsRef<scalesmall_driver::Node<Socket>> for Node {
    fn as_ref(&self) -> &scalesmall_driver::Node<Socket> {
        &self.node
    }
}

impl Deref for Node {
    type Target = Front;

    fn deref(&self) -> &Front {
        &self.node
    }
}

impl DerefMut for Node {
    fn deref_mut(&mut self) -> &mut Front {
        &mut self.node
    }
}
