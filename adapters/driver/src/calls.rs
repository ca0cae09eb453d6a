//! The calls of a node: those of its engine without `now`, its events, its seeds.

mod keys;

pub use keys::RotateError;

use core::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use scalesmall_core::{
    Agreement, BroadcastError, BroadcastId, Config, ConfigError, Coverage, Engine, Epoch, Event,
    ForgetError, GroupError, GroupName, KeyRange, MetadataError, MulticastState, NodeId, NodeName,
    Op, Owner, Peer, Prefer, Recipients, Server, Stats, Status, Tag, TimedItem, Traits,
    TraitsError,
};

use crate::bell::Bell;
use crate::clock::Clock;
use crate::contact::{Answer, Contact, Goodbye, Waiting};
use crate::discovery::{Met, SeedState, Seeds, is_alone};
use crate::history::{History, Stall, Transition};
use crate::host::{Host, HostReport};
use crate::keeper::{Keeper, StateReport};
use crate::names::Names;
use crate::record::Recorded;
use crate::seed::{Seed, can_reach};
use crate::sources::Sources;
use crate::stats::DriverStats;
#[cfg(feature = "tracing")]
use crate::trace;

/// As long as nobody waits.
const LONG: Duration = Duration::from_secs(365 * 24 * 3600);

/// All that can be done with a node except its sockets, and so the same for every runtime.
///
/// Calls take effect at once in this node's own picture; others hear of them at the next
/// [`Node::pump`](crate::Node::pump). A node dereferences to its front, and a
/// [`Handle`](crate::Handle) brings calls to it from other threads.
#[derive(Debug)]
pub struct Front {
    pub(crate) engine: Recorded,
    pub(crate) names: Names,
    pub(crate) history: History,
    pub(crate) sources: Sources,
    pub(crate) clock: Clock,
    pub(crate) seeds: Seeds,
    pub(crate) keeper: Option<Keeper>,
    pub(crate) host: Option<Host>,
    /// The address that the unicast socket is bound to.
    pub(crate) local: SocketAddr,
    pub(crate) driver_stats: DriverStats,
    /// Whether events are left in the engine on purpose, as their reader is slow.
    pub(crate) reader_lags: bool,
    /// How many calls of handles waited when the last one was made.
    pub(crate) calls_waiting: usize,
    /// Ends the wait of the node.
    pub(crate) bell: Arc<Bell>,
    /// What calls wait for that end later.
    pub(crate) waiting: Waiting,
}

impl Front {
    /// The next change or message, or `None`. Returns only what earlier pumps and calls brought.
    #[must_use]
    pub fn poll_event(&mut self) -> Option<Event> {
        let now = self.clock.now();
        let event = self.engine.poll_event(now);
        if let Some(event) = &event {
            let engine = self.engine.engine();
            self.names.hear(event, engine);
            self.history.hear(event, engine, now, SystemTime::now());
            self.waiting.hear(event, engine.epoch());
        }
        if event == Some(Event::Isolated) {
            self.seeds.hasten();
        }
        #[cfg(feature = "tracing")]
        if let Some(event) = &event {
            let name = |id| self.name(id).map_or_else(|| id.to_string(), String::from);
            trace::event(self.id(), event, &name);
        }
        event
    }

    /// Makes this node a member of `group`, interested in all of its keys.
    ///
    /// # Errors
    ///
    /// [`GroupError`]; nothing has changed then.
    pub fn join(&mut self, group: &GroupName) -> Result<(), GroupError> {
        let now = self.clock.now();
        self.engine.join(now, group)
    }

    /// Takes back all that this node has said about `group`.
    ///
    /// # Errors
    ///
    /// [`GroupError`]; nothing has changed then.
    pub fn leave(&mut self, group: &GroupName) -> Result<(), GroupError> {
        let now = self.clock.now();
        self.engine.leave(now, group)
    }

    /// Offers to serve the keys of `range` at `port`; makes the node a member of the group.
    ///
    /// # Errors
    ///
    /// [`GroupError`]; nothing has changed then.
    pub fn add_item(
        &mut self,
        group: &GroupName,
        range: KeyRange,
        port: u16,
    ) -> Result<TimedItem, GroupError> {
        let now = self.clock.now();
        self.engine.add_item(now, group, range, port)
    }

    /// Takes back the offer of exactly this range.
    ///
    /// # Errors
    ///
    /// [`GroupError`]; nothing has changed then.
    pub fn remove_item(
        &mut self,
        group: &GroupName,
        range: KeyRange,
        port: u16,
    ) -> Result<TimedItem, GroupError> {
        let now = self.clock.now();
        self.engine.remove_item(now, group, range, port)
    }

    /// Contacts further nodes, at any time. Addresses of a family that the socket cannot reach are
    /// left out and counted in [`DriverStats::seeds_out_of_reach`].
    pub fn contact(&mut self, seeds: &[SocketAddr]) {
        let local = self.local.ip();
        let reached = |addr: &SocketAddr| can_reach(local, *addr);
        let within: Vec<SocketAddr> = seeds.iter().copied().filter(reached).collect();
        self.driver_stats.seeds_out_of_reach +=
            u64::try_from(seeds.len() - within.len()).unwrap_or(u64::MAX);
        if !within.is_empty() {
            let now = self.clock.now();
            self.engine.contact(now, &within);
        }
    }

    /// Adds seeds to those of the settings. Addresses are contacted at once, and names are looked up for as
    /// long as the node runs. 64 seeds are remembered; the oldest is forgotten for one more.
    pub fn add_seeds(&mut self, seeds: &[Seed]) {
        for seed in seeds {
            self.seeds.add(seed.clone());
            if let Seed::Addr(addr) = seed {
                self.contact(&[*addr]);
            }
        }
    }

    /// The seeds, and what is known of each: whether its name could be looked up, and whether anybody
    /// answers. A seed that answers to another node's question alone counts once it is a live peer here.
    pub fn seeds(&self) -> impl Iterator<Item = (&Seed, SeedState)> {
        let met = Met::new(self.engine.engine());
        self.seeds.states(move |addr| met.at(addr))
    }

    /// What the node found in its state file, and how writing it goes; `None` if it has none.
    #[must_use]
    pub fn state(&self) -> Option<StateReport> {
        self.keeper.as_ref().map(Keeper::report)
    }

    /// What the node makes of its host's interfaces; `None` if it does not depend on them, as it has been
    /// given its addresses and no multicast.
    #[must_use]
    pub fn host(&self) -> Option<&HostReport> {
        self.host.as_ref().map(|host| &host.report)
    }

    /// Takes other addresses, as the host has others. A node that is named after its address keeps that.
    pub(crate) fn move_to(&mut self, addresses: &[SocketAddr]) {
        let now = self.clock.now();
        let moved = self.engine.set_addresses(now, addresses);
        #[cfg(feature = "tracing")]
        trace::moved(self.my_name(), addresses, moved.is_ok());
        if let Some(host) = &mut self.host {
            host.report.moves += u64::from(moved.is_ok());
            host.report.not_taken = if moved.is_ok() { Vec::new() } else { addresses.to_vec() };
        }
    }

    /// Contacts the peers of the last life.
    pub(crate) fn contact_kept(&mut self) {
        let kept = self.keeper.as_ref().map_or(&[][..], |keeper| &keeper.peers);
        let local = self.local.ip();
        // The node may have another address than in its last life.
        let kept: Vec<SocketAddr> =
            kept.iter().copied().filter(|addr| can_reach(local, *addr)).collect();
        self.contact(&kept);
    }

    /// Has the state file written, if there is something new.
    pub(crate) fn keep_state(&mut self) {
        if let Some(keeper) = &mut self.keeper {
            keeper.look(self.engine.engine());
        }
    }

    /// When there is something to look up, to keep or to answer.
    pub(crate) fn deadlines(&self) -> impl Iterator<Item = std::time::Instant> {
        let kept = self.keeper.as_ref().map(Keeper::deadline);
        let again = self.host.as_ref().and_then(Host::deadline);
        let waiting = self.waiting.deadline();
        self.seeds.deadline().into_iter().chain(kept).chain(again).chain(waiting)
    }

    /// Looks up the names that are due, and contacts what was found.
    pub(crate) fn look_up(&mut self) {
        let engine = self.engine.engine();
        let met = Met::new(engine);
        let found = self.seeds.poll(|addr| met.at(addr), || is_alone(engine));
        if let Some(found) = found {
            self.driver_stats.seeds_out_of_reach += found.out_of_reach;
            #[cfg(feature = "tracing")]
            trace::looked_up(self.my_name(), found.addresses.len(), found.out_of_reach);
            self.contact(&found.addresses);
        }
    }

    /// Sends a message. See `Engine::broadcast` for what is promised.
    ///
    /// # Errors
    ///
    /// [`BroadcastError`]; nothing is sent then.
    pub fn broadcast(
        &mut self,
        to: Recipients<'_>,
        tag: Tag,
        payload: Bytes,
    ) -> Result<BroadcastId, BroadcastError> {
        let now = self.clock.now();
        self.engine.broadcast(now, to, tag, payload)
    }

    /// Attaches bytes to this node that all others see.
    ///
    /// # Errors
    ///
    /// [`MetadataError`]; nothing has changed then.
    pub fn set_metadata(&mut self, metadata: Bytes) -> Result<(), MetadataError> {
        let now = self.clock.now();
        self.engine.set_metadata(now, metadata)
    }

    /// Sets what this node says about itself that others choose by: zone, weight and tags. Those of
    /// [`Settings::traits`](crate::Settings::traits) are set before the first packet.
    ///
    /// # Errors
    ///
    /// [`TraitsError`]; nothing has changed then.
    pub fn set_traits(&mut self, traits: Traits) -> Result<(), TraitsError> {
        let now = self.clock.now();
        self.engine.set_traits(now, traits)
    }

    /// Says whether this node is about to stop, so that it gets nothing new. See `Engine::set_draining`.
    pub fn set_draining(&mut self, draining: bool) {
        let now = self.clock.now();
        self.engine.set_draining(now, draining);
    }

    /// The application has heard from a node by its own traffic. See `Engine::heard_from`.
    pub fn heard_from(&mut self, node: NodeId) -> bool {
        let now = self.clock.now();
        self.engine.heard_from(now, node)
    }

    /// The application has not reached a node by its own traffic. See `Engine::failed_at`.
    pub fn failed_at(&mut self, node: NodeId) -> bool {
        let now = self.clock.now();
        self.engine.failed_at(now, node)
    }

    /// Tells the others that this node expects to be slow for `expected`.
    pub fn announce_slow(&mut self, expected: Duration) {
        let now = self.clock.now();
        self.engine.announce_slow(now, expected);
    }

    /// Forgets a node that is down or has left, on this node alone. See `Engine::forget`.
    ///
    /// # Errors
    ///
    /// [`ForgetError`]; nothing has changed then.
    pub fn forget(&mut self, node: NodeId) -> Result<(), ForgetError> {
        let now = self.clock.now();
        self.engine.forget(now, node)
    }

    /// Says goodbye. Keep pumping until [`Event::Departed`].
    pub fn depart(&mut self) {
        let now = self.clock.now();
        self.engine.depart(now);
    }

    /// Has `answer` called once the departure has ended that is under way, or has been.
    pub(crate) fn when_departed(&mut self, answer: Answer<Goodbye>) {
        self.waiting.goodbye(self.epoch(), answer);
    }

    /// Has `answer` called once this node is in its cluster, or when `limit` is over.
    pub(crate) fn when_contacted(&mut self, limit: Duration, answer: Answer<Contact>) {
        let now = std::time::Instant::now();
        let until = now.checked_add(limit).unwrap_or(now + LONG);
        // One that is named after its address shares that with nobody.
        let named = self.my_name() != NodeName::of_address(self.my_address());
        let (epoch, keys) = (self.epoch(), &self.engine.engine().config().keys);
        self.waiting.contact(until, epoch, named, keys, answer);
    }

    /// Answers those who wait for what has happened by now.
    pub(crate) fn answer_waiting(&mut self) {
        let engine = self.engine.engine();
        let alive = |peer: &Peer| peer.status == Status::Alive;
        self.waiting.look(engine.epoch(), || engine.peers().filter(alive).count());
    }

    /// Begins a new life, for example after departing.
    ///
    /// # Errors
    ///
    /// [`NoRandomness`]; nothing has changed then.
    pub fn renew(&mut self) -> Result<(), NoRandomness> {
        let mut random = [0; 4];
        getrandom::fill(&mut random).map_err(|_| NoRandomness)?;
        let epoch = new_epoch(u32::from_ne_bytes(random));
        let epoch = epoch.max(Epoch(self.epoch().0.saturating_add(1)));
        let now = self.clock.now();
        self.waiting.renewed();
        self.engine.renew(now, epoch);
        Ok(())
    }

    /// Changes how the engine behaves, for example its keys. Start from
    /// [`Settings::config`](crate::Settings::config); any seed will do. A recording goes on, and names keys
    /// by their ids: a replay has to be given all of them.
    ///
    /// # Errors
    ///
    /// [`ConfigError`]; nothing has changed then.
    pub fn set_config(&mut self, config: Config) -> Result<(), ConfigError> {
        let now = self.clock.now();
        self.engine.set_config(now, config)
    }

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

    /// Ends the recording, if there is one, and waits for its disk for at most 0.3 s. The end of the
    /// node does the same: this is for a program that ends without it.
    pub fn end_recording(&mut self) {
        self.engine.end();
    }

    /// The engine, for all other queries.
    #[must_use]
    pub const fn engine(&self) -> &Engine {
        self.engine.engine()
    }
}

/// The epoch of a life that begins now. A clock before 1970 counts as 1970: if others know a higher
/// epoch of this node, they tell it, and it renews above that.
pub(crate) fn new_epoch(random: u32) -> Epoch {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Epoch::new(u64::try_from(since.as_millis()).unwrap_or(0), random)
}

/// The operating system gives no random bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoRandomness;

impl fmt::Display for NoRandomness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the operating system gives no random bytes; try again later")
    }
}

impl core::error::Error for NoRandomness {}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;
    use std::time::{Duration, Instant, SystemTime};

    use scalesmall_core::{Cause, ClusterName, Epoch, ForgetError, Status};

    use crate::{GroupKeys, Node, Settings};

    fn node() -> Node<UdpSocket> {
        let settings = Settings::new("127.0.0.1:0".parse().unwrap(), GroupKeys::published());
        Node::start(&settings, Ok).unwrap()
    }

    #[test]
    fn each_life_lies_above_the_one_before() {
        let mut node = node();
        for absurd in [None, Some(Epoch(u64::MAX)), None, None] {
            let before = node.epoch();
            match absurd {
                Some(epoch) => {
                    let now = node.clock.now();
                    node.engine.renew(now, epoch);
                }
                None => node.renew().unwrap(),
            }
            assert!(node.epoch() > before);
        }
    }

    #[test]
    fn changes_are_kept_with_their_evidence_until_the_node_is_forgotten_and_beyond() {
        let mut settings = Settings::new("127.0.0.1:0".parse().unwrap(), GroupKeys::published());
        let mut one = node();
        settings.seeds.push(one.my_address().into());
        let mut other: Node<UdpSocket> = Node::start(&settings, Ok).unwrap();
        let id = other.id();
        let begun = SystemTime::now();
        let limit = Instant::now() + Duration::from_secs(20);
        let mut status = |wanted, other: &mut Node<UdpSocket>| {
            while one.peer(id).map(|peer| peer.status) != wanted {
                let _ = (one.pump().unwrap(), other.pump().unwrap());
                assert!(Instant::now() < limit, "not yet {wanted:?}");
            }
            while one.poll_event().is_some() {}
            (one.since(id), one.forget(id))
        };
        let (since, refused) = status(Some(Status::Alive), &mut other);
        assert!(since.is_some_and(|since| since >= begun));
        assert_eq!(refused, Err(ForgetError::Living { status: Status::Alive }));
        other.depart();
        assert_eq!(status(Some(Status::Left), &mut other).1, Ok(()));
        assert_eq!(status(None, &mut other), (None, Err(ForgetError::Unknown)));
        let told: Vec<_> = one.transitions(id).collect();
        let steps: Vec<_> = told.iter().map(|change| (change.from, change.to)).collect();
        let (alive, left) = (Some(Status::Alive), Some(Status::Left));
        assert_eq!(steps, [(None, alive), (alive, left), (left, None)]);
        assert_eq!(told[2].cause, Cause::Forgotten);
        assert!(told[1].silent_for.is_some_and(|silent| silent < Duration::from_secs(5)));
        assert_eq!((told[2].silent_for, told[0].stall), (None, None));
    }

    #[test]
    fn a_refused_packet_is_remembered_by_where_it_came_from() {
        let mut node = node();
        let mut settings = Settings::new("127.0.0.1:0".parse().unwrap(), GroupKeys::published());
        settings.cluster = ClusterName::try_from("another").unwrap();
        settings.seeds.push(node.my_address().into());
        let mut stranger: Node<UdpSocket> = Node::start(&settings, Ok).unwrap();
        let limit = Instant::now() + Duration::from_secs(20);
        while node.stats().refused_cluster == 0 {
            let _ = (node.pump().unwrap(), stranger.pump().unwrap());
            assert!(Instant::now() < limit, "nothing is refused");
        }
        assert_eq!(node.refused_from("refused_cluster"), Some(stranger.my_address()));
        assert_eq!(node.refused_from("refused_key"), None);
    }

    #[test]
    fn addresses_of_the_other_family_are_left_out_and_counted() {
        let mut node = node();
        node.contact(&["[::1]:5".parse().unwrap(), "127.0.0.1:5".parse().unwrap()]);
        assert_eq!(node.driver_stats().seeds_out_of_reach, 1);
        let _ = node.pump().unwrap();
        assert_eq!(node.driver_stats().send_errors, 0);
        assert!(node.stats().datagrams_sent > 0);
    }
}
