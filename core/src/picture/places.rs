//! Where peers are: what each said of its name and addresses, and the address that is used for it.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::net::SocketAddr;

use crate::base::{Address, Hash, Ix, growth};
use crate::claims::Locator;

/// Where one peer is.
#[derive(Clone, Copy, Debug, Hash)]
struct Place {
    /// The address that packets for it go to.
    at: Address,
    /// Whether it has said how it is named and reached in its present life.
    current: bool,
    /// Whether it was heard at the address in use in its present life.
    heard: bool,
}

/// The places of all nodes, in parallel to the roster.
#[derive(Clone, Debug, Default, Hash)]
pub(crate) struct Places {
    table: Vec<Place>,
    /// What nodes have said of themselves, unless that is nothing but the address in use.
    said: BTreeMap<Ix, Locator>,
}

impl Places {
    /// Enters a node that has just been interned.
    pub(super) fn admit(&mut self, ix: Ix, locator: &Locator) {
        let place = Place { at: locator.first(), current: false, heard: false };
        while self.table.len() <= ix.index() {
            growth::push(&mut self.table, place);
        }
        self.table[ix.index()] = place;
        self.learn(ix, locator);
    }

    /// A node is forgotten.
    pub(super) fn forget(&mut self, ix: Ix) {
        self.said.remove(&ix);
    }

    /// A node is said to be so named and reached in its present life. Packets go to the first of its
    /// addresses if the one in use is none of them, unless it was heard there: what is said may be
    /// made up.
    pub(super) fn learn(&mut self, ix: Ix, locator: &Locator) {
        let place = &mut self.table[ix.index()];
        if !place.heard && !locator.list().contains(&place.at) {
            place.at = locator.first();
        }
        place.current = true;
        if locator.is_named_after_its_address() && locator.first() == place.at {
            self.said.remove(&ix);
        } else {
            self.said.insert(ix, locator.clone());
        }
    }

    /// A node has begun a life in which it has not yet said how it is reached: it may be where it was.
    pub(super) fn begin_life(&mut self, ix: Ix) {
        let place = &mut self.table[ix.index()];
        (place.current, place.heard) = (false, false);
    }

    /// A packet that nobody can have recorded has come from a node in its present life. Packets go
    /// where it came from, if that is one of the node's addresses.
    pub(crate) fn heard(&mut self, ix: Ix, source: SocketAddr) {
        let place = &mut self.table[ix.index()];
        let source = Address::from(source);
        if place.at == source {
            place.heard = true;
        } else if self.said.get(&ix).is_some_and(|locator| locator.list().contains(&source)) {
            (place.at, place.heard) = (source, true);
        }
    }

    /// The address that packets for a node go to.
    pub(crate) fn address(&self, ix: Ix) -> SocketAddr {
        self.table[ix.index()].at.socket()
    }

    /// What a node has said of its name and addresses, in this life or in one before.
    pub(crate) fn last_said(&self, ix: Ix) -> Locator {
        let plain = || Locator::from(self.address(ix));
        self.said.get(&ix).cloned().unwrap_or_else(plain)
    }

    /// What a node has said of its name and addresses in its present life.
    pub(crate) fn said(&self, ix: Ix) -> Option<Locator> {
        self.table[ix.index()].current.then(|| self.last_said(ix))
    }

    /// Stands for what a node has said, in this life or in one before, as others are told it.
    pub(crate) fn fingerprint(&self, ix: Ix) -> u64 {
        self.last_said(ix).hash(Hash::new(KEY, 0)).finish()
    }
}

/// An arbitrary key: the same at all nodes.
const KEY: [u64; 2] = [0x1c69_b3f7_4ac4_ae35, 0x3c6e_f372_fe94_f82b];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::NodeName;

    fn addr(port: u16) -> SocketAddr {
        SocketAddr::from(([10, 0, 0, 1], port))
    }

    fn named(ports: &[u16]) -> Locator {
        let addresses: Vec<SocketAddr> = ports.iter().map(|&port| addr(port)).collect();
        Locator::new(NodeName::try_from("n").unwrap(), &addresses).unwrap()
    }

    #[test]
    fn the_address_in_use_is_kept_while_the_node_has_it() {
        let mut places = Places::default();
        places.admit(Ix::ME, &addr(9).into());
        assert_eq!((places.address(Ix::ME), places.said(Ix::ME)), (addr(9), Some(addr(9).into())));
        places.learn(Ix::ME, &named(&[1, 9]));
        assert_eq!(places.address(Ix::ME), addr(9));
        places.learn(Ix::ME, &named(&[1, 2]));
        assert_eq!((places.address(Ix::ME), places.said(Ix::ME)), (addr(1), Some(named(&[1, 2]))));
    }

    #[test]
    fn an_address_at_which_the_node_was_heard_gives_way_to_no_word() {
        let mut places = Places::default();
        places.admit(Ix::ME, &addr(9).into());
        places.heard(Ix::ME, addr(9));
        places.learn(Ix::ME, &named(&[1, 2]));
        assert_eq!((places.address(Ix::ME), places.said(Ix::ME)), (addr(9), Some(named(&[1, 2]))));
        places.heard(Ix::ME, addr(3));
        assert_eq!(places.address(Ix::ME), addr(9));
        places.heard(Ix::ME, addr(2));
        assert_eq!(places.address(Ix::ME), addr(2));
        places.begin_life(Ix::ME);
        places.learn(Ix::ME, &named(&[3]));
        assert_eq!(places.address(Ix::ME), addr(3));
    }

    #[test]
    fn what_was_said_in_a_life_before_stands_until_the_node_says_something_else() {
        let mut places = Places::default();
        places.admit(Ix::ME, &addr(1).into());
        let before = places.fingerprint(Ix::ME);
        places.begin_life(Ix::ME);
        assert_eq!((places.said(Ix::ME), places.fingerprint(Ix::ME)), (None, before));
        assert_eq!(places.last_said(Ix::ME), addr(1).into());
        places.learn(Ix::ME, &addr(1).into());
        assert_eq!(places.fingerprint(Ix::ME), before);
    }
}
