//! What the key-value example stores and decides, in the simulator, with a checker of what clients were told.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on is to stop")]

use core::time::Duration;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use bytes::Bytes;
use scalesmall_core::{Engine, Event, Fence, Instant, NodeId, Recipients, Tag};
use scalesmall_sim::{Failure, Sim, Tap, lan, seed_from_env};
use shards::{COPIES, Copied, Do, Shards, Write, group, place, slots};

#[path = "../../adapters/smol/examples/kv/shards.rs"]
mod shards;

const SERVERS: usize = 9;
const KEYS: u64 = 150;
const HANDOVERS: Tag = Tag(7);
const TURN: Duration = Duration::from_millis(5);
/// How long one waits for an answer.
const ANSWER: u64 = 1_000_000_000;

type Outcome = Result<(), Box<Failure>>;

/// Messages of hand-overs, as they come.
#[derive(Clone, Default)]
struct Inbox(Rc<RefCell<Vec<(usize, NodeId, Bytes)>>>);

impl Tap<Engine> for Inbox {
    fn event(&mut self, _: u64, node: usize, event: &Event) {
        if let Event::Message { origin, tag: HANDOVERS, payload, .. } = event {
            self.0.borrow_mut().push((node, *origin, payload.clone()));
        }
    }
}

/// What servers say to each other on connections.
enum Said {
    Write(u64, Write),
    Written(u64, bool),
    Copy(u64, u32, Option<Fence>),
    Values(u64, Option<Copied>),
}

/// A write that waits for these owners.
struct Pending {
    key: u64,
    value: u64,
    left: BTreeSet<NodeId>,
    until: u64,
}

struct World {
    sim: Sim,
    inbox: Inbox,
    servers: Vec<Option<Shards>>,
    joined: BTreeSet<usize>,
    /// What is under way, by the time at which it arrives: from which node to which.
    wire: BTreeMap<(u64, u64), (usize, usize, Said)>,
    count: u64,
    pending: BTreeMap<u64, Pending>,
    /// Copies that servers wait for.
    copies: BTreeMap<u64, (usize, u32, usize, u64)>,
    /// The last value of each key that a client was told to be stored, and the last that it tried, by side.
    stored: [BTreeMap<u64, u64>; 2],
    tried: BTreeMap<u64, u64>,
    /// On which side of a cut each node is, if there is one.
    cut: bool,
    random: u64,
}

fn side(node: usize) -> usize {
    usize::from(node >= 4)
}

impl World {
    fn new(seed: u64) -> Result<Self, Box<Failure>> {
        let seed = seed_from_env(seed);
        let mut sim = Sim::new(seed).nodes(SERVERS, lan()).build();
        sim.run_until(Sim::converged, Duration::from_secs(5))?;
        let inbox = Inbox::default();
        sim.set_tap(inbox.clone());
        let mut world = Self {
            sim,
            inbox,
            servers: (0..SERVERS).map(|_| None).collect(),
            joined: BTreeSet::new(),
            wire: BTreeMap::new(),
            count: 0,
            pending: BTreeMap::new(),
            copies: BTreeMap::new(),
            stored: Default::default(),
            tried: BTreeMap::new(),
            cut: false,
            random: seed.wrapping_mul(2) + 1,
        };
        (0..SERVERS).for_each(|node| world.start(node));
        Ok(world)
    }

    fn start(&mut self, node: usize) {
        let engine = self.sim.node(node).unwrap();
        self.servers[node] = Some(Shards::new(engine.id(), engine.epoch()));
        self.joined.remove(&node);
    }

    fn end(&mut self, node: usize) {
        self.servers[node] = None;
        self.sim.kill(node);
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.random >> 33) % bound
    }

    fn now(&self) -> u64 {
        self.sim.now().as_nanos()
    }

    fn say(&mut self, from: usize, to: usize, said: Said) {
        let at = self.now() + 200_000 + self.below(4_000_000);
        self.count += 1;
        self.wire.insert((at, self.count), (from, to, said));
    }

    fn run_for(&mut self, span: Duration) -> Outcome {
        for _ in 0..span.as_millis() / TURN.as_millis() {
            self.sim.run_for(TURN)?;
            for (to, from, message) in self.inbox.0.take() {
                if let Some(server) = &mut self.servers[to] {
                    server.handover.handle_message(from, &message).unwrap();
                }
            }
            self.hear();
            (0..SERVERS).for_each(|node| self.tend(node));
            self.client();
            self.expire();
            self.check();
        }
        Ok(())
    }

    fn hear(&mut self) {
        let now = self.now();
        while let Some(first) = self.wire.first_entry()
            && first.key().0 <= now
        {
            let (from, to, said) = first.remove();
            if self.cut && side(from) != side(to) {
                continue;
            }
            let me = self.sim.id(from);
            let Some(server) = &mut self.servers[to] else { continue };
            match said {
                Said::Write(number, write) => {
                    let taken = server.write(write);
                    self.say(to, from, Said::Written(number, taken));
                }
                Said::Copy(number, slot, fence) => {
                    let values = server.copy(slot, me, fence);
                    self.say(to, from, Said::Values(number, values));
                }
                Said::Values(number, values) => {
                    if let Some((_, slot, source, _)) = self.copies.remove(&number) {
                        server.copied(slot, self.sim.id(source), values);
                    }
                }
                Said::Written(number, true) => {
                    let done = self.pending.get_mut(&number).is_some_and(|pending| {
                        pending.left.remove(&me);
                        pending.left.is_empty()
                    });
                    if done {
                        let Pending { key, value, .. } = self.pending.remove(&number).unwrap();
                        self.stored[usize::from(value % 2 == 1)].insert(key, value);
                    }
                }
                Said::Written(number, false) => drop(self.pending.remove(&number)),
            }
        }
    }

    fn tend(&mut self, node: usize) {
        let now = self.now_of();
        let Some(server) = &mut self.servers[node] else { return };
        let joined = &mut self.joined;
        let asked = self.sim.with(node, |engine, at| {
            if !joined.contains(&node) {
                if !engine.has_caught_up() {
                    return Vec::new();
                }
                engine.join(at, &group()).unwrap();
                joined.insert(node);
            }
            server.look(now, engine);
            let mut asked = Vec::new();
            while let Some(job) = server.poll() {
                let range = |slot| slots().range(slot).unwrap();
                match job {
                    Do::Copy(slot, from) => asked.push((slot, from)),
                    Do::Serve(slot) => {
                        engine.add_item(at, &group(), range(slot), 80).unwrap();
                        if !server.serves(slot, engine) {
                            engine.remove_item(at, &group(), range(slot), 80).unwrap();
                        }
                    }
                    Do::Withdraw(slot) => {
                        engine.remove_item(at, &group(), range(slot), 80).unwrap();
                    }
                }
            }
            while let Some((to, message)) = server.handover.poll_message(400) {
                let _ = engine.broadcast(at, Recipients::Nodes(&[to]), HANDOVERS, message);
            }
            asked
        });
        for (slot, from) in asked {
            self.count += 1;
            let (number, from) = (self.count, self.sim.node_of(from).unwrap());
            self.copies.insert(number, (node, slot, from, self.now() + ANSWER));
            let fence = self.servers[node].as_ref().and_then(|server| server.fence(slot));
            self.say(node, from, Said::Copy(number, slot, fence));
        }
    }

    fn now_of(&self) -> Instant {
        Instant::from_nanos(self.sim.now().as_nanos())
    }

    /// A client asks a node for a key's first owner, and has that one store the next value. On the two sides of a
    /// cut values are even and odd.
    fn client(&mut self) {
        let (key, node) = (self.below(KEYS), self.below(SERVERS as u64) as usize);
        let side = side(node) as u64;
        if self.servers[node].is_none() || self.pending.values().any(|pending| pending.key == key) {
            return;
        }
        let value = self.tried.get(&key).map_or(2, |value| value + 2) / 2 * 2;
        let value = if self.cut { value + side } else { value };
        let name = format!("key-{key}");
        let owner = self.sim.node(node).and_then(|it| it.route(&group(), place(&name)).next());
        let Some(first) = owner.and_then(|owner| self.sim.node_of(owner.member)) else { return };
        if self.cut && crate::side(first) != crate::side(node) {
            return;
        }
        let Some(server) = &mut self.servers[first] else { return };
        let Some(write) = server.put(&name, &value.to_string()) else { return };
        self.tried.insert(key, value);
        let me = self.sim.id(first);
        self.count += 1;
        let (number, mut left) = (self.count, write.owners.clone());
        left.remove(&me);
        for owner in &left {
            let to = self.sim.node_of(*owner).unwrap();
            self.say(first, to, Said::Write(number, write.clone()));
        }
        let until = self.now() + ANSWER;
        self.pending.insert(number, Pending { key, value, left, until });
    }

    fn expire(&mut self) {
        let now = self.now();
        self.pending.retain(|_, pending| pending.until > now);
        let late: Vec<u64> = self
            .copies
            .iter()
            .filter(|(_, copy)| copy.3 <= now)
            .map(|(number, _)| *number)
            .collect();
        for number in late {
            let (node, slot, source, _) = self.copies.remove(&number).unwrap();
            let source = self.sim.id(source);
            if let Some(server) = &mut self.servers[node] {
                server.copied(slot, source, None);
            }
        }
    }

    fn value_at(&self, node: usize, key: u64) -> Option<u64> {
        let value = self.servers[node].as_ref()?.get(&format!("key-{key}"))?;
        Some(value.map_or(0, |value| value.parse().unwrap()))
    }

    /// Without cuts each server that answers for a key has what a client was told to be stored, or something later.
    fn check(&mut self) {
        if self.cut || !self.stored[1].is_empty() {
            return;
        }
        let key = self.below(KEYS);
        for node in 0..SERVERS {
            let (Some(has), Some(stored)) = (self.value_at(node, key), self.stored[0].get(&key))
            else {
                continue;
            };
            assert!(has >= *stored, "key {key} is {has} at node {node}, and was {stored}");
        }
    }

    /// How many servers the slot with the fewest has.
    fn fewest(&self) -> usize {
        let mut owners = vec![0; slots().count() as usize];
        for server in self.servers.iter().flatten() {
            server.handover.held().for_each(|slot| owners[slot as usize] += 1);
        }
        owners.into_iter().min().unwrap_or(0)
    }

    /// Lets time pass until each slot has two servers.
    fn settle(&mut self) -> Outcome {
        let limit = self.now() + 40_000_000_000;
        while self.fewest() < COPIES {
            self.run_for(Duration::from_millis(50))?;
            assert!(self.now() < limit, "a slot has fewer than two servers for too long");
        }
        Ok(())
    }
}

/// One server after the other is killed, drains, restarts or joins; `KV_SEEDS` says in how many worlds.
#[test]
fn nothing_that_was_stored_is_lost_while_servers_come_and_go() -> Outcome {
    let seeds = std::env::var("KV_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(1);
    for seed in 0..seeds {
        let mut world = World::new(100 + seed)?;
        world.run_for(Duration::from_secs(3))?;
        for _ in 0..14 {
            world.settle()?;
            let node = world.below(SERVERS as u64) as usize;
            if world.servers[node].is_none() {
                world.sim.restart(node);
                world.start(node);
            } else if world.below(3) == 0 {
                world.sim.with(node, |engine, now| engine.set_draining(now, true));
                let holds = |world: &World| {
                    world.servers[node]
                        .as_ref()
                        .is_some_and(|it| it.handover.held().next().is_some())
                };
                while holds(&world) {
                    world.run_for(Duration::from_millis(50))?;
                }
                world.sim.depart(node);
                world.run_for(Duration::from_millis(200))?;
                world.end(node);
            } else {
                world.end(node);
                if world.below(2) == 0 {
                    // Back under its name before anybody has noticed.
                    let away = world.below(2_000);
                    world.run_for(Duration::from_millis(away))?;
                    world.sim.restart(node);
                    world.start(node);
                }
            }
            let pause = world.below(3_000);
            world.run_for(Duration::from_millis(pause))?;
        }
        world.settle()?;
        world.run_for(Duration::from_secs(8))?;
        let stored = world.stored[0].clone();
        assert!(stored.len() as u64 > KEYS / 2, "{} keys stored", stored.len());
        for (key, stored) in stored {
            let has: Vec<u64> = (0..SERVERS).filter_map(|node| world.value_at(node, key)).collect();
            assert!(
                has.len() >= COPIES && has.iter().all(|has| *has >= stored),
                "{key}: {has:?}, {stored}"
            );
        }
    }
    Ok(())
}

/// Both sides of a cut store values of the same keys. Afterwards all servers agree on one of them, and a key that
/// one side alone has written keeps what it has written.
#[test]
fn both_sides_of_a_cut_store_and_afterwards_one_value_of_each_key_stays() -> Outcome {
    let mut world = World::new(7)?;
    world.run_for(Duration::from_secs(4))?;
    let before = world.stored[0].clone();
    let (left, right): (Vec<usize>, Vec<usize>) = (0..SERVERS).partition(|node| side(*node) == 0);
    world.sim.partition(&left, &right);
    world.cut = true;
    world.stored = Default::default();
    world.run_for(Duration::from_secs(30))?;
    world.sim.heal();
    let [even, odd] = world.stored.clone();
    let both: Vec<u64> = even.keys().filter(|key| odd.contains_key(key)).copied().collect();
    assert!(!both.is_empty(), "no key was stored on both sides");
    // Nobody writes any more.
    world.cut = false;
    world
        .pending
        .insert(u64::MAX, Pending { key: 0, value: 0, left: BTreeSet::new(), until: u64::MAX });
    world.tried.clear();
    for key in 0..KEYS {
        world
            .pending
            .insert(key, Pending { key, value: 0, left: BTreeSet::new(), until: u64::MAX });
    }
    world.run_for(Duration::from_secs(30))?;
    let mut lost = 0;
    for key in 0..KEYS {
        let has: BTreeSet<u64> =
            (0..SERVERS).filter_map(|node| world.value_at(node, key)).collect();
        assert_eq!(has.len(), 1, "key {key} has several values: {has:?}");
        let has = *has.first().unwrap();
        let least = |stored: &BTreeMap<u64, u64>| stored.get(&key).copied().unwrap_or(0);
        assert!(has >= least(&before), "key {key} is {has}, and was {} before", least(&before));
        match (even.get(&key), odd.get(&key)) {
            (Some(_), Some(_)) => {
                let of = if has.is_multiple_of(2) { &even } else { &odd };
                assert!(has >= least(of), "key {key} is {has}: {even:?} {odd:?}");
                lost += 1;
            }
            (one, other) => {
                let stored = one.or(other).copied().unwrap_or(0);
                assert!(has >= stored, "key {key} is {has}, and was {stored}");
            }
        }
    }
    assert_eq!(lost, both.len());
    Ok(())
}

/// What an earlier life of an owner still sends is refused by a store that has heard from the later one.
#[test]
fn a_lower_token_than_before_is_refused() -> Outcome {
    let mut world = World::new(3)?;
    world.run_for(Duration::from_secs(4))?;
    let name = "key-1";
    let owners = world.sim.node(0).unwrap().route(&group(), place(name));
    let owners: Vec<usize> = owners.filter_map(|owner| world.sim.node_of(owner.member)).collect();
    let write = world.servers[owners[0]].as_mut().unwrap().put(name, "1").unwrap();
    let second = world.servers[owners[1]].as_mut().unwrap();
    assert!(second.write(write.clone()));
    let Fence { epoch, clock } = write.fence;
    assert!(!second.write(Write { fence: Fence { epoch, clock: clock - 1 }, ..write.clone() }));
    assert!(second.write(write));
    Ok(())
}
