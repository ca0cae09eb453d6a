//! Whom a route leads to, and how it is split into parts.

use alloc::vec::Vec;

use crate::context::Context;
use crate::node::{NodeId, Status};
use crate::roster::Ix;
use crate::topology::GroupName;
use crate::wire::Route;

/// Into how many parts a route is split at each hop.
pub(crate) const FAN_OUT: usize = 4;

/// The least hops that a tree may have: who has just come knows few, and those know thousands.
const LEAST_HOPS: u8 = 10;

/// Who has been what it is for so long, in milliseconds, is thought to know its cluster: one that
/// has just come or come back would acknowledge a part and find nobody in it.
const SETTLED: u32 = 2_000;

/// Whom a batch is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Audience {
    /// All peers.
    All,
    /// The members of a group.
    Group(GroupName),
    /// These nodes.
    Listed(Vec<NodeId>),
}

/// The whole way to an audience.
pub(super) fn route(ctx: &Context, audience: Audience, covered: bool) -> Route {
    let group = match audience {
        Audience::All => None,
        Audience::Group(group) => Some(group),
        Audience::Listed(nodes) => return Route::Listed(nodes),
    };
    let position = ctx.position(Ix::ME);
    let from = position.wrapping_add(1);
    // All the way round if somebody shares this node's place.
    let until = if ctx.ring.interval(position, from).next().is_some() { from } else { position };
    Route::Ring { from, until, group, covered }
}

/// How many hops a tree may have: twice halved at each, with room for other views.
pub(super) fn hop_budget(ctx: &Context) -> u8 {
    ((ctx.ring.len() + 1).next_power_of_two().ilog2() as u8 + 3).max(LEAST_HOPS)
}

/// The whole ring but one position, from just after it on.
pub(super) fn everybody_but(position: u32) -> Route {
    Route::Ring { from: position.wrapping_add(1), until: position, group: None, covered: false }
}

/// The peers that a route leads to, in order, with their positions.
fn targets(ctx: &Context, route: &Route, from: Option<Ix>) -> Vec<(u32, Ix)> {
    let fits = |ix: Ix| Some(ix) != from && ix != Ix::ME;
    match route {
        Route::Ring { from: start, until, group, covered } => {
            let meant = |ix: Ix| match group {
                None => true,
                Some(group) => {
                    ctx.topology.is_member(group, ix)
                        || !covered && ctx.covers.is_speaker(ix, ctx.now)
                }
            };
            let peers = ctx.ring.interval(*start, *until).filter(|&(_, ix)| fits(ix) && meant(ix));
            peers.filter(|&(_, ix)| *covered || !ctx.is_covered(ix)).collect()
        }
        Route::Listed(nodes) => {
            let known = nodes.iter().filter_map(|&id| ctx.find(id));
            known.filter(|&ix| fits(ix) && ctx.is_reachable(ix)).map(|ix| (0, ix)).collect()
        }
    }
}

/// Some of the peers that a route leads to, and the one of them that takes it on.
pub(super) struct Part {
    pub(super) to: Ix,
    /// What that one is to pass on to.
    pub(super) route: Route,
    /// The same with that one itself.
    pub(super) part: Route,
}

/// Splits a route into parts of about equally many peers. Together they hold all of an interval, also
/// where this node knows nobody: those who take them may.
///
/// The place of this node is a border, so that no part leads back to it.
pub(super) fn split(ctx: &Context, route: &Route, from: Option<Ix>) -> Vec<Part> {
    let Route::Ring { from: start, until, .. } = *route else {
        return split_evenly(ctx, route, from);
    };
    let place = ctx.position(Ix::ME);
    let (span, before) = (until.wrapping_sub(start), place.wrapping_sub(start));
    if span != 0 && before >= span {
        return split_evenly(ctx, route, from);
    }
    // Whoever shares the place is behind the border.
    let shared = ctx.ring.interval(place, place.wrapping_add(1)).next().is_some();
    let behind = if shared { place } else { place.wrapping_add(1) };
    let mut parts = Vec::with_capacity(2 * FAN_OUT);
    if before > 0 {
        parts.extend(split_evenly(ctx, &within(route, start, place), from));
    }
    if behind != until || span == 0 && before == 0 {
        parts.extend(split_evenly(ctx, &within(route, behind, until), from));
    }
    parts
}

fn split_evenly(ctx: &Context, route: &Route, from: Option<Ix>) -> Vec<Part> {
    let targets = targets(ctx, route, from);
    let mut parts = Vec::with_capacity(FAN_OUT);
    let mut begin = 0;
    for part in 0..FAN_OUT {
        let mut end = (targets.len() * (part + 1)).div_ceil(FAN_OUT);
        if let Route::Ring { .. } = route {
            // Peers of equal position cannot be told apart by an interval: keep them together.
            while end > begin && end < targets.len() && targets[end].0 == targets[end - 1].0 {
                end += 1;
            }
        }
        if begin < end {
            parts.push(match route {
                Route::Ring { from, until, .. } => {
                    let from = if begin == 0 { *from } else { targets[begin].0 };
                    let until = if end == targets.len() { *until } else { targets[end].0 };
                    ring_part(ctx, &targets[begin..end], from, until, route)
                }
                Route::Listed(_) => listed_part(ctx, &targets[begin..end]),
            });
            begin = end;
        }
    }
    parts
}

/// The peers from `from` up to `until`; who takes them on passes them on to what lies behind it.
fn ring_part(ctx: &Context, peers: &[(u32, Ix)], from: u32, until: u32, whole: &Route) -> Part {
    let to = pick(ctx, peers);
    let (first, leader) = peers[0];
    let after = first.wrapping_add(1);
    // Two of one position, and an interval that would come out as the whole ring, stay as they are.
    let alone = peers.get(1).is_none_or(|&(second, _)| second != first);
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

fn listed_part(ctx: &Context, peers: &[(u32, Ix)]) -> Part {
    let to = pick(ctx, peers);
    let part: Vec<NodeId> = peers.iter().map(|&(_, ix)| ctx.id(ix)).collect();
    let others = part.iter().copied().filter(|&id| id != ctx.id(to)).collect();
    Part { to, route: Route::Listed(others), part: Route::Listed(part) }
}

/// The peer of a part that takes it: the first one that is not under suspicion and knows its cluster.
fn pick(ctx: &Context, part: &[(u32, Ix)]) -> Ix {
    let alive = part.iter().map(|&(_, ix)| ix).filter(|&ix| ctx.status(ix) == Status::Alive);
    let settled = |ix: &Ix| ctx.peers.since_turn(*ix, ctx.now) >= SETTLED;
    alive.clone().find(settled).or_else(|| alive.clone().next()).unwrap_or(part[0].1)
}

/// What is left of a part without one of its peers.
pub(super) fn without(ctx: &Context, part: &Route, peer: Ix) -> Vec<Route> {
    match part {
        Route::Ring { from, until, .. } => {
            let place = ctx.position(peer);
            let after = place.wrapping_add(1);
            if from == until {
                return Vec::from([within(part, after, place)]);
            }
            let ends = [(*from, place), (after, *until)];
            let some = ends.into_iter().filter(|(from, until)| from != until);
            some.map(|(from, until)| within(part, from, until)).collect()
        }
        Route::Listed(nodes) => {
            let others = nodes.iter().copied().filter(|&id| id != ctx.id(peer));
            Vec::from([Route::Listed(others.collect())])
        }
    }
}

/// Who else could take a part whose peer is silent.
pub(super) fn heir(ctx: &Context, part: &Route, tried: &[Ix]) -> Option<Ix> {
    let mut others = targets(ctx, part, None);
    others.retain(|(_, ix)| !tried.contains(ix));
    (!others.is_empty()).then(|| pick(ctx, &others))
}
