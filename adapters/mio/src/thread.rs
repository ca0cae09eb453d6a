//! A node on a thread of its own.

use std::io;
use std::thread::{Builder, JoinHandle};

use scalesmall_driver::{Events, Handle, event_queue};

use crate::Node;

/// Runs `node` on a thread of its own until the last [`Handle`] is dropped. The thread answers with
/// what ended it otherwise: a socket or a poller that failed.
///
/// # Errors
///
/// No poller, no thread, or a node that is registered elsewhere.
pub fn spawn(mut node: Node) -> io::Result<(Handle, Events, JoinHandle<io::Result<()>>)> {
    let handle = node.handle();
    let (mut outlet, events) = event_queue();
    node.poller()?;
    let run = move || {
        while node.has_handles() {
            node.turn(None)?;
            outlet.drain(&mut node);
        }
        Ok(())
    };
    let thread = Builder::new().name("scalesmall".to_owned()).spawn(run)?;
    Ok((handle, events, thread))
}
