//! The receiving side.

use alloc::vec::Vec;
use core::fmt;

use super::cluster::ClusterName;
use super::keyring::Keyring;
use super::session::{Schedule, Session};
use crate::base::{Life, Liveness};
use crate::packet::{Header, KeyId, TAG_LEN};

/// Checks the packets of all senders.
///
/// The derived key of a sender is kept once a packet of it has proven authentic, so forged packets
/// cannot push keys out. The number of keys that are kept bounds memory, not the number of senders.
#[derive(Clone)]
pub struct Opener {
    cluster_tag: u16,
    schedules: Vec<Schedule>,
    /// A power of two of places. Each sender's key has one place. A newer one pushes an older out
    /// when it is wanted twice in a row, unless there may be more places.
    cache: Vec<Option<Cached>>,
    /// The sender that each place was last asked for. It shows whose key a place keeps without a
    /// look at the key.
    asked: Vec<Asked>,
    most: usize,
    /// How many packets have been checked since the last call of `rest`.
    opened: usize,
    /// How many calls of `rest` in a row have found few packets.
    rested: u8,
    plain: Vec<u8>,
}

/// Marks of two senders: the one whose key a place keeps, and the last other one that was looked
/// for there.
#[derive(Clone, Copy, Default)]
struct Asked {
    kept: u32,
    missed: u32,
}

#[derive(Clone)]
struct Cached {
    sender: Life,
    key: KeyId,
    session: Session,
}

impl Opener {
    /// Prepares the keys of a ring, with room for the derived keys of `senders` senders, rounded
    /// up to a power of two and at least 1; it is taken as it is needed.
    #[must_use]
    pub fn new(keys: &Keyring, cluster: &ClusterName, liveness: Liveness, senders: u32) -> Self {
        let schedules = keys.keys().map(|held| Schedule::new(cluster, &held.key)).collect();
        let most = (senders.clamp(1, 1 << 20) as usize).next_power_of_two();
        let mut opener = Self {
            cluster_tag: cluster.tag(liveness),
            schedules,
            cache: Vec::new(),
            asked: Vec::new(),
            most,
            opened: 0,
            rested: 0,
            plain: Vec::new(),
        };
        opener.resize(most.min(FIRST_PLACES));
        opener
    }

    /// Checks a packet and returns its payload: the bytes of its frames.
    ///
    /// `header` is what [`Header::parse`] has read from `packet`; `me` is the receiver in its own life,
    /// which the tag of a bound packet covers. Freshness is not checked here.
    ///
    /// # Errors
    ///
    /// [`OpenError`]; nothing has changed then.
    pub fn open<'a>(
        &'a mut self,
        header: &Header,
        packet: &'a [u8],
        me: Life,
    ) -> Result<&'a [u8], OpenError> {
        if header.cluster_tag != self.cluster_tag {
            return Err(OpenError::WrongCluster);
        }
        let Header { sender, key, .. } = *header;
        let schedule = self
            .schedules
            .iter()
            .find(|schedule| schedule.id() == key)
            .ok_or(OpenError::UnknownKey { key })?;
        let start = header.encoded_len();
        let end = packet.len().saturating_sub(TAG_LEN);
        if start > end {
            return Err(OpenError::Forged);
        }
        let (receiver, is_sealed) = (header.bound.then_some(me), schedule.suite().is_sealed());
        self.opened = self.opened.saturating_add(1);
        let mark = Mark::of(sender, key);
        let place = mark.place(self.cache.len());
        let known =
            if self.asked[place].kept == mark.0 { self.cache[place].as_ref() } else { None };
        let known = known.filter(|it| it.sender == sender && it.key == key);
        let authentic = if let Some(known) = known {
            known.session.check(packet, start, header.packet, receiver, &mut self.plain)
        } else {
            let session = schedule.session(sender);
            let authentic = session.check(packet, start, header.packet, receiver, &mut self.plain);
            if authentic {
                self.keep(mark, Cached { sender, key, session });
            }
            authentic
        };
        match (authentic, is_sealed) {
            (false, _) => Err(OpenError::Forged),
            (true, false) => Ok(&packet[start..end]),
            (true, true) => Ok(&self.plain),
        }
    }

    /// Drops derived keys if few packets come; to be called at a steady, slow pace.
    pub(crate) fn rest(&mut self) {
        let few = self.opened < self.cache.len() / 4;
        self.rested = if few { self.rested.saturating_add(1) } else { 0 };
        self.opened = 0;
        let first = self.most.min(FIRST_PLACES);
        if self.rested >= RESTS && self.cache.len() > first {
            (self.cache, self.asked, self.plain) = (Vec::new(), Vec::new(), Vec::new());
            self.resize(first);
        }
    }

    fn keep(&mut self, mark: Mark, cached: Cached) {
        let mut at = mark.place(self.cache.len());
        // A larger cache is worth its memory where many packets come.
        let many = self.opened >= self.cache.len();
        while many && self.asked[at].kept != 0 && self.cache.len() < self.most {
            let places = self.cache.len() * 2;
            let kept = core::mem::take(&mut self.cache);
            self.asked.clear();
            self.resize(places);
            for old in kept.into_iter().flatten() {
                let mark = Mark::of(old.sender, old.key);
                self.set(mark.place(places), mark, old);
            }
            at = mark.place(places);
        }
        let Asked { kept, missed } = self.asked[at];
        if kept == 0 || missed == mark.0 {
            self.set(at, mark, cached);
        } else {
            self.asked[at].missed = mark.0;
        }
    }

    fn set(&mut self, at: usize, mark: Mark, cached: Cached) {
        self.asked[at] = Asked { kept: mark.0, missed: 0 };
        self.cache[at] = Some(cached);
    }

    fn resize(&mut self, places: usize) {
        self.cache.resize_with(places, || None);
        self.asked.resize(places, Asked::default());
    }
}

impl fmt::Debug for Opener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opener")
            .field("keys", &self.schedules.iter().map(Schedule::id).collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

/// The places that a cache begins with.
const FIRST_PLACES: usize = 16;

/// After this many rests in a row without many packets the cache is made small again.
const RESTS: u8 = 8;

/// Stands for a sender and a key; not 0, and the same for few others.
#[derive(Clone, Copy)]
struct Mark(u32);

impl Mark {
    fn of(sender: Life, key: KeyId) -> Self {
        let words = [sender.id.to_bits(), key.to_bits().into(), sender.epoch.0];
        let mixed = words.iter().fold(0, |mixed: u64, word| {
            (mixed.rotate_left(29) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15)
        });
        Self(((mixed >> 32) as u32).max(1))
    }

    /// Where the key is kept, among a power of two of places.
    const fn place(self, places: usize) -> usize {
        self.0 as usize & (places - 1)
    }
}

/// Why a packet is refused. Its sender is not known then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OpenError {
    /// It belongs to a cluster with another name, or whose nodes watch each other where these do not.
    WrongCluster,
    /// It is protected by a key that is not in the ring.
    UnknownKey {
        /// The key's id.
        key: KeyId,
    },
    /// The tag is wrong: altered on the way, bound to another life, or of a key with the same id by
    /// chance.
    Forged,
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WrongCluster => f.write_str(
                "a packet of another cluster, or of a node with another `liveness`: give each \
                 cluster a port or a multicast group of its own",
            ),
            Self::UnknownKey { key } => {
                write!(f, "unknown key {key}: give all nodes the same keys")
            }
            Self::Forged => f.write_str(
                "authentication failed: it was altered on the way, or somebody forges packets",
            ),
        }
    }
}

impl core::error::Error for OpenError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Epoch, NodeId};
    use crate::seal::{Key, Sealer};
    use crate::wire::{Frame, Writer};
    use bytes::BytesMut;

    const ME: Life = Life { id: NodeId::from_bits(0), epoch: Epoch(7) };

    fn sender(port: u16) -> Life {
        Life { id: NodeId::from_bits(port.into()), epoch: Epoch(5) }
    }

    /// A packet of a sender, as it is or forged, to an opener; whether the sender's key is kept then.
    fn kept(opener: &mut Opener, keys: &Keyring, port: u16, forged: bool) -> bool {
        let name = ClusterName::try_from("a").unwrap();
        let sealer = Sealer::new(keys, &name, Liveness::On, sender(port));
        let mut writer = Writer::default();
        writer.begin(sealer.header(1), 1_200);
        writer.push(&Frame::Ping { root: 0 }).unwrap();
        let mut packet = BytesMut::new();
        writer.finish(&sealer, None, &mut packet);
        let last = packet.len() - 1;
        packet[last] ^= u8::from(forged);
        let (header, _) = Header::parse(&packet).unwrap();
        assert_eq!(opener.open(&header, &packet, ME).is_err(), forged);
        opener.cache.iter().flatten().any(|cached| cached.sender == sender(port))
    }

    /// Ten times as many senders as there is room for: forged packets move nothing, one packet of a
    /// sender does not push out a key, and two in a row do.
    #[test]
    fn a_key_in_use_gives_way_to_a_sender_that_is_heard_twice_in_a_row() {
        let keys = Keyring::new(Key::authenticated([3; 32]));
        let name = ClusterName::try_from("a").unwrap();
        let mut opener = Opener::new(&keys, &name, Liveness::On, 1);
        assert!(kept(&mut opener, &keys, 1, false));
        for port in 2..12 {
            assert!(!kept(&mut opener, &keys, port, true));
            assert!(!kept(&mut opener, &keys, port, true));
            assert!(!kept(&mut opener, &keys, port, false));
        }
        assert!(kept(&mut opener, &keys, 1, false));
        assert!(!kept(&mut opener, &keys, 2, false) && kept(&mut opener, &keys, 2, false));
        assert_eq!(opener.cache.len(), 1);
    }
}
