//! What a repair sends: sums to compare, and entries that the other side lacks.

use crate::base::{GroupName, Ix};
use crate::claims::AttributeKind;
use crate::out::{Out, Say};
use crate::picture::Picture;
use crate::reconcile::Subject;
use crate::wire::{Coded, Frame, RangeSum, RecordVersion};

/// The most frames of records and claims that one datagram can make a node send.
pub(super) const FRAMES_PER_PACKET: usize = 2048;

/// What a datagram of symbols costs of that budget.
pub(super) const SYMBOLS_COST: usize = 16;

/// Sends sums, as many in a datagram as fit.
pub(super) fn ask(picture: &Picture, out: &mut Out, to: Ix, ranges: &[RangeSum]) {
    let per_packet = (picture.datagram(to) - crate::wire::OVERHEAD) / 32;
    let to = picture.bound(to);
    for some in ranges.chunks(per_packet) {
        out.say_frame(to, Frame::Ranges(some.to_vec()));
    }
}

/// Sends coded symbols, as many as fit in a datagram.
pub(super) fn send_coded(picture: &Picture, out: &mut Out, to: Ix, mut coded: Coded) {
    let room = picture.datagram(to) - crate::wire::OVERHEAD;
    coded.cells.truncate(room / 8);
    out.say_frame(picture.bound(to), Frame::Coded(coded));
}

/// Sends a subject, as far as the budget goes.
pub(super) fn send(
    picture: &Picture,
    out: &mut Out,
    to: Ix,
    subject: &Subject,
    budget: &mut usize,
) {
    if !matches!(subject, Subject::Record(..)) {
        *budget = budget.saturating_sub(1);
    }
    match subject {
        Subject::Peer(ix) => {
            let claim = picture.claim(*ix);
            out.say(picture.bound(to), Say::Held(Frame::Claim(claim)));
        }
        Subject::Attribute(ix, kind) => {
            let frame = picture.attribute_frame(*ix, AttributeKind(*kind));
            out.say_frame(picture.bound(to), frame);
        }
        Subject::Record(group, ix) => send_record(picture, out, to, group, *ix, 0, budget),
    }
}

/// Sends the writes of a record after a clock, as far as the budget goes.
pub(super) fn send_record(
    picture: &Picture,
    out: &mut Out,
    to: Ix,
    group: &GroupName,
    member: Ix,
    since: u64,
    budget: &mut usize,
) {
    let room = picture.datagram(to) - crate::wire::OVERHEAD;
    let destination = picture.bound(to);
    if *budget == 0 {
        out.stats.repair_withheld += 1;
        return;
    }
    for delta in picture.topology.pieces(group, member, since, room) {
        *budget = budget.saturating_sub(1);
        out.say_frame(destination, Frame::Record { group: group.clone(), delta });
    }
}

/// The version of a record that this node holds.
pub(super) fn version(picture: &Picture, group: &GroupName, ix: Ix) -> RecordVersion {
    let clock = picture.topology.clock_of(group, ix).unwrap_or(0);
    RecordVersion { group: group.clone(), member: picture.life(ix), clock }
}
