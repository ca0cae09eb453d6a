//! Running a node on the runtime of one's choice.

use std::io;
use std::thread::JoinHandle;

use clap::ValueEnum;
use scalesmall_driver::{Events, Front, Handle, Settings, StartError};

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
    Tokio(Box<scalesmall_tokio::Node>),
}

/// A running node: how to call it, its events, and its thread, which ends when the last handle is
/// dropped.
pub(crate) type Running = (Handle, Events, JoinHandle<io::Result<()>>);

impl Bound {
    pub(crate) fn new(runtime: Runtime, settings: &Settings) -> Result<Self, StartError> {
        Ok(match runtime {
            Runtime::Mio => Self::Mio(Box::new(scalesmall_mio::Node::bind(settings)?)),
            Runtime::Smol => Self::Smol(Box::new(scalesmall_smol::Node::bind(settings)?)),
            Runtime::AsyncStd => {
                Self::AsyncStd(Box::new(scalesmall_async_std::Node::bind(settings)?))
            }
            Runtime::Tokio => Self::Tokio(Box::new(scalesmall_tokio::Node::bind(settings)?)),
        })
    }

    pub(crate) fn front(&self) -> &Front {
        match self {
            Self::Mio(node) => node,
            Self::Smol(node) => node,
            Self::AsyncStd(node) => node,
            Self::Tokio(node) => node,
        }
    }

    /// Runs the node on a thread of its own.
    pub(crate) fn spawn(self) -> io::Result<Running> {
        match self {
            Self::Mio(node) => scalesmall_mio::spawn(*node),
            Self::Smol(node) => scalesmall_smol::spawn(*node),
            Self::AsyncStd(node) => scalesmall_async_std::spawn(*node),
            Self::Tokio(node) => scalesmall_tokio::spawn(*node),
        }
    }
}
