//! What a node knows of itself, and what it has seen of others: read off on the node's thread.

use std::collections::BTreeMap;

use scalesmall_core::{Keyring, MulticastState, NodeId, Peer, Status};
use scalesmall_driver::Front;
use toml::Table;

use crate::protocol::{
    AccountRow, AgreementRow, ChangeRow, HoldRow, InfoRow, LostRow, Named, NodeRow, StallRow,
    TraitsRow, WhyRow, millis, when,
};
use crate::{cause, configuration};

/// A node about itself, without what only others know.
pub(crate) fn info(node: &Front) -> Option<InfoRow> {
    let engine = node.engine();
    let config = engine.config();
    let mut peers = BTreeMap::new();
    for peer in node.peers() {
        *peers.entry(peer.status.name().to_owned()).or_insert(0) += 1;
    }
    let table = Table::try_from(config.clone()).unwrap_or_default();
    let value = |(path, value)| Some((path, serde_json::to_value(value).ok()?));
    let me = node.peer(node.id())?;
    Some(InfoRow {
        node: NodeRow::from(&me),
        epoch: node.epoch().to_string(),
        seen_from: Vec::new(),
        cluster: String::from_utf8_lossy(config.cluster.as_bytes()).into_owned(),
        key: config.keys.primary().to_string(),
        keys: config.keys.ids().map(|id| id.to_string()).collect(),
        suite: suite(&config.keys),
        multicast: node.multicast().map_or("off", MulticastState::name).to_owned(),
        traits: TraitsRow::from(&me.traits),
        draining: me.draining.is_some(),
        leaving: engine.is_leaving(),
        held_off: engine.held_off().map(HoldRow::new),
        agreement: Some(AgreementRow::from(node.agreement())),
        uptime_ms: millis(node.uptime()),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        peers,
        engine: configuration::leaves(&table).into_iter().filter_map(value).collect(),
    })
}

/// The suite of the key in use.
fn suite(keys: &Keyring) -> String {
    let used = keys.get(keys.primary());
    used.map(|held| format!("{:?}", held.key.suite()).to_lowercase()).unwrap_or_default()
}

/// The last changes of a node, the oldest first.
pub(crate) fn changes(node: &Front, of: NodeId) -> Vec<ChangeRow> {
    let name = |id| node.name(id);
    node.transitions(of).map(|change| ChangeRow::new(change, &name)).collect()
}

/// What this node knows by itself of why a node is what it is.
pub(crate) fn why(node: &Front, of: NodeId) -> WhyRow {
    let peer = node.peer(of);
    let gone = peer.as_ref().filter(|peer| !peer.status.is_present() && peer.held_for.is_none());
    let now_there = |gone: &Peer| {
        let mut all = node.peers().chain(node.peer(node.id()));
        all.find(|other| {
            other.id != gone.id && other.status.is_present() && other.address == gone.address
        })
    };
    let replaced_by = gone.and_then(now_there).map(|other| named(node, other.id));
    WhyRow {
        node: named(node, of),
        asked: named(node, node.id()),
        replaced_by,
        status: peer.as_ref().map(|peer| peer.status.name().to_owned()),
        since: node.since(of).map(when),
        held_for_ms: peer.and_then(|peer| peer.held_for).map(millis),
        changes: changes(node, of),
        account: None,
        told: Vec::new(),
        silent: Vec::new(),
    }
}

/// What this node says of itself to one that asks why it was called down.
pub(crate) fn account(node: &Front) -> AccountRow {
    AccountRow {
        epoch: node.epoch().to_string(),
        uptime_ms: millis(node.uptime()),
        stalls: node.stalls().map(StallRow::from).collect(),
        held_off: node.engine().held_off().map(HoldRow::new),
    }
}

/// The living nodes that had a part in the last changes of a node, the latest first.
pub(crate) fn witnesses(node: &Front, of: NodeId, most: usize) -> Vec<NodeId> {
    let mut found = Vec::new();
    for change in node.transitions(of).rev() {
        for by in cause::parts(&change.cause).1 {
            let is_there = node.peer(by).is_some_and(|peer| peer.status.is_present());
            if by != of && by != node.id() && is_there && !found.contains(&by) && found.len() < most
            {
                found.push(by);
            }
        }
    }
    found
}

/// The living nodes that this node does not reach.
pub(crate) fn lost(node: &Front) -> Vec<LostRow> {
    let from = named(node, node.id());
    let row = |peer: Peer| match peer.status {
        Status::Suspect | Status::Unreachable => Some(LostRow {
            from: from.clone(),
            to: named(node, peer.id),
            status: peer.status.name().to_owned(),
        }),
        _ => None,
    };
    node.peers().filter_map(row).collect()
}

/// A node by its name.
pub(crate) fn named(node: &Front, id: NodeId) -> Named {
    Named::new(id, &|id| node.name(id))
}
