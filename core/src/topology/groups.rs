//! The table of groups, by name and by slot.

use alloc::vec::Vec;
use core::hash;

use hashbrown::HashTable;

use super::group::Group;
use crate::base::{GroupName, Hash};

/// The groups. A slot stays the same until its group is removed.
#[derive(Clone)]
pub(super) struct Groups {
    slots: Vec<Option<Group>>,
    free: Vec<u32>,
    by_name: HashTable<u32>,
    /// Slots by name.
    sorted: Vec<u32>,
    limit: usize,
}

/// A group's place in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot(u32);

/// The table of names is left out, as it follows from the rest.
impl hash::Hash for Groups {
    fn hash<H: hash::Hasher>(&self, state: &mut H) {
        let Self { slots, free, by_name: _, sorted, limit } = self;
        hash::Hash::hash(&(slots, free, sorted, limit), state);
    }
}

impl Groups {
    pub(super) const fn new(limit: usize) -> Self {
        Self {
            slots: Vec::new(),
            free: Vec::new(),
            by_name: HashTable::new(),
            sorted: Vec::new(),
            limit,
        }
    }

    pub(super) fn find(&self, name: &GroupName) -> Option<Slot> {
        let named = |&slot: &u32| self.get(Slot(slot)).name == *name;
        self.by_name.find(hash(name), named).map(|&slot| Slot(slot))
    }

    pub(super) fn by_name(&self, name: &GroupName) -> Option<&Group> {
        self.find(name).map(|slot| self.get(slot))
    }

    pub(super) fn get(&self, slot: Slot) -> &Group {
        self.slots[slot.0 as usize].as_ref().expect(OCCUPIED)
    }

    pub(super) fn get_mut(&mut self, slot: Slot) -> &mut Group {
        self.slots[slot.0 as usize].as_mut().expect(OCCUPIED)
    }

    /// Whether there is room for one more group.
    pub(super) const fn is_full(&self) -> bool {
        self.sorted.len() >= self.limit
    }

    /// How many groups have to go so that there is room for one more.
    pub(super) const fn excess(&self) -> usize {
        (self.sorted.len() + 1).saturating_sub(self.limit)
    }

    pub(super) const fn limit(&self) -> usize {
        self.limit
    }

    pub(super) const fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
    }

    /// The slot of a group; if it is not there, `make` makes it.
    pub(super) fn intern(&mut self, name: &GroupName, make: impl FnOnce() -> Group) -> Slot {
        if let Some(slot) = self.find(name) {
            return slot;
        }
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            (self.slots.len() - 1) as u32
        });
        self.slots[slot as usize] = Some(make());
        let at = self.place(name).unwrap_or_else(|at| at);
        self.sorted.insert(at, slot);
        let slots = &self.slots;
        let rehash = |&slot: &u32| hash(&slots[slot as usize].as_ref().expect(OCCUPIED).name);
        self.by_name.insert_unique(hash(name), slot, rehash);
        Slot(slot)
    }

    /// Gives the slot back if its group has no record left.
    pub(super) fn drop_if_empty(&mut self, slot: Slot) {
        let group = self.get(slot);
        if !group.records().is_empty() {
            return;
        }
        let name = group.name.clone();
        if let Ok(at) = self.place(&name) {
            self.sorted.remove(at);
        }
        if let Ok(entry) = self.by_name.find_entry(hash(&name), |&other| other == slot.0) {
            entry.remove();
        }
        self.slots[slot.0 as usize] = None;
        self.free.push(slot.0);
    }

    /// The occupied slots, by number.
    ///
    /// A copy, so that the groups can be changed, and removed, on the way.
    pub(super) fn slots(&self) -> Vec<Slot> {
        let occupied = (0..).zip(&self.slots).filter(|(_, group)| group.is_some());
        occupied.map(|(slot, _)| Slot(slot)).collect()
    }

    /// The groups by name.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Group> {
        self.sorted.iter().map(|&slot| self.get(Slot(slot)))
    }

    /// The groups in no order that means anything.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Group> {
        self.slots.iter_mut().flatten()
    }

    fn place(&self, name: &GroupName) -> Result<usize, usize> {
        self.sorted.binary_search_by(|&slot| self.get(Slot(slot)).name.cmp(name))
    }
}

const OCCUPIED: &str = "tables hold the slots of groups that are there";
const TABLE: [u64; 2] = [0x589d_e3cb_f5b8_5f1b, 0x1b87_3593_cc9e_2d51];

fn hash(name: &GroupName) -> u64 {
    Hash::new(TABLE, 0).bytes(name.as_bytes()).finish()
}
