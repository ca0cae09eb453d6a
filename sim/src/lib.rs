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
//! stays behind, no node is called down or unreachable while all is well, events add up to what
//! queries return. The first broken rule ends the run with a [`Failure`] that names the seed, the
//! parameters, the last things that happened to the nodes concerned, and the command that shows it
//! again.
//!
//! Rules of a test's own have names, and begin and end when it says so: [`Sim::always`], [`Sim::never`],
//! [`Sim::eventually`]; [`Sim::sample`] keeps a value over time. [`Sim::fork`] shows two futures of one
//! moment.
//!
//! ```
//! use core::time::Duration;
//! use scalesmall_sim::{Sim, lan};
//!
//! let mut sim = Sim::new(7).nodes(5, lan()).build();
//! sim.sample("pairs that are wrong", Duration::from_millis(100), |sim| sim.views().wrong_pairs());
//! sim.eventually("all see all", Duration::from_secs(5), Sim::all_see_all);
//! sim.run_for(Duration::from_secs(5))?;
//! let well = sim.always("all see all", Sim::all_see_all);
//! sim.run_for(Duration::from_secs(60))?;
//! sim.lift(well);
//! let mut other = sim.fork();
//! other.crash(4);
//! other.eventually("all know", Duration::from_secs(15), Sim::all_see_all);
//! other.run_for(Duration::from_secs(20))?;
//! # Ok::<(), Box<scalesmall_sim::Failure>>(())
//! ```
//!
//! # An application
//!
//! An application under test gets the events of its node through a [`Tap`]; a simulation has one
//! tap for all of its nodes. The application reacts with calls of the engine ([`Sim::with`])
//! between one stretch of time and the next, so it is late by up to the length of a stretch, here a
//! millisecond.
//!
//! ```
//! use core::time::Duration;
//! use std::{cell::RefCell, rc::Rc};
//! use scalesmall_core::{Engine, Event};
//! use scalesmall_sim::{Sim, Tap, lan};
//!
//! #[derive(Clone, Default)]
//! struct Inbox(Rc<RefCell<Vec<(usize, Event)>>>);
//!
//! impl Tap<Engine> for Inbox {
//!     fn event(&mut self, _at: u64, node: usize, event: &Event) {
//!         self.0.borrow_mut().push((node, event.clone()));
//!     }
//! }
//!
//! let mut sim = Sim::new(7).nodes(3, lan()).build();
//! let (inbox, mut met) = (Inbox::default(), 0);
//! sim.set_tap(inbox.clone());
//! for _ in 0..2_000 {
//!     sim.run_for(Duration::from_millis(1))?;
//!     for (_node, event) in inbox.0.take() {
//!         met += usize::from(matches!(event, Event::Peer { .. }));
//!     }
//! }
//! assert_eq!(met, 6, "each of three has met both others");
//! # Ok::<(), Box<scalesmall_sim::Failure>>(())
//! ```
//!
//! An example that reacts is at [`Tap`].
//!
//! # The program
//!
//! `scalesmall-sim` plays the scenario files in `scenarios/` (`list`, `run`), writes what all of
//! them come to (`results`), draws random worlds (`explore`, `merge`), and replays what happened
//! (`replay`): a scenario with a seed, or the recording of a node in production.
//!
//! ```console
//! $ scalesmall-sim help scenarios
//! $ scalesmall-sim run sim/scenarios/mass-crash.toml --seeds 3 --set cluster.link.loss=1% --html crash.html
//! $ scalesmall-sim results --only crash
//! $ scalesmall-sim explore --kind wan --runs 500 --all
//! $ scalesmall-sim replay sim/scenarios/crash.toml --seed 2 --pcap crash.pcap
//! $ scalesmall-sim dissector > scalesmall.lua; wireshark -X lua_script:scalesmall.lua crash.pcap
//! $ scalesmall-sim replay sim/scenarios/crash.toml --seed 2 --trace - | jq -c 'select(.kind == "lost")'
//! $ scalesmall-sim replay one.rec two.rec three.rec --key-file group.key --html cluster.html
//! ```
//!
//! Pages are single files that load nothing. They show what was done, how each node was seen, by which
//! others and why, and offer a choice of seeds. The buttons, pinching, or Ctrl with the wheel zoom in, and
//! dragging pans.
//!
//! [A guide](guide) tells how to test a service of your own. How scenario files are written is on
//! [a page of its own](scenario::files).
//!
//! # Features
//!
//! | feature | what it adds | what it costs |
//! |---|---|---|
//! | `program`, on by default | the program `scalesmall-sim` | `clap`, `indicatif` |
//! | `mutants` | engines that do something wrong on purpose, for the tests of the rules | |
//!
//! As the network of your tests, take the crate with `default-features = false`.
//!
//! What the lines of a `--trace` say is in `scalesmall-sim replay --help` and at [`Incident`]: one for
//! each datagram that is sent, and one for each end of it.
//!
//! # Map
//!
//! A module knows modules of lower layers only. The test `layers` compares this table with the
//! sources. `sim` and `scenario` have maps of their own.
//!
//! | layer | module | what it is for |
//! |---|---|---|
//! | outcome | `report` | what runs came to: lines, tables, pages |
//! | | `swarm` | random scenarios, and making those small that fail |
//! | plans | `engine` | the engine as a node of the simulation, and the laws that hold for it |
//! | | `scenario` | a cluster, what happens to it and what it has to reach: as files, checked, played |
//! | laws | `ledger` | what members have said and done, compared with what others show of it |
//! | | `pcap` | a capture of all datagrams |
//! | world | `sim` | the simulation: its nodes, its network, its time, and all that can be done to them |
//! | beliefs | `views` | what each node believes of each other, counted up to date |
//! | nodes | `node` | one node: its protocol, its clock, its socket, what it has sent |
//! | pieces | `check` | rules that must never be broken, and how a broken one is reported |
//! | | `duplicates` | which datagrams a node has taken, so that none is taken twice |
//! | | `network` | which node reaches which: links, zones, segments, cuts, filters |
//! | materials | `drawing` | drawing how a simulation went |
//! | | `names` | how nodes are named, and which node is meant by an identity |
//! | | `link` | what a link does to a datagram: delay, loss, order |
//! | | `trace` | a rolling hash of everything, and the last records for a person to read |
//! | ground | `addresses` | which addresses nodes have, and which node has an address |
//! | | `checks` | how much is checked |
//! | | `counts` | counts of faults, and of the fates of datagrams |
//! | | `datagrams` | datagrams that are under way |
//! | | `moment` | how matters stood at a moment, and what was done at another |
//! | | `queue` | what happens next in virtual time |
//! | | `random` | random numbers that follow from a seed, and exact ratios |
//! | | `sample` | samples of numbers, and their quantiles |
//! | | `scale` | numbers in the unit that fits them, for people |
//! | | [`guide`] | a guide: testing a service |
//! | | `view_changes` | who saw whom as what, change by change |
//! | | `written` | what nodes were told to say, and the lives that they have led |
//!
//! All state of a simulation is in one [`Sim`], and nothing of it is shared with another one. What the
//! laws remember is in the `ledger`, which the simulation calls as one of its rules; what a scenario
//! remembers between two steps is in its player.
//!
//! # A swarm on many machines
//!
//! `explore --shard K/N` plays every Nth world, and `merge` joins the reports of all N shards; it
//! says what one machine would have said, down to the trace, and fails if a world broke a rule, or if
//! a shard is missing or has ended early. With GNU parallel, on the hosts that a file names, each of
//! which has the program and `rsync`, one shard per core:
//!
//! ```console
//! $ parallel --sshloginfile hosts --return swarm-{}.json --cleanup scalesmall-sim explore \
//!     --runs 100000 --all --jobs 1 --shard {}/64 --report swarm-{}.json ::: $(seq 64)
//! $ scalesmall-sim merge swarm-*.json
//! ```
//!
//! The results are played in the same way, run by run, and `merge` writes their page once all shards are
//! there; it is the page that one machine would have written:
//!
//! ```console
//! $ parallel --sshloginfile hosts --basefile sim/scenarios --return results-{}.json --cleanup \
//!     scalesmall-sim results --jobs 1 --shard {}/64 --report results-{}.json ::: $(seq 64)
//! $ scalesmall-sim merge results-*.json --out sim/RESULTS.md
//! ```
//!
//! As a Kubernetes Job, whose pods count themselves from 0, with reports on a volume that all share:
//!
//! ```yaml
//! apiVersion: batch/v1
//! kind: Job
//! metadata: { name: swarm }
//! spec:
//!   completionMode: Indexed
//!   completions: 64
//!   parallelism: 64
//!   backoffLimit: 64
//!   template:
//!     spec:
//!       restartPolicy: OnFailure
//!       containers:
//!         - name: shard
//!           image: registry.example/scalesmall-sim
//!           command: ["/bin/sh", "-c"]
//!           # A world that broke a rule is a finding, which `merge` tells, not a pod to start anew.
//!           args:
//!             - scalesmall-sim explore --runs 100000 --all --jobs 1
//!               --shard $((JOB_COMPLETION_INDEX + 1))/64
//!               --report /reports/$JOB_COMPLETION_INDEX.json || test $? = 1
//!           volumeMounts: [{ name: reports, mountPath: /reports }]
//!       volumes:
//!         - name: reports
//!           persistentVolumeClaim: { claimName: swarm-reports }
//! ```

mod addresses;
mod check;
mod checks;
mod counts;
mod datagrams;
mod drawing;
mod duplicates;
mod engine;
pub mod guide;
mod ledger;
mod link;
mod moment;
mod names;
mod network;
mod node;
pub mod pcap;
mod queue;
mod random;
pub mod report;
mod sample;
mod scale;
pub mod scenario;
mod sim;
pub mod swarm;
mod trace;
mod view_changes;
mod views;
mod written;

pub use addresses::Family;
pub use check::{Broken, Failure, Law};
pub use checks::Checks;
pub use counts::{Fates, Faults};
pub use link::{Delay, Link};
pub use moment::{Mark, Moment, Seen, Series};
pub use names::{Identity, Names};
pub use network::{Packet, Rule, Verdict};
pub use node::{Condition, Traffic};
pub use queue::Queue;
pub use random::{Random, Ratio};
pub use sample::{Millis, Sample};
pub use sim::{
    Answers, Birth, Build, CatchUp, Film, Forged, Incident, Meter, Passage, Protocol, Sending,
    Sighting, Sim, Tap, Usage, Watch, lan, local, seed_from_env, wan,
};
pub use trace::{Entry, What};
pub use view_changes::{Cause, Change, Sights};
pub use views::{Report, Views};
