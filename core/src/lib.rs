//! The ScaleSmall engine: leaderless group membership and key-range topology, as a state machine
//! without sockets, clocks or threads.
//!
//! Nodes come and go. Each says which **groups** it is in and which **key ranges** of a group it
//! serves at which port; every node holds the same picture within moments and knows which of the
//! others live. There is no leader and no consensus; all that is sent is authenticated datagrams.
//!
//! An [`Engine`] is one node. It consumes datagrams and time, and produces datagrams, events and
//! the time at which it wants to be called. Who embeds it moves the datagrams; `scalesmall-driver`
//! and its adapters do so for several runtimes, and `scalesmall-sim` for whole clusters in virtual
//! time.
//!
//! # Run loop
//!
//! Two engines, and a network that is a variable. With a socket in its place this is the whole of
//! an embedder: see `examples/event_loop.rs`.
//!
//! ```
//! use bytes::BytesMut;
//! use scalesmall_core::{
//!     Arrival, ClusterName, Config, Destination, Engine, Epoch, GroupName, Instant, Key, KeyId,
//!     KeyRange, Keyring,
//! };
//! use std::net::SocketAddr;
//!
//! let addrs = ["10.0.0.1:29999", "10.0.0.2:29999"].map(|a| a.parse::<SocketAddr>().unwrap());
//! let config = |seed| {
//!     let keys = Keyring::new(KeyId(1), Key::from([7; 32]));
//!     Config::lan([seed; 32], ClusterName::try_from("docs").unwrap(), keys)
//! };
//! let mut now = Instant::ZERO;
//! let mut engines = [
//!     // The time in milliseconds and random bits: no two lives may share an epoch.
//!     Engine::new(config(1), addrs[0].into(), Epoch::new(1_790_000_000_000, 0x1234), now)?,
//!     Engine::new(config(2), addrs[1].into(), Epoch::new(1_790_000_000_500, 0x5678), now)?,
//! ];
//! let shards = GroupName::try_from("shards")?;
//! engines[0].add_item(now, &shards, KeyRange::new(0, 99)?, 8080)?;
//! engines[1].contact(now, &addrs[..1]);
//!
//! let mut datagram = BytesMut::new();
//! while engines[1].route(&shards, 7).next().is_none() {
//!     for at in 0..2 {
//!         // Outputs, each until there is none.
//!         while let Some(to) = engines[at].poll_transmit(&mut datagram) {
//!             if to == Destination::Unicast(addrs[1 - at]) {
//!                 // What is refused is counted in the statistics.
//!                 let from = Arrival::Unicast(addrs[at]);
//!                 let _ = engines[1 - at].handle_datagram(now, from, &datagram);
//!             }
//!             datagram.clear();
//!         }
//!         while let Some(event) = engines[at].poll_event() {
//!             println!("{now} {}: {event:?}", addrs[at]);
//!         }
//!     }
//!     // Time passes until the earliest deadline.
//!     now = engines.iter().filter_map(Engine::poll_timeout).min().unwrap().max(now);
//!     engines.iter_mut().for_each(|engine| engine.handle_timeout(now));
//! }
//! let owner = engines[1].route(&shards, 7).next().unwrap();
//! assert_eq!((owner.member.addr(), owner.port), (addrs[0], 8080));
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```
//!
//! # Contract
//!
//! - **Inputs** are [`handle_datagram`](Engine::handle_datagram),
//!   [`handle_timeout`](Engine::handle_timeout), [`handle_send_error`](Engine::handle_send_error)
//!   and the calls of the application. Each takes `now`. One that is up to 100 ms earlier than the
//!   latest seen counts as that one; one that is earlier still is that of a clock that was set back,
//!   and the engine goes on from there. Being late is legal; the engine notices, tells
//!   [`Event::Stalled`], and holds its own absence against nobody.
//! - **Outputs** are [`poll_transmit`](Engine::poll_transmit), [`poll_event`](Engine::poll_event)
//!   and [`poll_timeout`](Engine::poll_timeout). Inputs may queue up before outputs are drained, and
//!   outputs may be drained in any order. While output waits the deadline is not after now; once
//!   it is drained and what is due has been handled, the deadline lies strictly ahead.
//! - **A refused datagram** changes counters and nothing else; [`DatagramError`] names the two
//!   reasons that may also cause a challenge. All frames of a packet are validated before any is
//!   applied.
//! - **Events are changes**, each with its cause. Replaying all of them gives what the queries
//!   answer; after [`Event::Overflow`] the queries are to be read anew. Of changes to one subject
//!   that wait in the queue only the last is kept. Messages are never dropped from it: a packet
//!   with a message that finds no room, there or among what is passed on to others, is refused
//!   without acknowledgement, and comes again.
//! - **Everything has a limit**, in one table: [`Limits`]. What cannot be done is refused at the
//!   call with a typed error that names the limit; what arrives beyond a limit is counted in
//!   [`Stats`]. Nothing is allocated from a length that a datagram claims.
//! - **No datagram** is larger than [`Config::max_datagram`], nor than what is known to pass to its
//!   receiver: [`Peer::datagram`], [`Event::Path`]. No more of them leave than [`Config::send_rate`]
//!   allows: what is beyond waits, liveness goes first.
//! - After [`depart`](Engine::depart) has ended the engine is silent: it wants no calls and says nothing
//!   until [`renew`](Engine::renew). Nothing that another node says silences it.
//!
//! # Determinism
//!
//! Same configuration, seed and sequence of calls, polls included: byte-identical datagrams, the
//! same events, the same deadlines, on every platform and in every build. Nothing depends on the
//! order of a hash table, on a clock or on the allocator; there are no floating-point numbers.
//! Queries change nothing. The crate is `no_std`, so that clocks, threads and randomness of the
//! operating system are not merely unused but out of reach.
//!
//! # Panics
//!
//! No input makes an engine panic, whoever authenticated it. Public calls return errors; the few
//! assertions inside state what the lines around them have established. There is no unsafe code.
//!
//! # Guarantees, and what is not guaranteed
//!
//! With every node running and datagrams getting through at last:
//!
//! - All nodes come to hold equal pictures: equal [digests](Engine::digest). Records merge by a
//!   pure join, so order, loss and repetition of datagrams do not matter.
//! - Only the owner of a record decides what it says. What others claim in its name is corrected by
//!   it, and what it said in an earlier [`Epoch`] is void once a later one is known.
//! - A node that stays silent to its prober for [`Config::silence_window`], and for the last half of
//!   it to two of those that were asked to look, or to the only one, is called down; one whose answer
//!   to any of them is heard of in time is not. If fewer than half of those asked answer at all, however
//!   often they are asked, the prober may be cut off itself, and holds the node unreachable.
//! - Parts of a cluster that were cut off find each other again unaided.
//! - Those that live, and what they serve, are not kept out by what has been: a full table forgets the gone
//!   first ([`Limits`] has the order), and nodes that forget at different times stay equal.
//! - A captured packet is void at a node that has restarted since, and counts once elsewhere. A node that
//!   has forgotten others takes nothing of them that it has not asked for since.
//! - A node whose packet numbers others remember begins a new life within seconds: one that was set back
//!   to a snapshot, that began an epoch a second time, or in whose name a high number was written. Two
//!   copies of one node do so in turn, ever more slowly, and report an [`Event::Conflict`].
//!
//! Not guaranteed:
//!
//! - **Agreement at any one moment.** Two nodes may route a key differently for as long as a change
//!   takes to spread, and for as long as a partition lasts. There are no locks here.
//! - **Delivery of messages.** A broadcast is acknowledged and retried from hop to hop, and is best
//!   effort beyond that: who lives and can be reached gets it, unless a node on the way to it dies
//!   in that moment, or no datagram as large as the message passes to it: then [`Event::Undelivered`]
//!   says so. It arrives at most once as long as its origin is remembered
//!   ([`Limits::message_origins`]). Who joins a group, or the cluster, later gets none of the
//!   messages before.
//! - **Order of messages.** There is none, not even among those of one origin: each goes out at once
//!   and takes a tree of its own. An application that needs an order numbers its payloads.
//! - **Protection from holders of the key.** They are trusted to relay faithfully. A false claim
//!   about another node is contained and corrected by that node, no more: whatever it names that
//!   orders claims (epoch, incarnation, clock, version, number), the owner puts itself above it. So
//!   that it can, an epoch far ahead is not believed: see [`Epoch::horizon`]. Who seals packets in
//!   another's name is that node for all who hear them, until its next life.
//! - **Secrecy** under [`Suite::Authenticated`]: anybody can read it. Suite *sealed* (feature
//!   `seal`) encrypts.
//! - **Persistence.** A restarted node begins with what it is told, in an epoch that the embedder
//!   must choose above all earlier ones. A clock set back and an epoch used twice are healed; until then
//!   what such a node says may be refused, or be taken for what it has said before: of its writes the
//!   later prevail, but a message is lost where one with its number has been delivered. Suite
//!   *sealed* may give away what two packets with one number say.
//!
//! ## Against whom
//!
#![doc = include_str!("guarantees.md")]
//!
//! The tests are in `tests/` of the repository.
//!
//! # Map
//!
//! Parts know the `context` and not each other; `engine` is the only one that knows them all.
//!
//! | module | subject |
//! |---|---|
//! | `engine` | calls in, polls out: dispatches, decides nothing |
//! | `context` | what parts share: picture, peers, queues, random choices |
//! | `topology` | the replicated data: records, merge, the index behind `route`; [`Topology`] is usable by itself |
//! | `liveness` | who lives: probes, suspicion, evidence, own health, coming back, departing |
//! | `spread` | how changes and messages reach all: tree, multicast with its speakers, piggyback |
//! | `repair` | how two nodes find what differs |
//! | [`wire`] | packets and frames, specified for a second implementation |
//! | [`seal`] | keys, suites, freshness |
//! | `timing` | every duration, with its formula and its reason |
//! | `path` | how large datagrams to a peer may be |
//! | `events`, `outbox`, `rate`, `timers`, `tombstones` | bounded queues, how much is sent, deadlines, what time takes away |
//! | `roster`, `metadata`, `message` | nodes by number; what they say about themselves and to each other |
//! | `config`, `event`, `port`, `stats`, `node`, `time` | what an embedder sees: settings, events, destinations, counters, names, instants |
//! | `hash`, `growth` | hashing that is the same everywhere; vectors that waste little |
//!
//! # Glossary
//!
//! - **Node**, [`NodeId`]: one engine, named by the address that it advertises. **Life**,
//!   [`Epoch`]: one run of a node. **Peer**: another node that is known. **Incarnation**: counts a
//!   node's refutations in a life.
//! - **Group**, **range**, **item**: a name; keys from a start to an end, both included; one
//!   member's word about one range. **Record**: all that a member said about a group. **Clock**:
//!   counts the writes of a record. **Tombstone**: an item that says *removed*. **Floor**: the
//!   clock up to which tombstones are collected.
//! - **Root**, **digest**: the sum of the fingerprints of all that is known of the living and shared.
//! - **Claim**: what is known of a node, as one node tells another. **Suspicion**: one node's own
//!   doubt. **Verifier**: who was asked to look. **Unreachable**: silent, and no verifier has answered,
//!   or none was there.
//! - **Bound** packet: one that only the receiver's present life takes. **Proven** sender: one that
//!   has sent a bound packet, or was vouched for.
//! - **Segment**: nodes that hear each other's multicast. **Speaker**: the one that multicasts for
//!   them, and **covers** those who have said that they hear it. **Seed**: an address to begin with.
//!
//! # Narrow paths
//!
//! Datagrams of [`Config::max_datagram`] that vanish on the way to a peer, though small ones pass, are
//! noticed by what is not acknowledged or answered (RFC 8899). The size for that peer then goes down to
//! what passes, 508 bytes at the least, and larger ones are tried again after ten probe intervals, then
//! ever more rarely. What is sent to that peer is packed for that size; a message that does not fit goes
//! to all others, and [`Event::Undelivered`] tells its origin. The same holds where nodes have different
//! sizes: a hop that cannot pass a message on says so, and the hop before it sends the message to the
//! others of that part itself. Metadata of more than about 420 bytes need a path of up to 620: where that
//! does not pass, the pair stays unequal, and repairs go on at the rate of probes.
//!
//! # Deviations from SWIM and Lifeguard
//!
//! From SWIM (Das, Gupta, Motivala 2002) come the round-robin probe in random order, the ordering
//! of claims by incarnation, refutation, and piggybacking; from Lifeguard (Dadgar, Phillips, Currey
//! 2018) the local health multiplier and telling a suspect of its suspicion first. What differs:
//!
//! - **Suspicion is not gossiped.** It stays with the accuser and a few verifiers that it recruits
//!   when half of the window has passed in silence; only *down* goes to all. A false
//!   suspicion costs three nodes a few datagrams in place of a refutation by the whole cluster.
//! - **No ping-req.** A verifier pings on its own account for the rest of the window and reports what
//!   it saw: one that answers ends the suspicion, and a verdict needs the silence of up to two that
//!   can be counted on. So a prober that is cut off condemns nobody.
//! - **The window does not grow with the cluster**, nor shrink with the number of accusers: few
//!   look, and all of them until it ends, so there is nothing to wait for in larger clusters.
//! - **Every other probe goes half-way round the ring**, so each peer is looked at by the one opposite
//!   once in two intervals. By probes in random order alone one peer in a hundred goes unprobed for
//!   4.6 intervals: of 1,024 nodes, all know of a crash after 4.5 s in 99 cases of 100, not 7.6 s.
//! - **Time-outs follow measured round trips** of each peer (Jacobson), within bounds, and a probe
//!   is sent up to three times within half a window; meanwhile the probing of others goes on. A fixed time-out is either slow on a fast network or wrong on a slow one.
//! - **With nobody to ask a peer is *unreachable***, locally, and never gossiped: two nodes cannot
//!   tell which of them is cut off. In clusters of eight and less a suspect is pinged four times as
//!   often, as there are fewer verifiers than a suspicion would have.
//! - **A challenge is an answer.** A node that has no proof of the prober's life answers an unbound ping
//!   with a challenge, bound to that life and quoting the ping, which is all the evidence that there is
//!   in a pong. Two datagrams have to survive, whether two nodes have met or not.
//! - **A node detects its own stalls** from how late it is called, and withdraws what it suspected
//!   meanwhile: Lifeguard infers as much from missed acknowledgements only.
//! - **Multicast proves itself.** Where it works one node of a segment, the speaker, multicasts each
//!   change and beats with the number of the last one: 28 and 280 ms after it, then every 2.5 s. A
//!   node that misses a change or a beat asks by unicast. The tree leaves out those whom a speaker
//!   covers. Multicast that works for some only, one way or now and then delays them by more than a
//!   tenth of a second only until it is noticed: if it broke while there was nothing to say, a change
//!   that it has missed shows in a comparison of roots, usually within a second, and a message in the
//!   next beat, within 3 s. Less would take a unicast datagram to, or from, each node for every
//!   change, or beats that wake all of them many times a second. A node that
//!   multicast is of no use to goes on without and says so: [`Event::Multicast`].
//! - **Changes go out at once** by an acknowledged tree and by multicast; piggybacking carries only
//!   what a hop did not acknowledge. It is both faster and cheaper than waiting for probes.
//! - **The dead are retried for ever**, at a rate that the cluster shares, so partitions heal
//!   without an operator.
//! - **Lives are told apart by epochs**, so a restart needs no incarnation from before it.
//!
//! # Clockwork
//!
//! All durations follow from the configuration, and what waits for an answer follows the measured
//! round trips as well. *Late* is when an answer of a peer is late: its smoothed round trip and four
//! deviations; *usually late* is the same over all peers.
//!
#![doc = include_str!("timing/table.md")]
//!
//! # Spread, measured
//!
#![doc = include_str!("spread/measured.md")]
//!
//! # Repair, measured
//!
#![doc = include_str!("repair/measured.md")]
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod config;
mod context;
mod engine;
mod event;
mod events;
mod growth;
mod hash;
mod liveness;
mod message;
mod metadata;
#[cfg(feature = "mutants")]
#[doc(hidden)]
pub mod mutants;
#[cfg(not(feature = "mutants"))]
mod mutants;
mod node;
mod outbox;
mod path;
mod port;
#[doc = include_str!("protocol.md")]
#[cfg(doc)]
pub mod protocol {}
mod rate;
mod repair;
mod roster;
pub mod seal;
mod spread;
mod stats;
mod time;
mod timers;
mod timing;
mod tombstones;
mod topology;
pub mod wire;

pub use config::{Config, ConfigError, Limits, Liveness};
pub use engine::{DatagramError, Digest, Engine, MetadataError, Peer};
pub use event::{Cause, Event, MulticastState};
pub use message::{BroadcastError, BroadcastId, Recipients, Tag};
pub use node::{Epoch, Life, NodeId, Status};
pub use port::{Arrival, Destination, SendError};
pub use rate::SendRate;
pub use seal::{ClusterName, ClusterNameError, Key, KeyError, KeyId, Keyring, KeyringError, Suite};
pub use stats::Stats;
pub use time::Instant;
pub use topology::{
    Change, Changes, Coverage, DownMembers, GroupError, GroupName, GroupNameError, GroupRecords,
    Item, KeyRange, KeyRangeError, MergeError, Op, Overlap, Owner, RecordDelta, Refusal, TimedItem,
    Topology, TopologyLimits, Write,
};
