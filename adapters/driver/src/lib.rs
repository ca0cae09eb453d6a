//! The driver: moves datagrams between any non-blocking UDP socket and a ScaleSmall engine.
//!
//! It knows no runtime and decides nothing about the protocol. An adapter to a runtime is one [`Socket`]
//! implementation and one way to wait.
//!
//! # Use
//!
//! [`Settings`] describe the node; [`Node::bind`] opens its sockets and starts its engine. Then
//!
//! - [`spawn`] it on a thread of its own, and call it through a [`Handle`]: [how nodes run](running) tells what
//!   that is good for, and what becomes of calls and waits that are dropped; or
//! - call [`Node::pump`] whenever a socket is readable, the returned [`Wait`] is over, or another
//!   call of the node was made, and drain [`Front::poll_event`]; or
//! - await [`Node::next_event`] with the runtime's way to wait. It may be cancelled at any point and
//!   loses nothing, as all state is in the node.
//!
//! `std::net::UdpSocket` is a [`Socket`], so a node needs nothing else:
//!
//! ```no_run
//! use scalesmall_core::GroupName;
//! use scalesmall_driver::{GroupKeys, Node, Settings, spawn};
//!
//! let mut settings = Settings::new("127.0.0.1:4000".parse()?, GroupKeys::published());
//! settings.seeds.push("127.0.0.1:4001".parse()?);
//! let (node, mut events, _) = spawn(Node::bind(&settings)?)?;
//! let kitchen = GroupName::try_from("kitchen")?;
//! node.call(move |node| node.join(&kitchen)).wait()??;
//! while let Some(event) = events.next_event() {
//!     println!("{event}");
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The [guides](guide) begin with [three nodes in five minutes](guide::getting_started).
//!
//! # Map
//!
//! A module knows modules of lower layers only. The test `layers` compares this table with the
//! sources.
//!
//! | layer | module | what it is for |
//! |---|---|---|
//! | all | [`service`] | what a service names, for adapters to pass on |
//! | apart | `thread` | a node on the thread that calls it, and on a thread of its own |
//! | running | `node` | a running node: an engine with its sockets, its clock, and the calls of others |
//! | | `events` | the events of a node, for tasks and threads that do not run it |
//! | publishing | `facade` | the figures of a node, published through the facade of the crate `metrics` |
//! | watching | [`figures`] | what can be watched of a node: gauges and counters, each with what it means |
//! | waiting | `poller` | waiting for the sockets on this thread, without a runtime |
//! | moving | `driver` | the pump: receive a burst, fire the clock, send |
//! | | `handle` | calls of a node from other tasks and threads |
//! | calling | `calls` | the engine's calls without `now`, events, seeds |
//! | | `replay` | running a recording again |
//! | opening | `discovery` | the seeds of a node: looking names up again and again |
//! | | `host` | what changes at the host while a node runs: its interfaces and their addresses |
//! | | `keeper` | keeping the state file |
//! | | `contact` | coming and going: what becomes of contacting a cluster, and of a goodbye |
//! | | `record` | the engine, and a recording of every call of it |
//! | | `sockets` | opening the unicast and the multicast socket |
//! | choosing | `lookup` | the addresses of a seed: asks the system, and name servers |
//! | | `settings` | a node's settings, from code or from the environment |
//! | | `state` | the state file: what a node has to know after it was killed |
//! | telling | `trace` | what is told through the crate `tracing` |
//! | ground | `bell` | what ends the wait of a node from elsewhere |
//! | | `call_error` | why a call has no result |
//! | | `checksum` | a checksum of what is written to files |
//! | | `clock` | the engine's time from the operating system's |
//! | | `config_line` | a configuration as words of a recording |
//! | | `history` | the last changes of each peer, with the evidence for them |
//! | | `interface` | the addresses and indices of the host's network interfaces |
//! | | `key` | the keys: where they come from, what is refused, how they are kept |
//! | | `names` | the names of nodes that events mention, also of those that are forgotten |
//! | | `platforms` | what depends on the operating system |
//! | | `resume` | whether the machine was suspended, or set back to a snapshot |
//! | | [`guide`] | guides: one task each |
//! | | [`running`] | how a node can be run, and what becomes of what is dropped |
//! | | `seed` | where to find others: an address, or a name |
//! | | `socket` | what the driver needs of a socket |
//! | | `sources` | where packets come from that are refused for the setup of a node |
//! | | `stats` | counters of what happens beside the engine |
//! | | `tape` | the file of a recording: bounded, and one of a few |
//! | the bottom | `private_file` | files that only their owner can read, replaced as a whole |
//! | | `ring_line` | a ring of keys as a word of a recording |
//!
//! All state of a node is in its [`Node`]: what the protocol knows is in the engine, within `record`;
//! seeds and counters are in the [`Front`] around it; sockets and the datagram that found no room are
//! in the [`Driver`] around that. Only the mailbox of a [`Handle`], the queue of [`Events`], the look-up
//! of names and the writer of the state file are shared with other threads.
//!
//! # Names
//!
//! [`Settings::name`] is what makes a node the same node from life to life, whatever its address: the others
//! take one that returns with the same name elsewhere for the one that they know. Two nodes with one name
//! displace each other, which [`Event::Conflict`](scalesmall_core::Event::Conflict) tells. A node without a
//! name has the text of its address, such as `10.0.0.1:29999`: it is the same node as long as it stays there,
//! and whatever runs there later is that node in a later life. If the system chooses its port, the next life
//! has another address, and this one is anybody's. So such a node draws a random name if it has a state file
//! to keep it in; without one nobody expects it back, and the text of the address tells people where it is.
//!
//! Events and queries carry identities; [`Front::name`] and [`Events::name`] give their names.
//!
//! # Interfaces
//!
//! A node that is bound to an unspecified address and advertises none has the addresses of its host: the
//! first one of each family, or with [`Settings::interface`] all of that interface, up to four. Bound to
//! `[::]` it has both families. The interfaces are listed every second, by a thread of the node's own. If the
//! host has other addresses the node takes them, and the others know within a round trip; addresses that are
//! still there are kept. A node that is named after its address cannot follow, and says so.
//!
//! If an interface comes back, multicast is set up on it again, seeds are contacted, and lost peers are asked,
//! at once. A node with an address of its own in [`Settings::bind`] is reached as soon as the host has the address again.
//! [`Front::host`] says what has happened. Link-local IPv6 addresses are used on a named interface, or if the
//! bound address is one.
//!
//! # Watching
//!
//! [`figures::of`] returns all that can be watched of a node: gauges and counters, each with a name and a
//! sentence. With the feature `metrics` a node that runs publishes them every five seconds through the
//! facade of the crate `metrics`, each with the label `node`, to the recorder that the program has installed;
//! a gauge of a group that is gone is set to NaN. With the feature `tracing` it tells of every event that is
//! polled, and of what happens to its sockets, seeds and files, through the crate `tracing`. Recorders and
//! subscribers are called where the node runs: one that waits for a disk or a network holds the node up.
//!
//! # State
//!
//! With [`Settings::state`] a node keeps three things in a small file: its name, the last epoch that it has
//! used, which is on the disk before the first packet of that life is sent, and up to 48 peers. A node that starts again
//! begins above that epoch, even if its clock was set back, and contacts those peers: a cluster that died as a
//! whole finds itself again without seeds, whatever the order of the starts. A file of another node, cluster
//! or version, or one that a running node uses, is refused and stays as it is. If it cannot be written, the node
//! goes on, tries again, and [`Front::state`] says so.
//!
//! # Suspend
//!
//! The engine's clock is the operating system's monotonic clock. It stands still while the machine
//! is suspended (Linux), and after a return to a snapshot it is the snapshot's. The pump compares
//! it with the wall clock: if that has moved ten seconds further, the node begins a new life, so
//! that nothing that it has forgotten is held against it.
//!
//! # Features
//!
//! None is on by default. The adapters have the same, and pass them on.
//!
//! | feature | what it adds | what it costs |
//! |---|---|---|
//! | `seal` | suite *sealed*: packets are encrypted; keys can be rotated | `aes-gcm-siv` |
//! | `srv` | seeds that are services: `SRV` records | a resolver, `rsdns` |
//!
//! What depends on the operating system is on [a page of its own](platforms).
#![cfg_attr(docsrs, feature(doc_cfg))]

mod bell;
mod call_error;
mod calls;
mod checksum;
mod clock;
mod config_line;
mod contact;
mod discovery;
mod driver;
mod events;
#[cfg(feature = "metrics")]
mod facade;
pub mod figures;
pub mod guide;
mod handle;
mod history;
mod host;
mod interface;
mod keeper;
mod key;
mod lookup;
mod names;
mod node;
#[cfg(unix)]
mod poller;
#[doc = include_str!("platforms.md")]
#[cfg(doc)]
pub mod platforms {}
mod private_file;
mod record;
mod replay;
mod resume;
mod ring_line;
#[doc = include_str!("running.md")]
pub mod running {}
mod seed;
pub mod service;
mod settings;
mod socket;
mod sockets;
mod sources;
mod state;
mod stats;
mod tape;
#[cfg(unix)]
mod thread;
#[cfg(feature = "tracing")]
mod trace;

pub use call_error::CallError;
pub use calls::{Front, NoRandomness, RotateError};
pub use clock::Clock;
pub use contact::{Contact, Goodbye};
pub use discovery::SeedState;
pub use driver::{Driver, Ready, Wait};
pub use events::{Events, Outlet, event_queue};
pub use handle::{Call, Handle};
pub use history::{Stall, Transition};
pub use host::HostReport;
pub use keeper::StateReport;
pub use key::{GroupKeys, KeyFileError, KeyTextError};
pub use node::{Node, StartError};
#[cfg(unix)]
pub use poller::Poller;
pub use replay::{ReplayError, Replayed, replay, replay_telling};
pub use seed::{DEFAULT_PORT, Seed, SeedError};
#[cfg(feature = "serde")]
pub use settings::SettingsPatch;
pub use settings::{Multicast, Preset, Settings, SettingsError};
pub use socket::Socket;
pub use sockets::{OpenError, Sockets};
pub use state::StateError;
pub use stats::DriverStats;
pub use tape::RecordLimits;
#[cfg(unix)]
pub use thread::{next_event_here, spawn, turn_here};
