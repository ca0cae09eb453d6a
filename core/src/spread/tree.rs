//! The broadcast tree: batches of frames on their way to many peers, each copy responsible for an
//! interval of the ring, acknowledged hop by hop.
//!
//! The sender splits the interval that it is responsible for into a few parts of equal size and
//! gives each to one peer in it, which does the same. A copy that is not acknowledged is sent
//! again, and then its part is given to another peer of the part.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::time::Duration;

use crate::context::Context;
use crate::node::{NodeId, Status};
use crate::outbox::Say;
use crate::roster::Ix;
use crate::time::Instant;
use crate::timers::Why;
use crate::topology::GroupName;
use crate::wire::{Frame, Route, Spread};

/// Into how many parts an interval is split.
const FAN_OUT: usize = 4;

/// The least wait for an acknowledgement; it doubles with each try.
const FIRST_WAIT: Duration = Duration::from_millis(8);

/// Tries per peer, and peers per part.
const TRIES: u8 = 3;
const HANDOVERS: usize = 3;

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

#[derive(Debug)]
struct Batch {
    frames: Vec<Frame>,
    open: u32,
}

/// A batch on its way to one peer, with the part that the peer is to pass it on to.
#[derive(Debug)]
struct Copy {
    batch: u64,
    to: Ix,
    route: Route,
    hops: u8,
    tries: u8,
    first: Option<u64>,
    due: Instant,
    tried: Vec<Ix>,
}

/// A copy that needs no more care.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Closed {
    /// The batch that it was a copy of.
    pub(crate) batch: u64,
    /// Whether it was acknowledged, or given up.
    pub(crate) acknowledged: bool,
}

/// All copies under way.
#[derive(Debug, Default)]
pub(crate) struct Relays {
    next: u64,
    batches: BTreeMap<u64, Batch>,
    copies: BTreeMap<u64, Copy>,
    sent: BTreeMap<u64, (u64, Instant)>,
}

impl Relays {
    /// Whether no more batches are taken.
    pub(crate) fn is_full(&self, ctx: &Context) -> bool {
        self.copies.len() >= ctx.config.limits.relays as usize
    }

    /// Whether so many more batches can be sent in full.
    pub(crate) fn has_room_for(&self, ctx: &Context, batches: usize) -> bool {
        self.copies.len() + batches * FAN_OUT <= ctx.config.limits.relays as usize
    }

    /// Forgets everything under way.
    pub(crate) fn clear(&mut self) {
        *self = Self { next: self.next, ..Self::default() };
    }

    /// Sends frames that fit in one packet to an audience. Answers the batch and its copies.
    pub(crate) fn originate(
        &mut self,
        ctx: &mut Context,
        frames: Vec<Frame>,
        audience: Audience,
    ) -> (u64, u32) {
        let hops = (ctx.ring.len() + 1).next_power_of_two().ilog2() as u8 + 3;
        let route = match audience {
            Audience::All | Audience::Group(_) => {
                let salt = ctx.random_u32();
                let group = if let Audience::Group(group) = audience { Some(group) } else { None };
                Route::Ring { from: salt, until: salt, group }
            }
            Audience::Listed(nodes) => Route::Listed(nodes),
        };
        self.send(ctx, frames, &route, hops, None)
    }

    /// Passes frames on as the peer that they came from asked.
    pub(crate) fn pass_on(
        &mut self,
        ctx: &mut Context,
        from: Ix,
        spread: &Spread,
        frames: Vec<Frame>,
    ) {
        if let Some(hops) = spread.hops.checked_sub(1) {
            ctx.stats.relayed += frames.len() as u64;
            self.send(ctx, frames, &spread.route, hops, Some(from));
        }
    }

    /// What a copy says, unless it has been closed meanwhile.
    pub(crate) fn read(&self, copy: u64, packet: u64) -> Option<(Ix, Frame, &[Frame])> {
        let copy = self.copies.get(&copy)?;
        let frames = &self.batches.get(&copy.batch)?.frames;
        let spread = Spread {
            route: copy.route.clone(),
            hops: copy.hops,
            frames: u8::try_from(frames.len()).unwrap_or(u8::MAX),
            again: copy.first.map_or(0, |first| packet.saturating_sub(first)),
        };
        Some((copy.to, Frame::Spread(spread), frames))
    }

    /// Notes in which packet a copy has gone out.
    pub(crate) fn sent(&mut self, copy: u64, packet: u64, now: Instant) {
        if let Some(open) = self.copies.get_mut(&copy) {
            open.first.get_or_insert(packet);
            self.sent.insert(packet, (copy, now));
        }
    }

    /// A peer has acknowledged a packet.
    pub(crate) fn acknowledged(
        &mut self,
        ctx: &mut Context,
        by: Ix,
        packet: u64,
    ) -> Option<Closed> {
        let &(copy, at) = self.sent.get(&packet)?;
        let open = self.copies.get(&copy)?;
        if open.to != by {
            return None;
        }
        self.sent.remove(&packet);
        let round_trip = ctx.now.since(at);
        ctx.peers.sample(by, round_trip);
        let closed = self.close(copy, true);
        self.arm(ctx);
        closed
    }

    /// Sends again what was not acknowledged in time, and hands over parts of silent peers.
    /// Answers the copies given up, and the frames that somebody may have missed.
    pub(crate) fn on_timer(&mut self, ctx: &mut Context) -> (Vec<Closed>, Vec<Frame>) {
        let due = self.copies.iter().filter(|(_, copy)| copy.due <= ctx.now);
        let due: Vec<u64> = due.map(|(&id, _)| id).collect();
        let (mut closed, mut missed) = (Vec::new(), Vec::new());
        for id in due {
            let Some(copy) = self.copies.get_mut(&id) else {
                continue;
            };
            let lost = !ctx.is_reachable(copy.to);
            if copy.tries < TRIES && !lost {
                copy.tries += 1;
                copy.due = ctx.now + wait(ctx, copy.to) * (1 << copy.tries);
                ctx.stats.relay_retries += 1;
                let to = ctx.bound(copy.to);
                ctx.say(to, Say::Relay { copy: id });
                continue;
            }
            ctx.stats.relay_handovers += 1;
            if let Some(batch) = self.batches.get(&copy.batch) {
                missed.extend_from_slice(&batch.frames);
            }
            copy.tried.push(copy.to);
            let next = (copy.tried.len() < HANDOVERS).then(|| heir(ctx, copy)).flatten();
            if let Some(next) = next {
                copy.to = next;
                copy.tries = 0;
                copy.first = None;
                copy.due = ctx.now + wait(ctx, next);
                let to = ctx.bound(next);
                ctx.say(to, Say::Relay { copy: id });
            } else {
                closed.extend(self.close(id, false));
            }
        }
        // What no copy waits for any more can no longer be acknowledged.
        let copies = &self.copies;
        self.sent.retain(|_, (copy, _)| copies.contains_key(copy));
        self.arm(ctx);
        (closed, missed)
    }

    /// Forgets a peer that is leaving the table.
    pub(crate) fn forget(&mut self, ix: Ix) {
        let gone: Vec<u64> =
            self.copies.iter().filter(|(_, copy)| copy.to == ix).map(|(&id, _)| id).collect();
        for id in gone {
            self.close(id, false);
        }
        for copy in self.copies.values_mut() {
            copy.tried.retain(|&tried| tried != ix);
        }
    }

    fn send(
        &mut self,
        ctx: &mut Context,
        frames: Vec<Frame>,
        route: &Route,
        hops: u8,
        from: Option<Ix>,
    ) -> (u64, u32) {
        let batch = self.next;
        self.next += 1;
        let parts = split(ctx, route, from);
        let mut open = 0;
        for (to, route) in parts {
            if self.is_full(ctx) {
                ctx.stats.answers_withheld += 1;
                break;
            }
            let id = self.next;
            self.next += 1;
            let due = ctx.now + wait(ctx, to);
            let tried = Vec::new();
            let copy = Copy { batch, to, route, hops, tries: 0, first: None, due, tried };
            self.copies.insert(id, copy);
            let to = ctx.bound(to);
            ctx.say(to, Say::Relay { copy: id });
            open += 1;
        }
        if open > 0 {
            self.batches.insert(batch, Batch { frames, open });
            self.arm(ctx);
        }
        (batch, open)
    }

    fn close(&mut self, copy: u64, acknowledged: bool) -> Option<Closed> {
        let copy = self.copies.remove(&copy)?;
        let batch = self.batches.get_mut(&copy.batch)?;
        batch.open -= 1;
        if batch.open == 0 {
            self.batches.remove(&copy.batch);
        }
        Some(Closed { batch: copy.batch, acknowledged })
    }

    fn arm(&self, ctx: &mut Context) {
        ctx.timers.set(Why::Relay, self.copies.values().map(|copy| copy.due).min());
    }
}

/// How long the acknowledgement of a peer is waited for.
fn wait(ctx: &Context, ix: Ix) -> Duration {
    let late = ctx.peers.late(ix).map(|late| late + late / 4);
    late.unwrap_or(ctx.config.min_timeout).clamp(FIRST_WAIT, ctx.config.max_timeout)
}

/// The peers that a route leads to, in order, with their positions.
fn targets(ctx: &Context, route: &Route, from: Option<Ix>) -> Vec<(u32, Ix)> {
    let fits = |ix: Ix| Some(ix) != from && ix != Ix::ME;
    match route {
        Route::Ring { from: start, until, group } => {
            let peers = ctx.ring.interval(*start, *until).filter(|&(_, ix)| fits(ix));
            match group {
                None => peers.collect(),
                Some(group) => peers.filter(|&(_, ix)| ctx.topology.is_member(group, ix)).collect(),
            }
        }
        Route::Listed(nodes) => {
            let known = nodes.iter().filter_map(|&id| ctx.find(id));
            known.filter(|&ix| fits(ix) && ctx.is_reachable(ix)).map(|ix| (0, ix)).collect()
        }
    }
}

/// Splits a route into parts, each with the peer that is to take it.
fn split(ctx: &mut Context, route: &Route, from: Option<Ix>) -> Vec<(Ix, Route)> {
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
        if begin >= end {
            continue;
        }
        let taken = pick(ctx, &targets[begin..end]);
        let part = match route {
            Route::Ring { from, until, group } => Route::Ring {
                from: if begin == 0 { *from } else { targets[begin].0 },
                until: if end == targets.len() { *until } else { targets[end].0 },
                group: group.clone(),
            },
            Route::Listed(_) => Route::Listed(
                targets[begin..end]
                    .iter()
                    .filter(|(_, ix)| *ix != taken)
                    .map(|(_, ix)| ctx.id(*ix))
                    .collect(),
            ),
        };
        parts.push((taken, part));
        begin = end;
    }
    parts
}

/// The peer of a part that takes it: a random one that is not under suspicion.
fn pick(ctx: &mut Context, part: &[(u32, Ix)]) -> Ix {
    let start = ctx.random_below(part.len());
    let around = (0..part.len()).map(|step| part[(start + step) % part.len()].1);
    let mut fit = around.filter(|&ix| ctx.status(ix) == Status::Alive);
    fit.next().unwrap_or(part[start].1)
}

/// Who else could take the part of a copy whose peer is silent.
fn heir(ctx: &mut Context, copy: &Copy) -> Option<Ix> {
    let mut others = targets(ctx, &copy.route, None);
    others.retain(|(_, ix)| !copy.tried.contains(ix));
    (!others.is_empty()).then(|| pick(ctx, &others))
}
