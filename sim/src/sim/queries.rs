//! What can be asked of a simulation at any moment.

use core::net::SocketAddr;

use scalesmall_core::{Instant, NodeId};

use super::Sim;
use super::protocol::Protocol;
use crate::check::Failure;
use crate::counts::{Fates, Faults};
use crate::names::{Identity, Names};
use crate::network::Network;
use crate::node::{Condition, Traffic};
use crate::trace::Entry;
use crate::views::{Report, Views};
use crate::written::Written;

impl<P: Protocol> Sim<P> {
    /// The simulation's time.
    #[must_use]
    pub const fn now(&self) -> Instant {
        Instant::from_nanos(self.now)
    }

    /// How many nodes there are, running or not.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there are no nodes.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// A node's protocol, unless it is not running, or there is no such node.
    #[must_use]
    pub fn node(&self, node: usize) -> Option<&P> {
        self.nodes.get(node)?.protocol.as_ref()
    }

    /// A node's address, the preferred one if it has several.
    #[must_use]
    pub fn addr(&self, node: usize) -> SocketAddr {
        self.names.addr(node)
    }

    /// A node's identity.
    #[must_use]
    pub fn id(&self, node: usize) -> NodeId {
        self.names.id(node)
    }

    /// The names, addresses and identities of all nodes.
    #[must_use]
    pub const fn names(&self) -> &Names {
        &self.names
    }

    /// The node that has an identity or an address, if any.
    #[must_use]
    pub fn node_of(&self, identity: impl Into<Identity>) -> Option<usize> {
        self.names.find(identity.into())
    }

    /// What a node is doing; one that there is not has never begun.
    #[must_use]
    pub fn condition(&self, node: usize) -> Condition {
        self.nodes.get(node).map_or(Condition::Unborn, |node| node.condition)
    }

    /// The nodes that are up and have not said goodbye.
    pub fn live(&self) -> impl Iterator<Item = usize> + use<'_, P> {
        let nodes = self.nodes.iter().enumerate();
        nodes.filter(|(_, node)| node.condition.is_up() && !node.departed).map(|(node, _)| node)
    }

    /// How many lives a node has begun.
    #[must_use]
    pub fn lives(&self, node: usize) -> u32 {
        self.lives[node]
    }

    /// What a node has sent.
    #[must_use]
    pub fn traffic(&self, node: usize) -> &Traffic {
        &self.nodes[node].traffic
    }

    /// Forgets the largest 100 ms of all nodes, to measure them anew.
    pub fn reset_peaks(&mut self) {
        for node in &mut self.nodes {
            node.traffic.reset_peaks();
        }
    }

    /// What has become of the datagrams.
    #[must_use]
    pub const fn fates(&self) -> &Fates {
        &self.network.fates
    }

    /// How often nodes and the network were made to fail.
    #[must_use]
    pub const fn faults(&self) -> &Faults {
        &self.faults
    }

    /// What each node believes about each other node.
    #[must_use]
    pub const fn views(&self) -> &Views {
        &self.views
    }

    /// What nodes have said about others: every down, left and unreachable, and what revoked them.
    #[must_use]
    pub fn reports(&self) -> &[Report] {
        &self.reports
    }

    /// Sums up everything that has happened. Equal seeds and calls give equal hashes.
    #[must_use]
    pub const fn trace_hash(&self) -> u64 {
        self.trace.hash()
    }

    /// The last things that happened to some nodes, oldest first; to any node if none is named. What
    /// repeats the one before it comes on top of their count.
    #[must_use]
    pub fn last_records(&self, nodes: &[usize], count: usize) -> Vec<Entry> {
        self.trace.last(nodes, count)
    }

    /// How many steps have been performed.
    #[must_use]
    pub const fn steps(&self) -> u64 {
        self.steps
    }

    /// Whether all nodes that are to start have, and the live ones see each other and nobody else.
    #[must_use]
    pub const fn all_see_all(&self) -> bool {
        self.unborn == 0 && self.views.wrong_pairs() == 0
    }

    /// Whether all live nodes have the same digest. True for protocols without one.
    #[must_use]
    pub fn pictures_agree(&self) -> bool {
        self.pictures.len() <= 1
    }

    /// How many different digests there are among the live nodes.
    #[must_use]
    pub fn pictures(&self) -> usize {
        self.pictures.len()
    }

    /// Since when all live nodes have had the same digest, in nanoseconds.
    #[must_use]
    pub const fn pictures_agreed_at(&self) -> Option<u64> {
        self.pictures_agreed_at
    }

    /// Whether all live nodes see each other and nobody else, and have the same picture.
    #[must_use]
    pub fn converged(&self) -> bool {
        self.all_see_all() && self.pictures_agree()
    }

    /// How many nodes are going to start.
    pub(crate) const fn unborn(&self) -> usize {
        self.unborn
    }

    pub(crate) const fn seed(&self) -> u64 {
        self.seed
    }

    /// The addresses that a node contacts when it starts: those of its seeds that it has a way to.
    pub(crate) fn seeds(&self, node: usize) -> Vec<SocketAddr> {
        let seeds = self.seeds[node].iter().flat_map(|seed| self.names.addresses(*seed));
        seeds.copied().filter(|addr| self.names.source(node, *addr).is_some()).collect()
    }

    /// The nodes that hear a multicast of a node, which goes to the group of the family of its preferred
    /// address.
    pub(crate) fn hearers(&self, from: usize) -> impl Iterator<Item = usize> + use<'_, P> {
        let source = self.names.addr(from);
        let hearers = self.network.hearers(from);
        hearers.filter(move |to| self.names.source(*to, source).is_some())
    }

    /// Whether datagrams of a node get to another one, at one of its addresses, and its answers back, as far
    /// as addresses and cuts decide that.
    pub(crate) fn has_way(&self, one: usize, other: usize) -> bool {
        let open = |from: usize, to: usize| {
            let mut ways = self.names.addresses(to).iter().filter_map(|target| {
                self.names.source(from, *target).map(|source| (source, *target))
            });
            ways.any(|(source, target)| {
                self.network.is_open(self.now, (from, source), (to, target))
            })
        };
        open(one, other) && open(other, one)
    }

    /// Whether a node can learn that another one lives: it has a way to it, or a live node has one to both.
    pub(crate) fn can_be_vouched_for(&self, by: usize, about: usize) -> bool {
        let vouches = |third: usize| self.has_way(by, third) && self.has_way(third, about);
        self.has_way(by, about)
            || self.live().any(|third| third != by && third != about && vouches(third))
    }

    pub(crate) fn has_departed(&self, node: usize) -> bool {
        self.nodes[node].departed
    }

    pub(crate) const fn network(&self) -> &Network {
        &self.network
    }

    /// What nodes were told to say, and the lives that they have led.
    pub(crate) const fn written(&self) -> &Written {
        &self.written
    }

    /// Whether a member has said what no engine says.
    pub(crate) const fn has_lied(&self) -> bool {
        self.lied
    }

    /// The first broken rule, if any was broken.
    pub(crate) fn failure(&self) -> Option<&Failure> {
        self.failure.as_deref()
    }
}
