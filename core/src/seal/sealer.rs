//! The sending side.

use bytes::BytesMut;
use core::fmt;

use super::cluster::ClusterName;
use super::key::Key;
use super::keyring::Keyring;
use super::session::{Schedule, Session};
use crate::base::{Life, Liveness};
use crate::packet::{Header, KeyId};

/// Protects the packets of one life of a node with one key.
///
/// The caller must not use a number twice in one life, nor a life twice: receivers take a number once.
#[derive(Clone)]
pub struct Sealer {
    sender: Life,
    key: KeyId,
    cluster_tag: u16,
    session: Session,
}

impl Sealer {
    /// Derives the keys that `sender` uses.
    #[must_use]
    pub fn new(keys: &Keyring, cluster: &ClusterName, liveness: Liveness, sender: Life) -> Self {
        Self::of_key(&keys.primary_key().key, cluster, liveness, sender)
    }

    /// Derives what `sender` uses with this key.
    pub(crate) fn of_key(
        key: &Key,
        cluster: &ClusterName,
        liveness: Liveness,
        sender: Life,
    ) -> Self {
        let session = Schedule::new(cluster, key).session(sender);
        Self { sender, key: key.id(), cluster_tag: cluster.tag(liveness), session }
    }

    /// The key that it protects with.
    pub(crate) const fn key(&self) -> KeyId {
        self.key
    }

    /// The header of the sender's packet number `packet`, without flags.
    #[must_use]
    pub const fn header(&self, packet: u64) -> Header {
        Header {
            sender: self.sender,
            packet,
            bound: false,
            ack: false,
            key: self.key,
            cluster_tag: self.cluster_tag,
        }
    }

    /// Protects the packet that begins at `start` of `out` and ends with it; appends the tag.
    pub(crate) fn seal(
        &self,
        header: &Header,
        receiver: Option<Life>,
        start: usize,
        out: &mut BytesMut,
    ) {
        let packet = &mut out[start..];
        let tag = self.session.protect(packet, header.encoded_len(), header.packet, receiver);
        out.extend_from_slice(&tag);
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealer")
            .field("sender", &self.sender)
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}
