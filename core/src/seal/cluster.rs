//! The name that keeps clusters apart.

use alloc::vec::Vec;
use core::fmt;
use core::net::SocketAddr;
use core::str::FromStr;

use sha2::{Digest as _, Sha256};

use crate::base::{Liveness, NodeId, NodeName};

/// A cluster's name: 1 to 255 bytes, any bytes.
///
/// Keys are derived from it, so a packet of one cluster is void in another even if both were given
/// the same key.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ClusterName(Vec<u8>);

impl ClusterName {
    /// The longest name, in bytes.
    pub const MAX_LEN: usize = 255;

    /// The name's bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// A short hash of the name and of whether the nodes watch each other, carried by every packet in
    /// clear. It tells the packets of a neighbouring cluster from forged ones.
    #[must_use]
    pub fn tag(&self, liveness: Liveness) -> u16 {
        let liveness = match liveness {
            Liveness::Off => 0,
            Liveness::On => 1,
        };
        let hash = Sha256::new()
            .chain_update(TAG_LABEL)
            .chain_update([liveness])
            .chain_update(&self.0)
            .finalize();
        u16::from_be_bytes([hash[0], hash[1]])
    }

    /// The identity of the node with this name in this cluster.
    #[must_use]
    pub fn node(&self, name: &NodeName) -> NodeId {
        let hash = Sha256::new()
            .chain_update(NODE_LABEL)
            .chain_update(&self.0)
            .chain_update([0])
            .chain_update(name.as_str())
            .finalize();
        let first = hash.iter().take(NodeId::LEN);
        NodeId::from_bits(first.fold(0, |bits, &byte| bits << 8 | u64::from(byte)))
    }

    /// The identity of a node that advertises this address and has no other name.
    #[must_use]
    pub fn node_at(&self, addr: SocketAddr) -> NodeId {
        self.node(&NodeName::of_address(addr))
    }
}

const TAG_LABEL: &[u8] = b"scalesmall 2 cluster ";
const NODE_LABEL: &[u8] = b"scalesmall 2 node ";

impl TryFrom<&[u8]> for ClusterName {
    type Error = ClusterNameError;

    fn try_from(name: &[u8]) -> Result<Self, ClusterNameError> {
        match name.len() {
            1..=Self::MAX_LEN => Ok(Self(name.to_vec())),
            len => Err(ClusterNameError { len }),
        }
    }
}

impl TryFrom<&str> for ClusterName {
    type Error = ClusterNameError;

    fn try_from(name: &str) -> Result<Self, ClusterNameError> {
        Self::try_from(name.as_bytes())
    }
}

impl FromStr for ClusterName {
    type Err = ClusterNameError;

    fn from_str(name: &str) -> Result<Self, ClusterNameError> {
        Self::try_from(name)
    }
}

impl fmt::Debug for ClusterName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.escape_ascii())
    }
}

/// A cluster's name that is empty or too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClusterNameError {
    /// The bytes that were given.
    pub len: usize,
}

impl fmt::Display for ClusterNameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cluster name of {} bytes; 1 to {} are allowed", self.len, ClusterName::MAX_LEN)
    }
}

impl core::error::Error for ClusterNameError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn length_is_bounded_at_both_ends() {
        assert_eq!(ClusterName::try_from(""), Err(ClusterNameError { len: 0 }));
        assert_eq!(ClusterName::try_from(&[0; 256][..]), Err(ClusterNameError { len: 256 }));
        assert!(ClusterName::try_from(&[0xff; 255][..]).is_ok());
    }

    #[test]
    fn neighbours_have_different_tags() {
        let tag = |name: &str, liveness| ClusterName::try_from(name).unwrap().tag(liveness);
        assert_ne!(tag("staging", Liveness::On), tag("production", Liveness::On));
        assert_ne!(tag("staging", Liveness::On), tag("staging", Liveness::Off));
    }
}
