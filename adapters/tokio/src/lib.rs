//! Runs a ScaleSmall node on [`tokio`]: a member of a cluster that knows which others are alive, and which of
//! them serves which range of keys, without a leader.
//!
//! ```no_run
//! use std::time::Duration;
//! use scalesmall_tokio::{Event, Footing, GroupKeys, GroupName, KeyRange, Node, Settings, spawn};
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let mut settings = Settings::new("127.0.0.1:4000".parse()?, GroupKeys::published());
//!     settings.seeds.push("127.0.0.1:4001".parse()?);
//!     let (handle, mut events, thread) = spawn(Node::bind(&settings)?)?;
//!     println!("{}", handle.contacted(Duration::from_secs(5)).await?);
//!     let kitchen = GroupName::try_from("kitchen")?;
//!     handle.call(move |node| node.add_item(&kitchen, KeyRange::FULL, 80)).await??;
//!     while let Some(event) = events.next().await {
//!         println!("{event}");
//!         if matches!(event, Event::Footing { to: Footing::Minority, .. }) {
//!             break; // Cut off from most of the others.
//!         }
//!     }
//!     handle.depart().await?;
//!     // When the last handle is gone, the thread ends. It is one of the system, and joining it blocks for a moment.
//!     drop(handle);
//!     thread.join().expect("no call panics")?;
//!     Ok(())
//! }
//! ```
//!
//! [`spawn`] runs the node on a thread of its own, so that tasks that block hold up neither the node nor what
//! others think of it. It gives a [`Handle`], which brings calls to the node, its [`Events`], which are a `Stream`,
//! and the thread, to be joined. All other names that you need are here as well, below. The key of this example is
//! known to everybody and taken on loopback only: `scalesmall keygen FILE` makes one of your own, for
//! [`GroupKeys::from_file`].
//!
//! Without [`spawn`] the node runs in the task that awaits [`Node::next_event`] or [`Node::turn`]:
//!
//! ```no_run
//! # async fn run(mut node: scalesmall_tokio::Node) -> std::io::Result<()> {
//! use scalesmall_tokio::Event;
//!
//! // Says goodbye; the node has to run on until that has been heard.
//! node.depart();
//! while !matches!(node.next_event().await?, Event::Departed { .. }) {}
//! # Ok(())
//! # }
//! ```
//!
//! In a task, an idle node costs up to twice as much. A task needs a runtime with its network and its timers
//! enabled.
//!
//! Every future may be dropped at any point, as `select` does, and loses nothing:
//! [what becomes of what](scalesmall_driver::running#cancellation).

use core::future::poll_fn;
use core::task::{Context, Poll};
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::ops::{Deref, DerefMut};

use scalesmall_driver::{Ready, Sockets, Wait};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::runtime;
use tokio::time::timeout_at;

#[doc(inline)]
pub use scalesmall_driver::service::*;

/// Datagrams in a row after which the reactor should no longer know the socket.
const BUSY: usize = 64;

/// A socket, as the driver wants it.
///
/// tokio's reactor hears of every datagram of the sockets that it knows, awaited or not, and wakes a worker for
/// it: a busy node would move half as many. So it forgets the socket of one that is, until that waits again.
#[derive(Debug)]
pub struct Socket {
    socket: UdpSocket,
    /// Another name of it, which the reactor of that runtime knows.
    known: Option<(runtime::Id, AsyncFd<UdpSocket>)>,
    /// Datagrams received without an end.
    streak: usize,
}

impl Socket {
    /// Makes the socket known to the reactor of this runtime. Without one tokio would panic.
    fn know(&mut self) -> io::Result<()> {
        let here = runtime::Handle::try_current().map_err(io::Error::other)?.id();
        if self.known.as_ref().is_none_or(|(runtime, _)| *runtime != here) {
            self.known = Some((here, self.register(Interest::READABLE)?));
        }
        Ok(())
    }

    /// For one of the two only: every datagram that leaves makes room, and would end the wait.
    #[expect(deprecated, reason = "what replaces it is unsafe; a socket keeps its descriptor")]
    fn register(&self, interest: Interest) -> io::Result<AsyncFd<UdpSocket>> {
        AsyncFd::with_interest(self.socket.try_clone()?, interest)
    }

    /// Whether there is something to receive. All of it has to be, as the reactor tells of it once.
    fn is_readable(&self, cx: &mut Context<'_>) -> io::Result<bool> {
        let Some((_, known)) = &self.known else { return Ok(true) };
        let Poll::Ready(ready) = known.poll_read_ready(cx) else { return Ok(false) };
        ready?.clear_ready();
        Ok(true)
    }
}

impl scalesmall_driver::Socket for Socket {
    fn try_recv_from(&mut self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        let received = self.socket.recv_from(buffer);
        self.streak = if received.is_ok() { self.streak + 1 } else { 0 };
        if self.streak == BUSY {
            self.known = None;
        }
        received
    }

    fn try_send_to(&mut self, datagram: &[u8], to: SocketAddr) -> io::Result<usize> {
        self.socket.send_to(datagram, to)
    }
}

impl std::os::fd::AsFd for Socket {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Waits in a task as `wait` says.
async fn park(sockets: &mut Sockets<Socket>, wait: Wait) -> io::Result<Ready> {
    sockets.unicast.know()?;
    if let Some(heard) = &mut sockets.multicast {
        heard.know()?;
    }
    let room = wait.writable.then(|| sockets.unicast.register(Interest::WRITABLE)).transpose()?;
    let found = poll_fn(|cx| {
        let mut ready = Ready::NOTHING;
        if wait.readable {
            ready.unicast = sockets.unicast.is_readable(cx)?;
            if let Some(heard) = &sockets.multicast {
                ready.multicast = heard.is_readable(cx)?;
            }
        }
        let room = room.as_ref().is_some_and(|room| room.poll_write_ready(cx).is_ready());
        if ready.unicast || ready.multicast || room {
            return Poll::Ready(Ok(ready));
        }
        Poll::Pending
    });
    let Some(deadline) = wait.deadline else { return found.await };
    timeout_at(deadline.into(), found).await.unwrap_or(Ok(Ready::NOTHING))
}

/// A node on tokio. All calls are those of [`Front`], to which it dereferences.
#[derive(Debug)]
pub struct Node(scalesmall_driver::Node<Socket>);

impl Node {
    /// Opens the sockets and starts the engine. Works on any thread, within a runtime or not.
    ///
    /// # Errors
    ///
    /// [`StartError`]; nothing stays open then.
    pub fn bind(settings: &Settings) -> Result<Self, StartError> {
        let wrap = |socket| Ok(Socket { socket, known: None, streak: 0 });
        scalesmall_driver::Node::start(settings, wrap).map(Self)
    }

    /// Runs the node in this task until there is an event. May be dropped at any point: nothing is lost.
    ///
    /// # Errors
    ///
    /// A socket that failed, no file descriptor left for the reactor, or no runtime here: in one the node goes
    /// on.
    pub async fn next_event(&mut self) -> io::Result<Event> {
        self.0.next_event(park).await
    }

    /// Runs the node in this task until something has happened: pumps once and waits once. For loops that
    /// take the events with `poll_event` in their own order; take all of them before.
    ///
    /// # Errors
    ///
    /// As for [`Node::next_event`].
    pub async fn turn(&mut self) -> io::Result<()> {
        self.0.turn(park).await
    }

    /// A way to make calls of this node from other tasks and threads; cheap to clone.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.0.handle()
    }

    /// Whether any [`Handle`] is left. When the last one goes, the wait ends.
    #[must_use]
    pub fn has_handles(&self) -> bool {
        self.0.has_handles()
    }
}

/// Runs `node` on a thread of its own until the last [`Handle`] is dropped. Returns a handle, by which calls are made;
/// the events; and the thread, whose result is what ended the node otherwise, such as a socket that failed.
/// The thread knows nothing of the runtime.
///
/// # Errors
///
/// The system has no thread or no file descriptor; nothing stays open then.
pub fn spawn(node: Node) -> io::Result<(Handle, Events, JoinHandle<io::Result<()>>)> {
    scalesmall_driver::spawn(node.0)
}

/// The driver's node beneath, for its sockets and its counters.
impl AsRef<scalesmall_driver::Node<Socket>> for Node {
    fn as_ref(&self) -> &scalesmall_driver::Node<Socket> {
        &self.0
    }
}

impl Deref for Node {
    type Target = Front;

    fn deref(&self) -> &Front {
        &self.0
    }
}

impl DerefMut for Node {
    fn deref_mut(&mut self) -> &mut Front {
        &mut self.0
    }
}
