//! The cluster of a scenario, before anything happens to it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use scalesmall_core::{GroupName, KeyRange, Keyring};

use crate::scenario::Scenario;
use crate::scenario::cluster::Seeds;
use crate::scenario::settings::Settings;
use crate::sim::Sim;

/// The key files: what each node that is gone held at its end.
pub(super) type KeyFiles = Rc<RefCell<BTreeMap<usize, Keyring>>>;

/// Notes what a node holds, as its key file does.
pub(super) fn write_keys(sim: &Sim, node: usize, files: &KeyFiles) {
    if let Some(engine) = sim.node(node) {
        files.borrow_mut().insert(node, engine.config().keys.clone());
    }
}

/// A node that starts has the keys of its file. One that has no other keys than at first is left alone.
fn read_keys(sim: &mut Sim, node: usize, files: &KeyFiles) {
    let Some(keys) = files.borrow().get(&node).cloned() else { return };
    let fresh = sim.node(node).map(|engine| engine.config().clone());
    if let Some(mut config) = fresh.filter(|config| !config.keys.ids().eq(keys.ids())) {
        config.keys = keys;
        // It was in force before.
        let _ = sim.with(node, |engine, now| engine.set_config(now, config));
    }
}

pub(super) fn set_up(
    scenario: &Scenario,
    settings: &Settings,
    seed: u64,
    rerun: &str,
    files: &KeyFiles,
) -> Sim {
    let cluster = &scenario.cluster;
    let config = cluster.config(settings);
    let others = cluster.others.clone().map(|some| (some.these, cluster.config(&some.settings)));
    let seeds = cluster.seeds;
    let asleep: Vec<usize> = (cluster.nodes - cluster.asleep..cluster.nodes).collect();
    let group = group_name();
    let mut build = Sim::new(seed)
        .nodes_with(cluster.nodes, move |birth| match &others {
            Some((these, others)) if these.contains(birth.node) => others.clone(),
            _ => config.clone(),
        })
        .link(cluster.link.link())
        .start_within(cluster.start_within.0)
        .asleep(&asleep)
        .seeds(move |node| match seeds {
            Seeds::First => vec![0],
            Seeds::Chain => vec![node.saturating_sub(1)],
            Seeds::Three => vec![0, 1, 2],
            Seeds::None => Vec::new(),
        })
        .parameter("scenario", scenario.name.clone())
        .rerun(rerun);
    let (files, nodes, owners, serve) =
        (Rc::clone(files), cluster.nodes, cluster.owners, cluster.serve);
    build = build.born(move |sim, node| {
        read_keys(sim, node, &files);
        let parts = match owners {
            0 if serve => vec![range_of(node, 0)],
            0 => Vec::new(),
            owners => share_of(node, nodes, owners),
        };
        for range in parts {
            // A refused call leaves the node without a range, which figures and rules then show.
            let _ = sim.add_item(node, &group, range, PORT);
        }
    });
    if cluster.segments > 0 {
        let segments = cluster.segments as usize;
        build = build.segments(move |node| Some((node % segments) as u16));
    }
    if let Some(between) = &cluster.between {
        let zones = cluster.clone();
        build = build.zones(move |node| zones.zone_of(node), between.link());
    }
    if cluster.names {
        build = build.named();
    }
    let homes = cluster.clone();
    build = build.addresses(move |node| homes.families(node));
    let mut sim = build.build();
    if !cluster.routes.is_empty() {
        sim.set_links(&cluster.links());
    }
    sim
}

/// What a node serves of all keys if each is to have this many owners: of as many equal parts as there are
/// nodes its own and those that follow. Past the last key it goes on with the first.
pub(super) fn share_of(node: usize, nodes: usize, owners: usize) -> Vec<KeyRange> {
    let begin = |part: usize| (((part as u64) << 32) / nodes as u64) as u32;
    let end = |part: usize| ((((part as u64 + 1) << 32) / nodes as u64) - 1) as u32;
    let last = node + owners.clamp(1, nodes) - 1;
    let bounds = if last < nodes {
        vec![(begin(node), end(last))]
    } else {
        vec![(begin(node), u32::MAX), (0, end(last - nodes))]
    };
    bounds.into_iter().filter_map(|(start, end)| KeyRange::new(start, end).ok()).collect()
}

/// The group in which nodes serve ranges.
pub(super) fn group_name() -> GroupName {
    GroupName::try_from("scenario").expect("a short name is a group's name")
}

/// The range of this number that belongs to a node.
pub(super) fn range_of(node: usize, number: u32) -> KeyRange {
    let start = (node as u32).wrapping_mul(4_096).wrapping_add(number % 1_000 * 4);
    KeyRange::new(start, start.saturating_add(3)).unwrap_or(KeyRange::FULL)
}

/// The port at which ranges are served.
pub(super) const PORT: u16 = 80;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_has_as_many_owners_as_are_asked_for() {
        for (nodes, owners) in [(1, 1), (5, 4), (5, 5), (128, 4), (7, 1)] {
            let shares: Vec<_> =
                (0..nodes).flat_map(|node| share_of(node, nodes, owners)).collect();
            for key in (0..1_000).map(|number| number * 4_294_967).chain([0, u32::MAX]) {
                let holds = |range: &&KeyRange| range.start() <= key && key <= range.end();
                assert_eq!(shares.iter().filter(holds).count(), owners, "{nodes} {owners} {key}");
            }
        }
    }
}
