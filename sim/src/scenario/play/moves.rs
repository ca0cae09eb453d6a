//! Nodes that get other addresses, and what must not change by it.

use core::net::SocketAddr;

use scalesmall_core::{Engine, NodeId};

use super::Player;
use crate::addresses::Family;
use crate::scenario::step::Readdress;
use crate::sim::Sim;

impl Player {
    pub(super) fn readdress(&mut self, readdress: &Readdress) {
        self.pick(&readdress.whom, |_, _| true);
        let (picked, late) = (self.picked.clone(), readdress.late.0);
        if readdress.swap {
            return self.sim.swap_addresses(&picked, late);
        }
        for node in picked {
            let own = || self.sim.names().addresses(node).iter().map(|addr| Family::of(*addr));
            let families = match readdress.addresses.as_slice() {
                [] => own().collect(),
                some => some.to_vec(),
            };
            let addresses = self.sim.fresh_addresses(&families);
            self.sim.readdress(node, &addresses, late);
        }
    }

    /// Which node comes first for each of some keys, as the first live node sees it.
    pub(super) fn first_owners(&self) -> Vec<Option<NodeId>> {
        let first = self.sim.live().next().and_then(|node| self.sim.node(node));
        first.map(|engine| self.owners_at(engine).collect()).unwrap_or_default()
    }

    fn owners_at(&self, engine: &Engine) -> impl Iterator<Item = Option<NodeId>> {
        let owner = |key| engine.route(&self.group, key).next().map(|owner| owner.member);
        (0..KEYS).map(move |number| owner((u64::from(number) * (1 << 32) / u64::from(KEYS)) as u32))
    }

    /// How many keys have another first owner at some live node than was noted.
    pub(super) fn owners_moved(&self) -> u64 {
        let mut moved = vec![false; self.owners.len()];
        for engine in self.sim.live().filter_map(|node| self.sim.node(node)) {
            for ((moved, before), now) in
                moved.iter_mut().zip(&self.owners).zip(self.owners_at(engine))
            {
                *moved |= *before != now;
            }
        }
        moved.iter().filter(|moved| **moved).count() as u64
    }

    /// How many suspicions each node has formed in its present life.
    pub(super) fn suspicions(&self) -> Vec<(u32, u64)> {
        let formed = |node| self.sim.node(node).map_or(0, |engine| engine.stats().suspicions);
        (0..self.sim.len()).map(|node| (self.sim.lives(node), formed(node))).collect()
    }

    /// How many more there are than at the last count.
    pub(super) fn new_suspicions(&self) -> u64 {
        let before = self.suspected.iter().copied().map(Some).chain(core::iter::repeat(None));
        let new = self.suspicions().into_iter().zip(before).map(|((life, now), before)| {
            let known = before.filter(|(other, _)| *other == life).map_or(0, |(_, before)| before);
            now.saturating_sub(known)
        });
        new.sum()
    }
}

/// Whether a live node knows which addresses another one has, and sends to one of them.
pub(super) fn is_located(sim: &Sim, by: usize, about: usize) -> bool {
    let peer = sim.node(by).and_then(|engine| engine.peer(sim.id(about)));
    peer.is_some_and(|peer| {
        let now = sim.names().addresses(about);
        peer.addresses == now && now.contains(&peer.address)
    })
}

/// The live nodes that do not, with one such of those whom it is about.
pub(super) fn not_located(sim: &Sim, picked: &[usize]) -> Option<(usize, Vec<usize>)> {
    let up = |node: &&usize| sim.live().any(|live| live == **node);
    picked.iter().filter(up).find_map(|&about| {
        let lacks = |by: &usize| *by != about && !is_located(sim, *by, about);
        let by: Vec<usize> = sim.live().filter(lacks).collect();
        (!by.is_empty()).then_some((about, by))
    })
}

/// Where a live node looks for another one.
pub(super) fn looks_at(sim: &Sim, by: usize, about: usize) -> Option<SocketAddr> {
    sim.node(by)?.peer(sim.id(about)).map(|peer| peer.address)
}

/// How many keys are looked at.
const KEYS: u32 = 10_000;
