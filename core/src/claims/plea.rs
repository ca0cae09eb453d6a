//! What a node says of its own silence when it objects to having been called down.
//!
//! A node that objects raises its incarnation above the claim (SWIM 4.2). It picks one whose lowest two
//! bits say how it had been meanwhile, which it alone knows: nobody else can tell a peer that was cut off
//! from one that others accuse for nothing. As the answer travels in the claim itself, all draw the same
//! conclusion from it.

/// How a node had been when it was called down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Plea {
    /// Its own pings were answered all the time: it was called down by mistake, behind a partition or by
    /// a liar.
    Well = 0,
    /// Nobody answered its own pings for as long as it takes to be called down.
    CutOff = 1,
    /// It did not run.
    StoodStill = 2,
}

impl Plea {
    /// What the incarnation of a claim says.
    pub(crate) const fn of(incarnation: u32) -> Self {
        match incarnation % 4 {
            0 => Self::Well,
            2 => Self::StoodStill,
            _ => Self::CutOff,
        }
    }

    /// The next incarnation above one that says this; `None` if there is none.
    pub(crate) fn above(self, incarnation: u32) -> Option<u32> {
        let next = incarnation.checked_add(1)?;
        next.checked_add((self as u32).wrapping_sub(next) % 4)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_incarnation_above_another_says_what_it_was_picked_for() {
        for plea in [Plea::Well, Plea::CutOff, Plea::StoodStill] {
            for incarnation in (0..9).chain([u32::MAX - 8, u32::MAX - 5]) {
                let above = plea.above(incarnation).unwrap();
                assert!(above > incarnation && above - incarnation <= 4);
                assert_eq!(Plea::of(above), plea);
            }
            assert_eq!(plea.above(u32::MAX), None);
        }
        assert_eq!(Plea::StoodStill.above(u32::MAX - 2), Some(u32::MAX - 1));
        assert_eq!(Plea::StoodStill.above(u32::MAX - 1), None);
    }
}
