//! The keys that a node holds.

use alloc::vec::Vec;
use core::fmt;
use core::hash::{Hash, Hasher};

use super::key::Key;
use super::retired::{Retired, RetiredKey};
use crate::packet::KeyId;

/// One to [`Keyring::MOST`] keys. One of them, the primary one, protects what is sent; what arrives
/// names its own, and all are accepted.
///
/// Keys have an order: by generation, then by id. A node goes from lower ones to higher ones. What it has
/// gone away from and dropped it remembers, the last [`Keyring::MOST_RETIRED`], and does not take again.
/// Printing a ring shows ids and suites only.
#[derive(Clone)]
pub struct Keyring {
    primary: KeyId,
    /// Sorted by id, and never without the primary one.
    keys: Vec<HeldKey>,
    retired: Retired,
}

/// A key of a ring, and what its holder knows of it.
#[derive(Clone)]
#[non_exhaustive]
pub struct HeldKey {
    /// The key.
    pub key: Key,
    /// One more than that of the highest key when this one was made.
    pub generation: u32,
    /// Somebody else may know it: it protects nothing that is sent and wraps no other key. It is
    /// still accepted, until it is dropped.
    pub leaked: bool,
    /// It was made by a rotation, so it may be given to a node that does not hold it, wrapped under a
    /// key that the node holds. A key that was brought by hand never travels.
    pub travels: bool,
    /// This node has sent with it and gone to a higher one since. It does not come back to it, unless the one
    /// in use is marked as leaked.
    pub replaced: bool,
}

impl HeldKey {
    /// A key that was brought by hand.
    #[must_use]
    pub const fn by_hand(key: Key, generation: u32) -> Self {
        Self { key, generation, leaked: false, travels: false, replaced: false }
    }

    /// A key that a rotation made.
    #[must_use]
    pub const fn of_rotation(key: Key, generation: u32) -> Self {
        Self { key, generation, leaked: false, travels: true, replaced: false }
    }

    /// Its place in the order of keys.
    pub(crate) const fn rank(&self) -> (u32, KeyId) {
        (self.generation, self.key.id())
    }
}

/// Without the secret.
impl fmt::Debug for HeldKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let leaked = if self.leaked { " leaked" } else { "" };
        let travels = if self.travels { " travels" } else { "" };
        let replaced = if self.replaced { " replaced" } else { "" };
        write!(f, "{:?} generation {}{leaked}{travels}{replaced}", self.key, self.generation)
    }
}

/// Of what is not secret alone.
impl Hash for Keyring {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.primary.hash(state);
        for held in &self.keys {
            (held.key.id(), held.generation).hash(state);
            (held.leaked, held.travels, held.replaced).hash(state);
        }
        self.retired.hash(state);
    }
}

impl Keyring {
    /// The most keys of a ring.
    pub const MOST: usize = 8;

    /// How many keys that are gone a ring remembers.
    pub const MOST_RETIRED: usize = 2 * Self::MOST;

    /// A ring of one key, which is primary.
    #[must_use]
    pub fn new(key: Key) -> Self {
        Self::of(HeldKey::by_hand(key, 0))
    }

    /// A ring of one key with all that is known of it, which is primary whatever that is.
    #[must_use]
    pub fn of(held: HeldKey) -> Self {
        Self { primary: held.key.id(), keys: alloc::vec![held], retired: Retired::default() }
    }

    /// Adds a key that was brought by hand, above all others in the order of keys, and returns its
    /// id. A key that is there already stays as it is.
    ///
    /// # Errors
    ///
    /// [`KeyringError::Full`] or [`KeyringError::SameId`]; nothing has changed then.
    pub fn insert(&mut self, key: Key) -> Result<KeyId, KeyringError> {
        let generation = self.highest().generation.saturating_add(1);
        self.hold(HeldKey::by_hand(key, generation))
    }

    /// Adds a key with all that is known of it, and returns its id. A key that is there already stays
    /// as it is. One that was retired counts as new: see [`Keyring::retired_as`].
    ///
    /// # Errors
    ///
    /// [`KeyringError::Full`] or [`KeyringError::SameId`]; nothing has changed then.
    pub fn hold(&mut self, held: HeldKey) -> Result<KeyId, KeyringError> {
        let id = held.key.id();
        match self.find(id) {
            Ok(at) if self.keys[at].key.is(&held.key) => Ok(id),
            Ok(_) => Err(KeyringError::SameId { id }),
            Err(_) if self.keys.len() >= Self::MOST => Err(KeyringError::Full),
            Err(at) => {
                self.retired.remove(held.key.fingerprint());
                self.keys.insert(at, held);
                Ok(id)
            }
        }
    }

    /// Removes a key. If it has leaked, or is lower than the primary one, it is remembered as retired.
    ///
    /// # Errors
    ///
    /// [`KeyringError::Unknown`] or [`KeyringError::Primary`]; nothing has changed then.
    pub fn remove(&mut self, id: KeyId) -> Result<(), KeyringError> {
        let at = self.position(id)?;
        if id == self.primary {
            return Err(KeyringError::Primary { id });
        }
        let held = self.keys.remove(at);
        if held.leaked || held.replaced || held.rank() < self.primary_key().rank() {
            self.retire(&held);
        }
        Ok(())
    }

    /// Chooses the key that protects what is sent.
    ///
    /// # Errors
    ///
    /// [`KeyringError::Unknown`] or [`KeyringError::Leaked`]; nothing has changed then.
    pub fn set_primary(&mut self, id: KeyId) -> Result<(), KeyringError> {
        let at = self.position(id)?;
        if self.keys[at].leaked {
            return Err(KeyringError::Leaked { id });
        }
        self.go_to(at);
        Ok(())
    }

    /// Notes that somebody else may know a key. If it is the primary one, the highest of those that
    /// nobody else knows takes its place.
    ///
    /// # Errors
    ///
    /// [`KeyringError::Unknown`]; [`KeyringError::Last`] if there is no other key to send with.
    /// Nothing has changed then.
    pub fn mark_leaked(&mut self, id: KeyId) -> Result<(), KeyringError> {
        let at = self.position(id)?;
        if self.primary == id {
            let others = self.keys.iter().filter(|held| !held.leaked && held.key.id() != id);
            let highest = others.max_by_key(|held| held.rank());
            let next = highest.ok_or(KeyringError::Last { id })?.key.id();
            self.go_to(self.position(next)?);
        }
        self.keys[at].leaked = true;
        Ok(())
    }

    /// Remembers a key that is gone, as one that was read from where a ring is kept.
    ///
    /// # Errors
    ///
    /// [`KeyringError::Held`]; nothing has changed then.
    pub fn remember(&mut self, retired: RetiredKey) -> Result<(), KeyringError> {
        let is = |held: &&HeldKey| held.key.fingerprint() == retired.fingerprint;
        if let Some(held) = self.keys.iter().find(is) {
            return Err(KeyringError::Held { id: held.key.id() });
        }
        self.retired.add(retired, Self::MOST_RETIRED);
        Ok(())
    }

    /// The keys that are gone and remembered, the latest last.
    pub fn retired(&self) -> impl Iterator<Item = RetiredKey> + use<'_> {
        self.retired.iter()
    }

    /// What is remembered of a key, if it is gone.
    #[must_use]
    pub fn retired_as(&self, key: &Key) -> Option<RetiredKey> {
        self.retired.find(key.fingerprint())
    }

    /// Takes over what another ring, in whose place this one comes, knows and this one does not: which keys
    /// are retired, marked as leaked or replaced. What this ring holds and sends with stays.
    pub(crate) fn inherit(&mut self, former: &Self) {
        for retired in former.retired() {
            // What is held is not gone.
            let _ = self.remember(retired);
        }
        let primary = self.primary_key().rank();
        for old in &former.keys {
            let was_used = old.replaced || old.key.id() == former.primary;
            match self.find(old.key.id()) {
                Ok(at) if self.keys[at].key.is(&old.key) => {
                    let held = &mut self.keys[at];
                    if held.key.id() != self.primary {
                        held.leaked |= old.leaked;
                        held.replaced |= was_used && held.rank() < primary;
                    }
                }
                _ if was_used || old.leaked => self.retire(old),
                _ => {}
            }
        }
    }

    /// Gives a key a higher place, as others do: the order is to be the same at all nodes.
    pub(super) fn raise(&mut self, id: KeyId, generation: u32) {
        if let Ok(at) = self.find(id) {
            let held = &mut self.keys[at];
            held.generation = held.generation.max(generation);
        }
    }

    /// Gives the primary key a place above this generation, and those above it the same distance as before.
    pub(super) fn raise_primary_above(&mut self, generation: u32) {
        let own = self.primary_key().rank();
        let by = generation.saturating_add(1).saturating_sub(own.0);
        for held in self.keys.iter_mut().filter(|held| held.rank() >= own) {
            held.generation = held.generation.saturating_add(by);
        }
    }

    fn go_to(&mut self, at: usize) {
        let rank = self.keys[at].rank();
        let former = self.find(self.primary).expect("the primary key cannot be removed");
        self.keys[former].replaced |= self.keys[former].rank() < rank;
        self.keys[at].replaced = false;
        self.primary = self.keys[at].key.id();
    }

    fn retire(&mut self, held: &HeldKey) {
        let retired = RetiredKey::new(held.key.fingerprint(), held.leaked);
        self.retired.add(retired, Self::MOST_RETIRED);
    }

    /// The key that protects what is sent.
    #[must_use]
    pub const fn primary(&self) -> KeyId {
        self.primary
    }

    /// The ids of all keys, rising.
    pub fn ids(&self) -> impl Iterator<Item = KeyId> + use<'_> {
        self.keys.iter().map(|held| held.key.id())
    }

    /// All keys, by rising id.
    pub fn keys(&self) -> impl Iterator<Item = &HeldKey> {
        self.keys.iter()
    }

    /// The key with this id.
    #[must_use]
    pub fn get(&self, id: KeyId) -> Option<&HeldKey> {
        self.find(id).ok().map(|at| &self.keys[at])
    }

    /// The key that comes last in the order of keys.
    ///
    /// # Panics
    ///
    /// Never: a ring has a key.
    #[must_use]
    pub fn highest(&self) -> &HeldKey {
        self.keys.iter().max_by_key(|held| held.rank()).expect("a ring has a key")
    }

    pub(crate) fn primary_key(&self) -> &HeldKey {
        let at = self.find(self.primary).expect("the primary key cannot be removed");
        &self.keys[at]
    }

    fn position(&self, id: KeyId) -> Result<usize, KeyringError> {
        self.find(id).map_err(|_| KeyringError::Unknown { id })
    }

    fn find(&self, id: KeyId) -> Result<usize, usize> {
        self.keys.binary_search_by_key(&id, |held| held.key.id())
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyring")
            .field("primary", &format_args!("{}", self.primary))
            .field("keys", &self.keys)
            .field("retired", &self.retired)
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
    /// The ring has [`Keyring::MOST`] keys.
    Full,
    /// The ring has another key with the same id.
    SameId {
        /// The id.
        id: KeyId,
    },
    /// Somebody else may know the key.
    Leaked {
        /// Its id.
        id: KeyId,
    },
    /// There is no other key to send with.
    Last {
        /// Its id.
        id: KeyId,
    },
    /// The key is held, so it cannot be one that is gone.
    Held {
        /// Its id.
        id: KeyId,
    },
}

impl fmt::Display for KeyringError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Primary { id } => {
                write!(f, "key {id} protects what is sent: use another one before dropping it")
            }
            Self::Unknown { id } => write!(f, "there is no key {id} here: add it first"),
            Self::Full => {
                write!(f, "{} keys are held, which is the limit: drop one", Keyring::MOST)
            }
            Self::SameId { id } => {
                write!(f, "another key has the id {id}, by chance: make a new key")
            }
            Self::Leaked { id } => write!(f, "key {id} is marked as leaked: use another one"),
            Self::Held { id } => {
                write!(f, "key {id} is held, and said to be retired: remove one of the two")
            }
            Self::Last { id } => {
                write!(f, "key {id} is the only one to send with: add another one first")
            }
        }
    }
}

impl core::error::Error for KeyringError {}

#[cfg(test)]
mod tests;
