//! The simulation: nodes, network and time.
//!
//! The state is in [`Sim`]; each of the other modules adds the calls of one subject to it.
//!
//! # Map
//!
//! | layer | module | what it is for |
//! |---|---|---|
//! | calls of engines | `calls` | calls that the laws know of: groups, ranges, messages |
//! | all else | `application` | what acts on the nodes while time passes |
//! | | `build` | putting a simulation together |
//! | | `faults` | what can be done to nodes and links, and its end |
//! | | `film` | looking at a simulation again and again, to draw it afterwards |
//! | | `meter` | what nodes sent between two moments |
//! | | `moves` | nodes that get other addresses |
//! | | `queries` | what can be asked at any moment |
//! | | `fork` | two futures from one moment |
//! | | `reports` | what nodes report, and whether it can be true |
//! | | `rules` | rules put to the whole, and figures that are kept of it |
//! | | `snapshots` | nodes that are set back, and second copies of nodes |
//! | | `step` | what happens in a step: a node starts, hears, has a deadline |
//! | | `tap` | listening in |
//! | | `watch` | questions put to nodes after each step |
//! | ground | `forge` | packets that no engine would send |
//! | | `protocol` | what a node is: the engine, or any other protocol |

mod application;
mod build;
mod calls;
mod faults;
mod film;
mod forge;
mod fork;
mod meter;
mod moves;
mod protocol;
mod queries;
mod reports;
mod rules;
mod snapshots;
mod step;
mod tap;
mod watch;

pub use build::{Build, lan, local, seed_from_env, wan};
pub use faults::CatchUp;
pub use film::Film;
pub use forge::Forged;
use meter::Passages;
pub use meter::{Meter, Passage, Usage};
pub use protocol::{Birth, Protocol, Sighting};
pub(crate) use rules::Laws;
pub use tap::{Incident, Sending, Tap};
pub use watch::{Answers, Watch};

use core::net::SocketAddr;
use core::time::Duration;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use bytes::BytesMut;
use scalesmall_core::{Engine, Instant, SendError};

use crate::check::{Broken, Failure};
use crate::counts::Faults;
use crate::datagrams::Datagrams;
use crate::link::nanos;
use crate::names::Names;
use crate::network::Network;
use crate::node::Node;
use crate::queue::Queue;
use crate::random::Random;
use crate::trace::Trace;
use crate::view_changes::AllSights;
use crate::views::{Report, Views};
use crate::written::Written;
use application::Application;
use rules::{AllSeries, Rules};
use snapshots::{Snapshot, Twin};
use watch::Watches;

/// What no node may say of one that is up, whatever the network does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Forbidden {
    Nothing,
    /// That it is down.
    FalseDown,
    /// That it is down, or unreachable.
    Hidden,
}

/// A running simulation. Made by [`Sim::new`] or [`Build::of`](crate::Build::of).
///
/// Time passes in [`Sim::run_for`] and [`Sim::run_until`] only; everything else happens at an
/// instant. After a broken rule the simulation can be looked at, but every further run fails alike.
pub struct Sim<P: Protocol = Engine> {
    seed: u64,
    random: Random,
    now: u64,
    queue: Queue<Step>,
    nodes: Vec<Node<P>>,
    network: Network,
    views: Views,
    trace: Trace,
    make: Make<P>,
    /// What is done to a node before it contacts anybody.
    born: Option<Born<P>>,
    seeds: Vec<Vec<usize>>,
    lives: Vec<u32>,
    names: Names,
    /// Nodes that are going to start.
    unborn: usize,
    calm: bool,
    apart: bool,
    /// What was sent from zone to zone, if that is counted.
    passed: Option<Passages>,
    forbidden: Forbidden,
    reports: Vec<Report>,
    watches: Watches<P>,
    rules: Rules<P>,
    laws: Option<Box<dyn Laws<P>>>,
    series: AllSeries,
    application: Option<Application<P>>,
    parameters: Vec<(String, String)>,
    rerun: String,
    tap: Option<Box<dyn Tap<P>>>,
    /// Whether the tap is told of every datagram that is sent, and of its fates.
    traced: bool,
    sights: AllSights,
    written: Written,
    datagrams: Datagrams,
    faults: Faults,
    pictures: BTreeMap<u64, u32>,
    pictures_agreed_at: Option<u64>,
    /// Whether a member has said what no engine says.
    lied: bool,
    failure: Option<Box<Failure>>,
    buffer: BytesMut,
    steps: u64,
    next_replay: (u64, usize),
    snapshots: BTreeMap<usize, Snapshot<P>>,
    twins: BTreeMap<usize, Twin<P>>,
    conflict_at: Option<u64>,
}

/// What the queue holds.
#[derive(Clone, Debug)]
enum Step {
    Start(u32),
    Deliver {
        packet: u32,
        to: u32,
    },
    Timer(u32),
    /// The same of a second copy of a node.
    Twin(u32),
    /// A slow node takes its next datagram.
    Work(u32),
    /// A node learns that a datagram to an address could not be sent.
    Unsent {
        node: u32,
        what: Box<(SocketAddr, SendError)>,
    },
    /// A process notices which addresses its host has.
    Notice(u32),
}

/// Makes a node's protocol.
type Make<P> = Rc<RefCell<dyn FnMut(&Birth) -> P>>;

/// What is done to a node when it has been made, before it contacts anybody.
type Born<P> = Rc<dyn Fn(&mut Sim<P>, usize)>;

/// The parts that a simulation is put together from.
struct Parts<P: Protocol> {
    seed: u64,
    nodes: usize,
    network: Network,
    make: Make<P>,
    born: Option<Born<P>>,
    seeds: Vec<Vec<usize>>,
    names: Names,
    parameters: Vec<(String, String)>,
    rerun: String,
}

impl<P: Protocol> Sim<P> {
    fn assemble(parts: Parts<P>) -> Self {
        let nodes = parts.nodes;
        Self {
            seed: parts.seed,
            random: Random::new(parts.seed),
            now: 0,
            queue: Queue::new(),
            nodes: (0..nodes).map(|_| Node::new()).collect(),
            network: parts.network,
            views: Views::new(nodes),
            trace: Trace::new(parts.seed),
            make: parts.make,
            born: parts.born,
            seeds: parts.seeds,
            lives: vec![0; nodes],
            names: parts.names,
            unborn: 0,
            calm: true,
            apart: false,
            passed: None,
            forbidden: Forbidden::Nothing,
            reports: Vec::new(),
            watches: Watches::default(),
            rules: Rules::default(),
            laws: None,
            series: AllSeries::default(),
            application: None,
            parameters: parts.parameters,
            rerun: parts.rerun,
            tap: None,
            traced: false,
            sights: AllSights::default(),
            written: Written::default(),
            datagrams: Datagrams::default(),
            faults: Faults::default(),
            pictures: BTreeMap::new(),
            pictures_agreed_at: None,
            lied: false,
            failure: None,
            buffer: BytesMut::with_capacity(2048),
            steps: 0,
            next_replay: (0, 0),
            snapshots: BTreeMap::new(),
            twins: BTreeMap::new(),
            conflict_at: None,
        }
    }

    /// Lets time pass.
    ///
    /// # Errors
    ///
    /// The first broken rule; time stands where it was broken.
    pub fn run_for(&mut self, span: Duration) -> Result<(), Box<Failure>> {
        self.run_to(self.now.saturating_add(nanos(span)))
    }

    /// Lets time pass until a condition holds, looked at once a millisecond, and tells how long
    /// that took.
    ///
    /// # Errors
    ///
    /// The first broken rule, or [`Broken::NotReached`] after `limit`.
    pub fn run_until(
        &mut self,
        mut condition: impl FnMut(&Self) -> bool,
        limit: Duration,
    ) -> Result<Duration, Box<Failure>> {
        let start = self.now;
        let end = start.saturating_add(nanos(limit));
        loop {
            if condition(self) {
                return Ok(Duration::from_nanos(self.now - start));
            }
            if self.now >= end {
                let failure = self.failure_of(Broken::NotReached { limit }, &[]);
                return Err(Box::new(failure));
            }
            self.run_to(self.now.saturating_add(1_000_000).min(end))?;
        }
    }

    fn run_to(&mut self, end: u64) -> Result<(), Box<Failure>> {
        loop {
            if let Some(failure) = &self.failure {
                return Err(failure.clone());
            }
            let due = self.rules.due().min(self.application_due());
            let Some((at, step)) = self.queue.pop(end.min(due)) else {
                if due > end {
                    break;
                }
                self.now = self.now.max(due);
                self.apply();
                self.check_rules();
                continue;
            };
            self.now = self.now.max(at);
            self.steps += 1;
            self.perform(step);
            if self.now >= self.next_replay.0 {
                self.check_replay();
            }
        }
        self.now = end;
        Ok(())
    }

    /// Calls a node at the present time and takes its output. The time that is handed over is that
    /// of the node's own clock.
    ///
    /// # Panics
    ///
    /// If the node is not running; look at [`Sim::condition`] first.
    pub fn with<R>(&mut self, node: usize, call: impl FnOnce(&mut P, Instant) -> R) -> R {
        let answer = self.call(node, call);
        P::note_calls(self, node);
        self.settle(node);
        answer
    }

    /// As [`Sim::with`], for calls that write nothing that the rules do not know of.
    pub(crate) fn tell<R>(&mut self, node: usize, call: impl FnOnce(&mut P, Instant) -> R) -> R {
        let answer = self.call(node, call);
        self.settle(node);
        answer
    }

    pub(crate) fn call<R>(&mut self, node: usize, call: impl FnOnce(&mut P, Instant) -> R) -> R {
        let now = self.local(node);
        let protocol = self.nodes[node].protocol.as_mut();
        call(protocol.expect("a node that is called has been started"), now)
    }

    /// Breaks a rule on behalf of a scenario: the next run fails with it.
    pub fn fail(&mut self, broken: Broken, nodes: &[usize]) {
        if self.failure.is_none() {
            self.failure = Some(Box::new(self.failure_of(broken, nodes)));
        }
    }

    fn failure_of(&self, mut broken: Broken, nodes: &[usize]) -> Failure {
        if let Broken::Law { what, .. } | Broken::Rule(what) = &mut broken {
            *what = self.names.in_text(what);
        }
        let fates = self.network.fates.iter().filter(|(_, count)| *count > 0);
        let fates: Vec<String> =
            fates.map(|(fate, count)| format!("{count} {}", fate.replace('_', " "))).collect();
        let state = format!(
            "{} nodes run, {} pairs of them are wrong, {} different pictures; datagrams: {}",
            self.views.observers(),
            self.views.wrong_pairs(),
            self.pictures.len(),
            fates.join(", "),
        );
        Failure {
            broken,
            seed: self.seed,
            at: self.now(),
            nodes: nodes.to_vec(),
            goal: String::new(),
            lack: "",
            why: Vec::new(),
            parameters: self.parameters.clone(),
            state,
            records: self.trace.last(nodes, 40),
            rerun: self.rerun.clone(),
        }
    }

    pub(crate) fn local(&self, node: usize) -> Instant {
        Instant::from_nanos(self.nodes[node].clock.local(self.now))
    }
}

impl<P: Protocol> core::fmt::Debug for Sim<P> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Sim")
            .field("seed", &self.seed)
            .field("now", &self.now())
            .field("nodes", &self.nodes.len())
            .field("steps", &self.steps)
            .finish_non_exhaustive()
    }
}

/// Purposes for which the seed is forked.
const FOR_NODES: u64 = 1;
const FOR_NETWORK: u64 = 2;
const FOR_STARTS: u64 = 3;
