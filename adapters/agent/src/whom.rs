//! Which node a text means.

use scalesmall_core::{NodeId, NodeName, Peer};
use scalesmall_driver::Front;

use crate::arguments;

/// The node that a text means: its name, its identity, or one of its addresses.
pub(crate) fn find(node: &Front, text: &str) -> Result<NodeId, String> {
    choose(node.peers().chain(node.peer(node.id())), text)
}

/// As [`find`], of a node too that is forgotten, if some of its changes are remembered.
pub(crate) fn find_ever(node: &Front, text: &str) -> Result<NodeId, String> {
    find(node, text).or_else(|unknown| {
        let cluster = &node.engine().config().cluster;
        let named = || Some(cluster.node(&NodeName::try_from(text).ok()?));
        let all = [text.parse().ok(), named()];
        let mut remembered = all.into_iter().flatten();
        remembered.find(|id| node.transitions(*id).next().is_some()).ok_or(unknown)
    })
}

fn choose(known: impl Iterator<Item = Peer>, text: &str) -> Result<NodeId, String> {
    let id = text.parse::<NodeId>().ok();
    let addr = arguments::address(text).ok();
    let is_meant = |peer: &Peer| {
        let is_there = |addr| peer.address == addr || peer.addresses.contains(&addr);
        peer.name.as_str() == text || Some(peer.id) == id || addr.is_some_and(is_there)
    };
    let meant: Vec<Peer> = known.filter(is_meant).collect();
    match &meant[..] {
        [] => Err(format!("no node '{text}' is known: 'scalesmall peers' lists those that are")),
        [only] => Ok(only.id),
        several => {
            let each: Vec<String> =
                several.iter().map(|peer| format!("{} ('{}')", peer.id, peer.name)).collect();
            Err(format!("'{text}' may be each of {}: write the id", each.join(" and ")))
        }
    }
}
