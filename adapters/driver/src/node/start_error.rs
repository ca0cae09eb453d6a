//! Why a node did not start.

use core::fmt;
use std::io;

use scalesmall_core::ConfigError;

use crate::calls::NoRandomness;
use crate::settings::SettingsError;
use crate::sockets::OpenError;
use crate::state::StateError;

/// Why a node did not start. Nothing stays open then.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StartError {
    /// The settings do not make sense.
    Settings(SettingsError),
    /// The sockets cannot be opened.
    Open(OpenError),
    /// The engine refuses the configuration.
    Config(ConfigError),
    /// The runtime refuses the sockets.
    Runtime {
        /// Why.
        kind: io::ErrorKind,
    },
    /// The recording cannot be created.
    Recording {
        /// Why.
        kind: io::ErrorKind,
    },
    /// The state file is refused; it stays as it is.
    State(StateError),
    /// The operating system gives no thread.
    Thread {
        /// Why.
        kind: io::ErrorKind,
    },
    /// The operating system gives no random bytes.
    NoRandomness,
}

impl From<StateError> for StartError {
    fn from(error: StateError) -> Self {
        Self::State(error)
    }
}

impl From<SettingsError> for StartError {
    fn from(error: SettingsError) -> Self {
        Self::Settings(error)
    }
}

impl From<OpenError> for StartError {
    fn from(error: OpenError) -> Self {
        Self::Open(error)
    }
}

impl From<ConfigError> for StartError {
    fn from(error: ConfigError) -> Self {
        Self::Config(error)
    }
}

impl From<NoRandomness> for StartError {
    fn from(_: NoRandomness) -> Self {
        Self::NoRandomness
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Settings(error) => error.fmt(f),
            Self::Open(error) => error.fmt(f),
            Self::Config(error) => error.fmt(f),
            Self::Runtime { kind } => write!(f, "the runtime refuses the socket: {kind}"),
            Self::Recording { kind: io::ErrorKind::AlreadyExists } => {
                f.write_str("the file is no recording and stays as it is: name another one")
            }
            Self::Recording { kind } => write!(f, "the recording cannot be created: {kind}"),
            Self::State(error) => error.fmt(f),
            Self::Thread { kind } => {
                write!(f, "the system cannot start a thread for the node: {kind}")
            }
            Self::NoRandomness => NoRandomness.fmt(f),
        }
    }
}

impl core::error::Error for StartError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Settings(error) => Some(error),
            Self::Open(error) => Some(error),
            Self::Config(error) => Some(error),
            Self::State(error) => Some(error),
            Self::NoRandomness => Some(&NoRandomness),
            _ => None,
        }
    }
}
