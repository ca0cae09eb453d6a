//! Servers that share the slots of a group by the engine's placement: an application on the engines.
//!
//! Each server looks at its picture and at its messages every twenty milliseconds, loads and flushes slots
//! in a given time, and loses what it holds when its process ends. One law holds for all of them, whatever
//! fails: a slot that a server has had is never without one unless one that held it has died.

use core::time::Duration;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use bytes::Bytes;
use scalesmall_core::placement::{Candidate, Handover, Placement, Plan, Slots, Step};
use scalesmall_core::{Engine, GroupName, Instant, NodeId, Recipients, Tag};

use super::setup::PORT;
use crate::check::Broken;
use crate::link::nanos;
use crate::scenario::cluster::Shards;
use crate::scenario::figure::share;
use crate::sim::Sim;

/// What tells messages of hand-overs from those of scenarios.
pub(super) const HANDOVERS: Tag = Tag(u32::MAX);

/// How often servers look at their messages and at their pictures.
pub(super) const TURN: Duration = Duration::from_millis(20);

/// How long a server waits for others that join when it does.
const JOIN_WAIT: Duration = Duration::from_millis(500);

/// A server looks as often as this although nothing has happened to it, in turns.
const LOOKS_ANYWAY: u64 = 50;

/// The bytes of a message of a hand-over.
const ROOM: usize = 1_000;

/// The messages of hand-overs, and the nodes that have heard of anything, since the last turn.
#[derive(Default)]
pub(super) struct Heard {
    pub(super) messages: Vec<(usize, NodeId, Bytes)>,
    pub(super) nodes: BTreeSet<usize>,
}

/// A server, what it lacks, and why.
type Unplanned = (usize, &'static str, String);

/// A server, in one life of its node.
struct Server {
    life: u32,
    handover: Handover,
    candidates: Vec<Candidate>,
    plan: Plan,
    joined_at: Option<u64>,
    /// Whether the picture may have changed.
    looks: bool,
    /// Whether a message has come.
    woken: bool,
    /// When slots will be loaded, and flushed; a merge is no move.
    loading: BTreeMap<u32, (u64, bool)>,
    flushing: BTreeMap<u32, u64>,
}

/// All servers.
pub(super) struct Sharing {
    shards: Shards,
    placement: Placement,
    group: GroupName,
    nobody: Plan,
    heard: Rc<RefCell<Heard>>,
    /// Which nodes are servers, and what those that run do.
    servers: BTreeMap<usize, Option<Server>>,
    turn: u64,
    /// The slots that some server has had, each with when none had it any more.
    had: BTreeMap<u32, Option<u64>>,
    /// The slots of which a holder has died since a server has taken them last.
    bereft: BTreeSet<u32>,
    moved: u64,
    longest: u64,
    /// How many slots each server held when they were noted.
    noted: BTreeMap<usize, usize>,
    /// Whether all was as planned in this turn, once that has been looked at.
    as_planned: Option<bool>,
}

impl Sharing {
    pub(super) fn new(shards: &Shards, heard: Rc<RefCell<Heard>>) -> Self {
        let slots = Slots::new(shards.slots).expect("a scenario has been checked");
        let placement = Placement::new(slots).with_replicas(shards.replicas).with_load(shards.load);
        let group = GroupName::try_from("shards").expect("a short name is a group's name");
        Self {
            shards: shards.clone(),
            placement,
            nobody: placement.plan(&group, &[]),
            group,
            heard,
            servers: BTreeMap::new(),
            turn: 0,
            had: BTreeMap::new(),
            bereft: BTreeSet::new(),
            moved: 0,
            longest: 0,
            noted: BTreeMap::new(),
            as_planned: None,
        }
    }

    /// A node becomes a server, if it is none.
    pub(super) fn add(&mut self, node: usize) {
        self.servers.entry(node).or_default();
    }

    /// What all servers do in a turn.
    pub(super) fn act(&mut self, sim: &mut Sim) {
        let heard = self.heard.take();
        self.turn += 1;
        self.as_planned = None;
        let nodes: Vec<usize> = self.servers.keys().copied().collect();
        for &node in &nodes {
            self.attend(sim, node);
        }
        for (node, from, message) in heard.messages {
            if let Some(Some(server)) = self.servers.get_mut(&node) {
                // Its group and its number of slots are the only ones.
                let _ = server.handover.handle_message(from, &message);
                server.woken = true;
            }
        }
        let runs = |sim: &Sim, node: usize| {
            sim.condition(node) == crate::node::Condition::Running && !sim.has_departed(node)
        };
        for node in nodes {
            let Some(Some(server)) = self.servers.get_mut(&node) else { continue };
            let anyway = (self.turn + node as u64).is_multiple_of(LOOKS_ANYWAY);
            server.looks |= anyway || server.joined_at.is_none() || heard.nodes.contains(&node);
            if runs(sim, node) && (server.looks || server.is_busy()) {
                self.serve(sim, node);
            }
        }
        self.watch(sim);
    }

    /// Begins what a node does in a new life, and ends it with its life.
    fn attend(&mut self, sim: &Sim, node: usize) {
        let lives = sim.condition(node).is_up() && !sim.has_departed(node);
        let life = sim.lives(node);
        let Some(place) = self.servers.get_mut(&node) else { return };
        if place.as_ref().is_some_and(|server| !lives || server.life != life)
            && let Some(dead) = place.take()
        {
            self.bereft.extend(dead.handover.held());
        }
        if place.is_none()
            && lives
            && let Some(engine) = sim.node(node)
        {
            let slots = self.placement.slots();
            *place = Some(Server {
                life,
                handover: Handover::new(engine.id(), engine.epoch(), &self.group, slots),
                candidates: Vec::new(),
                plan: self.nobody.clone(),
                joined_at: None,
                looks: true,
                woken: false,
                loading: BTreeMap::new(),
                flushing: BTreeMap::new(),
            });
        }
    }

    fn serve(&mut self, sim: &mut Sim, node: usize) {
        let Self { placement, group, shards, moved, bereft, servers, .. } = self;
        let Some(Some(server)) = servers.get_mut(&node) else { return };
        let at = sim.now().as_nanos();
        let turn = Turn { at, group, placement, shards };
        let loaded = sim.with(node, |engine, now| {
            if core::mem::take(&mut server.looks) {
                server.look(engine, now, &turn);
            }
            server.turn(engine, now, &turn)
        });
        for (slot, merged) in loaded {
            *moved += u64::from(!merged);
            bereft.remove(&slot);
        }
    }

    /// Notes which slots no server has. One of them breaks the law unless one of its servers has died.
    fn watch(&mut self, sim: &mut Sim) {
        let now = sim.now().as_nanos();
        let servers = self.servers.values().flatten();
        let held: BTreeSet<u32> = servers.flat_map(|server| server.handover.held()).collect();
        for slot in &held {
            if let Some(Some(since)) = self.had.insert(*slot, None) {
                self.longest = self.longest.max(now - since);
            }
        }
        for (slot, since) in &mut self.had {
            if !held.contains(slot) {
                since.get_or_insert(now);
                if !self.bereft.contains(slot) {
                    let nodes: Vec<usize> = self.servers.keys().copied().collect();
                    let text = format!("slot {slot} has no owner, and none has died");
                    return sim.fail(Broken::Rule(text), &nodes);
                }
            }
        }
    }

    /// Begins to count anew.
    pub(super) fn note(&mut self) {
        (self.moved, self.longest) = (0, 0);
        self.noted = self.held().collect();
    }

    fn held(&self) -> impl Iterator<Item = (usize, usize)> + use<'_> {
        let held = |server: &Server| server.handover.held().count();
        self.servers.iter().map(move |(node, server)| (*node, server.as_ref().map_or(0, held)))
    }

    /// How many slots have been taken, as a share of the least: what servers have got that had none, or what
    /// others had that have none any more.
    pub(super) fn moved(&self) -> u64 {
        let noted = |node: &usize| self.noted.get(node).copied().unwrap_or_default();
        let got = self.held().filter(|(node, _)| noted(node) == 0).map(|(_, held)| held);
        let gone = self.held().filter(|(_, held)| *held == 0).map(|(node, _)| noted(&node));
        share(self.moved, got.sum::<usize>().max(gone.sum()) as u64)
    }

    /// For how long a slot was without an owner at most.
    pub(super) fn longest(&self, now: u64) -> u64 {
        let still = self.had.values().flatten().map(|since| now - since);
        still.max().unwrap_or_default().max(self.longest)
    }

    /// The most slots of a server, as a share of the mean of those that have any.
    pub(super) fn load(&self) -> u64 {
        let held: Vec<usize> = self.held().map(|(_, held)| held).filter(|held| *held > 0).collect();
        let most = held.iter().max().copied().unwrap_or_default();
        share((most * held.len()) as u64, held.iter().sum::<usize>() as u64)
    }

    /// Looks at the next moment whether all is as planned, whatever was found in this turn.
    pub(super) const fn look_again(&mut self) {
        self.as_planned = None;
    }

    /// Whether all servers have the slots that are planned for them.
    pub(super) fn is_as_planned(&mut self, sim: &Sim) -> bool {
        let known = self.as_planned;
        *self.as_planned.insert(known.unwrap_or_else(|| self.unplanned(sim).is_none()))
    }

    /// A server that has other slots than those that are planned for it, with what it has and what is planned.
    /// Servers that drain, or do not run, are to have none.
    pub(super) fn unplanned(&self, sim: &Sim) -> Option<Unplanned> {
        let lives = |node: &usize| sim.condition(*node).is_up() && !sim.has_departed(*node);
        let mut idle = self.servers.iter().filter(|(node, it)| it.is_none() && lives(node));
        if let Some((node, _)) = idle.next() {
            return Some((*node, "has not begun", "it has just started".to_owned()));
        }
        let running = || self.servers.iter().filter_map(|(node, it)| Some((node, it.as_ref()?)));
        let knows = |(node, it): &(&usize, &Server)| {
            sim.node(**node).is_none_or(|engine| engine.candidates(&self.group) == it.candidates)
        };
        if let Some((node, _)) = running().find(|server| !knows(server)) {
            return Some((*node, "plans differently", "it has not looked yet".to_owned()));
        }
        let plans: BTreeMap<usize, &Plan> = running().map(|(node, it)| (*node, &it.plan)).collect();
        let plan = plans.values().next()?;
        if let Some((node, _)) = plans.iter().find(|(_, other)| *other != plan) {
            return Some((*node, "plans differently", "its candidates differ".to_owned()));
        }
        running().find_map(|(node, server)| {
            let held: Vec<u32> = server.handover.held().collect();
            let planned: Vec<u32> = plan.slots_of(sim.id(*node)).collect();
            if server.candidates.is_empty() {
                return Some((*node, "has not begun", "it does not know its cluster".to_owned()));
            }
            let text = format!("it has {} slots, {} are planned", held.len(), planned.len());
            // Where all drain nothing is planned, and the slots stay where they are.
            let wrong = held != planned && plan.replicas() > 0;
            wrong.then_some((*node, "not as planned", text))
        })
    }
}

/// What a server's turn depends on.
struct Turn<'a> {
    at: u64,
    group: &'a GroupName,
    placement: &'a Placement,
    shards: &'a Shards,
}

impl Server {
    /// Whether it has something to do although its picture has not changed.
    fn is_busy(&self) -> bool {
        self.woken
            || !self.loading.is_empty()
            || !self.flushing.is_empty()
            || self.handover.poll_timeout().is_some()
    }

    /// A server compares what is planned with what is served.
    fn look(&mut self, engine: &mut Engine, now: Instant, turn: &Turn<'_>) {
        let Turn { at, group, placement, .. } = *turn;
        if !engine.has_caught_up() {
            return;
        }
        // What is refused is tried again. The first of many that join at once is not to take all slots.
        self.joined_at = self.joined_at.or_else(|| engine.join(now, group).is_ok().then_some(at));
        if self.joined_at.is_none_or(|joined| at < joined + nanos(JOIN_WAIT)) {
            return;
        }
        let known = engine.candidates(group);
        if known != self.candidates {
            self.plan = placement.plan(group, &known);
            self.candidates = known;
        }
        let served = engine.served_slots(group, placement.slots());
        self.handover.update(&self.plan, served).expect("there is one number of slots");
    }

    /// What a server does in a turn. Returns the slots that it has loaded, and whether it had them before.
    fn turn(&mut self, engine: &mut Engine, now: Instant, turn: &Turn<'_>) -> Vec<(u32, bool)> {
        let Turn { at, group, placement, shards } = *turn;
        self.woken = false;
        self.handover.handle_timeout(now);
        let loaded = self.load(engine, now, turn);
        for slot in due(&mut self.flushing, |flushed| *flushed <= at) {
            self.handover.flushed(now, slot);
        }
        let slots = placement.slots();
        let range = |slot| slots.range(slot).expect("a plan has slots of its own only");
        while let Some(step) = self.handover.poll_step() {
            match step {
                Step::Take { slot, .. } | Step::Merge { slot, .. } => {
                    let merged = matches!(step, Step::Merge { .. });
                    self.loading.insert(slot, (at + nanos(shards.loading.0), merged));
                }
                Step::Cancel { slot } => drop(self.loading.remove(&slot)),
                Step::Flush { slot, .. } => {
                    self.flushing.insert(slot, at + nanos(shards.flushing.0));
                }
                Step::Keep { slot } => drop(self.flushing.remove(&slot)),
                Step::Release { slot, .. } => {
                    // In a life in which it has not been served there is nothing to withdraw.
                    let _ = engine.remove_item(now, group, range(slot), PORT);
                }
                _ => {}
            }
        }
        while let Some((to, message)) = self.handover.poll_message(ROOM) {
            // What is refused is offered again.
            let _ = engine.broadcast(now, Recipients::Nodes(&[to]), HANDOVERS, message);
        }
        loaded
    }

    fn load(&mut self, engine: &mut Engine, now: Instant, turn: &Turn<'_>) -> Vec<(u32, bool)> {
        let merged = self.loading.clone();
        let mut loaded = due(&mut self.loading, |(at, _)| *at <= turn.at);
        loaded.retain(|&slot| {
            let range = turn.placement.slots().range(slot).expect("a plan has its own slots only");
            if engine.add_item(now, turn.group, range, PORT).is_err() {
                self.handover.failed(slot);
                return false;
            }
            let wanted = self.handover.loaded(slot);
            if !wanted {
                let _ = engine.remove_item(now, turn.group, range, PORT);
            }
            wanted
        });
        loaded.into_iter().map(|slot| (slot, merged[&slot].1)).collect()
    }
}

/// Takes out the slots that are due.
fn due<T>(waiting: &mut BTreeMap<u32, T>, is_due: impl Fn(&T) -> bool) -> Vec<u32> {
    let mut slots = Vec::new();
    waiting.retain(|slot, when| {
        let due = is_due(when);
        slots.extend(due.then_some(*slot));
        !due
    });
    slots
}
