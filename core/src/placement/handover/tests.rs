use super::*;
use crate::base::GroupName;
use crate::placement::{Candidate, Placement, Slots};
use quickcheck::{Gen, QuickCheck, Testable, quickcheck};

fn node(number: usize) -> NodeId {
    NodeId::from_bits(1 + number as u64)
}

/// Few, so that what happens concerns the same ones again and again.
const SLOTS: u32 = 2;
const NODES: usize = 3;

/// Writes by number.
type Writes = BTreeSet<u32>;

/// Nodes with plans, pictures and messages that are late.
struct World {
    nodes: Vec<Handover>,
    plans: Vec<Plan>,
    /// The slots that were served at some moments, each with its node.
    pictures: Vec<Vec<(u32, NodeId)>>,
    messages: Vec<(usize, NodeId, Bytes)>,
    /// What each node has been told to load, each slot with what its source had then.
    loads: Vec<BTreeMap<u32, Writes>>,
    /// What each node has been told to flush.
    flushes: Vec<BTreeSet<u32>>,
    /// The writes to each slot that each node has.
    has: Vec<BTreeMap<u32, Writes>>,
    /// All writes to each slot.
    written: BTreeMap<u32, Writes>,
    now: Instant,
    lives: u64,
}

impl World {
    fn new(replicas: usize) -> Self {
        let placement = Placement::new(Slots::new(SLOTS).unwrap()).with_replicas(replicas);
        let group = GroupName::try_from("g").unwrap();
        let plan = |gone: usize| {
            let others = (0..NODES).filter(|&number| number != gone);
            let list: Vec<Candidate> = others.map(|number| Candidate::new(node(number))).collect();
            placement.plan(&group, &list)
        };
        Self {
            nodes: (0..NODES)
                .map(|number| Handover::new(node(number), Epoch(7), &group, placement.slots()))
                .collect(),
            plans: (0..=NODES).map(plan).collect(),
            pictures: Vec::from([Vec::new()]),
            messages: Vec::new(),
            loads: alloc::vec![BTreeMap::new(); NODES],
            flushes: alloc::vec![BTreeSet::new(); NODES],
            has: alloc::vec![BTreeMap::new(); NODES],
            written: BTreeMap::new(),
            now: Instant::ZERO,
            lives: 0,
        }
    }

    fn holders(&self, slot: u32) -> usize {
        self.nodes.iter().filter(|node| node.held.contains_key(&slot)).count()
    }

    fn update(&mut self, at: usize, plan: usize, picture: usize) {
        let picture =
            self.pictures[self.pictures.len() - 1 - picture % self.pictures.len()].clone();
        self.nodes[at].update(&self.plans[plan % (NODES + 1)], picture).unwrap();
        self.collect(at);
    }

    fn collect(&mut self, at: usize) {
        let handover = &mut self.nodes[at];
        while let Some(step) = handover.poll_step() {
            match step {
                Step::Take { slot, from } => {
                    self.loads[at].insert(slot, found(&self.has, slot, from));
                }
                Step::Merge { slot, from } => {
                    self.loads[at].insert(slot, found(&self.has, slot, Some(from)));
                }
                Step::Cancel { slot } => drop(self.loads[at].remove(&slot)),
                Step::Flush { slot, .. } => drop(self.flushes[at].insert(slot)),
                Step::Keep { slot } => drop(self.flushes[at].remove(&slot)),
                Step::Release { slot, .. } => {
                    self.flushes[at].remove(&slot);
                    self.has[at].remove(&slot);
                }
            }
        }
        while let Some((to, message)) = handover.poll_message(500) {
            let to = (0..NODES).find(|&number| node(number) == to).unwrap();
            self.messages.push((to, node(at), message));
        }
        let held = |at: usize| self.nodes[at].held().map(move |slot| (slot, node(at)));
        self.pictures.push((0..NODES).flat_map(held).collect());
    }

    fn load(&mut self, at: usize) {
        if let Some((slot, found)) = self.loads[at].pop_first() {
            self.has[at].entry(slot).or_default().extend(found);
            self.nodes[at].loaded(slot);
            self.collect(at);
        }
    }

    fn flush(&mut self, at: usize, place: usize) {
        let slot = self.flushes[at].iter().nth(place % SLOTS as usize).copied();
        if let Some(slot) = slot {
            self.nodes[at].flushed(self.now, slot);
            self.collect(at);
        }
    }

    /// A node that holds a slot, and has not been asked to flush it, takes a write.
    fn write(&mut self, at: usize, slot: u32) {
        if self.nodes[at].held.contains_key(&slot) && !self.flushes[at].contains(&slot) {
            let written = self.written.entry(slot).or_default();
            let number = written.len() as u32;
            written.insert(number);
            self.has[at].entry(slot).or_default().insert(number);
        }
    }

    /// Whether all that was written is at the nodes that hold the slot.
    fn has_all(&self, slot: u32) -> bool {
        let holds = |at: &usize| self.nodes[*at].held.contains_key(&slot);
        let has = |at: usize| self.has[at].get(&slot).into_iter().flatten();
        let all: Writes = (0..NODES).filter(holds).flat_map(has).copied().collect();
        self.written.get(&slot).is_none_or(|written| all == *written)
    }

    /// One thing happens, as the numbers say.
    fn step(&mut self, what: u8, which: usize, other: usize) {
        let at = which % NODES;
        match what % 10 {
            0 => self.update(at, other, other / 8 % 4),
            1 => self.load(at),
            8 => self.flush(at, other),
            9 => self.write(at, other as u32 % SLOTS),
            2 => {
                self.now = self.now + Duration::from_millis(400);
                self.nodes[at].handle_timeout(self.now);
                self.collect(at);
            }
            3 if !self.messages.is_empty() => {
                let lost = which % self.messages.len();
                self.messages.swap_remove(lost);
            }
            _ if !self.messages.is_empty() => {
                let place = which % self.messages.len();
                // Some come a second time, later.
                let again = self.messages[place].clone();
                let (to, from, message) =
                    if other.is_multiple_of(4) { again } else { self.messages.swap_remove(place) };
                self.nodes[to].handle_message(from, &message).unwrap();
                self.collect(to);
            }
            _ => {}
        }
    }

    /// A node dies, and starts again with nothing. What it has sent, and has not arrived, does not count any more, as
    /// the engine takes no message of a life that is over.
    fn restart(&mut self, at: usize) {
        self.lives += 1;
        let slots = self.plans[NODES].slots();
        let group = GroupName::try_from("g").unwrap();
        self.nodes[at] = Handover::new(node(at), Epoch(7 + (self.lives << 22)), &group, slots);
        self.messages.retain(|(_, from, _)| *from != node(at));
        self.loads[at].clear();
        self.flushes[at].clear();
        self.has[at].clear();
    }

    /// All plan alike, see what is, and hear each other.
    fn settle(&mut self) {
        for _ in 0..40 {
            self.now = self.now + Duration::from_secs(40);
            for at in 0..NODES {
                self.update(at, NODES, 0);
                self.nodes[at].handle_timeout(self.now);
                self.collect(at);
                while !self.loads[at].is_empty() {
                    self.load(at);
                }
                for place in 0..SLOTS as usize {
                    self.flush(at, place);
                }
            }
            for (to, from, message) in core::mem::take(&mut self.messages) {
                self.nodes[to].handle_message(from, &message).unwrap();
                self.collect(to);
            }
        }
    }
}

/// What a node finds where it loads from.
fn found(has: &[BTreeMap<u32, Writes>], slot: u32, from: Option<NodeId>) -> Writes {
    let source = (0..NODES).find(|&number| from == Some(node(number)));
    source.and_then(|source| has[source].get(&slot)).cloned().unwrap_or_default()
}

fn check(law: impl Testable) {
    QuickCheck::new().rng(Gen::new(300)).quickcheck(law);
}

type Happenings = Vec<(u8, usize, usize)>;

/// Whatever is lost, late or repeated, and however plans differ.
#[test]
fn a_slot_that_somebody_had_is_never_without_owner() {
    fn law(replicas: bool, happenings: Happenings) -> bool {
        let mut world = World::new(1 + usize::from(replicas));
        let mut had = BTreeSet::new();
        happenings.into_iter().all(|(what, which, other)| {
            world.step(what, which, other);
            had.extend((0..SLOTS).filter(|&slot| world.holders(slot) > 0));
            had.iter().all(|&slot| world.holders(slot) > 0)
        })
    }
    check(law as fn(bool, Happenings) -> bool);
}

/// Nodes die in the middle of it, and start again with nothing. A slot that others hold is theirs still, and in the end
/// all is as planned.
#[test]
fn a_slot_is_lost_with_the_last_node_that_has_it_alone() {
    fn law(replicas: bool, happenings: Happenings) -> bool {
        let mut world = World::new(1 + usize::from(replicas));
        let held = happenings.into_iter().all(|(what, which, other)| {
            if what % 16 == 15 {
                world.restart(which % NODES);
                return true;
            }
            let had: Vec<u32> = (0..SLOTS).filter(|&slot| world.holders(slot) > 0).collect();
            world.step(what, which, other);
            had.into_iter().all(|slot| world.holders(slot) > 0)
        });
        world.settle();
        let plan = &world.plans[NODES];
        held && (0..SLOTS).all(|slot| {
            (0..NODES).all(|at| {
                let planned = plan.owners(slot).any(|owner| owner == node(at));
                planned == world.nodes[at].held.contains_key(&slot)
            })
        })
    }
    check(law as fn(bool, Happenings) -> bool);
}

/// Whatever is lost, late or repeated, and however plans differ: a node lets go only to one that has
/// loaded all that it had.
#[test]
fn no_write_is_lost_on_the_way() {
    fn law(replicas: bool, happenings: Happenings) -> bool {
        let mut world = World::new(1 + usize::from(replicas));
        let held = happenings.into_iter().all(|(what, which, other)| {
            world.step(what, which, other);
            (0..SLOTS).all(|slot| world.has_all(slot))
        });
        world.settle();
        held && (0..SLOTS).all(|slot| world.has_all(slot))
    }
    check(law as fn(bool, Happenings) -> bool);
}

/// Nothing is offered before it has been flushed, and what stays after all is not.
#[test]
fn a_slot_is_offered_once_it_has_been_flushed() {
    let mut world = World::new(1);
    let plan = world.plans[NODES].clone();
    let slot = (0..SLOTS).find(|&slot| plan.owners(slot).next() != Some(node(0))).unwrap();
    let owner = plan.owners(slot).next().unwrap();
    let handover = &mut world.nodes[0];
    handover.resume(slot);
    handover.update(&plan, []).unwrap();
    let mut steps = Vec::from_iter(core::iter::from_fn(|| handover.poll_step()));
    steps.retain(|step| !matches!(step, Step::Take { .. }));
    assert_eq!(steps, [Step::Flush { slot, to: owner }]);
    assert_eq!((handover.poll_message(500), handover.poll_timeout()), (None, None));
    assert!(handover.flushed(Instant::ZERO, slot) && !handover.flushed(Instant::ZERO, slot));
    assert_eq!(handover.poll_message(500).unwrap().0, owner);
    // Of this node alone nothing is planned elsewhere.
    let group = GroupName::try_from("g").unwrap();
    let alone = Placement::new(Slots::new(SLOTS).unwrap()).plan(&group, &[Candidate::new(node(0))]);
    handover.update(&alone, []).unwrap();
    let mut steps = Vec::from_iter(core::iter::from_fn(|| handover.poll_step()));
    steps.retain(|step| !matches!(step, Step::Take { .. }));
    assert_eq!(steps, [Step::Keep { slot }]);
    assert_eq!(handover.poll_timeout(), None);
}

/// Once plans are equal, exactly the planned owners are left.
#[test]
fn it_ends_as_planned() {
    fn law(replicas: bool, happenings: Happenings) -> bool {
        let mut world = World::new(1 + usize::from(replicas));
        for (what, which, other) in happenings {
            world.step(what, which, other);
        }
        world.settle();
        let plan = &world.plans[NODES];
        (0..SLOTS).all(|slot| {
            (0..NODES).all(|at| {
                let planned = plan.owners(slot).any(|owner| owner == node(at));
                planned == world.nodes[at].held.contains_key(&slot)
            })
        })
    }
    check(law as fn(bool, Happenings) -> bool);
}

quickcheck! {
    fn no_message_makes_it_panic(message: Vec<u8>) -> bool {
        let group = GroupName::try_from("g").unwrap();
        let mut handover = Handover::new(node(0), Epoch(1), &group, Slots::new(4).unwrap());
        handover.resume(3);
        let _ = handover.handle_message(node(1), &message);
        handover.held().eq([3])
    }
}

/// An acknowledgement of an offer that was taken back must not count for the next one.
#[test]
fn a_late_acknowledgement_counts_for_its_own_offer_only() {
    let mut world = World::new(1);
    let elsewhere = |slot: &u32| world.plans[NODES].owners(*slot).next() != Some(node(0));
    let slot = (0..SLOTS).find(elsewhere).unwrap();
    let owner = world.plans[NODES].owners(slot).next().unwrap();
    let gone = (0..NODES).find(|&number| node(number) == owner).unwrap();
    let handover = &mut world.nodes[0];
    handover.resume(slot);
    handover.update(&world.plans[NODES], []).unwrap();
    assert!(handover.flushed(Instant::ZERO, slot));
    let (to, offer) = handover.poll_message(500).unwrap();
    assert_eq!(to, owner);
    // Without its owner the slot is planned for another, or for this node; then as before.
    handover.update(&world.plans[gone], []).unwrap();
    handover.flushed(Instant::ZERO, slot);
    handover.update(&world.plans[NODES], []).unwrap();
    assert!(handover.flushed(Instant::ZERO, slot));
    let mut acknowledgement = offer.to_vec();
    acknowledgement[0] = ACKNOWLEDGEMENT;
    handover.handle_message(owner, &acknowledgement).unwrap();
    assert!(handover.held().any(|held| held == slot));
    let messages = core::iter::from_fn(|| handover.poll_message(500));
    let (_, message) = messages.filter(|(to, _)| *to == owner).last().unwrap();
    acknowledgement = message.to_vec();
    acknowledgement[0] = ACKNOWLEDGEMENT;
    handover.handle_message(owner, &acknowledgement).unwrap();
    let mut steps = core::iter::from_fn(|| handover.poll_step());
    assert!(steps.any(|step| step == Step::Release { slot, to: owner }));
}
