//! The addresses and indices of the host's network interfaces.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use if_addrs::{IfAddr, get_if_addrs};

/// The address that a node takes if it is given none: the first IPv4 address that has a broadcast
/// address, or `None` on a host without one.
pub(crate) fn default_ipv4() -> io::Result<Option<Ipv4Addr>> {
    let interfaces = get_if_addrs()?;
    Ok(interfaces.into_iter().find_map(|interface| match interface.addr {
        IfAddr::V4(v4) if !v4.ip.is_loopback() && v4.broadcast.is_some() => Some(v4.ip),
        _ => None,
    }))
}

/// The address to advertise for a socket bound to all IPv6 addresses: the first that is neither
/// loopback nor link-local, or `None` on a host without one.
pub(crate) fn default_ipv6() -> io::Result<Option<Ipv6Addr>> {
    let interfaces = get_if_addrs()?;
    Ok(interfaces.into_iter().find_map(|interface| match interface.addr {
        IfAddr::V6(v6) if !v6.ip.is_loopback() && !v6.ip.is_unicast_link_local() => Some(v6.ip),
        _ => None,
    }))
}

/// The index of the interface that has `address`, or 0, which lets the system choose.
pub(crate) fn index_of(address: IpAddr) -> io::Result<u32> {
    let interfaces = get_if_addrs()?;
    let found = interfaces.into_iter().find(|interface| interface.ip() == address);
    Ok(found.and_then(|interface| interface.index).unwrap_or(0))
}
