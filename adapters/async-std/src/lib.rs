//! Runs a ScaleSmall node on [async-std](https://docs.rs/async-std): a member of a cluster that knows which
//! others are alive, and which of them serves which range of keys, without a leader.
//!
//! async-std is no longer developed; its authors point to smol. Both run on the reactor `async-io`, so the node
//! is that of `scalesmall-smol`, which new programs should use.
//!
//! ```no_run
//! use std::time::Duration;
//! use scalesmall_async_std::{Event, Footing, GroupKeys, GroupName, KeyRange, Node, Settings, spawn};
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let mut settings = Settings::new("127.0.0.1:4000".parse()?, GroupKeys::published());
//!     settings.seeds.push("127.0.0.1:4001".parse()?);
//!     let (handle, mut events, thread) = spawn(Node::bind(&settings)?)?;
//!     async_std::task::block_on(async move {
//!         println!("{}", handle.contacted(Duration::from_secs(5)).await?);
//!         let kitchen = GroupName::try_from("kitchen")?;
//!         handle.call(move |node| node.add_item(&kitchen, KeyRange::FULL, 80)).await??;
//!         while let Some(event) = events.next().await {
//!             println!("{event}");
//!             if matches!(event, Event::Footing { to: Footing::Minority, .. }) {
//!                 break; // Cut off from most of the others.
//!             }
//!         }
//!         handle.depart().await?;
//!         Ok::<(), Box<dyn std::error::Error>>(())
//!     })?;
//!     // The last handle is gone, and so the thread ends.
//!     thread.join().expect("no call panics")?;
//!     Ok(())
//! }
//! ```
//!
//! [`spawn`] runs the node on a thread of its own, so that tasks that block hold up neither the node nor what
//! others think of it. It gives a [`Handle`], which brings calls to the node, its [`Events`], which are a `Stream`,
//! and the thread, to be joined. All other names that you need are here as well, below. The key of this example is
//! known to everybody and taken on loopback only: `scalesmall keygen FILE` makes one of your own, for
//! [`GroupKeys::from_file`].
//!
//! Without [`spawn`] the node runs in the task that awaits [`Node::next_event`] or [`Node::turn`]:
//!
//! ```no_run
//! # async fn run(mut node: scalesmall_async_std::Node) -> std::io::Result<()> {
//! use scalesmall_async_std::Event;
//!
//! // Says goodbye; the node has to run on until that has been heard.
//! node.depart();
//! while !matches!(node.next_event().await?, Event::Departed { .. }) {}
//! # Ok(())
//! # }
//! ```
//!
//! In a task, an idle node costs about three times as much: the reactor has a thread of its own, and the two
//! take turns.
//!
//! Every future may be dropped at any point, as `select` does, and loses nothing:
//! [what becomes of what](scalesmall_driver::running#cancellation).

#[doc(inline)]
pub use scalesmall_driver::service::*;
#[cfg(unix)]
#[doc(inline)]
pub use scalesmall_smol::spawn;
#[doc(inline)]
pub use scalesmall_smol::{Node, Socket};
