//! What a server stores and decides; sockets and the node are elsewhere, so the simulator runs the same.
//!
//! Each slot has two owners, in different zones if there are. A write is good once every owner that any of them
//! knows has it, two at least: an owner knows those that it sees serve the slot, and those that have a copy from
//! it and do not serve yet. So nothing that a client was told to be stored is at one server alone, or is missing at one
//! that takes over. Of two writes of a key the one with the higher version stays, everywhere.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use scalesmall_core::placement::{Candidate, Handover, Placement, Plan, Slots, Step};
use scalesmall_core::{Engine, Epoch, Fence, GroupName, Instant, NodeId, Owner};

/// A count, and the server that took the write.
pub(crate) type Version = (u64, NodeId);
pub(crate) type Values = BTreeMap<String, (Version, String)>;

/// How many servers must have a write.
pub(crate) const COPIES: usize = 2;
/// A server that has not loaded a copy after this begins anew; one that gave it waits twice as long.
const COPIED: Duration = Duration::from_secs(3);

pub(crate) fn slots() -> Slots {
    Slots::new(64).expect("that many are allowed")
}

/// The group in which servers say what they serve.
pub(crate) fn group() -> GroupName {
    GroupName::try_from("kv").expect("it has 1 to 255 bytes")
}

/// A key's place in the key space: FNV-1a, spread by a multiplication.
pub(crate) fn place(key: &str) -> u32 {
    let mix = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    let hash = key.bytes().fold(0xcbf2_9ce4_8422_2325, mix);
    (hash.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as u32
}

/// What a server does next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Do {
    /// Get a copy of a slot from a server, or begin with nothing, and give it to [`Shards::copied`].
    Copy(u32, Option<NodeId>),
    /// Serve a slot, then call [`Shards::serves`].
    Serve(u32),
    /// Serve it no longer.
    Withdraw(u32),
}

/// A write on its way to the other owners.
#[derive(Clone, Debug)]
pub(crate) struct Write {
    pub(crate) key: String,
    pub(crate) value: String,
    pub(crate) version: Version,
    /// By which right it was taken.
    pub(crate) fence: Fence,
    /// All owners that are to have it.
    pub(crate) owners: BTreeSet<NodeId>,
}

#[derive(Default)]
struct Slot {
    values: Values,
    /// By which right this server serves it, if it does.
    fence: Option<Fence>,
    /// Since when this server loads it, and from which one.
    loading: Option<(Instant, Option<NodeId>)>,
    /// When other servers have got copies.
    copies: BTreeMap<NodeId, Instant>,
    /// The other owners with which this one has compared what it has.
    met: BTreeSet<NodeId>,
    /// The highest token of each owner.
    tokens: BTreeMap<NodeId, Fence>,
}

pub(crate) struct Shards {
    me: NodeId,
    pub(crate) handover: Handover,
    plan: Plan,
    candidates: Vec<Candidate>,
    slots: BTreeMap<u32, Slot>,
    served: BTreeMap<u32, BTreeSet<NodeId>>,
    jobs: VecDeque<Do>,
}

impl Shards {
    pub(crate) fn new(me: NodeId, epoch: Epoch) -> Self {
        Self {
            me,
            handover: Handover::new(me, epoch, &group(), slots()),
            plan: Placement::new(slots()).plan(&group(), &[]),
            candidates: Vec::new(),
            slots: BTreeMap::new(),
            served: BTreeMap::new(),
            jobs: VecDeque::new(),
        }
    }

    /// Compares what is planned with what is served, and notes what is to be done.
    pub(crate) fn look(&mut self, now: Instant, engine: &Engine) {
        let candidates = engine.candidates(&group());
        if candidates != self.candidates {
            self.plan = Placement::new(slots()).with_replicas(COPIES).plan(&group(), &candidates);
            self.candidates = candidates;
        }
        self.served.clear();
        for (slot, owner) in engine.served_slots(&group(), slots()) {
            self.served.entry(slot).or_default().insert(owner);
        }
        let served = self.served.iter();
        let served = served.flat_map(|(slot, owners)| owners.iter().map(|owner| (*slot, *owner)));
        self.handover.update(&self.plan, served).expect("all have one number of slots");
        self.handover.handle_timeout(now);
        for (number, slot) in &mut self.slots {
            // Two that took a slot without each other, as on two sides of a cut, compare what they have.
            let owners = self.served.get(number).into_iter().flatten().filter(|it| **it != self.me);
            let owners: BTreeSet<NodeId> = owners.copied().collect();
            slot.met.retain(|met| owners.contains(met));
            if slot.fence.is_some() {
                let strangers = owners.iter().filter(|owner| !slot.copies.contains_key(owner));
                let new: Vec<NodeId> =
                    strangers.filter(|it| slot.met.insert(**it)).copied().collect();
                self.jobs.extend(new.into_iter().map(|owner| Do::Copy(*number, Some(owner))));
            }
            slot.copies.retain(|node, at| owners.contains(node) || now.since(*at) < 2 * COPIED);
            // The server that it was to come from has gone, or is slow.
            if slot.loading.take_if(|(since, _)| now.since(*since) >= COPIED).is_some() {
                self.handover.failed(*number);
            }
        }
        self.slots.retain(|_, slot| slot.fence.is_some() || slot.loading.is_some());
        self.steps(now);
    }

    fn steps(&mut self, now: Instant) {
        while let Some(step) = self.handover.poll_step() {
            match step {
                Step::Take { slot, from } => {
                    self.slots.insert(slot, Slot { loading: Some((now, from)), ..Slot::default() });
                    self.jobs.push_back(Do::Copy(slot, from));
                }
                Step::Merge { slot, from } => {
                    self.slots.entry(slot).or_default().loading = Some((now, Some(from)));
                    self.jobs.push_back(Do::Copy(slot, Some(from)));
                }
                Step::Cancel { slot } => drop(self.slots.remove(&slot)),
                // All owners have each write, so there is nothing to bring anywhere.
                Step::Flush { slot, .. } => drop(self.handover.flushed(now, slot)),
                Step::Release { slot, .. } => {
                    self.slots.remove(&slot);
                    self.jobs.push_back(Do::Withdraw(slot));
                }
                _ => {}
            }
        }
    }

    pub(crate) fn poll(&mut self) -> Option<Do> {
        self.jobs.pop_front()
    }

    /// A copy of a slot for another server, which is told of all writes from now on.
    pub(crate) fn copy(&mut self, now: Instant, number: u32, to: NodeId) -> Option<Values> {
        let slot = self.slots.get_mut(&number).filter(|slot| slot.fence.is_some())?;
        slot.copies.insert(to, now);
        Some(slot.values.clone())
    }

    /// The copy that this server has asked for; `None` if it could not be had.
    pub(crate) fn copied(&mut self, number: u32, from: Option<NodeId>, values: Option<Values>) {
        let Some(slot) = self.slots.get_mut(&number) else { return };
        let Some(values) = values else {
            slot.met.retain(|met| Some(*met) != from);
            if slot.loading.take_if(|(_, source)| *source == from).is_some() {
                self.handover.failed(number);
            }
            return;
        };
        values.into_iter().for_each(|(key, value)| slot.put(key, value));
        if slot.loading.is_some_and(|(_, source)| source == from) {
            slot.met.extend(from);
            self.jobs.push_back(Do::Serve(number));
        }
    }

    /// This server says that it serves a slot. Returns whether it is to: otherwise it withdraws it.
    pub(crate) fn serves(&mut self, number: u32, engine: &Engine) -> bool {
        let Some(range) = slots().range(number) else { return false };
        let owner = engine.route(&group(), range.start()).find(|it| it.member == self.me);
        let fence = owner.and_then(|owner: Owner| engine.fence(&group(), &owner));
        let Some(slot) = self.slots.get_mut(&number) else { return false };
        if slot.loading.take().is_some() && self.handover.loaded(number) {
            slot.fence = fence;
        }
        slot.fence.is_some()
    }

    /// A client's write, with this server as its first owner; `None` if it is not one, or is the only one.
    pub(crate) fn put(&mut self, key: &str, value: &str) -> Option<Write> {
        let number = slots().of(place(key));
        let owners = self.owners(number);
        let slot = self.slots.get_mut(&number)?;
        let fence = slot.fence.filter(|_| owners.len() >= COPIES)?;
        let version = (slot.values.get(key).map_or(0, |known| known.0.0) + 1, self.me);
        slot.put(key.to_owned(), (version, value.to_owned()));
        Some(Write { key: key.to_owned(), value: value.to_owned(), version, fence, owners })
    }

    /// A write that another owner has taken. Refused if that one knows fewer owners than this one, or has a lower
    /// token than it had: it is a message of an earlier life.
    pub(crate) fn write(&mut self, write: Write) -> bool {
        let number = slots().of(place(&write.key));
        let knows_all = self.owners(number).is_subset(&write.owners);
        let Some(slot) = self.slots.get_mut(&number) else { return false };
        let token = slot.tokens.entry(write.version.1).or_insert(write.fence);
        if write.fence < *token || !knows_all {
            return false;
        }
        *token = write.fence;
        slot.put(write.key, (write.version, write.value));
        true
    }

    /// The value of a key; `None` if another server is to be asked.
    pub(crate) fn get(&self, key: &str) -> Option<Option<&str>> {
        let slot = self.slots.get(&slots().of(place(key))).filter(|slot| slot.fence.is_some())?;
        Some(slot.values.get(key).map(|(_, value)| value.as_str()))
    }

    fn owners(&self, number: u32) -> BTreeSet<NodeId> {
        let served = self.served.get(&number).into_iter().flatten();
        let copies = self.slots.get(&number).into_iter().flat_map(|slot| slot.copies.keys());
        let holds = self.slots.contains_key(&number).then_some(self.me);
        served.chain(copies).copied().filter(|it| *it != self.me).chain(holds).collect()
    }
}

impl Slot {
    fn put(&mut self, key: String, value: (Version, String)) {
        if self.values.get(&key).is_none_or(|known| known.0 < value.0) {
            self.values.insert(key, value);
        }
    }
}
