//! Which node a text means.

use scalesmall_core::{NodeId, NodeName, Peer};
use scalesmall_driver::Front;

use crate::arguments;

/// The node that a text means: its name, its identity, or one of its addresses.
pub(crate) fn find(node: &Front, text: &str) -> Result<NodeId, String> {
    choose(node.peers().chain(node.peer(node.id())), text)
}

/// The nodes that texts mean: each as for [`find`], or all of a zone.
pub(crate) fn find_all(node: &Front, texts: &[String]) -> Result<Vec<NodeId>, String> {
    let mut found = Vec::new();
    for text in texts {
        let Some(zone) = text.strip_prefix(arguments::ZONE) else {
            found.push(find(node, text)?);
            continue;
        };
        let before = found.len();
        let all = node.peers().chain(node.peer(node.id()));
        found.extend(all.filter(|peer| peer.traits.zone() == Some(zone)).map(|peer| peer.id));
        if found.len() == before {
            return Err(format!(
                "no node of zone '{zone}' is known: 'scalesmall peers' shows zones"
            ));
        }
    }
    Ok(found)
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
