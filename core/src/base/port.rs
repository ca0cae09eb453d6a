//! Sources and destinations of datagrams.

use core::net::SocketAddr;

/// How a datagram arrived, and from where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Arrival {
    /// On the node's own socket, from this source address.
    Unicast(SocketAddr),
    /// On the multicast socket, from this source address.
    Multicast(SocketAddr),
}

/// Where a datagram goes. An embedder drops what goes to a destination that it does not know: the engine
/// takes it for lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Destination {
    /// To this address.
    Unicast(SocketAddr),
    /// To the multicast group, from the node's own socket.
    Multicast,
}

/// How a frame came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Channel {
    /// By the broadcast tree: everybody else gets it too.
    Spread,
    /// By multicast: everybody else gets it too, at the same time.
    Multicast,
    /// In a packet to this node alone.
    Direct,
}

/// What kept a datagram from being sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendError {
    /// The destination's host or port refused it (`ECONNREFUSED`).
    Refused,
    /// No route, network down, interface gone.
    Unreachable,
    /// The datagram is larger than the path takes (`EMSGSIZE`).
    TooLarge,
    /// Anything else, such as a firewall or a lack of buffers.
    Other,
}
