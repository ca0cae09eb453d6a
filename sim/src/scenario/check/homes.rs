//! Whether nodes can have the addresses that they are given.

use super::picks::no_such_node;
use super::{Wrong, wrong};
use crate::addresses::{Family, NETWORKS};
use crate::scenario::cluster::Cluster;
use crate::scenario::step::{Close, Direction, Readdress};

/// What is wrong with the addresses of a cluster, and with what its nodes serve.
pub(super) fn wrong_homes(cluster: &Cluster) -> Option<Wrong> {
    if cluster.ipv6 && !cluster.addresses.is_empty() {
        let text = "addresses say which families there are: leave ipv6 out";
        return wrong(&["cluster", "ipv6"], text);
    }
    if let Some(found) = wrong_addresses(&cluster.addresses, cluster) {
        return Some(found.under(&["cluster".into()]));
    }
    if cluster.owners > cluster.nodes {
        let text =
            format!("cluster.owners is more than cluster.nodes: write 0 to {}", cluster.nodes);
        return wrong(&["cluster", "owners"], text);
    }
    if cluster.owners > 0 && cluster.serve {
        let text =
            "nodes serve shares of all keys, or a range each: leave one of owners and serve out";
        return wrong(&["cluster", "serve"], text);
    }
    cluster.homes.iter().enumerate().find_map(|(place, home)| {
        let these = home.these.highest();
        let found = match these {
            None => wrong(&["these"], "these are no nodes: name one at least"),
            Some(highest) if highest >= cluster.nodes => {
                wrong(&["these"], no_such_node(highest, cluster.nodes))
            }
            Some(_) if home.addresses.is_empty() => {
                wrong(&["addresses"], "a node without an address is heard by nobody: give it one")
            }
            Some(_) => wrong_addresses(&home.addresses, cluster),
        };
        found.map(|found| found.under(&["cluster".into(), "homes".into(), place.into()]))
    })
}

fn wrong_addresses(addresses: &[Family], cluster: &Cluster) -> Option<Wrong> {
    let count = addresses.len();
    if count > NETWORKS {
        let text = format!("{count} addresses for one node: write at most {NETWORKS}");
        return wrong(&["addresses"], text);
    }
    let text = "a node that is named after its address has that one: set cluster.names = true, or \
                leave the others out";
    wrong(&["addresses"], text).filter(|_| count > 1 && !cluster.names)
}

/// What is wrong with a step that gives nodes other addresses.
pub(super) fn wrong_move(readdress: &Readdress, cluster: &Cluster) -> Option<Wrong> {
    if !cluster.names {
        let text =
            "nodes that are named after their addresses keep them: write names = true in [cluster]";
        return wrong(&[], text);
    }
    let one = readdress.whom.nodes == Some(1)
        || readdress.whom.these.as_ref().is_some_and(|these| these.iter().count() == 1);
    if readdress.swap && one {
        let text = "one node has nobody to swap addresses with: name 2 or more, or leave swap out";
        return wrong(&["swap"], text);
    }
    if readdress.swap && !readdress.addresses.is_empty() {
        let text = "nodes that swap get the addresses of each other: leave one of both out";
        return wrong(&["addresses"], text);
    }
    wrong_addresses(&readdress.addresses, cluster)
}

/// What is wrong with a step that closes addresses.
pub(super) fn wrong_close(close: &Close, cluster: &Cluster) -> Option<Wrong> {
    let count = |node| cluster.families(node).len();
    let most = (0..cluster.nodes).map(count).max().unwrap_or(1);
    let text = format!(
        "no node has an address {}: the last is {}, counted from 0",
        close.address,
        most.saturating_sub(1)
    );
    wrong(&["address"], text).filter(|_| close.address >= NETWORKS)
}

/// What is wrong with a cut between addresses of one family.
pub(super) fn wrong_family(cut: &Direction, cluster: &Cluster) -> Option<Wrong> {
    let family = cut.family?;
    let has = |node| cluster.families(node).contains(&family);
    let text = "no node has an address of this family: leave family out";
    wrong(&["family"], text).filter(|_| !cluster.names && !(0..cluster.nodes).any(has))
}
