//! The host's network interfaces: their names, indices and addresses.

use std::io;
use std::net::IpAddr;

use if_addrs::{IfAddr, IfOperStatus, get_if_addrs};

/// The most addresses that a node has.
const MOST: usize = scalesmall_core::Locator::MAX_ADDRESSES;

/// An address of an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) name: String,
    /// 0 if the system has none.
    pub(crate) index: u32,
    pub(crate) ip: IpAddr,
    /// Whether it is an IPv4 address with a broadcast address.
    broadcasts: bool,
    /// Whether the interface can carry anything at present, as far as the system says.
    is_up: bool,
}

impl Found {
    /// Whether it is of the interface of this name, or else is this address.
    fn is(&self, name: Option<&str>, address: IpAddr) -> bool {
        name.map_or(self.ip == address, |name| self.name == name)
    }
}

/// An interface that is there and up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Link {
    /// 0, which lets the system choose, if the system has none.
    pub(crate) index: u32,
}

/// All addresses of the host.
pub(crate) fn list() -> io::Result<Vec<Found>> {
    let interfaces = get_if_addrs()?.into_iter();
    let found = |interface: if_addrs::Interface| {
        let broadcasts = matches!(&interface.addr, IfAddr::V4(v4) if v4.broadcast.is_some());
        let (ip, index) = (interface.ip(), interface.index.unwrap_or(0));
        let is_up = interface.oper_status != IfOperStatus::Down;
        Found { name: interface.name, index, ip, broadcasts, is_up }
    };
    Ok(interfaces.map(found).collect())
}

/// Which of the host's addresses a node takes if it is given none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Choice<'a> {
    /// The unspecified address that the node binds to: that of IPv6 stands for both families.
    pub(crate) bind: IpAddr,
    /// The interface that it is to have, if one is named.
    pub(crate) interface: Option<&'a str>,
    /// Whether it may have more than one.
    pub(crate) several: bool,
}

impl Choice<'_> {
    /// The addresses to take: on a named interface all that others can reach, else one of each family.
    /// Those in use, the first ones first, are kept for as long as the host has them.
    ///
    /// Link-local addresses count only on a named interface that has no other IPv6 address, as a node
    /// elsewhere cannot tell which link they are of.
    pub(crate) fn of(self, host: &[Found], in_use: &[IpAddr]) -> Vec<IpAddr> {
        let fits = |found: &&Found| self.fits(found);
        // An interface without a carrier counts if there is no other: it may get one.
        let up = host.iter().filter(fits).any(|found| found.is_up);
        let (six, four): (Vec<&Found>, Vec<&Found>) = host
            .iter()
            .filter(fits)
            .filter(|found| found.is_up || !up)
            .partition(|found| found.ip.is_ipv6());
        let global = six.iter().any(|found| !is_link_local(found.ip));
        let six = six.into_iter().filter(|found| !(global && is_link_local(found.ip)));
        let mut chosen: Vec<IpAddr> = Vec::new();
        for family in [six.collect::<Vec<_>>(), four] {
            let ips = || family.iter().map(|found| found.ip);
            let kept = in_use.iter().copied().filter(|&used| ips().any(|ip| ip == used));
            let ordered = kept.chain(ips().filter(|ip| !in_use.contains(ip)));
            chosen.extend(ordered.take(if self.interface.is_some() { MOST } else { 1 }));
        }
        // Those in use come first, whatever their family.
        chosen.sort_by_key(|ip| in_use.iter().position(|used| used == ip).unwrap_or(MOST));
        chosen.truncate(if self.several { MOST } else { 1 });
        chosen
    }

    fn fits(self, found: &Found) -> bool {
        if found.ip.is_ipv6() && self.bind.is_ipv4() {
            return false;
        }
        match self.interface {
            Some(name) => found.name == name,
            None => {
                let reached = found.ip.is_ipv6() || found.broadcasts;
                reached && !found.ip.is_loopback() && !is_link_local(found.ip)
            }
        }
    }
}

/// The address that a node takes if it is given none: the first IPv4 address that has a broadcast
/// address, or `None` on a host without one.
pub(crate) fn default_ipv4() -> io::Result<Option<IpAddr>> {
    let bind = std::net::Ipv4Addr::UNSPECIFIED.into();
    let choice = Choice { bind, interface: None, several: false };
    Ok(choice.of(&list()?, &[]).first().copied())
}

/// The interface of this name, or else the one that has `address`, if it is up.
pub(crate) fn link_of(host: &[Found], name: Option<&str>, address: IpAddr) -> Option<Link> {
    let found = host.iter().filter(|found| found.is_up).find(|found| found.is(name, address))?;
    Some(Link { index: found.index })
}

/// The index of that interface, or 0, which lets the system choose.
pub(crate) fn index_of(name: Option<&str>, address: IpAddr) -> io::Result<u32> {
    let host = list()?;
    Ok(host.iter().find(|found| found.is(name, address)).map_or(0, |found| found.index))
}

/// Whether an address says nothing without an interface.
pub(crate) const fn is_link_local(ip: IpAddr) -> bool {
    matches!(ip, IpAddr::V6(v6) if v6.is_unicast_link_local())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn host(text: &str) -> Vec<Found> {
        let one = |(index, line): (usize, &str)| {
            let (name, ip) = line.split_once(' ').unwrap();
            let ip: IpAddr = ip.parse().unwrap();
            let broadcasts = ip.is_ipv4() && !ip.is_loopback();
            Found { name: name.to_owned(), index: index as u32 + 1, ip, broadcasts, is_up: true }
        };
        text.split(", ").enumerate().map(one).collect()
    }

    fn chosen(bind: &str, interface: Option<&str>, hosts: &str, in_use: &[&str]) -> Vec<String> {
        let choice = Choice { bind: bind.parse().unwrap(), interface, several: true };
        let in_use: Vec<IpAddr> = in_use.iter().map(|ip| ip.parse().unwrap()).collect();
        choice.of(&host(hosts), &in_use).iter().map(IpAddr::to_string).collect()
    }

    const HOST: &str = "lo 127.0.0.1, lo ::1, eth0 10.0.0.1, eth0 fe80::1, eth0 fd00::1, eth1 10.1.0.1, \
                        eth1 fe80::2";

    #[test]
    fn the_first_address_of_each_family_is_taken_and_kept() {
        assert_eq!(chosen("0.0.0.0", None, HOST, &[]), ["10.0.0.1"]);
        assert_eq!(chosen("::", None, HOST, &[]), ["fd00::1", "10.0.0.1"]);
        assert_eq!(chosen("0.0.0.0", None, HOST, &["10.1.0.1"]), ["10.1.0.1"]);
        assert_eq!(chosen("::", None, HOST, &["10.1.0.1", "fd00::9"]), ["10.1.0.1", "fd00::1"]);
        assert_eq!(chosen("0.0.0.0", None, "lo 127.0.0.1", &["10.0.0.1"]), [""; 0]);
    }

    #[test]
    fn on_a_named_interface_all_addresses_count() {
        assert_eq!(chosen("::", Some("eth0"), HOST, &[]), ["fd00::1", "10.0.0.1"]);
        assert_eq!(chosen("::", Some("eth1"), HOST, &["10.1.0.1"]), ["10.1.0.1", "fe80::2"]);
        assert_eq!(chosen("0.0.0.0", Some("lo"), HOST, &[]), ["127.0.0.1"]);
        assert_eq!(chosen("::", Some("eth7"), HOST, &[]), [""; 0]);
        let many = "e 10.0.0.1, e 10.0.0.2, e 10.0.0.3, e 10.0.0.4, e 10.0.0.5";
        let four = ["10.0.0.5", "10.0.0.1", "10.0.0.2", "10.0.0.3"];
        assert_eq!(chosen("0.0.0.0", Some("e"), many, &["10.0.0.5"]), four);
    }

    #[test]
    fn indices_are_found_by_name_and_by_address() {
        let mut host = host(HOST);
        let index = |host: &[Found], name, address: &str| {
            link_of(host, name, address.parse().unwrap()).map(|link| link.index)
        };
        assert_eq!(index(&host, Some("eth1"), "10.0.0.1"), Some(6));
        assert_eq!(index(&host, None, "10.0.0.1"), Some(3));
        assert_eq!(index(&host, None, "10.9.0.1"), None);
        host[2].is_up = false;
        assert_eq!(index(&host, None, "10.0.0.1"), None);
    }
}
