//! Runs a ScaleSmall node on [`smol`].
//!
//! ```no_run
//! use scalesmall_core::{Event, GroupName, KeyRange};
//! use scalesmall_driver::{GroupKeys, Settings};
//! use scalesmall_smol::Node;
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     smol::block_on(run())
//! }
//!
//! async fn run() -> Result<(), Box<dyn std::error::Error>> {
//!     let mut settings = Settings::new("127.0.0.1:4000".parse()?, GroupKeys::published());
//!     settings.seeds.push("127.0.0.1:4001".parse()?);
//!     let mut node = Node::bind(&settings)?;
//!     node.add_item(&GroupName::try_from("kitchen")?, KeyRange::FULL, 80)?;
//!     let handle = node.handle();
//!     std::thread::spawn(move || {
//!         std::thread::sleep(std::time::Duration::from_secs(60));
//!         handle.call(|node| node.depart()).wait()
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

use core::future::poll_fn;
use core::task::Poll;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::ops::{Deref, DerefMut};

use scalesmall_core::Event;
use scalesmall_driver::{Settings, Sockets, StartError, Wait};
use smol::{Async, Timer};

pub use scalesmall_driver::{Call, CallError, Handle, figures};

/// A socket with smol's readiness, as the driver wants it.
#[derive(Debug)]
pub struct Socket(Async<UdpSocket>);

impl scalesmall_driver::Socket for Socket {
    fn try_recv_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.0.get_ref().recv_from(buffer)
    }

    fn try_send_to(&self, datagram: &[u8], to: SocketAddr) -> io::Result<usize> {
        self.0.get_ref().send_to(datagram, to)
    }
}

#[cfg(unix)]
impl std::os::fd::AsFd for Socket {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Waits until a socket is readable, the unicast one writable if that is awaited, or the deadline.
async fn park(sockets: &Sockets<Socket>, wait: Wait) -> io::Result<()> {
    let ready = poll_fn(|cx| {
        let unicast = &sockets.unicast.0;
        if let Poll::Ready(ready) = unicast.poll_readable(cx) {
            return Poll::Ready(ready);
        }
        if wait.writable
            && let Poll::Ready(ready) = unicast.poll_writable(cx)
        {
            return Poll::Ready(ready);
        }
        match &sockets.multicast {
            Some(heard) => heard.0.poll_readable(cx),
            None => Poll::Pending,
        }
    });
    let Some(deadline) = wait.deadline else { return ready.await };
    let due = async {
        Timer::at(deadline).await;
        Ok(())
    };
    smol::future::or(ready, due).await
}

/// A node on smol. It dereferences to the driver's node, whose calls are all there.
#[derive(Debug)]
pub struct Node(scalesmall_driver::Node<Socket>);

impl Node {
    /// Opens the sockets and starts the engine. Works on any thread.
    ///
    /// # Errors
    ///
    /// [`StartError`]; nothing stays open then.
    pub fn bind(settings: &Settings) -> Result<Self, StartError> {
        let wrap = |socket| Async::new_nonblocking(socket).map(Socket);
        scalesmall_driver::Node::start(settings, wrap).map(Self)
    }

    /// Runs the node until there is an event. May be dropped at any point: nothing is lost.
    ///
    /// # Errors
    ///
    /// A socket that failed; or the runtime, once it has ended.
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
