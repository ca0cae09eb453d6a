//! The calls of a node about its keys.

use core::fmt;

use scalesmall_core::{Key, KeyError, KeyId, Keyring, RingKey, Suite};
use zeroize::Zeroizing;

use super::{Front, NoRandomness};

/// Keys. After each change of the ring, by these calls or by what other nodes do, there is an
/// [`Event::Key`](scalesmall_core::Event::Key): an embedder that keeps the keys in a file writes it then, from
/// [`Front::ring`].
impl Front {
    /// The keys of this node, and how far the cluster is with each.
    #[must_use]
    pub fn keys(&self) -> Vec<RingKey> {
        self.engine.engine().keys()
    }

    /// The keys themselves.
    #[must_use]
    pub fn ring(&self) -> &Keyring {
        &self.engine.engine().config().keys
    }

    /// Adds a key that was brought by hand: see `Engine::add_key`.
    ///
    /// # Errors
    ///
    /// [`KeyError`]; nothing has changed then.
    pub fn add_key(&mut self, key: Key) -> Result<KeyId, KeyError> {
        let now = self.clock.now();
        self.engine.add_key(now, key)
    }

    /// Makes this node send with a key at once: see `Engine::use_key`.
    ///
    /// # Errors
    ///
    /// [`KeyError`]; nothing has changed then.
    pub fn use_key(&mut self, id: KeyId, force: bool) -> Result<(), KeyError> {
        let now = self.clock.now();
        self.engine.use_key(now, id, force)
    }

    /// Drops a key: see `Engine::drop_key`.
    ///
    /// # Errors
    ///
    /// [`KeyError`]; nothing has changed then.
    pub fn drop_key(&mut self, id: KeyId, force: bool) -> Result<(), KeyError> {
        let now = self.clock.now();
        self.engine.drop_key(now, id, force)
    }

    /// Notes that somebody else may know a key: see `Engine::mark_leaked`.
    ///
    /// # Errors
    ///
    /// [`KeyError`]; nothing has changed then.
    pub fn mark_leaked(&mut self, id: KeyId) -> Result<(), KeyError> {
        let now = self.clock.now();
        self.engine.mark_leaked(now, id)
    }

    /// Has the whole cluster exchange the key in use for a new one of this suite, which is drawn here: see
    /// `Engine::rotate_keys`.
    ///
    /// # Errors
    ///
    /// [`RotateError`]; nothing has changed then.
    pub fn rotate_keys(&mut self, suite: Suite) -> Result<KeyId, RotateError> {
        let mut secret = Zeroizing::new([0; Key::LEN]);
        getrandom::fill(secret.as_mut()).map_err(|_| RotateError::NoRandomness(NoRandomness))?;
        let now = self.clock.now();
        self.engine.rotate_keys(now, Key::new(suite, *secret)).map_err(RotateError::Key)
    }
}

/// Why no rotation begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RotateError {
    /// The engine refuses it.
    Key(KeyError),
    /// There is nothing to draw a key from.
    NoRandomness(NoRandomness),
}

impl fmt::Display for RotateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(error) => error.fmt(f),
            Self::NoRandomness(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for RotateError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Key(error) => Some(error),
            Self::NoRandomness(error) => Some(error),
        }
    }
}
