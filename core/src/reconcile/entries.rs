//! Subjects in the order of their positions, with sums over equal parts of all positions.
//!
//! Each part is a sorted table of its own. While many nodes start, each of them holds this for all
//! others: an entry takes 24 bytes and little room beside it, half of what a balanced tree takes.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::base::{GroupName, Ix, growth};
use crate::reconcile::root::Subject;

/// Positions are divided by their first bits into this many parts, whose sums are kept.
const PARTS: usize = 256;
const PART_SHIFT: u32 = 56;

/// Fingerprints and how many there are of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Sum {
    pub(crate) sum: u64,
    pub(crate) count: u64,
}

impl Sum {
    pub(crate) fn plus(self, fingerprint: u64) -> Self {
        Self { sum: self.sum.wrapping_add(fingerprint), count: self.count + 1 }
    }

    fn minus(self, fingerprint: u64) -> Self {
        Self { sum: self.sum.wrapping_sub(fingerprint), count: self.count.saturating_sub(1) }
    }

    fn join(self, other: Self) -> Self {
        Self { sum: self.sum.wrapping_add(other.sum), count: self.count + other.count }
    }
}

/// One subject.
#[derive(Clone, Copy, Debug, Hash)]
struct Entry {
    position: u64,
    fingerprint: u64,
    /// The number of its group, or [`PEER`], or [`ATTRIBUTE`] and above.
    kind: u32,
    ix: Ix,
}

const _: () = assert!(size_of::<Entry>() == 24);

const PEER: u32 = u32::MAX;
/// What is added to the kind of an attribute. The numbers of groups stay below.
const ATTRIBUTE: u32 = PEER - 256;

impl Entry {
    const fn place(&self) -> (u64, u32, Ix) {
        (self.position, self.kind, self.ix)
    }
}

#[derive(Clone, Debug, Default, Hash)]
struct Part {
    sum: Sum,
    /// By place.
    entries: Vec<Entry>,
}

/// Subjects with their fingerprints, by position.
#[derive(Clone, Debug, Hash)]
pub(crate) struct Entries {
    parts: Vec<Part>,
    names: Names,
    total: Sum,
}

/// What is known of an entry: its position, its fingerprint, and what it is about.
pub(crate) struct Found<'a> {
    pub(crate) position: u64,
    pub(crate) fingerprint: u64,
    entry: &'a Entry,
    names: &'a Names,
}

impl Found<'_> {
    pub(crate) fn subject(&self) -> Subject {
        let ix = self.entry.ix;
        match self.entry.kind {
            PEER => Subject::Peer(ix),
            kind if kind >= ATTRIBUTE => Subject::Attribute(ix, (kind - ATTRIBUTE) as u8),
            group => Subject::Record(self.names.used[group as usize].0.clone(), ix),
        }
    }
}

impl Entries {
    fn new() -> Self {
        let parts = core::iter::repeat_with(Part::default).take(PARTS).collect();
        Self { parts, names: Names::default(), total: Sum::default() }
    }

    /// Takes in many at once.
    pub(crate) fn of(subjects: impl Iterator<Item = (u64, Subject, u64)>) -> Self {
        let mut all = Self::new();
        let mut entries: Vec<Entry> = subjects
            .map(|(position, subject, fingerprint)| all.entry(position, subject, fingerprint))
            .collect();
        entries.sort_unstable_by_key(Entry::place);
        for some in entries.chunk_by(|one, other| part(one.position) == part(other.position)) {
            let part = &mut all.parts[part(some[0].position)];
            part.entries.reserve_exact(some.len() + some.len() / 8);
            part.entries.extend_from_slice(some);
            part.sum = some.iter().fold(part.sum, |sum, entry| sum.plus(entry.fingerprint));
            all.total = all.total.join(part.sum);
        }
        all
    }

    /// The sum of all.
    pub(crate) const fn total(&self) -> Sum {
        self.total
    }

    pub(crate) fn insert(&mut self, position: u64, subject: Subject, fingerprint: u64) {
        let entry = self.entry(position, subject, fingerprint);
        let part = &mut self.parts[part(position)];
        let at = part.entries.partition_point(|other| other.place() < entry.place());
        growth::insert(&mut part.entries, at, entry);
        part.sum = part.sum.plus(fingerprint);
        self.total = self.total.plus(fingerprint);
    }

    fn entry(&mut self, position: u64, subject: Subject, fingerprint: u64) -> Entry {
        let (kind, ix) = match subject {
            Subject::Peer(ix) => (PEER, ix),
            Subject::Attribute(ix, kind) => (ATTRIBUTE + u32::from(kind), ix),
            Subject::Record(group, ix) => (self.names.take(group), ix),
        };
        Entry { position, fingerprint, kind, ix }
    }

    /// Removes a subject; returns whether it was there.
    pub(crate) fn remove(&mut self, position: u64, subject: &Subject) -> bool {
        let (kind, ix) = match subject {
            Subject::Peer(ix) => (Some(PEER), *ix),
            Subject::Attribute(ix, kind) => (Some(ATTRIBUTE + u32::from(*kind)), *ix),
            Subject::Record(group, ix) => (self.names.find(group), *ix),
        };
        let part = &mut self.parts[part(position)];
        let search =
            |kind| part.entries.binary_search_by_key(&(position, kind, ix), Entry::place).ok();
        let Some(at) = kind.and_then(search) else { return false };
        let entry = part.entries.remove(at);
        growth::shrink(&mut part.entries);
        part.sum = part.sum.minus(entry.fingerprint);
        self.total = self.total.minus(entry.fingerprint);
        self.names.give(entry.kind);
        true
    }

    /// The sum over a range.
    pub(crate) fn sum(&self, from: u64, to: u64) -> Sum {
        let mut all = Sum::default();
        for part in part(from)..=part(to) {
            let start = (part as u64) << PART_SHIFT;
            let end = start | u64::MAX >> (64 - PART_SHIFT);
            all = if from <= start && end <= to {
                all.join(self.parts[part].sum)
            } else {
                let some = self.range(from.max(start), to.min(end));
                some.fold(all, |all, found| all.plus(found.fingerprint))
            };
        }
        all
    }

    /// Those in a range, by position.
    pub(crate) fn range(&self, from: u64, to: u64) -> impl Iterator<Item = Found<'_>> {
        let parts = self.parts.get(part(from)..=part(to)).unwrap_or_default();
        let entries = parts.iter().flat_map(move |part| {
            let first = part.entries.partition_point(|entry| entry.position < from);
            part.entries[first..].iter().take_while(move |entry| entry.position <= to)
        });
        entries.map(|entry| Found {
            position: entry.position,
            fingerprint: entry.fingerprint,
            entry,
            names: &self.names,
        })
    }
}

fn part(position: u64) -> usize {
    (position >> PART_SHIFT) as usize
}

/// The groups of records, by number.
#[derive(Clone, Debug, Default, Hash)]
struct Names {
    /// How many entries use each.
    used: Vec<(GroupName, u32)>,
    numbers: BTreeMap<GroupName, u32>,
    free: Vec<u32>,
}

impl Names {
    fn find(&self, group: &GroupName) -> Option<u32> {
        self.numbers.get(group).copied()
    }

    /// The number of a group, for one more entry.
    fn take(&mut self, group: GroupName) -> u32 {
        let number = match self.numbers.get(&group) {
            Some(number) => *number,
            None => {
                let fresh = (group.clone(), 0);
                let number = match self.free.pop() {
                    Some(free) => {
                        self.used[free as usize] = fresh;
                        free
                    }
                    None => {
                        self.used.push(fresh);
                        self.used.len() as u32 - 1
                    }
                };
                self.numbers.insert(group, number);
                number
            }
        };
        self.used[number as usize].1 += 1;
        number
    }

    /// An entry is gone.
    fn give(&mut self, kind: u32) {
        let Some((group, uses)) = self.used.get_mut(kind as usize) else { return };
        *uses -= 1;
        if *uses == 0 {
            self.numbers.remove(group);
            self.free.push(kind);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::mix;
    use alloc::collections::BTreeMap;
    use alloc::format;
    use quickcheck::quickcheck;

    fn subject(seed: u8) -> Subject {
        let ix = Ix::of(u32::from(seed / 8));
        match seed % 8 {
            0 => Subject::Peer(ix),
            1 => Subject::Attribute(ix, seed % 16),
            group => Subject::Record(GroupName::try_from(&*format!("{group}")).unwrap(), ix),
        }
    }

    fn same(one: &Entries, other: &Entries) -> bool {
        let all = |entries: &Entries| -> BTreeMap<_, _> {
            let found = entries.range(0, u64::MAX);
            found.map(|found| ((found.position, found.subject()), found.fingerprint)).collect()
        };
        let sums =
            |entries: &Entries| -> Vec<Sum> { entries.parts.iter().map(|part| part.sum).collect() };
        all(one) == all(other) && sums(one) == sums(other) && one.total() == other.total()
    }

    quickcheck! {
        /// A few positions are shared by subjects of all kinds.
        fn entries_are_a_map_by_position(steps: Vec<(u8, bool)>, a: u64, b: u64) -> bool {
            let (mut entries, mut model) = (Entries::new(), BTreeMap::new());
            for (seed, comes) in steps {
                let position = mix(u64::from(seed / 4));
                let known = model.contains_key(&(position, subject(seed)));
                if comes && !known {
                    entries.insert(position, subject(seed), mix(u64::from(seed)));
                    model.insert((position, subject(seed)), mix(u64::from(seed)));
                } else if !comes {
                    let was = entries.remove(position, &subject(seed));
                    assert_eq!(was, model.remove(&(position, subject(seed))).is_some());
                }
            }
            let (from, to) = (a.min(b), a.max(b));
            let mut got: Vec<_> = entries
                .range(from, to)
                .map(|found| ((found.position, found.subject()), found.fingerprint))
                .collect();
            assert!(got.is_sorted_by_key(|((position, _), _)| *position));
            got.sort();
            let expected: Vec<_> = model
                .iter()
                .filter(|((position, _), _)| (from..=to).contains(position))
                .map(|(place, print)| (place.clone(), *print))
                .collect();
            let sum =
                |prints: &mut dyn Iterator<Item = u64>| prints.fold(Sum::default(), Sum::plus);
            let names = &entries.names;
            got == expected
                && entries.sum(from, to) == sum(&mut expected.iter().map(|(_, print)| *print))
                && entries.total() == sum(&mut model.values().copied())
                && entries.range(to, from).count() == usize::from(from == to) * got.len()
                && names.numbers.len() + names.free.len() == names.used.len()
                && same(
                    &entries,
                    &Entries::of(model.into_iter().map(|((at, what), print)| (at, what, print))),
                )
        }
    }

    #[test]
    fn names_that_nobody_uses_make_room() {
        let mut entries = Entries::new();
        for number in 0..1_000_u32 {
            let group = GroupName::try_from(&*format!("{number}")).unwrap();
            let subject = Subject::Record(group, Ix::ME);
            entries.insert(1, subject.clone(), 5);
            assert!(entries.remove(1, &subject) && !entries.remove(1, &subject));
        }
        assert_eq!((entries.names.used.len(), entries.total()), (1, Sum::default()));
    }
}
