//! What can be asked of a node.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use scalesmall_core::{
    Agreement, Coverage, Engine, Epoch, GroupName, MulticastState, NodeId, NodeName, Op, Owner,
    Peer, Prefer, Server, Stats, TimedItem,
};

use super::Front;
use crate::history::{Stall, Transition};
use crate::stats::DriverStats;

impl Front {
    /// This node's identity.
    #[must_use]
    pub fn id(&self) -> NodeId {
        self.engine.engine().id()
    }

    /// How long this node has run, whatever lives it has begun meanwhile. It does not count while the
    /// machine is suspended.
    #[must_use]
    pub fn uptime(&self) -> Duration {
        Duration::from_nanos(self.clock.now().as_nanos())
    }

    /// This node's life.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.engine.engine().epoch()
    }

    /// This node's name.
    #[must_use]
    pub fn my_name(&self) -> NodeName {
        let me = self.engine.engine().name(self.id());
        me.unwrap_or_else(|| NodeName::of_address(self.local))
    }

    /// The address at which this node prefers to be reached.
    #[must_use]
    pub fn my_address(&self) -> SocketAddr {
        self.engine.engine().address(self.id()).unwrap_or(self.local)
    }

    /// The name of a node; `None` if it is not known. Those of the last 1,024 nodes that were lost or
    /// have left are still known when the nodes are forgotten, as events are about them.
    #[must_use]
    pub fn name(&self, id: NodeId) -> Option<NodeName> {
        self.engine.engine().name(id).or_else(|| self.names.get(id))
    }

    /// The address that packets for a node go to; `None` if it is not known.
    #[must_use]
    pub fn address(&self, id: NodeId) -> Option<SocketAddr> {
        self.engine.engine().address(id)
    }

    /// Where an owner serves: its address, with the port of its service. `None` if the owner is not
    /// known any more.
    #[must_use]
    pub fn endpoint(&self, owner: &Server) -> Option<SocketAddr> {
        self.engine.engine().endpoint(owner)
    }

    /// The members of `group`.
    pub fn members(&self, group: &GroupName) -> impl Iterator<Item = NodeId> + use<'_> {
        self.engine.engine().members(group)
    }

    /// All groups that this node has heard of.
    pub fn groups(&self) -> impl Iterator<Item = &GroupName> {
        self.engine.engine().groups()
    }

    /// The groups of which this node is a member.
    pub fn my_groups(&self) -> impl Iterator<Item = &GroupName> {
        self.engine.engine().my_groups()
    }

    /// All that is said about `group`, by member and range.
    pub fn topology(&self, group: &GroupName) -> impl Iterator<Item = TimedItem> + use<'_> {
        self.engine.engine().topology(group)
    }

    /// All that is said about `group` with this operation.
    pub fn topology_of(
        &self,
        group: &GroupName,
        op: Op,
    ) -> impl Iterator<Item = TimedItem> + use<'_> {
        self.engine.engine().topology_of(group, op)
    }

    /// The owners of `key`, best first.
    pub fn route(&self, group: &GroupName, key: u32) -> impl Iterator<Item = Server> + use<'_> {
        self.engine.engine().route(group, key)
    }

    /// The owners of `key` in an order of choice, with all that is known of them. See `Engine::route_by`.
    #[must_use]
    pub fn route_by(&self, group: &GroupName, key: u32, prefer: &Prefer) -> Vec<Owner> {
        self.engine.engine().route_by(group, key, prefer)
    }

    /// All of an owner that [`Front::route`] has returned; `None` if it has ceased to serve that range since.
    #[must_use]
    pub fn owner(&self, group: &GroupName, server: &Server) -> Option<Owner> {
        self.engine.engine().owner(group, server)
    }

    /// The owners of all keys of `group`, by range: what to read anew after `Event::Overflow`.
    pub fn owners(&self, group: &GroupName) -> impl Iterator<Item = Server> + use<'_> {
        self.engine.engine().owners(group)
    }

    /// Which keys of `group` nobody serves, and which several do.
    #[must_use]
    pub fn coverage(&self, group: &GroupName) -> Coverage {
        self.engine.engine().coverage(group)
    }

    /// Whether this node holds what the others hold, and hears most of them. See `Engine::agreement`.
    #[must_use]
    pub fn agreement(&self) -> Agreement {
        self.engine.engine().agreement()
    }

    /// The other nodes.
    pub fn peers(&self) -> impl Iterator<Item = Peer> + use<'_> {
        self.engine.engine().peers()
    }

    /// One node; this one too.
    #[must_use]
    pub fn peer(&self, id: NodeId) -> Option<Peer> {
        self.engine.engine().peer(id)
    }

    /// The last changes of a peer that [`Front::poll_event`] has returned, with the evidence for each; the
    /// oldest first. The last 8 of each peer are kept, 8,192 in all, and those of a peer that is forgotten
    /// too.
    #[must_use]
    pub fn transitions(&self, peer: NodeId) -> impl DoubleEndedIterator<Item = &Transition> {
        self.history.of(peer)
    }

    /// Since when a peer has been what it is now, by the changes that [`Front::poll_event`] has returned;
    /// `None` if it is not known, or too many others have changed since.
    #[must_use]
    pub fn since(&self, peer: NodeId) -> Option<SystemTime> {
        self.history.since(peer, self.peer(peer)?.status)
    }

    /// The last times for which this node itself was not run, by the events that [`Front::poll_event`] has
    /// returned: up to 8, the oldest first.
    pub fn stalls(&self) -> impl Iterator<Item = Stall> + use<'_> {
        self.history.stalls()
    }

    /// Where the last packet came from that raised this counter, such as `refused_key`; `None` if there was
    /// none, or if the counter is not about how nodes are set up. Nothing proves the source of such a packet.
    #[must_use]
    pub fn refused_from(&self, counter: &str) -> Option<SocketAddr> {
        self.sources.of(counter)
    }

    /// What multicast does for this node; `None` if it is off.
    #[must_use]
    pub fn multicast(&self) -> Option<MulticastState> {
        self.engine.engine().multicast()
    }

    /// The engine's counters.
    #[must_use]
    pub fn stats(&self) -> &Stats {
        self.engine.engine().stats()
    }

    /// What the sockets said.
    #[must_use]
    pub const fn driver_stats(&self) -> DriverStats {
        self.driver_stats
    }

    /// Why the recording that [`Settings::record`](crate::Settings::record) asked for could not be
    /// written any more, if that happened. It ended there, perhaps within a line; the node goes on.
    /// `FileTooLarge` also says that it has reached the size in the settings, and `TimedOut` that the disk was
    /// too slow.
    #[must_use]
    pub const fn recording_error(&self) -> Option<io::ErrorKind> {
        self.engine.failed()
    }

    /// The engine, for all other queries.
    #[must_use]
    pub const fn engine(&self) -> &Engine {
        self.engine.engine()
    }
}
