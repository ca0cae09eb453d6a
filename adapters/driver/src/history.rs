//! The last changes of each peer, with what was known of it at that moment.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use scalesmall_core::{Cause, Engine, Epoch, Event, Instant, NodeId, Status};

/// The most changes that are kept of one peer.
const OF_ONE: usize = 8;
/// The most changes that are kept of all peers; the oldest goes first. With up to 1,024 peers none goes for the
/// others.
const IN_ALL: usize = 8192;
/// For how long a stall of this node is evidence.
const STALL_MEMORY: Duration = Duration::from_secs(60);

/// A change of a peer as this node has seen it, and the evidence for it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Transition {
    /// When it was polled.
    pub at: SystemTime,
    /// The life of the peer.
    pub epoch: Epoch,
    /// Its status before; `None` if it was not known.
    pub from: Option<Status>,
    /// Its status from then on; `None` if it was forgotten.
    pub to: Option<Status>,
    /// Why, with the nodes that had a part in it.
    pub cause: Cause,
    /// The mean round trip to it; `None` if none was measured, or if it was forgotten.
    pub round_trip: Option<Duration>,
    /// For how long no packet of it had come to this node; `None` if none ever had, or if it was forgotten.
    pub silent_for: Option<Duration>,
    /// Where it was then; `None` if it was forgotten.
    pub address: Option<SocketAddr>,
    /// This node's own last stall within the minute before; `None` if there was none.
    pub stall: Option<Stall>,
}

/// A time for which this node itself was not run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stall {
    /// When it had ended.
    pub ended: SystemTime,
    /// How long it had lasted.
    pub lasted: Duration,
}

/// The last changes of each peer.
#[derive(Debug, Default)]
pub(crate) struct History {
    /// By peer, in the order of their numbers.
    changes: BTreeMap<(NodeId, u64), Transition>,
    /// The peer of each number.
    order: BTreeMap<u64, NodeId>,
    next: u64,
    /// This node's own last stalls, with the engine's time at their ends; the oldest first.
    stalls: VecDeque<(Instant, Stall)>,
}

impl History {
    /// Takes in an event that has just been polled.
    pub(crate) fn hear(&mut self, event: &Event, engine: &Engine, now: Instant, at: SystemTime) {
        match *event {
            Event::Stalled { late } => {
                if self.stalls.len() == OF_ONE {
                    self.stalls.pop_front();
                }
                self.stalls.push_back((now, Stall { ended: at, lasted: late }));
            }
            Event::Peer { peer, from, to, cause } => {
                let known = engine.peer(peer.id);
                let last = self.stalls.back();
                let change = Transition {
                    at,
                    epoch: peer.epoch,
                    from,
                    to,
                    cause,
                    round_trip: known.as_ref().and_then(|peer| peer.rtt),
                    silent_for: known.as_ref().and_then(|peer| peer.heard),
                    address: known.map(|peer| peer.address),
                    stall: last
                        .filter(|(ended, _)| now.since(*ended) <= STALL_MEMORY)
                        .map(|(_, stall)| *stall),
                };
                self.keep(peer.id, change);
            }
            _ => {}
        }
    }

    fn keep(&mut self, peer: NodeId, change: Transition) {
        self.changes.insert((peer, self.next), change);
        self.order.insert(self.next, peer);
        self.next += 1;
        let mut of_it = self.changes.range((peer, 0)..=(peer, u64::MAX)).map(|(key, _)| *key);
        if let Some((_, first)) = of_it.next()
            && of_it.count() >= OF_ONE
        {
            self.order.remove(&first);
            self.changes.remove(&(peer, first));
        }
        if self.order.len() > IN_ALL
            && let Some((first, peer)) = self.order.pop_first()
        {
            self.changes.remove(&(peer, first));
        }
    }

    /// This node's own last stalls, the oldest first.
    pub(crate) fn stalls(&self) -> impl Iterator<Item = Stall> + use<'_> {
        self.stalls.iter().map(|(_, stall)| *stall)
    }

    /// What is kept of a peer, the oldest first.
    pub(crate) fn of(&self, peer: NodeId) -> impl DoubleEndedIterator<Item = &Transition> {
        self.changes.range((peer, 0)..=(peer, u64::MAX)).map(|(_, change)| change)
    }

    /// Since when a peer has this status; `None` if that is not known any more.
    pub(crate) fn since(&self, peer: NodeId, status: Status) -> Option<SystemTime> {
        // If another is the last, changes were dropped, as events were read too slowly.
        self.of(peer).next_back().filter(|last| last.to == Some(status))?;
        let begun = self.of(peer).rfind(|change| change.from != change.to)?;
        Some(begun.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(second: u64, from: Option<Status>, to: Option<Status>) -> Transition {
        Transition {
            at: SystemTime::UNIX_EPOCH + Duration::from_secs(second),
            epoch: Epoch(1),
            from,
            to,
            cause: Cause::Heard,
            round_trip: None,
            silent_for: None,
            address: None,
            stall: None,
        }
    }

    fn seconds(history: &History, peer: NodeId) -> Vec<u64> {
        let since = |change: &Transition| {
            change.at.duration_since(SystemTime::UNIX_EPOCH).expect("after it").as_secs()
        };
        history.of(peer).map(since).collect()
    }

    #[test]
    fn the_last_changes_of_a_peer_are_kept_whatever_others_do() {
        let mut history = History::default();
        let (calm, restless) = (NodeId::from_bits(1), NodeId::from_bits(2));
        history.keep(calm, change(0, None, Some(Status::Alive)));
        for second in 1..=20_000 {
            history.keep(restless, change(second, Some(Status::Alive), Some(Status::Down)));
        }
        assert_eq!(seconds(&history, calm), [0]);
        assert_eq!(seconds(&history, restless), (19_993..=20_000).collect::<Vec<u64>>());
        assert_eq!((history.changes.len(), history.order.len()), (OF_ONE + 1, OF_ONE + 1));
    }

    #[test]
    fn in_all_the_oldest_change_goes_first() {
        let mut history = History::default();
        let most = u64::try_from(IN_ALL).expect("a small number");
        for number in 0..=most {
            history.keep(NodeId::from_bits(number), change(number, None, Some(Status::Alive)));
        }
        assert_eq!(history.of(NodeId::from_bits(0)).count(), 0);
        assert_eq!(seconds(&history, NodeId::from_bits(1)), [1]);
        assert_eq!((history.changes.len(), history.order.len()), (IN_ALL, IN_ALL));
    }

    #[test]
    fn a_status_lasts_through_lives_and_is_unknown_where_changes_are_missing() {
        let mut history = History::default();
        let peer = NodeId::from_bits(7);
        let alive = Some(Status::Alive);
        let at = |second| Some(SystemTime::UNIX_EPOCH + Duration::from_secs(second));
        assert_eq!(history.since(peer, Status::Alive), None);
        history.keep(peer, change(3, None, alive));
        history.keep(peer, change(5, alive, alive));
        assert_eq!(history.since(peer, Status::Alive), at(3));
        assert_eq!(history.since(peer, Status::Down), None);
        history.keep(peer, change(9, alive, Some(Status::Down)));
        assert_eq!(history.since(peer, Status::Down), at(9));
    }
}
