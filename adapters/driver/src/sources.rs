//! Where packets come from that are refused for the setup of a node.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use scalesmall_core::seal::OpenError;
use scalesmall_core::wire::WireError;
use scalesmall_core::{Arrival, DatagramError};

/// The source of the last refused packet of each kind. Nothing proves it, as such a packet may be anybody's.
#[derive(Debug, Default)]
pub(crate) struct Sources(BTreeMap<&'static str, SocketAddr>);

impl Sources {
    pub(crate) fn note(&mut self, error: DatagramError, arrival: Arrival) {
        let (Arrival::Unicast(from) | Arrival::Multicast(from)) = arrival;
        // A node hears its own multicast.
        let is_own_echo = error == DatagramError::Own && matches!(arrival, Arrival::Multicast(_));
        if let Some(counter) = counter(error)
            && !is_own_echo
        {
            self.0.insert(counter, SocketAddr::new(from.ip().to_canonical(), from.port()));
        }
    }

    /// That of the packets that this counter counts.
    pub(crate) fn of(&self, counter: &str) -> Option<SocketAddr> {
        self.0.get(counter).copied()
    }
}

/// The counter of what an operator can put right.
const fn counter(error: DatagramError) -> Option<&'static str> {
    Some(match error {
        DatagramError::Wire(WireError::UnknownVersion { .. }) => "refused_version",
        DatagramError::Sealed(OpenError::WrongCluster) => "refused_cluster",
        DatagramError::Sealed(OpenError::UnknownKey { .. }) => "refused_key",
        DatagramError::Sealed(OpenError::Forged) => "refused_forged",
        DatagramError::Own => "refused_own",
        DatagramError::Full => "refused_full",
        _ => return None,
    })
}
