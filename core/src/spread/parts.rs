//! Whom a route leads to, and how it is split into parts.

use alloc::vec::Vec;

use crate::context::Context;
use crate::node::{NodeId, Status};
use crate::roster::Ix;
use crate::wire::Route;

/// Into how many parts a route is split at each hop.
pub(super) const FAN_OUT: usize = 4;

/// How many hops a tree may have: twice halved at each, with room for other views.
pub(super) fn hop_budget(ctx: &Context) -> u8 {
    (ctx.ring.len() + 1).next_power_of_two().ilog2() as u8 + 3
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

/// Splits a route into parts of about equally many peers.
pub(super) fn split(ctx: &Context, route: &Route, from: Option<Ix>) -> Vec<Part> {
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
    let narrow = leader == to && alone && after != until;
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

/// The peer of a part that takes it: the first one that is not under suspicion.
fn pick(ctx: &Context, part: &[(u32, Ix)]) -> Ix {
    let mut fit = part.iter().map(|&(_, ix)| ix).filter(|&ix| ctx.status(ix) == Status::Alive);
    fit.next().unwrap_or(part[0].1)
}

/// Who else could take a part whose peer is silent.
pub(super) fn heir(ctx: &Context, part: &Route, tried: &[Ix]) -> Option<Ix> {
    let mut others = targets(ctx, part, None);
    others.retain(|(_, ix)| !tried.contains(ix));
    (!others.is_empty()).then(|| pick(ctx, &others))
}
