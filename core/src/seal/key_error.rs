//! Why a call about keys is refused.

use core::fmt;

use super::keyring::KeyringError;
use crate::base::NodeId;
use crate::packet::KeyId;

/// Why a call about keys is refused. Nothing has changed then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyError {
    /// The ring does not allow it.
    Ring(KeyringError),
    /// This build has no encryption (feature `seal`), so no key can travel.
    NoEncryption,
    /// A living node has no encryption, so no key can travel to it.
    NoEncryptionAt {
        /// The node.
        node: NodeId,
    },
    /// The rotation before is still under way.
    UnderWay {
        /// The key that not all living nodes use yet.
        key: KeyId,
        /// A node that does not.
        node: Option<NodeId>,
    },
    /// A node is not known to hold the key, or, where one is to be dropped, to use a higher one.
    NotAll {
        /// The key.
        key: KeyId,
        /// The node.
        node: NodeId,
    },
    /// The key in use is higher, and has not leaked.
    Lower {
        /// The key in use.
        in_use: KeyId,
    },
    /// The key was replaced here, or marked as leaked, and dropped. Brought back it would count as the newest one.
    Retired {
        /// The key.
        key: KeyId,
        /// The key in use.
        in_use: KeyId,
        /// Whether it was marked as leaked.
        leaked: bool,
    },
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ring(error) => error.fmt(f),
            Self::NoEncryption => f.write_str(
                "this build has no encryption (feature `seal`), so no key can travel: bring keys by hand",
            ),
            Self::NoEncryptionAt { node } => write!(
                f,
                "node {node} was built without encryption, so no key can travel to it: bring keys by hand"
            ),
            Self::UnderWay { key, node: Some(node) } => write!(
                f,
                "node {node} does not use key {key} yet: wait, or bring a new key to every node if it never will"
            ),
            Self::UnderWay { key, node: None } => {
                write!(f, "key {key} is not in use yet: wait until all living nodes hold it")
            }
            Self::NotAll { key, node } => write!(
                f,
                "node {node} is not known to have key {key}: wait until it has, or force it"
            ),
            Self::Lower { in_use } => {
                write!(
                    f,
                    "key {in_use} is in use and higher, and nodes never go back: to end a split, bring a \
                     new key to every node"
                )
            }
            Self::Retired { key, in_use, leaked: false } => write!(
                f,
                "key {key} was replaced by key {in_use}, and nodes never go back: bring key {in_use} to \
                 the nodes that lack it, or a new key to every node"
            ),
            Self::Retired { key, in_use, leaked: true } => write!(
                f,
                "key {key} was marked as leaked here and dropped: bring key {in_use} to the nodes that \
                 lack it, or a new key to every node"
            ),
        }
    }
}

impl core::error::Error for KeyError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Ring(error) => Some(error),
            _ => None,
        }
    }
}

impl From<KeyringError> for KeyError {
    fn from(error: KeyringError) -> Self {
        Self::Ring(error)
    }
}
