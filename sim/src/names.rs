//! How nodes are named and addressed, and which node is meant by an identity.

use core::fmt::Write as _;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::collections::HashMap;

use scalesmall_core::{ClusterName, NodeId, NodeName};

/// What a protocol calls a node by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Identity {
    /// Its address, in a protocol to which an address is an identity.
    Address(SocketAddr),
    /// The hash of its name.
    Id(NodeId),
}

impl From<SocketAddr> for Identity {
    fn from(addr: SocketAddr) -> Self {
        Self::Address(addr)
    }
}

impl From<NodeId> for Identity {
    fn from(id: NodeId) -> Self {
        Self::Id(id)
    }
}

/// The names, addresses and identities of the nodes of one simulation.
#[derive(Clone, Debug)]
pub struct Names {
    cluster: ClusterName,
    ipv6: bool,
    ids: Vec<NodeId>,
    numbers: HashMap<NodeId, u32>,
}

impl Names {
    pub(crate) fn new(cluster: ClusterName, nodes: usize, ipv6: bool) -> Self {
        let mut names = Self { cluster, ipv6, ids: Vec::new(), numbers: HashMap::new() };
        names.ids = (0..nodes).map(|node| names.cluster.node(&names.name(node))).collect();
        names.numbers = names.ids.iter().copied().zip(0..).collect();
        names
    }

    /// A node's address.
    #[must_use]
    pub fn addr(&self, node: usize) -> SocketAddr {
        addr_of(node, self.ipv6)
    }

    /// A node's name: its address.
    #[must_use]
    pub fn name(&self, node: usize) -> NodeName {
        NodeName::of_address(self.addr(node))
    }

    /// A node's identity; beyond the last node, that of one which does not exist.
    #[must_use]
    pub fn id(&self, node: usize) -> NodeId {
        let known = self.ids.get(node).copied();
        known.unwrap_or_else(|| self.cluster.node(&self.name(node)))
    }

    /// The node that is meant, if there is one.
    #[must_use]
    pub fn find(&self, identity: Identity) -> Option<usize> {
        match identity {
            Identity::Address(addr) => node_at(addr).filter(|node| *node < self.ids.len()),
            Identity::Id(id) => self.numbers.get(&id).map(|node| *node as usize),
        }
    }

    /// A text with the names of nodes in place of their identities.
    #[must_use]
    pub fn in_text(&self, text: &str) -> String {
        let is_digit = |c: char| c.is_ascii_hexdigit();
        let (mut named, mut rest) = (String::with_capacity(text.len()), text);
        while let Some(start) = rest.find(is_digit) {
            let len = rest[start..].find(|c| !is_digit(c)).unwrap_or(rest.len() - start);
            let digits = &rest[start..start + len];
            named.push_str(&rest[..start]);
            match digits.parse().ok().and_then(|id: NodeId| self.find(id.into())) {
                // Writing to a string never fails.
                Some(node) => drop(write!(named, "{}", self.name(node))),
                None => named.push_str(digits),
            }
            rest = &rest[start + len..];
        }
        named + rest
    }

    /// A node has this identity: it may be in a cluster of its own.
    pub(crate) fn learn(&mut self, node: usize, id: NodeId) {
        if self.ids[node] != id {
            self.ids[node] = id;
            self.numbers.insert(id, node as u32);
        }
    }
}

/// The address of the node of this index.
fn addr_of(node: usize, ipv6: bool) -> SocketAddr {
    let number = u32::try_from(node + 1).unwrap_or(u32::MAX) & 0x00ff_ffff;
    let ip: IpAddr = if ipv6 {
        let host = [(number >> 16) as u16, number as u16];
        Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, host[0], host[1]).into()
    } else {
        Ipv4Addr::from(0x0a00_0000 | number).into()
    };
    SocketAddr::new(ip, PORT)
}

/// The index of the node that has this address, if any can.
fn node_at(addr: SocketAddr) -> Option<usize> {
    let number = match addr.ip() {
        IpAddr::V4(ip) => ip.to_bits().checked_sub(0x0a00_0000)?,
        IpAddr::V6(ip) => u32::try_from(ip.to_bits().checked_sub(0xfd00_u128 << 112)?).ok()?,
    };
    let in_range = addr.port() == PORT && (1..=0x00ff_ffff).contains(&number);
    in_range.then(|| number as usize - 1)
}

/// The original's port.
const PORT: u16 = 29_999;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_nodes_are_one_to_one() {
        for node in [0, 1, 255, 256, 70_000] {
            assert_eq!(node_at(addr_of(node, false)), Some(node));
            assert_eq!(node_at(addr_of(node, true)), Some(node));
        }
        assert_eq!(node_at("10.0.0.0:29999".parse().unwrap()), None);
        assert_eq!(node_at("9.0.0.1:29999".parse().unwrap()), None);
        assert_eq!(node_at("10.0.0.1:1".parse().unwrap()), None);
    }

    fn three() -> Names {
        Names::new(ClusterName::try_from("c").unwrap(), 3, false)
    }

    #[test]
    fn a_node_is_found_by_its_address_and_by_its_identity() {
        let mut names = three();
        for node in 0..3 {
            assert_eq!(names.find(names.addr(node).into()), Some(node));
            assert_eq!(names.find(names.id(node).into()), Some(node));
        }
        let nobody = [Identity::from(names.addr(3)), names.id(3).into()];
        assert_eq!(nobody.map(|nobody| names.find(nobody)), [None; 2]);
        let elsewhere = NodeId::from_bits(7);
        names.learn(1, elsewhere);
        assert_eq!((names.id(1), names.find(elsewhere.into())), (elsewhere, Some(1)));
    }

    #[test]
    fn identities_in_a_text_become_names() {
        let names = three();
        let (id, stranger) = (names.id(2), names.id(3));
        let text = format!("of {id} ({id}@0123456789abcdef), {stranger} and {id}0");
        let named = names.in_text(&text);
        let name = names.name(2);
        assert_eq!(named, format!("of {name} ({name}@0123456789abcdef), {stranger} and {id}0"));
    }
}
