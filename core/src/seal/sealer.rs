//! The sending side.

use bytes::BytesMut;
use core::fmt;

use super::cluster::ClusterName;
use super::keyring::Keyring;
use super::suite::{Schedule, Session, Suite};
use crate::base::Life;
use crate::packet::{Header, KeyId};

/// Protects the packets of one life of a node with the primary key of a ring.
///
/// The caller must not use a number twice in one life, nor a life twice: under suite *sealed* that
/// would give away what the two packets say.
#[derive(Clone)]
pub struct Sealer {
    sender: Life,
    sealed: bool,
    key: KeyId,
    cluster_tag: u16,
    session: Session,
}

impl Sealer {
    /// Derives the keys that `sender` uses.
    #[must_use]
    pub fn new(keys: &Keyring, cluster: &ClusterName, suite: Suite, sender: Life) -> Self {
        let key = keys.primary();
        let session = Schedule::new(cluster, key, keys.primary_key()).session(suite, sender);
        Self { sender, sealed: suite.is_sealed(), key, cluster_tag: cluster.tag(), session }
    }

    /// The header of the sender's packet number `packet`, with no flag but that of the suite.
    #[must_use]
    pub const fn header(&self, packet: u64) -> Header {
        Header {
            sender: self.sender,
            packet,
            bound: false,
            sealed: self.sealed,
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
            .field("sealed", &self.sealed)
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}
