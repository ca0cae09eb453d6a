//! Whether a node is ready, for those that send it work or start the next one.

use std::time::Duration;

use scalesmall_core::Status;
use scalesmall_driver::{Front, SeedState};

use crate::protocol::ReadyRow;

/// How long a node without company is not ready after its start: it may have neighbours that have not
/// answered yet. After this time it may be the first of its cluster, unless something says that it is not.
const ALONE: Duration = Duration::from_secs(5);

/// What says that a node without company is not the first of its cluster, the strongest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cluster {
    /// Its last life had this many peers.
    Remembered(usize),
    /// It has seeds, and none of them answers. A node that is a seed itself may be the first.
    Silent(usize),
}

impl Cluster {
    fn of(node: &Front) -> Option<Self> {
        let remembered = node.state().map_or(0, |state| state.peers);
        let seeds: Vec<SeedState> = node.seeds().map(|(_, state)| state).collect();
        if remembered > 0 {
            Some(Self::Remembered(remembered))
        } else {
            let silent = !seeds.is_empty() && !seeds.contains(&SeedState::Answers);
            silent.then_some(Self::Silent(seeds.len()))
        }
    }

    fn why(self) -> String {
        match self {
            Self::Remembered(1) => {
                "the peer of its last life does not answer: start it, or end the node and remove its state \
                 file if that peer is gone for good"
                    .to_owned()
            }
            Self::Remembered(peers) => format!(
                "none of the {peers} peers of its last life answers: start one of them, or end the node and \
                 remove its state file if they are gone for good"
            ),
            Self::Silent(seeds) => format!(
                "none of its {seeds} seeds answers: see whether they run, with the same key and cluster; the \
                 first node of a cluster is one of its own seeds, or has none"
            ),
        }
    }
}

/// What decides whether a node is ready.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Readiness {
    /// Other nodes that are alive.
    peers: usize,
    caught_up: bool,
    leaving: bool,
    uptime: Duration,
    /// What says that there are others, as long as it has not met them.
    cluster: Option<Cluster>,
}

impl Readiness {
    pub(crate) fn of(node: &Front) -> Self {
        Self {
            peers: node.peers().filter(|peer| peer.status == Status::Alive).count(),
            caught_up: node.engine().has_caught_up(),
            leaving: node.engine().is_leaving(),
            uptime: node.uptime(),
            cluster: Cluster::of(node),
        }
    }

    /// Whether the node is ready, if it must see at least `least` others alive; and if not, why.
    pub(crate) fn check(self, least: usize) -> ReadyRow {
        let peers = self.peers;
        let why = if self.leaving {
            Some("the node says goodbye".to_owned())
        } else if peers < least {
            Some(format!("the node sees {peers} others alive, and {least} are asked for"))
        } else if self.caught_up {
            None
        } else if peers == 0 && self.uptime >= ALONE {
            self.cluster.map(Cluster::why)
        } else if peers == 0 {
            Some(format!(
                "the node has just started and has met nobody yet; after {ALONE:?} alone it is ready"
            ))
        } else {
            Some("the node has just started and does not know its cluster yet".to_owned())
        };
        ReadyRow { ready: why.is_none(), peers, why }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WELL: Readiness = Readiness {
        peers: 2,
        caught_up: true,
        leaving: false,
        uptime: Duration::ZERO,
        cluster: None,
    };

    #[test]
    fn a_node_is_ready_once_it_knows_its_cluster_and_until_it_leaves() {
        assert!(WELL.check(0).ready && WELL.check(2).ready);
        let reasons = [
            WELL.check(3),
            Readiness { leaving: true, ..WELL }.check(0),
            Readiness { caught_up: false, ..WELL }.check(0),
            Readiness { caught_up: false, peers: 0, ..WELL }.check(0),
        ];
        let reasons = reasons.map(|row| {
            assert!(!row.ready);
            row.why.unwrap_or_default()
        });
        for (reason, part) in
            reasons.iter().zip(["2 others alive, and 3", "goodbye", "its cluster", "met nobody"])
        {
            assert!(reason.contains(part), "{reason}");
        }
    }

    #[test]
    fn a_node_that_is_alone_for_a_while_is_the_first_of_its_cluster() {
        let alone = Readiness { peers: 0, caught_up: false, ..WELL };
        assert!(!alone.check(0).ready);
        let later = Readiness { uptime: ALONE, ..alone };
        assert!(later.check(0).ready && !later.check(1).ready);
        let others = [
            (Cluster::Remembered(4), "4 peers of its last life"),
            (Cluster::Silent(2), "none of its 2 seeds"),
        ];
        for (cluster, part) in others {
            let row = Readiness { cluster: Some(cluster), ..later }.check(0);
            assert!(
                !row.ready && row.why.as_ref().is_some_and(|why| why.contains(part)),
                "{row:?}"
            );
            // It has met its cluster since.
            assert!(Readiness { cluster: Some(cluster), ..WELL }.check(0).ready);
        }
        // One that has lost its company goes on.
        assert!(Readiness { caught_up: true, ..alone }.check(0).ready);
    }
}
