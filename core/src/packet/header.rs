//! The part of a packet that is never encrypted.

use bytes::BufMut;

use super::error::WireError;
use super::octets::{Reader, put_varint, varint_len};
use super::{MAX_PACKET, TAG_LEN, VERSION};
use crate::base::{Epoch, Life, NodeId};
use crate::packet::key_id::KeyId;

/// What precedes the frames of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The node that sent it, in its present life.
    pub sender: Life,
    /// Its number: from 1, and no two packets of one life have the same.
    pub packet: u64,
    /// The tag covers the receiver's identity and epoch.
    pub bound: bool,
    /// The sender wants an acknowledgement.
    pub ack: bool,
    /// The key that protects it.
    pub key: KeyId,
    /// The short hash of the cluster's name.
    pub cluster_tag: u16,
}

impl Header {
    /// The bytes of the longest header.
    pub(crate) const MAX_LEN: usize = 4 + KeyId::LEN + NodeId::LEN + 8 + super::octets::MAX_VARINT;

    /// Reads the header of a whole packet, and says how many bytes it takes.
    ///
    /// What it says is not to be believed before the packet is opened.
    ///
    /// # Errors
    ///
    /// Every [`WireError`]; [`WireError::Truncated`] also if there is no room for a tag behind it.
    pub fn parse(packet: &[u8]) -> Result<(Self, usize), WireError> {
        if packet.len() > MAX_PACKET {
            return Err(WireError::Oversized);
        }
        let mut reader = Reader::new(packet);
        let first = reader.u8()?;
        if first & 0xf0 != MAGIC {
            return Err(WireError::Foreign);
        }
        if first & 0x0f != VERSION {
            return Err(WireError::UnknownVersion { version: first & 0x0f });
        }
        let flags = reader.u8()?;
        if flags & !KNOWN_FLAGS != 0 {
            return Err(WireError::Malformed);
        }
        let key = KeyId::from_bits(reader.u16()?);
        let cluster_tag = reader.u16()?;
        let id = NodeId::from_bits(reader.u64()?);
        let sender = Life { id, epoch: Epoch(reader.u64()?) };
        let number = reader.varint()?;
        if number == 0 {
            return Err(WireError::Malformed);
        }
        if reader.left() < TAG_LEN {
            return Err(WireError::Truncated);
        }
        let header = Self {
            sender,
            packet: number,
            bound: flags & BOUND != 0,
            ack: flags & ACK != 0,
            key,
            cluster_tag,
        };
        Ok((header, packet.len() - reader.left()))
    }

    /// The bytes that this header takes.
    pub(crate) fn encoded_len(&self) -> usize {
        4 + KeyId::LEN + NodeId::LEN + 8 + varint_len(self.packet)
    }

    /// Appends the header.
    pub(crate) fn encode(&self, out: &mut impl BufMut) {
        let flag = |set: bool, bit: u8| if set { bit } else { 0 };
        out.put_u8(MAGIC | VERSION);
        out.put_u8(flag(self.bound, BOUND) | flag(self.ack, ACK));
        out.put_u16(self.key.to_bits());
        out.put_u16(self.cluster_tag);
        out.put_u64(self.sender.id.to_bits());
        out.put_u64(self.sender.epoch.0);
        put_varint(out, self.packet);
    }
}

const MAGIC: u8 = 0xa0;
const BOUND: u8 = 0x02;
const ACK: u8 = 0x08;
const KNOWN_FLAGS: u8 = BOUND | ACK;
