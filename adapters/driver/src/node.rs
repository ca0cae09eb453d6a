//! The front: the engine's calls without `now`, events, seeds.

use core::fmt;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use scalesmall_core::{
    BroadcastError, BroadcastId, Config, ConfigError, Coverage, Epoch, Event, GroupError,
    GroupName, KeyRange, MetadataError, NodeId, Op, Owner, Peer, Recipients, Stats, Tag, TimedItem,
};

use crate::clock::Clock;
use crate::driver::{Driver, Wait};
use crate::record::{Recorded, Tape};
use crate::seed::{Seeds, can_reach};
use crate::settings::{Settings, SettingsError};
use crate::socket::Socket;
use crate::sockets::{OpenError, Sockets};

/// A running node: an engine with its sockets and its clock.
///
/// Calls take effect at once in this node's own picture; others hear of them at the next
/// [`Node::pump`]. Drain the events: seeds that are names are looked up again when
/// [`Event::Isolated`] is polled.
#[derive(Debug)]
pub struct Node<S> {
    driver: Driver<S>,
    seeds: Seeds,
}

impl<S: Socket> Node<S> {
    /// Opens the sockets, starts the engine in a new life, and contacts the seeds at the first
    /// pump. `wrap` turns a non-blocking standard socket into the runtime's.
    ///
    /// # Errors
    ///
    /// [`StartError`]; nothing stays open then. A recording that was asked for may have been created.
    pub fn start(
        settings: &Settings,
        wrap: impl FnMut(UdpSocket) -> io::Result<S>,
    ) -> Result<Self, StartError> {
        settings.check()?;
        let host = settings.host()?;
        let mut random = [0; 36];
        getrandom::fill(&mut random).map_err(|_| StartError::NoRandomness)?;
        let [seed @ .., a, b, c, d] = random;
        let epoch = new_epoch(u32::from_ne_bytes([a, b, c, d]));

        let sockets = Sockets::bind(settings.bind, host, settings.multicast.as_ref())?;
        let own = |port| if port == 0 { sockets.local().port() } else { port };
        let port = own(settings.advertise.map_or(0, |advertised| advertised.port()));
        let id = NodeId::from(SocketAddr::new(host, port));
        let sockets =
            sockets.try_map(wrap).map_err(|error| StartError::Runtime { kind: error.kind() })?;
        let tape = settings.record.as_deref().map(Tape::create).transpose();
        let tape = tape.map_err(|error| StartError::Recording { kind: error.kind() })?;

        let clock = Clock::start();
        let config = settings.config(seed);
        let engine = Recorded::new(settings, config, id, epoch, clock.now(), tape)?;
        let driver = Driver::new(engine, clock, sockets);
        let mut node = Self { driver, seeds: Seeds::new(settings.seeds.clone()) };
        node.contact(&node.seeds.addresses());
        node.seeds.look_up();
        Ok(node)
    }

    /// Receives, fires the clock and sends, as [`Driver::pump`] does; and contacts seeds that have
    /// been looked up.
    ///
    /// # Errors
    ///
    /// As for [`Driver::pump`].
    pub fn pump(&mut self) -> io::Result<Wait> {
        if let Some(found) = self.seeds.poll() {
            self.contact(&found);
        }
        let mut wait = self.driver.pump()?;
        if let Some(at) = self.seeds.deadline() {
            wait.until(at);
        }
        Ok(wait)
    }

    /// The next change or message, or `None`. Tells only of what earlier pumps and calls brought.
    pub fn poll_event(&mut self) -> Option<Event> {
        let now = self.driver.clock.now();
        let event = self.driver.engine.poll_event(now);
        if event == Some(Event::Isolated) {
            self.seeds.look_up();
        }
        event
    }

    /// Runs the node until there is an event. `park` waits until a socket is readable, until the
    /// unicast one is writable if [`Wait::writable`] says so, or until the deadline.
    ///
    /// May be dropped at any point and called again: nothing is lost.
    ///
    /// # Errors
    ///
    /// Those of [`Node::pump`] and of `park`.
    pub async fn next_event(
        &mut self,
        park: impl AsyncFn(&Sockets<S>, Wait) -> io::Result<()>,
    ) -> io::Result<Event> {
        loop {
            let wait = self.pump()?;
            if let Some(event) = self.poll_event() {
                return Ok(event);
            }
            park(self.driver.sockets(), wait).await?;
        }
    }

    /// Makes this node a member of `group`, interested in all of its keys.
    ///
    /// # Errors
    ///
    /// [`GroupError`]; nothing has changed then.
    pub fn join(&mut self, group: &GroupName) -> Result<(), GroupError> {
        let now = self.driver.clock.now();
        self.driver.engine.join(now, group)
    }

    /// Takes back all that this node has said about `group`.
    ///
    /// # Errors
    ///
    /// [`GroupError`]; nothing has changed then.
    pub fn leave(&mut self, group: &GroupName) -> Result<(), GroupError> {
        let now = self.driver.clock.now();
        self.driver.engine.leave(now, group)
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
        let now = self.driver.clock.now();
        self.driver.engine.add_item(now, group, range, port)
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
        let now = self.driver.clock.now();
        self.driver.engine.remove_item(now, group, range, port)
    }

    /// Contacts further nodes, at any time. Addresses of a family that the socket cannot reach are
    /// left out.
    pub fn contact(&mut self, seeds: &[SocketAddr]) {
        let local = self.driver.sockets().local().ip();
        let reached = |addr: &SocketAddr| can_reach(local, *addr);
        let seeds: Vec<SocketAddr> = seeds.iter().copied().filter(reached).collect();
        if !seeds.is_empty() {
            let now = self.driver.clock.now();
            self.driver.engine.contact(now, &seeds);
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
        let now = self.driver.clock.now();
        self.driver.engine.broadcast(now, to, tag, payload)
    }

    /// Attaches bytes to this node that all others see.
    ///
    /// # Errors
    ///
    /// [`MetadataError`]; nothing has changed then.
    pub fn set_metadata(&mut self, metadata: Bytes) -> Result<(), MetadataError> {
        let now = self.driver.clock.now();
        self.driver.engine.set_metadata(now, metadata)
    }

    /// Asks the others for patience: this node expects to be slow for `expected`.
    pub fn announce_slow(&mut self, expected: Duration) {
        let now = self.driver.clock.now();
        self.driver.engine.announce_slow(now, expected);
    }

    /// Says goodbye. Keep pumping until [`Event::Departed`].
    pub fn depart(&mut self) {
        let now = self.driver.clock.now();
        self.driver.engine.depart(now);
    }

    /// Begins a new life, for example after departing.
    ///
    /// # Errors
    ///
    /// [`StartError::NoRandomness`]; nothing has changed then.
    pub fn renew(&mut self) -> Result<(), StartError> {
        let mut random = [0; 4];
        getrandom::fill(&mut random).map_err(|_| StartError::NoRandomness)?;
        let epoch = new_epoch(u32::from_ne_bytes(random)).max(Epoch(self.epoch().0 + 1));
        let now = self.driver.clock.now();
        self.driver.engine.renew(now, epoch);
        Ok(())
    }

    /// Changes how the engine behaves, for example its keys. Start from [`Settings::config`]; any
    /// seed will do. A recording ends here, as it cannot hold a configuration.
    ///
    /// # Errors
    ///
    /// [`ConfigError`]; nothing has changed then, except that the recording has ended.
    pub fn set_config(&mut self, config: Config) -> Result<(), ConfigError> {
        let now = self.driver.clock.now();
        self.driver.engine.set_config(now, config)
    }

    /// This node's identity.
    #[must_use]
    pub fn id(&self) -> NodeId {
        self.driver.engine().id()
    }

    /// This node's life.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.driver.engine().epoch()
    }

    /// The members of `group`.
    pub fn members(&self, group: &GroupName) -> impl Iterator<Item = NodeId> + use<'_, S> {
        self.driver.engine().members(group)
    }

    /// All groups that this node has heard of.
    pub fn groups(&self) -> impl Iterator<Item = &GroupName> {
        self.driver.engine().groups()
    }

    /// The groups of which this node is a member.
    pub fn my_groups(&self) -> impl Iterator<Item = &GroupName> {
        self.driver.engine().my_groups()
    }

    /// All that is said about `group`, by member and range.
    pub fn topology(&self, group: &GroupName) -> impl Iterator<Item = TimedItem> + use<'_, S> {
        self.driver.engine().topology(group)
    }

    /// All that is said about `group` with this operation.
    pub fn topology_of(
        &self,
        group: &GroupName,
        op: Op,
    ) -> impl Iterator<Item = TimedItem> + use<'_, S> {
        self.driver.engine().topology_of(group, op)
    }

    /// Who serves `key`, best first.
    pub fn route(&self, group: &GroupName, key: u32) -> impl Iterator<Item = Owner> + use<'_, S> {
        self.driver.engine().route(group, key)
    }

    /// Which keys of `group` nobody serves, and which several do.
    #[must_use]
    pub fn coverage(&self, group: &GroupName) -> Coverage {
        self.driver.engine().coverage(group)
    }

    /// The other nodes.
    pub fn peers(&self) -> impl Iterator<Item = Peer> + use<'_, S> {
        self.driver.engine().peers()
    }

    /// One other node.
    #[must_use]
    pub fn peer(&self, id: NodeId) -> Option<Peer> {
        self.driver.engine().peer(id)
    }

    /// The engine's counters.
    #[must_use]
    pub fn stats(&self) -> &Stats {
        self.driver.engine().stats()
    }

    /// The driver beneath: the engine to ask, the sockets to wait on.
    #[must_use]
    pub const fn driver(&self) -> &Driver<S> {
        &self.driver
    }

    /// The sockets, to register them with a poller.
    pub const fn sockets_mut(&mut self) -> &mut Sockets<S> {
        self.driver.sockets_mut()
    }
}

/// The epoch of a life that begins now. A clock before 1970 counts as 1970: should others know a
/// higher epoch of this node, they tell it, and it renews above that.
fn new_epoch(random: u32) -> Epoch {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Epoch::new(u64::try_from(since.as_millis()).unwrap_or(0), random)
}

/// Why a node did not start. Nothing stays open then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StartError {
    /// The settings do not make sense.
    Settings(SettingsError),
    /// The sockets cannot be opened.
    Open(OpenError),
    /// The engine refuses the configuration.
    Config(ConfigError),
    /// The runtime refuses the sockets.
    Runtime {
        /// Why.
        kind: io::ErrorKind,
    },
    /// The recording cannot be created.
    Recording {
        /// Why.
        kind: io::ErrorKind,
    },
    /// The operating system gives no random bytes.
    NoRandomness,
}

impl From<SettingsError> for StartError {
    fn from(error: SettingsError) -> Self {
        Self::Settings(error)
    }
}

impl From<OpenError> for StartError {
    fn from(error: OpenError) -> Self {
        Self::Open(error)
    }
}

impl From<ConfigError> for StartError {
    fn from(error: ConfigError) -> Self {
        Self::Config(error)
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Settings(error) => error.fmt(f),
            Self::Open(error) => error.fmt(f),
            Self::Config(error) => error.fmt(f),
            Self::Runtime { kind } => write!(f, "the runtime refuses the socket: {kind}"),
            Self::Recording { kind: io::ErrorKind::AlreadyExists } => {
                f.write_str("the recording's file exists: name one that does not")
            }
            Self::Recording { kind } => write!(f, "the recording cannot be created: {kind}"),
            Self::NoRandomness => f.write_str("the operating system gives no random bytes"),
        }
    }
}

impl core::error::Error for StartError {}
