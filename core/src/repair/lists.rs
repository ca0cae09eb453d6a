//! Lists of what two nodes hold in a range, by version.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use crate::base::Ix;
use crate::claims::AttributeKind;
use crate::out::{Out, Say};
use crate::picture::Picture;
use crate::reconcile::Subject;
use crate::repair::Sessions;
use crate::repair::answer::{
    FRAMES_PER_PACKET, SYMBOLS_COST, send, send_coded, send_record, version,
};
use crate::wire::{Frame, Holdings, RangeSum, RecordVersion};

/// The symbols for a range in which lists show no difference: it may be another part that differs.
const FEW_CELLS: usize = 16;

impl Sessions {
    /// Compares what a peer lists with what this node holds; sends what the peer lacks, asks for
    /// what this node lacks. Claims have been taken in already.
    pub(crate) fn on_holdings(
        &mut self,
        picture: &mut Picture,
        out: &mut Out,
        from: Ix,
        theirs: &Holdings,
    ) {
        self.answered();
        let to = picture.bound(from);
        let mut listed = BTreeSet::new();
        let mut differ = false;
        for claim in &theirs.claims {
            if let Some(ix) = picture.find(claim.life.id) {
                listed.insert(Subject::Peer(ix));
                if picture.weigh(ix, claim).is_lt() {
                    differ = true;
                    let claim = picture.claim(ix);
                    out.say(to, Say::Held(Frame::Claim(claim)));
                }
            }
        }
        for version in &theirs.records {
            if let Some(ix) = picture.find(version.member.id) {
                listed.insert(Subject::Record(version.group.clone(), ix));
            }
            differ |= self.compare_record(picture, out, from, version, theirs.answer);
        }
        let mut wanted = Vec::new();
        for version in &theirs.attributes {
            let Some(ix) = picture.find(version.life.id) else {
                continue;
            };
            listed.insert(Subject::Attribute(ix, version.kind.0));
            let have = picture.attribute_version(ix, version.kind);
            let theirs_is_later = have.version < version.version;
            differ |= have != *version;
            if picture.life(ix) == version.life && theirs_is_later && !theirs.answer {
                wanted.push(have);
            } else if !theirs_is_later && have != *version {
                out.say_frame(to, picture.attribute_frame(ix, version.kind));
            }
        }
        if !wanted.is_empty() {
            let (from, to_position) = (theirs.from, theirs.to);
            let answer = Holdings {
                from,
                to: to_position,
                answer: true,
                claims: Vec::new(),
                records: Vec::new(),
                attributes: wanted,
            };
            out.say_frame(to, Frame::Holdings(answer));
        }
        if theirs.answer {
            self.listed.append(&mut listed);
        } else {
            let mine: Vec<Subject> = self
                .stock(picture)
                .subjects(theirs.from, theirs.to)
                .take(FRAMES_PER_PACKET)
                .collect();
            for subject in mine.into_iter().filter(|subject| !listed.contains(subject)) {
                differ = true;
                send(picture, out, from, &subject, &mut self.budget);
            }
            if !differ && self.budget >= SYMBOLS_COST {
                // Lists do not show what differs under one clock, and symbols do.
                self.budget -= SYMBOLS_COST;
                let mut coded = self.stock(picture).coded(theirs.from, theirs.to);
                coded.cells.truncate(FEW_CELLS);
                send_coded(picture, out, from, coded);
            }
        }
    }

    /// Compares the version of a record that a peer lists with what this node holds: sends what the
    /// peer lacks, or asks for what this node lacks. Returns whether they differ.
    fn compare_record(
        &mut self,
        picture: &Picture,
        out: &mut Out,
        from: Ix,
        theirs: &RecordVersion,
        answer: bool,
    ) -> bool {
        let RecordVersion { ref group, member, clock } = *theirs;
        let want = |since| Frame::Want { group: group.clone(), member, since };
        let Some(ix) = picture.find(member.id) else {
            if self.unknown.may_ask(picture, member.id) {
                out.say_frame(picture.bound(from), want(0));
            }
            return true;
        };
        let epoch = picture.life(ix).epoch;
        let have = picture.topology.clock_of(group, ix).unwrap_or(0);
        let same = member.epoch == epoch && clock == have;
        if member.epoch == epoch && clock > have && ix != Ix::ME {
            out.say_frame(picture.bound(from), want(have));
        } else if member.epoch < epoch || clock < have || same && answer {
            // An answer names what was found to differ, so under one clock it is the content.
            let since = if member.epoch < epoch || same { 0 } else { clock };
            send_record(picture, out, from, group, ix, since, &mut self.budget);
        }
        !same
    }

    /// Lists the subjects of a range, in as many datagrams as that takes.
    pub(super) fn list(&mut self, picture: &mut Picture, out: &mut Out, to: Ix, range: RangeSum) {
        let (from, until) = (range.from, range.to);
        let held: Vec<Subject> = self.stock(picture).subjects(from, until).collect();
        let mut holdings = Holdings {
            from,
            to: until,
            answer: false,
            claims: Vec::new(),
            records: Vec::new(),
            attributes: Vec::new(),
        };
        let mut cost = 64;
        for subject in &held {
            match subject {
                Subject::Peer(ix) => {
                    let claim = picture.claim(*ix);
                    cost += crate::wire::claim_cost(&claim);
                    holdings.claims.push(claim);
                }
                Subject::Attribute(ix, kind) => {
                    let version = picture.attribute_version(*ix, AttributeKind(*kind));
                    cost += crate::wire::attribute_version_cost(&version);
                    holdings.attributes.push(version);
                }
                Subject::Record(group, ix) => {
                    let version = version(picture, group, *ix);
                    cost += crate::wire::record_version_cost(&version);
                    holdings.records.push(version);
                }
            }
        }
        if cost > picture.datagram(to) - crate::wire::OVERHEAD && range.count > 1 {
            for half in self.stock(picture).split(from, until, 2) {
                if half.count < range.count {
                    self.list(picture, out, to, half);
                }
            }
        } else {
            out.say_frame(picture.bound(to), Frame::Holdings(holdings));
        }
    }
}
