//! Somebody who holds the key, and need not be an engine.

use std::net::SocketAddr;

use bytes::BytesMut;
use hmac::{Hmac, KeyInit as _, Mac as _};
use scalesmall_core::seal::Sealer;
use scalesmall_core::wire::{Frame, Header, TAG_LEN, Writer};
use scalesmall_core::{
    Arrival, ClusterName, DatagramError, Engine, Keyring, Life, Liveness, NodeId,
};
use sha2::Sha256;

use crate::{SECRET, START, addr as addr_of, cluster, drain, keys, life, locator};

/// Writes packets with the real writer and seals them with the real key.
pub struct Holder {
    /// The life that it claims to be.
    pub life: Life,
    /// Where its packets come from.
    pub addr: SocketAddr,
    sealer: Sealer,
    writer: Writer,
    packet: u64,
}

impl Holder {
    /// A holder of the test cluster's key in the first epoch.
    #[must_use]
    pub fn new(number: u16) -> Self {
        Self::of(life(number), &keys(), &cluster())
    }

    /// A holder of a key, at the address that the node is named after if it is a test node, else at
    /// that of the node with number 2.
    #[must_use]
    pub fn of(life: Life, keys: &Keyring, cluster: &ClusterName) -> Self {
        Self::among(life, keys, cluster, Liveness::On)
    }

    /// As [`Holder::of`], among nodes that watch each other or not.
    #[must_use]
    pub fn among(life: Life, keys: &Keyring, cluster: &ClusterName, liveness: Liveness) -> Self {
        let sealer = Sealer::new(keys, cluster, liveness, life);
        let addr = locator(life.id).and_then(|locator| locator.addresses().next());
        let addr = addr.unwrap_or_else(|| addr_of(2));
        Self { life, addr, sealer, writer: Writer::default(), packet: 0 }
    }

    /// A packet with the next number, bound to a life of the receiver or not; frames that do not
    /// fit or break a rule of the format are left out.
    pub fn packet(&mut self, receiver: Option<Life>, frames: &[Frame]) -> Vec<u8> {
        self.packet += 1;
        self.numbered(self.packet, receiver, frames)
    }

    /// A packet with any number.
    pub fn numbered(&mut self, number: u64, receiver: Option<Life>, frames: &[Frame]) -> Vec<u8> {
        self.writer.begin(self.sealer.header(number), 60_000);
        let mut rest = frames.iter();
        while let Some(frame) = rest.next() {
            let announced = match frame {
                Frame::Spread(spread) => spread.frames,
                Frame::Numbered { frames, .. } => *frames,
                _ => 0,
            };
            // With all that it announces, or not at all.
            let batch: Vec<&Frame> = rest.by_ref().take(usize::from(announced)).collect();
            if batch.len() == usize::from(announced) {
                let _ = self.writer.push_all(std::iter::once(frame).chain(batch));
            }
        }
        let mut datagram = BytesMut::new();
        self.writer.finish(&self.sealer, receiver, &mut datagram);
        datagram.to_vec()
    }

    /// A bound packet in which a spread or a numbered batch of one frame, the head, announces a frame that
    /// must not travel there; `None` if one of them breaks another rule of the format.
    pub fn smuggled(&mut self, receiver: Life, head: &Frame, frame: &Frame) -> Option<Vec<u8>> {
        self.packet += 1;
        self.writer.begin(self.sealer.header(self.packet), 60_000);
        self.writer.push_unfit(head, frame).ok()?;
        let mut datagram = BytesMut::new();
        self.writer.finish(&self.sealer, Some(receiver), &mut datagram);
        Some(datagram.to_vec())
    }

    /// A packet with the next number and any bytes for its frames, protected by suite
    /// *authenticated* as the specification says: what our writer would refuse to write.
    ///
    /// # Panics
    ///
    /// Never: the keys have legal lengths.
    pub fn raw(&mut self, receiver: Life, payload: &[u8]) -> Vec<u8> {
        let mut packet = self.packet(Some(receiver), &[]);
        packet.truncate(packet.len() - TAG_LEN);
        packet.extend_from_slice(payload);
        let salt = [b"scalesmall 2 packet ", cluster().as_bytes()].concat();
        let info = [&[1][..], &octets(self.life)];
        let root = mac(&salt, &[&SECRET]);
        let key = mac(&root, &[&info.concat(), &[1]]);
        let tag = mac(&key, &[&packet, &octets(receiver)]);
        packet.extend_from_slice(&tag[..TAG_LEN]);
        packet
    }

    /// Proves itself to an engine with a bound packet, and lets it say what it has to say.
    ///
    /// # Panics
    ///
    /// If the engine refuses it.
    pub fn introduce(&mut self, engine: &mut Engine) {
        let mut frames = Vec::new();
        let mut taken = Err(DatagramError::Unproven);
        // One that the engine may have forgotten has to answer what it is asked.
        for _ in 0..2 {
            let packet = self.packet(Some(engine.life()), &frames);
            taken = engine.handle_datagram(START, self.arrival(), &packet);
            let asked = drain(engine).datagrams;
            let headers = asked.iter().filter_map(|(_, datagram)| Header::parse(datagram).ok());
            frames = headers.map(|(it, _)| Frame::Pong { packet: it.packet, root: None }).collect();
            if taken != Err(DatagramError::Unproven) {
                break;
            }
        }
        assert_eq!(taken, Ok(()), "a bound packet of a holder of the key");
    }

    /// How its packets come.
    #[must_use]
    pub fn arrival(&self) -> Arrival {
        Arrival::Unicast(self.addr)
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> NodeId {
        self.life.id
    }
}

fn octets(life: Life) -> [u8; 16] {
    let octets = u128::from(life.id.to_bits()) << 64 | u128::from(life.epoch.0);
    octets.to_be_bytes()
}

fn mac(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().to_vec()
}
