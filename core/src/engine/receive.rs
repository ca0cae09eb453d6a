//! From a datagram to frames: who sent it, whether it is fresh, whether it is well formed.

use core::fmt;
use core::net::SocketAddr;

use super::Engine;
use crate::base::growth::KEPT;
use crate::base::{Arrival, Channel, Destination, Instant, Ix, Life};
use crate::broadcast::Novelty;
use crate::claims::{Claim, Locator};
use crate::mutants::mutated;
use crate::out::{Cause, To};
use crate::packet::{Header, TAG_LEN, WireError};
use crate::picture::{BASE, News, Proof, Weighed};
use crate::seal::{Freshness, OpenError};
use crate::wire::{Frame, Message};

/// Why a datagram was refused.
///
/// One counter of [`Stats`](crate::Stats) has been raised, besides those that count what was
/// received; nothing else has changed. There are exceptions, all limited in rate and in bytes.
/// [`DatagramError::Unproven`] may cause a challenge; [`DatagramError::Replayed`] and
/// [`DatagramError::TooOld`] may cause an answer that the number is used up; and
/// [`DatagramError::StaleLife`] may cause a challenge if the later life is gone, as the sender's
/// clock may have been set back. If the later life is there, it is pinged and the sender is told of
/// it, as two nodes may be using one id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DatagramError {
    /// The bytes are not a packet that this engine can read.
    Wire(WireError),
    /// The packet does not open: another cluster, an unknown key, a wrong tag.
    Sealed(OpenError),
    /// Its number has been seen.
    Replayed,
    /// Its number is too old to tell.
    TooOld,
    /// It is of a life of the sender that is over.
    StaleLife,
    /// It is of a life that would begin too far ahead of this node's clock: see
    /// [`Epoch::horizon`](crate::Epoch::horizon).
    ImplausibleEpoch,
    /// It is this node's own.
    Own,
    /// It is not bound to this node's life, and the sender has not proven itself yet, or had not
    /// when it sent the packet.
    Unproven,
    /// The sender is unknown and the table of nodes is full of those that live.
    Full,
    /// It carries a message and the event queue is full. It will come again.
    Busy,
    /// This node has departed.
    Silent,
}

impl fmt::Display for DatagramError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wire(error) => fmt::Display::fmt(error, f),
            Self::Sealed(error) => fmt::Display::fmt(error, f),
            Self::Replayed => {
                f.write_str("the packet number has been seen: it is a duplicate or a replay")
            }
            Self::TooOld => f.write_str("the packet number is too old to tell"),
            Self::StaleLife => f.write_str("the sender has begun a new life since"),
            Self::ImplausibleEpoch => {
                f.write_str("the sender's epoch is too far ahead: set its clock")
            }
            Self::Own => f.write_str("the packet is this node's own"),
            Self::Unproven => f.write_str("the sender has to prove itself first: it is challenged"),
            Self::Full => f.write_str("the table of nodes is full (limits.nodes): raise the limit"),
            Self::Busy => {
                f.write_str("the event queue is full (limits.events, limits.event_bytes): poll it")
            }
            Self::Silent => f.write_str("the node has departed"),
        }
    }
}

impl core::error::Error for DatagramError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Wire(error) => Some(error),
            Self::Sealed(error) => Some(error),
            _ => None,
        }
    }
}

impl Engine {
    /// Takes in a datagram.
    ///
    /// # Errors
    ///
    /// [`DatagramError`] says why it is refused; see there for what has changed.
    pub fn handle_datagram(
        &mut self,
        now: Instant,
        arrival: Arrival,
        datagram: &[u8],
    ) -> Result<(), DatagramError> {
        self.advance(now);
        self.out.stats.datagrams_received += 1;
        self.out.stats.bytes_received += datagram.len() as u64;
        let taken = self.take(arrival, datagram);
        if let Err(error) = taken {
            self.count(error);
        }
        taken
    }

    fn take(&mut self, arrival: Arrival, datagram: &[u8]) -> Result<(), DatagramError> {
        let (header, _) = Header::parse(datagram).map_err(DatagramError::Wire)?;
        if self.out.silent {
            return Err(DatagramError::Silent);
        }
        if header.sender == self.picture.me() {
            return Err(DatagramError::Own);
        }
        let me = self.picture.me();
        let payload = self.opener.open(&header, datagram, me).map_err(DatagramError::Sealed)?;
        let mut frames = core::mem::take(&mut self.frames);
        let well_formed = self.decoder.decode(header.sender, payload, &mut frames);
        self.heard_under(header.key, arrival);
        let taken = match well_formed {
            Err(error) => Err(DatagramError::Wire(error)),
            Ok(()) => match self.admit(&header, arrival, datagram, &frames) {
                Err(error @ (DatagramError::TooOld | DatagramError::Replayed)) => {
                    let taken = self.refuse_stale(&header, arrival, datagram, &frames);
                    if taken { Ok(()) } else { Err(error) }
                }
                Err(error) => Err(error),
                Ok(from) => {
                    if datagram.len() > BASE {
                        self.repair.sessions.heard_large(&self.picture);
                    }
                    for ix in self.picture.to_forget_for(from, &frames) {
                        self.drop_node(ix, Cause::Expired);
                    }
                    self.apply(&header, from, arrival, &mut frames);
                    if let Arrival::Unicast(source) = arrival
                        && header.bound
                    {
                        // It may just have said that it is there.
                        let picture = &mut self.picture;
                        picture.place(&mut self.out, from, |places| places.heard(from, source));
                    }
                    Ok(())
                }
            },
        };
        frames.clear();
        frames.shrink_to(KEPT);
        self.frames = frames;
        taken
    }

    /// Decides whether an authentic packet is fresh, and who sent it.
    fn admit(
        &mut self,
        header: &Header,
        arrival: Arrival,
        datagram: &[u8],
        frames: &[Frame],
    ) -> Result<Ix, DatagramError> {
        let len = datagram.len();
        let sender = header.sender;
        let (Arrival::Unicast(source) | Arrival::Multicast(source)) = arrival;
        if sender.id == self.picture.me().id {
            self.meet_namesake(header, source, len, frames);
            return Err(DatagramError::Own);
        }
        let known = self.picture.find(sender.id);
        let mut misled = false;
        if let Some(ix) = known {
            let life = self.picture.life(ix);
            let stale_reply = header.bound && mutated!(self.picture.config, StaleReply);
            if sender.epoch < life.epoch && !stale_reply {
                self.answer_former_life(ix, header, arrival, len, frames);
                return Err(DatagramError::StaleLife);
            }
            if sender.epoch == life.epoch {
                let vouched = self.picture.peers.get(ix).proof() == Proof::Vouched;
                let off_by_one = mutated!(self.picture.config, WindowOffByOne);
                let floorless = header.bound || mutated!(self.picture.config, FloorForgotten);
                match self.picture.peers.freshness(ix, header.packet) {
                    Freshness::Fresh if floorless => {}
                    Freshness::Fresh if self.picture.peers.is_before_proof(ix, header.packet) => {
                        return Err(DatagramError::Unproven);
                    }
                    Freshness::Fresh => {}
                    // It knows its numbers better than another node that has vouched for far higher
                    // ones.
                    _ if header.bound && vouched => misled = true,
                    Freshness::Replay
                        if off_by_one && header.packet == self.picture.peers.highest(ix) => {}
                    Freshness::Replay => return Err(DatagramError::Replayed),
                    Freshness::TooOld => return Err(DatagramError::TooOld),
                }
            }
        }
        if known.is_none_or(|ix| self.picture.life(ix).epoch < sender.epoch)
            && !self.picture.is_plausible(&mut self.out, sender.epoch)
        {
            return Err(DatagramError::ImplausibleEpoch);
        }
        let proven = known
            .is_some_and(|ix| self.picture.life(ix) == sender && self.picture.peers.is_proven(ix));
        if !header.bound && !proven {
            self.challenge(header, arrival, len);
            return Err(DatagramError::Unproven);
        }
        if self.may_be_forgotten(header, known, frames) {
            if header.bound {
                self.ask_anew(sender, header.packet, source);
            } else {
                self.challenge(header, arrival, len);
            }
            return Err(DatagramError::Unproven);
        }
        if !self.has_room_for_messages(frames) {
            return Err(DatagramError::Busy);
        }
        let (locator, reached) = self.acquaint(sender, known, source, len, frames)?;
        if known.is_none() && !self.has_room_for_sender() {
            return Err(DatagramError::Full);
        }
        let ix = self.recognise(sender, known, locator).ok_or(DatagramError::Full)?;
        if header.bound && matches!(arrival, Arrival::Unicast(_)) {
            self.picture.place(&mut self.out, ix, |places| places.heard(ix, source));
        }
        if let Some(addr) = reached {
            self.picture.place(&mut self.out, ix, |places| places.answered(ix, addr));
        }
        let picture = &mut self.picture;
        if picture.peers.places.said(ix).is_none()
            && picture.peers.may_tell(ix, picture.now, &picture.timing)
        {
            self.ask_place(sender, source, len, frames);
        }
        if misled {
            self.picture.peers.open_window(ix);
        }
        let (now, idle) = (self.picture.now, self.picture.timing.wide_idle);
        self.picture.peers.mark(ix, (header.packet, tag_of(datagram)), now, idle);
        self.membership.numbers.heard(&self.picture, ix);
        if self.membership.comeback.heard(source, sender.id) && !self.picture.newness.caught_up {
            self.picture.flush_soon(&mut self.out);
        }
        Ok(ix)
    }

    /// Whether the messages of a packet find room among the events.
    fn has_room_for_messages(&self, frames: &[Frame]) -> bool {
        let (mut messages, mut bytes) = (0, 0);
        for frame in frames {
            if let Frame::Message(message) = frame
                && self.would_deliver(frame)
            {
                (messages, bytes) = (messages + 1, bytes + message.payload.len());
            }
        }
        self.out.events.has_room_for(messages, bytes)
    }

    /// Whether a frame is a message that becomes an event.
    pub(super) fn would_deliver(&self, frame: &Frame) -> bool {
        let Frame::Message(Message { origin, sequence, group, .. }) = frame else {
            return false;
        };
        let here = |group| self.picture.topology.is_member(group, Ix::ME);
        origin.id != self.picture.me().id
            && group.as_ref().is_none_or(here)
            && self.broadcast.messages.novelty(*origin, *sequence) == Novelty::New
    }

    /// The index of a sender that has proven itself in this life, and said that it is so named and
    /// reached unless that is known.
    fn recognise(
        &mut self,
        sender: Life,
        known: Option<Ix>,
        locator: Option<Locator>,
    ) -> Option<Ix> {
        let claim = Claim::of_birth(sender, locator);
        let news = match known {
            Some(ix) if self.picture.life(ix) == sender => return Some(ix),
            Some(ix) => match self.picture.consider(&mut self.out, &claim, sender.id) {
                Weighed::News(news) => news,
                Weighed::Known(_) | Weighed::Beaten(_) | Weighed::Refused => return Some(ix),
            },
            None => match self.picture.consider(&mut self.out, &claim, sender.id) {
                Weighed::News(news) => news,
                Weighed::Known(_) | Weighed::Beaten(_) | Weighed::Refused => return None,
            },
        };
        self.membership.on_news(&mut self.picture, &mut self.out, news, &claim);
        self.introduce(news, sender);
        Some(news.ix)
    }

    /// Another life uses this node's name: the lower one of the two is told. One that has told its embedder
    /// already says so, and one that asks whether this node is there is answered.
    fn meet_namesake(&mut self, header: &Header, source: SocketAddr, len: usize, frames: &[Frame]) {
        let (me, sender) = (self.picture.me(), header.sender);
        let mut answers = frames.iter().filter_map(|frame| match frame {
            Frame::Pong { root: Some(number), .. } if header.bound => Some(*number),
            _ => None,
        });
        let answer = answers.next();
        let renewal = &mut self.membership.renewal;
        if let Some(number) = answer {
            renewal.on_answer(&self.picture, &mut self.out, number, sender.epoch, source);
        }
        // Of an earlier life of this node's nobody can have bound it to this one.
        let warns = |frame: &Frame| matches!(frame, Frame::Duplicate { .. });
        if header.bound && sender.epoch < me.epoch && frames.iter().any(warns) {
            renewal.disputed(&self.picture, &mut self.out, sender.epoch, source);
        }
        if sender.epoch > me.epoch && self.picture.is_plausible(&mut self.out, sender.epoch) {
            let renewal = &mut self.membership.renewal;
            renewal.rival = Some(source);
            renewal.claimed(&self.picture, &mut self.out, sender.epoch);
        }
        let asked = frames.iter().find_map(|frame| match frame {
            Frame::Ping { root } => Some(Frame::Pong { packet: header.packet, root: Some(*root) }),
            _ => None,
        });
        let lower = sender.epoch < me.epoch && answer.is_none();
        // Each of these says that this life is there.
        let claim = lower.then(|| Frame::Claim(self.picture.claim(Ix::ME)));
        let plain = lower.then_some(Frame::Duplicate { epoch: me.epoch });
        let said = [asked, claim, plain].into_iter().flatten();
        let said = said.map(|frame| [frame]).find(|frame| self.fits(frame, len));
        if let Some([frame]) = said
            && self.membership.challenges.is_allowed(&self.picture, &mut self.out)
        {
            let to = To { at: Destination::Unicast(source), bound: Some(sender), node: None };
            self.out.say_frame(to, frame);
        }
    }

    /// Announces a new life if this node has challenged it and so is its first contact. Otherwise
    /// the sender has learned of this node from others, to which it was announced.
    fn introduce(&mut self, news: News, sender: Life) {
        if self.membership.challenges.is_answer(sender) {
            self.membership.pass_on_news(
                &self.picture,
                &mut self.out,
                news,
                news.ix,
                Channel::Direct,
            );
        }
    }

    /// Asks an unproven sender to say its packet again.
    pub(super) fn challenge(&mut self, sender: &Header, arrival: Arrival, len: usize) {
        let header = |packet| self.sealer.header(packet);
        let (picture, out) = (&self.picture, &mut self.out);
        self.membership.challenges.challenge(picture, out, header, sender, arrival, len);
    }

    /// Counts a refusal; that of an epoch has been counted already.
    fn count(&mut self, error: DatagramError) {
        let stats = &mut self.out.stats;
        let counter = match error {
            DatagramError::Wire(error) => match error {
                WireError::Foreign => &mut stats.refused_foreign,
                WireError::UnknownVersion { .. } => &mut stats.refused_version,
                WireError::Oversized => &mut stats.refused_oversized,
                WireError::Truncated => &mut stats.refused_truncated,
                WireError::Malformed => &mut stats.refused_malformed,
            },
            DatagramError::Sealed(error) => match error {
                OpenError::WrongCluster => &mut stats.refused_cluster,
                OpenError::UnknownKey { .. } => &mut stats.refused_key,
                OpenError::Forged => &mut stats.refused_forged,
            },
            DatagramError::Replayed => &mut stats.refused_replayed,
            DatagramError::TooOld => &mut stats.refused_old,
            DatagramError::StaleLife => &mut stats.refused_stale_life,
            DatagramError::ImplausibleEpoch => return,
            DatagramError::Own => &mut stats.refused_own,
            DatagramError::Unproven => &mut stats.refused_unproven,
            DatagramError::Full => &mut stats.refused_full,
            DatagramError::Busy => &mut stats.messages_refused,
            DatagramError::Silent => &mut stats.refused_silent,
        };
        *counter += 1;
    }
}

/// The first bits of a packet's tag, which tell it from another packet with its number.
pub(super) fn tag_of(datagram: &[u8]) -> u16 {
    let tag = datagram.split_last_chunk::<TAG_LEN>().map_or([0; TAG_LEN], |(_, tag)| *tag);
    u16::from_be_bytes([tag[0], tag[1]])
}
