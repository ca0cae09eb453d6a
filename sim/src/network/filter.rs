//! Filters: what is asked for every datagram.

use core::net::SocketAddr;
use core::time::Duration;

use super::Carried;
use crate::random::Random;

/// A datagram that is about to be put on a link.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    /// The simulation's time, in nanoseconds.
    pub at: u64,
    /// The sending node.
    pub from: usize,
    /// The receiving node.
    pub to: usize,
    /// The address that it comes from.
    pub source: SocketAddr,
    /// The address that it goes to; of a multicast, the receiver's of the same family.
    pub target: SocketAddr,
    /// Whether it goes to a multicast group.
    pub multicast: bool,
    /// The UDP payload.
    pub bytes: &'a [u8],
    /// Chance for filters: a stream of its own for each datagram and receiver, which follows from the
    /// seed.
    pub random: Random,
}

/// What a filter does to a datagram.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Leaves it to the other filters and the link.
    Pass,
    /// Loses it.
    Drop,
    /// Delivers it after this time, whatever the link says.
    Deliver(Duration),
    /// Leaves it to the other filters and the link, and delays it by this much more.
    Delay(Duration),
    /// The same, and delivers a copy this much after the original, if that arrives.
    Copy(Duration),
    /// The same, with other bytes: what other filters and the link see of it stays the same.
    Change(Vec<u8>),
}

/// What a filter does, of which a fork gets a copy.
pub(super) trait Filter {
    fn judge(&mut self, packet: &Packet<'_>) -> Verdict;
    fn copied(&self) -> Box<dyn Filter>;
}

impl<F: FnMut(&Packet<'_>) -> Verdict + Clone + 'static> Filter for F {
    fn judge(&mut self, packet: &Packet<'_>) -> Verdict {
        self(packet)
    }

    fn copied(&self) -> Box<dyn Filter> {
        Box::new(self.clone())
    }
}

/// What filters have said of a datagram that they let pass.
#[derive(Default)]
pub(super) struct Told {
    pub(super) delay: u64,
    pub(super) copies: Vec<u64>,
    pub(super) bytes: Option<Vec<u8>>,
}

impl Told {
    pub(super) fn applied(self, mut carried: Carried) -> Carried {
        let delays = [&mut carried.first, &mut carried.second];
        for delay in delays.into_iter().flatten() {
            *delay = delay.saturating_add(self.delay);
        }
        if let Some(first) = carried.first {
            let after = |copy: u64| first.saturating_add(copy);
            carried.copies = self.copies.into_iter().map(after).collect();
            carried.bytes = self.bytes;
        }
        carried
    }
}
