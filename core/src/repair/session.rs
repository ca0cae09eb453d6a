//! Repair: two nodes with unequal roots find what differs and exchange just that.
//!
//! This file says when, and with whom; [`exchange`](super::exchange) says what is exchanged.

use core::time::Duration;

use crate::base::Ix;
use crate::mutants::mutated;
use crate::out::{Out, Say, Why};
use crate::picture::{Newness, Picture};
use crate::repair::answer::{ask, send_coded};
use crate::repair::stock::Stock;
use crate::repair::{SMALL_PICTURE, Sessions};
use crate::wire::{Frame, RangeSum};

/// Unequal comparisons in a row before a repair starts.
const UNEQUAL: u32 = 3;

/// Within this many probe intervals they need not be in a row while this node's own root stays the
/// same: nodes that have missed the same change are equal to each other.
const STREAK_PROBES: u32 = 6;

/// How many peers are looked at for one that this node reaches.
const LOOKED_AT: usize = 64;

/// A newcomer that has asked this often and has heard nothing but small datagrams asks for small
/// ones.
const VAIN_ASKINGS: u8 = 3;

/// At most this many repairs in a row are begun early because the one before was not answered.
const MOST_VAIN: u8 = 3;

impl Sessions {
    /// Begins as a newcomer, which asks without waiting; a node that renews knows the others
    /// already.
    pub(crate) fn start(&mut self, picture: &mut Picture, out: &mut Out) {
        let caught_up = picture.newness.caught_up && picture.ring.len() > 0;
        Stock::clear(&mut self.stock, picture);
        *self = Self::default();
        picture.newness = Newness { caught_up, ..Newness::default() };
        if caught_up {
            picture.reunion(out);
        }
    }

    /// A peer's root has been compared with this node's. Returns whether they differ for the first time
    /// since they were equal.
    pub(crate) fn compared(
        &mut self,
        picture: &mut Picture,
        out: &mut Out,
        with: Ix,
        difference: u64,
    ) -> bool {
        if difference == 0 {
            let streak = picture.config.probe_interval.saturating_mul(STREAK_PROBES);
            let goes_on =
                |(since, root)| picture.now.since(since) <= streak && root == picture.root();
            if !self.since.is_some_and(goes_on) {
                self.unequal = 0;
                self.since = None;
            }
            self.settle_in(picture, out);
            self.bears_fruit();
            Stock::clear(&mut self.stock, picture);
            return false;
        }
        out.stats.roots_unequal += 1;
        if picture.newness.caught_up && mutated!(picture.config, RepairOff) {
            return false;
        }
        let futile =
            if picture.newness.caught_up { self.futile.rests(picture, difference) } else { None };
        if futile == Some(true) {
            return false;
        }
        self.unequal += 1;
        let first = self.since.is_none();
        let (since, _) = *self.since.get_or_insert_with(|| (picture.now, picture.root()));
        let waited = picture.now.since(since);
        let round_trip = picture.peers.usually_late();
        let unanswered = self.is_unanswered(picture);
        let rest = if !picture.newness.caught_up {
            picture.timing.newcomer_rest.max(round_trip)
        } else if unanswered {
            answer_wait(picture)
        } else if picture.now < picture.newness.reunion_until {
            picture.timing.reunion_rest.max(round_trip)
        } else {
            picture.config.repair_interval
        };
        let rested = self.last.is_none_or(|last| picture.now.since(last) >= rest);
        let patient = self.unequal >= UNEQUAL && waited >= picture.config.repair_patience;
        let quiet = self.is_quiet(picture, out);
        let eager =
            !picture.newness.caught_up || quiet && picture.now < picture.newness.reunion_until;
        if rested && (patient || eager || unanswered) {
            self.partner = Some((with, difference));
        }
        first
    }

    /// A packet has been taken in: begins the repair that it has triggered, unless the packet has
    /// already begun one.
    pub(crate) fn end_packet(&mut self, picture: &mut Picture, out: &mut Out) {
        if let Some((with, difference)) = self.partner.take() {
            self.futile.begin(picture, difference);
            if picture.newness.caught_up && self.lists > 0 {
                self.last = Some(picture.now);
            } else {
                self.begin(picture, out, with);
            }
        }
        Stock::clear_unused(&mut self.stock, picture);
    }

    /// This node is no longer a newcomer. It may have missed some nodes that came at the same time.
    pub(super) fn settle_in(&mut self, picture: &mut Picture, out: &mut Out) {
        if !picture.newness.caught_up {
            picture.newness.caught_up = true;
            self.hears_large = false;
            self.bears_fruit();
            picture.reunion(out);
            out.pace.begin(picture.now);
            picture.flush_soon(out);
        }
    }

    /// What one peer lacked, others may lack too. For a while this node compares roots with others,
    /// so that it spreads from each to the next. While news pours in, the trees carry it.
    pub(super) fn look_around(&mut self, picture: &mut Picture, out: &mut Out) {
        if self.is_quiet(picture, out) {
            picture.reunion(out);
        }
    }

    /// A newcomer asks a random peer for everything until it finds an equal root; at a reunion
    /// roots are compared.
    pub(crate) fn on_timer(&mut self, picture: &mut Picture, out: &mut Out) {
        if picture.ring.len() == 0 {
            return;
        }
        let at = out.random_below(picture.ring.len());
        let peers =
            (0..picture.ring.len().min(LOOKED_AT)).map(|step| (at + step) % picture.ring.len());
        let mut direct = peers.map(|at| picture.ring.at(at)).filter(|&ix| picture.is_direct(ix));
        let with = direct.next().unwrap_or_else(|| picture.ring.at(at));
        let round_trip = picture.peers.usually_late();
        if picture.newness.caught_up
            && picture.now >= picture.newness.reunion_until
            && self.is_unanswered(picture)
        {
            out.say(picture.bound(with), Say::Ping);
        }
        if !picture.newness.caught_up {
            let promised = self.promised.take();
            if promised.is_some_and(|all| self.holds_most(picture, all)) {
                self.settle_in(picture, out);
                return;
            }
            if self.last.is_none() {
                self.begin(picture, out, with);
            }
            // While something changes all the time, no equal root may ever be found.
            let longest = picture.timing.newcomer_longest.max(round_trip * 4);
            if picture
                .newness
                .company_since
                .is_some_and(|since| picture.now.since(since) >= longest)
            {
                self.settle_in(picture, out);
            }
            out.say(picture.bound(with), Say::Ping);
            let wait = out.around(picture.timing.newcomer_ping.max(round_trip / 4));
            out.timers.set(Why::Repair, Some(picture.now + wait));
        } else if picture.now < picture.newness.reunion_until {
            out.say(picture.bound(with), Say::Ping);
            let wait = out.around(picture.timing.reunion_rest.max(round_trip));
            out.timers.set(Why::Repair, Some(picture.now + wait));
        }
    }

    /// Whether nothing has changed for a while: while news pours in, roots differ all the time.
    fn is_quiet(&mut self, picture: &Picture, out: &Out) -> bool {
        let root = picture.root();
        if self.root.0 != root {
            self.root = (root, picture.now);
        }
        // Where news is gathered it comes in batches.
        let much = out.pace.is_much(&picture.timing, picture.now);
        let still = if much { picture.timing.still_between } else { picture.timing.still };
        picture.now.since(self.root.1) >= still.max(picture.peers.usually_late())
    }

    fn begin(&mut self, picture: &mut Picture, out: &mut Out, with: Ix) {
        out.stats.repairs += 1;
        self.unequal = 0;
        self.since = None;
        self.last = Some(picture.now);
        self.begin_packet();
        let root = picture.root();
        let in_vain = self.asked.is_some_and(|(_, before)| before == root);
        self.vain = if in_vain { self.vain.saturating_add(1) } else { 0 };
        let patience =
            if !picture.newness.caught_up { VAIN_ASKINGS } else { 1 + u8::from(self.answered) };
        (self.asked, self.answered) = (Some((picture.now, root)), false);
        if self.vain >= patience && !self.hears_large {
            // Small datagrams pass, or no roots would have been compared.
            out.say_frame(picture.bound(with), Frame::Narrow);
            picture.doubt_path(out, with);
        }
        if picture.newness.caught_up {
            out.timers.hasten(Why::Repair, picture.now + answer_wait(picture));
            let stock = self.stock(picture);
            let coded = stock.coded(0, u64::MAX);
            send_coded(picture, out, with, coded);
        } else {
            // A newcomer holds next to nothing, or it has got what it holds from others just now.
            let everything = self.stock(picture).sum(0, u64::MAX);
            if everything.count <= SMALL_PICTURE {
                self.give(picture, out, with, &everything);
            } else {
                self.give_own(picture, out, with);
            }
            // One range, answered with everything in it.
            ask(picture, out, with, &[RangeSum { from: 0, to: u64::MAX, sum: 0, count: 0 }]);
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
    pub(crate) fn heard_large(&mut self, picture: &Picture) {
        self.hears_large = !picture.newness.caught_up;
        self.bears_fruit();
    }

    /// Whether a repair was begun some time ago and has changed nothing.
    fn is_unanswered(&self, picture: &Picture) -> bool {
        let waits =
            |(at, root)| picture.now.since(at) >= answer_wait(picture) && root == picture.root();
        self.vain < MOST_VAIN && self.asked.is_some_and(waits)
    }

    /// What this node holds now.
    pub(super) fn stock(&mut self, picture: &mut Picture) -> &mut Stock {
        Stock::renew(&mut self.stock, picture)
    }
}

/// How long to wait for the answer to a repair.
fn answer_wait(picture: &Picture) -> Duration {
    picture.config.max_timeout.max(2 * picture.peers.usually_late())
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::net::SocketAddr;

    use crate::base::{Epoch, Life, NodeId};
    use crate::out::Cause;
    use crate::picture::{State, of_one};

    fn id(host: u8) -> NodeId {
        NodeId::from_bits(host.into())
    }

    /// After how many of these comparisons, half a second apart, a repair is to begin.
    fn repairs_after(comparisons: &[bool], changes: bool) -> Option<usize> {
        let (mut picture, mut out) = of_one();
        let admit = |picture: &mut Picture, out: &mut Out, host| {
            let life = Life { id: id(host), epoch: Epoch(1) };
            let place = SocketAddr::from(([10, 0, 0, host], 1)).into();
            picture.admit(out, life, &place, 0, State::Alive, Cause::Heard).unwrap()
        };
        let with = admit(&mut picture, &mut out, 2);
        let mut sessions = Sessions::default();
        picture.newness.caught_up = true;
        for (at, &equal) in comparisons.iter().enumerate() {
            if changes {
                admit(&mut picture, &mut out, 3 + at as u8);
            }
            picture.now = picture.now + Duration::from_millis(500);
            sessions.compared(&mut picture, &mut out, with, u64::from(!equal));
            if sessions.partner.is_some() {
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
