//! How a node is named and reached.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::net::SocketAddr;

use crate::base::{Address, Families, Hash, NodeId, NodeName};
use crate::seal::ClusterName;

/// A node's name and the addresses at which it can be reached, the preferred one first.
///
/// A node that has no other name is named after its address, and has that address alone: see
/// [`Locator::from`] a [`SocketAddr`].
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Locator(Kind);

#[derive(Clone, PartialEq, Eq, Hash)]
enum Kind {
    /// The name is the text of the address.
    Unnamed(Address),
    Named(Arc<(NodeName, Box<[Address]>)>),
}

impl Locator {
    /// The most addresses of a node.
    pub const MAX_ADDRESSES: usize = 4;

    /// A node with a name of its own. Scopes and flow labels of IPv6 addresses are left out.
    ///
    /// # Errors
    ///
    /// [`LocatorError`] if there are no addresses or more than [`Locator::MAX_ADDRESSES`], if one is
    /// there twice, if one is not that of a single host with a port, or if the name is an address and
    /// not the only one given.
    pub fn new(name: NodeName, addresses: &[SocketAddr]) -> Result<Self, LocatorError> {
        if addresses.is_empty() || addresses.len() > Self::MAX_ADDRESSES {
            return Err(LocatorError::Count { count: addresses.len() });
        }
        for (at, &addr) in addresses.iter().enumerate() {
            if !Address::from(addr).is_addressable() {
                return Err(LocatorError::NotAddressable { addr });
            }
            if addresses[..at].iter().any(|&before| Address::from(before) == Address::from(addr)) {
                return Err(LocatorError::Twice { addr });
            }
        }
        let locator = Self::of(name, addresses.iter().map(|&addr| addr.into()).collect());
        if locator.has_foreign_address() {
            return Err(LocatorError::Fixed);
        }
        Ok(locator)
    }

    /// Of one or more addresses.
    pub(crate) fn of(name: NodeName, addresses: Vec<Address>) -> Self {
        match *addresses {
            [only] if NodeName::of_address(only.socket()) == name => Self(Kind::Unnamed(only)),
            _ => Self(Kind::Named(Arc::new((name, addresses.into())))),
        }
    }

    /// The node's name.
    #[must_use]
    pub fn name(&self) -> NodeName {
        match &self.0 {
            Kind::Unnamed(addr) => NodeName::of_address(addr.socket()),
            Kind::Named(named) => named.0.clone(),
        }
    }

    /// Its addresses, the preferred one first.
    pub fn addresses(&self) -> impl Iterator<Item = SocketAddr> + use<'_> {
        self.list().iter().map(|addr| addr.socket())
    }

    /// Whether the node has no other name than its address, which it then keeps in all its lives.
    #[must_use]
    pub const fn is_named_after_its_address(&self) -> bool {
        matches!(self.0, Kind::Unnamed(_))
    }

    pub(crate) fn list(&self) -> &[Address] {
        match &self.0 {
            Kind::Unnamed(addr) => core::slice::from_ref(addr),
            Kind::Named(named) => &named.1,
        }
    }

    /// The preferred address.
    pub(crate) fn first(&self) -> Address {
        // There is always one.
        self.list()[0]
    }

    /// The families of its addresses.
    pub(crate) fn families(&self) -> Families {
        self.list().iter().fold(Families::default(), |all, addr| all.or(addr.family()))
    }

    /// Whether it is named after an address and has another one.
    fn has_foreign_address(&self) -> bool {
        !self.is_named_after_its_address() && self.name().as_str().parse::<SocketAddr>().is_ok()
    }

    /// Whether datagrams can be sent to all of its addresses, and it is that of a node.
    pub(crate) fn is_of(&self, id: NodeId, cluster: &ClusterName) -> bool {
        !self.has_foreign_address()
            && self.list().iter().all(|addr| addr.is_addressable())
            && cluster.node(&self.name()) == id
    }

    /// Takes it into a hash.
    pub(crate) fn hash(&self, hash: Hash) -> Hash {
        let hash = match &self.0 {
            Kind::Unnamed(_) => hash.word(0),
            Kind::Named(named) => hash.bytes(named.0.as_str().as_bytes()),
        };
        self.list().iter().fold(hash, |hash, addr| addr.hash(hash))
    }
}

impl From<SocketAddr> for Locator {
    /// A node that is named after the address that it advertises, which is its only one.
    fn from(addr: SocketAddr) -> Self {
        Self(Kind::Unnamed(addr.into()))
    }
}

impl fmt::Debug for Locator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Unnamed(addr) => fmt::Debug::fmt(addr, f),
            Kind::Named(named) => write!(f, "{:?} at {:?}", named.0, named.1),
        }
    }
}

/// Why addresses are not those of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LocatorError {
    /// There are none, or too many.
    Count {
        /// How many were given.
        count: usize,
    },
    /// It is unspecified, a multicast or broadcast address, or has port 0.
    NotAddressable {
        /// The address.
        addr: SocketAddr,
    },
    /// The node is named after its address, and keeps it: one that is to move needs a name.
    Fixed,
    /// It was given twice.
    Twice {
        /// The address.
        addr: SocketAddr,
    },
}

impl fmt::Display for LocatorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count { count } => write!(
                f,
                "{count} addresses for one node; 1 to {} are allowed",
                Locator::MAX_ADDRESSES
            ),
            Self::NotAddressable { addr } => write!(
                f,
                "{addr} is not the address of one host: advertise one that others can send to"
            ),
            Self::Fixed => f.write_str(
                "a node that is named after its address keeps it: give it a name, and it can move",
            ),
            Self::Twice { addr } => write!(f, "the address {addr} is given twice"),
        }
    }
}

impl core::error::Error for LocatorError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> NodeName {
        NodeName::try_from(text).unwrap()
    }

    fn addr(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_node_named_like_its_address_is_an_unnamed_one() {
        let a = addr("10.0.0.1:5");
        assert_eq!(Locator::new(name("10.0.0.1:5"), &[a]).unwrap(), Locator::from(a));
        assert_eq!(Locator::new(name("10.0.0.1:6"), &[a]), Err(LocatorError::Fixed));
        let two = Locator::new(name("10.0.0.1:5"), &[a, addr("[::1]:5")]);
        assert_eq!(two, Err(LocatorError::Fixed));
    }

    #[test]
    fn addresses_are_counted_and_looked_at() {
        let new = |addresses: &[SocketAddr]| Locator::new(name("n"), addresses);
        assert_eq!(new(&[]), Err(LocatorError::Count { count: 0 }));
        let (a, b) = (addr("10.0.0.1:5"), addr("[::ffff:10.0.0.1]:5"));
        assert_eq!(new(&[a, b]), Err(LocatorError::Twice { addr: b }));
        let nowhere = addr("0.0.0.0:5");
        assert_eq!(new(&[nowhere]), Err(LocatorError::NotAddressable { addr: nowhere }));
        assert_eq!(new(&[a; 5]), Err(LocatorError::Count { count: 5 }));
    }

    #[test]
    fn a_locator_belongs_to_the_node_of_its_name_in_its_cluster() {
        let [one, other] = ["one", "other"].map(|name| ClusterName::try_from(name).unwrap());
        let locator = Locator::new(name("n"), &[addr("10.0.0.1:5")]).unwrap();
        assert!(locator.is_of(one.node(&name("n")), &one));
        assert!(!locator.is_of(one.node(&name("n")), &other));
        assert!(!locator.is_of(one.node(&name("m")), &one));
    }
}
