//! Socket addresses in few bytes.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::base::hash::Hash;

/// A socket address, IPv4 or IPv6, without scope and flow label.
///
/// An IPv4 address and its IPv4-mapped IPv6 form are one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Address {
    ip: [u8; 16],
    port: [u8; 2],
}

impl Address {
    pub(crate) fn socket(self) -> SocketAddr {
        SocketAddr::new(self.ip(), self.port())
    }

    pub(crate) fn ip(self) -> IpAddr {
        Ipv6Addr::from(self.ip).to_canonical()
    }

    pub(crate) const fn port(self) -> u16 {
        u16::from_be_bytes(self.port)
    }

    pub(crate) fn family(self) -> Families {
        Families(if self.ip().is_ipv4() { 0b01 } else { 0b10 })
    }

    /// Takes it into a hash.
    pub(crate) fn hash(self, hash: Hash) -> Hash {
        let [high, low] = [&self.ip[..8], &self.ip[8..]]
            .map(|half| half.iter().fold(0, |word, &byte| word << 8 | u64::from(byte)));
        hash.word(high).word(low).word(self.port().into())
    }

    /// Whether datagrams can be sent to it as to one node: it has a port, and it is neither
    /// unspecified nor multicast nor broadcast.
    pub(crate) fn is_addressable(self) -> bool {
        let ip = self.ip();
        let broadcast = ip == IpAddr::V4(Ipv4Addr::BROADCAST);
        self.port() != 0 && !ip.is_unspecified() && !ip.is_multicast() && !broadcast
    }
}

/// Some of the address families: IPv4, IPv6.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Families(u8);

impl Families {
    /// Those that are among these or those.
    #[must_use]
    pub(crate) const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether there is one in both.
    pub(crate) const fn meet(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether no family is missing.
    pub(crate) const fn are_all(self) -> bool {
        self.0 == 0b11
    }
}

impl From<SocketAddr> for Address {
    fn from(addr: SocketAddr) -> Self {
        let ip = match addr.ip() {
            IpAddr::V4(v4) => v4.to_ipv6_mapped(),
            IpAddr::V6(v6) => v6,
        };
        Self { ip: ip.octets(), port: addr.port().to_be_bytes() }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.socket(), f)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.socket(), f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Address {
        Address::from(text.parse::<SocketAddr>().unwrap())
    }

    #[test]
    fn mapped_and_plain_ipv4_are_one_address() {
        assert_eq!(address("[::ffff:10.0.0.2]:5"), address("10.0.0.2:5"));
    }

    #[test]
    fn a_mapped_address_is_of_the_family_of_the_plain_one() {
        let [plain, mapped, six] =
            ["10.0.0.2:5", "[::ffff:10.0.0.2]:5", "[::1]:5"].map(|text| address(text).family());
        assert_eq!(plain, mapped);
        assert!(!plain.meet(six) && plain.or(six).are_all() && !plain.or(mapped).are_all());
    }

    #[test]
    fn what_names_no_single_host_is_not_addressable() {
        for text in ["0.0.0.0:5", "[::]:5", "224.0.0.1:5", "[ff02::1]:5", "255.255.255.255:5"] {
            assert!(!address(text).is_addressable(), "{text}");
        }
        assert!(!address("10.0.0.1:0").is_addressable());
        assert!(address("10.0.0.1:5").is_addressable() && address("[::1]:5").is_addressable());
    }
}
