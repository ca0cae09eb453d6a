//! Frames that ride along in packets that go out anyway, because some node may have missed them.

use alloc::collections::BTreeMap;

use crate::base::{GroupName, Ix, NodeId};
use crate::claims::AttributeKind;
use crate::mutants::mutated;
use crate::out::Out;
use crate::picture::Picture;
use crate::wire::Frame;

/// What a frame is about; of two frames about one subject the later one replaces the earlier.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Subject {
    Claim(NodeId),
    Attribute(NodeId, AttributeKind),
    Record(GroupName, NodeId),
}

/// Frames by subject, each with how many more times it rides.
#[derive(Clone, Debug, Default, Hash)]
pub(crate) struct Piggyback {
    riders: BTreeMap<Subject, (Frame, u32)>,
    last: Option<Subject>,
}

impl Piggyback {
    /// Lets a frame ride along: twice for each doubling of the size of the cluster, and twice more (SWIM 4.1). Only
    /// frames that state something about a subject do so: claims, attributes and records. All others, such as
    /// messages, are ignored.
    pub(crate) fn board(&mut self, picture: &Picture, out: &mut Out, frame: Frame) {
        if mutated!(picture.config, PiggybackOff) {
            return;
        }
        // What a node sends of itself to one receiver is taken for its own word.
        let frame = match &frame {
            Frame::Claim(claim) if claim.life.id == picture.me().id => {
                Frame::Claim(picture.claim(Ix::ME))
            }
            _ => frame,
        };
        let subject = match &frame {
            Frame::Claim(claim) => Subject::Claim(claim.life.id),
            Frame::Attribute { life, kind, .. } => Subject::Attribute(life.id, *kind),
            Frame::Record { group, delta } => Subject::Record(group.clone(), delta.member),
            _ => return,
        };
        let rides = 2 * (picture.ring.len() + 2).ilog2() + 2;
        let limit = picture.config.limits.piggyback as usize;
        if self.riders.len() < limit || self.riders.contains_key(&subject) {
            self.riders.insert(subject, (frame, rides));
        } else {
            out.stats.changes_left_to_repair += 1;
        }
    }

    pub(crate) fn clear(&mut self) {
        self.riders.clear();
    }

    /// Offers waiting frames to a packet, in turn, until one does not fit or all have been offered.
    /// `take` returns whether it has taken the frame.
    ///
    /// A frame that finds no room as the first one loses a ride, so that it cannot keep others
    /// waiting for ever.
    pub(crate) fn ride(&mut self, mut take: impl FnMut(&Frame) -> bool) {
        for offered in 0..self.riders.len() {
            let next = match &self.last {
                Some(last) => self
                    .riders
                    .range_mut((core::ops::Bound::Excluded(last), core::ops::Bound::Unbounded))
                    .next(),
                None => self.riders.iter_mut().next(),
            };
            let Some((subject, (frame, rides))) = next else {
                self.last = None;
                continue;
            };
            let taken = take(frame);
            if !taken && offered > 0 {
                return;
            }
            let subject = subject.clone();
            *rides -= 1;
            if *rides == 0 {
                self.riders.remove(&subject);
            }
            self.last = Some(subject);
            if !taken {
                return;
            }
        }
    }
}
