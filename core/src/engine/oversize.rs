//! What does not fit into a datagram for its receiver: divided, sent in smaller pieces, or reported.

use alloc::vec::Vec;
use core::num::NonZeroU64;

use super::Engine;
use crate::base::{Ix, Life};
use crate::out::{BroadcastId, Event, Intent, Say, To};
use crate::wire::{
    FirstTry, Frame, MAX_ATTRIBUTE, MESSAGE_OVERHEAD, Message, OVERHEAD, Refused, Route, Spread,
    is_message,
};

/// An attribute, which a repair cannot divide, goes out in a datagram of up to this size even where
/// none above 508 bytes is known to pass: there is no other way, and most narrow paths carry it.
const UNDIVIDED: usize = OVERHEAD + MAX_ATTRIBUTE;

/// The largest payload of a message that datagrams of a size carry, as a call promises it: lists of
/// receivers take room of their own.
pub(super) fn message_room(datagram: usize, message: &Message) -> usize {
    let group = message.group.as_ref().map_or(0, |group| 2 * group.as_bytes().len() + 4);
    datagram.saturating_sub(MESSAGE_OVERHEAD + group)
}

impl Engine {
    /// Packs frames into batches that each fit into one datagram of a size, together with what a
    /// relay adds: the given spread, or else one to any part of the ring. A frame that does not fit
    /// alone is divided, or left out if it cannot be.
    pub(super) fn pack(
        &mut self,
        frames: Vec<Frame>,
        spread: Option<Spread>,
        size: usize,
    ) -> Vec<Vec<Frame>> {
        let mut batches: Vec<Vec<Frame>> = Vec::new();
        let route = Route::Ring { from: u32::MAX, until: u32::MAX, group: None, covered: true };
        let relay = Frame::Spread(Spread {
            route: spread.map_or(route, |spread| spread.route),
            hops: u8::MAX,
            frames: u8::MAX,
            first_try: Some(FirstTry { packets_ago: NonZeroU64::MAX, place: u32::MAX }),
        });
        for frame in frames {
            let mut left = Some(frame);
            while let Some(frame) = left.take() {
                let full = batches.last().is_none_or(|batch| batch.len() >= usize::from(u8::MAX));
                let mut piece = frame;
                if full || self.writer.push(&piece).is_err() {
                    // Room for the longest packet number, whatever the next one is.
                    self.writer.begin(self.sealer.header(u64::from(u32::MAX)), size);
                    let begun = self.writer.push(&relay);
                    if begun.is_err() || self.writer.push(&piece).is_err() {
                        left = self.cut(&mut piece);
                        if left.is_none() || self.writer.push(&piece).is_err() {
                            self.out.stats.frames_too_large += 1;
                            left = None;
                            // What is in the writer belongs to no batch.
                            self.writer.begin(self.sealer.header(u64::from(u32::MAX)), 0);
                            continue;
                        }
                    }
                    batches.push(Vec::new());
                }
                if let Some(batch) = batches.last_mut() {
                    batch.push(piece);
                }
            }
        }
        batches
    }

    /// Cuts a frame so that it fits into the room that the writer has. Returns the rest; `None` if
    /// it cannot be cut.
    fn cut(&self, frame: &mut Frame) -> Option<Frame> {
        match frame {
            Frame::Record { group, delta } => {
                let fitting = self.writer.fit_writes(group, delta);
                let rest = delta.split_off(fitting).filter(|_| fitting > 0)?;
                Some(Frame::Record { group: group.clone(), delta: rest })
            }
            Frame::Ranges(ranges) => {
                let fitting = self.writer.fit_ranges(ranges);
                let rest = ranges.split_off(fitting);
                (fitting > 0 && !rest.is_empty()).then_some(Frame::Ranges(rest))
            }
            Frame::Lacking(lacking) => {
                let half = lacking.elements.len() / 2;
                let elements = lacking.elements.split_off(half);
                (half > 0).then(|| Frame::Lacking(crate::wire::Lacking { elements, ..*lacking }))
            }
            Frame::Heard { speaker, nodes } => {
                let half = nodes.len() / 2;
                let nodes = nodes.split_off(half);
                (half > 0).then_some(Frame::Heard { speaker: *speaker, nodes })
            }
            _ => None,
        }
    }

    /// An intent does not fit into a datagram for its receiver even alone: its frames are put back
    /// in pieces. What cannot be divided, such as a message, is written into as large a datagram as
    /// may pass. Returns the copy that was written.
    pub(super) fn fit(&mut self, to: To, intent: &Intent) -> Option<u64> {
        let node = to.node.unwrap_or(Ix::ME);
        let held = matches!(intent.say, Say::Held(_));
        let instead =
            |frame| intent.instead(if held { Say::Held(frame) } else { Say::Frame(frame) });
        match &intent.say {
            Say::Relay { copy, .. } => return self.fit_copy(*copy, node),
            Say::Frame(frame) | Say::Held(frame) => {
                let mut piece = frame.clone();
                if let Frame::Coded(coded) = &mut piece {
                    // The first symbols are good for fewer differences.
                    let least = coded.cells.len() / 2;
                    coded.cells.truncate(least);
                    if least > 0 {
                        self.put_back(core::iter::once(instead(piece)));
                    }
                } else if let Some(rest) = self.cut(&mut piece) {
                    self.put_back([piece, rest].map(instead).into_iter());
                } else {
                    self.write_widest(node, core::slice::from_ref(frame));
                }
            }
            Say::Frames(frames) => match frames.as_slice() {
                // A batch of a speaker: the number goes with the last frame.
                [Frame::Numbered { sequence, .. }, batch @ .., last] if !batch.is_empty() => {
                    let number = Frame::Numbered { sequence: *sequence, frames: 1 };
                    let end = Say::Frames([number, last.clone()].into());
                    let before = batch.iter().cloned().map(Say::Frame);
                    let all = before.chain([end]).map(|say| intent.instead(say));
                    self.put_back(all);
                }
                _ => self.write_widest(node, frames),
            },
            Say::Ping | Say::Pong { .. } | Say::PaddedPing { .. } => {}
        }
        None
    }

    /// Writes what cannot be divided into as large a datagram as may pass, or as an attribute needs.
    fn write_widest(&mut self, to: Ix, frames: &[Frame]) {
        let header = self.sealer.header(self.out.packet + 1);
        let size = self.picture.widest(to).max(UNDIVIDED).min(self.picture.config.max_datagram);
        self.writer.begin(header, size);
        if self.writer.push_all(frames).is_err() {
            self.out.stats.frames_too_large += 1;
        }
    }

    fn fit_copy(&mut self, copy: u64, to: Ix) -> Option<u64> {
        let packet = self.out.packet + 1;
        let (_, spread, frames) = self.broadcast.relays.read(copy, packet)?;
        let Frame::Spread(route) = &spread else { return None };
        if frames.iter().any(is_message) {
            let widest = self.picture.widest(to);
            self.writer.begin(self.sealer.header(packet), widest);
            let written = self.writer.push_all(core::iter::once(&spread).chain(frames));
            if written == Err(Refused::NoRoom) {
                self.leave_out(copy, widest);
            }
            return written.is_ok().then_some(copy);
        }
        let (route, frames) = (route.clone(), frames.to_vec());
        let size = self.picture.datagram(to);
        let batches = self.pack(frames, Some(route), size);
        self.writer.begin(self.sealer.header(packet), size);
        self.broadcast.relays.divide(&self.picture, &mut self.out, copy, batches);
        None
    }

    /// The peer of a copy cannot get its message: this node serves the other peers of the part.
    fn leave_out(&mut self, copy: u64, datagram: usize) {
        let messages = self.broadcast.relays.messages_of(copy);
        self.broadcast.relays.serve_rest(&mut self.picture, &mut self.out, copy);
        for message in messages {
            let room = message_room(datagram, &message);
            self.report_undelivered(&message, room);
        }
    }

    /// A hop has accepted a packet, but does not pass on messages above a size: this node does so
    /// in its place.
    pub(super) fn on_too_large(&mut self, from: Ix, packet: u64, bytes: u16) {
        let room = usize::from(bytes);
        for copy in self.broadcast.relays.too_large_in(from, packet, room) {
            let messages = self.broadcast.relays.messages_of(copy);
            if !self.broadcast.relays.serve_rest(&mut self.picture, &mut self.out, copy) {
                for message in messages {
                    self.report_undelivered(&message, room);
                }
            }
        }
        self.on_ack(packet, from);
    }

    /// Tells the origin of a message that some node does not get it, and the size that would have
    /// passed.
    fn report_undelivered(&mut self, message: &Message, room: usize) {
        if message.origin == self.picture.me() {
            self.on_undelivered(message.sequence, room);
        } else if let Some(origin) = self.picture.find_life(message.origin) {
            let bytes = u16::try_from(room).unwrap_or(u16::MAX);
            let frame = Frame::Undelivered { sequence: message.sequence, bytes };
            self.out.say_frame(self.picture.bound(origin), frame);
        }
    }

    /// Some node does not get a message of this node's.
    pub(super) fn on_undelivered(&mut self, sequence: u64, limit: usize) {
        if self.broadcast.messages.undelivered(sequence) {
            let Life { id: origin, epoch } = self.picture.me();
            let message = BroadcastId { origin, epoch, sequence };
            self.out.stats.messages_undelivered += 1;
            self.out.event(Event::Undelivered { message, limit });
        }
    }
}
