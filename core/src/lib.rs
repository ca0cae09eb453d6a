//! The ScaleSmall engine: leaderless group membership and key-range topology, as a state machine
//! without sockets, clocks or threads.
//!
//! Nodes come and go. Each says which **groups** it is in and which **key ranges** of a group it
//! serves at which port. Within moments every node holds the same picture and knows which of the
//! others are alive. There is no leader and no consensus, and nodes exchange nothing but
//! authenticated datagrams.
//!
//! An [`Engine`] is one node. It consumes datagrams and time, and produces datagrams, events and
//! the time at which it wants to be called. The embedder moves the datagrams: `scalesmall-driver`
//! and its adapters do so for several runtimes, and `scalesmall-sim` for whole clusters in virtual
//! time. What the nodes say to each other is told in [`protocol`], which also follows
//! [one death from packet to packet](protocol#a-death-packet-by-packet).
//!
//! ```
//! use bytes::BytesMut;
//! use scalesmall_core::{ClusterName, Config, Engine, Epoch, GroupName, Instant, Key, Keyring};
//!
//! let keys = Keyring::new(Key::authenticated([7; 32]));
//! let config = Config::lan([1; 32], ClusterName::try_from("docs")?, keys);
//! let (me, other) = ("10.0.0.1:29999".parse::<core::net::SocketAddr>()?, "10.0.0.2:29999".parse()?);
//! let mut engine = Engine::new(config, me, Epoch::new(1_790_000_000_000, 7), Instant::ZERO)?;
//! engine.join(Instant::ZERO, &GroupName::try_from("kitchen")?)?;
//! engine.contact(Instant::ZERO, &[other]);
//! let mut datagram = BytesMut::new();
//! let destination = engine.poll_transmit(&mut datagram);
//! println!("{} bytes to {destination:?}; next deadline {:?}", datagram.len(), engine.poll_timeout());
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```
//!
//! [Embedding the core](guide::embedding) has the whole loop, and the [guides](guide) the rest: security, and the
//! words of serf, memberlist, foca and chitchat beside ours.
//!
//! # Contract
//!
//! - **Inputs** are [`handle_datagram`](Engine::handle_datagram),
//!   [`handle_timeout`](Engine::handle_timeout), [`handle_send_error`](Engine::handle_send_error)
//!   and the calls of the application. Each takes `now`. A time up to 100 ms earlier than the
//!   latest one counts as the latest one; a time that is earlier still means that the clock was set
//!   back, and the engine goes on from there. Being late is legal: the engine notices, raises
//!   [`Event::Stalled`], and does not hold its own absence against others.
//! - **Outputs** are [`poll_transmit`](Engine::poll_transmit), [`poll_event`](Engine::poll_event)
//!   and [`poll_timeout`](Engine::poll_timeout). Inputs may queue up before outputs are drained,
//!   and outputs may be drained in any order. While output waits, the deadline is not after now.
//!   Once all output is drained and all that is due is handled, the deadline lies strictly ahead.
//! - **A refused datagram** changes counters and nothing else; [`DatagramError`] names the two
//!   reasons that may also cause a challenge. All frames of a packet are validated before any is
//!   applied.
//! - **Events are changes**, each with its cause. Replaying all of them gives the peers (life, status, metadata, traits,
//!   stamp), the items and the owners that the queries return. It does not give what is measured: [`Peer::rtt`] and
//!   [`Peer::heard`] change with nearly every packet, and only queries tell them. After
//!   [`Event::Overflow`] read the queries anew. Of the changes to one subject that
//!   wait in the queue only the last is kept. Messages are never dropped from the queue: a packet
//!   with a message for which there is no room, in the queue or among what waits to be passed on,
//!   is refused without acknowledgement, and its sender tries again.
//! - **Everything has a limit**, in one table: [`Limits`]. A call that would exceed a limit returns
//!   a typed error that names it; what arrives beyond a limit is counted in [`Stats`]. Nothing is
//!   allocated from a length that a datagram claims.
//! - **No datagram** is larger than [`Config::max_datagram`], nor than what is known to pass to its
//!   receiver: [`Peer::datagram`], [`Event::Path`]. The engine sends no more of them than
//!   [`Config::send_rate`] allows: the rest waits, and liveness goes first.
//! - Once [`depart`](Engine::depart) has ended, the engine is silent: it needs no calls and sends
//!   nothing until [`renew`](Engine::renew). Nothing that another node says silences it.
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
//! No input makes an engine panic, no matter who authenticated it. Public calls return errors; the few
//! assertions inside state what the lines around them have established. There is no unsafe code.
//!
//! # Guarantees, and what is not guaranteed
//!
//! Provided that the nodes run and that datagrams get through in the end:
//!
//! - All nodes come to hold equal pictures: equal [digests](Engine::digest). Records merge by a
//!   pure join, so order, loss and repetition of datagrams do not matter.
//! - Only the owner of a record decides what it says. It corrects what others claim in its name,
//!   and what it said in an earlier [`Epoch`] is void once a later one is known.
//! - A node is called down only if it is silent to its prober for [`Config::silence_window`], at least half of the
//!   verifiers that the prober asks report, and each of these has found the node silent since it was asked. After two
//!   reminders two reports of silence are enough, or one if it is the only report. A node that
//!   answers a verifier is not called down if the prober hears of the answer in time. If fewer than half of
//!   the verifiers report, even after reminders, the prober may be cut off itself, and the node is only
//!   *unreachable* to it.
//! - Parts of a cluster that were cut off find each other again unaided.
//! - A node with IPv4 addresses alone and one with IPv6 addresses alone are members of one cluster, and know
//!   of each other what nodes with both find. If none of those is left they are unreachable to each other.
//! - A life is introduced to others once it was reached at an address of its locator, and not before.
//! - Nodes that are gone do not keep out nodes that live, nor what they serve: a full table forgets
//!   the gone first ([`Limits`] has the order), and nodes that forget at different times stay
//!   equal.
//! - A recorded packet is void at a node that has restarted since, and counts once elsewhere. A
//!   node that has forgotten others accepts nothing from them that it has not asked for since.
//! - A node whose packet numbers others remember begins a new life within seconds: for example one
//!   that was set back to a snapshot or began an epoch a second time, or one in whose name somebody
//!   has sent a high number. Two copies of one node do so in turn, ever more slowly, and report an
//!   [`Event::Conflict`].
//!
//! Not guaranteed:
//!
//! - **Agreement at any one moment.** Two nodes may route a key differently for as long as a change
//!   takes to spread, and for as long as a partition lasts. There are no locks here.
//! - **Delivery of messages.** A broadcast is acknowledged and retried from hop to hop, and is best
//!   effort beyond that: each node that is alive and within reach gets it, unless a node on the way
//!   dies at that moment, or the message is too large for a path, which [`Event::Undelivered`]
//!   reports. A message arrives at most once as long as its origin is remembered
//!   ([`Limits::message_origins`]). A node that joins a group, or the cluster, later does not get
//!   earlier messages.
//! - **Order of messages.** There is none, not even among the messages of one origin: each goes out
//!   at once, in a tree of its own. An application that needs an order numbers its payloads.
//! - **Protection from holders of the key.** They are trusted to pass on faithfully what others say. A false claim
//!   about another node is corrected by that node: whatever orders claims (epoch, incarnation,
//!   clock, version, number), the owner puts itself above the value that was claimed. So that it
//!   always can, an epoch far ahead is not believed: see [`Epoch::horizon`]. A holder of the key
//!   that sends packets in another node's name is taken for that node until that node's next life.
//! - **Secrecy** under [`Suite::Authenticated`]: anybody can read the packets. Suite *sealed*
//!   (feature `seal`) encrypts them.
//! - **Persistence.** A restarted node knows what others tell it, and its embedder must choose an
//!   epoch above all earlier ones. A clock set back and an epoch used twice heal within seconds.
//!   Until then others may refuse what the node says, or take it for what it said before: of its
//!   writes the later ones prevail, but a message is lost if one with its number has been delivered
//!   already. Two packets with one number give nothing away, under suite *sealed*.
//!
//! ## Against whom
//!
#![doc = include_str!("guarantees.md")]
//!
//! The tests are in `tests/` of the repository.
//!
//! # Map
//!
//! Each layer knows those below it, and no other module of its own layer; a test reads the sources and
//! refuses an arrow that goes up or across.
//!
//! | layer | module | purpose |
//! |---|---|---|
//! | the whole | `engine` | calls in, polls out; hands each frame and each deadline to the part in charge |
//! | parts | `membership` | which nodes live: probes, suspicion, whose word counts, coming back, beginning anew, departing |
//! | | `broadcast` | how changes and messages reach all: the tree, copies, piggyback |
//! | | `segment` | reliable multicast: the speaker of a segment and those that hear it |
//! | | `repair` | how two nodes find what differs and make it equal; garbage collection |
//! | beliefs | `picture` | what this node believes: data, peers, who covers whom, how large datagrams may be, its own health |
//! | output | `out` | bounded queues of what goes out: datagrams, events, news, deadlines, counters |
//! | clockwork | `timing` | every duration, with its formula and its reason |
//! | settings | `config` | what an embedder sets, with defaults and limits |
//! | format | [`wire`] | frames, specified for a second implementation |
//! | what is said of nodes | `claims` | claims, attributes, and what beats what |
//! | keys | [`seal`] | keys, suites, freshness |
//! | envelope | `packet` | the header of a packet, and reading bytes |
//! | ownership | [`placement`] | which member serves which slots, and handing slots over |
//! | data | `topology` | records of groups and ranges, merge, the index behind `route`; [`Topology`] is usable by itself |
//! | differences | `reconcile` | fingerprints, sums over ranges, coded symbols: what two sets differ in |
//! | ground | `base` | nodes, time, ports, rates; hashing that is the same everywhere; vectors that waste little |
//! | the text | [`guide`] | one task each, from its beginning to its end |
//! | | [`protocol`] | what is sent when, to whom, and what the receiver does |
//! | faults | `mutants` | mistakes that the tests of the laws build in, to see that they are found |
//!
//! A datagram comes in through `engine`: its header is parsed (`packet`), its tag checked (`seal`), its
//! frames are decoded and checked as a whole (`wire`); then each frame goes to the part that is in charge of its
//! type, which reads and changes the `picture` and leaves what it has to say in `out`. A deadline
//! goes to its part in the same way. When the embedder polls, `engine` takes intents from `out`, writes
//! them as frames from the picture of that moment, and seals them.
//!
//! # Glossary
//!
//! Where the literature has another word for the same or for something close to it, the last column
//! names it.
//!
//! | word | meaning | also called |
//! |---|---|---|
//! | **node**, [`NodeId`] | one engine, known by its [name](NodeName) in all its lives; the id is a hash of that | member, process (SWIM) |
//! | **peer** | another node that is known | member |
//! | **life**, [`Epoch`] | one run of a node, and the number that orders its lives | generation (Cassandra), instance |
//! | **incarnation** | counts how often a node has raised its claim in a life, to refute what was said or to move | the same in SWIM |
//! | **claim** | what is known of a node, as one node tells another: life, incarnation, alive, down or left, and the locator | membership update (SWIM), heartbeat state |
//! | **locator**, [`Locator`] | a node's name and the addresses at which it is reached, as it says itself | endpoint, advertised address |
//! | **verdict**, *down* | what an accuser concludes from the reports of its verifiers, and then claims: that a node is dead | *confirm* (SWIM), *dead* (memberlist) |
//! | **gone** | down or left, until it is forgotten | *dead*, *left* (memberlist) |
//! | **lost** | down or unreachable: to be retried | *failed* (serf) |
//! | **forgetting** | dropping all that is known of a gone node, after [`Config::forget_after`] (`repair::tombstones`) or to make room (`picture::room`) | reaping (serf) |
//! | **left** | the claim of a node about itself that it departs | *leave* (SWIM, serf) |
//! | **suspicion** | one node's own doubt, which it tells the suspect | the same in SWIM, where it is gossiped |
//! | **report** | what one verifier has found so far: *looking*, *answers* or *silent*; the frame is called `Verdict` | acknowledgement of a ping-req (SWIM) |
//! | **verifier** | a node that was asked to look at a suspect | ping-req target, indirect probe (SWIM); independent confirmation (Lifeguard) |
//! | **unreachable** | silent, but no verifier was there, or fewer than half reported; a local status | partitioned, *unreachable* (Akka) |
//! | **refutation** | a claim of a node about itself, above what was said of it | the same in SWIM |
//! | **health** | what a node multiplies its time-outs by, from 1 when it is well to 9 | local health multiplier (Lifeguard) |
//! | **held off** | alive by its claim, but shown as down for a while, as it went down repeatedly | quarantine, flap damping (BGP) |
//! | **newcomer**, **caught up** | a node that does not know its cluster yet; one that does | joining, synchronised |
//! | **reunion** | the seconds after a lost peer is back, in which roots are compared often | partition heal, rejoin |
//! | **seed** | an address to begin with | contact point, introducer, join address |
//! | **group**, **range**, **item** | a name; keys from a start to an end, both included; what one member says about one range | service, shard or key range, registration |
//! | **record**, **clock** | all that one member says about one group; the number of its last write | delta-state CRDT, version; last-writer-wins map with one writer |
//! | **tombstone**, **floor** | an item that says *removed*; the clock up to which tombstones are collected | the same; garbage-collection watermark |
//! | **owner** of a record | the member that writes it, and nobody else | single writer |
//! | **owner** of a key | a member that serves it; they are ranked by rendezvous hashing | replica; highest random weight (HRW) |
//! | **slot**, **candidate**, **plan** | one of equal parts of a group's keys; a member that may serve slots; which candidate serves which | partition, shard; shard allocation |
//! | **hand-over** | one node offers a slot, another loads and acknowledges it, then the first lets go | make before break, rebalancing |
//! | **footing**, **agreement** | how a node stands to its cluster: hears too few, holds something else, or agrees; the figures behind that | quorum; staleness |
//! | **fingerprint**, **root**, [`Digest`] | a hash of one claim, record or blob; their sum over all living nodes | set checksum, digest; root of a Merkle tree, without the tree |
//! | **repair** | two nodes compare roots, find what differs and exchange it | anti-entropy, push-pull sync (memberlist) |
//! | **coded symbols** | cells from which two sets find their difference | rateless invertible Bloom look-up table (RIBLT) |
//! | **ring**, **position** | nodes in the order of their hashed ids | consistent-hashing ring |
//! | **spread**, **tree**, **copy**, **hop** | a broadcast from node to node, each with a part of the ring; one transmission of it | broadcast tree, eager push (Plumtree), dissemination (SWIM) |
//! | **news**, **gatherer** | what everybody is to be told; the node that sends it for many | rumours; aggregator |
//! | **piggyback** | frames that ride in packets that are sent anyway | the same in SWIM: gossip |
//! | **message** | an application's bytes to all, to a group or to some nodes | user event (serf), broadcast |
//! | **relay** | a node with addresses of both families, which probes and passes on for nodes that share none; but [`Limits::relays`] and the counters `relayed`, `relay_retries` and `relay_handovers` are about copies of the tree | dual-stack host |
//! | **type** of a frame, **kind** of an attribute | what the frame says; what the attribute is about | message type; key |
//! | **greeting** | a node's own claim and a ping, the first that another hears of it | hello |
//! | **bound** packet | a packet that only the receiver's present life accepts | challenge-response, replay protection |
//! | **proven** sender, **vouch** | one that has sent a bound packet, or of which another node says that it has | authenticated peer; introduction |
//! | **segment** | nodes that receive each other's multicast | link, broadcast domain |
//! | **speaker**, **hearer** | the node that multicasts reliably for its segment; a node that has told it that it hears it | log-based receiver-reliable multicast: source, receiver |
//! | **cover**, **promise** | the speaker answers for a hearer for a time, and the tree leaves it out | lease |
//! | **beat** | says how many batches there are | heartbeat, session message (SRM) |
//! | **missed** | asks the speaker for batches | negative acknowledgement (NACK) |
//! | **batch** | frames that fit in one datagram, sent together | packet payload, bundle |
//!
//! # Narrow paths
//!
//! If datagrams of [`Config::max_datagram`] vanish on the way to a peer while small ones pass, the
//! engine notices, because they are not acknowledged or answered (RFC 8899). The size for that peer
//! then goes down to what passes, 508 bytes at the least, and larger sizes are tried again after
//! ten probe intervals, then ever more rarely. What is sent to that peer is packed for that size; a
//! message that does not fit goes to all others, and its origin raises [`Event::Undelivered`]. The
//! same holds where nodes are configured with different sizes: a hop that cannot pass a message on
//! says so, and the hop before it sends the message to the rest of that part itself. Metadata of
//! more than about 420 bytes needs a path of up to 620 bytes: where that does not pass, the two
//! nodes stay unequal, and the repairs between them back off to one a minute.
//!
//! # Deviations from SWIM and Lifeguard
//!
//! From SWIM (Das, Gupta, Motivala 2002) come the round-robin probe in random order, the ordering
//! of claims by incarnation, refutation, and piggybacking; from Lifeguard (Dadgar, Phillips, Currey
//! 2018) the local health multiplier and telling a suspect of its suspicion first. What differs:
//!
//! - **Suspicion is not gossiped.** It stays with the accuser and a few verifiers that it recruits
//!   when half of the window has passed in silence; only *down* is broadcast. A false suspicion
//!   costs three to eight nodes a few datagrams instead of costing the whole cluster a refutation.
//! - **No ping-req.** A verifier sends pings of its own for the rest of the window and reports what it
//!   found. One answer ends the suspicion. A verdict needs reports from at least half of those
//!   asked, and silence in all of them; after two reminders silence from two is enough, or from the
//!   only one that has reported. So a prober that is cut off condemns nobody.
//! - **The window does not grow with the cluster**, nor does it shrink with the number of accusers:
//!   only a few nodes look, each until the window ends, so a larger cluster leaves nothing more to
//!   wait for.
//! - **Every other probe goes half-way round the ring**, so each peer is probed by the one opposite
//!   once in two intervals. With probes in random order alone one peer in a hundred goes unprobed
//!   for 4.6 intervals. In 99 cases of 100 all of 1,024 nodes know of a crash after 4.5 s rather
//!   than 7.6 s.
//! - **Time-outs follow measured round trips** of each peer (Jacobson), within bounds. A probe has three
//!   tries, which take four tenths of a window while round trips are short, and other peers are probed in the
//!   meantime. A fixed time-out is either slow on a fast network or wrong on a slow one.
//! - **With nobody to ask, a peer is *unreachable***, locally, and that is never gossiped: two
//!   nodes cannot tell which of them is cut off. In clusters of eight or less a suspect is pinged
//!   four times as often, to make up for missing verifiers.
//! - **A challenge is an answer.** A node that has no proof of the prober's life answers its
//!   unbound ping with a challenge, which is bound to that life and quotes the ping: as good
//!   evidence of life as a pong. So a probe takes two datagrams whether or not the two nodes have
//!   met.
//! - **A node detects its own stalls** from how late it is called, and withdraws its suspicions.
//!   Lifeguard infers a stall only from missed acknowledgements.
//! - **Multicast proves itself.** Where it works, one node of a segment, the speaker, multicasts
//!   each change, and then heartbeats with the number of the last one: 28 and 280 ms after it, then
//!   every 2.5 s. A node that misses a change or a heartbeat asks by unicast. The tree leaves out
//!   the nodes that a speaker covers. If multicast works for some nodes only, in one direction
//!   only, or now and then, it delays a node by more than a tenth of a second only until the node
//!   notices. If it broke in a quiet time, a change that the node has missed shows in a comparison
//!   of roots, usually within a second, and a message shows in the next heartbeat, within 3 s. To
//!   notice sooner would take a unicast datagram to or from each node for every change, or
//!   heartbeats that wake all nodes many times a second. A node that gains nothing from multicast
//!   goes on without it and says so: [`Event::Multicast`].
//! - **Changes go out at once**, in an acknowledged tree and by multicast; piggybacking carries
//!   only what a hop did not acknowledge. That is both faster and cheaper than waiting for probes.
//! - **Dead nodes are retried until they are forgotten**, and seeds for ever, at a rate that the cluster shares, so partitions heal
//!   without an operator.
//! - **Epochs tell lives apart**, so a restarted node need not know its incarnation from before.
//!
//! # States of a peer
//!
//! What a node believes of a peer is one of six states. What it finds out by itself moves a peer between
//! the first three; what is said of a peer (a claim that beats what was known) decides in any state.
//!
#![doc = include_str!("picture/state/states.md")]
//!
//! # Clockwork
//!
//! All durations follow from the configuration, and each wait for an answer follows the measured
//! round trips as well. In the table, *late* is the time after which the answer of a peer is late:
//! its smoothed round trip plus four deviations. *Usually late* is the same over all peers.
//!
#![doc = include_str!("timing/table.md")]
//!
//! # Spread, measured
//!
#![doc = include_str!("broadcast/measured.md")]
//!
//! # Mechanisms, measured
//!
#![doc = include_str!("mechanisms.md")]
//!
//! # Repair, measured
//!
#![doc = include_str!("repair/measured.md")]
//!
//! # Features
//!
//! None is on by default. The crate needs `alloc`, and never `std`.
//!
//! | feature | what it adds | what it costs |
//! |---|---|---|
//! | `seal` | suite *sealed*: packets are encrypted; keys can be rotated | `aes-gcm-siv` |
//! | `mutants` | mistakes on purpose, which a simulator has to find; never for use | |
#![cfg_attr(docsrs, feature(doc_cfg))]
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod base;
mod broadcast;
mod claims;
mod config;
mod engine;
pub mod guide;
mod membership;
#[cfg(feature = "mutants")]
#[doc(hidden)]
pub mod mutants;
#[cfg(not(feature = "mutants"))]
mod mutants;
#[doc = include_str!("protocol.md")]
#[cfg(doc)]
pub mod protocol {}
mod out;
mod packet;
mod picture;
pub mod placement;
mod reconcile;
mod repair;
pub mod seal;
mod segment;
mod timing;
mod topology;
pub mod wire;

pub use base::{
    Arrival, Destination, Epoch, GroupName, GroupNameError, HoldReason, Instant, Life, NodeId,
    NodeIdError, NodeName, NodeNameError, SendError, SendRate, Status,
};
pub use claims::{DrainStamp, Locator, LocatorError, Traits, TraitsError};
pub use config::{Config, ConfigError, ConfigPatch, Limits, LimitsPatch, Liveness, SendRatePatch};
pub use engine::{
    DatagramError, Digest, Engine, ForgetError, Load, MetadataError, Owner, Peer, Prefer, RingKey,
};
pub use out::{
    BroadcastError, BroadcastId, Cause, Event, Footing, KeyCause, KeyChange, MulticastState,
    Recipients, Stats, Tag,
};
pub use packet::{KeyId, KeyIdError};
pub use picture::Agreement;
pub use seal::{
    ClusterName, ClusterNameError, HeldKey, Key, KeyError, KeyFingerprint, KeyFingerprintError,
    Keyring, KeyringError, RetiredKey, Suite,
};
pub use topology::{
    Change, Changes, Coverage, DownMembers, Fence, GroupError, GroupRecords, Item, KeyRange,
    KeyRangeError, MergeError, Op, Overlap, OwnerChange, RecordDelta, Refusal, Server, Shortfall,
    TimedItem, Topology, TopologyLimits, Write,
};
