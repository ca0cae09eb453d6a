//! Metadata: bytes that nodes say about themselves.

use alloc::collections::BTreeMap;

use bytes::Bytes;

use crate::base::{Ix, Life};
use crate::reconcile::{FingerprintKey, Root, Subject};

#[derive(Clone, Debug, Hash)]
struct Entry {
    version: u64,
    bytes: Bytes,
    position: u64,
    fingerprint: u64,
    /// Whether its node is gone, so that it does not count in the root.
    retired: bool,
}

/// The metadata of the present life of each node that has any.
#[derive(Clone, Debug, Default, Hash)]
pub(crate) struct Metadata {
    entries: BTreeMap<Ix, Entry>,
    root: Root,
}

impl Metadata {
    /// A node's metadata; empty if it has none.
    pub(crate) fn get(&self, ix: Ix) -> Bytes {
        self.entries.get(&ix).map(|entry| entry.bytes.clone()).unwrap_or_default()
    }

    /// How often a node has changed its metadata in its present life.
    pub(crate) fn version(&self, ix: Ix) -> u64 {
        self.entries.get(&ix).map_or(0, |entry| entry.version)
    }

    /// The sum of the fingerprints of the entries of living nodes.
    pub(crate) const fn root(&self) -> u64 {
        self.root.sum()
    }

    /// The sum, to follow what moves in it.
    pub(crate) const fn root_mut(&mut self) -> &mut Root {
        &mut self.root
    }

    /// Stores a version of the metadata of a living node. Returns whether it is later than the
    /// known one.
    pub(crate) fn set(
        &mut self,
        key: FingerprintKey,
        life: Life,
        ix: Ix,
        version: u64,
        bytes: Bytes,
    ) -> bool {
        let later = version > self.version(ix);
        if later {
            self.forget(ix);
            let fingerprint = key.metadata(life.id, life.epoch, version);
            let position = key.metadata_position(life.id);
            self.root.add(fingerprint, || (position, Subject::Metadata(ix)));
            self.entries
                .insert(ix, Entry { version, bytes, position, fingerprint, retired: false });
        }
        later
    }

    /// Forgets a node's metadata, and returns it.
    pub(crate) fn forget(&mut self, ix: Ix) -> Option<Bytes> {
        let entry = self.entries.remove(&ix)?;
        if !entry.retired {
            self.root.subtract(entry.fingerprint, || (entry.position, Subject::Metadata(ix)));
        }
        Some(entry.bytes)
    }

    /// Takes a node's metadata out of the root, because the node is gone.
    pub(crate) fn retire(&mut self, ix: Ix) {
        if let Some(entry) = self.entries.get_mut(&ix).filter(|entry| !entry.retired) {
            entry.retired = true;
            self.root.subtract(entry.fingerprint, || (entry.position, Subject::Metadata(ix)));
        }
    }

    /// Undoes [`retire`](Self::retire).
    pub(crate) fn revive(&mut self, ix: Ix) {
        if let Some(entry) = self.entries.get_mut(&ix).filter(|entry| entry.retired) {
            entry.retired = false;
            self.root.add(entry.fingerprint, || (entry.position, Subject::Metadata(ix)));
        }
    }

    /// What repair compares for living nodes: the node, the position and the fingerprint of its
    /// metadata.
    pub(crate) fn marks(&self) -> impl Iterator<Item = (Ix, u64, u64)> + '_ {
        let counted = self.entries.iter().filter(|(_, entry)| !entry.retired);
        counted.map(|(&ix, entry)| (ix, entry.position, entry.fingerprint))
    }
}
