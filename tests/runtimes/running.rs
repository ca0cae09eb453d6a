//! A node on a thread of its own, and waiting with a deadline.

use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use scalesmall_core::{Event, GroupName, NodeId, Status};
use scalesmall_driver::{Events, Front, GroupKeys, Handle, Settings, event_queue};

use crate::adapter::Adapter;

/// The stories take turns: they measure time, and a host has few processors.
pub(crate) fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A running node. Dropping it is a kill: its sockets close without a word.
pub(crate) struct Running {
    pub(crate) id: NodeId,
    pub(crate) address: SocketAddr,
    pub(crate) events: Events,
    stop: Arc<AtomicBool>,
    handle: Option<Handle>,
    thread: Option<JoinHandle<std::io::Result<()>>>,
}

impl Running {
    #[track_caller]
    pub(crate) fn start<A: Adapter>(settings: &Settings) -> Self {
        Self::run::<A>(A::bind(settings).expect("the node starts"))
    }

    pub(crate) fn run<A: Adapter>(mut node: A::Node) -> Self {
        let (id, address) = (node.id(), node.my_address());
        let handle = Some(node.as_ref().handle());
        let (mut outlet, events) = event_queue();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let run = move || {
            A::run(&mut node, |front| {
                outlet.drain(front);
                stopped.load(Ordering::Acquire)
            })
        };
        let thread = Some(std::thread::spawn(run));
        Self { id, address, events, stop, handle, thread }
    }

    pub(crate) fn handle(&self) -> &Handle {
        self.handle.as_ref().expect("it is only taken on drop")
    }

    pub(crate) fn call<R: Send + 'static>(
        &self,
        call: impl FnOnce(&mut Front) -> R + Send + 'static,
    ) -> R {
        self.handle().call(call).wait().expect("the node runs")
    }

    pub(crate) fn status_of(&self, peer: NodeId) -> Option<Status> {
        self.call(move |node| node.peer(peer).map(|peer| peer.status))
    }

    /// The ports that serve `key`.
    pub(crate) fn route(&self, group: &GroupName, key: u32) -> Vec<u16> {
        let group = group.clone();
        self.call(move |node| node.route(&group, key).map(|owner| owner.port).collect())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        // The last handle that goes ends the wait.
        self.handle = None;
        let ended = self.thread.take().map(JoinHandle::join);
        if !std::thread::panicking() {
            assert!(matches!(ended, Some(Ok(Ok(())))), "the node ended with {ended:?}");
        }
    }
}

/// A key of these tests only.
pub(crate) fn key() -> GroupKeys {
    GroupKeys::parse(&[b'k'; 32]).expect("it is long enough")
}

/// A node on `bind` without multicast, which contacts `seeds`.
pub(crate) fn settings(bind: &str, seeds: &[SocketAddr]) -> Settings {
    let mut settings = Settings::new(bind.parse().expect("an address"), key());
    settings.seeds = seeds.iter().map(|seed| (*seed).into()).collect();
    settings
}

/// A UDP port that nobody uses.
pub(crate) fn free_port() -> u16 {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    socket.local_addr().expect("an address").port()
}

/// Whether this host has IPv6; tells so if it has none.
pub(crate) fn has_ipv6() -> bool {
    let address: SocketAddr = "[::1]:0".parse().expect("an address");
    let has = UdpSocket::bind(address).is_ok();
    if !has {
        println!("skipped: this host has no IPv6");
    }
    has
}

/// Waits until `condition` holds, or fails the test after `limit`.
#[track_caller]
pub(crate) fn until(limit: Duration, what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < limit, "{what}: not within {limit:?}");
        std::thread::sleep(Duration::from_millis(2));
    }
    println!("{what}: within {:?}", start.elapsed());
}

/// Waits until every node sees all others alive.
#[track_caller]
pub(crate) fn until_all_see_all(limit: Duration, nodes: &[&Running]) {
    let sees = |node: &Running, other: NodeId| node.status_of(other) == Some(Status::Alive);
    until(limit, "all see all alive", || {
        nodes
            .iter()
            .all(|node| nodes.iter().all(|other| other.id == node.id || sees(node, other.id)))
    });
}

/// Waits for an event that `wanted` accepts.
#[track_caller]
pub(crate) fn until_event(node: &mut Running, limit: Duration, wanted: impl Fn(&Event) -> bool) {
    let end = Instant::now() + limit;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        match node.events.next_event_within(left).expect("the node runs") {
            Some(event) if wanted(&event) => return,
            Some(_) => {}
            None => panic!("the event did not come within {limit:?}"),
        }
    }
}
