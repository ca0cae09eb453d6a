//! The mio adapter, registered in a `Poll`.

use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Token};
use scalesmall_driver::{Node, Settings};
use scalesmall_mio::Socket;

use crate::stories::Runs;

pub(crate) struct Mio {
    node: scalesmall_mio::Node,
    poll: Poll,
    ready: Events,
}

impl Runs for Mio {
    type Socket = Socket;

    fn start(settings: &Settings) -> Self {
        let mut node = scalesmall_mio::Node::start(settings).expect("a node");
        let poll = Poll::new().expect("a poller");
        let interest = Interest::READABLE | Interest::WRITABLE;
        poll.registry().register(&mut node, Token(0), interest).expect("it is registered");
        Self { node, poll, ready: Events::with_capacity(8) }
    }

    fn node(&mut self) -> &mut Node<Socket> {
        &mut self.node
    }

    fn turn(&mut self, limit: Instant) {
        let wait = self.node.pump().expect("sockets that work");
        let left = limit.saturating_duration_since(Instant::now());
        let nap: Duration = wait.timeout().map_or(left, |nap| nap.min(left));
        self.poll.poll(&mut self.ready, Some(nap)).expect("a poller that works");
    }
}
