//! Runs a ScaleSmall node on [async-std](https://docs.rs/async-std): a member of a cluster that knows which
//! others are alive, and which of them serves which range of keys, without a leader.
//!
//! async-std is no longer developed; its authors point to smol. Both run on the reactor `async-io`, so the node
//! is that of `scalesmall-smol`, which new programs should use.
//!
//! ```no_run
//! use std::time::Duration;
//! use scalesmall_async_std::{GroupKeys, GroupName, KeyRange, Node, Settings, spawn};
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let mut settings = Settings::new("127.0.0.1:4000".parse()?, GroupKeys::published());
//!     settings.seeds.push("127.0.0.1:4001".parse()?);
//!     let (node, mut events, _) = spawn(Node::bind(&settings)?)?;
//!     async_std::task::block_on(async move {
//!         println!("{}", node.contacted(Duration::from_secs(5)).await?);
//!         let kitchen = GroupName::try_from("kitchen")?;
//!         node.call(move |node| node.add_item(&kitchen, KeyRange::FULL, 80)).await??;
//!         while let Some(event) = events.next().await {
//!             println!("{event}");
//!         }
//!         Ok(())
//!     })
//! }
//! ```
//!
//! [`spawn`] runs the node on a thread of its own, so that tasks that block hold up neither the node nor what
//! others think of it. A [`Handle`] brings calls to it, and its [`Events`] are a `Stream`. Without [`spawn`] the node
//! runs in the task that awaits [`Node::next_event`] or [`Node::turn`]:
//!
//! ```no_run
//! # async fn run(mut node: scalesmall_async_std::Node) -> std::io::Result<()> {
//! use scalesmall_async_std::Event;
//!
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
