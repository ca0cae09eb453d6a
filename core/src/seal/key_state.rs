//! What a node says of its keys.

use alloc::vec::Vec;

use super::keyring::Keyring;
use super::wrap::Wrap;
use crate::packet::{KeyId, Reader};

/// What a node says of its keys, to all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeyState {
    /// Whether it can take a key that is wrapped.
    pub(crate) unwraps: bool,
    /// The key that it sends with.
    pub(crate) in_use: KeyId,
    /// All that it holds and would use, each with its generation.
    pub(crate) held: Vec<(KeyId, u32)>,
    /// A key that it offers to those that do not hold it.
    pub(crate) offer: Option<Wrap>,
}

const UNWRAPS: u8 = 1;

impl KeyState {
    pub(crate) fn of(ring: &Keyring, offer: Option<Wrap>) -> Self {
        let usable = ring.keys().filter(|held| !held.leaked);
        let held = usable.map(|held| (held.key.id(), held.generation)).collect();
        Self { unwraps: cfg!(feature = "seal"), in_use: ring.primary(), held, offer }
    }

    pub(crate) fn holds(&self, id: KeyId) -> bool {
        self.generation(id).is_some()
    }

    /// The generation of a key that it holds.
    pub(crate) fn generation(&self, id: KeyId) -> Option<u32> {
        self.held.iter().find(|(held, _)| *held == id).map(|(_, generation)| *generation)
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(4 + 6 * self.held.len() + Wrap::LEN);
        bytes.push(if self.unwraps { UNWRAPS } else { 0 });
        bytes.extend_from_slice(&self.in_use.to_bits().to_be_bytes());
        bytes.push(self.held.len() as u8);
        for (id, generation) in &self.held {
            bytes.extend_from_slice(&id.to_bits().to_be_bytes());
            bytes.extend_from_slice(&generation.to_be_bytes());
        }
        if let Some(offer) = &self.offer {
            offer.put(&mut bytes);
        }
        bytes
    }

    /// `None` if it says nothing that this node can read.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        let flags = reader.u8().ok()?;
        let in_use = KeyId::from_bits(reader.u16().ok()?);
        let count = usize::from(reader.u8().ok()?);
        if count > Keyring::MOST {
            return None;
        }
        let held =
            (0..count).map(|_| Some((KeyId::from_bits(reader.u16().ok()?), reader.u32().ok()?)));
        let held: Vec<(KeyId, u32)> = held.collect::<Option<_>>()?;
        let offer = match reader.left() {
            0 => None,
            left => Some(Wrap::read(&bytes[bytes.len() - left..])?),
        };
        Some(Self { unwraps: flags & UNWRAPS != 0, in_use, held, offer })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seal::Key;

    #[test]
    fn a_state_is_read_as_it_is_written() {
        let mut ring = Keyring::new(Key::authenticated([1; 32]));
        ring.insert(Key::authenticated([2; 32])).unwrap();
        let state = KeyState::of(&ring, None);
        assert!(state.holds(Key::authenticated([2; 32]).id()));
        let bytes = state.to_bytes();
        assert_eq!(KeyState::from_bytes(&bytes), Some(state));
        for len in 0..bytes.len() {
            assert_eq!(KeyState::from_bytes(&bytes[..len]), None);
        }
        let long = [&bytes[..], &[0]].concat();
        assert_eq!(KeyState::from_bytes(&long), None);
        assert_eq!(KeyState::from_bytes(&[1, 0, 0, 9]), None);
    }

    quickcheck::quickcheck! {
        fn any_bytes_are_read_without_harm(bytes: Vec<u8>) -> bool {
            KeyState::from_bytes(&bytes).is_none_or(|state| state.held.len() <= Keyring::MOST)
        }
    }
}
