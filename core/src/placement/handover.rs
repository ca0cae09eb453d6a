//! From what is served to what is planned, without a moment in which nobody has a slot.
//!
//! A node that has a slot keeps it until another node has said that it has it now: the one offers it,
//! the other loads it and acknowledges, and only then may the one let go. Plans may differ for a
//! while, messages may be lost, repeated or overtake each other: in all cases a slot rather has one
//! owner too many. If two nodes offer a slot to each other, the one with the lower id keeps it.
//!
//! A slot that nobody has, because its owner has died, is taken by the one that the plan names.

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};

use super::plan::Plan;
use crate::base::{Epoch, Instant, NodeId, backoff};

/// The first wait for an acknowledgement; each further one is twice as long, up to 64 times.
const FIRST_WAIT: Duration = Duration::from_millis(500);
const MOST_DOUBLINGS: u32 = 6;

/// The most slots of one message, which then has 961 bytes.
const MOST_PER_MESSAGE: usize = 80;

/// The bytes of a slot in a message: its number, and that of the offer.
const ENTRY: usize = 4 + 8;

/// The most offers of a slot that wait until it has been loaded: each node with the slot makes one.
const MOST_WAITING: usize = 64;

const OFFER: u8 = 1;
const ACKNOWLEDGEMENT: u8 = 2;

/// What the application is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Step {
    /// Load the slot, then serve it ([`Engine::add_item`](crate::Engine::add_item)), then call
    /// [`Handover::loaded`].
    Take {
        /// The slot.
        slot: u32,
        /// A node that has it; `None` if nobody has.
        from: Option<NodeId>,
    },
    /// The slot is planned elsewhere before it was loaded: loading can stop.
    Cancel {
        /// The slot.
        slot: u32,
    },
    /// Another node serves the slot: finish what is under way, then withdraw it
    /// ([`Engine::remove_item`](crate::Engine::remove_item)).
    Release {
        /// The slot.
        slot: u32,
        /// The node that has it now.
        to: NodeId,
    },
}

/// Why bytes are not a message of a hand-over. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HandoverError {
    /// How many bytes there are.
    pub len: usize,
}

impl fmt::Display for HandoverError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "no message of a hand-over in {} bytes: give hand-overs a tag of their own",
            self.len
        )
    }
}

impl core::error::Error for HandoverError {}

/// An offer that has not been acknowledged.
#[derive(Clone, Copy, Debug, Hash)]
struct Offer {
    to: NodeId,
    /// No two offers of a node have one number, whatever its life.
    number: u64,
    again: Instant,
    tries: u32,
}

/// The slots of one node of one group, and how they come and go.
///
/// Sans-IO, as the engine is: messages go out by [`Handover::poll_message`], for example with
/// [`Engine::broadcast`](crate::Engine::broadcast) to one node, and come in by
/// [`Handover::handle_message`]; [`Handover::poll_step`] says what to do. A node that restarts
/// begins a new one, with a later epoch.
#[derive(Clone, Debug, Hash)]
pub struct Handover {
    me: NodeId,
    /// The slots that this node answers for, and to which node it has offered them.
    held: BTreeMap<u32, Option<Offer>>,
    /// The slots that are being loaded, and the offers to acknowledge then.
    loading: BTreeMap<u32, Vec<(NodeId, u64)>>,
    /// The slots that the last plan gives to this node.
    planned: BTreeSet<u32>,
    next_number: u64,
    outgoing: BTreeMap<(NodeId, u8, u32), u64>,
    steps: VecDeque<Step>,
}

impl Handover {
    /// A node that has no slot yet, in a life that no earlier hand-over of it has had.
    #[must_use]
    pub const fn new(me: NodeId, epoch: Epoch) -> Self {
        Self {
            me,
            held: BTreeMap::new(),
            loading: BTreeMap::new(),
            planned: BTreeSet::new(),
            // An epoch counts in parts of a millisecond, and offers are slower than that.
            next_number: epoch.0,
            outgoing: BTreeMap::new(),
            steps: VecDeque::new(),
        }
    }

    /// The slots that this node has: it has loaded them, and nobody has acknowledged them since.
    pub fn held(&self) -> impl Iterator<Item = u32> + use<'_> {
        self.held.keys().copied()
    }

    /// The plan, or who serves what, has changed. `served` are the slots that present members serve
    /// ([`Engine::served_slots`](crate::Engine::served_slots)).
    pub fn update(
        &mut self,
        now: Instant,
        plan: &Plan,
        served: impl IntoIterator<Item = (u32, NodeId)>,
    ) {
        let mut holders: BTreeMap<u32, Vec<NodeId>> = BTreeMap::new();
        for (slot, node) in served {
            if node != self.me {
                holders.entry(slot).or_default().push(node);
            }
        }
        let mine = plan.slots_of(self.me).collect();
        let before = core::mem::replace(&mut self.planned, mine);
        for slot in before {
            if !self.planned.contains(&slot) && self.loading.remove(&slot).is_some() {
                self.steps.push_back(Step::Cancel { slot });
            }
        }
        let nobody = Vec::new();
        let of = |slot: &u32| holders.get(slot).unwrap_or(&nobody);
        let missing: Vec<u32> = self.planned.iter().copied().filter(|it| self.lacks(*it)).collect();
        for slot in missing {
            if let Some(from) = self.takes(plan, slot, of(&slot)) {
                self.loading.insert(slot, Vec::new());
                self.steps.push_back(Step::Take { slot, from });
            }
        }
        let held: Vec<u32> = self.held.keys().copied().collect();
        for slot in held {
            self.follow(now, plan, slot, of(&slot));
        }
    }

    fn lacks(&self, slot: u32) -> bool {
        !self.held.contains_key(&slot) && !self.loading.contains_key(&slot)
    }

    /// Whether this node takes a slot that it has to serve without being offered it: there are fewer
    /// nodes that have it and let go than nodes that lack it. Returns the node to load it from.
    fn takes(&self, plan: &Plan, slot: u32, holders: &[NodeId]) -> Option<Option<NodeId>> {
        let lacking = plan.owners(slot).filter(|owner| !holders.contains(owner));
        let place = lacking.clone().position(|owner| owner == self.me)?;
        let planned = |node: &NodeId| plan.owners(slot).any(|owner| owner == *node);
        let leaving = holders.iter().filter(|node| !planned(node)).count();
        (place >= leaving).then(|| holders.first().copied())
    }

    /// Offers a slot that is planned elsewhere, and takes an offer back that is no longer right.
    fn follow(&mut self, now: Instant, plan: &Plan, slot: u32, holders: &[NodeId]) {
        let me = self.me;
        let planned = |node: NodeId| plan.owners(slot).any(|owner| owner == node);
        let Some(offer) = self.held.get_mut(&slot) else { return };
        if planned(me) {
            *offer = None;
            return;
        }
        if offer.is_some_and(|offer| planned(offer.to)) {
            return;
        }
        // Those that let go and those that lack the slot find each other by their places.
        let mut leaving: Vec<NodeId> =
            holders.iter().copied().filter(|&node| !planned(node)).chain([me]).collect();
        leaving.sort_unstable();
        leaving.dedup();
        let place = leaving.iter().position(|&node| node == me).unwrap_or_default();
        let lacking = plan.owners(slot).filter(|owner| !holders.contains(owner));
        let anybody = plan.owners(slot).cycle();
        *offer = lacking.chain(anybody).nth(place).map(|to| {
            let number = self.next_number;
            self.next_number = number.wrapping_add(1);
            self.outgoing.insert((to, OFFER, slot), number);
            Offer { to, number, again: now + FIRST_WAIT, tries: 0 }
        });
    }

    /// The application has loaded a slot and serves it. To be called at the start for each slot that
    /// it serves anyway.
    pub fn loaded(&mut self, slot: u32) {
        for (to, number) in self.loading.remove(&slot).unwrap_or_default() {
            self.outgoing.insert((to, ACKNOWLEDGEMENT, slot), number);
        }
        self.held.entry(slot).or_default();
    }

    /// A message of another node's hand-over has come.
    ///
    /// # Errors
    ///
    /// [`HandoverError`] if it is none; nothing has changed.
    pub fn handle_message(&mut self, from: NodeId, message: &[u8]) -> Result<(), HandoverError> {
        let refused = HandoverError { len: message.len() };
        let (&kind, entries) = message.split_first().ok_or(refused)?;
        if !matches!(kind, OFFER | ACKNOWLEDGEMENT) || entries.len() % ENTRY != 0 {
            return Err(refused);
        }
        for entry in entries.chunks_exact(ENTRY) {
            let (slot, number) = entry.split_at(4);
            let slot = slot.try_into().map_or(u32::MAX, u32::from_be_bytes);
            let number = number.try_into().map_or(0, u64::from_be_bytes);
            match kind {
                OFFER => self.on_offer(from, slot, number),
                _ => self.on_acknowledgement(from, slot, number),
            }
        }
        Ok(())
    }

    fn on_offer(&mut self, from: NodeId, slot: u32, number: u64) {
        if let Some(offer) = self.held.get_mut(&slot) {
            let crossed = offer.is_some_and(|offer| offer.to == from && self.me < from);
            if crossed {
                *offer = None;
            }
            if offer.is_none() {
                self.outgoing.insert((from, ACKNOWLEDGEMENT, slot), number);
            }
        } else if let Some(waiting) = self.loading.get_mut(&slot) {
            waiting.retain(|(node, _)| *node != from);
            if waiting.len() < MOST_WAITING {
                waiting.push((from, number));
            }
        } else if self.planned.contains(&slot) {
            self.loading.insert(slot, Vec::from([(from, number)]));
            self.steps.push_back(Step::Take { slot, from: Some(from) });
        }
        // Otherwise this node plans differently, and the other one keeps the slot.
    }

    fn on_acknowledgement(&mut self, from: NodeId, slot: u32, number: u64) {
        let offer = self.held.get(&slot).copied().flatten();
        if offer.is_some_and(|offer| offer.to == from && offer.number == number) {
            self.held.remove(&slot);
            self.steps.push_back(Step::Release { slot, to: from });
        }
    }

    /// Repeats offers that were not acknowledged in time.
    pub fn handle_timeout(&mut self, now: Instant) {
        for (&slot, offer) in &mut self.held {
            if let Some(offer) = offer
                && offer.again <= now
            {
                offer.tries = offer.tries.saturating_add(1);
                offer.again = now + backoff::after(FIRST_WAIT, offer.tries, MOST_DOUBLINGS);
                self.outgoing.insert((offer.to, OFFER, slot), offer.number);
            }
        }
    }

    /// When [`Handover::handle_timeout`] is to be called; `None` while nothing waits.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.held.values().flatten().map(|offer| offer.again).min()
    }

    /// The next message and the node that it goes to.
    pub fn poll_message(&mut self) -> Option<(NodeId, Bytes)> {
        let (&(to, kind, _), _) = self.outgoing.first_key_value()?;
        let mut message = BytesMut::new();
        message.put_u8(kind);
        for _ in 0..MOST_PER_MESSAGE {
            match self.outgoing.first_entry() {
                Some(next) if (next.key().0, next.key().1) == (to, kind) => {
                    let ((_, _, slot), number) = next.remove_entry();
                    message.put_u32(slot);
                    message.put_u64(number);
                }
                _ => break,
            }
        }
        Some((to, message.freeze()))
    }

    /// The next thing for the application to do.
    pub fn poll_step(&mut self) -> Option<Step> {
        self.steps.pop_front()
    }
}

#[cfg(test)]
mod tests;
