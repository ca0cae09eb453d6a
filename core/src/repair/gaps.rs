//! Writes that a multicast has shown to be missing. A node asks for them only if they do not come
//! by themselves, because all others may miss them too (a NACK timer as in SRM: Floyd and others
//! 1997).

use alloc::collections::VecDeque;

use crate::base::{GroupName, Instant, Ix};
use crate::out::{Out, Why};
use crate::picture::Picture;
use crate::timing::segment::GAP;
use crate::wire::Frame;

/// The most gaps that wait. Any more are left to repair.
const CAPACITY: usize = 256;

#[derive(Clone, Debug, Hash)]
struct Gap {
    due: Instant,
    from: Ix,
    group: GroupName,
    member: Ix,
    have: u64,
}

/// Gaps that may fill by themselves.
#[derive(Clone, Debug, Default, Hash)]
pub(crate) struct Gaps {
    gaps: VecDeque<Gap>,
}

impl Gaps {
    /// Notes that a packet of `from` has brought writes beyond a gap.
    pub(crate) fn note(
        &mut self,
        picture: &Picture,
        out: &mut Out,
        from: Ix,
        group: &GroupName,
        member: Ix,
        have: u64,
    ) {
        let known = self.gaps.iter().any(|gap| gap.member == member && gap.group == *group);
        if known || self.gaps.len() >= CAPACITY {
            return;
        }
        let due = picture.now + out.around(GAP);
        self.gaps.push_back(Gap { due, from, group: group.clone(), member, have });
        out.timers.hasten(Why::Gap, due);
    }

    /// Asks for what has not come meanwhile.
    pub(crate) fn on_timer(&mut self, picture: &Picture, out: &mut Out) {
        let now = picture.now;
        let (due, wait): (VecDeque<Gap>, VecDeque<Gap>) =
            core::mem::take(&mut self.gaps).into_iter().partition(|gap| gap.due <= now);
        self.gaps = wait;
        for gap in due {
            if picture.topology.clock_of(&gap.group, gap.member).unwrap_or(0) <= gap.have {
                let member = picture.life(gap.member);
                let want = Frame::Want { group: gap.group, member, since: gap.have };
                out.say_frame(picture.bound(gap.from), want);
            }
        }
        out.timers.set(Why::Gap, self.gaps.iter().map(|gap| gap.due).min());
    }

    /// Forgets a node that is leaving the table.
    pub(crate) fn forget(&mut self, ix: Ix) {
        self.gaps.retain(|gap| gap.from != ix && gap.member != ix);
    }

    pub(crate) fn clear(&mut self) {
        self.gaps.clear();
    }
}
