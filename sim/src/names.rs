//! How nodes are named and addressed, and which node is meant by an identity.

use core::fmt::Write as _;
use core::net::SocketAddr;
use std::collections::HashMap;

use scalesmall_core::{ClusterName, Locator, NodeId, NodeName};

use crate::addresses::{Addresses, Family};

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
    /// Whether nodes have names of their own, and not those of their addresses.
    given: bool,
    addresses: Addresses,
    ids: Vec<NodeId>,
    numbers: HashMap<NodeId, u32>,
}

impl Names {
    /// Nodes with names of their own if they are `given` some, each with addresses of these families.
    pub(crate) fn new(
        cluster: ClusterName,
        nodes: usize,
        given: bool,
        families: impl Fn(usize) -> Vec<Family>,
    ) -> Self {
        let addresses = Addresses::new(nodes, families);
        let (ids, numbers) = (Vec::new(), HashMap::new());
        let mut names = Self { cluster, given, addresses, ids, numbers };
        names.ids = (0..nodes).map(|node| names.cluster.node(&names.name(node))).collect();
        names.numbers = names.ids.iter().copied().zip(0..).collect();
        names
    }

    /// A node's address, the preferred one if it has several.
    #[must_use]
    pub fn addr(&self, node: usize) -> SocketAddr {
        self.addresses.first(node)
    }

    /// All addresses of a node, the preferred one first; none if there is no such node.
    #[must_use]
    pub fn addresses(&self, node: usize) -> &[SocketAddr] {
        self.addresses.of(node)
    }

    /// How many nodes there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there are no nodes.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// A node's name: one of 12 bytes, or its address.
    #[must_use]
    pub fn name(&self, node: usize) -> NodeName {
        let given = self.given.then(|| NodeName::try_from(given_name(node).as_str()).ok());
        given.flatten().unwrap_or_else(|| NodeName::of_address(self.addr(node)))
    }

    /// Whether nodes have names of their own. If not, they keep their addresses.
    #[must_use]
    pub const fn are_given(&self) -> bool {
        self.given
    }

    /// What a node says of its name and addresses.
    pub(crate) fn locator(&self, node: usize) -> Locator {
        let named = Locator::new(self.name(node), self.addresses(node));
        named.unwrap_or_else(|_| Locator::from(self.addr(node)))
    }

    /// A node's identity; beyond the last node, that of one which does not exist.
    #[must_use]
    pub fn id(&self, node: usize) -> NodeId {
        let known = self.ids.get(node).copied();
        known.unwrap_or_else(|| self.cluster.node(&self.name(node)))
    }

    /// The node that is meant, if there is one: by an address, the one that has it now.
    #[must_use]
    pub fn find(&self, identity: Identity) -> Option<usize> {
        match identity {
            Identity::Address(addr) => self.addresses.holder(addr),
            Identity::Id(id) => self.numbers.get(&id).map(|node| *node as usize),
        }
    }

    /// The address that a node's datagrams to another address come from; `None` if it has none of that
    /// family.
    #[must_use]
    pub fn source(&self, node: usize, to: SocketAddr) -> Option<SocketAddr> {
        self.addresses.source(node, to)
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

    /// Addresses of these families that no node has had.
    pub(crate) fn fresh(&mut self, families: &[Family]) -> Vec<SocketAddr> {
        self.addresses.fresh(families)
    }

    /// Gives a node other addresses, which no other node has.
    pub(crate) fn assign(&mut self, node: usize, addresses: &[SocketAddr]) {
        self.addresses.assign(node, addresses);
    }
}

/// The name of the node of this number, if nodes have names of their own: 12 bytes.
pub(crate) fn given_name(node: usize) -> String {
    format!("node-{node:07}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three() -> Names {
        Names::new(ClusterName::try_from("c").unwrap(), 3, false, |_| vec![Family::V4])
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

    #[test]
    fn a_node_that_is_given_a_name_keeps_its_identity_wherever_it_is() {
        let cluster = ClusterName::try_from("c").unwrap();
        let mut names = Names::new(cluster, 3, true, |_| vec![Family::V4, Family::V6]);
        let (id, old) = (names.id(1), names.addresses(1).to_vec());
        assert_eq!((names.name(1).as_str().len(), old.len()), (12, 2));
        let new = names.fresh(&[Family::V6]);
        names.assign(1, &new);
        assert_eq!((names.id(1), names.addresses(1)), (id, new.as_slice()));
        assert_eq!(names.find(new[0].into()), Some(1));
        assert_eq!(old.iter().find_map(|addr| names.find((*addr).into())), None);
        assert_eq!(names.locator(1).name(), names.name(1));
        assert_eq!(names.source(1, old[0]), None, "it has no address of that family any more");
    }
}
