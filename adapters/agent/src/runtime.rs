//! Running a node on the runtime of one's choice.

use std::io;
use std::thread::{Builder, JoinHandle};

use clap::ValueEnum;
use scalesmall_driver::{Events, Front, Handle, Settings, StartError, event_queue};

/// A runtime that has an adapter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Runtime {
    /// A loop over mio
    #[default]
    Mio,
    /// smol
    Smol,
    /// async-std
    AsyncStd,
    /// tokio
    Tokio,
}

/// A node that is not running yet.
pub(crate) enum Bound {
    Mio(Box<scalesmall_mio::Node>),
    Smol(Box<scalesmall_smol::Node>),
    AsyncStd(Box<scalesmall_async_std::Node>),
    Tokio(Box<scalesmall_tokio::Node>, tokio::runtime::Runtime),
}

/// A running node: how to call it, its events, and its thread, which ends when the last handle is
/// dropped.
pub(crate) type Running = (Handle, Events, JoinHandle<io::Result<()>>);

/// Hands out events and runs the node, turn by turn, for as long as it has handles.
macro_rules! drive {
    ($node:ident, $outlet:ident) => {
        async move {
            while $node.has_handles() {
                $node.turn().await?;
                $outlet.drain(&mut $node);
            }
            Ok(())
        }
    };
}

impl Bound {
    pub(crate) fn new(runtime: Runtime, settings: &Settings) -> Result<Self, StartError> {
        Ok(match runtime {
            Runtime::Mio => Self::Mio(Box::new(scalesmall_mio::Node::bind(settings)?)),
            Runtime::Smol => Self::Smol(Box::new(scalesmall_smol::Node::bind(settings)?)),
            Runtime::AsyncStd => {
                Self::AsyncStd(Box::new(scalesmall_async_std::Node::bind(settings)?))
            }
            Runtime::Tokio => {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_io()
                    .enable_time()
                    .build()
                    .map_err(|error| StartError::Runtime { kind: error.kind() })?;
                let node = {
                    let _within = runtime.enter();
                    scalesmall_tokio::Node::bind(settings)?
                };
                Self::Tokio(Box::new(node), runtime)
            }
        })
    }

    pub(crate) fn front(&self) -> &Front {
        match self {
            Self::Mio(node) => node,
            Self::Smol(node) => node,
            Self::AsyncStd(node) => node,
            Self::Tokio(node, _) => node,
        }
    }

    /// Runs the node on a thread of its own.
    pub(crate) fn spawn(self) -> io::Result<Running> {
        let thread = Builder::new().name("scalesmall".to_owned());
        let (mut outlet, events) = event_queue();
        let (handle, thread) = match self {
            Self::Mio(node) => return scalesmall_mio::spawn(*node),
            Self::Smol(mut node) => {
                let handle = node.handle();
                (handle, thread.spawn(move || smol::block_on(drive!(node, outlet)))?)
            }
            Self::AsyncStd(mut node) => {
                let handle = node.handle();
                (handle, thread.spawn(move || async_std::task::block_on(drive!(node, outlet)))?)
            }
            Self::Tokio(mut node, runtime) => {
                let handle = node.handle();
                (handle, thread.spawn(move || runtime.block_on(drive!(node, outlet)))?)
            }
        };
        Ok((handle, events, thread))
    }
}
