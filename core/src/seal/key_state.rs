//! What a node says of its keys.

use alloc::vec::Vec;

use super::keyring::{HeldKey, Keyring};
use super::wrap::Wrap;
use crate::packet::{KeyId, Reader};

/// A key that a node holds and has not marked as leaked, as it says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Claim {
    pub(crate) id: KeyId,
    pub(crate) generation: u32,
    /// The node has sent with it and gone to a higher one since.
    pub(crate) replaced: bool,
}

/// What a node says of its keys, to all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeyState {
    /// Whether it can take a key that is wrapped.
    pub(crate) unwraps: bool,
    /// The key that it sends with.
    pub(crate) in_use: KeyId,
    /// All that it holds and would use.
    pub(crate) held: Vec<Claim>,
    /// A key that it offers to those that do not hold it.
    pub(crate) offer: Option<Wrap>,
}

const UNWRAPS: u8 = 1;

impl KeyState {
    pub(crate) fn of(ring: &Keyring, offer: Option<Wrap>) -> Self {
        let usable = ring.keys().filter(|held| !held.leaked);
        let claim = |held: &HeldKey| Claim {
            id: held.key.id(),
            generation: held.generation,
            replaced: held.replaced,
        };
        let held = usable.map(claim).collect();
        Self { unwraps: cfg!(feature = "seal"), in_use: ring.primary(), held, offer }
    }

    pub(crate) fn holds(&self, id: KeyId) -> bool {
        self.claim(id).is_some()
    }

    /// What it says of a key, if it holds it.
    pub(crate) fn claim(&self, id: KeyId) -> Option<Claim> {
        self.held.iter().find(|claim| claim.id == id).copied()
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(5 + 6 * self.held.len() + Wrap::LEN);
        bytes.push(if self.unwraps { UNWRAPS } else { 0 });
        bytes.extend_from_slice(&self.in_use.to_bits().to_be_bytes());
        bytes.push(self.held.len() as u8);
        let bit = |(at, claim): (usize, &Claim)| u8::from(claim.replaced) << at;
        bytes.push(self.held.iter().enumerate().map(bit).sum());
        for claim in &self.held {
            bytes.extend_from_slice(&claim.id.to_bits().to_be_bytes());
            bytes.extend_from_slice(&claim.generation.to_be_bytes());
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
        let replaced = reader.u8().ok()?;
        let mut claim = |at: usize| {
            let (id, generation) = (KeyId::from_bits(reader.u16().ok()?), reader.u32().ok()?);
            Some(Claim { id, generation, replaced: replaced >> at & 1 == 1 })
        };
        let held: Vec<Claim> = (0..count).map(&mut claim).collect::<Option<_>>()?;
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
        assert_eq!(KeyState::from_bytes(&[1, 0, 0, 9, 0]), None);
    }

    quickcheck::quickcheck! {
        fn any_bytes_are_read_without_harm(bytes: Vec<u8>) -> bool {
            KeyState::from_bytes(&bytes).is_none_or(|state| state.held.len() <= Keyring::MOST)
        }
    }
}
