//! What is remembered of records that were given up, so that an old copy does not bring back what
//! was removed: the last ones one by one, and of older ones the highest clock of each member.

use alloc::collections::{BTreeMap, VecDeque};

use crate::base::Ix;

/// How many are remembered one by one.
const RECENT: usize = 1024;

/// A record that was given up.
#[derive(Clone, Hash)]
struct Past {
    group: u64,
    member: Ix,
    clock: u64,
}

/// Records that were given up.
#[derive(Clone, Default, Hash)]
pub(super) struct GivenUp {
    recent: VecDeque<Past>,
    faded: BTreeMap<Ix, u64>,
}

impl GivenUp {
    /// A record was given up, or has moved on since.
    pub(super) fn note(&mut self, group: u64, member: Ix, clock: u64) {
        let same = |past: &&mut Past| past.member == member && past.group == group;
        if let Some(past) = self.recent.iter_mut().find(same) {
            past.clock = clock.max(past.clock);
            return;
        }
        if self.recent.len() >= RECENT
            && let Some(oldest) = self.recent.pop_front()
        {
            let faded = self.faded.entry(oldest.member).or_default();
            *faded = oldest.clock.max(*faded);
        }
        self.recent.push_back(Past { group, member, clock });
    }

    /// The clock of a record that is remembered.
    pub(super) fn clock(&self, group: u64, member: Ix) -> Option<u64> {
        let same = |past: &&Past| past.member == member && past.group == group;
        self.recent.iter().find(same).map(|past| past.clock)
    }

    /// Whether a copy is one of a record that is remembered, and not beyond it.
    pub(super) fn covers(&self, group: u64, member: Ix, clock: u64) -> bool {
        self.clock(group, member).is_some_and(|past| clock <= past)
    }

    /// The highest clock of the records of a member that are no longer remembered one by one; 0 if there
    /// is none.
    pub(super) fn faded(&self, member: Ix) -> u64 {
        self.faded.get(&member).copied().unwrap_or(0)
    }

    /// The highest clock of all records of a member that were given up; 0 if there is none.
    pub(super) fn highest(&self, member: Ix) -> u64 {
        let recent = self.recent.iter().filter(|past| past.member == member);
        recent.map(|past| past.clock).fold(self.faded(member), u64::max)
    }

    /// What a member has said is void.
    pub(super) fn forget(&mut self, member: Ix) {
        self.recent.retain(|past| past.member != member);
        self.faded.remove(&member);
    }
}
