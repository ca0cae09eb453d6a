//! Room in the table of nodes for those that live.

use alloc::vec::Vec;
use core::cmp::Reverse;

use crate::base::{Ix, NodeId};
use crate::claims::Standing;
use crate::mutants::mutated;
use crate::picture::{Picture, State};
use crate::wire::Frame;

/// At least one in this many of the gone is forgotten in one go, so that the search for them is worth
/// its while.
const LEAST_SHARE: usize = 32;

impl Picture {
    /// The nodes to forget before the frames of a packet are applied, so that those that the packet
    /// may make known find room.
    pub(crate) fn to_forget_for(&self, from: Ix, frames: &[Frame]) -> Vec<Ix> {
        let said = |frame: &Frame| match frame {
            Frame::Claim(_) => 1,
            Frame::Holdings(holdings) => holdings.claims.len(),
            _ => 0,
        };
        let most: usize = frames.iter().map(said).sum();
        if most == 0 || self.topology.roster().room() >= most {
            return Vec::new();
        }
        let mut strangers: Vec<NodeId> = Vec::new();
        let mut note = |id: NodeId| {
            if self.find(id).is_none() {
                strangers.push(id);
            }
        };
        for frame in frames {
            match frame {
                Frame::Claim(claim) if claim.standing == Standing::Alive => note(claim.life.id),
                Frame::Holdings(holdings) => {
                    let claims = holdings.claims.iter();
                    let living = claims.filter(|claim| claim.standing == Standing::Alive);
                    living.for_each(|claim| note(claim.life.id));
                }
                _ => {}
            }
        }
        strangers.sort_unstable();
        strangers.dedup();
        self.to_forget(strangers.len(), Some(from), false)
    }

    /// The nodes to forget so that a number of living nodes find room, as far as that is possible.
    ///
    /// Nodes that are gone are forgotten first: those that never sent a packet here, the newest
    /// first, then those that have been gone longest. For a node that has proven itself, living
    /// nodes that are known by hearsay alone are forgotten too, the newest first. A living node
    /// that was heard stays.
    pub(crate) fn to_forget(&self, nodes: usize, spared: Option<Ix>, proven: bool) -> Vec<Ix> {
        let roster = self.topology.roster();
        let excess = nodes.saturating_sub(roster.room());
        let peers = &self.peers;
        let gone = peers.total(State::Down) + peers.total(State::Left);
        let unheard = if proven { peers.unheard() } else { 0 };
        if excess == 0 || gone + unheard == 0 || mutated!(self.config, DeadFirst) {
            return Vec::new();
        }
        let mut gone = 0;
        let mut list: Vec<(u8, Reverse<u32>, Ix)> = Vec::new();
        for ix in roster.iter().filter(|&ix| ix != Ix::ME && Some(ix) != spared) {
            let age = self.peers.since_turn(ix, self.now);
            let (lives, heard) = (self.state(ix).is_living(), self.peers.get(ix).was_heard());
            gone += usize::from(!lives);
            match (lives, heard) {
                (false, false) => list.push((0, Reverse(u32::MAX - age), ix)),
                (false, true) => list.push((1, Reverse(age), ix)),
                (true, false) if proven => list.push((2, Reverse(u32::MAX - age), ix)),
                (true, _) => {}
            }
        }
        list.sort_unstable();
        let many = if gone >= excess { excess.max(gone / LEAST_SHARE) } else { excess };
        list.into_iter().take(many).map(|(.., ix)| ix).collect()
    }
}
