//! Repair: two nodes with unequal roots find what differs and exchange just that.
//!
//! This file says when, and with whom; [`exchange`](super::exchange) says what is exchanged.

use core::time::Duration;

use crate::base::Ix;
use crate::mutants::mutated;
use crate::out::{Say, Why};
use crate::picture::Context;
use crate::repair::Repair;
use crate::repair::answer::{ask, send_coded};
use crate::repair::stock::Stock;
use crate::wire::{Frame, RangeSum};

/// Unequal comparisons in a row before a repair starts.
const UNEQUAL: u32 = 3;

/// Within this many probe intervals they need not be in a row while this node's own root stays the
/// same: nodes that have missed the same change are equal to each other.
const STREAK_PROBES: u32 = 6;

/// A newcomer that has asked this often and has heard nothing but small datagrams asks for small
/// ones. A picture with fewer subjects than this fits into one of those.
const VAIN_ASKINGS: u8 = 3;

/// At most this many repairs in a row are begun early because the one before was not answered.
const MOST_VAIN: u8 = 3;

impl Repair {
    /// Begins as a newcomer, which asks without waiting; a node that renews knows the others
    /// already.
    pub(crate) fn start(&mut self, ctx: &mut Context) {
        let caught_up = self.caught_up && ctx.picture.ring.len() > 0;
        Stock::clear(&mut self.stock, ctx);
        *self = Self { caught_up, ..Self::default() };
        if caught_up {
            self.reunion(ctx);
        }
    }

    /// A peer's root has been compared with this node's. Returns whether they differ for the first time
    /// since they were equal.
    pub(crate) fn compared(&mut self, ctx: &mut Context, with: Ix, difference: u64) -> bool {
        if difference == 0 {
            let streak = ctx.picture.config.probe_interval.saturating_mul(STREAK_PROBES);
            let goes_on = |(since, root)| {
                ctx.picture.now.since(since) <= streak && root == ctx.picture.root()
            };
            if !self.since.is_some_and(goes_on) {
                self.unequal = 0;
                self.since = None;
            }
            self.settle_in(ctx);
            self.bears_fruit();
            Stock::clear(&mut self.stock, ctx);
            return false;
        }
        ctx.out.stats.roots_unequal += 1;
        if self.caught_up && mutated!(ctx.picture.config, RepairOff) {
            return false;
        }
        let futile = if self.caught_up { self.futile.rests(ctx, difference) } else { None };
        if futile == Some(true) {
            return false;
        }
        self.unequal += 1;
        let first = self.since.is_none();
        let (since, _) = *self.since.get_or_insert_with(|| (ctx.picture.now, ctx.picture.root()));
        let waited = ctx.picture.now.since(since);
        let round_trip = ctx.picture.peers.usually_late();
        let unanswered = self.is_unanswered(ctx);
        let rest = if !self.caught_up {
            ctx.picture.timing.newcomer_rest.max(round_trip)
        } else if unanswered {
            answer_wait(ctx)
        } else if ctx.picture.now < self.reunion_until {
            ctx.picture.timing.reunion_rest.max(round_trip)
        } else {
            ctx.picture.config.repair_interval
        };
        let rested = self.last.is_none_or(|last| ctx.picture.now.since(last) >= rest);
        let patient = self.unequal >= UNEQUAL && waited >= ctx.picture.config.repair_patience;
        let quiet = self.is_quiet(ctx);
        let eager = !self.caught_up || quiet && ctx.picture.now < self.reunion_until;
        if rested && (patient || eager || unanswered) {
            self.partner = Some((with, difference));
        }
        first
    }

    /// A packet has been taken in: begins the repair that it has triggered, unless the packet has
    /// already begun one.
    pub(crate) fn end_packet(&mut self, ctx: &mut Context) {
        if let Some((with, difference)) = self.partner.take() {
            self.futile.begin(ctx, difference);
            if self.caught_up && self.lists > 0 {
                self.last = Some(ctx.picture.now);
            } else {
                self.begin(ctx, with);
            }
        }
        Stock::clear_unused(&mut self.stock, ctx);
    }

    /// Another node is known: a newcomer asks it soon.
    pub(crate) fn company(&mut self, ctx: &mut Context) {
        if !self.caught_up && self.company_since.is_none() {
            self.company_since = Some(ctx.picture.now);
            ctx.out.timers.set(Why::Repair, Some(ctx.picture.now + ctx.picture.timing.repair_soon));
        }
    }

    /// Whether this node is no longer a newcomer: others know it, and it knows them.
    pub(crate) fn has_caught_up(&self) -> bool {
        self.caught_up
    }

    /// This node is no longer a newcomer. It may have missed some nodes that came at the same time.
    pub(super) fn settle_in(&mut self, ctx: &mut Context) {
        if !self.caught_up {
            self.caught_up = true;
            self.hears_large = false;
            self.bears_fruit();
            self.reunion(ctx);
            ctx.out.pace.begin(ctx.picture.now);
            ctx.picture.flush_soon(&mut ctx.out);
        }
    }

    /// A lost peer is back: both sides look at once for what they have missed.
    pub(crate) fn reunion(&mut self, ctx: &mut Context) {
        let round_trip = ctx.picture.peers.usually_late();
        self.reunion_until = ctx.picture.now + ctx.picture.timing.reunion.max(round_trip * 8);
        let wait = ctx.out.around(ctx.picture.timing.reunion_rest.max(round_trip) / 2);
        ctx.out.timers.hasten(Why::Repair, ctx.picture.now + wait);
    }

    /// What one peer lacked, others may lack too. For a while this node compares roots with others,
    /// so that it spreads from each to the next. While news pours in, the trees carry it.
    pub(super) fn look_around(&mut self, ctx: &mut Context) {
        if self.is_quiet(ctx) {
            self.reunion(ctx);
        }
    }

    /// A newcomer asks a random peer for everything until it finds an equal root; at a reunion
    /// roots are compared.
    pub(crate) fn on_timer(&mut self, ctx: &mut Context) {
        if ctx.picture.ring.len() == 0 {
            return;
        }
        let at = ctx.out.random_below(ctx.picture.ring.len());
        let with = ctx.picture.ring.at(at);
        let round_trip = ctx.picture.peers.usually_late();
        if self.caught_up && ctx.picture.now >= self.reunion_until && self.is_unanswered(ctx) {
            ctx.out.say(ctx.picture.bound(with), Say::Ping);
        }
        if !self.caught_up {
            if self.last.is_none() {
                self.begin(ctx, with);
            }
            // While something changes all the time, no equal root may ever be found.
            let longest = ctx.picture.timing.newcomer_longest.max(round_trip * 4);
            if self.company_since.is_some_and(|since| ctx.picture.now.since(since) >= longest) {
                self.settle_in(ctx);
            }
            ctx.out.say(ctx.picture.bound(with), Say::Ping);
            let wait = ctx.out.around(ctx.picture.timing.newcomer_ping.max(round_trip / 4));
            ctx.out.timers.set(Why::Repair, Some(ctx.picture.now + wait));
        } else if ctx.picture.now < self.reunion_until {
            ctx.out.say(ctx.picture.bound(with), Say::Ping);
            let wait = ctx.out.around(ctx.picture.timing.reunion_rest.max(round_trip));
            ctx.out.timers.set(Why::Repair, Some(ctx.picture.now + wait));
        }
    }

    /// Whether nothing has changed for a while: while news pours in, roots differ all the time.
    fn is_quiet(&mut self, ctx: &Context) -> bool {
        let root = ctx.picture.root();
        if self.root.0 != root {
            self.root = (root, ctx.picture.now);
        }
        // Where news is gathered it comes in batches.
        let much = ctx.out.pace.is_much(&ctx.picture.timing, ctx.picture.now);
        let still = if much { ctx.picture.timing.still_between } else { ctx.picture.timing.still };
        ctx.picture.now.since(self.root.1) >= still.max(ctx.picture.peers.usually_late())
    }

    fn begin(&mut self, ctx: &mut Context, with: Ix) {
        ctx.out.stats.repairs += 1;
        self.unequal = 0;
        self.since = None;
        self.last = Some(ctx.picture.now);
        self.begin_packet();
        let root = ctx.picture.root();
        let in_vain = self.asked.is_some_and(|(_, before)| before == root);
        self.vain = if in_vain { self.vain.saturating_add(1) } else { 0 };
        let patience = if !self.caught_up { VAIN_ASKINGS } else { 1 + u8::from(self.answered) };
        (self.asked, self.answered) = (Some((ctx.picture.now, root)), false);
        if self.vain >= patience && !self.hears_large {
            // Small datagrams pass, or no roots would have been compared.
            ctx.out.say_frame(ctx.picture.bound(with), Frame::Narrow);
            ctx.picture.doubt_path(&mut ctx.out, with);
        }
        if self.caught_up {
            ctx.out.timers.hasten(Why::Repair, ctx.picture.now + answer_wait(ctx));
            let stock = self.stock(ctx);
            let coded = stock.coded(0, u64::MAX);
            send_coded(ctx, with, coded);
        } else {
            // A newcomer holds next to nothing: one range, answered with everything in it.
            let everything = self.stock(ctx).sum(0, u64::MAX);
            self.give(ctx, with, &everything);
            ask(ctx, with, &[RangeSum { from: 0, to: u64::MAX, sum: 0, count: 0 }]);
        }
    }

    /// A repair was answered, by a large or a small datagram.
    pub(crate) fn answered(&mut self) {
        self.answered = true;
        self.futile.answered();
    }

    /// Nothing is missing, or not because a datagram was too large.
    pub(super) fn bears_fruit(&mut self) {
        (self.asked, self.vain) = (None, 0);
    }

    /// A datagram has come that is too large for a narrow path.
    pub(crate) fn heard_large(&mut self) {
        self.hears_large = !self.caught_up;
        self.bears_fruit();
    }

    /// Whether a repair was begun some time ago and has changed nothing.
    fn is_unanswered(&self, ctx: &Context) -> bool {
        let waits = |(at, root)| {
            ctx.picture.now.since(at) >= answer_wait(ctx) && root == ctx.picture.root()
        };
        self.vain < MOST_VAIN && self.asked.is_some_and(waits)
    }

    /// What this node holds now.
    pub(super) fn stock(&mut self, ctx: &mut Context) -> &mut Stock {
        Stock::renew(&mut self.stock, ctx)
    }
}

/// How long to wait for the answer to a repair.
fn answer_wait(ctx: &Context) -> Duration {
    ctx.picture.config.max_timeout.max(2 * ctx.picture.peers.usually_late())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Epoch, Life, NodeId, Status};
    use crate::out::Cause;
    use core::net::SocketAddr;

    fn id(host: u8) -> NodeId {
        NodeId::from(SocketAddr::from(([10, 0, 0, host], 1)))
    }

    /// After how many of these comparisons, half a second apart, a repair is to begin.
    fn repairs_after(comparisons: &[bool], changes: bool) -> Option<usize> {
        let mut ctx = Context::of_one();
        let admit = |ctx: &mut Context, host| {
            let life = Life { id: id(host), epoch: Epoch(1) };
            ctx.picture.admit(&mut ctx.out, life, 0, Status::Alive, Cause::Heard).unwrap()
        };
        let with = admit(&mut ctx, 2);
        let mut repair = Repair { caught_up: true, ..Repair::default() };
        for (at, &equal) in comparisons.iter().enumerate() {
            if changes {
                admit(&mut ctx, 3 + at as u8);
            }
            ctx.picture.now = ctx.picture.now + Duration::from_millis(500);
            repair.compared(&mut ctx, with, u64::from(!equal));
            if repair.partner.is_some() {
                return Some(at + 1);
            }
        }
        None
    }

    #[test]
    fn a_neighbour_who_has_missed_the_same_does_not_put_repair_off() {
        assert_eq!(repairs_after(&[false, false, false], false), Some(3));
        assert_eq!(repairs_after(&[false, true, false, true, false], false), Some(5));
        // What came in between may have been what was missing.
        assert_eq!(repairs_after(&[false, true, false, true, false], true), None);
        assert_eq!(repairs_after(&[false, false, false], true), Some(3));
        let rare = [&[false][..], &[true; 14], &[false], &[true; 14], &[false]].concat();
        assert_eq!(repairs_after(&rare, false), None);
    }
}
