//! A node in a `Poll` of the embedder's.

use std::io;

use mio::{Interest, Registry, Token, event};

use crate::node::Node;

/// Puts all sockets of the node under one token. Register it for reading and writing, pump it
/// whenever it is ready or due, and take its events:
///
/// ```no_run
/// # fn run(mut node: scalesmall_mio::Node) -> std::io::Result<()> {
/// use mio::{Events, Interest, Poll, Token};
///
/// let mut poll = Poll::new()?;
/// let mut events = Events::with_capacity(64);
/// poll.registry().register(&mut node, Token(0), Interest::READABLE | Interest::WRITABLE)?;
/// loop {
///     let wait = node.pump()?;
///     while let Some(event) = node.poll_event() {
///         println!("{event}");
///     }
///     match poll.poll(&mut events, wait.timeout()) {
///         // A signal: see whether it asks for `node.depart()`, and run on until `Event::Departed`.
///         Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
///         other => other?,
///     }
/// }
/// # }
/// ```
///
/// mio tells of readiness once, when it begins. That is enough here: a pump that leaves something
/// unread asks to be called again at once. Have calls of a [`Handle`](crate::Handle) wake your `Poll`
/// by [`Node::wake_on_call`].
impl event::Source for Node {
    fn register(&mut self, registry: &Registry, token: Token, wish: Interest) -> io::Result<()> {
        let sockets = self.node.sockets_mut();
        sockets.unicast.0.register(registry, token, wish)?;
        match &mut sockets.multicast {
            Some(heard) => heard.0.register(registry, token, Interest::READABLE),
            None => Ok(()),
        }
    }

    fn reregister(&mut self, registry: &Registry, token: Token, wish: Interest) -> io::Result<()> {
        let sockets = self.node.sockets_mut();
        sockets.unicast.0.reregister(registry, token, wish)?;
        match &mut sockets.multicast {
            Some(heard) => heard.0.reregister(registry, token, Interest::READABLE),
            None => Ok(()),
        }
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        let sockets = self.node.sockets_mut();
        sockets.unicast.0.deregister(registry)?;
        match &mut sockets.multicast {
            Some(heard) => heard.0.deregister(registry),
            None => Ok(()),
        }
    }
}
