//! Servers that share slots: they come, drain, die, and no slot is without an owner but after a death.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use bytes::Bytes;
use scalesmall_core::placement::{Candidate, Handover, Placement, Plan, Slots, Step};
use scalesmall_core::{Event, NodeId, Recipients, Tag};
use scalesmall_sim::Tap;

use super::*;

const SERVERS: usize = 16;
const SLOTS: u32 = 512;
const HANDOVERS: Tag = Tag(77);

/// How long a server takes to load a slot.
const LOAD: Duration = Duration::from_millis(50);

/// How often servers look at their messages and at the picture.
const TURN: Duration = Duration::from_millis(20);

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

struct Server {
    handover: Handover,
    /// The candidates that the plan is made of.
    candidates: Vec<Candidate>,
    plan: Plan,
    /// When each slot will be loaded.
    loading: BTreeMap<u32, Duration>,
}

struct Servers {
    sim: Sim,
    inbox: Inbox,
    placement: Placement,
    servers: Vec<Server>,
    since: Duration,
    /// How many slots have been taken.
    taken: usize,
    /// Since when nobody has had a slot, and the longest that any was without.
    without: BTreeMap<u32, Duration>,
    longest: Duration,
}

impl Servers {
    fn new(seed: u64) -> Result<Self, Box<Failure>> {
        let mut sim = settled(seed, SERVERS)?;
        let placement = Placement::new(Slots::new(SLOTS).unwrap());
        let nobody = placement.plan(&group(), &[]);
        let server = |engine: &Engine| Server {
            handover: Handover::new(engine.id(), engine.epoch(), &group(), placement.slots()),
            candidates: Vec::new(),
            plan: nobody.clone(),
            loading: BTreeMap::new(),
        };
        let servers = (0..SERVERS).map(|node| server(sim.node(node).unwrap())).collect();
        let inbox = Inbox::default();
        sim.set_tap(inbox.clone());
        let without = (0..SLOTS).map(|slot| (slot, Duration::ZERO)).collect();
        let (since, taken, longest) = (Duration::ZERO, 0, Duration::ZERO);
        Ok(Self { sim, inbox, placement, servers, since, taken, without, longest })
    }

    fn join(&mut self, node: usize) {
        self.sim.with(node, |engine, now| engine.join(now, &group())).unwrap();
    }

    fn drain(&mut self, node: usize) {
        self.sim.with(node, |engine, now| engine.set_draining(now, true));
    }

    fn held(&self, node: usize) -> usize {
        let up = self.sim.condition(node).is_up();
        if up { self.servers[node].handover.held().count() } else { 0 }
    }

    fn run_for(&mut self, span: Duration) -> Result<(), Box<Failure>> {
        for _ in 0..span.as_millis() / TURN.as_millis() {
            self.sim.run_for(TURN)?;
            self.since += TURN;
            let messages = self.inbox.0.take();
            for (to, from, message) in messages {
                self.servers[to].handover.handle_message(from, &message).unwrap();
            }
            for node in 0..SERVERS {
                if self.sim.condition(node).is_up() {
                    self.turn(node);
                }
            }
            self.watch();
        }
        Ok(())
    }

    /// What a server does in a turn.
    fn turn(&mut self, node: usize) {
        let Self { placement, since, taken, .. } = self;
        let Server { handover, candidates, plan, loading } = &mut self.servers[node];
        self.sim.with(node, |engine, now| {
            let known = engine.candidates(&group());
            if known != *candidates {
                *plan = placement.plan(&group(), &known);
                *candidates = known;
            }
            handover.update(now, plan, engine.served_slots(&group(), placement.slots())).unwrap();
            handover.handle_timeout(now);
            let range = |slot| placement.slots().range(slot).unwrap();
            while let Some((slot, _)) = loading.iter().find(|(_, at)| **at <= *since) {
                let slot = *slot;
                loading.remove(&slot);
                engine.add_item(now, &group(), range(slot), 80).unwrap();
                handover.loaded(slot);
            }
            while let Some(step) = handover.poll_step() {
                match step {
                    Step::Take { slot, .. } => {
                        *taken += 1;
                        loading.insert(slot, *since + LOAD);
                    }
                    Step::Merge { slot, .. } => {
                        loading.insert(slot, *since + LOAD);
                    }
                    Step::Cancel { slot } => {
                        loading.remove(&slot);
                    }
                    Step::Release { slot, .. } => {
                        engine.remove_item(now, &group(), range(slot), 80).unwrap();
                    }
                    _ => {}
                }
            }
            while let Some((to, message)) = handover.poll_message(1_000) {
                let to = Recipients::Nodes(&[to]);
                engine.broadcast(now, to, HANDOVERS, message).unwrap();
            }
        });
    }

    /// Notes which slots nobody has.
    fn watch(&mut self) {
        let up = (0..SERVERS).filter(|&node| self.sim.condition(node).is_up());
        let held: BTreeSet<u32> = up.flat_map(|node| self.servers[node].handover.held()).collect();
        for slot in 0..SLOTS {
            if held.contains(&slot) {
                if let Some(since) = self.without.remove(&slot) {
                    self.longest = self.longest.max(self.since - since);
                }
            } else {
                self.without.entry(slot).or_insert(self.since);
            }
        }
    }

    /// Whether each slot has just its one owner, and nobody more than the bound.
    fn assert_as_planned(&self, servers: usize) {
        let held: Vec<usize> = (0..SERVERS).map(|node| self.held(node)).collect();
        assert_eq!(held.iter().sum::<usize>(), SLOTS as usize, "{held:?}");
        let most = (SLOTS as usize * 125).div_ceil(100 * servers);
        assert!(held.iter().all(|&held| held <= most), "{held:?}");
    }

    /// Forgets what was counted.
    fn begin(&mut self) {
        (self.taken, self.longest) = (0, Duration::ZERO);
    }
}

#[test]
fn no_slot_is_without_owner_but_after_a_death() -> Outcome {
    let mut servers = Servers::new(31)?;
    for node in 0..SERVERS - 1 {
        servers.join(node);
    }
    servers.run_for(secs(5))?;
    servers.assert_as_planned(SERVERS - 1);
    servers.begin();

    // One joins: it gets its share, and little else moves.
    servers.join(SERVERS - 1);
    servers.run_for(secs(3))?;
    servers.assert_as_planned(SERVERS);
    let got = servers.held(SERVERS - 1);
    assert_eq!(servers.longest, Duration::ZERO);
    assert!(servers.taken <= got * 12 / 10, "{} moved for {got}", servers.taken);
    servers.begin();

    // One drains, and leaves when it has nothing any more.
    let had = servers.held(3);
    servers.drain(3);
    servers.run_for(secs(3))?;
    servers.assert_as_planned(SERVERS - 1);
    assert_eq!((servers.held(3), servers.longest), (0, Duration::ZERO));
    assert!(servers.taken <= had * 12 / 10, "{} moved for {had}", servers.taken);
    servers.sim.depart(3);
    servers.run_for(secs(2))?;
    servers.begin();

    // One dies: its slots are taken as soon as that is known.
    servers.sim.crash(5);
    servers.run_for(secs(8))?;
    servers.assert_as_planned(SERVERS - 2);
    assert!(servers.longest > Duration::from_secs(1), "nobody was without: {:?}", servers.longest);
    assert!(servers.longest <= Duration::from_millis(5_050), "{:?}", servers.longest);
    Ok(())
}
