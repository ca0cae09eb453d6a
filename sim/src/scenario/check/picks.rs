//! Whether each step has nodes that it is about: one about nobody would pass whatever the engine does.

use super::{Wrong, wrong};
use crate::scenario::cluster::Cluster;
use crate::scenario::nodes::ZoneName;
use crate::scenario::place::Place;
use crate::scenario::step::{Goal, Step, To, Whom};

/// What is wrong with the nodes that it is about; `picked` is whether a step before has picked
/// any.
pub(super) fn wrong_pick(step: &Step, cluster: &Cluster, picked: bool) -> Option<Wrong> {
    if let Step::Cut(cut) = step {
        let found =
            wrong_whom(&cut.from, cluster, picked).map(|wrong| wrong.under(&["from".into()]));
        // All others, if none are named.
        let to = || wrong_whom(&cut.to, cluster, true).map(|wrong| wrong.under(&["to".into()]));
        return found.or_else(to);
    }
    if let Some(whom) = step.whom() {
        let picked = picked || !step.wants_picked();
        let key = match step {
            Step::Serve(_) | Step::Withdraw(_) => &["picked"][..],
            Step::WallClock(_) => &["behind"],
            _ => &[],
        };
        return wrong_whom(whom, cluster, picked)
            .map(|wrong| if wrong.way.is_empty() { wrong.at(key) } else { wrong });
    }
    let last = match step {
        Step::Send(send) if send.to != To::All => "to",
        Step::Await(goal)
            if matches!(goal.what, Goal::Split | Goal::ToldOfHold | Goal::Located) =>
        {
            "what"
        }
        step => return wrong_count(step, cluster),
    };
    wrong(&[last], "no step before has picked nodes: put one that does before").filter(|_| !picked)
}

fn wrong_count(step: &Step, cluster: &Cluster) -> Option<Wrong> {
    let (key, counts) = match step {
        Step::Stalls(stalls) => ("nodes", stalls.nodes.clone()),
        Step::Pauses(pauses) => ("at_once", vec![pauses.at_once]),
        Step::Parts(parts) => {
            let most = cluster.nodes;
            let text = format!("{} parts of {most} nodes: write at most {most}", parts.count);
            return wrong(&["count"], text).filter(|_| parts.count > most);
        }
        Step::Between(between) => {
            let key = if between.percent == 0 { "percent" } else { "and" };
            return wrong(&[key], NOBODY).filter(|_| between.percent == 0 || between.and == 0);
        }
        _ => return None,
    };
    counts.into_iter().find_map(|count| wrong_number(key, count, cluster.nodes, "the cluster"))
}

/// The fault of a number of nodes that is picked from a whole of `most` nodes.
fn wrong_number(key: &str, count: usize, most: usize, whole: &str) -> Option<Wrong> {
    let text = match count {
        0 => NOBODY.to_owned(),
        count if count > most => {
            format!("{count} nodes, and {whole} has {most}: write at most {most}")
        }
        _ => return None,
    };
    wrong(&[key], text)
}

fn wrong_whom(whom: &Whom, cluster: &Cluster, picked: bool) -> Option<Wrong> {
    if whom.another && (whom.these.is_some() || whom.nodes.is_none() && whom.percent.is_none()) {
        let text = "another is about nodes at random: give nodes or percent as well";
        return wrong(&["another"], text);
    }
    if whom.is_last() {
        let text = "no step before has picked nodes: name some, as in { nodes = 1 }";
        return wrong(&[], text).filter(|_| !picked);
    }
    let given = [whom.nodes.is_some(), whom.percent.is_some(), whom.these.is_some()];
    if given.iter().filter(|given| **given).count() > 1 {
        let key = if whom.percent.is_some() { "percent" } else { "these" };
        return wrong(&[key], "give one of nodes, percent and these: leave the others out");
    }
    if whom.zone.is_some() && whom.these.is_some() {
        return wrong(&["zone"], "these are named one by one: leave the zone out");
    }
    if let Some(found) = whom.zone.as_ref().and_then(|zone| wrong_zone("zone", zone, cluster)) {
        return Some(found);
    }
    let zone = whom.zone.as_ref().and_then(|name| Some((name, cluster.zone_named(name)?)));
    let (most, whole) = match zone {
        Some((name, zone)) => {
            let nodes = (0..cluster.nodes).filter(|node| cluster.zone_of(*node) == zone).count();
            (nodes, format!("zone {name}"))
        }
        None => (cluster.nodes, "the cluster".to_owned()),
    };
    if let Some(found) = whom.nodes.and_then(|count| wrong_number("nodes", count, most, &whole)) {
        return Some(found);
    }
    if whom.percent == Some(0) {
        return wrong(&["percent"], NOBODY);
    }
    if whom.these.as_ref().is_some_and(|these| these.is_empty()) {
        return wrong(&["these"], "these are no nodes: name one at least");
    }
    let highest = whom.these.as_ref().and_then(|these| these.highest());
    if let Some(highest) = highest.filter(|highest| *highest >= cluster.nodes) {
        return wrong(&["these"], no_such_node(highest, cluster.nodes));
    }
    let percent = whom.percent.filter(|percent| *percent > 100)?;
    wrong(&["percent"], format!("{percent} per cent of the nodes are more than all: lower it"))
}

/// What is wrong with a node of this number.
pub(super) fn no_such_node(node: usize, nodes: usize) -> String {
    let last = nodes.saturating_sub(1);
    format!("there is no node {node} in a cluster of {nodes}: the last is {last}, counted from 0")
}

/// What is wrong with the name of a zone.
pub(super) fn wrong_zone(key: &str, name: &ZoneName, cluster: &Cluster) -> Option<Wrong> {
    if cluster.zone_named(name).is_some() {
        return None;
    }
    let names = cluster.zone_names();
    let text = if names.len() > 1 {
        format!("there is no zone \"{name}\": there are {}", names.join(", "))
    } else {
        "there are no zones: list them in [[cluster.zone]]".to_owned()
    };
    wrong(&[key], text)
}

impl Wrong {
    /// The same under these keys alone.
    fn at(mut self, keys: &[&str]) -> Self {
        self.way = keys.iter().map(|key| Place::from(*key)).collect();
        self
    }
}

const NOBODY: &str = "0 are nobody, and nothing happens: write 1 or more";
