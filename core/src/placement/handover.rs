//! From what is served to what is planned, without a moment in which nobody has a slot.
//!
//! A node that has a slot keeps it until another node has said that it has it now: the one flushes it
//! and offers it, the other loads it and acknowledges, and only then may the one let go. The application
//! holds each of these up for as long as it takes. Plans may differ for a while, messages may be lost,
//! repeated or overtake each other: in all cases a slot rather has one owner too many, and what its
//! holder had when it had flushed is loaded by the node to which it lets go. If two nodes offer a slot
//! to each other, the one with the lower id keeps it.
//!
//! A slot that this node sees nobody serve is taken by the node that the plan names: its server has
//! died, or there never was one.
//!
//! In this module a node *holds* a slot while it answers for it here, and *serves* it while its item
//! in the picture says so. The application keeps the two together.

mod step;

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;
use core::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};

pub use self::step::{HandoverError, Step};
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

/// An offer that has not been acknowledged.
#[derive(Clone, Copy, Debug, Hash)]
struct Offer {
    to: NodeId,
    /// No two offers of a node have one number, whatever its life.
    number: u64,
    again: Instant,
    tries: u32,
}

/// What becomes of a slot that this node holds.
#[derive(Clone, Copy, Debug, Default, Hash)]
enum Course {
    #[default]
    Stays,
    /// It is offered to this node once the application has flushed it.
    Flushes(NodeId),
    Offered(Offer),
}

impl Course {
    /// The node that the slot is to go to, if it is to go.
    const fn to(&self) -> Option<NodeId> {
        match self {
            Self::Stays => None,
            Self::Flushes(to) | Self::Offered(Offer { to, .. }) => Some(*to),
        }
    }

    const fn offer(&self) -> Option<Offer> {
        match self {
            Self::Offered(offer) => Some(*offer),
            Self::Stays | Self::Flushes(_) => None,
        }
    }
}

/// A slot that the application loads, or merges.
#[derive(Clone, Debug, Default, Hash)]
struct Loading {
    /// The offer that it loads in answer to, by sender and number.
    of: Option<(NodeId, u64)>,
    /// Offers that have come since. What their senders have flushed may not be in what is being loaded,
    /// so it is merged afterwards.
    later: Vec<(NodeId, u64)>,
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
    /// The slots that this node answers for.
    held: BTreeMap<u32, Course>,
    loading: BTreeMap<u32, Loading>,
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
                self.loading.insert(slot, Loading::default());
                self.steps.push_back(Step::Take { slot, from });
            }
        }
        let held: Vec<u32> = self.held.keys().copied().collect();
        for slot in held {
            self.follow(plan, slot, of(&slot));
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

    /// Has a slot flushed that is planned elsewhere, and takes an offer back that is no longer right.
    fn follow(&mut self, plan: &Plan, slot: u32, holders: &[NodeId]) {
        let me = self.me;
        let planned = |node: NodeId| plan.owners(slot).any(|owner| owner == node);
        if planned(me) {
            return self.keep(slot);
        }
        let to = self.held.get(&slot).and_then(Course::to);
        // What is being merged would not be in what the other node loads.
        if to.is_some_and(planned) || self.loading.contains_key(&slot) {
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
        match lacking.chain(anybody).nth(place) {
            Some(to) => {
                self.take_back(slot);
                self.held.insert(slot, Course::Flushes(to));
                self.steps.push_back(Step::Flush { slot, to });
            }
            // Nobody is planned.
            None => self.keep(slot),
        }
    }

    /// The slot stays here.
    fn keep(&mut self, slot: u32) {
        let moves = self.held.get(&slot).is_some_and(|course| course.to().is_some());
        if moves && !self.take_back(slot) {
            self.steps.push_back(Step::Keep { slot });
        }
        if moves {
            self.held.insert(slot, Course::Stays);
        }
    }

    /// Undoes that a slot is to go. Returns whether the application does not know of that yet.
    fn take_back(&mut self, slot: u32) -> bool {
        if let Some(offer) = self.held.get(&slot).and_then(Course::offer) {
            self.outgoing.remove(&(offer.to, OFFER, slot));
        }
        let before = self.steps.len();
        self.steps
            .retain(|step| !matches!(step, Step::Flush { slot: flushed, .. } if *flushed == slot));
        self.steps.len() < before
    }

    /// The application has flushed a slot, so it is offered. Returns whether that was wanted still.
    pub fn flushed(&mut self, now: Instant, slot: u32) -> bool {
        let Some(course @ &mut Course::Flushes(to)) = self.held.get_mut(&slot) else {
            return false;
        };
        let number = self.next_number;
        self.next_number = number.wrapping_add(1);
        self.outgoing.insert((to, OFFER, slot), number);
        *course = Course::Offered(Offer { to, number, again: now + FIRST_WAIT, tries: 0 });
        true
    }

    /// The application has loaded a slot, or merged it, and serves it. Returns whether that was wanted
    /// still; otherwise the application withdraws it again.
    pub fn loaded(&mut self, slot: u32) -> bool {
        let Some(Loading { of, mut later }) = self.loading.remove(&slot) else { return false };
        if let Some((to, number)) = of {
            self.outgoing.insert((to, ACKNOWLEDGEMENT, slot), number);
        }
        self.held.entry(slot).or_default();
        if !later.is_empty() {
            let next = later.remove(0);
            self.loading.insert(slot, Loading { of: Some(next), later });
            self.steps.push_back(Step::Merge { slot, from: next.0 });
        }
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
        if let Some(loading) = self.loading.get_mut(&slot) {
            if loading.of != Some((from, number)) {
                loading.later.retain(|(node, _)| *node != from);
                if loading.later.len() < MOST_WAITING {
                    loading.later.push((from, number));
                }
            }
            return;
        }
        let step = match self.held.get(&slot).map(Course::to) {
            Some(to) => {
                if to == Some(from) && self.me < from {
                    self.keep(slot);
                } else if to.is_some() {
                    return;
                }
                Step::Merge { slot, from }
            }
            None if self.planned.contains(&slot) => Step::Take { slot, from: Some(from) },
            // This node plans differently, and the other one keeps the slot.
            None => return,
        };
        self.loading.insert(slot, Loading { of: Some((from, number)), later: Vec::new() });
        self.steps.push_back(step);
    }

    fn on_acknowledgement(&mut self, from: NodeId, slot: u32, number: u64) {
        let offer = self.held.get(&slot).and_then(Course::offer);
        if offer.is_some_and(|offer| offer.to == from && offer.number == number) {
            self.held.remove(&slot);
            self.steps.push_back(Step::Release { slot, to: from });
        }
    }

    /// Repeats offers that were not acknowledged in time.
    pub fn handle_timeout(&mut self, now: Instant) {
        for (&slot, course) in &mut self.held {
            if let Course::Offered(offer) = course
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
        self.held.values().filter_map(Course::offer).map(|offer| offer.again).min()
    }

    /// The next message, of at most `room` bytes, and the node that it goes to: 17 bytes for one slot,
    /// 12 for each further one. One that cannot be sent may be dropped: offers are repeated.
    #[must_use]
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
    #[must_use]
    pub fn poll_step(&mut self) -> Option<Step> {
        self.steps.pop_front()
    }
}

#[cfg(test)]
mod tests;
