//! Records: what one member has said about one group.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::item::{KeyRange, Op, Write};
use crate::base::{Ix, growth};
use crate::reconcile::FingerprintKey;

/// A record. Most members say one thing about a group, so that case takes no second allocation:
/// 24 bytes in all.
#[derive(Clone, Hash)]
pub(super) enum Record {
    /// One write, whose clock is the record's, and nothing collected.
    One { member: u32, start: u32, end: u32, port: u16, op: Op, clock: u64 },
    /// Anything else.
    Many { member: u32, body: Box<Body> },
}

const _: () = assert!(size_of::<Record>() == 24);

/// A record in full. Its content is a function of (member's epoch, clock).
#[derive(Clone, Default, Hash)]
pub(super) struct Body {
    /// Counts the owner's writes.
    pub(super) clock: u64,
    /// Tombstones at or below this clock have been collected.
    pub(super) floor: u64,
    /// The last write to each range, by range.
    writes: Vec<Write>,
    /// How many of them are no tombstones, and the sum of their fingerprints.
    live: u32,
    content: u64,
}

/// What the fingerprint of a record covers.
#[derive(Clone, Copy)]
pub(super) struct Version {
    pub(super) clock: u64,
    /// The sum over the writes that are no tombstones: those each node drops when it likes.
    pub(super) content: u64,
}

impl Record {
    /// A record in which nothing has been said yet.
    pub(super) fn new(member: Ix) -> Self {
        Self::Many { member: member.raw(), body: Box::default() }
    }

    pub(super) const fn member(&self) -> Ix {
        match self {
            Self::One { member, .. } | Self::Many { member, .. } => Ix::from_raw(*member),
        }
    }

    pub(super) fn clock(&self) -> u64 {
        match self {
            Self::One { clock, .. } => *clock,
            Self::Many { body, .. } => body.clock,
        }
    }

    pub(super) fn version(&self) -> Version {
        let content = match self {
            Self::One { .. } => self.writes().map(print).fold(0, u64::wrapping_add),
            Self::Many { body, .. } => body.content,
        };
        Version { clock: self.clock(), content }
    }

    pub(super) fn floor(&self) -> u64 {
        match self {
            Self::One { .. } => 0,
            Self::Many { body, .. } => body.floor,
        }
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::One { .. } => 1,
            Self::Many { body, .. } => body.writes.len(),
        }
    }

    /// The last write to each range, by range.
    pub(super) fn writes(&self) -> impl Iterator<Item = Write> + use<'_> {
        let (one, many): (Option<Write>, &[Write]) = match *self {
            Self::One { start, end, port, op, clock, .. } => {
                (Some(Write { range: KeyRange::between(start, end), op, port, clock }), &[])
            }
            Self::Many { ref body, .. } => (None, &body.writes),
        };
        one.into_iter().chain(many.iter().copied())
    }

    /// The last write to `range`.
    pub(super) fn get(&self, range: KeyRange) -> Option<Write> {
        match self {
            Self::One { .. } => self.writes().find(|write| write.range == range),
            Self::Many { body, .. } => body.position(range).ok().map(|at| body.writes[at]),
        }
    }

    /// Whether the member says anything but "no longer".
    pub(super) fn is_live(&self) -> bool {
        match self {
            Self::One { op, .. } => *op != Op::Remove,
            Self::Many { body, .. } => body.live > 0,
        }
    }

    /// Whether the member says "no longer" of any range.
    pub(super) fn has_tombstones(&self) -> bool {
        match self {
            Self::One { op, .. } => *op == Op::Remove,
            Self::Many { body, .. } => (body.live as usize) < body.writes.len(),
        }
    }

    /// Changes the record in any way.
    pub(super) fn amend<R>(&mut self, edit: impl FnOnce(&mut Body) -> R) -> R {
        if let Self::One { member, clock, .. } = *self {
            let live = u32::from(self.is_live());
            let content = self.version().content;
            let body = Body { clock, floor: 0, writes: self.writes().collect(), live, content };
            *self = Self::Many { member, body: Box::new(body) };
        }
        let Self::Many { member, body } = self else { unreachable!("was just made so") };
        let member = *member;
        let result = edit(body);
        if let ([write], 0) = (body.writes.as_slice(), body.floor)
            && write.clock == body.clock
        {
            let Write { range, op, port, clock } = *write;
            let (start, end) = (range.start(), range.end());
            *self = Self::One { member, start, end, port, op, clock };
        } else {
            growth::shrink(&mut body.writes);
        }
        result
    }
}

/// What a write adds to the content of a record. The same under every key of fingerprints, as that of a
/// record has its own.
fn print(write: Write) -> u64 {
    if write.op == Op::Remove {
        return 0;
    }
    let Write { range, op, port, clock } = write;
    FingerprintKey::default().write(range.start(), range.end(), op as u8, port, clock)
}

/// Called for each range whose last write changes, with the write before and the write after.
pub(super) type Note<'a> = &'a mut dyn FnMut(Option<Write>, Option<Write>);

impl Body {
    /// Begins the record at the clock at which an earlier one of its owner was given up: nothing of
    /// what was said before is left.
    pub(super) const fn begin(&mut self, base: u64) {
        if self.clock == 0 {
            (self.clock, self.floor) = (base, base);
        }
    }

    /// The owner's next write, or another's in the order of its clock.
    pub(super) fn put(&mut self, write: Write, note: Note<'_>) {
        self.clock = self.clock.max(write.clock);
        let old = match self.position(write.range) {
            Ok(at) => Some(core::mem::replace(&mut self.writes[at], write)),
            Err(at) => {
                growth::insert(&mut self.writes, at, write);
                None
            }
        };
        self.live += u32::from(write.op != Op::Remove);
        self.live -= u32::from(old.is_some_and(|old| old.op != Op::Remove));
        self.content = self.content.wrapping_add(print(write)).wrapping_sub(old.map_or(0, print));
        note(old, Some(write));
    }

    /// Advances to `clock` and `floor` by `writes`, which rise in clock.
    pub(super) fn advance(&mut self, clock: u64, floor: u64, writes: &[Write], note: Note<'_>) {
        let have = self.clock;
        for write in writes.iter().filter(|write| write.clock > have) {
            self.put(*write, note);
        }
        self.clock = clock;
        self.collect(floor, note);
    }

    /// Drops the tombstones at or below `floor`.
    pub(super) fn collect(&mut self, floor: u64, note: Note<'_>) {
        if floor <= self.floor {
            return;
        }
        self.floor = floor;
        self.writes.retain(|write| {
            let stays = write.op != Op::Remove || write.clock > floor;
            if !stays {
                note(Some(*write), None);
            }
            stays
        });
    }

    /// Becomes what `writes`, which rise in clock, say, whatever was there.
    pub(super) fn replace(&mut self, clock: u64, floor: u64, writes: &[Write], note: Note<'_>) {
        let mut new = Vec::with_capacity(writes.len());
        new.extend_from_slice(writes);
        new.sort_unstable_by_key(|write| (write.range, core::cmp::Reverse(write.clock)));
        new.dedup_by_key(|write| write.range);
        new.retain(|write| write.op != Op::Remove || write.clock > floor);
        let old = core::mem::take(&mut self.writes);
        let mut kept = new.iter().peekable();
        for was in old {
            while let Some(write) = kept.next_if(|write| write.range < was.range) {
                note(None, Some(*write));
            }
            match kept.next_if(|write| write.range == was.range) {
                Some(write) if *write == was => {}
                Some(write) => note(Some(was), Some(*write)),
                None => note(Some(was), None),
            }
        }
        for write in kept {
            note(None, Some(*write));
        }
        let live = new.iter().filter(|write| write.op != Op::Remove).count() as u32;
        let content = new.iter().copied().map(print).fold(0, u64::wrapping_add);
        *self = Self { clock, floor, writes: new, live, content };
    }

    /// Where the write to a range stands, or would stand.
    pub(super) fn position(&self, range: KeyRange) -> Result<usize, usize> {
        self.writes.binary_search_by_key(&range, |write| write.range)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(start: u32, op: Op, clock: u64) -> Write {
        Write { range: KeyRange::between(start, start + 1), op, port: 7, clock }
    }

    fn ignore() -> impl FnMut(Option<Write>, Option<Write>) {
        |_, _| {}
    }

    #[test]
    fn one_write_takes_no_allocation_of_its_own() {
        let mut record = Record::new(Ix::ME);
        for clock in 1..4 {
            record.amend(|body| body.put(write(1, Op::Add, clock), &mut ignore()));
            assert!(matches!(record, Record::One { .. }));
            assert_eq!(record.clock(), clock);
        }
        record.amend(|body| body.put(write(5, Op::Get, 4), &mut ignore()));
        assert!(matches!(record, Record::Many { .. }));
        assert_eq!(record.writes().map(|w| w.range.start()).collect::<Vec<_>>(), [1, 5]);
    }

    #[test]
    fn a_collected_record_keeps_clock_and_floor() {
        let mut record = Record::new(Ix::ME);
        record.amend(|body| body.put(write(1, Op::Remove, 1), &mut ignore()));
        record.amend(|body| body.advance(2, 1, &[], &mut ignore()));
        assert_eq!((record.clock(), record.floor(), record.len()), (2, 1, 0));
        record.amend(|body| body.put(write(1, Op::Add, 3), &mut ignore()));
        assert_eq!((record.clock(), record.floor(), record.len()), (3, 1, 1));
    }

    #[test]
    fn a_replacement_notes_the_difference_only() {
        let mut record = Record::new(Ix::ME);
        let old = [write(1, Op::Add, 1), write(2, Op::Add, 2), write(3, Op::Add, 3)];
        record.amend(|body| body.replace(3, 0, &old, &mut ignore()));
        let mut notes = Vec::new();
        let new = [write(2, Op::Add, 2), write(3, Op::Get, 4), write(0, Op::Add, 5)];
        record.amend(|body| {
            body.replace(5, 3, &new, &mut |old, new| {
                notes.push((old.map(|w| w.clock), new.map(|w| w.clock)));
            });
        });
        assert_eq!(notes, [(None, Some(5)), (Some(1), None), (Some(3), Some(4))]);
    }
}
