//! Which addresses nodes have, and which node has an address.
//!
//! Each family has a few networks. A node's first address of a family is in the first of them, its second
//! one in the second, and so on. All addresses of a family reach each other.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use serde::{Deserialize, Serialize};

/// A family of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// The family of an address.
    #[must_use]
    pub const fn of(addr: SocketAddr) -> Self {
        match addr {
            SocketAddr::V4(_) => Self::V4,
            SocketAddr::V6(_) => Self::V6,
        }
    }
}

/// The addresses of all nodes, and the nodes of all addresses.
#[derive(Clone, Debug)]
pub(crate) struct Addresses {
    of: Vec<Vec<SocketAddr>>,
    /// By network and number: the node that has the address, counted from 1.
    holders: [Vec<u32>; 2 * NETWORKS],
    /// The family of nodes that there are not.
    family: Family,
    /// The last number that was given out.
    last: u32,
}

impl Addresses {
    pub(crate) fn new(nodes: usize, families: impl Fn(usize) -> Vec<Family>) -> Self {
        let family = families(0).first().copied().unwrap_or(Family::V4);
        let holders = core::array::from_fn(|_| Vec::new());
        let last = u32::try_from(nodes).unwrap_or(u32::MAX);
        let mut addresses = Self { of: vec![Vec::new(); nodes], holders, family, last };
        for node in 0..nodes {
            let own = in_networks(&families(node), number_of(node));
            addresses.assign(node, &own);
        }
        addresses
    }

    pub(crate) fn of(&self, node: usize) -> &[SocketAddr] {
        self.of.get(node).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn first(&self, node: usize) -> SocketAddr {
        let first = self.of(node).first().copied();
        first.unwrap_or_else(|| address(self.family, 0, number_of(node)))
    }

    pub(crate) fn holder(&self, addr: SocketAddr) -> Option<usize> {
        let (network, number) = place_of(addr)?;
        let holder = self.holders[network].get(number as usize).copied()?;
        (holder as usize).checked_sub(1)
    }

    pub(crate) fn source(&self, node: usize, to: SocketAddr) -> Option<SocketAddr> {
        let own = self.of(node).iter().copied();
        let mut fitting = own.filter(|own| Family::of(*own) == Family::of(to));
        let network = |addr| place_of(addr).map(|(network, _)| network);
        let near = fitting.clone().find(|own| network(*own) == network(to));
        near.or_else(|| fitting.next())
    }

    pub(crate) fn assign(&mut self, node: usize, addresses: &[SocketAddr]) {
        let old = core::mem::replace(&mut self.of[node], addresses.to_vec());
        for addr in old {
            if self.holder(addr) == Some(node) {
                self.set_holder(addr, 0);
            }
        }
        for &addr in addresses {
            self.set_holder(addr, node as u32 + 1);
        }
    }

    fn set_holder(&mut self, addr: SocketAddr, holder: u32) {
        let Some((network, number)) = place_of(addr) else { return };
        let holders = &mut self.holders[network];
        if holders.len() <= number as usize {
            holders.resize(number as usize + 1, 0);
        }
        holders[number as usize] = holder;
    }

    pub(crate) fn fresh(&mut self, families: &[Family]) -> Vec<SocketAddr> {
        self.last = self.last.saturating_add(1).min(LAST);
        in_networks(families, self.last)
    }
}

/// The most addresses of a node, and the networks of each family.
pub(crate) const NETWORKS: usize = scalesmall_core::Locator::MAX_ADDRESSES;

/// Addresses of these families with one number, each in another network of its family.
fn in_networks(families: &[Family], number: u32) -> Vec<SocketAddr> {
    let mut used = [0; 2];
    let some = families.iter().take(NETWORKS).map(|&family| {
        let network = &mut used[family as usize];
        *network += 1;
        address(family, *network - 1, number)
    });
    some.collect()
}

fn number_of(node: usize) -> u32 {
    u32::try_from(node + 1).unwrap_or(u32::MAX).min(LAST)
}

fn address(family: Family, network: usize, number: u32) -> SocketAddr {
    let ip: IpAddr = match family {
        Family::V4 => Ipv4Addr::from((10 + network as u32) << 24 | number).into(),
        Family::V6 => {
            let host = [(number >> 16) as u16, number as u16];
            Ipv6Addr::new(0xfd00 + network as u16, 0, 0, 0, 0, 0, host[0], host[1]).into()
        }
    };
    SocketAddr::new(ip, PORT)
}

/// The network and the number of an address, if it can be that of a node.
fn place_of(addr: SocketAddr) -> Option<(usize, u32)> {
    let (network, number) = match addr.ip() {
        IpAddr::V4(ip) => {
            let bits = ip.to_bits();
            ((bits >> 24).checked_sub(10)? as usize, bits & LAST)
        }
        IpAddr::V6(ip) => {
            let bits = ip.to_bits();
            let number = bits & ((1 << 112) - 1);
            ((bits >> 112).checked_sub(0xfd00)? as usize, u32::try_from(number).ok()?)
        }
    };
    let exists = network < NETWORKS && addr.port() == PORT && (1..=LAST).contains(&number);
    let of_family = Family::of(addr) as usize * NETWORKS;
    exists.then_some((of_family + network, number))
}

/// The highest number of an address in its network.
const LAST: u32 = 0x00ff_ffff;

/// The original's port.
const PORT: u16 = 29_999;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_places_are_one_to_one() {
        for family in [Family::V4, Family::V6] {
            for network in 0..NETWORKS {
                for number in [1, 2, 255, 256, 70_000, LAST] {
                    let (place, of) = place_of(address(family, network, number)).unwrap();
                    assert_eq!((place % NETWORKS, of), (network, number));
                    assert_eq!(place / NETWORKS, family as usize);
                }
            }
        }
        for nobody in
            ["10.0.0.0:29999", "9.0.0.1:29999", "14.0.0.1:29999", "10.0.0.1:1", "[fd04::1]:29999"]
        {
            assert_eq!(place_of(nobody.parse().unwrap()), None, "{nobody}");
        }
    }

    #[test]
    fn a_datagram_comes_from_the_network_that_it_goes_to_if_there_is_an_address() {
        let families = |node| match node {
            0 => vec![Family::V4, Family::V6, Family::V4],
            1 => vec![Family::V6, Family::V4],
            _ => vec![Family::V6],
        };
        let addresses = Addresses::new(3, families);
        let [first, second, third] = [0, 1, 2].map(|node| addresses.of(node).to_vec());
        assert_eq!(addresses.source(1, first[0]), Some(second[1]));
        assert_eq!(addresses.source(0, second[1]), Some(first[0]));
        assert_eq!(
            addresses.source(1, first[2]),
            Some(second[1]),
            "from another network of the family"
        );
        assert_eq!(addresses.source(2, first[0]), None);
        assert_eq!(addresses.source(2, first[1]), Some(third[0]));
    }

    #[test]
    fn nobody_else_gets_an_address_that_was_given_out() {
        let mut addresses = Addresses::new(2, |_| vec![Family::V4]);
        let (old, new) = (addresses.first(0), addresses.fresh(&[Family::V4]));
        addresses.assign(0, &new);
        assert_eq!((addresses.holder(old), addresses.holder(new[0])), (None, Some(0)));
        assert_ne!(addresses.fresh(&[Family::V4]), new);
        // Two that swap are each found where the other was.
        let other = addresses.first(1);
        addresses.assign(0, &[other]);
        addresses.assign(1, &new);
        assert_eq!((addresses.holder(other), addresses.holder(new[0])), (Some(0), Some(1)));
    }
}
