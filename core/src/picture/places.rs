//! Where peers are: what each said of its name and addresses, and the address that is used for it.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::net::SocketAddr;
use core::time::Duration;

use crate::base::{Address, Families, Hash, Instant, Ix, growth};
use crate::claims::Locator;

/// The most addresses of peers that have moved, by what is said, that are tried at once within
/// [`TRIED_FOR`]; each one at which the peer answers is free. A member that makes up addresses would have
/// every node send something there each time. Beyond that a peer is tried there when it is probed and does
/// not answer where it was.
const MOST_TRIED: usize = 16;
const TRIED_FOR: Duration = Duration::from_secs(60);

/// Where one peer is.
#[derive(Clone, Copy, Debug, Hash)]
struct Place {
    /// The address that packets for it go to.
    at: Address,
    /// Whether it has said how it is named and reached in its present life.
    current: bool,
    /// Whether it was heard at the address in use in its present life.
    heard: bool,
    /// The families of its addresses.
    families: Families,
}

/// The places of all nodes, in parallel to the roster.
#[derive(Clone, Debug, Default, Hash)]
pub(crate) struct Places {
    table: Vec<Place>,
    /// What nodes have said of themselves, unless that is nothing but the address in use.
    said: BTreeMap<Ix, Locator>,
    /// The families of this node's own addresses.
    mine: Families,
    /// The nodes with addresses of all families, sorted, while this node has no address of some family.
    relays: Vec<Ix>,
    /// How many addresses have been tried, and since when that is counted.
    tried: usize,
    tried_since: Option<Instant>,
}

impl Places {
    /// Enters a node that has just been interned.
    pub(super) fn admit(&mut self, ix: Ix, locator: &Locator) {
        if ix == Ix::ME {
            self.mine = locator.families();
        }
        let families = locator.families();
        let place = Place { at: self.best_of(locator), current: false, heard: false, families };
        while self.table.len() <= ix.index() {
            growth::push(&mut self.table, place);
        }
        self.table[ix.index()] = place;
        self.learn(ix, locator, false);
    }

    /// A node is forgotten.
    pub(super) fn forget(&mut self, ix: Ix) {
        self.said.remove(&ix);
        self.table[ix.index()].families = Families::default();
        self.follow_relay(ix);
    }

    /// A node is said to be so named and reached in its present life. Packets go to the first of its
    /// addresses if the one in use is none of them, unless it `was_heard`: what is said may be made
    /// up, so it has to answer there first.
    pub(super) fn learn(&mut self, ix: Ix, locator: &Locator, was_heard: bool) {
        let (best, families) = (self.best_of(locator), locator.families());
        let place = &mut self.table[ix.index()];
        let tested = was_heard && families.meet(self.mine);
        if !tested && !locator.list().contains(&place.at) {
            (place.at, place.heard) = (best, false);
        }
        (place.current, place.families) = (true, families);
        self.follow_relay(ix);
        let place = &self.table[ix.index()];
        if locator.is_named_after_its_address() && locator.first() == place.at {
            self.said.remove(&ix);
        } else {
            self.said.insert(ix, locator.clone());
        }
        if ix == Ix::ME && families != self.mine {
            self.mine = families;
            self.find_ways();
        }
    }

    /// The address of a node that this node prefers: the first one of a family that this node has too.
    fn best_of(&self, locator: &Locator) -> Address {
        let same = locator.list().iter().find(|addr| addr.family().meet(self.mine));
        same.copied().unwrap_or_else(|| locator.first())
    }

    /// This node has got or lost a family: which peers it reaches directly, and where, is found anew.
    fn find_ways(&mut self) {
        let mine = self.mine;
        let is_lost = |place: &Place| !place.at.family().meet(mine);
        self.table.iter_mut().filter(|place| is_lost(place)).for_each(|place| place.heard = false);
        let peers: Vec<Ix> = self.said.keys().copied().filter(|&ix| ix != Ix::ME).collect();
        for ix in peers {
            if is_lost(&self.table[ix.index()]) {
                self.table[ix.index()].at = self.best_of(&self.said[&ix]);
            }
            self.follow_relay(ix);
        }
    }

    /// Whether a node is a relay may have changed.
    fn follow_relay(&mut self, ix: Ix) {
        let is = self.table[ix.index()].families.are_all() && !self.mine.are_all() && ix != Ix::ME;
        match self.relays.binary_search(&ix) {
            Ok(at) if !is => drop(self.relays.remove(at)),
            Err(at) if is => growth::insert(&mut self.relays, at, ix),
            Ok(_) | Err(_) => {}
        }
    }

    /// Whether packets of this node may reach a peer: both have addresses of one family, or the peer
    /// was heard at the address in use in its present life.
    pub(crate) fn is_direct(&self, ix: Ix) -> bool {
        let place = &self.table[ix.index()];
        ix == Ix::ME || place.heard || place.families.meet(self.mine)
    }

    /// Whether two nodes have addresses of one family.
    pub(crate) fn share_a_family(&self, one: Ix, other: Ix) -> bool {
        self.table[one.index()].families.meet(self.table[other.index()].families)
    }

    /// The nodes with addresses of all families, in order, while this node has no address of some family.
    pub(crate) fn relays(&self) -> &[Ix] {
        &self.relays
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

    /// There is no way from here to an address. A peer that was heard there is not reached directly any more,
    /// if this node has no address of that family: what was heard may have waited here since before it lost
    /// its own.
    pub(crate) fn no_way(&mut self, addr: SocketAddr) {
        let addr = Address::from(addr);
        let mine = self.mine;
        if !addr.family().meet(mine) {
            let there = self.table.iter_mut().filter(|place| place.at == addr);
            there.for_each(|place| place.heard = false);
        }
    }

    /// Whether so many addresses may be tried now at which others say that peers are.
    pub(crate) fn may_try(&mut self, addresses: usize, now: Instant) -> bool {
        if self.tried_since.is_none_or(|since| now.since(since) >= TRIED_FOR) {
            (self.tried, self.tried_since) = (0, Some(now));
        }
        let may = self.tried + addresses <= MOST_TRIED;
        if may {
            self.tried += addresses;
        }
        may
    }

    /// A node has answered what was sent to one of its addresses. Packets go there from now on.
    pub(crate) fn answered(&mut self, ix: Ix, addr: Address) {
        if self.is_listed(ix, addr) {
            self.tried = self.tried.saturating_sub(1);
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

    /// The other addresses of a node, of families that this node has too, the preferred one first.
    pub(crate) fn others(&self, ix: Ix) -> impl Iterator<Item = SocketAddr> + use<'_> {
        let at = self.table[ix.index()].at;
        let said = self.said.get(&ix).map_or(&[][..], Locator::list);
        let fits = move |addr: &&Address| **addr != at && addr.family().meet(self.mine);
        said.iter().filter(fits).map(|addr| addr.socket())
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

    /// This node has an IPv4 address at first.
    #[test]
    fn a_family_that_both_have_decides_which_address_is_used() {
        let of = |addresses: &[&str]| {
            let addresses: Vec<SocketAddr> =
                addresses.iter().map(|text| text.parse().unwrap()).collect();
            Locator::new(NodeName::try_from("n").unwrap(), &addresses).unwrap()
        };
        let (dual, six) = (Ix::of(1), Ix::of(2));
        let mut places = Places::default();
        places.admit(Ix::ME, &of(&["10.0.0.1:1"]));
        places.admit(dual, &of(&["[::2]:1", "10.0.0.2:1"]));
        places.admit(six, &of(&["[::3]:1"]));
        assert_eq!(places.address(dual), "10.0.0.2:1".parse().unwrap());
        assert_eq!(places.others(dual).count(), 0);
        assert!(places.is_direct(dual) && !places.is_direct(six));
        assert!(places.share_a_family(dual, six) && !places.share_a_family(Ix::ME, six));
        assert_eq!(places.relays(), [dual]);
        // What was heard there can be reached there.
        places.heard(six, "[::3]:1".parse().unwrap());
        assert!(places.is_direct(six));
        // It moves to IPv6, and back with both.
        places.learn(Ix::ME, &of(&["[::1]:1"]), false);
        assert_eq!(places.address(dual), "[::2]:1".parse().unwrap());
        assert_eq!((places.is_direct(six), places.relays()), (true, &[dual][..]));
        places.learn(Ix::ME, &of(&["10.0.0.1:1", "[::1]:1"]), false);
        assert_eq!((places.others(dual).count(), places.relays()), (1, &[][..]));
        places.learn(Ix::ME, &of(&["10.0.0.1:1"]), false);
        assert!(!places.is_direct(six));
        places.forget(dual);
        assert_eq!(places.relays(), []);
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
