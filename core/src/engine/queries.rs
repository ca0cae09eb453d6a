//! Queries.

use alloc::vec::Vec;
use core::fmt;
use core::net::SocketAddr;
use core::time::Duration;

use bytes::Bytes;

use super::Engine;
use crate::base::{Epoch, GroupName, HoldReason, Ix, Life, NodeId, NodeName, Status};
use crate::claims::{AttributeKind, DrainStamp, Traits};
use crate::config::Config;
use crate::out::{MulticastState, Stats};
use crate::picture::Agreement;
use crate::placement::Slots;
use crate::topology::{Coverage, Fence, Op, Server, Shortfall, TimedItem};

/// What is known of a peer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Peer {
    /// The peer.
    pub id: NodeId,
    /// Its name.
    pub name: NodeName,
    /// The address that packets for it go to.
    pub address: SocketAddr,
    /// The addresses at which it says that it can be reached, the preferred one first; those of its
    /// life before until it says something else.
    pub addresses: Vec<SocketAddr>,
    /// Whether packets of this node may reach it: both have addresses of one family, or it was heard at
    /// one of its addresses. Of a peer that cannot be reached directly this node knows what others say,
    /// and what relays, nodes with addresses of both families, find when it asks them.
    pub direct: bool,
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
    /// How long ago a packet of it came last, in any of its lives; `None` if none ever did. A silence
    /// of more than 49 days counts from 0 again.
    pub heard: Option<Duration>,
    /// The largest datagram that passes to it: [`Config::max_datagram`](crate::Config::max_datagram),
    /// unless less was found to pass.
    pub datagram: usize,
    /// Its metadata; empty if it has none.
    pub metadata: Bytes,
    /// Its zone, weight and tags.
    pub traits: Traits,
    /// Whether it drains, and since when compared with others.
    pub draining: Option<DrainStamp>,
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

    /// This node in the life that it is in.
    #[must_use]
    pub fn life(&self) -> Life {
        self.picture.me()
    }

    /// The name of a node; `None` if it is not known.
    #[must_use]
    pub fn name(&self, id: NodeId) -> Option<NodeName> {
        self.picture.find(id).map(|ix| self.picture.name(ix))
    }

    /// The address that packets for a node go to, or, if it has just moved, the one that it prefers;
    /// `None` if it is not known. Of this node itself it is the one that it prefers.
    #[must_use]
    pub fn address(&self, id: NodeId) -> Option<SocketAddr> {
        self.picture.find(id).map(|ix| self.picture.peers.places.shown(ix))
    }

    /// The addresses at which a node says that it can be reached, the preferred one first, this node
    /// included; none if it is not known.
    #[must_use]
    pub fn addresses(&self, id: NodeId) -> Vec<SocketAddr> {
        let known = self.picture.find(id).map(|ix| self.picture.peers.places.last_said(ix));
        known.iter().flat_map(crate::claims::Locator::addresses).collect()
    }

    /// Where an owner serves a key: its address, with the port of its service. `None` if the owner is
    /// not known any more.
    #[must_use]
    pub fn endpoint(&self, owner: &Server) -> Option<SocketAddr> {
        let at = self.address(owner.member)?;
        Some(SocketAddr::new(at.ip(), owner.port))
    }

    /// The life that this node is in.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.picture.me().epoch
    }

    /// Whether this node knows its cluster: it has found a peer with an equal picture since it
    /// started, or has waited for one in vain while it had company.
    #[must_use]
    pub const fn has_caught_up(&self) -> bool {
        self.picture.newness.caught_up
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

    /// The members of a group that live by what all nodes are told of them, this node included if it is
    /// one; sorted.
    ///
    /// Members that are held off are left out, as nothing is routed to them. Unlike
    /// [`Engine::members`] it does not depend on what this node alone believes (*suspect*,
    /// *unreachable*), so it is what a [`Plan`](crate::placement::Plan) is made of: nodes
    /// with equal pictures have the same list.
    #[must_use]
    pub fn living_members(&self, group: &GroupName) -> Vec<NodeId> {
        let members = self.picture.topology.members_of_any_status(group);
        let fits = |ix| self.picture.state(ix).is_living() && !self.picture.state(ix).is_held();
        let living = members.filter(|&ix| fits(ix));
        let mut living: Vec<NodeId> = living.map(|ix| self.picture.id(ix)).collect();
        living.sort_unstable();
        living
    }

    /// The slots of a group that present members serve, each with the member; ranges that are not
    /// exactly a slot are left out.
    pub fn served_slots(
        &self,
        group: &GroupName,
        slots: Slots,
    ) -> impl Iterator<Item = (u32, NodeId)> + use<'_> {
        self.topology_of(group, Op::Add).filter_map(move |TimedItem { item, .. }| {
            let present = |ix| self.picture.state(ix).is_present();
            let shown = self.picture.find(item.member).is_some_and(present);
            let slot = slots.find(item.range).filter(|_| shown)?;
            Some((slot, item.member))
        })
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
    /// [`Engine::owner`] tells more of one, and [`Engine::route_by`] of all, in an order of choice.
    pub fn route(&self, group: &GroupName, key: u32) -> impl Iterator<Item = Server> + use<'_> {
        self.picture.topology.route(group, key)
    }

    /// The owners of all keys of a group, by (start, end): what replaying
    /// [`Event::OwnersChanged`](crate::Event::OwnersChanged) gives, and what to read anew after
    /// [`Event::Overflow`](crate::Event::Overflow).
    ///
    /// ```
    /// use std::collections::BTreeSet;
    /// use scalesmall_core::{Engine, Event, GroupName, KeyRange, NodeId};
    ///
    /// /// The ranges of a group, each with an owner: kept by events, so that no change is missed.
    /// fn follow(engine: &mut Engine, of: &GroupName, owners: &mut BTreeSet<(KeyRange, NodeId)>) {
    ///     while let Some(event) = engine.poll_event() {
    ///         match event {
    ///             Event::OwnersChanged { group, range, member, change } if group == *of => {
    ///                 if change.serves() {
    ///                     owners.insert((range, member));
    ///                 } else {
    ///                     owners.remove(&(range, member));
    ///                 }
    ///             }
    ///             Event::Overflow { .. } => {
    ///                 *owners = engine.owners(of).map(|it| (it.range, it.member)).collect();
    ///             }
    ///             _ => {}
    ///         }
    ///     }
    /// }
    /// ```
    pub fn owners(&self, group: &GroupName) -> impl Iterator<Item = Server> + use<'_> {
        self.picture.topology.owners(group)
    }

    /// Which keys of a group nobody serves, and which several members do.
    #[must_use]
    pub fn coverage(&self, group: &GroupName) -> Coverage {
        self.picture.topology.coverage(group)
    }

    /// As [`Engine::coverage`], as it would be if some nodes stopped.
    #[must_use]
    pub fn coverage_without(&self, group: &GroupName, nodes: &[NodeId]) -> Coverage {
        self.picture.topology.coverage_without(group, nodes)
    }

    /// The fencing token of an owner that [`Engine::route`] has returned; `None` if it has ceased to
    /// serve that range since. What it is good for is told at [`Owner`](crate::Owner).
    #[must_use]
    pub fn fence(&self, group: &GroupName, owner: &Server) -> Option<Fence> {
        self.picture.topology.fence(group, owner)
    }

    /// What would be missing if some nodes stopped: the keys of all groups that would have fewer than
    /// `copies` owners, and fewer than now. Empty if the nodes may be stopped, as far as this node
    /// knows: it does not reserve anything, so two nodes that ask about each other at once both hear
    /// yes.
    #[must_use]
    pub fn shortfalls_without(&self, nodes: &[NodeId], copies: usize) -> Vec<Shortfall> {
        self.picture.topology.shortfalls_without(nodes, copies)
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

    /// A sum over what is known of living nodes: members, their lives, items, attributes.
    ///
    /// A node that is down or has left is no part of it, though it is still listed: each node
    /// decides for itself how long to remember it. Nor is a record in which nothing is left but
    /// tombstones.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest(self.picture.root())
    }

    /// Whether this node holds what the others hold, how stale its picture may be, and whether it still hears
    /// most of the nodes. Each change of [`Agreement::footing`] is told by
    /// [`Event::Footing`](crate::Event::Footing).
    ///
    /// It is a hint, not a lock. In clusters of up to 16 with the settings for a LAN the nodes on the smaller
    /// side of a cut know it within 6 s; in larger ones some take longer, as they wait for more verifiers. While
    /// changes pour in over long paths, a healthy node may read [`Footing::Unknown`](crate::Footing::Unknown)
    /// now and then.
    ///
    /// ```
    /// use scalesmall_core::{Engine, Footing};
    ///
    /// /// Whether a service takes writes: not on the smaller side of a cut.
    /// fn takes_writes(engine: &Engine) -> bool {
    ///     engine.agreement().footing > Footing::Minority
    /// }
    /// ```
    #[must_use]
    pub fn agreement(&self) -> Agreement {
        self.picture.agreement()
    }

    /// Why the others hold this node off, and for how much longer; `None` if they do not. See
    /// [`Event::HeldOff`](crate::Event::HeldOff).
    #[must_use]
    pub fn held_off(&self) -> Option<(HoldReason, Duration)> {
        self.picture.peers.falls.hold(Ix::ME, self.picture.now)
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
        let (life, places) = (self.picture.life(ix), &self.picture.peers.places);
        Peer {
            id: life.id,
            name: self.picture.name(ix),
            address: places.shown(ix),
            addresses: places.last_said(ix).addresses().collect(),
            direct: places.is_direct(ix),
            epoch: life.epoch,
            status: self.picture.state(ix).shown(),
            incarnation: self.picture.peers.get(ix).incarnation,
            held_for: self.picture.held_for(ix),
            rtt: self.picture.peers.get(ix).rtt.mean(),
            heard: Some(self.picture.peers.since_heard(ix, self.picture.now))
                .filter(|since| *since != Duration::MAX && ix != Ix::ME),
            datagram: self.picture.datagram_known(ix),
            metadata: self.picture.attributes.get(ix, AttributeKind::METADATA).clone(),
            traits: self.picture.traits(ix),
            draining: self.picture.drains(ix),
        }
    }
}
