//! Attributes: what nodes say about themselves, a few bytes of each kind.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::ops::RangeInclusive;

use bytes::Bytes;

use crate::base::{Ix, Life};
use crate::reconcile::{FingerprintKey, Root, Subject};

/// What an attribute is about.
///
/// Nodes store, pass on and repair attributes of kinds that they do not know, so that a later version
/// can add kinds while earlier ones are still running.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttributeKind(pub u8);

impl AttributeKind {
    /// Bytes of the application: [`Engine::set_metadata`](crate::Engine::set_metadata).
    pub const METADATA: Self = Self(0);
    /// Zone, weight and tags: [`Traits`](crate::Traits).
    pub const TRAITS: Self = Self(1);
    /// Whether the node is about to stop: its [stamp](crate::Peer::draining), or nothing.
    pub const DRAINING: Self = Self(2);
    /// Which keys the node has.
    pub const KEYS: Self = Self(3);

    /// Kinds below this one always have room at every node.
    const FIRST_FOREIGN: u8 = 8;
}

/// When a node began to drain, compared with others: the one with the lower stamp, or of two equal
/// stamps the one with the lower id, goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DrainStamp(pub u64);

impl DrainStamp {
    /// From an attribute; `None` if the node does not drain.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().map(|stamp| Self(u64::from_be_bytes(stamp))).ok()
    }

    pub(crate) fn into_bytes(self) -> Bytes {
        Bytes::copy_from_slice(&self.0.to_be_bytes())
    }
}

/// The most attributes of kinds from 8 on that are kept of one node. It leaves room for eight kinds
/// that later versions add beyond those that are set aside, and bounds what one liar can fill.
const MOST_FOREIGN: usize = 8;

#[derive(Clone, Debug, Hash)]
struct Entry {
    version: u64,
    bytes: Bytes,
    position: u64,
    fingerprint: u64,
    /// Whether its node is gone, so that it does not count in the root.
    retired: bool,
}

/// What came of a copy of an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stored {
    /// It is later than what was known, and has been stored.
    Later,
    /// It is known, or what is known is later.
    Known,
    /// There is no room for another kind.
    Refused,
}

/// The attributes of the present life of each node that has any.
#[derive(Clone, Debug, Default, Hash)]
pub(crate) struct Attributes {
    entries: BTreeMap<(Ix, AttributeKind), Entry>,
    root: Root,
}

/// All attributes of a node.
const fn all_of(ix: Ix) -> RangeInclusive<(Ix, AttributeKind)> {
    (ix, AttributeKind(0))..=(ix, AttributeKind(u8::MAX))
}

impl Attributes {
    /// An attribute; empty if the node has none of the kind.
    pub(crate) fn get(&self, ix: Ix, kind: AttributeKind) -> &Bytes {
        static NONE: Bytes = Bytes::new();
        self.entries.get(&(ix, kind)).map_or(&NONE, |entry| &entry.bytes)
    }

    /// How often a node has changed an attribute in its present life.
    pub(crate) fn version(&self, ix: Ix, kind: AttributeKind) -> u64 {
        self.entries.get(&(ix, kind)).map_or(0, |entry| entry.version)
    }

    /// The bytes of a node's longest attribute.
    pub(crate) fn longest(&self, ix: Ix) -> usize {
        let all = self.entries.range(all_of(ix));
        all.map(|(_, entry)| entry.bytes.len()).max().unwrap_or_default()
    }

    /// The highest stamp up to a limit of a node that drains; 0 if there is none.
    pub(crate) fn last_drain_stamp(&self, limit: u64) -> u64 {
        let drains = self.entries.iter().filter(|((_, kind), _)| *kind == AttributeKind::DRAINING);
        let stamps = drains.filter_map(|(_, entry)| DrainStamp::from_bytes(&entry.bytes));
        stamps.map(|stamp| stamp.0).filter(|&stamp| stamp <= limit).max().unwrap_or_default()
    }

    /// The version of an attribute, and some bits of its fingerprint; zeros if there is none.
    pub(crate) fn held(&self, ix: Ix, kind: AttributeKind) -> (u64, u32) {
        let entry = self.entries.get(&(ix, kind));
        entry.map_or((0, 0), |entry| (entry.version, entry.fingerprint as u32))
    }

    /// The kinds that a node has said something about, emptied ones included.
    pub(crate) fn kinds(&self, ix: Ix) -> impl Iterator<Item = AttributeKind> + '_ {
        self.entries.range(all_of(ix)).map(|(&(_, kind), _)| kind)
    }

    /// The sum of the fingerprints of the entries of living nodes.
    pub(crate) const fn root(&self) -> u64 {
        self.root.sum()
    }

    /// The sum, to follow what moves in it.
    pub(crate) const fn root_mut(&mut self) -> &mut Root {
        &mut self.root
    }

    /// Stores a version of an attribute of a living node if it is later than the known one. Of two
    /// contents with one version, which an honest node never says, the greater one counts as later,
    /// so that all nodes come to hold the same, and its owner hears of it.
    pub(crate) fn set(
        &mut self,
        key: FingerprintKey,
        life: Life,
        ix: Ix,
        kind: AttributeKind,
        version: u64,
        bytes: Bytes,
    ) -> Stored {
        match self.entries.get(&(ix, kind)) {
            Some(old) if (version, &bytes) <= (old.version, &old.bytes) => return Stored::Known,
            None if version == 0 => return Stored::Known,
            None if !self.has_room(ix, kind) => return Stored::Refused,
            _ => {}
        }
        self.remove(ix, kind);
        let fingerprint = key.attribute(life.id, life.epoch, kind.0, version, &bytes);
        let position = key.attribute_position(life.id, kind.0);
        self.root.add(fingerprint, || (position, Subject::Attribute(ix, kind.0)));
        let entry = Entry { version, bytes, position, fingerprint, retired: false };
        self.entries.insert((ix, kind), entry);
        Stored::Later
    }

    fn has_room(&self, ix: Ix, kind: AttributeKind) -> bool {
        let foreign = (ix, AttributeKind(AttributeKind::FIRST_FOREIGN))..=*all_of(ix).end();
        kind.0 < AttributeKind::FIRST_FOREIGN || self.entries.range(foreign).count() < MOST_FOREIGN
    }

    fn remove(&mut self, ix: Ix, kind: AttributeKind) -> Option<Bytes> {
        let entry = self.entries.remove(&(ix, kind))?;
        if !entry.retired {
            let subject = || (entry.position, Subject::Attribute(ix, kind.0));
            self.root.subtract(entry.fingerprint, subject);
        }
        Some(entry.bytes)
    }

    /// Forgets what a node has said about itself, and returns it.
    pub(crate) fn forget(&mut self, ix: Ix) -> Vec<(AttributeKind, Bytes)> {
        let kinds: Vec<AttributeKind> = self.kinds(ix).collect();
        kinds.into_iter().filter_map(|kind| Some((kind, self.remove(ix, kind)?))).collect()
    }

    /// Takes a node's attributes out of the root, because the node is gone.
    pub(crate) fn retire(&mut self, ix: Ix) {
        for (&(_, kind), entry) in self.entries.range_mut(all_of(ix)) {
            if !entry.retired {
                entry.retired = true;
                let subject = || (entry.position, Subject::Attribute(ix, kind.0));
                self.root.subtract(entry.fingerprint, subject);
            }
        }
    }

    /// Undoes [`retire`](Self::retire).
    pub(crate) fn revive(&mut self, ix: Ix) {
        for (&(_, kind), entry) in self.entries.range_mut(all_of(ix)) {
            if entry.retired {
                entry.retired = false;
                let subject = || (entry.position, Subject::Attribute(ix, kind.0));
                self.root.add(entry.fingerprint, subject);
            }
        }
    }

    /// What repair compares for living nodes: position, subject and fingerprint of each attribute.
    pub(crate) fn marks(&self) -> impl Iterator<Item = (u64, Subject, u64)> + '_ {
        let counted = self.entries.iter().filter(|(_, entry)| !entry.retired);
        counted.map(|(&(ix, kind), entry)| {
            (entry.position, Subject::Attribute(ix, kind.0), entry.fingerprint)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Epoch, NodeId};

    const LIFE: Life = Life { id: NodeId::from_bits(7), epoch: Epoch(1) };

    fn set(attributes: &mut Attributes, kind: u8, version: u64, bytes: &'static [u8]) -> Stored {
        let key = FingerprintKey::default();
        let bytes = Bytes::from_static(bytes);
        attributes.set(key, LIFE, Ix::of(1), AttributeKind(kind), version, bytes)
    }

    /// Whatever order the copies come in, all nodes end with the same.
    #[test]
    fn of_two_contents_with_one_version_all_keep_the_same() {
        let (mut a, mut b) = (Attributes::default(), Attributes::default());
        assert_eq!(set(&mut a, 0, 3, b"x"), Stored::Later);
        assert_eq!(set(&mut a, 0, 3, b"y"), Stored::Later);
        assert_eq!(set(&mut b, 0, 3, b"y"), Stored::Later);
        assert_eq!(set(&mut b, 0, 3, b"x"), Stored::Known);
        assert_ne!(a.root(), 0);
        assert_eq!(a.root(), b.root());
        assert_eq!(set(&mut b, 0, 2, b"z"), Stored::Known);
        assert_eq!(a.forget(Ix::of(1)), [(AttributeKind(0), Bytes::from_static(b"y"))]);
        assert_eq!(a.root(), 0);
    }

    /// Kinds that nobody knows cannot keep out those that everybody knows.
    #[test]
    fn foreign_kinds_are_kept_up_to_a_limit() {
        let mut attributes = Attributes::default();
        for kind in 100..108 {
            assert_eq!(set(&mut attributes, kind, 1, b"?"), Stored::Later);
        }
        assert_eq!(set(&mut attributes, 108, 1, b"?"), Stored::Refused);
        assert_eq!(set(&mut attributes, 107, 2, b"?"), Stored::Later);
        for kind in 0..8 {
            assert_eq!(set(&mut attributes, kind, 1, b"!"), Stored::Later);
        }
        assert_eq!(attributes.kinds(Ix::of(1)).count(), 16);
        attributes.retire(Ix::of(1));
        assert_eq!((attributes.root(), attributes.marks().count()), (0, 0));
        attributes.revive(Ix::of(1));
        assert_eq!(attributes.marks().count(), 16);
    }
}
