//! From what is served to what is planned, without a moment in which nobody has a slot.
//!
//! A node that has a slot keeps it until another node has said that it has it now: the one offers it,
//! the other loads it and acknowledges, and only then may the one let go. Plans may differ for a
//! while, messages may be lost, repeated or overtake each other: in all cases a slot rather has one
//! owner too many. If two nodes offer a slot to each other, the one with the lower id keeps it.
//!
//! A slot that this node sees nobody serve is taken by the node that the plan names: its server has
//! died, or there never was one.
//!
//! In this module a node *holds* a slot while it answers for it here, and *serves* it while its item
//! in the picture says so. The application keeps the two together.

use alloc::collections::btree_map::Entry;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};

use super::plan::Plan;
use super::score::seed;
use super::slots::Slots;
use crate::base::{Epoch, GroupName, Instant, NodeId, backoff};

/// The first wait for an acknowledgement; each further one is twice as long, up to 64 times.
const FIRST_WAIT: Duration = Duration::from_millis(500);
const MOST_DOUBLINGS: u32 = 6;

/// The bytes of a message before its slots: its kind, and a digest of group and slots.
const HEAD: usize = 1 + 4;

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
        /// A node to load it from; `None` if this node sees nobody serve it. In a partition, or
        /// soon after a start, somebody may all the same.
        from: Option<NodeId>,
    },
    /// Another node, which holds the slot too, offers it. Take in what that one has and this one has
    /// not, then call [`Handover::loaded`].
    Merge {
        /// The slot.
        slot: u32,
        /// The other node.
        from: NodeId,
    },
    /// The slot is planned elsewhere before it was loaded: loading can stop.
    Cancel {
        /// The slot.
        slot: u32,
    },
    /// Another node serves the slot: finish what is under way, then withdraw it
    /// ([`Engine::remove_item`](crate::Engine::remove_item)). Between its `loaded` and this step both
    /// serve the slot, and others hear of the change a moment later: forward what still comes.
    Release {
        /// The slot.
        slot: u32,
        /// The node that has it now.
        to: NodeId,
    },
}

/// Why a message or a plan is refused. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HandoverError {
    /// The bytes are no message of a hand-over.
    Malformed {
        /// How many bytes there are.
        len: usize,
    },
    /// It is about another group, or about a group with another number of slots.
    OtherSlots,
}

impl fmt::Display for HandoverError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed { len } => write!(
                f,
                "no message of a hand-over in {len} bytes: give hand-overs a tag of their own"
            ),
            Self::OtherSlots => f.write_str(
                "another group or number of slots: give each group a tag, and all its members one \
                 number of slots",
            ),
        }
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
/// [`Engine::broadcast`](crate::Engine::broadcast) to
/// [`Recipients::Nodes`](crate::Recipients::Nodes) of one node, and come in by
/// [`Handover::handle_message`]; [`Handover::poll_step`] says what to do. A node that restarts
/// begins a new one, with a later epoch.
#[derive(Clone, Debug, Hash)]
pub struct Handover {
    me: NodeId,
    slots: Slots,
    /// What tells messages about these slots from others.
    digest: u32,
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
    /// This node, in its present life ([`Engine::epoch`](crate::Engine::epoch)), which holds nothing
    /// yet. After [`Event::Renewed`](crate::Event::Renewed) it goes on with the old one.
    #[must_use]
    pub fn new(me: NodeId, epoch: Epoch, group: &GroupName, slots: Slots) -> Self {
        Self {
            me,
            slots,
            digest: seed(group, slots.count()) as u32,
            held: BTreeMap::new(),
            loading: BTreeMap::new(),
            planned: BTreeSet::new(),
            // A life makes fewer offers than 2^22 in a millisecond, so the numbers of two lives never
            // meet.
            next_number: epoch.0,
            outgoing: BTreeMap::new(),
            steps: VecDeque::new(),
        }
    }

    /// The slots that this node holds: it has loaded them, and no other node has taken them over.
    pub fn held(&self) -> impl Iterator<Item = u32> + use<'_> {
        self.held.keys().copied()
    }

    /// The plan, or who serves what, has changed. `served` are the slots that present members serve
    /// ([`Engine::served_slots`](crate::Engine::served_slots)).
    ///
    /// Takes time in proportion to the slots: call it once for all events that have come.
    ///
    /// # Errors
    ///
    /// [`HandoverError::OtherSlots`] if the plan has another number of slots; nothing has changed.
    pub fn update(
        &mut self,
        now: Instant,
        plan: &Plan,
        served: impl IntoIterator<Item = (u32, NodeId)>,
    ) -> Result<(), HandoverError> {
        if plan.slots() != self.slots {
            return Err(HandoverError::OtherSlots);
        }
        let mut holders: BTreeMap<u32, Vec<NodeId>> = BTreeMap::new();
        for (slot, node) in served {
            if node != self.me {
                holders.entry(slot).or_default().push(node);
            }
        }
        let mine = plan.slots_of(self.me).collect();
        let before = core::mem::replace(&mut self.planned, mine);
        for slot in before {
            let lost = !self.planned.contains(&slot) && !self.held.contains_key(&slot);
            if lost && self.loading.remove(&slot).is_some() {
                self.cancel(slot);
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
        Ok(())
    }

    /// Undoes the step to take a slot.
    fn cancel(&mut self, slot: u32) {
        let before = self.steps.len();
        self.steps.retain(|step| !matches!(step, Step::Take { slot: taken, .. } if *taken == slot));
        if self.steps.len() == before {
            self.steps.push_back(Step::Cancel { slot });
        }
    }

    fn lacks(&self, slot: u32) -> bool {
        !self.held.contains_key(&slot) && !self.loading.contains_key(&slot)
    }

    /// Whether this node takes a slot without being offered it, and from which node. The planned nodes
    /// that lack it are ranked as in the plan: the first ones wait for the holders that have to let go,
    /// one for each, and the others take it at once.
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
        if offer.is_some_and(|offer| !planned(me) && planned(offer.to)) {
            return;
        }
        if let Some(taken_back) = offer.take() {
            self.outgoing.remove(&(taken_back.to, OFFER, slot));
        }
        if planned(me) {
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

    /// The application has loaded a slot, or merged it, and serves it. Returns whether that was wanted
    /// still; otherwise the application withdraws it again.
    pub fn loaded(&mut self, slot: u32) -> bool {
        let Some(waiting) = self.loading.remove(&slot) else { return false };
        for (to, number) in waiting {
            self.outgoing.insert((to, ACKNOWLEDGEMENT, slot), number);
        }
        self.held.entry(slot).or_default();
        true
    }

    /// The application could not load a slot, or merge it. It is told to take it again by the next
    /// [`Handover::update`], or to merge it by the next offer; until then the others keep it.
    pub fn failed(&mut self, slot: u32) {
        self.loading.remove(&slot);
    }

    /// The application serves a slot already, at its start. What it holds must be as good as what
    /// any other node holds: a server that comes back with old data loads instead.
    pub fn resume(&mut self, slot: u32) {
        if slot < self.slots.count() {
            self.held.entry(slot).or_default();
        }
    }

    /// A message of another node's hand-over has come.
    ///
    /// # Errors
    ///
    /// [`HandoverError`] if it is none, or is about other slots; nothing has changed.
    pub fn handle_message(&mut self, from: NodeId, message: &[u8]) -> Result<(), HandoverError> {
        let malformed = HandoverError::Malformed { len: message.len() };
        let (&kind, rest) = message.split_first().ok_or(malformed)?;
        let (digest, entries) = rest.split_first_chunk().ok_or(malformed)?;
        if !matches!(kind, OFFER | ACKNOWLEDGEMENT) || entries.len() % ENTRY != 0 {
            return Err(malformed);
        }
        if u32::from_be_bytes(*digest) != self.digest {
            return Err(HandoverError::OtherSlots);
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
            if offer.is_some() {
                return;
            }
            if let Entry::Vacant(place) = self.loading.entry(slot) {
                place.insert(Vec::new());
                self.steps.push_back(Step::Merge { slot, from });
            }
        }
        if let Some(waiting) = self.loading.get_mut(&slot) {
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

    /// The next message, of at most `room` bytes, and the node that it goes to: 17 bytes for one slot,
    /// 12 for each further one. One that cannot be sent may be dropped: offers are repeated.
    pub fn poll_message(&mut self, room: usize) -> Option<(NodeId, Bytes)> {
        let (&(to, kind, _), _) = self.outgoing.first_key_value()?;
        let mut message = BytesMut::new();
        message.put_u8(kind);
        message.put_u32(self.digest);
        for _ in 0..(room.saturating_sub(HEAD) / ENTRY).max(1) {
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
