//! The names of nodes that events mention, also of those that the engine has forgotten.

use std::collections::{BTreeMap, VecDeque};

use scalesmall_core::{Cause, Engine, Event, KeyCause, NodeId, NodeName, Status};

/// The most names that are remembered.
const NAMES: usize = 1024;

/// The names of the nodes that were lost or have left last. A node is forgotten only after that, and
/// what is said of it then needs its name.
#[derive(Debug, Default)]
pub(crate) struct Names {
    known: BTreeMap<NodeId, NodeName>,
    /// The oldest first.
    order: VecDeque<NodeId>,
}

impl Names {
    /// Takes in an event that has just been polled.
    pub(crate) fn hear(&mut self, event: &Event, engine: &Engine) {
        let Event::Peer { peer, to: Some(status), .. } = event else { return };
        if matches!(status, Status::Unreachable | Status::Down | Status::Left)
            && let Some(name) = engine.name(peer.id)
        {
            self.keep(peer.id, name);
        }
    }

    fn keep(&mut self, id: NodeId, name: NodeName) {
        if self.known.insert(id, name).is_some() {
            return;
        }
        self.order.push_back(id);
        if self.order.len() > NAMES
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
    }

    pub(crate) fn get(&self, id: NodeId) -> Option<NodeName> {
        self.known.get(&id).cloned()
    }
}

/// The nodes that an event mentions.
pub(crate) fn mentioned(event: &Event) -> impl Iterator<Item = NodeId> + use<> {
    let mut nodes = [None; 4];
    match event {
        Event::Peer { peer, cause, .. } => {
            let others = match *cause {
                Cause::Told { by } => [Some(by), None, None],
                Cause::AnsweredOther { verifier } => [Some(verifier), None, None],
                Cause::Confirmed { accuser, confirmed_by: [one, other] } => {
                    [Some(accuser), one, other]
                }
                _ => [None; 3],
            };
            nodes = [Some(peer.id), others[0], others[1], others[2]];
        }
        Event::ItemSet { item, .. } => nodes[0] = Some(item.item.member),
        Event::ItemCleared { member, .. } | Event::OwnersChanged { member, .. } => {
            nodes[0] = Some(*member);
        }
        Event::Metadata { node, .. }
        | Event::Traits { node, .. }
        | Event::Draining { node, .. } => {
            nodes[0] = Some(*node);
        }
        Event::Message { origin, via, .. } => nodes = [Some(*origin), Some(*via), None, None],
        Event::Refused { peer, .. } => nodes[0] = Some(peer.id),
        Event::Key { cause: KeyCause::Given { by }, .. } => nodes[0] = Some(*by),
        Event::Path { peer, .. } | Event::Moved { peer, .. } => nodes[0] = Some(*peer),
        Event::SeenElsewhere { by, .. } => nodes[0] = Some(*by),
        Event::Undelivered { message, .. } => nodes[0] = Some(message.origin),
        _ => {}
    }
    nodes.into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_of_the_last_nodes_that_were_lost_are_kept() {
        let mut names = Names::default();
        let limit = u64::try_from(NAMES).unwrap();
        let name = |number: u64| NodeName::try_from(format!("node {number}").as_str()).unwrap();
        for number in 0..=limit {
            // Twice, as for a node that comes and goes.
            names.keep(NodeId::from_bits(number), name(number));
            names.keep(NodeId::from_bits(number), name(number));
        }
        assert_eq!(names.get(NodeId::from_bits(0)), None);
        assert_eq!(names.get(NodeId::from_bits(1)), Some(name(1)));
        assert_eq!(names.get(NodeId::from_bits(limit)), Some(name(limit)));
        assert_eq!((names.known.len(), names.order.len()), (NAMES, NAMES));
    }
}
