//! Which member serves which slots of a group: a plan that all nodes compute alike, and handing
//! slots over without a moment in which nobody has them.
//!
//! The key space is cut into equal [`Slots`]. A [`Placement`] turns a list of [`Candidate`]s into a
//! [`Plan`]: a pure function, so nodes with the same list have the same plan and nobody has to be
//! asked. The list comes from the replicated picture ([`Engine::candidates`]), not from what one
//! node suspects; nodes say their weights and zones themselves, and that they drain. A [`Handover`]
//! leads from what is to what is planned, and waits for the application: not before the one server has
//! flushed a slot, and not before the other one has loaded it.
//!
//! ```
//! use scalesmall_core::placement::{Candidate, Placement, Slots};
//! use scalesmall_core::{GroupName, KeyRange, NodeId};
//!
//! let shards = GroupName::try_from("shards")?;
//! let node = NodeId::from_bits;
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
//! # A server that shares slots
//!
//! Each server joins the group, and takes a turn after each event of its engine, and at the deadline
//! of its hand-over. What it has to do besides is its own: loading a slot and letting it go.
//!
//! ```
//! use scalesmall_core::placement::{Candidate, Handover, Placement, Plan, Step};
//! use scalesmall_core::{Engine, Event, GroupName, Instant, Recipients, Tag};
//!
//! /// Messages of hand-overs are told from others by their tag.
//! const HANDOVERS: Tag = Tag(1);
//!
//! struct Server {
//!     group: GroupName,
//!     placement: Placement,
//!     plan: Plan,
//!     candidates: Vec<Candidate>,
//!     handover: Handover,
//! }
//!
//! impl Server {
//!     fn on_event(&mut self, event: &Event) {
//!         if let Event::Message { origin, tag: HANDOVERS, payload, .. } = event {
//!             // Others may send under that tag what is no message of a hand-over.
//!             let _ = self.handover.handle_message(*origin, payload);
//!         }
//!     }
//!
//!     fn turn(&mut self, engine: &mut Engine, now: Instant) -> Result<(), Box<dyn core::error::Error>> {
//!         let candidates = engine.candidates(&self.group);
//!         if candidates != self.candidates {
//!             self.plan = self.placement.plan(&self.group, &candidates);
//!             self.candidates = candidates;
//!         }
//!         let slots = self.placement.slots();
//!         self.handover.update(&self.plan, engine.served_slots(&self.group, slots))?;
//!         self.handover.handle_timeout(now);
//!         while let Some(step) = self.handover.poll_step() {
//!             match step {
//!                 Step::Take { slot, from: _ } => {
//!                     // Here the server would load the slot from that node, which may take long.
//!                     let range = slots.range(slot).expect("a plan has slots of its own only");
//!                     engine.add_item(now, &self.group, range, 8080)?;
//!                     self.handover.loaded(slot);
//!                 }
//!                 Step::Merge { slot, from: _ } => {
//!                     // Here it would take in what the other has and it has not.
//!                     self.handover.loaded(slot);
//!                 }
//!                 Step::Flush { slot, to: _ } => {
//!                     // Here it would bring what it has in memory to where that node loads it from.
//!                     self.handover.flushed(now, slot);
//!                 }
//!                 Step::Release { slot, to: _ } => {
//!                     let range = slots.range(slot).expect("a plan has slots of its own only");
//!                     engine.remove_item(now, &self.group, range, 8080)?;
//!                 }
//!                 _ => {}
//!             }
//!         }
//!         while let Some((to, message)) = self.handover.poll_message(400) {
//!             // What is lost is offered again.
//!             engine.broadcast(now, Recipients::Nodes(&[to]), HANDOVERS, message)?;
//!         }
//!         Ok(())
//!     }
//! }
//! ```
//!
//! # What is promised
//!
//! - Nodes with equal lists of candidates have equal plans, and a plan keeps the bound on the load.
//! - A slot that a server has loaded is never without a server, unless servers die: whatever is lost,
//!   late or repeated, and however the plans differ.
//! - For a while a slot may have more servers than planned: two that took it at once, or one that has
//!   not let go yet. An application that must not write twice compares fencing tokens
//!   ([`Engine::fence`]), and on two sides of a cut needs more than this: see [`Fence`](crate::Fence).
//! - The slots of a server that died are taken once the others have called it down: after the silence
//!   window, some three seconds in a local network. Where nobody can confirm a death, as in a cluster
//!   of two, the dead one is *unreachable* and keeps its slots: a third node, even one without slots,
//!   settles that.
//! - A server that has just started takes no slots before it knows the others: it waits until
//!   [`Engine::has_caught_up`], or it would take all. On two sides of a cut each side takes all slots;
//!   when the cut heals, the planned server is told to merge what the other has ([`Step::Merge`]). Of
//!   several replicas those that are planned stay on both sides, and have to compare what they have.
//! - The hand-over moves the right to serve, not data. What a server had when it called
//!   [`Handover::flushed`] is loaded by the node to which it lets go. What comes between that and
//!   [`Step::Release`], when both serve the slot, has to reach the new one as well: share the store,
//!   forward writes, or refuse them until then.
//!
//! [`Engine::candidates`]: crate::Engine::candidates
//! [`Engine::fence`]: crate::Engine::fence
//! [`Engine::has_caught_up`]: crate::Engine::has_caught_up

mod handover;
mod plan;
mod score;
mod slots;

pub use handover::{Handover, HandoverError, Step};
pub use plan::{Candidate, Placement, Plan};
pub(crate) use score::weighted;
pub use slots::{Slots, SlotsError};
