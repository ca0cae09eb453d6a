//! What events have said of nodes' metadata.

use std::collections::BTreeMap;

use bytes::Bytes;
use scalesmall_core::{Engine, NodeId, Peer};

use super::broken;
use super::interned::Interned;
use crate::check::{Law, Verdict};
use crate::sim::Sim;

/// The metadata that events have told of, by observer.
#[derive(Clone, Debug, Default)]
pub(super) struct Described {
    words: Interned<Bytes>,
    /// Of the present process: which one it is, and the number of what each node says, if anything.
    by: Vec<(u32, BTreeMap<NodeId, u32>)>,
}

impl Described {
    fn of(&mut self, sim: &Sim<Engine>, node: usize) -> &mut BTreeMap<NodeId, u32> {
        if self.by.len() <= node {
            self.by.resize_with(sim.len(), Default::default);
        }
        let (process, described) = &mut self.by[node];
        if *process != sim.lives(node) {
            *process = sim.lives(node);
            described.clear();
        }
        described
    }

    /// A node says that the metadata of one changed.
    pub(super) fn hear(&mut self, sim: &Sim<Engine>, node: usize, about: NodeId, said: &Bytes) {
        if said.is_empty() {
            self.of(sim, node).remove(&about);
        } else {
            // What came in a datagram is not to hold all of it.
            let number = self.words.number(Bytes::copy_from_slice(said));
            self.of(sim, node).insert(about, number);
        }
    }

    /// A node has forgotten another one.
    pub(super) fn forget(&mut self, sim: &Sim<Engine>, node: usize, about: NodeId) {
        self.of(sim, node).remove(&about);
    }

    /// Takes what a node's queries say in place of the events that were dropped.
    pub(super) fn reread(&mut self, sim: &Sim<Engine>, node: usize) {
        self.of(sim, node).clear();
        let Some(engine) = sim.node(node) else { return };
        for peer in engine.peers().chain(engine.peer(engine.id())) {
            self.hear(sim, node, peer.id, &peer.metadata);
        }
    }

    /// Whether a node's queries answer something else of a peer, or of itself.
    pub(super) fn differs(&mut self, sim: &Sim<Engine>, node: usize, peer: &Peer) -> Verdict {
        let described = self.of(sim, node);
        if described.is_empty() && peer.metadata.is_empty() {
            return None;
        }
        let number = described.get(&peer.id).copied();
        let heard = number.map(|number| self.words.value(number));
        if heard.map_or(&[][..], Bytes::as_ref) == peer.metadata.as_ref() {
            return None;
        }
        let what = format!("{:?} of {}, the events say {heard:?}", peer.metadata, peer.id);
        broken(Law::MetadataReplay, what, &[node])
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;
    use crate::lan;

    #[test]
    fn metadata_of_which_no_event_has_told_is_found() {
        let mut sim = Sim::new(1).nodes(2, lan()).build();
        sim.run_until(Sim::converged, Duration::from_secs(5)).unwrap();
        let words = Bytes::from_static(b"rack 7");
        sim.with(1, |engine, now| engine.set_metadata(now, words.clone())).unwrap();
        sim.run_for(Duration::from_secs(5)).unwrap();
        let about = sim.id(1);
        let mut described = Described::default();
        for observer in [0, 1] {
            let peer = sim.node(observer).unwrap().peer(about).unwrap();
            assert_eq!(peer.metadata, words);
            let mut differs = |said: &'static [u8]| {
                described.hear(&sim, observer, about, &Bytes::from_static(said));
                described.differs(&sim, observer, &peer).is_some()
            };
            let heard = [&b"rack 7"[..], b"rack 8", b"rack 7", b""].map(&mut differs);
            assert_eq!(heard, [false, true, false, true]);
            described.reread(&sim, observer);
            assert!(described.differs(&sim, observer, &peer).is_none());
            described.forget(&sim, observer, about);
            assert!(described.differs(&sim, observer, &peer).is_some());
        }
        // A new process has told of nothing.
        described.reread(&sim, 0);
        sim.restart(0);
        let peer = sim.node(1).unwrap().peer(about).unwrap();
        assert!(described.differs(&sim, 0, &peer).is_some());
    }
}
