//! Runs a ScaleSmall node in a [`mio`] event loop.
//!
//! Either register a [`Node`] in a `Poll` of your own, or [`spawn`] it on a thread and talk to it
//! through a [`Handle`].
//!
//! ```no_run
//! use mio::{Events, Interest, Poll, Token};
//! use scalesmall_driver::{GroupKey, Settings};
//! use scalesmall_mio::Node;
//!
//! const NODE: Token = Token(0);
//!
//! let settings = Settings::new("127.0.0.1:4000".parse()?, GroupKey::published());
//! let mut node = Node::start(&settings)?;
//! let mut poll = Poll::new()?;
//! let mut events = Events::with_capacity(64);
//! poll.registry().register(&mut node, NODE, Interest::READABLE | Interest::WRITABLE)?;
//! loop {
//!     let wait = node.pump()?;
//!     while let Some(event) = node.poll_event() {
//!         println!("{event:?}");
//!     }
//!     poll.poll(&mut events, wait.timeout())?;
//! }
//! # #[allow(unreachable_code)]
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! mio tells of readiness once, when it begins. That is enough here: a pump that leaves something
//! unread asks to be called again at once.

mod thread;

/// The examples of the README, compiled.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;

use std::io;
use std::net::SocketAddr;
use std::ops::{Deref, DerefMut};

use mio::net::UdpSocket;
use mio::{Interest, Registry, Token, event};
use scalesmall_driver::{Settings, StartError};

pub use thread::{Events, Handle, Stopped, spawn};

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

/// A node that can be registered in a [`mio::Poll`], under one token for all of its sockets.
///
/// Register it for reading and writing. It dereferences to the driver's node, whose calls are all
/// there; pump after calling them.
#[derive(Debug)]
pub struct Node(scalesmall_driver::Node<Socket>);

impl Node {
    /// Opens the sockets and starts the engine; not yet registered anywhere.
    ///
    /// # Errors
    ///
    /// [`StartError`]; nothing stays open then.
    pub fn start(settings: &Settings) -> Result<Self, StartError> {
        let wrap = |socket| Ok(Socket(UdpSocket::from_std(socket)));
        scalesmall_driver::Node::start(settings, wrap).map(Self)
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

impl event::Source for Node {
    fn register(&mut self, registry: &Registry, token: Token, wish: Interest) -> io::Result<()> {
        let sockets = self.0.sockets_mut();
        sockets.unicast.0.register(registry, token, wish)?;
        match &mut sockets.multicast {
            Some(heard) => heard.0.register(registry, token, Interest::READABLE),
            None => Ok(()),
        }
    }

    fn reregister(&mut self, registry: &Registry, token: Token, wish: Interest) -> io::Result<()> {
        let sockets = self.0.sockets_mut();
        sockets.unicast.0.reregister(registry, token, wish)?;
        match &mut sockets.multicast {
            Some(heard) => heard.0.reregister(registry, token, Interest::READABLE),
            None => Ok(()),
        }
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        let sockets = self.0.sockets_mut();
        sockets.unicast.0.deregister(registry)?;
        match &mut sockets.multicast {
            Some(heard) => heard.0.deregister(registry),
            None => Ok(()),
        }
    }
}
