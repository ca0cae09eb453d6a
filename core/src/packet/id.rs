//! Ids, as packets hold them.

use bytes::BufMut;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::error::WireError;
use super::octets::Reader;
use crate::base::NodeId;

/// Reads an id: address, then port.
pub(crate) fn read_id(reader: &mut Reader<'_>, ipv6: bool) -> Result<NodeId, WireError> {
    let ip = if ipv6 {
        let ip = Ipv6Addr::from(reader.array::<16>()?);
        // An IPv4 address has one form on the wire, the short one.
        if ip.to_ipv4_mapped().is_some() {
            return Err(WireError::Malformed);
        }
        IpAddr::V6(ip)
    } else {
        IpAddr::V4(Ipv4Addr::from(reader.array::<4>()?))
    };
    Ok(NodeId::from(SocketAddr::new(ip, reader.u16()?)))
}

/// Appends an id: address, then port.
pub(crate) fn put_id(out: &mut impl BufMut, id: NodeId) {
    match id.ip() {
        IpAddr::V4(ip) => out.put_slice(&ip.octets()),
        IpAddr::V6(ip) => out.put_slice(&ip.octets()),
    }
    out.put_u16(id.port());
}

/// The bytes of an id.
pub(crate) fn id_len(id: NodeId) -> usize {
    if id.ip().is_ipv6() { 18 } else { 6 }
}
