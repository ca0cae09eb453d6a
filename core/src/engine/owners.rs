//! Owners of keys as a service chooses among them, and whether this node may leave its keys to others.

use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec::Vec;
use core::cmp::Reverse;

use super::Engine;
use crate::base::{GroupName, Hash, Ix, Status};
use crate::placement::{Candidate, weighted};
use crate::topology::{Owner, Shortfall};

/// What a service looks for among the owners of a key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Prefer {
    /// The work is new, so owners that drain come last. Otherwise they are ranked like the others: they
    /// still serve what they have.
    pub new_work: bool,
    /// Owners of this zone come first.
    pub zone: Option<String>,
    /// The first owners are of different zones as far as there are such; an owner that has named no
    /// zone stands in one of its own.
    pub spread: bool,
}

/// Different for each purpose that strings are hashed for.
const ZONE: [u64; 2] = [0xc0ac_29b7_c97c_50dd, 0x3f84_d5b5_b547_0917];

impl Engine {
    /// The owners of a key, best first, each member once.
    ///
    /// Members that are alive come before suspects; then what is preferred; then members rank by
    /// weighted rendezvous hashing, so that each is first for as large a share of the keys as its
    /// weight is of the sum of weights. All nodes with the same picture and the same preference return
    /// the same order. Without a preference, weights and suspects it is that of [`Engine::route`].
    #[must_use]
    pub fn route_by(&self, group: &GroupName, key: u32, prefer: &Prefer) -> Vec<Owner> {
        let mut members = BTreeSet::new();
        let scored = self.picture.topology.route_scored(group, key).into_iter();
        let mut ranked: Vec<_> = scored
            .filter(|(_, owner)| members.insert(owner.member))
            .filter_map(|(score, owner)| {
                let ix = self.picture.find(owner.member)?;
                let traits = self.picture.traits(ix);
                let is_last = prefer.new_work && self.picture.drains(ix).is_some();
                let elsewhere = prefer.zone.is_some() && traits.zone() != prefer.zone.as_deref();
                let suspect = self.picture.state(ix).shown() != Status::Alive;
                let rank = Reverse(weighted(score, traits.weight()));
                Some(((is_last, suspect, elsewhere, rank), traits, owner))
            })
            .collect();
        ranked.sort_by_key(|(rank, ..)| *rank);
        if prefer.spread {
            let mut zones = BTreeSet::new();
            // Those that are the first of their zones, then the others, both in order.
            let (first, rest): (Vec<_>, Vec<_>) =
                ranked.into_iter().partition(|(.., traits, _)| {
                    traits.zone().is_none_or(|zone| zones.insert(String::from(zone)))
                });
            ranked = first.into_iter().chain(rest).collect();
        }
        ranked.into_iter().map(|(.., owner)| owner).collect()
    }

    /// The members of a group as a [placement](crate::placement) takes them: the
    /// [living ones](Engine::living_members) with their weights, 0 for those that drain, and their zones. A
    /// zone's number is a hash of its name, 0 for members that have named none.
    #[must_use]
    pub fn candidates(&self, group: &GroupName) -> Vec<Candidate> {
        let candidate = |node| {
            let ix = self.picture.find(node)?;
            let traits = self.picture.traits(ix);
            let weight = if self.picture.drains(ix).is_some() { 0 } else { traits.weight() };
            let number = |zone: &str| Hash::new(ZONE, 0).bytes(zone.as_bytes()).finish() as u32;
            let zone = traits.zone().map_or(0, number);
            Some(Candidate { node, weight, zone })
        };
        self.living_members(group).into_iter().filter_map(candidate).collect()
    }

    /// What this node serves and fewer than `copies` others would serve if it stopped now; empty if it
    /// may stop. Call [`Engine::set_draining`] first, and ask again until it is empty.
    ///
    /// Others count if they are alive, have noted that this node drains, and do not drain themselves
    /// unless they began after it. So if two nodes need each other, one of them waits. What is missing
    /// now and not because of this node, say since a crash, counts as well. Takes time in proportion to the
    /// ranges of the groups that this node is in.
    #[must_use]
    pub fn uncovered(&self, copies: usize) -> Vec<Shortfall> {
        let counts = |ix| self.membership.draining.counts(&self.picture, ix);
        self.picture.topology.shortfalls_of(Ix::ME, counts, copies)
    }
}
