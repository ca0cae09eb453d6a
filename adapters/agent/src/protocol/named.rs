//! Nodes as a client sees them.

use std::net::SocketAddr;

use scalesmall_core::{NodeId, NodeName, Peer};
use scalesmall_driver::Front;
use serde::{Deserialize, Serialize};

/// Where the name of a node is known.
pub(crate) type NameOf<'a> = &'a dyn Fn(NodeId) -> Option<NodeName>;

/// A node that has a part in something.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) struct Named {
    /// 16 hexadecimal digits.
    pub(crate) id: String,
    /// None if it is not known any more.
    pub(crate) name: Option<String>,
}

impl Named {
    pub(crate) fn new(id: NodeId, name_of: NameOf<'_>) -> Self {
        Self { id: id.to_string(), name: name_of(id).map(|name| name.to_string()) }
    }

    /// What people call it: its name, or its identity if nobody knows the name.
    pub(crate) fn shown(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.id)
    }
}

/// A node, and how it is reached.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct NodeRow {
    /// 16 hexadecimal digits.
    pub(crate) id: String,
    pub(crate) name: String,
    /// The address that packets for it go to.
    pub(crate) address: String,
    /// What it says of itself, the preferred address first.
    pub(crate) addresses: Vec<String>,
}

impl NodeRow {
    /// A node of which `node` knows the name and the address; `None` if it knows neither any more.
    pub(crate) fn of(node: &Front, id: NodeId) -> Option<Self> {
        node.peer(id).as_ref().map(Self::from)
    }
}

impl From<&Peer> for NodeRow {
    fn from(peer: &Peer) -> Self {
        Self {
            id: peer.id.to_string(),
            name: peer.name.to_string(),
            address: peer.address.to_string(),
            addresses: peer.addresses.iter().map(SocketAddr::to_string).collect(),
        }
    }
}
