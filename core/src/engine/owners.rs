//! Owners of keys as a service chooses among them, and whether this node may leave its keys to others.

use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec::Vec;
use core::cmp::Reverse;
use core::net::SocketAddr;

use super::Engine;
use crate::base::{GroupName, Hash, Ix, NodeId, Status};
use crate::out::Footing;
use crate::placement::{Candidate, weighted};
use crate::topology::{Fence, KeyRange, Server, Shortfall};

/// An owner of a key, with what a service needs to choose among several and to guard what they write.
///
/// # The fencing token
///
/// [`Owner::fence`] orders the times at which *this* owner took *this* range. An owner sends its token with
/// each write, and the store keeps the highest one that it has seen of each owner and range, and refuses
/// lower ones:
///
/// ```
/// use std::collections::BTreeMap;
/// use scalesmall_core::{Epoch, Fence, KeyRange, NodeId};
///
/// #[derive(Default)]
/// struct Store(BTreeMap<(NodeId, KeyRange), Fence>);
///
/// impl Store {
///     fn takes(&mut self, owner: NodeId, range: KeyRange, fence: Fence) -> bool {
///         let highest = self.0.entry((owner, range)).or_insert(fence);
///         *highest = fence.max(*highest);
///         *highest == fence
///     }
/// }
///
/// let (mut store, owner, range) = (Store::default(), NodeId::from_bits(7), KeyRange::FULL);
/// let token = |epoch, clock| Fence { epoch: Epoch(epoch), clock };
/// let taken = [token(1, 5), token(2, 1), token(1, 6)].map(|it| store.takes(owner, range, it));
/// assert_eq!(taken, [true, true, false], "the last is of a life that is over");
/// ```
///
/// | what is written | is it refused? | if that must be refused as well |
/// |---|---|---|
/// | late, by an earlier life of the owner | yes, once the store has seen the later life | |
/// | late, from before the owner gave the range up and took it again | yes, once the store has seen the later term | |
/// | by the owner before a hand-over, late | no: it is another owner, and tokens of different owners are not comparable | the store takes the new owner's term from a [hand-over](crate::placement::Handover) and refuses the old one |
/// | by two owners on two sides of a cut | no: each has a token of its own, and both are valid | a lease or a leader from a consensus service, whose term goes in front of the token; or take writes only while most nodes are in sight |
/// | by either, to a store that has forgotten its tokens | no | keep the tokens with what they guard |
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Owner {
    /// The member.
    pub member: NodeId,
    /// The range that the key is a part of.
    pub range: KeyRange,
    /// Since when it serves the range: its life, and the clock of the write by which it took it.
    pub fence: Fence,
    /// The address that packets for the member go to.
    pub addr: SocketAddr,
    /// The port at which it serves the key.
    pub port: u16,
    /// The zone that it has named.
    pub zone: Option<String>,
    /// Whether it drains: it serves what it has, and is to get nothing new.
    pub draining: bool,
    /// What it is believed to be.
    pub status: Status,
}

impl Owner {
    /// Where it serves the key: its address, with the port of its service.
    #[must_use]
    pub const fn endpoint(&self) -> SocketAddr {
        SocketAddr::new(self.addr.ip(), self.port)
    }
}

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
        ranked.into_iter().filter_map(|(.., owner)| self.owner(group, &owner)).collect()
    }

    /// As [`Engine::route_by`], unless this node stands below `least` to its cluster.
    ///
    /// # Errors
    ///
    /// How it stands, if that is below `least`.
    pub fn route_if(
        &self,
        least: Footing,
        group: &GroupName,
        key: u32,
        prefer: &Prefer,
    ) -> Result<Vec<Owner>, Footing> {
        let footing = self.picture.agreement().footing;
        if footing < least { Err(footing) } else { Ok(self.route_by(group, key, prefer)) }
    }

    /// All of an owner that [`Engine::route`] has returned; `None` if it has ceased to serve that range
    /// since.
    #[must_use]
    pub fn owner(&self, group: &GroupName, server: &Server) -> Option<Owner> {
        let fence = self.picture.topology.fence(group, server)?;
        let ix = self.picture.find(server.member)?;
        Some(Owner {
            member: server.member,
            range: server.range,
            fence,
            addr: self.picture.peers.places.shown(ix),
            port: server.port,
            zone: self.picture.traits(ix).zone().map(String::from),
            draining: self.picture.drains(ix).is_some(),
            status: self.picture.state(ix).shown(),
        })
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
