//! Guides: one task each, from its beginning to its end, with code that is compiled and run.
//!
//! Every adapter passes this page on, so `scalesmall_tokio::guide` is the same as this one. A guide tells the way and
//! links what it uses; none repeats what another page says.
//!
//! | guide | for |
//! |---|---|
//! | [`getting_started`] | three nodes in five minutes, on any runtime |
//! | *Building a sharded service* | [`scalesmall_core::guide::sharded_service`], with the example `kv` of `scalesmall-smol` |
//! | *Testing your service* | [`scalesmall_sim::guide`](https://docs.rs/scalesmall-sim/latest/scalesmall_sim/guide/): the real engine under faults, in virtual time |
//! | *Operating* | [`scalesmall_agent::operating`](https://docs.rs/scalesmall-agent/latest/scalesmall_agent/operating/): bringing nodes up, watching, upgrades, every warning |
//! | [`security`] | the threat model, and your part in it |
//! | *How it works* | [`scalesmall_core::protocol`](https://docs.rs/scalesmall-core/latest/scalesmall_core/protocol/): the protocol on one page, then its exact rules |
//! | [`embedding`] | the core in an event loop of your own, or without an operating system |
//! | [`coming_from`] | the words of serf, memberlist, foca and chitchat, and ours |
//! | [`running`](crate::running) | on a thread or in a task, and what becomes of what is dropped |

pub use scalesmall_core::guide::{coming_from, embedding, security};

#[doc = include_str!("guide/getting_started.md")]
pub mod getting_started {}
