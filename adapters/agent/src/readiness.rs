//! Whether a node is ready, for those that send it work or start the next one.

use std::time::Duration;

use scalesmall_core::Status;
use scalesmall_driver::Front;

use crate::protocol::ReadyRow;

/// How long a node without company is not ready after its start: it may have neighbours that have not
/// answered yet. After this time it may be the first of its cluster.
const ALONE: Duration = Duration::from_secs(5);

/// What decides whether a node is ready.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Readiness {
    /// Other nodes that are alive.
    peers: usize,
    caught_up: bool,
    leaving: bool,
    uptime: Duration,
}

impl Readiness {
    pub(crate) fn of(node: &Front) -> Self {
        Self {
            peers: node.peers().filter(|peer| peer.status == Status::Alive).count(),
            caught_up: node.engine().has_caught_up(),
            leaving: node.engine().is_leaving(),
            uptime: node.uptime(),
        }
    }

    /// Whether the node is ready, if it must see at least `least` others alive; and if not, why.
    pub(crate) fn check(self, least: usize) -> ReadyRow {
        let peers = self.peers;
        let why = if self.leaving {
            Some("the node says goodbye".to_owned())
        } else if peers < least {
            Some(format!("the node sees {peers} others alive, and {least} are asked for"))
        } else if self.caught_up || peers == 0 && self.uptime >= ALONE {
            None
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

    const WELL: Readiness =
        Readiness { peers: 2, caught_up: true, leaving: false, uptime: Duration::ZERO };

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
        // One that has lost its company goes on.
        assert!(Readiness { caught_up: true, ..alone }.check(0).ready);
    }
}
