//! The engine: calls in, polls out. It dispatches and decides nothing.

use core::fmt;
use core::net::SocketAddr;
use core::time::Duration;

use bytes::{Bytes, BytesMut};

use crate::config::{Config, ConfigError};
use crate::event::Event;
use crate::message::{BroadcastError, BroadcastId, Recipients, Tag};
use crate::node::{Epoch, NodeId, Status};
use crate::stats::Stats;
use crate::time::Instant;
use crate::topology::{Coverage, GroupError, GroupName, KeyRange, Op, Owner, TimedItem};

/// How a datagram came, and from where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Arrival {
    /// On the node's own socket, from this source address.
    Unicast(SocketAddr),
    /// On the multicast socket, from this source address.
    Multicast(SocketAddr),
}

/// Where a datagram goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Destination {
    /// To this address.
    Unicast(SocketAddr),
    /// To the multicast group, from the node's own socket.
    Multicast,
}

/// What kept a datagram from being sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendError {
    /// The destination's host or port refused it (`ECONNREFUSED`).
    Refused,
    /// No route, network down, interface gone.
    Unreachable,
    /// The datagram is larger than the path takes (`EMSGSIZE`).
    TooLarge,
    /// Anything else, such as a firewall's no or a lack of buffers.
    Other,
}

/// Why a datagram was refused. One counter of [`Stats`] has been raised; nothing else changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DatagramError {
    /// Not ours.
    Foreign,
}

impl fmt::Display for DatagramError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("foreign")
    }
}

impl core::error::Error for DatagramError {}

/// Why metadata is refused. Nothing has changed then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MetadataError {
    /// Longer than `Limits::metadata`.
    TooLong {
        /// The bytes given.
        len: usize,
        /// The limit.
        limit: u32,
    },
}

impl fmt::Display for MetadataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { len, limit } => {
                write!(f, "metadata has at most {limit} bytes (limits.metadata), this one {len}")
            }
        }
    }
}

impl core::error::Error for MetadataError {}

/// What is known of a peer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Peer {
    /// Who.
    pub id: NodeId,
    /// In which life.
    pub epoch: Epoch,
    /// What it is believed to be.
    pub status: Status,
    /// The smoothed round-trip time, once measured.
    pub rtt: Option<Duration>,
    /// Its metadata; empty if it has none.
    pub metadata: Bytes,
}

/// Sums up a node's picture: equal on nodes with equal pictures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub u64);

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// One node.
#[derive(Debug)]
pub struct Engine {
    id: NodeId,
    epoch: Epoch,
    stats: Stats,
}

#[expect(missing_docs, unused_variables, clippy::unused_self, reason = "skeleton")]
#[allow(clippy::needless_pass_by_ref_mut)]
impl Engine {
    pub fn new(
        config: Config,
        id: NodeId,
        epoch: Epoch,
        now: Instant,
    ) -> Result<Self, ConfigError> {
        config.check()?;
        Ok(Self { id, epoch, stats: Stats::default() })
    }
    pub fn handle_datagram(
        &mut self,
        now: Instant,
        arrival: Arrival,
        datagram: &[u8],
    ) -> Result<(), DatagramError> {
        Err(DatagramError::Foreign)
    }
    pub fn handle_timeout(&mut self, now: Instant) {}
    pub fn handle_send_error(&mut self, now: Instant, to: Destination, error: SendError) {}
    pub fn poll_transmit(&mut self, datagram: &mut BytesMut) -> Option<Destination> {
        None
    }
    pub fn poll_event(&mut self) -> Option<Event> {
        None
    }
    pub fn poll_timeout(&self) -> Option<Instant> {
        None
    }
    pub fn join(&mut self, now: Instant, group: &GroupName) -> Result<(), GroupError> {
        Ok(())
    }
    pub fn leave(&mut self, now: Instant, group: &GroupName) -> Result<(), GroupError> {
        Ok(())
    }
    pub fn add_item(
        &mut self,
        now: Instant,
        group: &GroupName,
        range: KeyRange,
        port: u16,
    ) -> Result<TimedItem, GroupError> {
        Err(GroupError::TooManyGroups { limit: 0 })
    }
    pub fn remove_item(
        &mut self,
        now: Instant,
        group: &GroupName,
        range: KeyRange,
        port: u16,
    ) -> Result<TimedItem, GroupError> {
        Err(GroupError::TooManyGroups { limit: 0 })
    }
    pub fn id(&self) -> NodeId {
        self.id
    }
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }
    pub fn members(&self, group: &GroupName) -> impl Iterator<Item = NodeId> + use<'_> {
        core::iter::empty()
    }
    pub fn groups(&self) -> impl Iterator<Item = &GroupName> {
        core::iter::empty()
    }
    pub fn my_groups(&self) -> impl Iterator<Item = &GroupName> {
        core::iter::empty()
    }
    pub fn topology(&self, group: &GroupName) -> impl Iterator<Item = TimedItem> + use<'_> {
        core::iter::empty()
    }
    pub fn topology_of(
        &self,
        group: &GroupName,
        op: Op,
    ) -> impl Iterator<Item = TimedItem> + use<'_> {
        core::iter::empty()
    }
    pub fn route(&self, group: &GroupName, key: u32) -> impl Iterator<Item = Owner> + use<'_> {
        core::iter::empty()
    }
    pub fn coverage(&self, group: &GroupName) -> Coverage {
        Coverage::default()
    }
    pub fn contact(&mut self, now: Instant, seeds: &[SocketAddr]) {}
    pub fn peers(&self) -> impl Iterator<Item = Peer> + use<'_> {
        core::iter::empty()
    }
    pub fn peer(&self, id: NodeId) -> Option<Peer> {
        None
    }
    pub fn set_metadata(&mut self, now: Instant, metadata: Bytes) -> Result<(), MetadataError> {
        Ok(())
    }
    pub fn announce_slow(&mut self, now: Instant, expected: Duration) {}
    pub fn depart(&mut self, now: Instant) {}
    pub fn renew(&mut self, now: Instant, epoch: Epoch) {}
    pub fn set_config(&mut self, now: Instant, config: Config) -> Result<(), ConfigError> {
        Ok(())
    }
    pub fn broadcast(
        &mut self,
        now: Instant,
        to: Recipients<'_>,
        tag: Tag,
        payload: Bytes,
    ) -> Result<BroadcastId, BroadcastError> {
        Err(BroadcastError::Departed)
    }
    pub fn digest(&self) -> Digest {
        Digest::default()
    }
    pub fn stats(&self) -> &Stats {
        &self.stats
    }
}
