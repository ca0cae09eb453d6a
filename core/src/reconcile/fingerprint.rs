//! Fingerprints: 64 bits for each thing that two nodes may differ in.
//!
//! A fingerprint changes with every change of its subject; a **position** does not, and says where
//! on the ring of 64-bit numbers the subject lies. Both are pure functions of what they are taken
//! of, so equal pictures have equal sums. The key is a constant and not a secret; holders of the
//! group key are trusted not to construct collisions. By accident two of `n` fingerprints agree
//! with a chance of `n² / 2⁶⁵`.

use crate::base::{Epoch, GroupName, Hash, NodeId};

/// The key of the fingerprints, the same at all nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct FingerprintKey(pub(crate) [u64; 2]);

impl Default for FingerprintKey {
    fn default() -> Self {
        Self([0x2d35_8dcc_aa6c_78a5, 0x8bb8_4b93_962e_acc9])
    }
}

impl FingerprintKey {
    /// A group's name as the other functions take it, to be computed once.
    pub(crate) fn group(self, name: &GroupName) -> u64 {
        Hash::new(self.0, 1).bytes(name.as_bytes()).finish()
    }

    /// The fingerprint of what a member has said about a group, up to a clock; `content` is the sum of
    /// its [writes](Self::write).
    pub(crate) fn record(
        self,
        group: u64,
        member: NodeId,
        epoch: Epoch,
        clock: u64,
        content: u64,
    ) -> u64 {
        let hash = Hash::new(self.0, 2).word(group).node(member).word(epoch.0);
        hash.word(clock).word(content).finish()
    }

    /// The fingerprint of a write that is no tombstone.
    pub(crate) fn write(self, start: u32, end: u32, op: u8, port: u16, clock: u64) -> u64 {
        let (keys, what) = (u64::from(start) << 32 | u64::from(end), u64::from(op) << 16);
        Hash::new(self.0, 8).word(keys).word(what | u64::from(port)).word(clock).finish()
    }

    /// The position of a record.
    pub(crate) fn record_position(self, group: u64, member: NodeId) -> u64 {
        Hash::new(self.0, 3).word(group).node(member).finish()
    }

    /// The fingerprint of what is known of a peer; `standing` is how it counts in the picture, and
    /// `place` stands for how it is named and reached.
    pub(crate) fn peer(
        self,
        id: NodeId,
        epoch: Epoch,
        incarnation: u32,
        standing: u8,
        place: u64,
    ) -> u64 {
        let state = u64::from(incarnation) << 8 | u64::from(standing);
        Hash::new(self.0, 4).node(id).word(epoch.0).word(state).word(place).finish()
    }

    /// The position of a peer.
    pub(crate) fn peer_position(self, id: NodeId) -> u64 {
        Hash::new(self.0, 5).node(id).finish()
    }

    /// The fingerprint of a version of an attribute of a node.
    pub(crate) fn attribute(
        self,
        id: NodeId,
        epoch: Epoch,
        kind: u8,
        version: u64,
        bytes: &[u8],
    ) -> u64 {
        let hash = Hash::new(self.0, 6).node(id).word(epoch.0).word(kind.into()).word(version);
        hash.bytes(bytes).finish()
    }

    /// The position of an attribute of a node.
    pub(crate) fn attribute_position(self, id: NodeId, kind: u8) -> u64 {
        Hash::new(self.0, 7).node(id).word(kind.into()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn id(port: u16) -> NodeId {
        NodeId::from_bits(port.into())
    }

    fn assert_distinct(mut values: Vec<u64>) {
        let len = values.len();
        values.sort_unstable();
        values.dedup();
        assert_eq!(values.len(), len);
    }

    #[test]
    fn neighbours_differ() {
        let key = FingerprintKey::default();
        let mut values = Vec::new();
        for port in 0..64 {
            for epoch in 0..8 {
                for count in 0..64 {
                    values.push(key.record(1, id(port), Epoch(epoch), count, 0));
                    values.push(key.record(2, id(port), Epoch(epoch), count, 0));
                    values.push(key.record(1, id(port), Epoch(epoch), count, 1));
                    values.push(key.write(port.into(), 99, epoch as u8, 7, count));
                    values.push(key.write(9, 100 + count as u32, epoch as u8, port, 7));
                    values.push(key.peer(id(port), Epoch(epoch), count as u32, 0, 0));
                    values.push(key.peer(id(port), Epoch(epoch), count as u32, 1, 0));
                    values.push(key.attribute(id(port), Epoch(epoch), 0, count, &[]));
                    values.push(key.attribute(id(port), Epoch(epoch), 1, count, &[]));
                    values.push(key.attribute(id(port), Epoch(epoch), 1, count, &[0]));
                }
            }
            values.push(key.record_position(1, id(port)));
            values.push(key.peer_position(id(port)));
            values.push(key.attribute_position(id(port), 0));
            values.push(key.attribute_position(id(port), 1));
        }
        assert_distinct(values);
    }

    /// What a sum must not do: stay the same when one clock goes up and another one down.
    #[test]
    fn opposite_steps_do_not_cancel() {
        let key = FingerprintKey::default();
        let step = |port, clock| {
            let at = |clock| key.record(7, id(port), Epoch(1), clock, 0);
            at(clock + 1).wrapping_sub(at(clock))
        };
        assert_distinct((0..100).flat_map(|port| (0..1000).map(move |c| step(port, c))).collect());
    }

    #[test]
    fn another_key_gives_other_values() {
        let (a, b) = (FingerprintKey::default(), FingerprintKey([1, 2]));
        assert_ne!(a.record(1, id(1), Epoch(1), 1, 0), b.record(1, id(1), Epoch(1), 1, 0));
        assert_ne!(a.peer_position(id(1)), b.peer_position(id(1)));
    }

    /// Fixed for ever: nodes of different builds compare these.
    #[test]
    fn values_are_part_of_the_protocol() {
        let key = FingerprintKey::default();
        let group = key.group(&GroupName::try_from("groupmanager").unwrap());
        assert_eq!(
            [group, key.record(group, id(29999), Epoch(5), 3, 0), key.peer_position(id(29999))],
            [12_297_630_802_053_275_287, 14_375_101_837_376_445_859, 233_794_845_763_020_817]
        );
    }
}
