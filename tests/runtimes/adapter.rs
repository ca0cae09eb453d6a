//! What a story needs of a runtime, and the four that give it.

use std::io;
use std::ops::DerefMut;
use std::os::fd::AsFd;
use std::sync::LazyLock;
use std::time::Duration;

use scalesmall_core::Event;
use scalesmall_driver::{Settings, StartError};

/// An adapter under test.
pub(crate) trait Adapter: 'static {
    type Socket: scalesmall_driver::Socket + AsFd;
    type Node: DerefMut<Target = scalesmall_driver::Node<Self::Socket>> + Send + 'static;

    fn bind(settings: &Settings) -> Result<Self::Node, StartError>;

    /// Pumps once and waits once.
    fn turn(node: &mut Self::Node) -> io::Result<()>;

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

    fn turn(node: &mut Self::Node) -> io::Result<()> {
        node.turn(None)
    }

    fn next_event_within(node: &mut Self::Node, limit: Duration) -> io::Result<Option<Event>> {
        node.next_event_within(limit)
    }
}

pub(crate) struct Smol;

impl Adapter for Smol {
    type Socket = scalesmall_smol::Socket;
    type Node = scalesmall_smol::Node;

    fn bind(settings: &Settings) -> Result<Self::Node, StartError> {
        scalesmall_smol::Node::bind(settings)
    }

    fn turn(node: &mut Self::Node) -> io::Result<()> {
        smol::block_on(sendable(node.turn()))
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

    fn turn(node: &mut Self::Node) -> io::Result<()> {
        async_std::task::block_on(sendable(node.turn()))
    }

    fn next_event_within(node: &mut Self::Node, limit: Duration) -> io::Result<Option<Event>> {
        let event = async_std::future::timeout(limit, sendable(node.next_event()));
        async_std::task::block_on(event).ok().transpose()
    }
}

pub(crate) struct Tokio;

/// Of several threads, so that the reactor and the node need not share one.
static RUNTIME: LazyLock<tokio::runtime::Runtime> = LazyLock::new(|| {
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
        let outside = scalesmall_tokio::Node::bind(settings).err();
        assert_eq!(outside, Some(StartError::Runtime { kind: io::ErrorKind::Other }));
        let _within = RUNTIME.enter();
        scalesmall_tokio::Node::bind(settings)
    }

    fn turn(node: &mut Self::Node) -> io::Result<()> {
        RUNTIME.block_on(sendable(node.turn()))
    }

    fn next_event_within(node: &mut Self::Node, limit: Duration) -> io::Result<Option<Event>> {
        let event = async { tokio::time::timeout(limit, sendable(node.next_event())).await };
        RUNTIME.block_on(event).ok().transpose()
    }
}

/// Compiles for futures that may be spawned on another thread.
fn sendable<F: Future + Send>(future: F) -> F {
    future
}
