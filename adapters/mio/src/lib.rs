//! Runs a ScaleSmall node on [`mio`]: in a loop that blocks, on a thread of its own, or in a `Poll`
//! of yours.
//!
//! ```no_run
//! use scalesmall_core::{Event, GroupName, KeyRange};
//! use scalesmall_driver::{GroupKeys, Settings};
//! use scalesmall_mio::Node;
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let mut settings = Settings::new("127.0.0.1:4000".parse()?, GroupKeys::published());
//!     settings.seeds.push("127.0.0.1:4001".parse()?);
//!     let mut node = Node::bind(&settings)?;
//!     node.add_item(&GroupName::try_from("kitchen")?, KeyRange::FULL, 80)?;
//!     let handle = node.handle();
//!     std::thread::spawn(move || {
//!         std::thread::sleep(std::time::Duration::from_secs(60));
//!         handle.call(|node| node.depart()).wait()
//!     });
//!     loop {
//!         match node.next_event()? {
//!             Event::Departed { .. } => return Ok(()),
//!             event => println!("{event:?}"),
//!         }
//!     }
//! }
//! ```
//!
//! [`spawn`] puts the node on a thread. A node can be one of the [sources](mio::event::Source) of a
//! [`mio::Poll`] of yours: see [there](Node#impl-Source-for-Node).
//!
//! # Map
//!
//! A module knows modules of lower layers only. The test `layers` compares this table with the
//! sources.
//!
//! | layer | module | what it is for |
//! |---|---|---|
//! | ways to run | `source` | a node in a `Poll` of the embedder's |
//! | | `thread` | a node on a thread of its own |
//! | node | `node` | a node, in a loop that blocks |
//! | poller | `poller` | the poller of a node that is registered in no other one |
//! | ground | `socket` | the sockets of a node |
//!
//! All state is in the driver's node; a [`Node`] adds its poller.

mod node;
mod poller;
#[cfg(doctest)]
mod readme;
mod socket;
mod source;
mod thread;

pub use node::Node;
pub use scalesmall_driver::{Call, CallError, Events, Handle, figures};
pub use socket::Socket;
pub use thread::spawn;
