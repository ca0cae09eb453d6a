//! How a node is named and reached, from bytes.

use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::base::{Address, NodeName};
use crate::claims::Locator;
use crate::packet::{Reader, WireError};
use crate::wire::kind::{LOCATOR_COUNT, LOCATOR_IPV6, LOCATOR_NAMED};

/// How a node is named and reached. Whether the name is that of the node is not looked at here.
pub(super) fn read(body: &mut Reader<'_>) -> Result<Locator, WireError> {
    let head = body.u8()?;
    let count = usize::from(head & LOCATOR_COUNT) + 1;
    if head & 0x08 != 0 || u32::from(head) >> (4 + count) != 0 {
        return Err(WireError::Malformed);
    }
    let name = if head & LOCATOR_NAMED != 0 {
        let len = body.u8()?;
        let name = NodeName::try_from(body.take(len.into())?);
        Some(name.map_err(|_| WireError::Malformed)?)
    } else {
        None
    };
    let mut addresses: Vec<Address> = Vec::with_capacity(count);
    for at in 0..count {
        let addr = address(body, head & LOCATOR_IPV6 << at != 0)?;
        if addresses.contains(&addr) {
            return Err(WireError::Malformed);
        }
        addresses.push(addr);
    }
    match (name, &*addresses) {
        (None, &[only]) => Ok(Locator::from(only.socket())),
        (None, _) => Err(WireError::Malformed),
        (Some(name), _) => {
            let locator = Locator::of(name, addresses);
            // A name that is the text of the only address is left out.
            let plain = locator.is_named_after_its_address();
            if plain { Err(WireError::Malformed) } else { Ok(locator) }
        }
    }
}

/// An address, then a port.
pub(super) fn address(body: &mut Reader<'_>, ipv6: bool) -> Result<Address, WireError> {
    let ip = if ipv6 {
        let ip = Ipv6Addr::from(body.array::<16>()?);
        // An IPv4 address has one form on the wire, the short one.
        if ip.to_ipv4_mapped().is_some() {
            return Err(WireError::Malformed);
        }
        IpAddr::V6(ip)
    } else {
        IpAddr::V4(Ipv4Addr::from(body.array::<4>()?))
    };
    Ok(Address::from(SocketAddr::new(ip, body.u16()?)))
}
