//! The keys of a cluster while they are being exchanged.

use alloc::vec::Vec;
use core::fmt;
use core::hash::{Hash, Hasher};

use super::key::Key;
use crate::packet::KeyId;

/// One or more keys. The primary one protects what is sent; what arrives names its own.
///
/// To change keys without a gap: insert the new key everywhere, make it primary everywhere, remove
/// the old one everywhere. Printing a ring shows the ids only.
#[derive(Clone)]
pub struct Keyring {
    primary: KeyId,
    /// Sorted by id, and never without the primary one.
    keys: Vec<(KeyId, Key)>,
}

/// Of the ids alone: what is secret is in no hash.
impl Hash for Keyring {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.primary.hash(state);
        self.ids().for_each(|id| id.hash(state));
    }
}

impl Keyring {
    /// A ring of one key, which is primary.
    #[must_use]
    pub fn new(id: KeyId, key: Key) -> Self {
        Self { primary: id, keys: alloc::vec![(id, key)] }
    }

    /// Adds a key, or replaces the one with the same id; returns whether it replaced one.
    pub fn insert(&mut self, id: KeyId, key: Key) -> bool {
        match self.keys.binary_search_by_key(&id, |entry| entry.0) {
            Ok(at) => {
                self.keys[at].1 = key;
                true
            }
            Err(at) => {
                self.keys.insert(at, (id, key));
                false
            }
        }
    }

    /// Removes a key.
    ///
    /// # Errors
    ///
    /// [`KeyringError`] if there is none of this id, or if it is primary; nothing has changed then.
    pub fn remove(&mut self, id: KeyId) -> Result<(), KeyringError> {
        if id == self.primary {
            return Err(KeyringError::Primary { id });
        }
        let at = self.position(id)?;
        self.keys.remove(at);
        Ok(())
    }

    /// Chooses the key that protects what is sent.
    ///
    /// # Errors
    ///
    /// [`KeyringError::Unknown`] if there is none of this id; nothing has changed then.
    pub fn set_primary(&mut self, id: KeyId) -> Result<(), KeyringError> {
        self.position(id)?;
        self.primary = id;
        Ok(())
    }

    /// The key that protects what is sent.
    #[must_use]
    pub const fn primary(&self) -> KeyId {
        self.primary
    }

    /// The ids of all keys, rising.
    pub fn ids(&self) -> impl Iterator<Item = KeyId> + use<'_> {
        self.keys.iter().map(|entry| entry.0)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (KeyId, &Key)> {
        self.keys.iter().map(|(id, key)| (*id, key))
    }

    pub(super) fn primary_key(&self) -> &Key {
        let at = self.position(self.primary).expect("the primary key cannot be removed");
        &self.keys[at].1
    }

    fn position(&self, id: KeyId) -> Result<usize, KeyringError> {
        self.keys
            .binary_search_by_key(&id, |entry| entry.0)
            .map_err(|_| KeyringError::Unknown { id })
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyring")
            .field("primary", &self.primary.0)
            .field("ids", &self.keys.iter().map(|entry| entry.0.0).collect::<Vec<_>>())
            .finish()
    }
}

/// Why a ring is left as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyringError {
    /// The primary key cannot be removed.
    Primary {
        /// Its id.
        id: KeyId,
    },
    /// The ring has no key of this id.
    Unknown {
        /// The id.
        id: KeyId,
    },
}

impl fmt::Display for KeyringError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Primary { id } => {
                write!(f, "key {id} is primary: make another one primary before removing it")
            }
            Self::Unknown { id } => write!(f, "the ring has no key {id}: insert it first"),
        }
    }
}

impl core::error::Error for KeyringError {}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    fn ring() -> Keyring {
        Keyring::new(KeyId(9), Key::from([9; 32]))
    }

    #[test]
    fn keys_are_exchanged_without_a_gap() {
        let mut ring = ring();
        assert!(!ring.insert(KeyId(4), Key::from([4; 32])));
        ring.set_primary(KeyId(4)).unwrap();
        ring.remove(KeyId(9)).unwrap();
        assert_eq!(ring.ids().collect::<Vec<_>>(), [KeyId(4)]);
        assert_eq!(ring.primary_key().secret(), [4; 32]);
    }

    #[test]
    fn a_ring_is_never_without_its_primary_key() {
        let mut ring = ring();
        assert_eq!(ring.remove(KeyId(9)), Err(KeyringError::Primary { id: KeyId(9) }));
        assert_eq!(ring.remove(KeyId(4)), Err(KeyringError::Unknown { id: KeyId(4) }));
        assert_eq!(ring.set_primary(KeyId(4)), Err(KeyringError::Unknown { id: KeyId(4) }));
        assert!(ring.insert(KeyId(9), Key::from([1; 32])));
        assert_eq!(ring.primary_key().secret(), [1; 32]);
    }

    #[test]
    fn printing_a_ring_shows_ids_only() {
        assert_eq!(format!("{:?}", ring()), "Keyring { primary: 9, ids: [9] }");
    }
}
