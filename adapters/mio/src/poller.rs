//! The poller of a node that is registered in no other one.

use std::io;
use std::sync::Arc;
use std::task::{Wake, Waker};
use std::time::Duration;

use mio::event::Source as _;
use mio::{Events, Interest, Poll, Token};
use scalesmall_driver::Wait;

use crate::socket::Socket;

const NODE: Token = Token(0);
const CALL: Token = Token(1);

/// Waits for a node. It is made of the system's when it is first needed: until then the node can be
/// registered in another one.
#[derive(Debug, Default)]
pub(crate) struct Poller(Option<Made>);

#[derive(Debug)]
struct Made {
    poll: Poll,
    ready: Events,
    waker: Waker,
    /// Whether room to send is awaited. It is not otherwise: every datagram that leaves would end
    /// the wait.
    writable: bool,
}

impl Poller {
    /// Makes it, unless it is made.
    pub(crate) fn make(&mut self, node: &mut scalesmall_driver::Node<Socket>) -> io::Result<()> {
        self.made(node).map(drop)
    }

    /// Waits until a socket is ready, a call is made, or the earlier of `wait` and `limit` is over.
    pub(crate) fn wait(
        &mut self,
        node: &mut scalesmall_driver::Node<Socket>,
        wait: Wait,
        limit: Option<Duration>,
    ) -> io::Result<()> {
        let made = self.made(node)?;
        if made.writable != wait.writable {
            let write = if wait.writable { Interest::WRITABLE } else { Interest::READABLE };
            let wish = Interest::READABLE | write;
            node.sockets_mut().unicast.0.reregister(made.poll.registry(), NODE, wish)?;
            made.writable = wait.writable;
        }
        if node.wake_on_call(&made.waker) {
            return Ok(());
        }
        let limit = limit.into_iter().chain(wait.timeout()).min();
        match made.poll.poll(&mut made.ready, limit) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => Err(error),
            _ => Ok(()),
        }
    }

    fn made(&mut self, node: &mut scalesmall_driver::Node<Socket>) -> io::Result<&mut Made> {
        let made = match self.0.take() {
            Some(made) => made,
            None => Made::new(node)?,
        };
        Ok(self.0.insert(made))
    }
}

impl Made {
    fn new(node: &mut scalesmall_driver::Node<Socket>) -> io::Result<Self> {
        let poll = Poll::new()?;
        let ring = Ring(mio::Waker::new(poll.registry(), CALL)?);
        let sockets = node.sockets_mut();
        sockets.unicast.0.register(poll.registry(), NODE, Interest::READABLE)?;
        if let Some(heard) = &mut sockets.multicast {
            heard.0.register(poll.registry(), NODE, Interest::READABLE)?;
        }
        let waker = Waker::from(Arc::new(ring));
        Ok(Self { poll, ready: Events::with_capacity(16), waker, writable: false })
    }
}

#[derive(Debug)]
struct Ring(mio::Waker);

impl Wake for Ring {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // Should it fail, the node notices at its next deadline.
        let _ = self.0.wake();
    }
}
