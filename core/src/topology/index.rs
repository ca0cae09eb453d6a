//! The route index: which ranges hold a key, without looking at those that do not.
//!
//! Ranges that are served lie in leaves of up to 32, sorted by (start, end, member); above them,
//! in arrays that are searched fast, each leaf's first start and the largest end. A leaf left of
//! the key whose largest end reaches the key holds a match for certain, and a tree of maxima finds
//! the next such leaf to the left. So a look-up visits at most one leaf more than there are
//! matches, however the ranges nest. This is a priority search tree (McCreight 1985) with wide
//! leaves.
//!
//! A range takes 14 bytes of a leaf; a full leaf first shares with a neighbour and splits only
//! when both are full, so leaves are three quarters full: less than 24 bytes a range in the mean.
//! Up to 32 ranges are kept in one plain list.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::firsts::Firsts;
use super::maxima::Maxima;
use crate::base::growth;

/// A range, the member that serves it, and its port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Entry {
    pub(super) start: u32,
    pub(super) end: u32,
    pub(super) member: u32,
    pub(super) port: u16,
}

/// Where an entry is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Position(u32);

/// The served ranges of one group.
#[derive(Clone, Default)]
pub(super) struct Index {
    /// All entries, sorted, while they are few.
    few: Vec<Entry>,
    /// All entries, once they are many.
    many: Option<Box<Leaves>>,
}

impl Index {
    /// Adds an entry. There is at most one for each (start, end, member).
    pub(super) fn insert(&mut self, entry: Entry) {
        if let Some(leaves) = &mut self.many {
            return leaves.insert(entry);
        }
        let at = self.few.partition_point(|other| *other < entry);
        growth::insert(&mut self.few, at, entry);
        if self.few.len() > FEW {
            self.many = Some(Box::new(Leaves::new(&core::mem::take(&mut self.few))));
        }
    }

    /// Removes an entry, if it is there.
    pub(super) fn remove(&mut self, entry: Entry) {
        if let Some(leaves) = &mut self.many {
            leaves.remove(entry);
            if leaves.len <= FEW / 2 {
                self.few = leaves.iter().collect();
                self.many = None;
            }
        } else if let Ok(at) = self.few.binary_search(&entry) {
            self.few.remove(at);
            growth::shrink(&mut self.few);
        }
    }

    /// Calls `found` with the member of each entry whose range holds `key`, and where it is.
    #[inline]
    pub(super) fn at(&self, key: u32, mut found: impl FnMut(u32, Position)) {
        if let Some(leaves) = &self.many {
            return leaves.at(key, found);
        }
        for (at, entry) in self.few.iter().enumerate() {
            if entry.start <= key && key <= entry.end {
                found(entry.member, Position(at as u32));
            }
        }
    }

    /// The entry at a position that [`at`](Self::at) has told, while the index has not changed.
    #[inline]
    pub(super) fn entry(&self, position: Position) -> Entry {
        let at = position.0 as usize;
        match &self.many {
            Some(leaves) => leaves.places[at / LEAF].leaf.get(at % LEAF),
            None => self.few[at],
        }
    }

    /// All entries by (start, end, member).
    pub(super) fn iter(&self) -> impl Iterator<Item = Entry> + use<'_> {
        self.few.iter().copied().chain(self.many.iter().flat_map(|leaves| leaves.iter()))
    }
}

/// The longest plain list.
const FEW: usize = 32;
/// Entries in a full leaf.
const LEAF: usize = 32;

/// Sorted entries, by column. Behind the last one lie entries that hold no key.
///
/// Keys are kept as signed numbers: the instructions that all x86-64 share compare only these
/// four at a time.
#[derive(Clone)]
struct Leaf {
    starts: [i32; LEAF],
    ends: [i32; LEAF],
    members: [u32; LEAF],
    ports: [u16; LEAF],
}

impl Leaf {
    const EMPTY: Self = Self {
        starts: [i32::MAX; LEAF],
        ends: [i32::MIN; LEAF],
        members: [0; LEAF],
        ports: [0; LEAF],
    };

    const fn get(&self, at: usize) -> Entry {
        Entry {
            start: unsigned(self.starts[at]),
            end: unsigned(self.ends[at]),
            member: self.members[at],
            port: self.ports[at],
        }
    }

    const fn set(&mut self, at: usize, entry: Entry) {
        self.starts[at] = signed(entry.start);
        self.ends[at] = signed(entry.end);
        self.members[at] = entry.member;
        self.ports[at] = entry.port;
    }

    /// Moves the entries of `from..len` by one place up, or down if `up` is false.
    fn shift(&mut self, from: usize, len: usize, up: bool) {
        let to = if up { from + 1 } else { from - 1 };
        self.starts.copy_within(from..len, to);
        self.ends.copy_within(from..len, to);
        self.members.copy_within(from..len, to);
        self.ports.copy_within(from..len, to);
    }

    /// A leaf of these entries.
    fn of(entries: &[Entry]) -> Self {
        let mut leaf = Self::EMPTY;
        for (at, entry) in entries.iter().enumerate() {
            leaf.set(at, *entry);
        }
        leaf
    }

    const fn first_start(&self) -> u32 {
        unsigned(self.starts[0])
    }

    fn largest_end(&self) -> u32 {
        unsigned(self.ends.iter().fold(i32::MIN, |largest, end| largest.max(*end)))
    }

    /// A bit for each entry whose range holds `key`.
    #[inline]
    fn holding(&self, key: u32) -> u32 {
        let key = signed(key);
        let mut mask = 0;
        for (at, bit) in BITS.iter().enumerate() {
            let is_outside = (self.starts[at] > key) | (key > self.ends[at]);
            mask |= if is_outside { 0 } else { *bit };
        }
        mask
    }
}

/// A number in the signed order, in which 0 is the lowest.
const fn signed(number: u32) -> i32 {
    number as i32 ^ i32::MIN
}

/// Back from the signed order.
const fn unsigned(number: i32) -> u32 {
    (number ^ i32::MIN) as u32
}

/// `1 << i` at `i`: looked up, a loop over it needs no shift by a variable.
const BITS: [u32; LEAF] = {
    let mut bits = [1; LEAF];
    let mut at = 1;
    while at < LEAF {
        bits[at] = bits[at - 1] << 1;
        at += 1;
    }
    bits
};

/// Leaves in order, and what is searched to find them.
#[derive(Clone)]
struct Leaves {
    places: Vec<Place>,
    lens: Vec<u8>,
    /// Each leaf's first start.
    firsts: Firsts,
    /// Each leaf's largest end.
    reaches: Maxima,
    len: usize,
}

/// A leaf, and what a search reads of it before it looks inside.
#[derive(Clone)]
struct Place {
    /// The largest end in the leaf.
    reach: u32,
    /// The largest end in all leaves to the left: most searches end there.
    reach_before: u32,
    /// When leaves come and go, 16 bytes of each are moved, not 464.
    leaf: Box<Leaf>,
}

impl Leaves {
    fn new(entries: &[Entry]) -> Self {
        let mut leaves = Self {
            places: Vec::new(),
            lens: Vec::new(),
            firsts: Firsts::default(),
            reaches: Maxima::new(),
            len: entries.len(),
        };
        for chunk in entries.chunks(LEAF * 3 / 4) {
            leaves.put(leaves.places.len(), chunk);
        }
        leaves
    }

    #[inline]
    fn at(&self, key: u32, mut found: impl FnMut(u32, Position)) {
        let mut before = self.firsts.count_up_to(key);
        while before > 0 {
            let mut i = before - 1;
            let mut place = &self.places[i];
            if place.reach < key {
                if place.reach_before < key {
                    return;
                }
                let Some(further) = self.reaches.last_reaching(i, key) else { return };
                i = further;
                place = &self.places[i];
            }
            let mut mask = place.leaf.holding(key);
            while mask != 0 {
                let at = mask.trailing_zeros() as usize;
                found(place.leaf.members[at], Position((i * LEAF + at) as u32));
                mask &= mask - 1;
            }
            if place.reach_before < key {
                return;
            }
            before = i;
        }
    }

    /// Sets the largest end of the leaf `i`.
    fn set_reach(&mut self, i: usize, reach: u32) {
        self.places[i].reach = reach;
        self.reaches.set(i, reach);
        self.spread_reach(i + 1, i + 1);
    }

    /// Writes `reach_before` anew from `i` on, until, beyond `least`, nothing changes any more.
    fn spread_reach(&mut self, i: usize, least: usize) {
        let left = i.checked_sub(1).map(|left| &self.places[left]);
        let mut largest = left.map_or(0, |place| place.reach.max(place.reach_before));
        for (at, place) in self.places.iter_mut().enumerate().skip(i) {
            if at >= least && place.reach_before == largest {
                return;
            }
            place.reach_before = largest;
            largest = largest.max(place.reach);
        }
    }

    fn iter(&self) -> impl Iterator<Item = Entry> + use<'_> {
        let leaves = self.places.iter().zip(&self.lens);
        leaves.flat_map(|(place, len)| (0..usize::from(*len)).map(|at| place.leaf.get(at)))
    }

    /// The leaf in which an entry lies or would lie.
    fn leaf_of(&self, entry: Entry) -> usize {
        let firsts = self.firsts.as_slice();
        let low = firsts.partition_point(|first| *first < entry.start);
        let same = firsts[low..].partition_point(|first| *first == entry.start);
        let same = &self.places[low..low + same];
        let above = same.partition_point(|place| place.leaf.get(0) <= entry);
        (low + above).saturating_sub(1)
    }

    /// The place in the leaf at which an entry lies or would lie.
    fn place_in(&self, i: usize, entry: Entry) -> usize {
        let (leaf, mut low, mut high) = (&self.places[i].leaf, 0, self.len_of(i));
        while low < high {
            let middle = low.midpoint(high);
            if leaf.get(middle) < entry { low = middle + 1 } else { high = middle }
        }
        low
    }

    fn insert(&mut self, entry: Entry) {
        self.len += 1;
        let i = self.leaf_of(entry);
        let i = if self.len_of(i) == LEAF { self.make_room(i, entry) } else { i };
        let at = self.place_in(i, entry);
        let (len, leaf) = (self.len_of(i), &mut self.places[i].leaf);
        leaf.shift(at, len, true);
        leaf.set(at, entry);
        self.lens[i] += 1;
        self.firsts.set(i, leaf.first_start());
        let reach = self.places[i].reach.max(entry.end);
        self.set_reach(i, reach);
    }

    fn remove(&mut self, entry: Entry) {
        let i = self.leaf_of(entry);
        let at = self.place_in(i, entry);
        let len = self.len_of(i);
        if at >= len || self.places[i].leaf.get(at) != entry {
            return;
        }
        self.len -= 1;
        let leaf = &mut self.places[i].leaf;
        leaf.shift(at + 1, len, false);
        leaf.set(len - 1, Leaf::EMPTY.get(0));
        self.lens[i] -= 1;
        self.firsts.set(i, leaf.first_start());
        let reach = leaf.largest_end();
        self.set_reach(i, reach);
        if len - 1 < LEAF / 2 {
            self.join_neighbour(i);
        }
    }

    /// Shares the full leaf `i` with a neighbour, or splits it if both are near full; returns the
    /// leaf in which `entry` lies from then on.
    fn make_room(&mut self, i: usize, entry: Entry) -> usize {
        let roomy = |j: usize| self.len_of(j) <= LEAF * 7 / 8;
        let entries = self.entries(i);
        if i > 0 && roomy(i - 1) {
            self.share(i - 1);
        } else if i + 1 < self.places.len() && roomy(i + 1) {
            self.share(i);
        } else {
            // Ranges that are added in rising order leave full leaves behind.
            let last = i + 1 == self.places.len() && entries[LEAF - 1] < entry;
            let cut = if last { LEAF - 1 } else { LEAF / 2 };
            self.fill(i, &entries[..cut]);
            self.put(i + 1, &entries[cut..]);
        }
        self.leaf_of(entry)
    }

    /// Joins a leaf that is less than half full with a neighbour if the two fit into one.
    fn join_neighbour(&mut self, i: usize) {
        let fits = |j: usize| {
            j + 1 < self.places.len() && self.len_of(j) + self.len_of(j + 1) <= LEAF * 7 / 8
        };
        let Some(j) = [i.saturating_sub(1), i].into_iter().find(|j| fits(*j)) else {
            if self.len_of(i) == 0 {
                self.cut(i);
            }
            return;
        };
        let mut entries = self.entries(j);
        entries.extend(self.entries(j + 1));
        self.cut(j + 1);
        self.fill(j, &entries);
    }

    /// Spreads the entries of leaves `j` and `j + 1` evenly over both.
    fn share(&mut self, j: usize) {
        let mut entries = self.entries(j);
        entries.extend(self.entries(j + 1));
        let (low, high) = entries.split_at(entries.len() / 2);
        self.fill(j, low);
        self.fill(j + 1, high);
    }

    fn len_of(&self, i: usize) -> usize {
        usize::from(self.lens[i])
    }

    fn entries(&self, i: usize) -> Vec<Entry> {
        (0..self.len_of(i)).map(|at| self.places[i].leaf.get(at)).collect()
    }

    /// Gives the leaf `i` these entries instead of its own.
    fn fill(&mut self, i: usize, entries: &[Entry]) {
        *self.places[i].leaf = Leaf::of(entries);
        self.lens[i] = entries.len() as u8;
        self.firsts.set(i, self.places[i].leaf.first_start());
        self.set_reach(i, self.places[i].leaf.largest_end());
    }

    /// Inserts a leaf of these entries at `i`.
    fn put(&mut self, i: usize, entries: &[Entry]) {
        let leaf = Box::new(Leaf::of(entries));
        let reach = leaf.largest_end();
        growth::insert(&mut self.lens, i, entries.len() as u8);
        self.firsts.insert(i, leaf.first_start());
        self.reaches.insert(i, reach);
        growth::insert(&mut self.places, i, Place { reach, reach_before: 0, leaf });
        self.spread_reach(i, i + 2);
    }

    /// Removes the leaf `i`.
    fn cut(&mut self, i: usize) {
        self.places.remove(i);
        self.lens.remove(i);
        self.firsts.remove(i);
        self.reaches.remove(i);
        self.spread_reach(i, i + 1);
        growth::shrink(&mut self.places);
        growth::shrink(&mut self.lens);
    }
}

#[cfg(test)]
mod tests;
