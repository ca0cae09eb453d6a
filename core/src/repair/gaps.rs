//! Writes that a multicast has shown to be missing. A node asks for them only if they do not come
//! by themselves, because all others may miss them too (a NACK timer as in SRM).

use crate::base::{GroupName, Ix};
use crate::out::{Out, Suppressor, Why};
use crate::picture::Picture;
use crate::timing::segment::GAP;
use crate::wire::Frame;

#[derive(Clone, Debug, Hash)]
struct Gap {
    from: Ix,
    group: GroupName,
    member: Ix,
    have: u64,
}

/// Gaps that may fill by themselves.
#[derive(Clone, Debug, Default, Hash)]
pub(crate) struct Gaps {
    open: Suppressor<Gap>,
}

impl Gaps {
    /// Notes that a packet of `from` has brought writes beyond a gap. If too many wait, it is left to
    /// repair.
    pub(crate) fn note(
        &mut self,
        out: &mut Out,
        from: Ix,
        group: &GroupName,
        member: Ix,
        have: u64,
    ) {
        let known = self.open.has(|gap| gap.member == member && gap.group == *group);
        if !known && !self.open.is_full() {
            self.open.wait(out, Why::Gap, GAP, Gap { from, group: group.clone(), member, have });
        }
    }

    /// Asks for what has not come meanwhile.
    pub(crate) fn on_timer(&mut self, picture: &Picture, out: &mut Out) {
        for gap in self.open.take_due(out, Why::Gap) {
            if picture.topology.clock_of(&gap.group, gap.member).unwrap_or(0) <= gap.have {
                let member = picture.life(gap.member);
                let want = Frame::Want { group: gap.group, member, since: gap.have };
                out.say_frame(picture.bound(gap.from), want);
            }
        }
    }

    /// Forgets a node that is leaving the table.
    pub(crate) fn forget(&mut self, ix: Ix) {
        self.open.suppress(|gap| gap.from == ix || gap.member == ix);
    }

    pub(crate) fn clear(&mut self) {
        self.open.clear();
    }
}
