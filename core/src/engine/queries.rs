//! Queries.

use core::fmt;
use core::net::SocketAddr;
use core::time::Duration;

use bytes::Bytes;

use super::Engine;
use crate::base::{Epoch, GroupName, Ix, NodeId, Status};
use crate::config::Config;
use crate::out::{MulticastState, Stats};
use crate::topology::{Coverage, Op, Owner, TimedItem};

/// What is known of a peer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Peer {
    /// The peer.
    pub id: NodeId,
    /// Its life.
    pub epoch: Epoch,
    /// What it is believed to be.
    pub status: Status,
    /// Its incarnation: how often, as far as is known, it has refuted a claim about itself in this
    /// life.
    pub incarnation: u32,
    /// It lives, but has gone down more than once lately: it is shown as down for this much longer.
    pub held_for: Option<Duration>,
    /// The smoothed round-trip time, once measured.
    pub rtt: Option<Duration>,
    /// The largest datagram that passes to it: [`Config::max_datagram`](crate::Config::max_datagram),
    /// unless less was found to pass.
    pub datagram: usize,
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

/// Queries. They change nothing and may be called at any time.
impl Engine {
    /// This node's id.
    #[must_use]
    pub fn id(&self) -> NodeId {
        self.picture.me().id
    }

    /// The life that this node is in.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.picture.me().epoch
    }

    /// The configuration in force.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.picture.config
    }

    /// The members of a group, this node included if it is one; sorted.
    pub fn members(&self, group: &GroupName) -> impl Iterator<Item = NodeId> + use<'_> {
        self.picture.topology.members(group)
    }

    /// All groups that this node has heard of; sorted.
    pub fn groups(&self) -> impl Iterator<Item = &GroupName> {
        self.picture.topology.groups()
    }

    /// The groups that this node is in: those in which it has a `Get` or an `Add`; sorted.
    pub fn my_groups(&self) -> impl Iterator<Item = &GroupName> {
        self.picture.topology.my_groups()
    }

    /// All items of a group, tombstones and members that are not present included; sorted by
    /// member, start and end.
    pub fn topology(&self, group: &GroupName) -> impl Iterator<Item = TimedItem> + use<'_> {
        self.picture.topology.topology(group)
    }

    /// As [`Engine::topology`], the items of one kind only.
    pub fn topology_of(
        &self,
        group: &GroupName,
        op: Op,
    ) -> impl Iterator<Item = TimedItem> + use<'_> {
        self.picture.topology.topology_of(group, op)
    }

    /// The owners of a key, best first. All nodes with the same picture name the same first owner.
    pub fn route(&self, group: &GroupName, key: u32) -> impl Iterator<Item = Owner> + use<'_> {
        self.picture.topology.route(group, key)
    }

    /// Which keys of a group nobody serves, and which several members do.
    #[must_use]
    pub fn coverage(&self, group: &GroupName) -> Coverage {
        self.picture.topology.coverage(group)
    }

    /// All known peers, whatever their status, in the order in which they became known.
    pub fn peers(&self) -> impl Iterator<Item = Peer> + use<'_> {
        let all = self.picture.topology.roster().iter();
        all.filter(|&ix| ix != Ix::ME).map(|ix| self.describe(ix))
    }

    /// What is known of one node; of this node itself too.
    #[must_use]
    pub fn peer(&self, id: NodeId) -> Option<Peer> {
        self.picture.find(id).map(|ix| self.describe(ix))
    }

    /// The seeds that are remembered, oldest first, and whether each has been found to be a live peer.
    pub fn seeds(&self) -> impl Iterator<Item = (SocketAddr, bool)> {
        self.membership.comeback.answering(&self.picture)
    }

    /// A sum over what is known of living nodes: members, their lives, items, metadata.
    ///
    /// A node that is down or has left is no part of it, though it is still listed: each node
    /// decides for itself how long to remember it. Nor is a record in which nothing is left but
    /// tombstones.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest(self.picture.root())
    }

    /// What multicast does for this node; `None` while [`Config::multicast`] is off.
    #[must_use]
    pub fn multicast(&self) -> Option<MulticastState> {
        self.picture.config.multicast.then(|| self.segment.state())
    }

    /// The counters.
    #[must_use]
    pub fn stats(&self) -> &Stats {
        &self.out.stats
    }

    fn describe(&self, ix: Ix) -> Peer {
        let life = self.picture.life(ix);
        Peer {
            id: life.id,
            epoch: life.epoch,
            status: self.picture.status(ix),
            incarnation: self.picture.peers.get(ix).incarnation,
            held_for: self.picture.peers.falls.held_for(ix, self.picture.now),
            rtt: self.picture.peers.get(ix).rtt.mean(),
            datagram: self.picture.datagram_known(ix),
            metadata: self.picture.metadata.get(ix),
        }
    }
}
