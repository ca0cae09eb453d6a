//! A key under another one, so that it can travel.

use super::cluster::ClusterName;
use super::key::Key;
use super::keyring::{HeldKey, Keyring};
#[cfg(feature = "seal")]
use super::session::Schedule;
#[cfg(feature = "seal")]
use super::suite::Suite;
use crate::packet::{KeyId, Reader, TAG_LEN};

/// A key, encrypted under another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wrap {
    /// The key that opens it.
    pub(crate) under: KeyId,
    /// The key in it.
    pub(crate) id: KeyId,
    /// The generation of the key in it.
    pub(crate) generation: u32,
    suite: u8,
    secret: [u8; SECRET],
    tag: [u8; TAG_LEN],
}

const SECRET: usize = Key::LEN;

/// Why a wrapped key is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotTaken {
    /// It is held already, or this node does not hold the key that opens it, or that one leaked.
    NotNow,
    /// This build has no encryption, or not the suite of the key.
    CannotOpen,
    /// It may be taken once there is room for it.
    Full,
    /// It does not open, or what is in it breaks a rule.
    Refused,
}

/// How far above all keys of a ring a wrapped key may be: a node may have been away during some
/// rotations, and a liar must not use up the generations.
pub(super) const MOST_GENERATIONS: u32 = 64;

impl Wrap {
    /// The bytes of a wrapped key.
    pub(crate) const LEN: usize = 2 * KeyId::LEN + 5 + SECRET + TAG_LEN;

    pub(crate) fn put(&self, out: &mut alloc::vec::Vec<u8>) {
        out.extend_from_slice(&self.under.to_bits().to_be_bytes());
        out.extend_from_slice(&self.associated());
        out.extend_from_slice(&self.secret);
        out.extend_from_slice(&self.tag);
    }

    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        let under = KeyId::from_bits(reader.u16().ok()?);
        let id = KeyId::from_bits(reader.u16().ok()?);
        let (generation, suite) = (reader.u32().ok()?, reader.u8().ok()?);
        let (secret, tag) = (reader.array().ok()?, reader.array().ok()?);
        reader.is_empty().then_some(Self { under, id, generation, suite, secret, tag })
    }

    /// What stays in clear, but for the id of the key that opens it, which the keys follow from.
    fn associated(&self) -> [u8; KeyId::LEN + 5] {
        let [a, b] = self.id.to_bits().to_be_bytes();
        let [c, d, e, f] = self.generation.to_be_bytes();
        [a, b, c, d, e, f, self.suite]
    }

    /// Wraps a key. The same two keys make the same bytes at every node.
    #[cfg(feature = "seal")]
    pub(crate) fn new(cluster: &ClusterName, under: &Key, held: &HeldKey) -> Self {
        let mut wrap = Self {
            under: under.id(),
            id: held.key.id(),
            generation: held.generation,
            suite: held.key.suite().number(),
            secret: *held.key.expose_secret(),
            tag: [0; TAG_LEN],
        };
        let associated = wrap.associated();
        let cipher = Schedule::new(cluster, under).cipher(PURPOSE);
        wrap.tag = cipher.seal(held.generation.into(), [&associated, &[]], &mut wrap.secret);
        wrap
    }

    /// The key in it, if a ring that holds the other one may take it.
    #[cfg(feature = "seal")]
    pub(crate) fn open(&self, cluster: &ClusterName, ring: &Keyring) -> Result<HeldKey, NotTaken> {
        let under = ring.get(self.under).filter(|under| !under.leaked).ok_or(NotTaken::NotNow)?;
        if ring.get(self.id).is_some() {
            return Err(NotTaken::NotNow);
        }
        let suite = Suite::ALL.iter().find(|suite| suite.number() == self.suite);
        let suite = *suite.ok_or(NotTaken::CannotOpen)?;
        let mut secret = zeroize::Zeroizing::new(self.secret);
        let cipher = Schedule::new(cluster, &under.key).cipher(PURPOSE);
        let number = self.generation.into();
        let opens = cipher.open(number, [&self.associated(), &[]], secret.as_mut(), &self.tag);
        let ahead = self.generation.saturating_sub(ring.highest().generation);
        if !opens || self.generation < under.generation || ahead > MOST_GENERATIONS {
            return Err(NotTaken::Refused);
        }
        let key = Key::new(suite, *secret);
        if key.id() != self.id {
            return Err(NotTaken::Refused);
        }
        Ok(HeldKey::of_rotation(key, self.generation))
    }

    /// Without encryption nothing is opened.
    #[cfg(not(feature = "seal"))]
    pub(crate) fn open(&self, _: &ClusterName, ring: &Keyring) -> Result<HeldKey, NotTaken> {
        match ring.get(self.id) {
            Some(_) => Err(NotTaken::NotNow),
            None => Err(NotTaken::CannotOpen),
        }
    }
}

#[cfg(feature = "seal")]
const PURPOSE: &[u8] = b"wrap";

#[cfg(test)]
#[cfg(feature = "seal")]
mod tests {
    use super::*;
    use crate::seal::Key;

    fn cluster(name: &str) -> ClusterName {
        ClusterName::try_from(name).unwrap()
    }

    fn ring() -> Keyring {
        Keyring::new(Key::authenticated([1; 32]))
    }

    fn one_that_holds(number: u8) -> Keyring {
        let mut ring = ring();
        ring.insert(Key::sealed([number; 32])).unwrap();
        ring
    }

    fn wrapped(generation: u32) -> Wrap {
        let held = HeldKey::of_rotation(Key::sealed([2; 32]), generation);
        Wrap::new(&cluster("a"), &ring().highest().key, &held)
    }

    #[test]
    fn a_key_is_unwrapped_as_it_was_wrapped() {
        let mut bytes = alloc::vec::Vec::new();
        wrapped(1).put(&mut bytes);
        assert_eq!(bytes.len(), Wrap::LEN);
        let held = Wrap::read(&bytes).unwrap().open(&cluster("a"), &ring()).unwrap();
        assert_eq!((held.key.id(), held.generation), (Key::sealed([2; 32]).id(), 1));
        assert!(held.travels && !held.leaked);
        assert_eq!(
            wrapped(1).open(&cluster("a"), &one_that_holds(2)).err(),
            Some(NotTaken::NotNow)
        );
        assert!(Wrap::read(&bytes[1..]).is_none());
    }

    /// Computed by another program, with the HKDF of a standard library and the AES-256-GCM-SIV of OpenSSL.
    const KNOWN: &str = concat!(
        "d971a19f00000001022ce81a9fc21dddd837c9bb2a5fe225ce1e49bd3cd1",
        "e962a0c99ad2f1c39d6dd65392a6dfe9e842f138f9f3b99cbc9178",
    );

    #[test]
    fn a_wrapped_key_is_as_specified() {
        let mut bytes = alloc::vec::Vec::new();
        wrapped(1).put(&mut bytes);
        let hex: alloc::string::String =
            bytes.iter().map(|byte| alloc::format!("{byte:02x}")).collect();
        assert_eq!(hex, KNOWN);
    }

    #[test]
    fn what_was_altered_or_is_of_another_cluster_is_refused() {
        let mut bytes = alloc::vec::Vec::new();
        wrapped(1).put(&mut bytes);
        for at in 2..bytes.len() {
            let mut altered = bytes.clone();
            altered[at] ^= 1;
            let opened = Wrap::read(&altered).unwrap().open(&cluster("a"), &ring());
            assert!(opened.is_err(), "{at}");
        }
        assert_eq!(wrapped(1).open(&cluster("b"), &ring()).err(), Some(NotTaken::Refused));
    }

    #[test]
    fn a_leaked_key_opens_nothing_and_a_generation_out_of_reach_is_refused() {
        let mut ring = ring();
        let refused = |generation| wrapped(generation).open(&cluster("a"), &self::ring()).err();
        assert_eq!(refused(MOST_GENERATIONS), None);
        assert_eq!(refused(MOST_GENERATIONS + 1), Some(NotTaken::Refused));
        assert_eq!(refused(u32::MAX), Some(NotTaken::Refused));
        let old = ring.primary();
        ring.insert(Key::authenticated([9; 32])).unwrap();
        ring.mark_leaked(old).unwrap();
        assert_eq!(wrapped(1).open(&cluster("a"), &ring).err(), Some(NotTaken::NotNow));
    }
}
