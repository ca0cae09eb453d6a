//! What a repair sends: sums to compare, and entries that the other side lacks.

use crate::base::{GroupName, Ix};
use crate::out::Say;
use crate::picture::Context;
use crate::reconcile::Subject;
use crate::wire::{Coded, Frame, RangeSum};

/// Sends sums, as many in a datagram as fit.
pub(super) fn ask(ctx: &mut Context, to: Ix, ranges: &[RangeSum]) {
    let per_packet = (ctx.picture.datagram(to) - crate::wire::OVERHEAD) / 32;
    let to = ctx.picture.bound(to);
    for some in ranges.chunks(per_packet) {
        ctx.out.say_frame(to, Frame::Ranges(some.to_vec()));
    }
}

/// Sends coded symbols, as many as fit in a datagram.
pub(super) fn send_coded(ctx: &mut Context, to: Ix, mut coded: Coded) {
    let room = ctx.picture.datagram(to) - crate::wire::OVERHEAD;
    coded.cells.truncate(room / 8);
    ctx.out.say_frame(ctx.picture.bound(to), Frame::Coded(coded));
}

/// Sends a subject, as far as the budget goes.
pub(super) fn send(ctx: &mut Context, to: Ix, subject: &Subject, budget: &mut usize) {
    if !matches!(subject, Subject::Record(..)) {
        *budget = budget.saturating_sub(1);
    }
    match subject {
        Subject::Peer(ix) => {
            let claim = ctx.picture.claim(*ix);
            ctx.out.say(ctx.picture.bound(to), Say::Held(Frame::Claim(claim)));
        }
        Subject::Metadata(ix) => {
            let frame = ctx.picture.metadata_frame(*ix);
            ctx.out.say_frame(ctx.picture.bound(to), frame);
        }
        Subject::Record(group, ix) => send_record(ctx, to, group, *ix, 0, budget),
    }
}

/// Sends the writes of a record after a clock, as far as the budget goes.
pub(super) fn send_record(
    ctx: &mut Context,
    to: Ix,
    group: &GroupName,
    member: Ix,
    since: u64,
    budget: &mut usize,
) {
    let room = ctx.picture.datagram(to) - crate::wire::OVERHEAD;
    let destination = ctx.picture.bound(to);
    if *budget == 0 {
        ctx.out.stats.repair_withheld += 1;
        return;
    }
    for delta in ctx.picture.topology.pieces(group, member, since, room) {
        *budget = budget.saturating_sub(1);
        ctx.out.say_frame(destination, Frame::Record { group: group.clone(), delta });
    }
}
