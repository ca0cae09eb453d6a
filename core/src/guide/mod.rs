//! Guides: one task each, from its beginning to its end, with code that is compiled and run.
//!
//! A guide tells the way and links what it uses. No guide repeats what another page says: the exact
//! rules are in the documentation of each item, in the [contract](crate#contract), in
//! [`protocol`](crate::protocol) and in [`wire`](crate::wire). Each guide lives in the crate whose items it
//! uses. The driver's `guide` lists them all, and every adapter passes that page on.
//!
//! - [`embedding`]: the core in an event loop of your own, or without an operating system.
//! - [`sharded_service`]: from joining a group to sharing slots, with what each step promises.
//! - [`security`]: the threat model, and what an embedder has to do for it.
//! - [`coming_from`]: the words of serf, memberlist, foca and chitchat, and ours.
//! - *How it works* is [`protocol`](crate::protocol).

#[doc = include_str!("embedding.md")]
pub mod embedding {}

#[doc = include_str!("security.md")]
pub mod security {}

#[doc = include_str!("coming_from.md")]
pub mod coming_from {}

#[doc = include_str!("sharded_service.md")]
pub mod sharded_service {}
