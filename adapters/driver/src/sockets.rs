//! Opening a node's sockets: one for unicast and for all that is sent, one to hear multicast.

use core::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV6, UdpSocket};

use socket2::{Domain, InterfaceIndexOrAddress, Protocol, SockAddr, Type};

use crate::interface;
use crate::settings::Multicast;

/// The size of the receive buffer to ask for, in bytes, so that a storm of changes is not lost
/// between two turns of the loop.
const RECEIVE_BUFFER: usize = 2 << 20;

/// The sockets of one node.
///
/// Multicast is received on a socket of its own, bound to the group's address and shared with the
/// other nodes of the host, and sent from the unicast socket, so that its source is the node's.
#[derive(Debug)]
pub struct Sockets<S> {
    /// The node's own socket.
    pub unicast: S,
    /// The socket that hears the multicast group, if multicast is on.
    pub multicast: Option<S>,
    group: Option<SocketAddr>,
    local: SocketAddr,
    /// What it takes to set multicast up again.
    kept: Option<Kept>,
    /// The index of the interface that link-local addresses without one are of; 0 if there is none.
    pub(crate) scope: u32,
}

/// The sockets a second time, for their options: those in use belong to the runtime.
#[derive(Debug)]
struct Kept {
    unicast: socket2::Socket,
    heard: socket2::Socket,
    group: SocketAddr,
    /// The interface on which the group was joined.
    index: u32,
}

impl Sockets<UdpSocket> {
    /// Opens the sockets, non-blocking.
    ///
    /// The unicast socket's address is the node's alone: a second node on it is refused. Port 0
    /// lets the system choose. `host` is the address by which others know this host: it selects the
    /// interface for multicast, unless one is named, when `bind` is the unspecified address.
    ///
    /// # Errors
    ///
    /// [`OpenError`], and no socket stays open.
    pub fn bind(
        bind: SocketAddr,
        host: IpAddr,
        multicast: Option<&Multicast>,
        interface: Option<&str>,
    ) -> Result<Self, OpenError> {
        let refused = |error: io::Error| OpenError::Unicast { bind, kind: error.kind() };
        let unicast =
            socket2::Socket::new(Domain::for_address(bind), Type::DGRAM, Some(Protocol::UDP))
                .map_err(refused)?;
        unicast.set_nonblocking(true).map_err(refused)?;
        if bind.is_ipv6() {
            unicast.set_only_v6(!bind.ip().is_unspecified()).map_err(refused)?;
        }
        enlarge_buffer(&unicast);
        unicast.bind(&bind.into()).map_err(refused)?;
        let local = unicast.local_addr().map_err(refused)?.as_socket().ok_or(OpenError::Family)?;
        let at = if bind.ip().is_unspecified() { host } else { bind.ip() };
        let named = interface.is_some() || interface::is_link_local(at);
        let scope = match bind {
            SocketAddr::V6(v6) if v6.scope_id() != 0 => v6.scope_id(),
            _ if named => interface::index_of(interface, at).map_err(refused)?,
            _ => 0,
        };
        let Some(settings) = multicast else {
            let (multicast, group, kept) = (None, None, None);
            return Ok(Self { unicast: unicast.into(), multicast, group, local, kept, scope });
        };

        let group = settings.group;
        if group.is_ipv4() != bind.is_ipv4() {
            return Err(OpenError::Family);
        }
        let refused = |error: io::Error| OpenError::Multicast { group, kind: error.kind() };
        let index = interface::index_of(interface, at).map_err(refused)?;
        let heard = prepare_multicast(&unicast, settings, at, index).map_err(refused)?;
        let (heard, group) = heard;
        let kept = Kept {
            unicast: unicast.try_clone().map_err(refused)?,
            heard: heard.try_clone().map_err(refused)?,
            group,
            index,
        };
        Ok(Self {
            unicast: unicast.into(),
            multicast: Some(heard.into()),
            group: Some(group),
            local,
            kept: Some(kept),
            scope,
        })
    }
}

impl<S> Sockets<S> {
    /// The same sockets wrapped for a runtime.
    ///
    /// # Errors
    ///
    /// What `wrap` says; the sockets are closed then.
    pub fn try_map<T>(self, mut wrap: impl FnMut(S) -> io::Result<T>) -> io::Result<Sockets<T>> {
        Ok(Sockets {
            unicast: wrap(self.unicast)?,
            multicast: self.multicast.map(wrap).transpose()?,
            group: self.group,
            local: self.local,
            kept: self.kept,
            scope: self.scope,
        })
    }

    /// The address that the unicast socket is bound to.
    #[must_use]
    pub const fn local(&self) -> SocketAddr {
        self.local
    }

    /// The multicast group and its port, if multicast is on.
    #[must_use]
    pub const fn group(&self) -> Option<SocketAddr> {
        self.group
    }

    /// Sets multicast up on an interface that has come back, perhaps as another one: the system forgets
    /// memberships with the interface. Does nothing without multicast.
    ///
    /// A socket that hears a group of link scope is bound to the interface, and has to be bound again if
    /// that is another one now, which the system allows privileged programs alone.
    pub(crate) fn join_again(&mut self, index: u32, at: IpAddr) -> io::Result<bool> {
        let Some(kept) = &mut self.kept else { return Ok(false) };
        let Kept { unicast, heard, group, index: former } = kept;
        match *group {
            // The membership may be there still, or have gone with the interface.
            SocketAddr::V4(v4) => {
                let was = InterfaceIndexOrAddress::Index(*former);
                let _ = heard.leave_multicast_v4_n(v4.ip(), &was);
            }
            SocketAddr::V6(v6) => {
                let _ = heard.leave_multicast_v6(v6.ip(), *former);
            }
        }
        if index != *former && matches!(group, SocketAddr::V6(v6) if v6.scope_id() != 0) {
            bind_to(heard, index)?;
        }
        let joined = join(unicast, heard, *group, at, index)?;
        (*former, *group, self.group) = (index, joined, Some(joined));
        Ok(true)
    }

    /// The address that reaches `to` from the unicast socket: one bound to all IPv6 addresses names
    /// IPv4 hosts by their mapped addresses, and a link-local address needs the interface.
    pub(crate) const fn route(&self, to: SocketAddr) -> SocketAddr {
        match (self.local, to) {
            (_, SocketAddr::V6(v6)) if v6.ip().is_unicast_link_local() && v6.scope_id() == 0 => {
                SocketAddr::V6(SocketAddrV6::new(*v6.ip(), v6.port(), 0, self.scope))
            }
            (SocketAddr::V6(_), SocketAddr::V4(v4)) => {
                SocketAddr::V6(SocketAddrV6::new(v4.ip().to_ipv6_mapped(), v4.port(), 0, 0))
            }
            _ => to,
        }
    }
}

/// Makes `unicast` send to the group through an interface; returns a socket that hears the group, and
/// the group's address with the interface in it where the address family wants that.
fn prepare_multicast(
    unicast: &socket2::Socket,
    settings: &Multicast,
    at: IpAddr,
    index: u32,
) -> io::Result<(socket2::Socket, SocketAddr)> {
    let heard = socket2::Socket::new(
        Domain::for_address(settings.group),
        Type::DGRAM,
        Some(Protocol::UDP),
    )?;
    heard.set_nonblocking(true)?;
    heard.set_reuse_address(true)?;
    // BSD systems share a multicast port on this option only.
    #[cfg(all(
        unix,
        not(target_os = "linux"),
        not(target_os = "solaris"),
        not(target_os = "illumos")
    ))]
    heard.set_reuse_port(true)?;
    enlarge_buffer(&heard);
    // The unicast port is taken by now, without sharing it. This lets other nodes of the host
    // listen to the group on the same port number.
    unicast.set_reuse_address(true)?;
    match settings.group {
        SocketAddr::V4(_) => {
            unicast.set_multicast_ttl_v4(u32::from(settings.ttl))?;
            unicast.set_multicast_loop_v4(true)?;
            ignore_groups_of_others(unicast)?;
            heard.bind(&group_or_any(settings.group))?;
            ignore_groups_of_others(&heard)?;
        }
        SocketAddr::V6(group) => {
            unicast.set_multicast_hops_v6(u32::from(settings.ttl))?;
            unicast.set_multicast_loop_v6(true)?;
            heard.set_only_v6(true)?;
            let scoped = SocketAddrV6::new(*group.ip(), group.port(), 0, index);
            heard.bind(&group_or_any(scoped.into()))?;
        }
    }
    let group = join(unicast, &heard, settings.group, at, index)?;
    Ok((heard, group))
}

/// Joins the group on an interface, and makes `unicast` send through that; returns the group's address
/// with the interface in it where the address family wants that.
fn join(
    unicast: &socket2::Socket,
    heard: &socket2::Socket,
    group: SocketAddr,
    at: IpAddr,
    index: u32,
) -> io::Result<SocketAddr> {
    match group {
        SocketAddr::V4(group) => {
            let IpAddr::V4(v4) = at else { return Err(io::ErrorKind::InvalidInput.into()) };
            unicast.set_multicast_if_v4(&v4)?;
            // By index where it is known: several interfaces may share an address.
            if v4 == Ipv4Addr::UNSPECIFIED || index == 0 {
                heard.join_multicast_v4(group.ip(), &v4)?;
            } else {
                heard.join_multicast_v4_n(group.ip(), &InterfaceIndexOrAddress::Index(index))?;
            }
            Ok(group.into())
        }
        SocketAddr::V6(group) => {
            unicast.set_multicast_if_v6(index)?;
            heard.join_multicast_v6(group.ip(), index)?;
            Ok(SocketAddrV6::new(*group.ip(), group.port(), 0, index).into())
        }
    }
}

/// Binds a socket to another interface than before.
#[cfg(target_os = "linux")]
fn bind_to(socket: &socket2::Socket, index: u32) -> io::Result<()> {
    let host = interface::list()?;
    let name = host.iter().find(|found| found.index == index).map(|found| found.name.as_bytes());
    socket.bind_device(name)
}

#[cfg(not(target_os = "linux"))]
fn bind_to(_: &socket2::Socket, _: u32) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Where a socket that hears `group` is bound: to the group itself, so that nothing else reaches
/// it, except on Windows, which only binds to addresses of the host.
fn group_or_any(group: SocketAddr) -> SockAddr {
    if cfg!(windows) {
        let any: IpAddr = match group {
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => std::net::Ipv6Addr::UNSPECIFIED.into(),
        };
        SocketAddr::new(any, group.port()).into()
    } else {
        group.into()
    }
}

/// Linux hands a socket the datagrams of all groups that any process on the host has joined, unless
/// told not to.
#[cfg(target_os = "linux")]
fn ignore_groups_of_others(socket: &socket2::Socket) -> io::Result<()> {
    socket.set_multicast_all_v4(false)
}

#[cfg(not(target_os = "linux"))]
#[expect(clippy::unnecessary_wraps, reason = "the signature is that of the Linux one")]
fn ignore_groups_of_others(_: &socket2::Socket) -> io::Result<()> {
    Ok(())
}

/// Asks for a larger receive buffer. A system that grants less only recovers from a storm more
/// slowly.
fn enlarge_buffer(socket: &socket2::Socket) {
    let _ = socket.set_recv_buffer_size(RECEIVE_BUFFER);
}

/// Why sockets could not be opened. None is open then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OpenError {
    /// The node's own socket cannot be had.
    Unicast {
        /// The address asked for.
        bind: SocketAddr,
        /// What the operating system says.
        kind: io::ErrorKind,
    },
    /// The multicast group cannot be heard or spoken to.
    Multicast {
        /// The group asked for.
        group: SocketAddr,
        /// What the operating system says.
        kind: io::ErrorKind,
    },
    /// The multicast group and the node's address are not of one family.
    Family,
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unicast { bind, kind: io::ErrorKind::AddrInUse } => {
                write!(f, "{bind} is in use: choose another port, or 0 for any")
            }
            Self::Unicast { bind, kind: io::ErrorKind::AddrNotAvailable } => {
                write!(f, "{bind} is not an address of this host: bind to one that is")
            }
            Self::Unicast { bind, kind } => write!(f, "no socket on {bind}: {kind}"),
            Self::Multicast { group, kind } => {
                write!(f, "no multicast with {group}: {kind}; name another group, or turn it off")
            }
            Self::Family => f.write_str(
                "the node's address and the multicast group must both be IPv4 or both IPv6",
            ),
        }
    }
}

impl core::error::Error for OpenError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Socket;

    fn loopback(multicast: Option<&Multicast>) -> Result<Sockets<UdpSocket>, OpenError> {
        let bind: SocketAddr = "127.0.0.1:0".parse().unwrap();
        Sockets::bind(bind, bind.ip(), multicast, None)
    }

    fn receive(socket: &UdpSocket) -> (Vec<u8>, SocketAddr) {
        socket.set_nonblocking(false).unwrap();
        socket.set_read_timeout(Some(std::time::Duration::from_secs(10))).unwrap();
        let mut buffer = [0; 64];
        let (len, from) = socket.recv_from(&mut buffer).unwrap();
        (buffer[..len].to_vec(), from)
    }

    #[test]
    fn multicast_reaches_every_node_of_the_host_and_names_its_sender() {
        let port = loopback(None).unwrap().local().port();
        let multicast = Multicast { group: ([224, 1, 1, 1], port).into(), ttl: 1 };
        let mut nodes = [(), (), ()].map(|()| loopback(Some(&multicast)).unwrap());
        let group = nodes[0].group().unwrap();
        let sent = nodes[0].unicast.try_send_to(b"hello", group).unwrap();
        let source = nodes[0].local();
        assert_eq!(sent, 5);
        for node in &mut nodes {
            let heard = receive(node.multicast.as_ref().unwrap());
            assert_eq!(heard, (b"hello".to_vec(), source));
            let kind = node.unicast.try_recv_from(&mut [0; 64]).unwrap_err().kind();
            assert_eq!(kind, io::ErrorKind::WouldBlock);
        }
    }

    #[test]
    fn an_address_belongs_to_one_node_even_with_multicast() {
        let first = loopback(None).unwrap();
        let multicast = Multicast { group: ([224, 1, 1, 1], first.local().port()).into(), ttl: 1 };
        let first = loopback(Some(&multicast)).unwrap();
        let again = Sockets::bind(first.local(), first.local().ip(), Some(&multicast), None);
        let bind = first.local();
        assert_eq!(again.unwrap_err(), OpenError::Unicast { bind, kind: io::ErrorKind::AddrInUse });
    }

    #[test]
    fn a_socket_on_all_ipv6_addresses_reaches_ipv4() {
        let bind: SocketAddr = "[::]:0".parse().unwrap();
        let Ok(mut six) = Sockets::bind(bind, bind.ip(), None, None) else {
            // A host without IPv6 has nothing to show here.
            return;
        };
        let four = loopback(None).unwrap();
        let to = six.route(four.local());
        six.unicast.try_send_to(b"x", to).unwrap();
        assert_eq!(receive(&four.unicast).0, b"x");
    }

    #[test]
    fn families_do_not_mix() {
        let multicast = Multicast { group: "[ff02::1]:1".parse().unwrap(), ttl: 1 };
        assert_eq!(loopback(Some(&multicast)).unwrap_err(), OpenError::Family);
    }
}
