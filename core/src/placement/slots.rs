//! The key space in equal parts.

use core::fmt;

use crate::topology::KeyRange;

/// The 2³² keys of a group, cut into parts of equal size, up to one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Slots {
    count: u32,
}

impl Slots {
    /// The most slots. The first server alone has all of them: see
    /// [`Limits::ranges_per_record`](crate::Limits::ranges_per_record), which is lower by default.
    pub const MOST: u32 = 65_536;

    /// The least: a member that serves all keys by one range has no other sign of its membership.
    pub const LEAST: u32 = 2;

    /// This many slots, numbered from 0.
    ///
    /// # Errors
    ///
    /// [`SlotsError`] unless they are [`Slots::LEAST`] to [`Slots::MOST`].
    pub const fn new(count: u32) -> Result<Self, SlotsError> {
        if count < Self::LEAST || count > Self::MOST {
            Err(SlotsError { count })
        } else {
            Ok(Self { count })
        }
    }

    /// How many there are.
    #[must_use]
    pub const fn count(self) -> u32 {
        self.count
    }

    /// The slot that a key lies in.
    #[must_use]
    pub const fn of(self, key: u32) -> u32 {
        ((key as u64 * self.count as u64) >> 32) as u32
    }

    /// The keys of a slot; `None` if there is no slot with that number.
    #[must_use]
    pub const fn range(self, slot: u32) -> Option<KeyRange> {
        if slot >= self.count {
            return None;
        }
        let (start, next) = (self.start(slot), self.start(slot + 1));
        Some(KeyRange::between(start as u32, (next - 1) as u32))
    }

    /// The slot with exactly these keys, if there is one.
    #[must_use]
    pub fn find(self, range: KeyRange) -> Option<u32> {
        let slot = self.of(range.start());
        (self.range(slot) == Some(range)).then_some(slot)
    }

    /// The first key of a slot, or of what lies behind the last one.
    const fn start(self, slot: u32) -> u64 {
        ((slot as u64) << 32).div_ceil(self.count as u64)
    }
}

/// A number of slots that is not allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotsError {
    /// The number.
    pub count: u32,
}

impl fmt::Display for SlotsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} slots; {} to {} are allowed", self.count, Slots::LEAST, Slots::MOST)
    }
}

impl core::error::Error for SlotsError {}

#[cfg(test)]
mod tests {
    use super::*;
    use quickcheck::quickcheck;

    #[test]
    fn the_number_is_bounded_at_both_ends() {
        assert_eq!(Slots::new(1), Err(SlotsError { count: 1 }));
        assert_eq!(Slots::new(65_537), Err(SlotsError { count: 65_537 }));
        assert_eq!(Slots::new(2).unwrap().range(0), KeyRange::new(0, u32::MAX / 2).ok());
        assert!(Slots::new(65_536).is_ok());
    }

    quickcheck! {
        fn each_key_lies_in_the_range_of_its_slot(count: u16, key: u32) -> bool {
            let slots = Slots::new(u32::from(count) + 1 + u32::from(count == 0)).unwrap();
            let slot = slots.of(key);
            let range = slots.range(slot).unwrap();
            range.start() <= key && key <= range.end() && slots.find(range) == Some(slot)
        }

        fn slots_adjoin_and_have_one_size(count: u16) -> bool {
            let slots = Slots::new(u32::from(count) + 1 + u32::from(count == 0)).unwrap();
            let ranges: std::vec::Vec<_> =
                (0..slots.count()).map(|slot| slots.range(slot).unwrap()).collect();
            let adjoin = ranges.windows(2).all(|two| two[0].end() + 1 == two[1].start());
            let size = |range: &KeyRange| u64::from(range.end() - range.start()) + 1;
            let sizes = ranges.iter().map(size);
            let even = sizes.clone().max().unwrap() - sizes.min().unwrap() <= 1;
            adjoin && even && ranges[0].start() == 0
                && ranges[ranges.len() - 1].end() == u32::MAX
                && slots.range(slots.count()).is_none()
        }
    }
}
