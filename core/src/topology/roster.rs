//! The nodes by number: ids are interned once and everything else is kept by index.

use alloc::vec::Vec;
use core::fmt;
use core::hash::Hasher;

use hashbrown::HashTable;

use crate::base::{Epoch, Hash, Ix, Life, NodeId, Status, growth};

/// The entry of a node: 24 bytes, so that what is looked up together lies together.
#[derive(Clone, Copy, Hash)]
struct Entry {
    id: NodeId,
    mark: u8,
    /// That of the node, or of the next one if the place is vacant.
    generation: u8,
    hash: u32,
    epoch: Epoch,
}

const _: () = assert!(size_of::<Entry>() == 24);

/// The known nodes: id, its hash, epoch and status of each, and a hash table over the ids.
#[derive(Clone)]
pub(crate) struct Roster {
    entries: Vec<Entry>,
    by_id: HashTable<u32>,
    free: Vec<u32>,
    limit: usize,
}

/// The table of ids is left out, as it follows from the rest.
impl core::hash::Hash for Roster {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let Self { entries, by_id: _, free, limit } = self;
        core::hash::Hash::hash(&(entries, free, limit), state);
    }
}

impl Roster {
    /// A roster of at most `limit` nodes (from one to [`Ix::COUNT`]) that knows `me` alone, at [`Ix::ME`].
    pub(crate) fn new(me: Life, limit: usize) -> Self {
        let mut roster = Self {
            entries: Vec::new(),
            by_id: HashTable::new(),
            free: Vec::new(),
            limit: limit.clamp(1, Ix::COUNT),
        };
        roster.intern(me.id, me.epoch).expect("the limit is at least one");
        roster
    }

    /// The index of `id`, which is added, alive and in `epoch`, if it is new.
    pub(crate) fn intern(&mut self, id: NodeId, epoch: Epoch) -> Result<Ix, RosterFull> {
        if let Some(ix) = self.find(id) {
            return Ok(ix);
        }
        if self.is_full() {
            return Err(RosterFull { limit: self.limit });
        }
        let mut entry = Entry { id, mark: 0, generation: 0, hash: hash(id), epoch };
        let index = if let Some(index) = self.free.pop() {
            let place = &mut self.entries[index as usize];
            entry.generation = place.generation;
            *place = entry;
            index
        } else {
            growth::push(&mut self.entries, entry);
            (self.entries.len() - 1) as u32
        };
        let entries = &self.entries;
        let rehash = |&other: &u32| spread(entries[other as usize].hash);
        self.by_id.insert_unique(spread(entry.hash), index, rehash);
        Ok(Ix::new(index, entry.generation))
    }

    /// Whether there is no room for another node.
    pub(crate) fn is_full(&self) -> bool {
        self.room() == 0
    }

    /// How many more nodes there is room for.
    pub(crate) fn room(&self) -> usize {
        self.limit.saturating_sub(self.len())
    }

    /// Replaces the limit. Nodes that are known beyond a lower one stay.
    pub(crate) fn set_limit(&mut self, limit: usize) {
        self.limit = limit.clamp(1, Ix::COUNT);
    }

    /// Removes a node; its index may be given to another, in the next generation.
    pub(crate) fn remove(&mut self, ix: Ix) {
        if !self.is_current(ix) {
            return;
        }
        let (index, hash) = (ix.index() as u32, spread(self.hash(ix)));
        if let Ok(entry) = self.by_id.find_entry(hash, |&other| other == index) {
            entry.remove();
        }
        let place = &mut self.entries[ix.index()];
        place.mark = VACANT;
        place.generation = place.generation.wrapping_add(1);
        self.free.push(index);
    }

    /// Whether the node has not been removed.
    pub(crate) fn is_current(&self, ix: Ix) -> bool {
        let entry = self.entries.get(ix.index());
        entry.is_some_and(|entry| entry.generation == ix.generation() && entry.mark != VACANT)
    }

    /// The entry of a node that has not been removed.
    #[inline]
    fn entry(&self, ix: Ix) -> &Entry {
        debug_assert!(self.is_current(ix), "{ix:?} has been removed");
        &self.entries[ix.index()]
    }

    fn entry_mut(&mut self, ix: Ix) -> &mut Entry {
        debug_assert!(self.is_current(ix), "{ix:?} has been removed");
        &mut self.entries[ix.index()]
    }

    pub(crate) fn set_epoch(&mut self, ix: Ix, epoch: Epoch) {
        self.entry_mut(ix).epoch = epoch;
    }

    pub(crate) fn set_status(&mut self, ix: Ix, status: Status) {
        let mark = &mut self.entry_mut(ix).mark;
        *mark = *mark & !STATUS | status as u8;
    }

    /// Marks a node whose records are no longer passed on.
    pub(crate) fn set_retired(&mut self, ix: Ix, retired: bool) {
        let mark = &mut self.entry_mut(ix).mark;
        *mark = *mark & !RETIRED | if retired { RETIRED } else { 0 };
    }

    /// Marks a node that drains.
    pub(crate) fn set_draining(&mut self, ix: Ix, draining: bool) {
        let mark = &mut self.entry_mut(ix).mark;
        *mark = *mark & !DRAINING | if draining { DRAINING } else { 0 };
    }

    pub(crate) fn find(&self, id: NodeId) -> Option<Ix> {
        let entries = &self.entries;
        self.by_id
            .find(spread(hash(id)), |&index| entries[index as usize].id == id)
            .map(|&index| Ix::new(index, entries[index as usize].generation))
    }

    #[inline]
    pub(crate) fn id(&self, ix: Ix) -> NodeId {
        self.entry(ix).id
    }

    /// A hash of the id that is the same at all nodes.
    #[inline]
    pub(crate) fn hash(&self, ix: Ix) -> u32 {
        self.entry(ix).hash
    }

    pub(crate) fn epoch(&self, ix: Ix) -> Epoch {
        self.entry(ix).epoch
    }

    pub(crate) fn life(&self, ix: Ix) -> Life {
        let Entry { id, epoch, .. } = *self.entry(ix);
        Life { id, epoch }
    }

    #[inline]
    pub(crate) fn status(&self, ix: Ix) -> Status {
        match self.entry(ix).mark & STATUS {
            0 => Status::Alive,
            1 => Status::Suspect,
            2 => Status::Unreachable,
            3 => Status::Down,
            _ => Status::Left,
        }
    }

    pub(crate) fn is_retired(&self, ix: Ix) -> bool {
        self.entry(ix).mark & RETIRED != 0
    }

    pub(crate) fn is_draining(&self, ix: Ix) -> bool {
        self.entry(ix).mark & DRAINING != 0
    }

    /// How many nodes are known, the own one included.
    pub(crate) fn len(&self) -> usize {
        self.entries.len() - self.free.len()
    }

    /// One more than the highest index in use: the length of parallel vectors.
    pub(crate) fn slots(&self) -> usize {
        self.entries.len()
    }

    /// The nodes by rising index.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Ix> + use<'_> {
        let occupied = self.entries.iter().enumerate().filter(|(_, entry)| entry.mark != VACANT);
        occupied.map(|(index, entry)| Ix::new(index as u32, entry.generation))
    }
}

/// The roster is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RosterFull {
    /// The most nodes that it holds.
    pub(crate) limit: usize,
}

impl fmt::Display for RosterFull {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "node limit reached ({} nodes); raise it or forget nodes", self.limit)
    }
}

impl core::error::Error for RosterFull {}

const STATUS: u8 = 0x07;
const DRAINING: u8 = 0x20;
const RETIRED: u8 = 0x40;
const VACANT: u8 = 0x80;
const TABLE: [u64; 2] = [0x8ebc_6af0_9c88_c6e3, 0x5899_65cc_7537_4cc3];

/// The hash of an id. All nodes have to agree on it, since routes are ranked by it.
pub(crate) fn hash(id: NodeId) -> u32 {
    (Hash::new(TABLE, 0).node(id).finish() >> 32) as u32
}

/// Fills the bits that the table looks at.
const fn spread(hash: u32) -> u64 {
    (hash as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(port: u16) -> NodeId {
        NodeId::from_bits(port.into())
    }

    fn roster(limit: usize) -> Roster {
        Roster::new(Life { id: id(0), epoch: Epoch(9) }, limit)
    }

    #[test]
    fn an_index_stays_until_the_node_is_removed() {
        let mut roster = roster(10);
        let a = roster.intern(id(1), Epoch(1)).unwrap();
        let b = roster.intern(id(2), Epoch(2)).unwrap();
        assert_eq!(roster.intern(id(1), Epoch(5)).unwrap(), a);
        assert_eq!(roster.epoch(a), Epoch(1));
        roster.remove(a);
        assert_eq!(roster.find(id(1)), None);
        assert_eq!(roster.find(id(2)), Some(b));
        assert_eq!(roster.iter().collect::<Vec<_>>(), [Ix::ME, b]);
        let successor = roster.intern(id(3), Epoch(3)).unwrap();
        assert_eq!(successor.index(), a.index());
        assert_eq!(roster.life(successor), Life { id: id(3), epoch: Epoch(3) });
    }

    /// Whatever still holds the number of a removed node cannot reach the next one by it.
    #[test]
    fn a_removed_node_is_not_taken_for_its_successor() {
        let mut roster = roster(10);
        let a = roster.intern(id(1), Epoch(1)).unwrap();
        let b = roster.intern(id(2), Epoch(1)).unwrap();
        roster.remove(a);
        assert!(!roster.is_current(a));
        for port in 3..=257 {
            let next = roster.intern(id(port), Epoch(1)).unwrap();
            assert!(!roster.is_current(a) && roster.is_current(next));
            assert!(a < next && next < b, "nodes sort by index");
            assert_eq!(roster.find(id(port)), Some(next));
            assert_eq!(roster.iter().collect::<Vec<_>>(), [Ix::ME, next, b]);
            // The old number removes nobody.
            roster.remove(a);
            roster.remove(next);
            assert_eq!(roster.len(), 2);
        }
        // The generation has eight bits.
        assert_eq!(roster.intern(id(1), Epoch(1)).unwrap(), a);
    }

    #[test]
    fn removing_twice_frees_one_slot() {
        let mut roster = roster(10);
        let a = roster.intern(id(1), Epoch(1)).unwrap();
        roster.set_status(a, Status::Down);
        roster.remove(a);
        roster.remove(a);
        assert_eq!((roster.len(), roster.slots()), (1, 2));
    }

    #[test]
    fn the_limit_is_named() {
        let mut roster = roster(2);
        roster.intern(id(1), Epoch(1)).unwrap();
        assert_eq!(roster.intern(id(2), Epoch(1)), Err(RosterFull { limit: 2 }));
        assert_eq!(roster.intern(id(1), Epoch(1)), Ok(Ix::of(1)));
    }

    #[test]
    fn status_retirement_and_draining_are_independent() {
        let mut roster = roster(2);
        for status in
            [Status::Left, Status::Down, Status::Unreachable, Status::Suspect, Status::Alive]
        {
            for retired in [true, false] {
                roster.set_draining(Ix::ME, !retired);
                roster.set_retired(Ix::ME, retired);
                roster.set_status(Ix::ME, status);
                assert_eq!((roster.status(Ix::ME), roster.is_retired(Ix::ME)), (status, retired));
                assert_eq!(roster.is_draining(Ix::ME), !retired);
            }
        }
    }
}
