//! Where to find others: an address, or a name to look up.

use core::fmt;
use core::str::FromStr;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// The port of a node, and of its multicast group, that is given none.
pub const DEFAULT_PORT: u16 = 29_999;

/// A node to contact: an address, or a host name and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Seed {
    /// An address.
    Addr(SocketAddr),
    /// A name, looked up for as long as the node runs. Each of its addresses counts.
    Name {
        /// The host.
        host: String,
        /// The port.
        port: u16,
    },
    /// The name of a service, `_service._udp.domain`: its `SRV` records name hosts and their ports. It takes
    /// the feature `srv`, of the adapter or of this crate, to look it up.
    Service(String),
}

/// `host:port`, or `host` alone for the [`DEFAULT_PORT`]; or `_service._udp.domain`, the whole name, whose
/// `SRV` records have the ports. An IPv6 address is written in brackets.
impl FromStr for Seed {
    type Err = SeedError;

    fn from_str(text: &str) -> Result<Self, SeedError> {
        let (host, port) = match text.rsplit_once(':') {
            // Within brackets it belongs to the address.
            Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
            _ => (text, None),
        };
        let port = match port {
            None => DEFAULT_PORT,
            Some(port) => port.parse().ok().filter(|port| *port != 0).ok_or(SeedError::Port)?,
        };
        if let Ok(v4) = host.parse() {
            return Ok(Self::Addr(SocketAddr::new(IpAddr::V4(v4), port)));
        }
        if let Some(v6) = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
            // With the scope of a link-local address.
            let with_port = format!("[{v6}]:{port}").parse();
            return with_port.map(Self::Addr).map_err(|_| SeedError::Host);
        }
        if text.parse::<Ipv6Addr>().is_ok() {
            return Err(SeedError::NoBrackets);
        }
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
        // A name whose last label is a number is a malformed IPv4 address.
        let last = host.trim_end_matches('.').rsplit('.').next().unwrap_or(host);
        if host.is_empty()
            || host.len() > 253
            || !host.bytes().all(is_name)
            || last.bytes().all(|byte| byte.is_ascii_digit())
        {
            return Err(SeedError::Host);
        }
        if !host.starts_with('_') {
            return Ok(Self::Name { host: host.to_owned(), port });
        }
        if host.len() < text.len() {
            return Err(SeedError::ServicePort);
        }
        Ok(Self::Service(host.to_owned()))
    }
}

impl From<SocketAddr> for Seed {
    fn from(addr: SocketAddr) -> Self {
        Self::Addr(addr)
    }
}

impl fmt::Display for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Addr(addr) => addr.fmt(f),
            Self::Name { host, port } => write!(f, "{host}:{port}"),
            Self::Service(name) => f.write_str(name),
        }
    }
}

/// Why a text is not a seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SeedError {
    /// Its port is not a number from 1 to 65535.
    Port,
    /// Its host is neither an address nor a name.
    Host,
    /// It is an IPv6 address without brackets.
    NoBrackets,
    /// It is a service with a port.
    ServicePort,
}

impl fmt::Display for SeedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Port => "the port must be a number from 1 to 65535",
            Self::Host => {
                "the host is neither an IP address nor a host name: write it as host:port"
            }
            Self::ServicePort => "the SRV records of a service have the ports: leave the port out",
            Self::NoBrackets => "write an IPv6 address as [address]:port or [address]",
        })
    }
}

impl core::error::Error for SeedError {}

/// Whether a socket bound to `local` can send to `to`.
pub(crate) fn can_reach(local: IpAddr, to: SocketAddr) -> bool {
    match local {
        IpAddr::V4(_) => to.ip().to_canonical().is_ipv4(),
        // A socket bound to one IPv6 address speaks IPv6 only; one bound to all speaks both.
        IpAddr::V6(v6) => v6.is_unspecified() || to.ip().to_canonical().is_ipv6(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_addresses_names_or_services_and_have_the_default_port_if_none_is_given() {
        for text in ["10.0.0.1:5", "[::1]:29999", "node-1.example.org:29999", "a:1"] {
            assert_eq!(text.parse::<Seed>().unwrap().to_string(), text);
        }
        for text in ["10.0.0.1", "[::1]", "node-1.example.org", "a"] {
            assert_eq!(text.parse::<Seed>().unwrap().to_string(), format!("{text}:29999"));
        }
        let service = "_scalesmall._udp.example.org";
        assert_eq!(service.parse(), Ok(Seed::Service(service.to_owned())));
        for (text, error) in [
            ("_scalesmall._udp.example.org:5", SeedError::ServicePort),
            ("", SeedError::Host),
            ("10.0.0.1:70000", SeedError::Port),
            ("10.0.0.1:0", SeedError::Port),
            ("[::1]:0", SeedError::Port),
            ("host:", SeedError::Port),
            ("300.0.0.1", SeedError::Host),
            ("300.0.0.1:5", SeedError::Host),
            (":5", SeedError::Host),
            ("::1", SeedError::NoBrackets),
            ("fd00::1:5", SeedError::NoBrackets),
            ("[::1", SeedError::Host),
            ("[host]:5", SeedError::Host),
            ("two words:5", SeedError::Host),
        ] {
            assert_eq!(text.parse::<Seed>(), Err(error), "{text:?}");
        }
    }
}
