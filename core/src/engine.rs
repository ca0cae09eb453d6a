//! The engine: calls in, polls out. It hands each frame and each deadline to the part in charge.

mod acquaint;
mod addresses;
mod attributes;
mod calls;
mod clock;
mod digest;
mod frames;
mod keys;
mod load;
mod oversize;
mod owners;
mod queries;
mod receive;
mod records;
mod rest;
mod segment;
mod spreads;
mod stale;
mod transmit;

use alloc::vec::Vec;
use core::fmt;

use bytes::BytesMut;

use crate::base::{Address, Destination, Epoch, Instant, Ix, SendError};
use crate::broadcast::{Audience, Broadcast, gatherer};
use crate::claims::Locator;
use crate::config::{Config, ConfigError};
use crate::engine::clock::{Clock, LATEST};
use crate::membership::Membership;
use crate::out::{Cause, Event, Intent, Out, Why};
use crate::picture::Picture;
use crate::repair::Repair;
use crate::seal::{Opener, Sealer};
use crate::segment::Segment;
use crate::wire::{Decoder, Frame, Writer};

pub use attributes::MetadataError;
pub use calls::ForgetError;
use keys::Keys;
pub use keys::RingKey;
pub use load::Load;
pub use owners::{Owner, Prefer};
pub use queries::{Digest, Peer};
pub use receive::DatagramError;

/// One node: a deterministic state machine that consumes datagrams and time and emits datagrams
/// and events.
///
/// See the [crate documentation](crate) for the contract and a run loop.
///
/// A clone is a snapshot: given the same calls, it does the same. On one network only one of the
/// two may go on; if both do, their peers tell them and they renew.
#[derive(Clone)]
pub struct Engine {
    picture: Picture,
    out: Out,
    clock: Clock,
    membership: Membership,
    broadcast: Broadcast,
    segment: Segment,
    repair: Repair,
    /// Of the key under which the last packet went; of the one in use while there is one only.
    sealer: Sealer,
    /// Of all keys that are sent with, while there are several.
    sealers: Vec<Sealer>,
    opener: Opener,
    keys: Keys,
    decoder: Decoder,
    writer: Writer,
    /// Scratch of [`Engine::poll_transmit`].
    intents: Vec<Intent>,
    /// Scratch of [`Engine::handle_datagram`].
    frames: Vec<Frame>,
}

impl Engine {
    /// A node that knows nobody yet.
    ///
    /// `locator` is its name and the addresses at which others reach it; a [`SocketAddr`](core::net::SocketAddr) alone is
    /// that of a node that is named after it. `epoch` should lie above all earlier ones of that
    /// name (see [`Epoch::new`]).
    ///
    /// # Errors
    ///
    /// [`ConfigError`] if the configuration makes no sense, an address is none to send to, or
    /// `epoch` lies so far ahead that no life could follow it.
    pub fn new(
        config: Config,
        locator: impl Into<Locator>,
        epoch: Epoch,
        now: Instant,
    ) -> Result<Self, ConfigError> {
        config.check()?;
        let locator = locator.into();
        if let Some(addr) = locator.addresses().find(|&addr| !Address::from(addr).is_addressable())
        {
            return Err(ConfigError::NotAddressable { addr });
        }
        if epoch > Epoch::LATEST_START {
            return Err(ConfigError::EpochTooHigh { latest: Epoch::LATEST_START });
        }
        let now = now.min(LATEST);
        let picture = Picture::new(config, &locator, epoch, now);
        let out = Out::new(&picture.config, picture.me().id, epoch, now);
        let config = &picture.config;
        let (keys, cluster, liveness) = (&config.keys, &config.cluster, config.liveness);
        #[cfg(feature = "mutants")]
        let mutant = config.mutant;
        let mut engine = Self {
            clock: Clock::default(),
            membership: Membership::default(),
            broadcast: Broadcast::default(),
            segment: Segment::default(),
            repair: Repair::default(),
            sealer: Sealer::new(keys, cluster, liveness, picture.me()),
            sealers: Vec::new(),
            opener: Opener::new(keys, cluster, liveness, config.limits.session_keys),
            keys: Keys::default(),
            decoder: Decoder::new(),
            writer: Writer::default(),
            intents: Vec::new(),
            frames: Vec::new(),
            picture,
            out,
        };
        #[cfg(feature = "mutants")]
        {
            (engine.decoder.mutant, engine.writer.mutant) = (mutant, mutant);
        }
        engine.start();
        Ok(engine)
    }

    /// Does what is due. Call it when [`Engine::poll_timeout`] says so; earlier or later is legal.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.advance(now);
        if self.out.silent {
            return;
        }
        let delay = self.out.outbox.urgent_delay(self.picture.now);
        if delay >= self.picture.timing.unsent_too_long {
            // What has not been sent cannot have been answered.
            self.membership.void(&mut self.picture, &mut self.out);
        }
        // A part that sets a deadline sets it after now, so this ends.
        while let Some(why) = self.out.timers.take_due(self.picture.now) {
            self.on_deadline(why);
        }
    }

    /// Reports that a datagram could not be sent, which may be a fault of this node.
    pub fn handle_send_error(&mut self, now: Instant, to: Destination, error: SendError) {
        self.advance(now);
        self.out.stats.send_errors += 1;
        if error != SendError::Refused {
            self.picture.health.unsent(to);
        }
        if let (SendError::Unreachable, Destination::Unicast(addr)) = (error, to) {
            self.picture.peers.places.no_way(addr);
        }
    }

    /// Builds the next datagram, appends it to `datagram` and returns its destination; `None` if
    /// there is nothing to send, or nothing that [`Config::send_rate`] lets out yet.
    #[must_use]
    pub fn poll_transmit(&mut self, datagram: &mut BytesMut) -> Option<Destination> {
        self.next_datagram(datagram)
    }

    /// The next event; `None` if there is none.
    #[must_use]
    pub fn poll_event(&mut self) -> Option<Event> {
        self.out.events.pop()
    }

    /// When [`Engine::handle_timeout`] is to be called; not after now while output waits that
    /// [`Config::send_rate`] lets out.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        if !self.out.events.is_empty() {
            return Some(self.clock.shows(self.picture.now));
        }
        let due = if self.out.silent { None } else { self.out.timers.next() };
        let sendable = self
            .out
            .outbox
            .next_due(self.picture.config.max_datagram)
            .map(|at| at.max(self.picture.now));
        due.into_iter().chain(sendable).min().map(|at| self.clock.shows(at))
    }

    /// Moves the time on to `now`, and judges whether this node has slept.
    fn advance(&mut self, now: Instant) {
        self.picture.note_root();
        let now = self.clock.read(now, self.picture.now, self.picture.timing.stall);
        if now <= self.picture.now {
            return;
        }
        let due = if self.out.silent { None } else { self.out.timers.next() };
        (self.picture.now, self.out.now) = (now, now);
        if let Some(late) = self.picture.health.called(&self.picture.timing, now, due) {
            self.out.stats.stalls += 1;
            self.out.event(Event::Stalled { late });
            self.picture.agreements.slept(late);
            self.membership.void(&mut self.picture, &mut self.out);
        }
    }

    /// Starts all parts at the beginning of a life.
    fn start(&mut self) {
        self.out.packet = 0;
        self.out.timers.clear();
        self.broadcast.start();
        self.membership.start(&mut self.picture, &mut self.out);
        self.repair.start(&mut self.picture, &mut self.out);
        self.segment.start(&self.picture, &mut self.out, true);
        self.picture.arm_paths(&mut self.out);
        self.derive_keys();
        self.look_at_keys();
    }

    fn on_deadline(&mut self, why: Why) {
        match why {
            Why::Flush => {
                // A newcomer's contact, which announces it, can also announce at once what it has
                // written.
                let contact = self.membership.comeback.met(&self.picture);
                let own = self.picture.newness.caught_up
                    || self.out.has_only_own_news() && contact.is_some();
                let news = self.picture.take_news(&mut self.out, own);
                let gatherer = gatherer(&self.picture, &mut self.out, contact, &news);
                self.spread(news, gatherer);
            }
            Why::Relay => {
                for closed in self.broadcast.on_deadline(&mut self.picture, &mut self.out) {
                    self.membership.departure.copy_closed(closed.batch, closed.acknowledged);
                }
                self.membership
                    .departure
                    .end_if_done(&mut self.out, self.broadcast.relays.is_idle());
            }
            Why::Probe => {
                self.rest();
                self.on_membership_due(why);
                self.picture.tell_footing(&mut self.out);
            }
            Why::Watch => {
                self.on_membership_due(why);
                self.picture.tell_footing(&mut self.out);
            }
            Why::Hearsay
            | Why::Comeback
            | Why::Return
            | Why::Departure
            | Why::Draining
            | Why::Renewal => self.on_membership_due(why),
            Why::Repair => self.repair.sessions.on_timer(&mut self.picture, &mut self.out),
            Why::Gap => self.repair.gaps.on_timer(&self.picture, &mut self.out),
            Why::Beacon | Why::Beat | Why::Hearing => {
                self.segment.on_deadline(&mut self.picture, &mut self.out, why);
            }
            Why::Housekeeping => self.keep_house(),
            Why::Path => self.picture.on_path_timer(&mut self.out),
            Why::Keys => self.look_at_keys(),
        }
    }

    fn on_membership_due(&mut self, why: Why) {
        if let Some(epoch) = self.membership.on_deadline(&mut self.picture, &mut self.out, why) {
            let leaves = self.membership.departure.is_running();
            self.begin_life(epoch);
            if leaves {
                // What it said in the life before was not heard.
                self.say_farewell();
            }
        }
    }

    /// Sends frames to everybody, or to a gatherer, as many per packet as fit.
    fn spread(&mut self, frames: Vec<Frame>, gatherer: Option<Ix>) {
        let size = self.picture.datagram(Ix::ME);
        for batch in self.pack(frames, None, size) {
            if gatherer.is_none() && self.tell_segment(&batch, &Audience::All) {
                continue;
            }
            self.broadcast.send_news(&self.picture, &mut self.out, batch, gatherer);
        }
    }

    /// Collects tombstones, and forgets nodes that have been gone for long.
    fn keep_house(&mut self) {
        self.repair.tombstones.collect(&mut self.picture, &mut self.out);
        self.picture.take_back(&mut self.out);
        self.broadcast.relays.drop_idle_views(&self.picture, &mut self.out);
        for ix in self.repair.tombstones.expire(&self.picture, &mut self.out) {
            self.drop_node(ix, Cause::Expired);
        }
    }

    /// Makes room for an unknown sender that has proven itself. Returns whether there is room.
    fn has_room_for_sender(&mut self) -> bool {
        for ix in self.picture.to_forget(1, None, true) {
            self.drop_node(ix, Cause::Expired);
        }
        !self.picture.topology.roster().is_full()
    }

    fn drop_node(&mut self, ix: Ix, cause: Cause) {
        self.membership.forget(&self.picture, &mut self.out, ix);
        self.broadcast.forget(ix);
        self.segment.forget(ix);
        self.repair.forget(ix);
        self.picture.covers.forget(ix);
        self.picture.agreements.forget(ix);
        self.picture.paths.forget(ix);
        self.picture.forget(&mut self.out, ix, cause);
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine")
            .field("me", &self.picture.me())
            .field("now", &self.picture.now)
            .field("stats", &self.out.stats)
            .finish_non_exhaustive()
    }
}
