//! From intents to a datagram.

use alloc::vec::Vec;
use core::num::NonZeroU64;

use bytes::BytesMut;

use super::Engine;
use crate::growth::KEPT;
use crate::outbox::{Intent, Say, To};
use crate::port::Destination;

use crate::wire::{FirstTry, Frame, Refused, Route, Spread};

/// What a packet that was built carries, to be remembered until it is answered.
#[derive(Default)]
struct Cargo {
    ping: bool,
    copies: Vec<u64>,
}

impl Engine {
    /// Builds the next datagram and appends it to `datagram`.
    pub(super) fn next_datagram(&mut self, datagram: &mut BytesMut) -> Option<Destination> {
        let start = datagram.len();
        loop {
            let mut intents = core::mem::take(&mut self.intents);
            self.ctx.outbox.take_packet(self.ctx.now, self.ctx.config.max_datagram, &mut intents);
            let Some(to) = intents.first().map(|intent| intent.to) else {
                self.intents = intents;
                return None;
            };
            let cargo = self.build(to, &mut intents);
            intents.shrink_to(KEPT);
            self.intents = intents;
            if self.writer.is_empty() {
                continue;
            }
            // Not with what goes to a stranger, who might be made to get more than was sent for it.
            let roomy = self.writer.remaining() >= self.ctx.config.max_datagram / 2;
            if to.bound.is_some() && to.node.is_some() && roomy {
                let writer = &mut self.writer;
                self.piggyback.ride(|frame| writer.push(frame).is_ok());
            }
            self.ctx.packet += 1;
            self.writer.finish(&self.sealer, to.bound, datagram);
            self.remember(to, &cargo);
            let len = datagram.len() - start;
            self.ctx.outbox.sent(len);
            self.ctx.stats.datagrams_sent += 1;
            self.ctx.stats.bytes_sent += len as u64;
            if to.at == Destination::Multicast {
                self.ctx.stats.multicasts_sent += 1;
            }
            return Some(to.at);
        }
    }

    /// Writes intents for one receiver into a packet; puts back what does not fit.
    fn build(&mut self, to: To, intents: &mut Vec<Intent>) -> Cargo {
        let packet = self.ctx.packet + 1;
        self.writer.begin(self.sealer.header(packet), self.ctx.config.max_datagram);
        let mut cargo = Cargo::default();
        let mut rest = intents.drain(..);
        while let Some(intent) = rest.next() {
            let written = match &intent.say {
                Say::Ping => {
                    cargo.ping = true;
                    self.writer.push(&Frame::Ping { root: self.ctx.root() })
                }
                Say::Pong { packet, root } => {
                    let mine = self.ctx.root();
                    let root = (mine != *root).then_some(mine);
                    self.writer.push(&Frame::Pong { packet: *packet, root })
                }
                Say::Relay { copy, .. } => match self.relays.read(*copy, packet) {
                    Some((receiver, spread, frames))
                        if to.node == Some(receiver) && !cargo.copies.contains(copy) =>
                    {
                        let frames = core::iter::once(&spread).chain(frames);
                        let written = self.writer.push_all(frames);
                        if written.is_ok() {
                            self.writer.ask_for_ack();
                            cargo.copies.push(*copy);
                        }
                        written
                    }
                    // Acknowledged, given up or handed to another meanwhile, or in this packet.
                    _ => Ok(()),
                },
                Say::Frame(frame) | Say::Held(frame) => self.writer.push(frame),
                Say::Frames(frames) => self.writer.push_all(frames),
            };
            match written {
                Ok(()) => {}
                Err(Refused::NoRoom) if !self.writer.is_empty() => {
                    let back = core::iter::once(intent).chain(rest.by_ref());
                    self.ctx.outbox.put_back(back.collect::<Vec<_>>().into_iter());
                    break;
                }
                // From a peer that is configured for larger datagrams, for instance.
                Err(_) => self.ctx.stats.frames_too_large += 1,
            }
        }
        drop(rest);
        cargo
    }

    fn remember(&mut self, to: To, cargo: &Cargo) {
        if cargo.ping
            && let Some(ix) = to.node
        {
            self.probes.sent(&self.ctx, self.ctx.packet, ix);
        }
        for (&copy, place) in cargo.copies.iter().zip(0..) {
            self.relays.sent(copy, self.ctx.packet, place, self.ctx.now);
        }
    }

    /// Packs frames into batches that fit into one packet each, beside what a relay adds.
    pub(super) fn pack(&mut self, frames: Vec<Frame>) -> Vec<Vec<Frame>> {
        let mut batches: Vec<Vec<Frame>> = Vec::new();
        let relay = Frame::Spread(Spread {
            route: Route::Ring { from: u32::MAX, until: u32::MAX, group: None, covered: true },
            hops: u8::MAX,
            frames: u8::MAX,
            first_try: Some(FirstTry { packets_ago: NonZeroU64::MAX, place: u32::MAX }),
        });
        for frame in frames {
            let full = batches.last().is_none_or(|batch| batch.len() >= usize::from(u8::MAX));
            if full || self.writer.push(&frame).is_err() {
                // Room for the longest packet number, whatever the next one is.
                let header = self.sealer.header(u64::from(u32::MAX));
                self.writer.begin(header, self.ctx.config.max_datagram);
                if self.writer.push(&relay).and_then(|()| self.writer.push(&frame)).is_err() {
                    self.ctx.stats.changes_too_large += 1;
                    continue;
                }
                batches.push(Vec::new());
            }
            if let Some(batch) = batches.last_mut() {
                batch.push(frame);
            }
        }
        batches
    }
}
