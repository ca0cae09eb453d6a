//! A node on a thread of its own.

use std::io;
use std::thread::{Builder, JoinHandle};

use scalesmall_driver::{Events, Handle, event_queue};

use crate::node::Node;

/// Runs `node` on a thread of its own until the last [`Handle`] is dropped. The thread answers with
/// what ended it otherwise: a socket or a poller that failed.
///
/// # Errors
///
/// No poller, no thread, or a node that is registered elsewhere.
pub fn spawn(mut node: Node) -> io::Result<(Handle, Events, JoinHandle<io::Result<()>>)> {
    let handle = node.handle();
    let (mut outlet, events) = event_queue();
    node.poller.make(&mut node.node)?;
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

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::time::{Duration, Instant};

    use scalesmall_core::{Event, GroupName, KeyRange, Recipients, Status, Tag};
    use scalesmall_driver::{Front, GroupKeys, Settings};

    use super::*;

    const LIMIT: Duration = Duration::from_secs(20);

    type Thread = JoinHandle<io::Result<()>>;

    fn start(seed: Option<SocketAddr>) -> (Handle, Events, Thread, SocketAddr) {
        let mut settings = Settings::new("127.0.0.1:0".parse().unwrap(), GroupKeys::published());
        settings.seeds.extend(seed.map(Into::into));
        let node = Node::bind(&settings).unwrap();
        let at = node.my_address();
        let (handle, events, thread) = spawn(node).unwrap();
        (handle, events, thread, at)
    }

    fn wait_for(events: &mut Events, mut wanted: impl FnMut(&Event) -> bool) {
        let limit = Instant::now() + LIMIT;
        loop {
            let left = limit.saturating_duration_since(Instant::now());
            let event = events.next_event_within(left).unwrap().expect("in time");
            if wanted(&event) {
                return;
            }
        }
    }

    fn is_alive(event: &Event) -> bool {
        matches!(event, Event::Peer { to: Some(Status::Alive), .. })
    }

    #[test]
    fn calls_reach_the_node_and_others_hear_of_them() {
        let (a, _a_events, _, id) = start(None);
        let (_b, mut b_events, _, _) = start(Some(id));
        wait_for(&mut b_events, is_alive);
        let group = GroupName::try_from("kitchen").unwrap();
        let range = KeyRange::new(1, 9).unwrap();
        let added = a.call(move |node| node.add_item(&group, range, 7000)).wait().unwrap().unwrap();
        let same = |event: &Event| matches!(event, Event::ItemSet { item, .. } if *item == added);
        wait_for(&mut b_events, same);
    }

    #[test]
    fn the_last_handle_that_goes_ends_the_thread() {
        let (handle, mut events, thread, _) = start(None);
        let other = handle.clone();
        drop(handle);
        assert!(other.call(|node| node.id()).wait().is_ok());
        drop(other);
        assert_eq!(events.next_event(), None);
        thread.join().unwrap().unwrap();
    }

    #[test]
    fn a_reader_that_lags_gets_every_message_when_it_reads() {
        const MESSAGES: usize = 1000;
        let (a, mut a_events, _, id) = start(None);
        let (_b, mut b_events, _, _) = start(Some(id));
        wait_for(&mut b_events, is_alive);
        wait_for(&mut a_events, is_alive);
        let limit = Instant::now() + LIMIT;
        for number in 0..MESSAGES {
            let tag = Tag(u32::try_from(number).unwrap());
            let sent = move |node: &mut Front| {
                node.broadcast(Recipients::All, tag, vec![0; 8].into()).map(|_| ())
            };
            while a.call(sent).wait().unwrap().is_err() {
                assert!(Instant::now() < limit, "the sender stays busy");
                std::thread::yield_now();
            }
        }
        let mut seen = vec![false; MESSAGES];
        let mut left = MESSAGES;
        wait_for(&mut b_events, |event| {
            if let Event::Message { tag, .. } = event {
                let first = !std::mem::replace(&mut seen[tag.0 as usize], true);
                left -= usize::from(first);
            }
            left == 0
        });
    }
}
