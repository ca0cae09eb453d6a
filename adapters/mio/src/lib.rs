//! Runs a ScaleSmall node without an async runtime, on a thread of its own or on yours, or in a [`mio::Poll`] of
//! yours: a member of a cluster that knows which others are alive, and which of them serves which range of keys,
//! without a leader.
//!
//! ```no_run
//! use std::time::Duration;
//! use scalesmall_mio::{Event, Footing, GroupKeys, GroupName, KeyRange, Node, Settings, spawn};
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let mut settings = Settings::new("127.0.0.1:4000".parse()?, GroupKeys::published());
//!     settings.seeds.push("127.0.0.1:4001".parse()?);
//!     let (handle, mut events, thread) = spawn(Node::bind(&settings)?)?;
//!     println!("{}", handle.contacted(Duration::from_secs(5)).wait()?);
//!     let kitchen = GroupName::try_from("kitchen")?;
//!     handle.call(move |node| node.add_item(&kitchen, KeyRange::FULL, 80)).wait()??;
//!     while let Some(event) = events.next_event() {
//!         println!("{event}");
//!         if matches!(event, Event::Footing { to: Footing::Minority, .. }) {
//!             break; // Cut off from most of the others.
//!         }
//!     }
//!     handle.depart().wait()?;
//!     // When the last handle is gone, the thread ends.
//!     drop(handle);
//!     thread.join().expect("no call panics")?;
//!     Ok(())
//! }
//! ```
//!
//! # On a thread, or in a loop
//!
//! [`spawn`] runs the node on a thread of its own, which waits for the sockets by itself. A [`Handle`] brings calls
//! to it from any thread, and its [`Events`] are read there; both also work in tasks of any runtime.
//!
//! Without [`spawn`] the node runs while [`Node::next_event`] or [`Node::turn`] blocks this thread, or as one of the
//! [sources](mio::event::Source) of a [`mio::Poll`] of yours: see [there](Node#impl-Source-for-Node).
//!
//! What becomes of calls that are dropped or that panic is told [by the driver](scalesmall_driver::running).
//!
//! # Map
//!
//! A module knows modules of lower layers only. The test `layers` compares this table with the
//! sources.
//!
//! | layer | module | what it is for |
//! |---|---|---|
//! | ways to run | `source` | a node in a `Poll` of the embedder's |
//! | node | `node` | a node, in a loop that blocks, and on a thread of its own |
//! | ground | `socket` | the sockets of a node |
//!
//! All state is in the driver's node; a [`Node`] adds what it waits by.

mod node;
#[cfg(doctest)]
mod readme;
mod socket;
mod source;

pub use node::Node;
#[cfg(unix)]
pub use node::spawn;
#[doc(inline)]
pub use scalesmall_driver::service::*;
pub use socket::Socket;
