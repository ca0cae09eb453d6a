//! Which node a text means.

use scalesmall_core::{NodeId, NodeName, Peer};
use scalesmall_driver::Front;

use crate::arguments;

/// How an identity is written: in this many hexadecimal digits.
const ID_DIGITS: usize = 16;

/// The node that a text means: its name, its identity, or one of its addresses.
pub(crate) fn find(node: &Front, text: &str) -> Result<NodeId, String> {
    choose(node.peers().chain(node.peer(node.id())), text)
}

/// A sentence in which each identity of a node that is known is its name, as in tables.
pub(crate) fn with_names(node: &Front, sentence: &str) -> String {
    let mark = |char: char| !char.is_ascii_hexdigit();
    let named = |word: &str| {
        let id = word.trim_matches(mark);
        let known: NodeId = Some(id).filter(|id| id.len() == ID_DIGITS)?.parse().ok()?;
        Some(word.replace(id, &node.name(known)?.to_string()))
    };
    let words = sentence.split(' ').map(|word| named(word).unwrap_or_else(|| word.to_owned()));
    words.collect::<Vec<_>>().join(" ")
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

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use scalesmall_driver::{GroupKeys, Node, Settings};

    use super::*;

    #[test]
    fn sentences_name_nodes_as_tables_do() {
        let local = "127.0.0.1:0".parse().expect("an address");
        let mut settings = Settings::new(local, GroupKeys::published());
        settings.name = Some(NodeName::try_from("cook").expect("a name"));
        let node: Node<UdpSocket> = Node::start(&settings, Ok).expect("a node");
        let id = node.id();
        let told = with_names(&node, &format!("node {id} does not use key 90ba, and '{id}': wait"));
        assert_eq!(told, "node cook does not use key 90ba, and 'cook': wait");
        let unknown = "node 0123456789abcdef does not use key 90ba";
        assert_eq!(with_names(&node, unknown), unknown);
    }
}
