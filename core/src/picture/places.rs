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
        self.learn(ix, locator, false);
    }

    /// A node is forgotten.
    pub(super) fn forget(&mut self, ix: Ix) {
        self.said.remove(&ix);
    }

    /// A node is said to be so named and reached in its present life. Packets go to the first of its
    /// addresses if the one in use is none of them, unless it `was_heard`: what is said may be made
    /// up, so it has to answer there first.
    pub(super) fn learn(&mut self, ix: Ix, locator: &Locator, was_heard: bool) {
        let place = &mut self.table[ix.index()];
        if !was_heard && !locator.list().contains(&place.at) {
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
    /// where it came from, if that is one of the node's addresses and it has not been heard before.
    pub(crate) fn heard(&mut self, ix: Ix, source: SocketAddr) {
        let source = Address::from(source);
        let listed = self.is_listed(ix, source);
        let place = &mut self.table[ix.index()];
        if listed && !place.heard {
            place.at = source;
        }
        place.heard |= place.at == source;
    }

    /// A node has answered what was sent to one of its addresses. Packets go there from now on.
    pub(crate) fn answered(&mut self, ix: Ix, addr: Address) {
        if self.is_listed(ix, addr) {
            let place = &mut self.table[ix.index()];
            (place.at, place.heard) = (addr, true);
        }
    }

    fn is_listed(&self, ix: Ix, addr: Address) -> bool {
        self.said.get(&ix).map_or_else(
            || self.table[ix.index()].at == addr,
            |locator| locator.list().contains(&addr),
        )
    }

    /// Whether a node is said to be at an address.
    pub(crate) fn has(&self, ix: Ix, addr: SocketAddr) -> bool {
        self.is_listed(ix, addr.into())
    }

    /// Whether a node does not list the address in use any more.
    pub(crate) fn has_moved(&self, ix: Ix) -> bool {
        !self.is_listed(ix, self.table[ix.index()].at)
    }

    /// Where a node is to be found: the address in use if the node lists it, else the one that it
    /// prefers.
    pub(crate) fn shown(&self, ix: Ix) -> SocketAddr {
        match self.said.get(&ix) {
            Some(locator) if self.has_moved(ix) => locator.first().socket(),
            _ => self.address(ix),
        }
    }

    /// The address that packets for a node go to.
    pub(crate) fn address(&self, ix: Ix) -> SocketAddr {
        self.table[ix.index()].at.socket()
    }

    /// The other addresses of a node, the preferred one first.
    pub(crate) fn others(&self, ix: Ix) -> impl Iterator<Item = SocketAddr> + use<'_> {
        let at = self.table[ix.index()].at;
        let said = self.said.get(&ix).map_or(&[][..], Locator::list);
        said.iter().filter(move |&&addr| addr != at).map(|addr| addr.socket())
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
    fn a_node_that_was_never_heard_is_looked_for_where_it_is_said_to_be() {
        let mut places = Places::default();
        places.admit(Ix::ME, &addr(9).into());
        assert_eq!((places.address(Ix::ME), places.said(Ix::ME)), (addr(9), Some(addr(9).into())));
        places.learn(Ix::ME, &named(&[1, 9]), false);
        assert_eq!(places.address(Ix::ME), addr(9));
        places.learn(Ix::ME, &named(&[1, 2]), false);
        assert_eq!((places.address(Ix::ME), places.said(Ix::ME)), (addr(1), Some(named(&[1, 2]))));
    }

    #[test]
    fn an_address_at_which_the_node_was_heard_gives_way_to_an_answer_alone() {
        let mut places = Places::default();
        places.admit(Ix::ME, &addr(9).into());
        places.heard(Ix::ME, addr(9));
        places.learn(Ix::ME, &named(&[1, 2]), true);
        assert!(places.has_moved(Ix::ME));
        assert_eq!((places.address(Ix::ME), places.shown(Ix::ME)), (addr(9), addr(1)));
        places.heard(Ix::ME, addr(2));
        places.answered(Ix::ME, addr(3).into());
        assert_eq!(places.address(Ix::ME), addr(9));
        places.answered(Ix::ME, addr(2).into());
        assert_eq!((places.address(Ix::ME), places.shown(Ix::ME)), (addr(2), addr(2)));
        // In a new life it may be elsewhere: what comes first shows where.
        places.begin_life(Ix::ME);
        places.learn(Ix::ME, &named(&[3, 4]), true);
        assert_eq!(places.address(Ix::ME), addr(2));
        places.heard(Ix::ME, addr(4));
        assert_eq!(places.address(Ix::ME), addr(4));
    }

    #[test]
    fn what_was_said_in_a_life_before_stands_until_the_node_says_something_else() {
        let mut places = Places::default();
        places.admit(Ix::ME, &addr(1).into());
        let before = places.fingerprint(Ix::ME);
        places.begin_life(Ix::ME);
        assert_eq!((places.said(Ix::ME), places.fingerprint(Ix::ME)), (None, before));
        assert_eq!(places.last_said(Ix::ME), addr(1).into());
        places.learn(Ix::ME, &addr(1).into(), true);
        assert_eq!(places.fingerprint(Ix::ME), before);
    }
}
