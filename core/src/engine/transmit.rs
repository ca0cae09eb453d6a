//! From intents to a datagram.

use alloc::vec::Vec;

use bytes::BytesMut;

use super::Engine;
use crate::base::growth::KEPT;
use crate::base::{Destination, Ix};
use crate::engine::receive::tag_of;
use crate::out::{Intent, Say, To};
use crate::picture::BASE;
use crate::wire::{Frame, Refused};

/// The contents of a packet that are remembered until they are answered.
#[derive(Default)]
struct Cargo {
    ping: bool,
    /// The ping fills the datagram, to find out whether this size passes.
    padded: bool,
    copies: Vec<u64>,
}

impl Engine {
    /// Builds the next datagram and appends it to `datagram`.
    pub(super) fn next_datagram(&mut self, datagram: &mut BytesMut) -> Option<Destination> {
        let start = datagram.len();
        loop {
            let mut intents = core::mem::take(&mut self.intents);
            self.out.outbox.take_packet(
                self.picture.now,
                self.picture.config.max_datagram,
                &mut intents,
            );
            let Some(mut to) = intents.first().map(|intent| intent.to) else {
                self.intents = intents;
                return None;
            };
            // It may have been forgotten while this waited. Then nothing is known of the receiver.
            to.node = to.node.filter(|&ix| self.picture.topology.roster().is_current(ix));
            if to.node.is_some_and(|ix| !self.picture.is_direct(ix)) {
                intents.clear();
                self.intents = intents;
                self.out.stats.packets_out_of_family += 1;
                continue;
            }
            let cargo = self.build(to, &mut intents);
            intents.shrink_to(KEPT);
            self.intents = intents;
            if self.writer.is_empty() {
                continue;
            }
            // Nothing rides with packets to strangers: an attacker could have more sent to them
            // than it has sent.
            let roomy = self.writer.remaining() >= self.picture.datagram(node(to)) / 2;
            let known = to.node.is_some_and(|ix| !self.picture.peers.is_dubious(ix));
            if to.bound.is_some() && known && roomy {
                let writer = &mut self.writer;
                self.broadcast.piggyback.ride(|frame| writer.push(frame).is_ok());
            }
            self.out.packet += 1;
            self.writer.finish(&self.sealer, to.bound, datagram);
            let len = datagram.len() - start;
            self.keys.sent(self.sealer.key());
            self.membership.numbers.sent(self.out.packet, tag_of(&datagram[start..]));
            self.remember(to, &cargo, len);
            self.out.outbox.sent(len);
            self.out.stats.datagrams_sent += 1;
            self.out.stats.bytes_sent += len as u64;
            if to.at == Destination::Multicast {
                self.out.stats.multicasts_sent += 1;
            }
            return Some(to.at);
        }
    }

    /// Writes intents for one receiver into a packet; puts back what does not fit.
    fn build(&mut self, to: To, intents: &mut Vec<Intent>) -> Cargo {
        let packet = self.out.packet + 1;
        let size = self.picture.datagram(node(to));
        self.choose_key(to);
        self.writer.begin(self.sealer.header(packet), size);
        let mut cargo = Cargo::default();
        let mut rest = intents.drain(..);
        while let Some(intent) = rest.next() {
            let written = match &intent.say {
                Say::Ping => {
                    cargo.ping = true;
                    self.writer.push(&Frame::Ping { root: self.picture.root() })
                }
                Say::Pong { packet, root } => {
                    let mine = self.picture.root();
                    let root = (mine != *root).then_some(mine);
                    self.writer.push(&Frame::Pong { packet: *packet, root })
                }
                Say::Relay { copy, .. } => match self.broadcast.relays.read(*copy, packet) {
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
                    // It was acknowledged, given up or handed to another peer in the meantime, or
                    // is in this packet already.
                    _ => Ok(()),
                },
                // A padded ping must fill a datagram, and waits for one of its own.
                Say::PaddedPing { .. } if !self.writer.is_empty() => Err(Refused::NoRoom),
                Say::PaddedPing { size } => {
                    (cargo.ping, cargo.padded) = (true, true);
                    self.write_padded_ping(*size)
                }
                Say::Frame(frame) | Say::Held(frame) => self.writer.push(frame),
                Say::Frames(frames) => self.writer.push_all(frames),
            };
            let alone = self.writer.is_empty();
            match written {
                Ok(()) if !cargo.padded => {}
                Ok(()) => self.put_back(rest.by_ref()),
                Err(Refused::NoRoom) if !alone => {
                    self.put_back(core::iter::once(intent).chain(rest.by_ref()));
                }
                Err(Refused::NoRoom) => {
                    self.put_back(rest.by_ref());
                    let copy = self.fit(to, &intent);
                    if copy.is_some() {
                        self.writer.ask_for_ack();
                    }
                    cargo.copies.extend(copy);
                }
                // No receiver would accept it.
                Err(_) => self.out.stats.frames_too_large += 1,
            }
        }
        drop(rest);
        cargo
    }

    pub(super) fn put_back(&mut self, intents: impl Iterator<Item = Intent>) {
        self.out.outbox.put_back(intents.collect::<Vec<_>>().into_iter());
    }

    /// Writes a ping that fills a datagram of this size, or all but one byte of it.
    fn write_padded_ping(&mut self, size: usize) -> Result<(), Refused> {
        let packet = self.out.packet + 1;
        self.writer.begin(self.sealer.header(packet), size);
        self.writer.push(&Frame::Ping { root: self.picture.root() })?;
        let room = self.writer.remaining();
        // A type and a length of one to three bytes.
        let bytes = (room.saturating_sub(4)..room).rev().find_map(|bytes| {
            let padding = Frame::Padding { bytes: u16::try_from(bytes).ok()? };
            self.writer.push(&padding).ok()
        });
        bytes.ok_or(Refused::NoRoom)
    }

    fn remember(&mut self, to: To, cargo: &Cargo, len: usize) {
        if cargo.ping
            && let Some(ix) = to.node
        {
            self.membership.probes.sent(&self.picture, self.out.packet, ix, to.at);
            self.picture.health.asked(ix, self.picture.peers.should_answer(ix), self.picture.now);
            if cargo.padded {
                let packet = self.out.packet;
                self.picture.padded_ping_sent(&mut self.out, ix, packet, len);
            }
        }
        let (packet, asking) = (self.out.packet, &mut self.membership.asking);
        match (to.node, to.bound, to.at) {
            (None, Some(life), Destination::Unicast(at)) if cargo.ping => {
                asking.pinged(life, packet, at);
            }
            (None, None, at) => asking.greeted(packet, at),
            _ => {}
        }
        for (&copy, place) in cargo.copies.iter().zip(0..) {
            self.broadcast.relays.sent(copy, self.out.packet, place, len > BASE, self.picture.now);
        }
    }
}

/// The peer whose path a packet takes; this node itself if nothing is known of the receiver.
fn node(to: To) -> Ix {
    to.node.unwrap_or(Ix::ME)
}

#[cfg(test)]
mod tests {
    use core::net::SocketAddr;

    use super::*;
    use crate::base::{Epoch, Instant, Life, NodeId};
    use crate::config::Config;
    use crate::out::Cause;
    use crate::picture::State;
    use crate::seal::{ClusterName, Key, Keyring};

    fn life(port: u16) -> Life {
        Life { id: NodeId::from_bits(port.into()), epoch: Epoch(1) }
    }

    fn addr(port: u16) -> SocketAddr {
        SocketAddr::from(([10, 0, 0, 1], port))
    }

    fn admit(engine: &mut Engine, port: u16) -> Ix {
        let (place, cause) = (addr(port).into(), Cause::Heard);
        let out = &mut engine.out;
        engine.picture.admit(out, life(port), &place, 0, State::Alive, cause).unwrap()
    }

    /// A ping goes out even if its receiver has been forgotten while it waited. Then the silence of that
    /// receiver says nothing of a peer, not even of the one that has its place.
    #[test]
    fn the_ping_of_a_forgotten_peer_awaits_no_answer() {
        for forgotten in [false, true] {
            let keys = Keyring::new(Key::authenticated([7; 32]));
            let config = Config::lan([1; 32], ClusterName::try_from("c").unwrap(), keys);
            let mut engine = Engine::new(config, addr(1), Epoch(1), Instant::ZERO).unwrap();
            let ix = admit(&mut engine, 2);
            engine.out.say(engine.picture.bound(ix), Say::Ping);
            if forgotten {
                engine.drop_node(ix, Cause::Expired);
                assert_eq!(admit(&mut engine, 3).index(), ix.index());
            }
            let to = engine.poll_transmit(&mut BytesMut::new());
            assert_eq!(to, Some(Destination::Unicast(addr(2))));
            assert_eq!(engine.membership.probes.awaits(1, ix), !forgotten);
        }
    }
}
