//! Which ranges gain and lose owners when a member goes, returns or drains.

use super::change::{Change, Changes, OwnerChange};
use super::group::Writer;
use super::index::Entry;
use super::item::{KeyRange, Op, Write};
use super::{Server, Topology};
use crate::base::{Epoch, GroupName, Ix, Life, NodeId, Status};
use crate::topology::limits::DownMembers;

impl Topology {
    /// Sets the status of a node. All are alive by default. A node that is not known yet becomes
    /// known, unless the limit is reached. Takes time in proportion to the groups, up to the last one that
    /// the node is in, and to the ranges that it serves, if it is shown now and was not before, or the
    /// other way round.
    pub fn set_status(&mut self, member: NodeId, status: Status) -> Changes {
        let life = Life { id: member, epoch: Epoch::default() };
        self.intern(life).map_or_else(|_| Changes::default(), |ix| self.set_status_of(ix, status))
    }

    /// Sets whether a node drains; none does by default. As [`set_status`](Self::set_status) otherwise.
    pub fn set_draining(&mut self, member: NodeId, draining: bool) -> Changes {
        let life = Life { id: member, epoch: Epoch::default() };
        self.intern(life)
            .map_or_else(|_| Changes::default(), |ix| self.set_draining_of(ix, draining))
    }

    /// Sets whether members that are not present are shown. Takes effect at once.
    pub fn set_down_members(&mut self, down: DownMembers) -> Changes {
        let mut changes = Changes::default();
        if down != self.down {
            self.down = down;
            let members: alloc::vec::Vec<Ix> = self.roster.iter().collect();
            for ix in members.into_iter().filter(|&ix| !self.roster.status(ix).is_present()) {
                self.tell_of_owner(ix, down == DownMembers::Hide, &mut changes);
            }
        }
        changes
    }

    /// As [`set_status`](Self::set_status), by index.
    pub(crate) fn set_status_of(&mut self, ix: Ix, status: Status) -> Changes {
        let mut changes = Changes::default();
        let was_shown = self.is_shown(ix);
        self.roster.set_status(ix, status);
        if was_shown != self.is_shown(ix) {
            self.tell_of_owner(ix, was_shown, &mut changes);
        }
        changes
    }

    /// As [`set_draining`](Self::set_draining), by index.
    pub(crate) fn set_draining_of(&mut self, ix: Ix, draining: bool) -> Changes {
        let mut changes = Changes::default();
        if draining != self.roster.is_draining(ix) {
            self.roster.set_draining(ix, draining);
            if self.is_shown(ix) {
                let change = if draining { OwnerChange::Draining } else { OwnerChange::Undrained };
                self.tell_of_ranges(ix, change, &mut changes);
            }
        }
        changes
    }

    /// The owners of all keys of a group, by (start, end); each member once for each range that it serves.
    /// [`DownMembers`] says whether members that are not present are skipped.
    pub fn owners(&self, group: &GroupName) -> impl Iterator<Item = Server> + use<'_> {
        let entries = self.groups.by_name(group).into_iter().flat_map(|group| group.index.iter());
        let shown = entries.filter(|entry| self.is_shown(Ix::from_raw(entry.member)));
        shown.map(|Entry { start, end, member, port }| {
            let member = self.roster.id(Ix::from_raw(member));
            Server { member, port, range: KeyRange::between(start, end) }
        })
    }

    /// A member as one that writes now.
    pub(super) fn writer(&self, ix: Ix) -> Writer {
        let drains = self.roster.is_draining(ix);
        let serving = if drains { OwnerChange::Draining } else { OwnerChange::Served };
        Writer { ix, life: self.roster.life(ix), serving: self.is_shown(ix).then_some(serving) }
    }

    /// A member has ceased or begun to be shown.
    fn tell_of_owner(&self, ix: Ix, is_hidden: bool, changes: &mut Changes) {
        let change = match (is_hidden, self.roster.is_draining(ix)) {
            (true, _) => OwnerChange::Down,
            (false, true) => OwnerChange::Draining,
            (false, false) => OwnerChange::Back,
        };
        self.tell_of_ranges(ix, change, changes);
    }

    /// Says the same of all ranges that a member serves.
    fn tell_of_ranges(&self, ix: Ix, change: OwnerChange, changes: &mut Changes) {
        let member = self.roster.id(ix);
        let groups = self.groups.iter().filter_map(|group| Some((group, group.record(ix)?)));
        // Ends with the last record of the member.
        for (group, record) in groups.take(self.records_of[ix.index()] as usize) {
            for Write { range, .. } in record.writes().filter(|write| write.op == Op::Add) {
                changes.push(Change::Owner { group: group.name.clone(), member, range, change });
            }
        }
    }
}
