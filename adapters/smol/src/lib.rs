//! Runs a ScaleSmall node on [smol](https://docs.rs/smol): a member of a cluster that knows which others are
//! alive, and which of them serves which range of keys, without a leader.
//!
//! ```no_run
//! use std::time::Duration;
//! use scalesmall_smol::{Event, Footing, GroupKeys, GroupName, KeyRange, Node, Settings, spawn};
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let mut settings = Settings::new("127.0.0.1:4000".parse()?, GroupKeys::published());
//!     settings.seeds.push("127.0.0.1:4001".parse()?);
//!     let (handle, mut events, thread) = spawn(Node::bind(&settings)?)?;
//!     smol::block_on(async move {
//!         println!("{}", handle.contacted(Duration::from_secs(5)).await?);
//!         let kitchen = GroupName::try_from("kitchen")?;
//!         handle.call(move |node| node.add_item(&kitchen, KeyRange::FULL, 80)).await??;
//!         while let Some(event) = events.next().await {
//!             println!("{event}");
//!             if matches!(event, Event::Footing { to: Footing::Minority, .. }) {
//!                 break; // Cut off from most of the others.
//!             }
//!         }
//!         handle.depart().await?;
//!         Ok::<(), Box<dyn std::error::Error>>(())
//!     })?;
//!     // The last handle is gone, and so the thread ends.
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
//! # async fn run(mut node: scalesmall_smol::Node) -> std::io::Result<()> {
//! use scalesmall_smol::Event;
//!
//! // Says goodbye; the node has to run on until that has been heard.
//! node.depart();
//! while !matches!(node.next_event().await?, Event::Departed { .. }) {}
//! # Ok(())
//! # }
//! ```
//!
//! In a task, an idle node costs about three times as much: the reactor has a thread of its own, and the two
//! take turns.
//!
//! Every future may be dropped at any point, as `select` does, and loses nothing:
//! [what becomes of what](scalesmall_driver::running#cancellation).

use core::future::{Future as _, poll_fn};
use core::pin::pin;
use core::task::{Context, Poll};
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::ops::{Deref, DerefMut};

use async_io::{Async, Timer};
use scalesmall_driver::{Ready, Sockets, Wait};

#[doc(inline)]
pub use scalesmall_driver::service::*;

/// A socket, as the driver wants it.
#[derive(Debug)]
pub struct Socket {
    socket: UdpSocket,
    /// Another name of it, which the reactor knows once a task has waited.
    known: Option<Async<UdpSocket>>,
}

impl Socket {
    fn known(&mut self) -> io::Result<&Async<UdpSocket>> {
        let known = match self.known.take() {
            Some(known) => known,
            None => Async::new_nonblocking(self.socket.try_clone()?)?,
        };
        Ok(self.known.insert(known))
    }

    fn is_readable(&mut self, cx: &mut Context<'_>) -> io::Result<bool> {
        let ready = self.known()?.poll_readable(cx)?;
        Ok(ready.is_ready())
    }

    fn is_writable(&mut self, cx: &mut Context<'_>) -> io::Result<bool> {
        let ready = self.known()?.poll_writable(cx)?;
        Ok(ready.is_ready())
    }
}

impl scalesmall_driver::Socket for Socket {
    fn try_recv_from(&mut self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.socket.recv_from(buffer)
    }

    fn try_send_to(&mut self, datagram: &[u8], to: SocketAddr) -> io::Result<usize> {
        self.socket.send_to(datagram, to)
    }
}

#[cfg(unix)]
impl std::os::fd::AsFd for Socket {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Waits in a task as `wait` says.
async fn park(sockets: &mut Sockets<Socket>, wait: Wait) -> io::Result<Ready> {
    let mut due = pin!(wait.deadline.map(Timer::at));
    let found = poll_fn(|cx| {
        // The reactor tells again of what is left unread.
        let mut ready = Ready { again: true, ..Ready::NOTHING };
        if wait.readable {
            ready.unicast = sockets.unicast.is_readable(cx)?;
            if let Some(heard) = &mut sockets.multicast {
                ready.multicast = heard.is_readable(cx)?;
            }
        }
        let room = wait.writable && sockets.unicast.is_writable(cx)?;
        let due = due.as_mut().as_pin_mut().is_some_and(|due| due.poll(cx).is_ready());
        if ready.unicast || ready.multicast || room || due {
            return Poll::Ready(Ok(ready));
        }
        Poll::Pending
    });
    found.await
}

/// A node on `async-io`, the reactor of smol and of async-std. All calls are those of [`Front`], to which it
/// dereferences.
#[derive(Debug)]
pub struct Node(scalesmall_driver::Node<Socket>);

impl Node {
    /// Opens the sockets and starts the engine. Works on any thread.
    ///
    /// # Errors
    ///
    /// [`StartError`]; nothing stays open then.
    pub fn bind(settings: &Settings) -> Result<Self, StartError> {
        let wrap = |socket| Ok(Socket { socket, known: None });
        scalesmall_driver::Node::start(settings, wrap).map(Self)
    }

    /// Runs the node in this task until there is an event. May be dropped at any point: nothing is lost.
    ///
    /// # Errors
    ///
    /// A socket that failed, or no file descriptor left for the reactor.
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
#[cfg(unix)]
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
