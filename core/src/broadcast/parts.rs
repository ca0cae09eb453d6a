//! Where a route leads, and how it is split into parts.

use alloc::vec::Vec;
use core::ops::Range;

use crate::base::{GroupName, Ix, NodeId};
use crate::broadcast::view::Views;
use crate::out::Out;
use crate::picture::{Picture, Ring, Stretch};
use crate::wire::Route;

/// Into how many parts a route is split at each hop.
pub(crate) const FAN_OUT: usize = 4;

/// The least hops that a tree may have: a newcomer knows few nodes, and those may know thousands.
const LEAST_HOPS: u8 = 10;

/// The receivers of a batch.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Audience {
    /// All peers.
    All,
    /// The members of a group.
    Group(GroupName),
    /// These nodes.
    Listed(Vec<NodeId>),
}

/// The route to a whole audience.
pub(super) fn route(picture: &Picture, audience: Audience, covered: bool) -> Route {
    let group = match audience {
        Audience::All => None,
        Audience::Group(group) => Some(group),
        Audience::Listed(nodes) => return Route::Listed(nodes),
    };
    let position = picture.position(Ix::ME);
    let from = position.wrapping_add(1);
    // All the way round if another node shares this node's position.
    let until =
        if picture.ring.interval(position, from).next().is_some() { from } else { position };
    Route::Ring { from, until, group, covered }
}

/// How many hops a tree may have. Each hop divides the rest by four; the excess is for nodes with
/// other views of the ring.
pub(super) fn hop_budget(picture: &Picture) -> u8 {
    ((picture.ring.len() + 1).next_power_of_two().ilog2() as u8 + 3).max(LEAST_HOPS)
}

/// The whole ring but one position, from just after it on.
pub(super) fn everybody_but(position: u32) -> Route {
    Route::Ring { from: position.wrapping_add(1), until: position, group: None, covered: false }
}

/// How many peers of a part are considered for receiving it.
const LOOKED_AT: usize = 64;

/// The peers that a route leads to, in order, with their positions. Those of an interval are counted
/// and not listed: there may be as many as the cluster has.
enum Targets<'a> {
    Ring(Stretch<'a>),
    Listed(Vec<Ix>),
}

impl Targets<'_> {
    fn of<'a>(picture: &Picture, ring: &'a Ring, route: &Route, from: Option<Ix>) -> Targets<'a> {
        match route {
            Route::Ring { from: start, until, .. } => {
                let without = from.map(|ix| (picture.position(ix), ix));
                Targets::Ring(ring.stretch(*start, *until, without))
            }
            Route::Listed(nodes) => {
                let fits =
                    |&ix: &Ix| Some(ix) != from && ix != Ix::ME && picture.state(ix).is_reachable();
                let known = nodes.iter().filter_map(|&id| picture.find(id));
                Targets::Listed(known.filter(fits).collect())
            }
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Ring(stretch) => stretch.len(),
            Self::Listed(listed) => listed.len(),
        }
    }

    fn get(&self, at: usize) -> (u32, Ix) {
        match self {
            Self::Ring(stretch) => stretch.get(at),
            Self::Listed(listed) => (0, listed[at]),
        }
    }
}

/// Some of the peers that a route leads to, and the one that receives the copy: one of them, or a relay
/// if packets of this node reach none of them.
pub(super) struct Part {
    pub(super) to: Ix,
    /// Where that one is to pass it on.
    pub(super) route: Route,
    /// The same, with that one included if it is one of them.
    pub(super) part: Route,
}

/// Splits a route into parts with about equally many peers. Together they cover all of an interval,
/// even where this node knows nobody, as the receivers may.
///
/// The position of this node is a border, so that no part leads back to it.
pub(super) fn split(
    views: &mut Views,
    picture: &Picture,
    out: &mut Out,
    route: &Route,
    from: Option<Ix>,
) -> Vec<Part> {
    let ring = views.ring(picture, out, route);
    let Route::Ring { from: start, until, .. } = *route else {
        return split_evenly(picture, out, ring, route, from);
    };
    let place = picture.position(Ix::ME);
    let (span, before) = (until.wrapping_sub(start), place.wrapping_sub(start));
    if span != 0 && before >= span {
        return split_evenly(picture, out, ring, route, from);
    }
    // A node that shares the position lies behind the border.
    let shared = picture.ring.interval(place, place.wrapping_add(1)).next().is_some();
    let behind = if shared { place } else { place.wrapping_add(1) };
    let mut parts = Vec::with_capacity(2 * FAN_OUT);
    if before > 0 {
        parts.extend(split_evenly(picture, out, ring, &within(route, start, place), from));
    }
    if behind != until || span == 0 && before == 0 {
        parts.extend(split_evenly(picture, out, ring, &within(route, behind, until), from));
    }
    parts
}

fn split_evenly(
    picture: &Picture,
    out: &mut Out,
    ring: &Ring,
    route: &Route,
    from: Option<Ix>,
) -> Vec<Part> {
    let targets = Targets::of(picture, ring, route, from);
    let count = targets.len();
    let mut parts = Vec::with_capacity(FAN_OUT);
    let mut begin = 0;
    for part in 0..FAN_OUT {
        let mut end = (count * (part + 1)).div_ceil(FAN_OUT);
        if let Route::Ring { .. } = route {
            // Peers of equal position cannot be told apart by an interval: keep them together.
            while end > begin && end < count && targets.get(end).0 == targets.get(end - 1).0 {
                end += 1;
            }
        }
        if begin < end {
            let peers = (begin..end).map(|at| targets.get(at).1);
            if let Some(to) = receiver(picture, out, peers, from) {
                parts.push(match route {
                    Route::Ring { from, until, .. } => {
                        let from = if begin == 0 { *from } else { targets.get(begin).0 };
                        let until = if end == count { *until } else { targets.get(end).0 };
                        ring_part(to, &targets, begin..end, from, until, route)
                    }
                    Route::Listed(_) => listed_part(picture, to, &targets, begin..end),
                });
            }
            begin = end;
        }
    }
    parts
}

/// The peers from `from` up to `until`; the one that receives the copy passes it on to the rest.
fn ring_part(
    to: Ix,
    targets: &Targets<'_>,
    peers: Range<usize>,
    from: u32,
    until: u32,
    whole: &Route,
) -> Part {
    let (first, leader) = targets.get(peers.start);
    let after = first.wrapping_add(1);
    // Two peers with one position, and an interval that would become the whole ring, stay as they
    // are.
    let alone = peers.len() == 1 || targets.get(peers.start + 1).0 != first;
    let narrow = leader == to && alone && after != until && first == from;
    let part = within(whole, from, until);
    let route = within(whole, if narrow { after } else { from }, until);
    Part { to, route, part }
}

/// The part of a route over the ring from `from` up to `until`.
fn within(whole: &Route, from: u32, until: u32) -> Route {
    match whole {
        Route::Ring { group, covered, .. } => {
            Route::Ring { from, until, group: group.clone(), covered: *covered }
        }
        Route::Listed(nodes) => Route::Listed(nodes.clone()),
    }
}

fn listed_part(picture: &Picture, to: Ix, targets: &Targets<'_>, peers: Range<usize>) -> Part {
    let peers = peers.map(|at| targets.get(at).1);
    let part = Route::Listed(peers.map(|ix| picture.id(ix)).collect());
    Part { to, route: part.clone(), part }
}

/// The peer that receives a part: one of the part, or a relay if packets of this node reach none near
/// its beginning. If there is no other one, the part goes back to the relay that it came from, which
/// reaches all of it.
fn receiver(
    picture: &Picture,
    out: &mut Out,
    part: impl Iterator<Item = Ix> + Clone,
    from: Option<Ix>,
) -> Option<Ix> {
    let other = pick(picture, part).or_else(|| picture.relay(out, from.as_slice()));
    other.or_else(|| picture.relay(out, &[]))
}

/// The first peer of a part that is not under suspicion and knows its cluster, if there is one near the
/// beginning.
fn pick(picture: &Picture, part: impl Iterator<Item = Ix> + Clone) -> Option<Ix> {
    let part = part.take(LOOKED_AT).filter(|&ix| picture.is_direct(ix));
    let alive = part.clone().filter(|&ix| picture.state(ix).is_alive());
    let known = picture.timing.settled.max(8 * picture.peers.usually_late()).as_millis();
    let settled = |ix: &Ix| u128::from(picture.peers.since_turn(*ix, picture.now)) >= known;
    let trusted = |ix: &Ix| !picture.peers.is_shunned(*ix);
    let any = || alive.clone().next().or_else(|| part.clone().next());
    alive.clone().filter(trusted).find(settled).or_else(|| alive.clone().find(trusted)).or_else(any)
}

/// What is left of a part without one of its peers.
pub(super) fn without(picture: &Picture, part: &Route, peer: Ix) -> Vec<Route> {
    match part {
        Route::Ring { from, until, .. } => {
            let place = picture.position(peer);
            let after = place.wrapping_add(1);
            if from != until && place.wrapping_sub(*from) >= until.wrapping_sub(*from) {
                return Vec::from([part.clone()]);
            }
            if from == until {
                return Vec::from([within(part, after, place)]);
            }
            let ends = [(*from, place), (after, *until)];
            let some = ends.into_iter().filter(|(from, until)| from != until);
            some.map(|(from, until)| within(part, from, until)).collect()
        }
        Route::Listed(nodes) => {
            let others = nodes.iter().copied().filter(|&id| id != picture.id(peer));
            Vec::from([Route::Listed(others.collect())])
        }
    }
}

/// Another peer for a part whose peer is silent.
pub(super) fn heir(
    views: &mut Views,
    picture: &Picture,
    out: &mut Out,
    part: &Route,
    tried: &[Ix],
) -> Option<Ix> {
    let ring = views.ring(picture, out, part);
    let targets = Targets::of(picture, ring, part, None);
    let others = (0..targets.len()).map(|at| targets.get(at).1);
    let others = others.filter(|ix| !tried.contains(ix));
    let rest = others.clone().next();
    pick(picture, others).or_else(|| rest.and_then(|_| picture.relay(out, tried)))
}
