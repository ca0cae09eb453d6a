//! What a repair exchanges: coded symbols, sums and lists. Each is answered with what its sender
//! lacks, and with a question for what this node lacks.
//!
//! The first datagram carries coded symbols of all that the sender holds, from which the receiver
//! reads up to some ninety differences (see [`coded`](crate::reconcile::coded)). If there are more, the
//! receiver answers with sums over ranges; each range that differs is answered with coded symbols
//! of its own, or with a list if it holds little (range-based set reconciliation, Meyer 2022). The
//! receiver keeps no state: every datagram says all that its answer needs.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use crate::base::{GroupName, Ix};
use crate::out::{Out, Why};
use crate::picture::Picture;
use crate::reconcile::{Cells, Decoded, Element, Subject};
use crate::repair::answer::{
    FRAMES_PER_PACKET, SYMBOLS_COST, ask, send, send_coded, send_record, version,
};
use crate::repair::{SMALL_PICTURE, Sessions};
use crate::wire::{Coded, Frame, Holdings, Lacking, RangeSum};

/// The differences that the symbols of one datagram are meant to settle, and the most ranges into
/// which a range with more is split.
const PER_DATAGRAM: usize = 64;
const SPLIT: usize = 32;

/// A range with at most this many subjects at this node is listed, which takes no more than
/// symbols.
const LIST: u64 = 48;

/// A record with more writes than this is not sent unasked, as the other side may have most of it.
const SMALL_RECORD: usize = 4;

/// The most lists and sets of symbols in a datagram that are looked at.
const LISTS: u32 = 2;

/// A node sends newcomers this many subjects per window of this many milliseconds; beyond that it
/// refers them to this many other nodes.
const WELCOME_SUBJECTS: u64 = 6_144;
const WELCOME_WINDOW: u64 = 100;
const REFERRALS: usize = 8;

/// The most lost nodes that a newcomer is told of.
const LOST: usize = 256;

impl Sessions {
    /// A packet begins. Each has a budget of its own for what it makes this node send.
    pub(crate) fn begin_packet(&mut self) {
        self.budget = FRAMES_PER_PACKET;
        self.lists = 0;
        self.listed.clear();
    }

    /// Whether one more list or set of symbols of the packet is looked at.
    pub(crate) fn takes_list(&mut self) -> bool {
        self.lists += 1;
        self.lists <= LISTS
    }

    /// Sends a peer the writes of a record after a clock.
    pub(crate) fn on_want(
        &mut self,
        picture: &Picture,
        out: &mut Out,
        from: Ix,
        group: &GroupName,
        member: Ix,
        since: u64,
    ) {
        self.answered();
        if since == 0 && self.budget > 0 {
            // It may know nothing of the member.
            send(picture, out, from, &Subject::Peer(member), &mut self.budget);
        }
        send_record(picture, out, from, group, member, since, &mut self.budget);
    }

    /// Reads from a peer's symbols what differs: sends what the peer lacks, and asks for what this
    /// node lacks. If there is too much, it sends sums.
    pub(crate) fn on_coded(
        &mut self,
        picture: &mut Picture,
        out: &mut Out,
        from: Ix,
        theirs: &Coded,
    ) {
        self.answered();
        let stock = self.stock(picture);
        let mine = stock.sum(theirs.from, theirs.to);
        if mine.count == 0 {
            ask(picture, out, from, &[mine]);
            return;
        }
        let mut cells = Cells::received(&theirs.cells);
        cells.fold(stock.cells(theirs.from, theirs.to).as_slice());
        match cells.decode() {
            Decoded::All(elements) => self.settle(picture, out, from, theirs, &elements),
            Decoded::TooMany(guess) => {
                let surplus = usize::try_from(mine.count.abs_diff(theirs.count));
                let about = guess.max(surplus.unwrap_or(usize::MAX));
                let parts = (about / PER_DATAGRAM + 1).clamp(2, SPLIT);
                let sums = stock.split(theirs.from, theirs.to, parts);
                ask(picture, out, from, &sums);
            }
        }
    }

    /// Sends those of the differences that this node has, and asks for the rest.
    fn settle(
        &mut self,
        picture: &mut Picture,
        out: &mut Out,
        from: Ix,
        theirs: &Coded,
        elements: &[Element],
    ) {
        let mut lacking: BTreeSet<Element> = elements.iter().copied().collect();
        if picture.newness.caught_up
            && !lacking.is_empty()
            && !self.futile.is_old(picture, lacking.iter().map(|element| element.bits()))
        {
            self.look_around(picture, out);
        }
        let stock = self.stock(picture);
        let mine = stock.subjects_of(theirs.from, theirs.to, |element| lacking.remove(&element));
        // Large records are only named: the peer asks for the writes that it lacks.
        let mut records = Vec::new();
        for subject in &mine {
            match subject {
                Subject::Record(group, ix)
                    if picture.topology.record_len(group, *ix) > SMALL_RECORD =>
                {
                    records.push(version(picture, group, *ix));
                }
                _ => send(picture, out, from, subject, &mut self.budget),
            }
        }
        let to = picture.bound(from);
        if !records.is_empty() {
            let holdings = Holdings {
                from: theirs.from,
                to: theirs.to,
                answer: true,
                claims: Vec::new(),
                records,
                attributes: Vec::new(),
            };
            out.say_frame(to, Frame::Holdings(holdings));
        }
        if !lacking.is_empty() {
            let elements = lacking.into_iter().map(Element::bits).collect();
            let lacking = Lacking { from: theirs.from, to: theirs.to, elements };
            out.say_frame(to, Frame::Lacking(lacking));
        }
    }

    /// Sends a peer what it has found to lack.
    pub(crate) fn on_lacking(
        &mut self,
        picture: &mut Picture,
        out: &mut Out,
        from: Ix,
        theirs: &Lacking,
    ) {
        self.answered();
        let wanted: BTreeSet<u64> = theirs.elements.iter().copied().collect();
        if picture.newness.caught_up && !self.futile.is_old(picture, wanted.iter().copied()) {
            self.look_around(picture, out);
        }
        let asked = |element: Element| wanted.contains(&element.bits());
        let found = self.stock(picture).subjects_of(theirs.from, theirs.to, asked);
        for subject in found.iter().filter(|subject| !self.listed.contains(subject)) {
            send(picture, out, from, subject, &mut self.budget);
        }
    }

    /// Whether this node holds most of as many subjects as there are.
    pub(super) fn holds_most(&mut self, picture: &mut Picture, all: u64) -> bool {
        self.stock(picture).sum(0, u64::MAX).count >= all / 4 * 3
    }

    /// Answers the sums that a peer has sent.
    pub(crate) fn on_ranges(
        &mut self,
        picture: &mut Picture,
        out: &mut Out,
        from: Ix,
        ranges: &[RangeSum],
    ) {
        if !picture.newness.caught_up
            && let Some(all) = ranges.iter().find(|range| is_everything(range))
        {
            // This ends the answer that this newcomer has asked for. If much of it is missing, it
            // was a referral to other nodes; if a little is missing, that was lost and is found
            // later.
            if self.holds_most(picture, all.count) {
                self.settle_in(picture, out);
            } else {
                if all.count < SMALL_PICTURE {
                    self.bears_fruit();
                }
                self.last = None;
                self.promised = Some(all.count);
                out.timers.set(Why::Repair, Some(picture.now + picture.timing.repair_soon));
            }
            return;
        }
        if picture.newness.caught_up {
            self.answered();
        }
        let mut questions = Vec::new();
        for theirs in ranges {
            let mine = self.stock(picture).sum(theirs.from, theirs.to);
            if (mine.sum, mine.count) == (theirs.sum, theirs.count) {
                continue;
            }
            if theirs.count == 0 {
                if is_everything(theirs) {
                    self.welcome(picture, out, from);
                    questions.push(mine);
                } else {
                    self.give(picture, out, from, theirs);
                }
            } else if mine.count == 0 {
                questions.push(mine);
            } else if self.budget < SYMBOLS_COST {
                out.stats.repair_withheld += 1;
            } else {
                self.budget -= SYMBOLS_COST;
                if mine.count <= LIST {
                    self.list(picture, out, from, mine);
                } else {
                    let coded = self.stock(picture).coded(theirs.from, theirs.to);
                    send_coded(picture, out, from, coded);
                }
            }
        }
        ask(picture, out, from, &questions);
    }

    /// Sends a newcomer everything, or claims about a few other nodes if there are too many
    /// newcomers.
    fn welcome(&mut self, picture: &mut Picture, out: &mut Out, to: Ix) {
        let window = picture.now.as_millis() / WELCOME_WINDOW;
        if self.welcomed.0 != window {
            self.welcomed = (window, 0);
        }
        let everything = self.stock(picture).sum(0, u64::MAX);
        self.welcomed.1 += everything.count;
        if self.welcomed.1 <= WELCOME_SUBJECTS || everything.count <= 2 * REFERRALS as u64 {
            self.give(picture, out, to, &everything);
            return;
        }
        for ix in picture.random_alive(out, REFERRALS, |ix| ix != to) {
            send(picture, out, to, &Subject::Peer(ix), &mut self.budget);
        }
    }

    /// Sends everything in a range.
    pub(super) fn give(&mut self, picture: &mut Picture, out: &mut Out, to: Ix, range: &RangeSum) {
        let (from, until) = (range.from, range.to);
        let room = self.budget;
        let mut held: Vec<Subject> =
            self.stock(picture).subjects(from, until).take(room.max(1)).collect();
        if is_everything(range) {
            // The receiver may know nobody, and takes nothing of a node whose claim it does not have.
            held.sort_by_key(|subject| match subject {
                Subject::Peer(ix) => (*ix, false),
                Subject::Attribute(ix, _) | Subject::Record(_, ix) => (*ix, true),
            });
        }
        for subject in &held {
            if out.outbox.is_full() {
                out.stats.outbox_full += 1;
                return;
            }
            if self.budget == 0 {
                out.stats.repair_withheld += 1;
                return;
            }
            send(picture, out, to, subject, &mut self.budget);
        }
        if is_everything(range) {
            self.name_lost(picture, out, to);
        }
    }

    /// Sends what this node says of itself.
    pub(super) fn give_own(&mut self, picture: &mut Picture, out: &mut Out, to: Ix) {
        let is_own = |subject: &Subject| {
            let (Subject::Peer(ix) | Subject::Attribute(ix, _) | Subject::Record(_, ix)) = subject;
            *ix == Ix::ME
        };
        let own: Vec<Subject> = self.stock(picture).subjects(0, u64::MAX).filter(is_own).collect();
        for subject in &own {
            send(picture, out, to, subject, &mut self.budget);
        }
    }

    /// Tells a newcomer of the nodes that were lost: all nodes retry those, so that a cluster that
    /// was cut in two finds itself again even if every node of one half has been restarted
    /// meanwhile. Nodes that have left, and what lost nodes have said, are not told.
    fn name_lost(&mut self, picture: &Picture, out: &mut Out, to: Ix) {
        let recent = picture.config.forget_after / 2;
        let is_lost = |&ix: &Ix| {
            picture.state(ix).is_down()
                && u128::from(picture.peers.since_turn(ix, picture.now)) < recent.as_millis()
        };
        let lost: Vec<Ix> = picture.topology.roster().iter().filter(is_lost).take(LOST).collect();
        for ix in lost.into_iter().take(self.budget) {
            send(picture, out, to, &Subject::Peer(ix), &mut self.budget);
        }
    }
}

/// Whether a sum is over all positions.
fn is_everything(range: &RangeSum) -> bool {
    (range.from, range.to) == (0, u64::MAX)
}
