//! Calls of the embedder that make an engine do something.

use alloc::vec::Vec;
use core::fmt;
use core::net::SocketAddr;
use core::time::Duration;

use bytes::Bytes;

use super::Engine;
use crate::base::{Epoch, GroupName, Instant, Ix, NodeId, Status};
use crate::broadcast::{Audience, FAN_OUT};
use crate::claims::Standing;
use crate::config::{Config, ConfigError};
use crate::out::{BroadcastError, BroadcastId, Cause, Event, Recipients, Tag, Why};
use crate::topology::{GroupError, KeyRange, Op, TimedItem};
use crate::wire::{Frame, MESSAGE_OVERHEAD, Message};

/// Why a node is not forgotten. Nothing has changed then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ForgetError {
    /// No such node is known.
    Unknown,
    /// It is this node.
    Own,
    /// It lives, or does so by what the others say: only nodes that are down or have left are forgotten.
    Living {
        /// What it is shown as. A node that lives and is held off is shown as down.
        status: Status,
    },
}

impl fmt::Display for ForgetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("no such node is known"),
            Self::Own => f.write_str("a node cannot forget itself"),
            Self::Living { status: Status::Down } => {
                f.write_str("the node lives, and is held off for a while: wait until that is over")
            }
            Self::Living { .. } => f.write_str(
                "the node lives, as far as is known: only nodes that are down or have left can be forgotten",
            ),
        }
    }
}

impl core::error::Error for ForgetError {}

/// The most nodes that a message can list.
const MAX_LISTED: usize = 1024;

/// The most listed recipients that share a packet, and the bytes that each takes.
const LISTED_PER_PACKET: usize = 24;
const LISTED: usize = 10;

/// The group manager.
impl Engine {
    /// Says that this node is interested in a group.
    ///
    /// Writes a `Get` of all keys, in place of an `Add` of all keys if there is one.
    ///
    /// # Errors
    ///
    /// [`GroupError`] names the limit that is reached; nothing has changed then.
    pub fn join(&mut self, now: Instant, group: &GroupName) -> Result<(), GroupError> {
        self.write(now, group, |engine| {
            engine.picture.topology.write(group, Op::Get, KeyRange::FULL, 0)
        })?;
        Ok(())
    }

    /// Says that this node is no longer in a group: all that it said there becomes tombstones.
    /// Legal for a group that it was never in.
    ///
    /// # Errors
    ///
    /// [`GroupError`] names the limit that is reached; nothing has changed then.
    pub fn leave(&mut self, now: Instant, group: &GroupName) -> Result<(), GroupError> {
        self.write(now, group, |engine| Ok(((), engine.picture.topology.leave(group)?)))
    }

    /// Says that this node serves a range of a group at a port. Joins the group if need be.
    ///
    /// # Errors
    ///
    /// [`GroupError`] names the limit that is reached; nothing has changed then.
    pub fn add_item(
        &mut self,
        now: Instant,
        group: &GroupName,
        range: KeyRange,
        port: u16,
    ) -> Result<TimedItem, GroupError> {
        self.write(now, group, |engine| engine.picture.topology.write(group, Op::Add, range, port))
    }

    /// Says that this node no longer serves exactly this range, whatever overlaps it. Legal for a
    /// range that it never served.
    ///
    /// # Errors
    ///
    /// [`GroupError`] names the limit that is reached; nothing has changed then.
    pub fn remove_item(
        &mut self,
        now: Instant,
        group: &GroupName,
        range: KeyRange,
        port: u16,
    ) -> Result<TimedItem, GroupError> {
        self.write(now, group, |engine| {
            engine.picture.topology.write(group, Op::Remove, range, port)
        })
    }

    fn write<T>(
        &mut self,
        now: Instant,
        group: &GroupName,
        write: impl FnOnce(&mut Self) -> Result<(T, crate::topology::Changes), GroupError>,
    ) -> Result<T, GroupError> {
        self.advance(now);
        let before = self.picture.topology.clock_of(group, Ix::ME).unwrap_or(0);
        let (written, changes) = write(self)?;
        self.out.publish(changes);
        self.repair.tombstones.note(&self.picture, &mut self.out, group);
        self.picture.tell_all_retracted(&mut self.out);
        self.picture.tell_all_written(&mut self.out, group, before);
        Ok(written)
    }
}

/// Nodes.
impl Engine {
    /// Contacts seeds, at the start and whenever other addresses are found. They are retried for
    /// ever.
    pub fn contact(&mut self, now: Instant, seeds: &[SocketAddr]) {
        self.advance(now);
        self.membership.comeback.contact(&self.picture, &mut self.out, seeds);
    }

    /// Forgets a node that is down or has left, and all that it said, as if it had been gone for
    /// [`Config::forget_after`]. Only this node forgets it. If it lives after all, it is known again as soon
    /// as it is heard.
    ///
    /// # Errors
    ///
    /// [`ForgetError`] if it is not known, lives, or is this node; nothing has changed then.
    pub fn forget(&mut self, now: Instant, node: NodeId) -> Result<(), ForgetError> {
        let ix = self.picture.find(node).ok_or(ForgetError::Unknown)?;
        if ix == Ix::ME {
            return Err(ForgetError::Own);
        }
        if self.picture.state(ix).is_living() {
            return Err(ForgetError::Living { status: self.picture.state(ix).shown() });
        }
        self.advance(now);
        self.drop_node(ix, Cause::Forgotten);
        Ok(())
    }

    /// The application has heard from a node by its own traffic, just now: that counts like a pong. A probe
    /// of the node that runs has its answer, and a suspicion ends. Returns whether it counts: the node is
    /// known, another one, and by what all are told alive.
    ///
    /// It ends what has begun and puts nothing off: the node is probed in its turn all the same, and if it
    /// is silent then it is called down as it would have been. To say it for each answer of the node is
    /// cheap.
    ///
    /// ```
    /// use scalesmall_core::{Engine, Instant, NodeId};
    ///
    /// /// What a client learns from a call to a server, told to the engine.
    /// fn called(engine: &mut Engine, now: Instant, server: NodeId, answered: bool) -> bool {
    ///     if answered { engine.heard_from(now, server) } else { engine.failed_at(now, server) }
    /// }
    /// ```
    pub fn heard_from(&mut self, now: Instant, node: NodeId) -> bool {
        self.advance(now);
        let known = self.picture.find(node);
        known.is_some_and(|ix| self.membership.heard_from(&mut self.picture, &mut self.out, ix))
    }

    /// The application has not reached a node by its own traffic, say as a call of it has timed out: the
    /// node is probed now instead of in its turn, and nothing else follows from it. Returns whether it is:
    /// it is known and shown as alive, is not being probed already, and this is not the second time within
    /// [`Config::probe_interval`]; of different nodes 16 in that time.
    pub fn failed_at(&mut self, now: Instant, node: NodeId) -> bool {
        self.advance(now);
        let known = self.picture.find(node);
        known.is_some_and(|ix| self.membership.failed_at(&self.picture, &mut self.out, ix))
    }

    /// Tells the others that this node expects to be slow for a while: for that long, a minute at
    /// most, its silence is not held against it. A node that remembers as many announcements of this sort as
    /// [`Limits::inquiries`](crate::Limits::inquiries) allows ignores others without a word, except that a
    /// suspicion that it has already still waits for the time announced.
    pub fn announce_slow(&mut self, now: Instant, expected: Duration) {
        self.advance(now);
        let millis = u32::try_from(expected.as_millis()).unwrap_or(u32::MAX);
        let life = self.picture.me();
        self.picture.tell_all(&mut self.out, Frame::Slow { life, millis });
    }

    /// Leaves the cluster: tells everybody, waits for acknowledgements for at most
    /// [`Config::depart_timeout`], ends with [`Event::Departed`] and is silent from then on.
    /// [`Engine::renew`] comes back.
    pub fn depart(&mut self, now: Instant) {
        self.advance(now);
        if !self.out.silent && !self.membership.departure.is_running() {
            self.say_farewell();
        }
    }

    /// Tells everybody that this node leaves.
    pub(super) fn say_farewell(&mut self) {
        let mut claim = self.picture.claim(Ix::ME);
        claim.standing = Standing::Left;
        claim.locator = None;
        let mut frames = self.picture.take_news(&mut self.out, true);
        frames.retain(|frame| !matches!(frame, Frame::Claim(old) if old.life.id == claim.life.id));
        self.spread(frames, None);
        let farewell = [Frame::Claim(claim)];
        self.segment.send_once(&self.picture, &mut self.out, &farewell);
        let frames = farewell.into();
        let (batch, copies) = if self.segment.has_duty(self.picture.now) {
            // A speaker will not be there to serve the nodes that it covers.
            self.broadcast.relays.originate_to_each(
                &self.picture,
                &mut self.out,
                frames,
                Audience::All,
            )
        } else {
            self.broadcast.relays.originate(&self.picture, &mut self.out, frames, Audience::All)
        };
        self.membership.departure.start(&self.picture, &mut self.out, batch, copies);
        self.membership.departure.end_if_done(&mut self.out, self.broadcast.relays.is_idle());
    }

    /// Begins a new life: after [`Engine::depart`], or at will.
    ///
    /// `epoch` should lie above all earlier ones of this node; if it does not, it is raised above
    /// those that are known. An epoch from 2077 on counts as the end of 2076. Groups and ranges are
    /// kept and written anew.
    pub fn renew(&mut self, now: Instant, epoch: Epoch) {
        self.advance(now);
        let epoch = epoch.min(Epoch::LATEST_START);
        self.picture.set_clock(epoch);
        self.begin_life(epoch);
    }

    /// Changes how the engine behaves, from here on.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] if the configuration is inconsistent, names another cluster, or has
    /// datagrams too small for this node's metadata; the old one stays in force then.
    pub fn set_config(&mut self, now: Instant, config: Config) -> Result<(), ConfigError> {
        config.check()?;
        if config.cluster != self.picture.config.cluster {
            return Err(ConfigError::ClusterFixed);
        }
        let limit = config.attribute_room();
        let len = self.picture.attributes.longest(Ix::ME);
        if len > limit {
            return Err(ConfigError::AttributeTooLong { len, limit });
        }
        self.advance(now);
        let mut config = config;
        config.keys.inherit(&self.picture.config.keys);
        self.picture.set_config(&mut self.out, config);
        self.derive_keys();
        self.look_at_keys();
        self.segment.start(&self.picture, &mut self.out, false);
        // What is kept for a shorter time now may be over.
        self.out.timers.hasten(Why::Housekeeping, self.picture.now);
        Ok(())
    }

    /// Sends a message to others. It goes out at once, and every hop is acknowledged and retried.
    /// Listed nodes that are not known, or not within reach, are left out.
    ///
    /// # Errors
    ///
    /// [`BroadcastError`] says what does not fit; nothing has changed then.
    pub fn broadcast(
        &mut self,
        now: Instant,
        to: Recipients<'_>,
        tag: Tag,
        payload: Bytes,
    ) -> Result<BroadcastId, BroadcastError> {
        self.advance(now);
        if self.out.silent {
            return Err(BroadcastError::Departed);
        }
        // Lists take less than half of the room in a packet.
        let listed = if let Recipients::Nodes(nodes) = to { nodes } else { &[] };
        let known = listed.iter().take(MAX_LISTED).filter_map(|&id| self.picture.find(id));
        let datagram =
            known.map(|ix| self.picture.widest(ix)).fold(self.picture.widest(Ix::ME), usize::min);
        let room = datagram.saturating_sub(MESSAGE_OVERHEAD);
        let share = (room / 2 / LISTED).clamp(1, LISTED_PER_PACKET);
        let (group, overhead) = match to {
            Recipients::All => (None, 0),
            Recipients::Group(group) => {
                if !self.picture.topology.groups().any(|known| known == group) {
                    return Err(BroadcastError::UnknownGroup);
                }
                (Some(group.clone()), 2 * group.as_bytes().len() + 4)
            }
            Recipients::Nodes(nodes) if nodes.len() > MAX_LISTED => {
                return Err(BroadcastError::TooManyNodes { count: nodes.len() });
            }
            Recipients::Nodes(nodes) => (None, LISTED * nodes.len().min(share)),
        };
        let limit = room.saturating_sub(overhead);
        if payload.len() > limit || limit == 0 {
            return Err(BroadcastError::TooLong { len: payload.len(), limit });
        }
        let few = group.as_ref().and_then(|group| self.few_members(group));
        let joined = match (&group, &few) {
            (Some(group), None) => self.broadcast.joined.members(&self.picture, group),
            _ => Vec::new(),
        };
        let packets = match (to, &few) {
            (Recipients::Nodes(nodes), _) => nodes.len().div_ceil(share),
            (_, Some(few)) => few.len().div_ceil(FAN_OUT),
            (_, None) => 1 + joined.len().div_ceil(FAN_OUT),
        };
        if !self.broadcast.relays.has_room_for(&self.picture, packets) {
            return Err(BroadcastError::Busy { limit: self.picture.config.limits.relays });
        }
        let origin = self.picture.me();
        let sequence = self.broadcast.messages.number();
        let message = Message { origin, sequence, tag: tag.0, group: group.clone(), payload };
        let frame = Frame::Message(message);
        match to {
            Recipients::All | Recipients::Group(_) => {
                self.post(frame, group, few, &joined);
            }
            Recipients::Nodes(nodes) => {
                for some in nodes.chunks(share) {
                    let audience = Audience::Listed(some.into());
                    self.broadcast.relays.originate(
                        &self.picture,
                        &mut self.out,
                        [frame.clone()].into(),
                        audience,
                    );
                }
            }
        }
        Ok(BroadcastId { origin: origin.id, epoch: origin.epoch, sequence })
    }

    pub(super) fn begin_life(&mut self, epoch: Epoch) {
        let from = self.picture.me().epoch;
        let claimed = self.picture.topology.claimed_epoch().unwrap_or_default();
        let epoch = epoch.max(Epoch(from.max(claimed).0.saturating_add(1)));
        let Ok(changes) = self.picture.begin_life(epoch) else {
            return;
        };
        self.out.begin_life(&self.picture.config.seed, self.picture.me());
        self.out.publish(changes);
        self.out.event(Event::Renewed { from, to: epoch });
        self.start();
        self.picture.tell_all_of(&mut self.out, Ix::ME);
        let groups: Vec<GroupName> =
            self.picture.topology.clocks_of(Ix::ME).map(|(group, _)| group.clone()).collect();
        for group in groups {
            self.picture.tell_all_written(&mut self.out, &group, 0);
        }
        for kind in self.picture.attributes.kinds(Ix::ME) {
            self.picture.tell_all_described(&mut self.out, kind);
        }
        let seeds = self.membership.comeback.seeds();
        self.membership.comeback.contact(&self.picture, &mut self.out, &seeds);
        debug_assert!(self.picture.state(Ix::ME).is_alive());
    }
}
