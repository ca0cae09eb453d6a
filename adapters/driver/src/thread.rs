//! A node on the thread that calls it, and on a thread of its own.

use std::io;
use std::os::fd::AsFd;
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use scalesmall_core::Event;

use crate::driver::Wait;
use crate::events::{Events, event_queue};
use crate::handle::Handle;
use crate::node::Node;
use crate::poller::Poller;
use crate::socket::Socket;

/// Runs `node` on this thread until something has happened or `limit` is over: pumps once and waits once. For
/// loops that take the events with [`Front::poll_event`](crate::Front::poll_event) in their own order; take all of
/// them before.
///
/// # Errors
///
/// A socket that failed.
pub fn turn_here<S: Socket + AsFd>(
    node: &mut Node<S>,
    poller: &Poller,
    limit: Option<Duration>,
) -> io::Result<()> {
    let wait = node.pump_ready()?;
    wait_here(node, poller, wait, limit)
}

/// Runs `node` on this thread until there is an event, but not for longer than `limit`.
///
/// # Errors
///
/// As for [`turn_here`].
pub fn next_event_here<S: Socket + AsFd>(
    node: &mut Node<S>,
    poller: &Poller,
    limit: Option<Duration>,
) -> io::Result<Option<Event>> {
    let end = limit.and_then(|limit| Instant::now().checked_add(limit));
    loop {
        let wait = node.pump_ready()?;
        if let Some(event) = node.poll_event() {
            return Ok(Some(event));
        }
        let left = end.map(|end| end.saturating_duration_since(Instant::now()));
        if left == Some(Duration::ZERO) {
            return Ok(None);
        }
        wait_here(node, poller, wait, left)?;
    }
}

fn wait_here<S: Socket + AsFd>(
    node: &mut Node<S>,
    poller: &Poller,
    wait: Wait,
    limit: Option<Duration>,
) -> io::Result<()> {
    if !wait.is_over() {
        let is_called = |waker: &_| node.wake_on_call(waker);
        node.ready = poller.wait(node.driver().sockets(), wait, limit, is_called)?;
    }
    Ok(())
}

/// Runs `node` on a thread of its own until the last [`Handle`] is dropped. The thread waits by itself and
/// needs no runtime, so tasks that block hold up neither the node nor what others think of it. It answers
/// with what ended it otherwise: a socket that failed; or with the panic of a call.
///
/// # Errors
///
/// The system has no thread or no file descriptor; nothing stays open then.
pub fn spawn<S>(mut node: Node<S>) -> io::Result<(Handle, Events, JoinHandle<io::Result<()>>)>
where
    S: Socket + AsFd + Send + 'static,
{
    let handle = node.handle();
    let (mut outlet, events) = event_queue();
    let poller = Poller::new()?;
    let run = move || {
        while node.has_handles() {
            turn_here(&mut node, &poller, None)?;
            outlet.drain(&mut node);
        }
        Ok(())
    };
    let thread = Builder::new().name("scalesmall".to_owned()).spawn(run)?;
    Ok((handle, events, thread))
}
