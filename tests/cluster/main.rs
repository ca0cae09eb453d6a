//! Stories of whole clusters, in the simulator: each states its times, all of them virtual.
//!
//! `SIM_SEED` runs them with another seed.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on is to stop")]

use core::time::Duration;

use scalesmall_core::{Config, Engine, GroupName, KeyRange, NodeId, Op};
use scalesmall_sim::{Build, Failure, Sim, lan, seed_from_env};

mod agreement;
mod calm;
mod clock;
mod crash;
mod delivery;
mod depart;
mod deploy;
mod events;
mod loss;
mod messages;
mod multicast;
mod multicast_loss;
mod multicast_quiet;
mod multicast_state;
mod narrow;
mod ocean;
mod partition;
mod pause;
mod restart;
mod retry;
mod rotation;
mod tables;
mod topology;
mod two;

type Outcome = Result<(), Box<Failure>>;

/// Nodes on a local network that all know node 0.
fn cluster(seed: u64, nodes: usize) -> Build<Engine> {
    configured(seed, nodes, lan())
}

fn configured(seed: u64, nodes: usize, config: Config) -> Build<Engine> {
    let seed = seed_from_env(seed);
    let test = std::thread::current().name().unwrap_or("").to_owned();
    Sim::new(seed)
        .nodes(nodes, config)
        .rerun(format!("SIM_SEED={seed} cargo test -p scalesmall-tests --test cluster {test}"))
}

/// The same, after they have found each other.
fn settled(seed: u64, nodes: usize) -> Result<Sim, Box<Failure>> {
    let mut sim = cluster(seed, nodes).build();
    sim.run_until(Sim::converged, secs(5))?;
    sim.run_for(secs(2))?;
    Ok(sim)
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn group() -> GroupName {
    GroupName::try_from("shop").unwrap()
}

fn range(start: u32, end: u32) -> KeyRange {
    KeyRange::new(start, end).unwrap()
}

/// A range of its own for each node.
fn own_range(node: usize) -> KeyRange {
    let start = node as u32 * 1_000;
    range(start, start + 999)
}

/// Lets each live node serve its own range at port 80.
fn serve_own_ranges(sim: &mut Sim) {
    let nodes: Vec<usize> = sim.live().collect();
    for node in nodes {
        sim.add_item(node, &group(), own_range(node), 80).unwrap();
    }
}

/// Whether a node shows that another serves a range.
fn shows(engine: &Engine, member: NodeId, range: KeyRange) -> bool {
    engine
        .topology_of(&group(), Op::Add)
        .any(|timed| timed.item.member == member && timed.item.range == range)
}

/// The node that a node would send a key to.
fn routed(sim: &Sim, node: usize, key: u32) -> Option<usize> {
    let owner = sim.node(node)?.route(&group(), key).next()?;
    sim.node_of(owner.member)
}

/// Whether all live nodes route each live node's own range to it, and those of others nowhere.
fn all_route_to_the_living(sim: &Sim) -> bool {
    sim.live().all(|node| {
        (0..sim.len()).all(|owner| {
            let alive = sim.condition(owner).is_up();
            routed(sim, node, owner as u32 * 1_000 + 5) == alive.then_some(owner)
        })
    })
}

/// Whether the topologies of all live nodes are equal, item by item.
fn topologies_equal(sim: &Sim) -> bool {
    let mut pictures = sim.live().filter_map(|node| {
        let engine = sim.node(node)?;
        Some(engine.topology(&group()).collect::<Vec<_>>())
    });
    let Some(first) = pictures.next() else { return true };
    pictures.all(|other| other == first)
}
