//! Putting a node on a thread of its own, and awaiting what comes from there, on each runtime.

use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use scalesmall_driver::{Events, Handle};

use crate::adapter::{Adapter, AsyncStd, Mio, RUNTIME, Smol, Tokio};

/// A running node: how to call it, its events, and its thread.
pub(crate) type Spawned = (Handle, Events, JoinHandle<io::Result<()>>);

/// An adapter whose nodes can be put on a thread of their own, and a way to await what comes from there.
pub(crate) trait Spawning: Adapter {
    fn spawn(node: Self::Node) -> io::Result<Spawned>;

    /// Runs a future on the runtime until it ends, and drops it in the middle after `limit`.
    fn within<R: Send>(future: impl Future<Output = R> + Send, limit: Duration) -> Option<R>;
}

impl Spawning for Mio {
    fn spawn(node: Self::Node) -> io::Result<Spawned> {
        scalesmall_mio::spawn(node)
    }

    /// Without a runtime the thread that waits is unparked.
    fn within<R: Send>(future: impl Future<Output = R> + Send, limit: Duration) -> Option<R> {
        struct Unpark(std::thread::Thread);
        impl Wake for Unpark {
            fn wake(self: Arc<Self>) {
                self.0.unpark();
            }
        }
        let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
        let (mut future, begun) = (std::pin::pin!(future), Instant::now());
        loop {
            if let Poll::Ready(result) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
                return Some(result);
            }
            std::thread::park_timeout(limit.checked_sub(begun.elapsed())?);
        }
    }
}

impl Spawning for Smol {
    fn spawn(node: Self::Node) -> io::Result<Spawned> {
        scalesmall_smol::spawn(node)
    }

    fn within<R: Send>(future: impl Future<Output = R> + Send, limit: Duration) -> Option<R> {
        let over = async {
            smol::Timer::after(limit).await;
            None
        };
        smol::block_on(smol::future::or(async { Some(future.await) }, over))
    }
}

impl Spawning for AsyncStd {
    fn spawn(node: Self::Node) -> io::Result<Spawned> {
        scalesmall_async_std::spawn(node)
    }

    fn within<R: Send>(future: impl Future<Output = R> + Send, limit: Duration) -> Option<R> {
        async_std::task::block_on(async_std::future::timeout(limit, future)).ok()
    }
}

impl Spawning for Tokio {
    fn spawn(node: Self::Node) -> io::Result<Spawned> {
        scalesmall_tokio::spawn(node)
    }

    fn within<R: Send>(future: impl Future<Output = R> + Send, limit: Duration) -> Option<R> {
        RUNTIME.block_on(async { tokio::time::timeout(limit, future).await }).ok()
    }
}
