//! Where to find others: seeds, and looking up those that are names.

use core::fmt;
use core::str::FromStr;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

/// How long to wait before names that could not be looked up are tried again.
const RETRY: Duration = Duration::from_secs(5);
/// How often to check whether a look-up is done.
const POLL: Duration = Duration::from_millis(20);

/// A node to contact at the start: an address, or a host name and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seed {
    /// An address.
    Addr(SocketAddr),
    /// A name, looked up when the node starts and again whenever it finds itself alone.
    Name {
        /// The host.
        host: String,
        /// The port.
        port: u16,
    },
}

impl FromStr for Seed {
    type Err = SeedError;

    fn from_str(text: &str) -> Result<Self, SeedError> {
        if let Ok(addr) = text.parse::<SocketAddr>() {
            return if addr.port() == 0 { Err(SeedError::Port) } else { Ok(Self::Addr(addr)) };
        }
        let (host, port) = text.rsplit_once(':').ok_or(SeedError::NoPort)?;
        let port = port.parse().ok().filter(|port| *port != 0).ok_or(SeedError::Port)?;
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
        Ok(Self::Name { host: host.to_owned(), port })
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
        }
    }
}

/// Why a text is not a seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SeedError {
    /// It has no port.
    NoPort,
    /// Its port is not a number from 1 to 65535.
    Port,
    /// Its host is neither an address nor a name.
    Host,
}

impl fmt::Display for SeedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoPort => "write it as host:port; an IPv6 address as [address]:port",
            Self::Port => "the port must be a number from 1 to 65535",
            Self::Host => "the host is neither an IP address nor a host name",
        })
    }
}

impl core::error::Error for SeedError {}

/// The seeds of a node, and the look-up under way. Names are looked up by a thread of its own, as
/// that may take seconds, in which the node must go on.
#[derive(Debug)]
pub(crate) struct Seeds {
    seeds: Vec<Seed>,
    /// The address to send from.
    local: IpAddr,
    lookup: Option<Receiver<Lookup>>,
    retry_at: Option<Instant>,
}

#[derive(Debug)]
struct Lookup {
    found: Found,
    complete: bool,
}

/// What a look-up has found.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Addresses that can be reached.
    pub(crate) addresses: Vec<SocketAddr>,
    /// How many names have addresses, but none that can be reached.
    pub(crate) out_of_reach: u64,
}

impl Found {
    /// Takes the addresses of one name, those that can be reached from `local`.
    fn add(&mut self, local: IpAddr, name: impl Iterator<Item = SocketAddr>) {
        let (within, beyond): (Vec<_>, Vec<_>) = name.partition(|addr| can_reach(local, *addr));
        self.out_of_reach += u64::from(within.is_empty() && !beyond.is_empty());
        self.addresses.extend(within);
    }
}

impl Seeds {
    pub(crate) const fn new(seeds: Vec<Seed>, local: IpAddr) -> Self {
        Self { seeds, local, lookup: None, retry_at: None }
    }

    /// The seeds that need no look-up.
    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        let addr = |seed: &Seed| match seed {
            Seed::Addr(addr) => Some(*addr),
            Seed::Name { .. } => None,
        };
        self.seeds.iter().filter_map(addr).collect()
    }

    /// Begins to look the names up, unless there are none or it has begun.
    pub(crate) fn look_up(&mut self) {
        let name = |seed: &Seed| match seed {
            Seed::Addr(_) => None,
            Seed::Name { host, port } => Some((host.clone(), *port)),
        };
        let names: Vec<(String, u16)> = self.seeds.iter().filter_map(name).collect();
        self.retry_at = None;
        if names.is_empty() || self.lookup.is_some() {
            return;
        }
        let local = self.local;
        let (done, lookup) = sync_channel(1);
        let thread = thread::Builder::new().name("scalesmall-seeds".to_owned());
        let spawned = thread.spawn(move || {
            let mut result = Lookup { found: Found::default(), complete: true };
            for (host, port) in &names {
                match (host.as_str(), *port).to_socket_addrs() {
                    Ok(addrs) => result.found.add(local, addrs),
                    Err(_) => result.complete = false,
                }
            }
            // The node may be gone by now; then the result is dropped.
            let _ = done.send(result);
        });
        match spawned {
            Ok(_) => self.lookup = Some(lookup),
            Err(_) => self.retry_at = Some(Instant::now() + RETRY),
        }
    }

    /// What a look-up has found, once it is done.
    pub(crate) fn poll(&mut self) -> Option<Found> {
        if self.retry_at.is_some_and(|at| at <= Instant::now()) {
            self.look_up();
        }
        match self.lookup.as_ref()?.try_recv() {
            Ok(Lookup { found, complete }) => {
                self.lookup = None;
                self.retry_at = (!complete).then(|| Instant::now() + RETRY);
                Some(found)
            }
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => {
                self.lookup = None;
                self.retry_at = Some(Instant::now() + RETRY);
                None
            }
        }
    }

    /// When to poll again.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        if self.lookup.is_some() { Some(Instant::now() + POLL) } else { self.retry_at }
    }
}

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
    use std::net::{Ipv4Addr, Ipv6Addr};

    use super::*;

    #[test]
    fn a_name_is_out_of_reach_only_if_all_of_its_addresses_are() {
        let v4: SocketAddr = "10.0.0.1:9".parse().unwrap();
        let v6: SocketAddr = "[fd00::1]:9".parse().unwrap();
        let mut found = Found::default();
        let local = IpAddr::V6(Ipv6Addr::LOCALHOST);
        found.add(local, [v4, v6].into_iter());
        found.add(local, [].into_iter());
        assert_eq!((found.out_of_reach, &found.addresses[..]), (0, &[v6][..]));
        found.add(local, [v4].into_iter());
        assert_eq!((found.out_of_reach, &found.addresses[..]), (1, &[v6][..]));
        found.add(Ipv6Addr::UNSPECIFIED.into(), [v4].into_iter());
        assert_eq!((found.out_of_reach, &found.addresses[..]), (1, &[v6, v4][..]));
    }

    #[test]
    fn seeds_are_addresses_or_names_with_a_port() {
        for text in ["10.0.0.1:5", "[::1]:29999", "node-1.example.org:29999", "a:1"] {
            assert_eq!(text.parse::<Seed>().unwrap().to_string(), text);
        }
        for (text, error) in [
            ("", SeedError::NoPort),
            ("10.0.0.1", SeedError::NoPort),
            ("10.0.0.1:70000", SeedError::Port),
            ("10.0.0.1:0", SeedError::Port),
            ("host:", SeedError::Port),
            ("300.0.0.1:5", SeedError::Host),
            (":5", SeedError::Host),
            ("::1:5", SeedError::Host),
            ("two words:5", SeedError::Host),
        ] {
            assert_eq!(text.parse::<Seed>(), Err(error), "{text:?}");
        }
    }

    #[test]
    fn names_are_looked_up_aside_and_addresses_at_once() {
        let seeds = ["127.0.0.1:7", "localhost:9"].map(|text| text.parse().unwrap());
        let mut seeds = Seeds::new(seeds.to_vec(), Ipv4Addr::LOCALHOST.into());
        assert_eq!(seeds.addresses(), ["127.0.0.1:7".parse().unwrap()]);
        assert_eq!(seeds.deadline(), None);
        seeds.look_up();
        let limit = Instant::now() + Duration::from_secs(20);
        let found = loop {
            if let Some(found) = seeds.poll() {
                break found;
            }
            assert!(seeds.deadline().is_some() && Instant::now() < limit);
            thread::yield_now();
        };
        assert_eq!(found.out_of_reach, 0);
        let found = found.addresses;
        assert!(found.iter().all(|addr| addr.ip().is_loopback() && addr.port() == 9));
        assert!(!found.is_empty());
        assert_eq!(seeds.deadline(), None);
    }
}
