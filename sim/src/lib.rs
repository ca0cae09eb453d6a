//! A deterministic simulator: many nodes in one process, in virtual time, in a network that
//! misbehaves as it is told to.
//!
//! The nodes are real [engines](scalesmall_core::Engine) that exchange their real datagrams, or any
//! other [`Protocol`]. Everything follows from one seed: the same seed and the same calls give the
//! same [trace hash](Sim::trace_hash), on every machine and in every build.
//!
//! ```
//! use core::time::Duration;
//! use scalesmall_sim::{Link, Ratio, Sim, lan};
//!
//! let mut sim = Sim::new(7).nodes(3, lan()).link(Link::lan().loss(Ratio::percent(5))).build();
//! sim.run_for(Duration::from_secs(1))?;
//! sim.crash(2);
//! sim.run_for(Duration::from_secs(1))?;
//! println!("{} datagrams were delivered", sim.fates().delivered);
//! # Ok::<(), Box<scalesmall_sim::Failure>>(())
//! ```
//!
//! While time passes, rules are checked after every step: no datagram is too large, no deadline
//! stays behind, nobody is called down while all is well, events add up to what queries answer.
//! The first broken rule ends the run with a [`Failure`] that tells seed, parameters, the last
//! things that happened to the nodes concerned, and how to see it again.

mod build;
mod check;
mod engine;
mod flight;
mod judge;
mod ledger;
mod link;
mod measure;
mod network;
mod node;
pub mod pcap;
mod protocol;
mod queue;
mod random;
pub mod report;
pub mod scenario;
mod sim;
mod step;
pub mod swarm;
mod taken;
mod tally;
mod tap;
mod trace;
mod verbs;
mod view;
mod watch;

pub use build::{Build, lan, local, seed_from_env, wan};
pub use check::{Broken, Failure, Law, Report};
pub use link::{Delay, Link};
pub use measure::{Meter, Millis, Sample, Usage};
pub use network::{Packet, Rule, Verdict};
pub use node::{Condition, Traffic};
pub use protocol::{Birth, Protocol, Sighting};
pub use queue::Queue;
pub use random::{Random, Ratio};
pub use sim::Sim;
pub use tally::{Fates, Faults};
pub use tap::Tap;
pub use trace::{Entry, What};
pub use verbs::CatchUp;
pub use view::Views;
pub use watch::{Answers, Watch};
