//! Runs a ScaleSmall node on [`mio`]: in a loop that blocks, on a thread of its own, or in a `Poll`
//! of yours.
//!
//! ```no_run
//! use scalesmall_core::{Event, GroupName, KeyRange};
//! use scalesmall_driver::{GroupKey, Settings};
//! use scalesmall_mio::Node;
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let mut settings = Settings::new("127.0.0.1:4000".parse()?, GroupKey::published());
//!     settings.seeds.push("127.0.0.1:4001".parse()?);
//!     let mut node = Node::bind(&settings)?;
//!     node.add_item(&GroupName::try_from("kitchen")?, KeyRange::FULL, 80)?;
//!     let handle = node.handle();
//!     std::thread::spawn(move || {
//!         std::thread::sleep(std::time::Duration::from_secs(60));
//!         handle.call(|node| node.depart()).wait()
//!     });
//!     loop {
//!         match node.next_event()? {
//!             Event::Departed { .. } => return Ok(()),
//!             event => println!("{event:?}"),
//!         }
//!     }
//! }
//! ```
//!
//! [`spawn`] puts the node on a thread. A node can be one of the [sources](mio::event::Source) of a
//! [`mio::Poll`] of yours: see [there](Node#impl-Source-for-Node).
//!
mod poller;
#[cfg(doctest)]
mod readme;
mod source;
mod thread;

use std::io;
use std::net::SocketAddr;
use std::ops::{Deref, DerefMut};
use std::time::{Duration, Instant};

use mio::net::UdpSocket;
use poller::Poller;
use scalesmall_core::Event;
use scalesmall_driver::{Settings, StartError};

pub use scalesmall_driver::{Call, CallError, Events, Handle};
pub use thread::spawn;

/// A mio socket, as the driver wants it.
#[derive(Debug)]
pub struct Socket(UdpSocket);

impl scalesmall_driver::Socket for Socket {
    fn try_recv_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.0.recv_from(buffer)
    }

    fn try_send_to(&self, datagram: &[u8], to: SocketAddr) -> io::Result<usize> {
        self.0.send_to(datagram, to)
    }
}

#[cfg(unix)]
impl std::os::fd::AsFd for Socket {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// A node on mio. It dereferences to the driver's node, whose calls are all there.
#[derive(Debug)]
pub struct Node {
    node: scalesmall_driver::Node<Socket>,
    poller: Poller,
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
