//! The calls of a node: those of its engine without `now`, its events, its seeds.

mod keys;
mod queries;
mod seeds;

pub use keys::RotateError;

use core::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use scalesmall_core::{
    BroadcastError, BroadcastId, Config, ConfigError, Epoch, Event, ForgetError, GroupError,
    GroupName, KeyRange, MetadataError, NodeId, NodeName, Peer, Recipients, Status, Tag, TimedItem,
    Traits, TraitsError,
};

use crate::bell::Bell;
use crate::clock::Clock;
use crate::contact::{Answer, Contact, Goodbye, Waiting};
use crate::discovery::Seeds;
use crate::history::History;
use crate::host::{Host, HostReport};
use crate::keeper::{Keeper, StateReport};
use crate::names::Names;
use crate::record::Recorded;
use crate::sources::Sources;
use crate::stats::DriverStats;
#[cfg(feature = "tracing")]
use crate::trace;

/// In place of a limit that lies beyond what the clock can express.
const NEVER: Duration = Duration::from_secs(365 * 24 * 3600);

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

    /// Makes this node a member of `group`, interested in all of its keys. One that serves a range is a member
    /// already. An offer of exactly all keys ends by this, as the interest takes its place.
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

    /// Takes back the offer of exactly this range, whatever its port. With the last of its ranges, and without
    /// [`join`](Self::join), the node's membership in the group ends too.
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
        let until = now.checked_add(limit).unwrap_or(now + NEVER);
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

    /// Ends the recording, if there is one, and waits for its disk for at most 0.3 s. The end of the
    /// node does the same: this is for a program that ends without it.
    pub fn end_recording(&mut self) {
        self.engine.end();
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
mod tests;
