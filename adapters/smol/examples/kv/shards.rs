//! What a server stores and decides; sockets and the node are elsewhere, so the simulator runs the same.
//!
//! Each slot has two owners, in different zones if there are. A write is good once every owner that any of them
//! sees has it, two at least. A server that takes a slot over gets a copy, says that it serves the slot, and gets
//! copies from all owners until all of them see it: from then on no write is good without it. So nothing that a
//! client was told to be stored is at one server alone, or is missing at one that takes over. Of two writes of a
//! key the one with the higher version stays, everywhere.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use scalesmall_core::placement::{Candidate, Handover, Placement, Plan, Slots, Step};
use scalesmall_core::{Engine, Epoch, Fence, GroupName, Instant, NodeId, Op, Server, TimedItem};

/// A count, and the server that took the write.
pub(crate) type Version = (u64, NodeId);
pub(crate) type Values = BTreeMap<String, (Version, String)>;

/// How many servers must have a write.
pub(crate) const COPIES: usize = 2;
/// A server that has not loaded a slot after this begins anew.
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

/// A server compares what it has with an owner that is new to it, and again after this, twice this and on.
const COMPARED: Duration = Duration::from_secs(1);

/// What a server has of a slot.
pub(crate) struct Copied {
    pub(crate) values: Values,
    /// Whether it sees that the other one serves the slot by the right that it has.
    pub(crate) seen: bool,
    /// Whether it answers for the slot itself.
    pub(crate) serves: bool,
}

/// What a server does next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Do {
    /// Get a copy of a slot from a server, and give it to [`Shards::copied`].
    Copy(u32, NodeId),
    /// Say that a slot is served, then call [`Shards::serves`].
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
    /// By which right this server serves it, once it has said so.
    fence: Option<Fence>,
    /// Whether it has loaded it, and is seen to serve it by all other owners.
    serves: bool,
    /// The owners that see it, and those that it has asked for copies.
    seen_by: BTreeSet<NodeId>,
    asked: BTreeSet<NodeId>,
    /// Since when this server loads it, and from which one.
    loading: Option<(Instant, Option<NodeId>)>,
    /// When this server compares what it has with each other owner, and how often it has.
    compares: BTreeMap<NodeId, (Instant, u32)>,
    /// The highest token of each owner.
    tokens: BTreeMap<NodeId, Fence>,
}

pub(crate) struct Shards {
    me: NodeId,
    pub(crate) handover: Handover,
    plan: Plan,
    candidates: Vec<Candidate>,
    slots: BTreeMap<u32, Slot>,
    /// The servers of each slot, with their tokens.
    served: BTreeMap<u32, BTreeMap<NodeId, Fence>>,
    /// What is to be done now, and after the next look.
    ready: VecDeque<Do>,
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
            ready: VecDeque::new(),
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
        let served: BTreeSet<(u32, NodeId)> = engine.served_slots(&group(), slots()).collect();
        self.served.clear();
        for TimedItem { item, epoch, clock } in engine.topology_of(&group(), Op::Add) {
            let slot =
                slots().find(item.range).filter(|slot| served.contains(&(*slot, item.member)));
            if let Some(slot) = slot {
                let owners = self.served.entry(slot).or_default();
                owners.insert(item.member, Fence { epoch, clock });
            }
        }
        self.handover.update(&self.plan, served).expect("all have one number of slots");
        self.handover.handle_timeout(now);
        for (number, slot) in &mut self.slots {
            // Two that took a slot without each other, as on two sides of a cut, compare what they have; again,
            // more and more rarely, as it may be brought to one of them later still.
            let owners = self.served.get(number).into_iter().flat_map(BTreeMap::keys);
            let owners: BTreeSet<NodeId> = owners.copied().filter(|it| *it != self.me).collect();
            slot.compares.retain(|owner, _| owners.contains(owner));
            for owner in owners.iter().filter(|_| slot.serves) {
                let (at, times) = slot.compares.entry(*owner).or_insert((now, 0));
                if *at <= now {
                    *at = now + COMPARED * (1 << (*times).min(6));
                    *times += 1;
                    self.jobs.push_back(Do::Copy(*number, *owner));
                }
            }
            if let Some((_, source)) = slot.loading {
                let others: BTreeSet<NodeId> = owners.iter().copied().chain(source).collect();
                if slot.fence.is_some() && others.is_subset(&slot.seen_by) {
                    slot.loading = None;
                    slot.serves |= self.handover.loaded(*number);
                }
                for other in others.difference(&slot.seen_by).filter(|_| slot.loading.is_some()) {
                    if slot.asked.insert(*other) {
                        self.jobs.push_back(Do::Copy(*number, *other));
                    }
                }
            }
            // A server that it was to come from has gone, or is slow.
            if slot.loading.take_if(|(since, _)| now.since(*since) >= COPIED).is_some() {
                self.handover.failed(*number);
            }
        }
        let failed = self.slots.iter().filter(|(_, slot)| !slot.serves && slot.loading.is_none());
        for number in failed.map(|(number, _)| *number).collect::<Vec<_>>() {
            self.drop(number);
        }
        self.steps(now);
        self.ready.append(&mut self.jobs);
    }

    fn steps(&mut self, now: Instant) {
        while let Some(step) = self.handover.poll_step() {
            match step {
                Step::Take { slot, from } => {
                    self.slots.insert(slot, Slot { loading: Some((now, from)), ..Slot::default() });
                    self.jobs.extend(from.is_none().then_some(Do::Serve(slot)));
                }
                Step::Merge { slot, from } => {
                    let slot = self.slots.entry(slot).or_default();
                    slot.seen_by.clear();
                    slot.loading = Some((now, Some(from)));
                }
                Step::Cancel { slot } => self.drop(slot),
                // All owners have each write, so there is nothing to bring anywhere.
                Step::Flush { slot, .. } => drop(self.handover.flushed(now, slot)),
                Step::Release { slot, .. } => self.drop(slot),
                _ => {}
            }
        }
    }

    fn drop(&mut self, number: u32) {
        if self.slots.remove(&number).is_some_and(|slot| slot.fence.is_some()) {
            self.jobs.push_back(Do::Withdraw(number));
        }
    }

    pub(crate) fn poll(&mut self) -> Option<Do> {
        self.ready.pop_front()
    }

    /// By which right this server serves a slot, or says that it does.
    pub(crate) fn fence(&self, number: u32) -> Option<Fence> {
        self.slots.get(&number)?.fence
    }

    /// A copy of a slot for another server, which has this right to it.
    pub(crate) fn copy(&self, number: u32, to: NodeId, right: Option<Fence>) -> Option<Copied> {
        let slot = self.slots.get(&number)?;
        let known = self.served.get(&number).and_then(|owners| owners.get(&to).copied());
        let seen = known.is_some() && known == right;
        Some(Copied { values: slot.values.clone(), seen, serves: slot.serves })
    }

    /// The copy that this server has asked for; `None` if it could not be had.
    pub(crate) fn copied(&mut self, number: u32, from: NodeId, copy: Option<Copied>) {
        let Some(slot) = self.slots.get_mut(&number) else { return };
        slot.asked.remove(&from);
        let is_source = slot.loading.is_some_and(|(_, source)| source == Some(from));
        let Some(Copied { values, seen, .. }) = copy.filter(|copy| copy.serves || !is_source)
        else {
            if is_source {
                slot.loading = None;
                self.handover.failed(number);
            }
            return;
        };
        values.into_iter().for_each(|(key, value)| slot.put(key, value));
        if seen {
            slot.seen_by.insert(from);
        }
        if is_source && slot.fence.is_none() {
            self.jobs.push_back(Do::Serve(number));
        }
    }

    /// This server has said that it serves a slot. Returns whether it is to: otherwise it withdraws it.
    pub(crate) fn serves(&mut self, number: u32, engine: &Engine) -> bool {
        let Some(range) = slots().range(number) else { return false };
        let owner = engine.route(&group(), range.start()).find(|it| it.member == self.me);
        let fence = owner.and_then(|owner: Server| engine.fence(&group(), &owner));
        self.slots.get_mut(&number).map(|slot| slot.fence = fence).is_some()
    }

    /// A client's write, with this server as its first owner; `None` if it is not one, or is the only one.
    pub(crate) fn put(&mut self, key: &str, value: &str) -> Option<Write> {
        let number = slots().of(place(key));
        let owners = self.owners(number);
        let slot = self.slots.get_mut(&number)?;
        let fence = slot.fence.filter(|_| slot.serves && owners.len() >= COPIES)?;
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
        let slot = self.slots.get(&slots().of(place(key))).filter(|slot| slot.serves)?;
        Some(slot.values.get(key).map(|(_, value)| value.as_str()))
    }

    fn owners(&self, number: u32) -> BTreeSet<NodeId> {
        let served = self.served.get(&number).into_iter().flat_map(BTreeMap::keys);
        let holds = self.slots.contains_key(&number).then_some(self.me);
        served.copied().filter(|it| *it != self.me).chain(holds).collect()
    }
}

impl Slot {
    fn put(&mut self, key: String, value: (Version, String)) {
        if self.values.get(&key).is_none_or(|known| known.0 < value.0) {
            self.values.insert(key, value);
        }
    }
}
