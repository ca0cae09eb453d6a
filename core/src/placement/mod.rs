//! Which member serves which slots of a group: a plan that all nodes compute alike, and handing
//! slots over without a moment in which nobody has them.
//!
//! The key space is cut into equal [`Slots`]. A [`Placement`] turns a list of [`Candidate`]s into a
//! [`Plan`]: a pure function, so nodes with the same list have the same plan and nobody has to be
//! asked. The list comes from the replicated picture ([`Engine::living_members`]), not from what one
//! node suspects. A [`Handover`] leads from what is to what is planned.
//!
//! ```
//! use scalesmall_core::placement::{Candidate, Placement, Slots};
//! use scalesmall_core::{GroupName, KeyRange, NodeId};
//!
//! let shards = GroupName::try_from("shards")?;
//! let node = |port| NodeId::from(core::net::SocketAddr::from(([10, 0, 0, 1], port)));
//! let placement = Placement::new(Slots::new(1_024)?);
//! let candidates: Vec<Candidate> = (1..=3).map(|port| Candidate::new(node(port))).collect();
//! let plan = placement.plan(&shards, &candidates);
//! let slot = placement.slots().of(0x1234_5678);
//! let owner = plan.owners(slot).next().expect("there are candidates");
//! assert!(plan.slots_of(owner).any(|served| served == slot));
//! // Without that node its slots move, and hardly any other.
//! let others: Vec<Candidate> =
//!     candidates.into_iter().filter(|candidate| candidate.node != owner).collect();
//! assert_ne!(placement.plan(&shards, &others).owners(slot).next(), Some(owner));
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```
//!
//! [`Engine::living_members`]: crate::Engine::living_members

mod handover;
mod plan;
mod score;
mod slots;

pub use handover::{Handover, HandoverError, Step};
pub use plan::{Candidate, Placement, Plan};
pub use slots::{Slots, SlotsError};
