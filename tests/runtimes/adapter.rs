//! What a story needs of a runtime, and those that give it.

use std::io;
use std::ops::{Deref, DerefMut};
use std::os::fd::AsFd;
use std::sync::{Arc, LazyLock};
use std::task::{Wake, Waker};
use std::time::{Duration, Instant};

use mio::{Interest, Token};
use scalesmall_core::Event;
use scalesmall_driver::{Front, Settings, StartError};

/// An adapter under test.
pub(crate) trait Adapter: 'static {
    type Socket: scalesmall_driver::Socket + AsFd;
    type Node: DerefMut<Target = Front>
        + AsRef<scalesmall_driver::Node<Self::Socket>>
        + Send
        + 'static;

    fn bind(settings: &Settings) -> Result<Self::Node, StartError>;

    /// Runs the node until `done`, which is asked before each turn.
    fn run(node: &mut Self::Node, done: impl FnMut(&mut Front) -> bool) -> io::Result<()>;

    /// Runs the node until there is an event, and drops that wait in the middle after `limit`.
    fn next_event_within(node: &mut Self::Node, limit: Duration) -> io::Result<Option<Event>>;
}

pub(crate) struct Mio;

impl Adapter for Mio {
    type Socket = scalesmall_mio::Socket;
    type Node = scalesmall_mio::Node;

    fn bind(settings: &Settings) -> Result<Self::Node, StartError> {
        scalesmall_mio::Node::bind(settings)
    }

    fn run(node: &mut Self::Node, mut done: impl FnMut(&mut Front) -> bool) -> io::Result<()> {
        while !done(node) {
            node.turn(None)?;
        }
        Ok(())
    }

    fn next_event_within(node: &mut Self::Node, limit: Duration) -> io::Result<Option<Event>> {
        node.next_event_within(limit)
    }
}

/// A node in a `Poll` of one's own, which mio also allows.
pub(crate) struct MioPoll;

pub(crate) struct Polled {
    node: scalesmall_mio::Node,
    poll: mio::Poll,
    ready: mio::Events,
    waker: Waker,
}

struct Ring(mio::Waker);

impl Wake for Ring {
    fn wake(self: Arc<Self>) {
        self.0.wake().expect("the poller is open");
    }
}

impl AsRef<scalesmall_driver::Node<scalesmall_mio::Socket>> for Polled {
    fn as_ref(&self) -> &scalesmall_driver::Node<scalesmall_mio::Socket> {
        self.node.as_ref()
    }
}

impl Deref for Polled {
    type Target = Front;

    fn deref(&self) -> &Front {
        &self.node
    }
}

impl DerefMut for Polled {
    fn deref_mut(&mut self) -> &mut Front {
        &mut self.node
    }
}

impl Polled {
    fn wait(&mut self, limit: Option<Duration>) -> io::Result<()> {
        if !self.node.wake_on_call(&self.waker) {
            self.poll.poll(&mut self.ready, limit)?;
        }
        Ok(())
    }
}

impl Adapter for MioPoll {
    type Socket = scalesmall_mio::Socket;
    type Node = Polled;

    fn bind(settings: &Settings) -> Result<Polled, StartError> {
        let mut node = scalesmall_mio::Node::bind(settings)?;
        let poll = mio::Poll::new().expect("a poller");
        let ring = Ring(mio::Waker::new(poll.registry(), Token(1)).expect("a waker"));
        let wish = Interest::READABLE | Interest::WRITABLE;
        poll.registry().register(&mut node, Token(0), wish).expect("it is registered");
        let waker = Waker::from(Arc::new(ring));
        Ok(Polled { node, poll, ready: mio::Events::with_capacity(8), waker })
    }

    fn run(node: &mut Polled, mut done: impl FnMut(&mut Front) -> bool) -> io::Result<()> {
        while !done(node) {
            let wait = node.node.pump()?;
            node.wait(wait.timeout())?;
        }
        Ok(())
    }

    fn next_event_within(node: &mut Polled, limit: Duration) -> io::Result<Option<Event>> {
        let end = Instant::now() + limit;
        loop {
            let wait = node.node.pump()?;
            let event = node.poll_event();
            let left = end.saturating_duration_since(Instant::now());
            if event.is_some() || left.is_zero() {
                return Ok(event);
            }
            node.wait(wait.timeout().into_iter().chain([left]).min())?;
        }
    }
}

pub(crate) struct Smol;

impl Adapter for Smol {
    type Socket = scalesmall_smol::Socket;
    type Node = scalesmall_smol::Node;

    fn bind(settings: &Settings) -> Result<Self::Node, StartError> {
        scalesmall_smol::Node::bind(settings)
    }

    fn run(node: &mut Self::Node, mut done: impl FnMut(&mut Front) -> bool) -> io::Result<()> {
        smol::block_on(async {
            while !done(node) {
                sendable(node.turn()).await?;
            }
            Ok(())
        })
    }

    fn next_event_within(node: &mut Self::Node, limit: Duration) -> io::Result<Option<Event>> {
        let event = async { node.next_event().await.map(Some) };
        let over = async {
            smol::Timer::after(limit).await;
            Ok(None)
        };
        smol::block_on(smol::future::or(sendable(event), over))
    }
}

pub(crate) struct AsyncStd;

impl Adapter for AsyncStd {
    type Socket = scalesmall_async_std::Socket;
    type Node = scalesmall_async_std::Node;

    fn bind(settings: &Settings) -> Result<Self::Node, StartError> {
        scalesmall_async_std::Node::bind(settings)
    }

    fn run(node: &mut Self::Node, mut done: impl FnMut(&mut Front) -> bool) -> io::Result<()> {
        async_std::task::block_on(async {
            while !done(node) {
                sendable(node.turn()).await?;
            }
            Ok(())
        })
    }

    fn next_event_within(node: &mut Self::Node, limit: Duration) -> io::Result<Option<Event>> {
        let event = async_std::future::timeout(limit, sendable(node.next_event()));
        async_std::task::block_on(event).ok().transpose()
    }
}

pub(crate) struct Tokio;

/// Of several threads, so that the reactor and the node need not share one.
pub(crate) static RUNTIME: LazyLock<tokio::runtime::Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_io()
        .enable_time()
        .build()
        .expect("a runtime")
});

impl Adapter for Tokio {
    type Socket = scalesmall_tokio::Socket;
    type Node = scalesmall_tokio::Node;

    fn bind(settings: &Settings) -> Result<Self::Node, StartError> {
        scalesmall_tokio::Node::bind(settings)
    }

    fn run(node: &mut Self::Node, mut done: impl FnMut(&mut Front) -> bool) -> io::Result<()> {
        RUNTIME.block_on(async {
            while !done(node) {
                sendable(node.turn()).await?;
            }
            Ok(())
        })
    }

    fn next_event_within(node: &mut Self::Node, limit: Duration) -> io::Result<Option<Event>> {
        let event = async { tokio::time::timeout(limit, sendable(node.next_event())).await };
        RUNTIME.block_on(event).ok().transpose()
    }
}

/// A tokio node on a runtime of one thread, its own.
pub(crate) struct TokioThread;

pub(crate) struct Threaded {
    node: scalesmall_tokio::Node,
    runtime: tokio::runtime::Runtime,
}

impl AsRef<scalesmall_driver::Node<scalesmall_tokio::Socket>> for Threaded {
    fn as_ref(&self) -> &scalesmall_driver::Node<scalesmall_tokio::Socket> {
        self.node.as_ref()
    }
}

impl Deref for Threaded {
    type Target = Front;

    fn deref(&self) -> &Front {
        &self.node
    }
}

impl DerefMut for Threaded {
    fn deref_mut(&mut self) -> &mut Front {
        &mut self.node
    }
}

impl Adapter for TokioThread {
    type Socket = scalesmall_tokio::Socket;
    type Node = Threaded;

    fn bind(settings: &Settings) -> Result<Threaded, StartError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .build()
            .expect("a runtime");
        let node = scalesmall_tokio::Node::bind(settings)?;
        Ok(Threaded { node, runtime })
    }

    fn run(threaded: &mut Threaded, mut done: impl FnMut(&mut Front) -> bool) -> io::Result<()> {
        let Threaded { node, runtime } = threaded;
        runtime.block_on(async {
            while !done(node) {
                node.turn().await?;
            }
            Ok(())
        })
    }

    fn next_event_within(threaded: &mut Threaded, limit: Duration) -> io::Result<Option<Event>> {
        let Threaded { node, runtime } = threaded;
        let event = async { tokio::time::timeout(limit, node.next_event()).await };
        runtime.block_on(event).ok().transpose()
    }
}

/// Compiles for futures that may be spawned on another thread.
fn sendable<F: Future + Send>(future: F) -> F {
    future
}

/// An adapter is one socket and one way to wait, and begins with a program that is complete.
#[test]
fn adapters_are_short_and_so_are_their_first_programs() {
    let adapters = [
        include_str!("../../adapters/mio/src/lib.rs"),
        include_str!("../../adapters/smol/src/lib.rs"),
        include_str!("../../adapters/async-std/src/lib.rs"),
        include_str!("../../adapters/tokio/src/lib.rs"),
    ];
    for adapter in adapters {
        assert!(adapter.lines().count() < 250);
        let program = adapter.split("```").nth(1).expect("a program");
        let lines = program.lines().skip(1).filter(|line| *line != "//! ").count();
        assert!(program.contains("fn main()") && lines <= 26, "{lines}: {program}");
    }
}
