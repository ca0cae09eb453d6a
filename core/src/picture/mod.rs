//! What this node believes: the replicated data, its peers, the paths to them.

mod agreement;
pub(crate) mod cover;
mod evidence;
mod falls;
mod health;
mod newness;
mod path;
mod peers;
mod places;
mod ring;
mod room;
mod rtt;
mod state;
mod strangers;
mod telling;

use alloc::vec::Vec;
use core::net::SocketAddr;

use bytes::Bytes;

use crate::base::{Destination, Epoch, Instant, Ix, Life, NodeId, NodeName};
use crate::claims::{AttributeKind, Attributes, Claim, DrainStamp, Locator, Standing, Traits};
use crate::config::Config;
use crate::out::{Event, Out, Say, To};
use crate::picture::cover::Covers;
use crate::picture::path::Paths;
use crate::picture::peers::Peers;
use crate::picture::places::Places;
use crate::timing::Timing;
use crate::topology::{Changes, GroupError, Topology};
use crate::wire::{AttributeVersion, Frame};

pub use agreement::Agreement;
pub(crate) use agreement::Agreements;
pub(crate) use evidence::{News, Weighed, is_doubtful};
pub(crate) use health::Health;
pub(crate) use newness::Newness;
pub(crate) use path::BASE;
pub(crate) use peers::Proof;
pub(crate) use ring::{Ring, Stretch};
pub(crate) use state::{State, Trigger};

/// How many relays are looked at for one within reach.
const RELAYS_LOOKED_AT: usize = 64;

/// What this node believes. All parts read it.
#[derive(Clone, Hash)]
pub(crate) struct Picture {
    /// The latest time that the embedder has given.
    pub(crate) now: Instant,
    /// The horizon that followed from the embedder's clock, and when that was.
    horizon: (Epoch, Instant),
    pub(crate) config: Config,
    /// The durations that follow from the configuration.
    pub(crate) timing: Timing,
    pub(crate) topology: Topology,
    pub(crate) peers: Peers,
    pub(crate) ring: Ring,
    pub(crate) covers: Covers,
    pub(crate) paths: Paths,
    pub(crate) attributes: Attributes,
    pub(crate) health: Health,
    pub(crate) newness: Newness,
    pub(crate) agreements: Agreements,
    /// The highest epoch of all that this node has forgotten in this life, and the number of its own last
    /// packet then: recordings of them quote none above it.
    pub(crate) forgotten: Option<(Epoch, u64)>,
}

impl Picture {
    /// A node that knows itself alone.
    pub(crate) fn new(config: Config, locator: &Locator, epoch: Epoch, now: Instant) -> Self {
        let id = config.cluster.node(&locator.name());
        let mut topology = Topology::with_limits(id, epoch, (&config.limits).into());
        topology.set_down_members(config.down_members);
        #[cfg(feature = "mutants")]
        topology.set_mutant(config.mutant);
        let mut peers = Peers::new();
        let timing = Timing::new(&config);
        peers.places.admit(Ix::ME, locator);
        peers.admit(Ix::ME, &topology, 0, State::Alive, now, &timing);
        Self {
            timing,
            now,
            horizon: (epoch.horizon(), now),
            config,
            topology,
            peers,
            ring: Ring::default(),
            covers: Covers::new(now),
            paths: Paths::default(),
            attributes: Attributes::default(),
            health: Health::default(),
            newness: Newness::default(),
            agreements: Agreements::default(),
            forgotten: None,
        }
    }

    /// Begins a new life of this node.
    pub(crate) fn begin_life(&mut self, epoch: Epoch) -> Result<Changes, GroupError> {
        self.peers.uncount(Ix::ME, &self.topology);
        let renewed = self.topology.renew(epoch);
        if renewed.is_ok() {
            self.peers.get_mut(Ix::ME).incarnation = 0;
        }
        self.peers.count(Ix::ME, &self.topology);
        let changes = renewed?;
        // What others have made up ends here: of that this node says that there is nothing.
        let said = self.attributes.forget(Ix::ME).into_iter().filter(|(_, it)| !it.is_empty());
        for (kind, bytes) in said {
            let (key, me) = (self.topology.fingerprints(), self.me());
            self.attributes.set(key, me, Ix::ME, kind, 1, bytes);
        }
        self.covers.clear();
        self.agreements.start();
        self.paths.renumber(self.now, self.config.max_datagram);
        // What was recorded before is bound to the life that is over.
        self.forgotten = None;
        Ok(changes)
    }

    /// Replaces the configuration.
    pub(crate) fn set_config(&mut self, out: &mut Out, config: Config) {
        out.publish(self.topology.set_down_members(config.down_members));
        self.topology.set_limits((&config.limits).into());
        self.timing = Timing::new(&config);
        out.set_config(&config);
        if config.max_datagram != self.config.max_datagram {
            self.forget_paths(out, config.max_datagram);
        }
        self.config = config;
    }
}

impl Picture {
    /// This node in this life.
    pub(crate) fn me(&self) -> Life {
        self.life(Ix::ME)
    }

    /// A node in the life that it is known to be in.
    pub(crate) fn life(&self, ix: Ix) -> Life {
        self.topology.roster().life(ix)
    }

    pub(crate) fn id(&self, ix: Ix) -> NodeId {
        self.topology.roster().id(ix)
    }

    pub(crate) fn name(&self, ix: Ix) -> NodeName {
        self.peers.places.last_said(ix).name()
    }

    /// Whether an epoch can be that of a life that has begun; one that lies implausibly far ahead
    /// is counted.
    pub(crate) fn is_plausible(&mut self, out: &mut Out, epoch: Epoch) -> bool {
        if epoch > self.topology.horizon() {
            self.topology.set_horizon(self.horizon_now());
        }
        let plausible = epoch <= self.topology.horizon();
        if !plausible {
            out.stats.epochs_refused += 1;
        }
        plausible
    }

    /// Notes the epoch that the embedder's clock gives.
    pub(crate) fn set_clock(&mut self, epoch: Epoch) {
        self.horizon = (epoch.horizon().max(self.horizon_now()), self.now);
    }

    fn horizon_now(&self) -> Epoch {
        let (horizon, at) = self.horizon;
        horizon.after(self.now.since(at))
    }

    pub(crate) fn find(&self, id: NodeId) -> Option<Ix> {
        self.topology.roster().find(id)
    }

    /// The node, if it is known in just this life.
    pub(crate) fn find_life(&self, life: Life) -> Option<Ix> {
        self.find(life.id).filter(|&ix| self.topology.roster().epoch(ix) == life.epoch)
    }

    /// Changes where a peer is to be found, and reports it.
    pub(crate) fn place(&mut self, out: &mut Out, ix: Ix, change: impl FnOnce(&mut Places)) {
        let before = self.peers.places.shown(ix);
        change(&mut self.peers.places);
        let to = self.peers.places.shown(ix);
        if before != to && ix != Ix::ME {
            out.event(Event::Moved { peer: self.id(ix), to });
        }
    }

    /// A packet for a peer, bound to the life that it is known to be in.
    pub(crate) fn bound(&self, ix: Ix) -> To {
        To { at: self.destination(ix), bound: Some(self.life(ix)), node: Some(ix) }
    }

    /// A packet for a peer that may have begun a new life.
    pub(crate) fn unbound(&self, ix: Ix) -> To {
        To { at: self.destination(ix), bound: None, node: Some(ix) }
    }

    fn destination(&self, ix: Ix) -> Destination {
        Destination::Unicast(self.peers.places.address(ix))
    }

    /// A ping with what the receiver needs to know about this node.
    pub(crate) fn greet(&self, out: &mut Out, to: To) {
        let claim = self.claim(Ix::ME);
        out.say_frame(to, Frame::Claim(claim));
        out.say(to, Say::Ping);
    }

    /// The same to a peer, at each of its addresses: the one in use first, unbound as the peer may have
    /// begun a new life.
    pub(crate) fn greet_everywhere(&self, out: &mut Out, ix: Ix) {
        self.greet(out, self.unbound(ix));
        if !self.peers.is_dubious(ix) {
            self.greet_elsewhere(out, ix);
        }
    }

    /// The same, at all but the address in use.
    pub(crate) fn greet_elsewhere(&self, out: &mut Out, ix: Ix) {
        let to = self.unbound(ix);
        for at in self.peers.places.others(ix).map(Destination::Unicast) {
            self.greet(out, To { at, ..to });
        }
    }

    /// A bound packet for a peer, sent for the n-th time: from one address of the peer to the next.
    pub(crate) fn bound_in_turn(&self, ix: Ix, tries: u8) -> To {
        let to = self.bound(ix);
        let places = &self.peers.places;
        let others = places.others(ix).count();
        let other = usize::from(tries).checked_rem(others + 1).and_then(|at| at.checked_sub(1));
        let at = other.and_then(|at| places.others(ix).nth(at));
        at.map_or(to, |at| To { at: Destination::Unicast(at), ..to })
    }

    /// A first packet to an address of which nothing more is known.
    pub(crate) fn greet_stranger(&self, out: &mut Out, addr: SocketAddr) {
        self.greet(out, To { at: Destination::Unicast(addr), bound: None, node: None });
    }

    /// The claim about a node, as others are told it. It says how the node is reached even if the node
    /// has not said so in its present life: those that do not know the node take no claim without that.
    pub(crate) fn claim(&self, ix: Ix) -> Claim {
        let standing = self.state(ix).standing();
        Claim {
            life: self.life(ix),
            incarnation: self.peers.get(ix).incarnation,
            standing,
            accuser: None,
            confirmed_by: [None; 2],
            age: if standing == Standing::Alive {
                0
            } else {
                self.peers.since_turn(ix, self.now) / 1000
            },
            locator: Some(self.peers.places.last_said(ix)),
        }
    }

    /// An attribute of a node as others are told it.
    pub(crate) fn attribute_frame(&self, ix: Ix, kind: AttributeKind) -> Frame {
        let version = self.attributes.version(ix, kind);
        let bytes = self.attributes.get(ix, kind).clone();
        Frame::Attribute { life: self.life(ix), kind, version, bytes }
    }

    pub(crate) fn traits(&self, ix: Ix) -> Traits {
        Traits::from_bytes(self.attributes.get(ix, AttributeKind::TRAITS).clone())
    }

    /// Whether a node drains, and since when compared with others.
    pub(crate) fn drains(&self, ix: Ix) -> Option<DrainStamp> {
        DrainStamp::from_bytes(self.attributes.get(ix, AttributeKind::DRAINING))
    }

    /// Tells the embedder of what a node has said about itself, and what follows for the ranges that it
    /// serves.
    pub(crate) fn tell_of_attribute(
        &mut self,
        out: &mut Out,
        ix: Ix,
        kind: AttributeKind,
        bytes: &Bytes,
    ) {
        out.tell_of_attribute(self.id(ix), kind, bytes);
        if kind == AttributeKind::DRAINING {
            let drains = DrainStamp::from_bytes(bytes).is_some();
            out.publish(self.topology.set_draining_of(ix, drains));
        }
    }

    /// Which version of an attribute of a node this node has.
    pub(crate) fn attribute_version(&self, ix: Ix, kind: AttributeKind) -> AttributeVersion {
        let (version, sum) = self.attributes.held(ix, kind);
        AttributeVersion { life: self.life(ix), kind, version, sum }
    }

    /// The sum of the fingerprints of all that this node knows of living nodes.
    pub(crate) fn root(&self) -> u64 {
        self.topology.root().wrapping_add(self.peers.root()).wrapping_add(self.attributes.root())
    }

    /// Whether packets of this node may reach a peer.
    pub(crate) fn is_direct(&self, ix: Ix) -> bool {
        self.peers.places.is_direct(ix)
    }

    /// A random peer that reaches those with which this node shares no address family, other than some.
    pub(crate) fn relay(&self, out: &mut Out, not: &[Ix]) -> Option<Ix> {
        let relays = self.peers.places.relays();
        let start = out.random_below(relays.len());
        let (before, after) = relays.split_at(start);
        let fits = |ix: &Ix| self.state(*ix).is_reachable() && !not.contains(ix);
        let mut fit = after.iter().chain(before).take(RELAYS_LOOKED_AT).copied().filter(fits);
        let first = fit.clone().next();
        fit.find(|&ix| self.state(ix).is_alive()).or(first)
    }

    /// Up to `count` random peers that are alive and fit.
    pub(crate) fn random_alive(
        &self,
        out: &mut Out,
        count: usize,
        fits: impl Fn(Ix) -> bool,
    ) -> Vec<Ix> {
        let mut picked = Vec::with_capacity(count);
        let live = self.ring.len();
        // Starts at random places on the ring and goes on until a peer fits: short, and certain to
        // end.
        for _ in 0..count.min(live) {
            let start = out.random_below(live);
            let mut fit = (0..live)
                .map(|step| self.ring.at((start + step) % live))
                .filter(|&ix| self.state(ix).is_alive() && fits(ix) && !picked.contains(&ix));
            let first = fit.next();
            let shunned = first.filter(|&ix| self.peers.is_shunned(ix));
            let better = shunned.and_then(|_| fit.find(|&ix| !self.peers.is_shunned(ix)));
            picked.extend(better.or(first));
        }
        picked
    }

    /// A node's position on the ring.
    pub(crate) fn position(&self, ix: Ix) -> u32 {
        (self.topology.fingerprints().peer_position(self.id(ix)) >> 32) as u32
    }
}

/// That of 10.0.0.1:1 in its first life, alone at the origin of time.
#[cfg(test)]
pub(crate) fn of_one() -> (Picture, Out) {
    use crate::seal::{ClusterName, Key, Keyring};

    let keys = Keyring::new(Key::authenticated([7; 32]));
    let config = Config::lan([1; 32], ClusterName::try_from("c").unwrap(), keys);
    let me = Locator::from(SocketAddr::from(([10, 0, 0, 1], 1)));
    let picture = Picture::new(config, &me, Epoch(1), Instant::ZERO);
    let out = Out::new(&picture.config, picture.me().id, Epoch(1), Instant::ZERO);
    (picture, out)
}
