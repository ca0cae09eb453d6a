//! Runs a ScaleSmall node on [`tokio`].
//!
//! ```no_run
//! use scalesmall_core::{Event, GroupName, KeyRange};
//! use scalesmall_driver::{GroupKeys, Settings};
//! use scalesmall_tokio::Node;
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let mut settings = Settings::new("127.0.0.1:4000".parse()?, GroupKeys::published());
//!     settings.seeds.push("127.0.0.1:4001".parse()?);
//!     let mut node = Node::bind(&settings)?;
//!     node.add_item(&GroupName::try_from("kitchen")?, KeyRange::FULL, 80)?;
//!     let handle = node.handle();
//!     tokio::spawn(async move {
//!         tokio::time::sleep(std::time::Duration::from_secs(60)).await;
//!         handle.call(|node| node.depart()).await
//!     });
//!     loop {
//!         match node.next_event().await? {
//!             Event::Departed { .. } => return Ok(()),
//!             event => println!("{event:?}"),
//!         }
//!     }
//! }
//! ```
//!
//! The node runs while [`Node::next_event`] or [`Node::turn`] is awaited, in the task that awaits
//! it; nothing is spawned. Either future may be dropped at any point, as `select` does, and loses
//! nothing. A [`Handle`] reaches the node from other tasks and threads.
//!
//! tokio's reactor hears of every datagram of the sockets that it knows, awaited or not, and wakes a
//! worker for it. So it knows the node's only while the node waits: else a busy one would move half
//! as many.

use core::future::poll_fn;
use core::task::Poll;
use std::io;
use std::net::SocketAddr;
use std::ops::{Deref, DerefMut};

use scalesmall_core::Event;
use scalesmall_driver::{Settings, Sockets, StartError, Wait};
use tokio::net::UdpSocket;
use tokio::time::timeout_at;

pub use scalesmall_driver::{Call, CallError, Handle, figures};

/// A socket, as the driver wants it.
#[derive(Debug)]
pub struct Socket(std::net::UdpSocket);

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

/// Makes a socket known to the reactor until the answer is dropped. Without a runtime tokio panics.
fn register(socket: &Socket) -> io::Result<UdpSocket> {
    tokio::runtime::Handle::try_current().map_err(io::Error::other)?;
    UdpSocket::from_std(socket.0.try_clone()?)
}

/// Waits until a socket is readable, the unicast one writable if that is awaited, or the deadline.
async fn park(sockets: &Sockets<Socket>, wait: Wait) -> io::Result<()> {
    let unicast = register(&sockets.unicast)?;
    let multicast = sockets.multicast.as_ref().map(register).transpose()?;
    let ready = poll_fn(|cx| {
        if let Poll::Ready(ready) = unicast.poll_recv_ready(cx) {
            return Poll::Ready(ready);
        }
        if wait.writable
            && let Poll::Ready(ready) = unicast.poll_send_ready(cx)
        {
            return Poll::Ready(ready);
        }
        match &multicast {
            Some(heard) => heard.poll_recv_ready(cx),
            None => Poll::Pending,
        }
    });
    let Some(deadline) = wait.deadline else { return ready.await };
    timeout_at(deadline.into(), ready).await.unwrap_or(Ok(()))
}

/// A node on tokio. It dereferences to the driver's node, whose calls are all there.
#[derive(Debug)]
pub struct Node(scalesmall_driver::Node<Socket>);

impl Node {
    /// Opens the sockets and starts the engine, within a tokio runtime that has its network and
    /// its timers enabled.
    ///
    /// # Errors
    ///
    /// [`StartError`]; nothing stays open then. Outside of a runtime it is `StartError::Runtime`.
    pub fn bind(settings: &Settings) -> Result<Self, StartError> {
        let wrap = |socket| {
            tokio::runtime::Handle::try_current().map_err(io::Error::other)?;
            Ok(Socket(socket))
        };
        scalesmall_driver::Node::start(settings, wrap).map(Self)
    }

    /// Runs the node until there is an event. May be dropped at any point: nothing is lost.
    ///
    /// # Errors
    ///
    /// A socket that failed, no file descriptor left, or no runtime here: in one the node goes on.
    pub async fn next_event(&mut self) -> io::Result<Event> {
        self.0.next_event(park).await
    }

    /// Runs the node until something has happened: pumps once and waits once. For loops that take
    /// the events with `poll_event` in their own order; take all of them before.
    ///
    /// # Errors
    ///
    /// As for [`Node::next_event`].
    pub async fn turn(&mut self) -> io::Result<()> {
        self.0.turn(park).await
    }
}

impl Deref for Node {
    type Target = scalesmall_driver::Node<Socket>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl DerefMut for Node {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}
