//! The poller of a node that is registered in no other one.

use std::io;
use std::sync::Arc;
use std::task::{Wake, Waker};
use std::time::Duration;

use mio::event::Source as _;
use mio::{Events, Interest, Poll, Token};

use crate::Socket;

const NODE: Token = Token(0);
const CALL: Token = Token(1);

#[derive(Debug)]
pub(crate) struct Poller {
    poll: Poll,
    ready: Events,
    waker: Waker,
    /// Whether room to send is awaited. It is not otherwise: every datagram that leaves would end
    /// the wait.
    writable: bool,
}

impl Poller {
    pub(crate) fn new(node: &mut scalesmall_driver::Node<Socket>) -> io::Result<Self> {
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

    /// Waits until a socket is ready, a call is made, or `limit` is over.
    pub(crate) fn wait(
        &mut self,
        node: &mut scalesmall_driver::Node<Socket>,
        writable: bool,
        limit: Option<Duration>,
    ) -> io::Result<()> {
        if self.writable != writable {
            let wish =
                if writable { Interest::READABLE | Interest::WRITABLE } else { Interest::READABLE };
            let unicast = &mut node.sockets_mut().unicast;
            unicast.0.reregister(self.poll.registry(), NODE, wish)?;
            self.writable = writable;
        }
        if node.wake_on_call(&self.waker) {
            return Ok(());
        }
        match self.poll.poll(&mut self.ready, limit) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => Err(error),
            _ => Ok(()),
        }
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
