//! Putting a simulation together.

use core::time::Duration;
use std::cell::RefCell;
use std::rc::Rc;

use scalesmall_core::{ClusterName, Config, Engine, Key, Keyring};

use super::protocol::{Birth, Protocol};
use super::{Born, FOR_NETWORK, FOR_STARTS, Make, Parts, Sim, Step};
use crate::addresses::{Family, NETWORKS};
use crate::check::Broken;
use crate::link::{Link, nanos};
use crate::names::Names;
use crate::network::Network;
use crate::random::Random;

/// A simulation in the making. Everything has a default: a local network without loss, nodes that
/// start within 100 ms and know node 0, no multicast.
pub struct Build<P: Protocol> {
    seed: u64,
    nodes: usize,
    make: Option<Make<P>>,
    born: Option<Born<P>>,
    link: Link,
    zones: Option<(ByNode<u16>, Link)>,
    segments: Option<ByNode<Option<u16>>>,
    start_within: Duration,
    seeds: ByNode<Vec<usize>>,
    asleep: Vec<usize>,
    cluster: ClusterName,
    named: bool,
    families: ByNode<Vec<Family>>,
    rerun: String,
    parameters: Vec<(String, String)>,
}

/// What each node has of something.
type ByNode<T> = Box<dyn Fn(usize) -> T>;

impl Sim<Engine> {
    /// A simulation of engines, to be built up. Everything follows from the seed.
    #[expect(clippy::new_ret_no_self, reason = "a simulation has more parts than one call takes")]
    #[must_use]
    pub fn new(seed: u64) -> Build<Engine> {
        Build::empty(seed)
    }
}

impl Build<Engine> {
    /// This many nodes of one configuration; each has a seed of its own.
    #[must_use]
    pub fn nodes(mut self, nodes: usize, config: Config) -> Self {
        self.cluster = config.cluster.clone();
        self.nodes_with(nodes, move |_| config.clone())
    }

    /// This many nodes, each with a configuration of its own except the seed, which is set.
    ///
    /// A configuration that the engine refuses ends the simulation with a panic that names it.
    #[must_use]
    pub fn nodes_with(
        mut self,
        nodes: usize,
        mut config: impl FnMut(&Birth) -> Config + 'static,
    ) -> Self {
        self.nodes = nodes;
        self.make = Some(Rc::new(RefCell::new(move |birth: &Birth| {
            let mut config = config(birth);
            config.seed = birth.seed;
            Engine::new(config, birth.locator.clone(), birth.epoch, birth.now)
                .unwrap_or_else(|error| panic!("node {}: {error}", birth.node))
        })));
        self
    }
}

impl<P: Protocol> Build<P> {
    fn empty(seed: u64) -> Self {
        Self {
            seed,
            nodes: 0,
            make: None,
            born: None,
            link: Link::lan(),
            zones: None,
            segments: None,
            start_within: Duration::from_millis(100),
            seeds: Box::new(|_| vec![0]),
            asleep: Vec::new(),
            cluster: credentials().0,
            named: false,
            families: Box::new(|_| vec![Family::V4]),
            rerun: format!("SIM_SEED={seed}, and the same test or scenario"),
            parameters: Vec::new(),
        }
    }

    /// A simulation of any protocol: this many nodes, each made by a closure.
    #[must_use]
    pub fn of(seed: u64, nodes: usize, make: impl FnMut(&Birth) -> P + 'static) -> Self {
        Self { nodes, make: Some(Rc::new(RefCell::new(make))), ..Self::empty(seed) }
    }

    /// The link between all nodes that are given no other.
    #[must_use]
    pub fn link(mut self, link: Link) -> Self {
        self.link = link;
        self
    }

    /// Puts each node in a zone. Within a zone the common link holds, between two zones `between`.
    #[must_use]
    pub fn zones(mut self, zone: impl Fn(usize) -> u16 + 'static, between: Link) -> Self {
        self.zones = Some((Box::new(zone), between));
        self
    }

    /// Puts each node in a multicast segment, or in none.
    #[must_use]
    pub fn segments(mut self, segment: impl Fn(usize) -> Option<u16> + 'static) -> Self {
        self.segments = Some(Box::new(segment));
        self
    }

    /// Starts all nodes at random times within this span.
    #[must_use]
    pub fn start_within(mut self, span: Duration) -> Self {
        self.start_within = span;
        self
    }

    /// Which nodes each node knows when it starts.
    #[must_use]
    pub fn seeds(mut self, seeds: impl Fn(usize) -> Vec<usize> + 'static) -> Self {
        self.seeds = Box::new(seeds);
        self
    }

    /// What is done to each node when it has been started, before it contacts anybody.
    #[must_use]
    pub fn born(mut self, born: impl Fn(&mut Sim<P>, usize) + 'static) -> Self {
        self.born = Some(Rc::new(born));
        self
    }

    /// Leaves some nodes out, until [`Sim::restart`] starts them.
    #[must_use]
    pub fn asleep(mut self, nodes: &[usize]) -> Self {
        self.asleep = nodes.to_vec();
        self
    }

    /// Gives each node one IPv6 address.
    #[must_use]
    pub fn ipv6(self) -> Self {
        self.addresses(|_| vec![Family::V6])
    }

    /// Gives each node addresses of these families, 1 to 4, the preferred one first. Those of more than
    /// one need names: [`Build::named`].
    #[must_use]
    pub fn addresses(mut self, families: impl Fn(usize) -> Vec<Family> + 'static) -> Self {
        self.families = Box::new(families);
        self
    }

    /// Gives nodes names of their own, of 12 bytes, so that they may have several addresses and move to
    /// others. Nodes that have none are named after their addresses.
    #[must_use]
    pub const fn named(mut self) -> Self {
        self.named = true;
        self
    }

    /// The line that a failure prints to run it again.
    #[must_use]
    pub fn rerun(mut self, line: impl Into<String>) -> Self {
        self.rerun = line.into();
        self
    }

    /// A parameter that a failure prints.
    #[must_use]
    pub fn parameter(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.parameters.push((name.into(), value.into()));
        self
    }

    /// Puts it together, at time zero.
    ///
    /// # Panics
    ///
    /// If no nodes were given.
    #[must_use]
    pub fn build(self) -> Sim<P> {
        let root = Random::new(self.seed);
        let nodes = self.nodes;
        let mut parameters = vec![
            ("nodes".to_owned(), nodes.to_string()),
            ("link".to_owned(), self.link.to_string()),
        ];
        parameters.extend(self.parameters);
        let links = [Some(&self.link), self.zones.as_ref().map(|(_, between)| between)];
        let wrong: Vec<String> = links.into_iter().flatten().filter_map(Link::wrong).collect();
        let mut network = Network::new(root.fork(FOR_NETWORK), nodes, self.link);
        if let Some((zones, between)) = self.zones {
            parameters.push(("between".to_owned(), between.to_string()));
            network.set_zones((0..nodes).map(zones).collect(), between);
        }
        if let Some(segments) = self.segments {
            network.set_segments((0..nodes).map(segments).collect());
        }
        let names = Names::new(self.cluster, nodes, self.named, &self.families);
        let several =
            (0..nodes).find(|node| !(1..=NETWORKS).contains(&names.addresses(*node).len()));
        let several = several.or_else(|| {
            let one = |node: &usize| names.addresses(*node).len() == 1;
            (0..nodes).find(|node| !self.named && !one(node))
        });
        let seeds = (0..nodes)
            .map(|node| (self.seeds)(node).into_iter().filter(|seed| *seed != node).collect())
            .collect();
        let mut sim = Sim::assemble(Parts {
            seed: self.seed,
            nodes,
            network,
            make: self.make.expect("a simulation is given its nodes before it is built"),
            born: self.born,
            seeds,
            names,
            parameters,
            rerun: self.rerun,
        });
        for node in (0..nodes).filter(|node| !self.asleep.contains(node)) {
            let mut random = root.fork(FOR_STARTS).fork(node as u64);
            let at = random.below(nanos(self.start_within).saturating_add(1));
            sim.unborn += 1;
            sim.queue.push(at, Step::Start(node as u32));
        }
        P::set_rules(&mut sim);
        for wrong in wrong {
            sim.fail(Broken::Misuse(format!("link: {wrong}")), &[]);
        }
        if let Some(node) = several {
            let text = format!(
                "addresses: node {node} has none, more than {NETWORKS}, or several and no name"
            );
            sim.fail(Broken::Misuse(text), &[]);
        }
        sim
    }
}

impl<P: Protocol> core::fmt::Debug for Build<P> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Build")
            .field("seed", &self.seed)
            .field("nodes", &self.nodes)
            .field("link", &self.link)
            .finish_non_exhaustive()
    }
}

/// The preset for a local network, with a cluster name and a key for simulations.
///
/// The seed is a placeholder: [`Build::nodes`] gives each node one of its own.
#[must_use]
pub fn lan() -> Config {
    let (cluster, keys) = credentials();
    Config::lan([0; 32], cluster, keys)
}

/// The preset for several places, with a cluster name and a key for simulations.
#[must_use]
pub fn wan() -> Config {
    let (cluster, keys) = credentials();
    Config::wan([0; 32], cluster, keys)
}

/// The preset for one host, with a cluster name and a key for simulations.
#[must_use]
pub fn local() -> Config {
    let (cluster, keys) = credentials();
    Config::local([0; 32], cluster, keys)
}

fn credentials() -> (ClusterName, Keyring) {
    let cluster = ClusterName::try_from("simulation").expect("a short name is a cluster's name");
    (cluster, Keyring::new(Key::authenticated([0x5a; 32])))
}

/// The seed that the environment asks for in `SIM_SEED`, or this one: a number, or a hash such as a
/// commit's, of which the first 16 hexadecimal digits count.
///
/// # Panics
///
/// If `SIM_SEED` is neither, so that nobody takes another run for that of a seed.
#[must_use]
pub fn seed_from_env(otherwise: u64) -> u64 {
    let Some(text) = std::env::var_os("SIM_SEED") else { return otherwise };
    let seed = text.to_str().and_then(seed_of);
    seed.unwrap_or_else(|| panic!("SIM_SEED={}: write a whole number or a hash", text.display()))
}

fn seed_of(text: &str) -> Option<u64> {
    let hash = || u64::from_str_radix(text.get(..16)?, 16).ok();
    text.parse().ok().or_else(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_given_in_any_order() {
        let run = |build: Build<Engine>| {
            let mut sim = build.build();
            sim.run_for(Duration::from_secs(2)).unwrap();
            (sim.converged(), sim.trace_hash())
        };
        let zones = |build: Build<Engine>| build.zones(|node| node as u16 % 2, Link::wan());
        let nodes = |build: Build<Engine>| build.nodes(4, lan());
        let segments = |build: Build<Engine>| build.segments(|_| Some(0));
        let last = run(nodes(segments(zones(Sim::new(1)))));
        assert_eq!(last, run(segments(zones(nodes(Sim::new(1))))));
        assert!(last.0);
    }

    #[test]
    fn a_seed_is_a_number_or_a_hash() {
        assert_eq!(seed_of("17"), Some(17));
        assert_eq!(seed_of("00000000000000ffb1d3a9c07ad16c29f4a4b3c2"), Some(255));
        for text in ["", "x", "-1", "1.5", "ff"] {
            assert_eq!(seed_of(text), None, "{text}");
        }
    }
}
