//! What the events of an engine say, to be compared with what its queries say.

use std::collections::BTreeMap;

use bytes::Bytes;
use scalesmall_core::{
    DrainStamp, Engine, Epoch, Event, GroupName, KeyRange, NodeId, Status, TimedItem, Traits,
};

/// What the events say.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Mirror {
    /// Each peer's life and status.
    pub peers: BTreeMap<NodeId, (Epoch, Status)>,
    /// Each item.
    pub items: BTreeMap<(GroupName, NodeId, KeyRange), TimedItem>,
    /// The metadata of nodes that have any.
    pub metadata: BTreeMap<NodeId, Bytes>,
    /// The traits of nodes that have any.
    pub traits: BTreeMap<NodeId, Traits>,
    /// The owners of ranges, and whether each drains.
    pub owners: BTreeMap<(GroupName, KeyRange, NodeId), bool>,
    /// The nodes that drain.
    pub draining: BTreeMap<NodeId, DrainStamp>,
}

impl Mirror {
    /// What the queries say.
    #[must_use]
    pub fn of(engine: &Engine) -> Self {
        let mut mirror = Self::default();
        for peer in engine.peers() {
            mirror.peers.insert(peer.id, (peer.epoch, peer.status));
        }
        for group in engine.groups() {
            for timed in engine.topology(group) {
                let key = (group.clone(), timed.item.member, timed.item.range);
                mirror.items.insert(key, timed);
            }
            for owner in engine.owners(group) {
                let drains = engine.peer(owner.member).is_some_and(|it| it.draining.is_some());
                mirror.owners.insert((group.clone(), owner.range, owner.member), drains);
            }
        }
        let mine = engine.peer(engine.id());
        for peer in engine.peers().chain(mine) {
            mirror.describe(peer.id, peer.metadata);
            mirror.choose(peer.id, peer.traits);
            mirror.draining.extend(peer.draining.map(|stamp| (peer.id, stamp)));
        }
        mirror
    }

    /// Takes in an event.
    ///
    /// # Panics
    ///
    /// If it says what was so before.
    pub fn replay(&mut self, event: &Event) {
        match event {
            Event::Peer { peer, from, to, .. } => {
                let known = self.peers.get(&peer.id).map(|&(_, status)| status);
                assert_eq!(known, *from, "{event:?}");
                let before = match to {
                    Some(status) => self.peers.insert(peer.id, (peer.epoch, *status)),
                    None => self.peers.remove(&peer.id),
                };
                let after = self.peers.get(&peer.id).copied();
                assert_ne!(before, after, "no change: {event:?}");
            }
            Event::ItemSet { group, item } => {
                let key = (group.clone(), item.item.member, item.item.range);
                let before = self.items.insert(key, *item);
                assert_ne!(before, Some(*item), "no change: {event:?}");
            }
            Event::ItemCleared { group, member, range } => {
                self.items.remove(&(group.clone(), *member, *range));
            }
            Event::OwnersChanged { group, range, member, change } => {
                let key = (group.clone(), *range, *member);
                self.owners.remove(&key);
                self.owners.extend(change.serves().then(|| (key, change.drains())));
            }
            Event::Metadata { node, metadata } => self.describe(*node, metadata.clone()),
            Event::Traits { node, traits } => self.choose(*node, traits.clone()),
            Event::Draining { node, stamp } => {
                self.draining.remove(node);
                self.draining.extend(stamp.map(|stamp| (*node, stamp)));
            }
            _ => {}
        }
    }

    fn describe(&mut self, node: NodeId, metadata: Bytes) {
        self.metadata.remove(&node);
        self.metadata.extend(Some((node, metadata)).filter(|(_, metadata)| !metadata.is_empty()));
    }

    fn choose(&mut self, node: NodeId, traits: Traits) {
        self.traits.remove(&node);
        self.traits.extend(Some((node, traits)).filter(|(_, traits)| traits.len() > 0));
    }
}
