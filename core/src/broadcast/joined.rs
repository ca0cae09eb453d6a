//! Members that have just joined a group: hops of the broadcast tree may not know of them yet, and
//! would leave them out of messages to the group.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use crate::base::growth::KEPT;
use crate::base::{GroupName, Instant, Ix, NodeId};
use crate::picture::Picture;

/// The most joins that are remembered. Older ones count as known to all.
const CAPACITY: usize = 64;

/// The last joins that this node has heard of, oldest first.
#[derive(Clone, Debug, Default, Hash)]
pub(crate) struct Joined {
    joins: VecDeque<(Instant, GroupName, Ix)>,
}

impl Joined {
    /// Notes that a node has joined a group.
    pub(crate) fn note(&mut self, picture: &Picture, group: &GroupName, ix: Ix) {
        self.expire(picture);
        if self.joins.len() >= CAPACITY {
            self.joins.pop_front();
        }
        self.joins.push_back((picture.now, group.clone(), ix));
    }

    /// The members of a group that have just joined it and are within reach.
    pub(crate) fn members(&self, picture: &Picture, group: &GroupName) -> Vec<NodeId> {
        let known = |at: Instant| picture.now.since(at) > picture.timing.join_memory;
        let joins = self.joins.iter().filter(|(at, joined, _)| joined == group && !known(*at));
        let fits =
            |ix: Ix| picture.state(ix).is_reachable() && picture.topology.is_member(group, ix);
        joins.filter(|(_, _, ix)| fits(*ix)).map(|(_, _, ix)| picture.id(*ix)).collect()
    }

    /// Forgets a node that is leaving the table.
    pub(crate) fn forget(&mut self, ix: Ix) {
        self.joins.retain(|(_, _, joined)| *joined != ix);
    }

    /// Forgets joins that all nodes know by now.
    pub(crate) fn expire(&mut self, picture: &Picture) {
        let span = picture.timing.join_memory;
        while self.joins.front().is_some_and(|(at, ..)| picture.now.since(*at) > span) {
            self.joins.pop_front();
        }
        if self.joins.is_empty() && self.joins.capacity() > KEPT {
            self.joins = VecDeque::new();
        }
    }
}
