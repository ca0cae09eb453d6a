//! What happens to the nodes, and random sequences of it.

use alloc::boxed::Box;
use alloc::vec::Vec;

use quickcheck::{Arbitrary, Gen};

use super::world::NODES;

/// Keys that are brought by hand, to any node.
pub(super) const BY_HAND: u8 = 3;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// One speaks to another, and is heard, or later and perhaps more than once.
    Say(usize, usize),
    SayLate(usize, usize),
    Late(usize),
    Look(usize),
    Second,
    Rotate(usize),
    AddEverywhere(u8),
    Restart(usize),
    Cut(u8),
    Heal,
    Forget(usize, usize),
    Add(usize, u8),
    Use(usize, u8, bool),
    Drop(usize, u8, bool),
    Leaked(usize, u8),
    /// It starts with a file that it could not write since.
    RestartOld(usize),
    /// A member gives a key of its choice, under one of its choice.
    Given(usize, u8, u8, u32),
    /// It is given the keys of the file of another one by hand.
    Copy(usize, usize),
}

impl Step {
    fn of_the_network(g: &mut Gen) -> Self {
        let (one, other) = (usize::arbitrary(g) % NODES, usize::arbitrary(g) % NODES);
        match u8::arbitrary(g) % 24 {
            0 => Self::Rotate(one),
            1 => Self::Cut(u8::arbitrary(g)),
            2 => Self::Heal,
            3 => Self::Restart(one),
            4..=5 => Self::SayLate(one, other),
            6 => Self::Late(one),
            7..=8 => Self::Second,
            9..=13 => Self::Look(one),
            _ => Self::Say(one, other),
        }
    }

    fn any(g: &mut Gen) -> Self {
        let (one, other) = (usize::arbitrary(g) % NODES, usize::arbitrary(g) % NODES);
        let (number, force) = (u8::arbitrary(g), bool::arbitrary(g));
        match u8::arbitrary(g) % 24 {
            0..=1 => Self::Add(one, number % BY_HAND),
            2 => Self::Use(one, number, force),
            3 => Self::Drop(one, number, force),
            4 => Self::Leaked(one, number),
            5 => Self::RestartOld(one),
            6 => Self::Forget(one, other),
            7 => Self::Given(one, number, u8::arbitrary(g), u32::from(u8::arbitrary(g) % 24)),
            8 => Self::Copy(one, other),
            9 => Self::AddEverywhere(number % BY_HAND),
            _ => Self::of_the_network(g),
        }
    }
}

/// What the network and rotations do.
#[derive(Clone, Debug)]
pub(super) struct Calm(pub(super) Vec<Step>);

/// What operators and a member that lies do as well.
#[derive(Clone, Debug)]
pub(super) struct Wild(pub(super) Vec<Step>);

impl Arbitrary for Calm {
    fn arbitrary(g: &mut Gen) -> Self {
        Self((0..usize::arbitrary(g) % 120).map(|_| Step::of_the_network(g)).collect())
    }

    fn shrink(&self) -> Box<dyn Iterator<Item = Self>> {
        Box::new(without_one(&self.0).map(Self))
    }
}

impl Arbitrary for Wild {
    fn arbitrary(g: &mut Gen) -> Self {
        Self((0..usize::arbitrary(g) % 120).map(|_| Step::any(g)).collect())
    }

    fn shrink(&self) -> Box<dyn Iterator<Item = Self>> {
        Box::new(without_one(&self.0).map(Self))
    }
}

/// The sequences without a half, a quarter ... one of their steps.
fn without_one(steps: &[Step]) -> impl Iterator<Item = Vec<Step>> + use<> {
    let steps = steps.to_vec();
    let sizes = core::iter::successors(Some(steps.len().div_ceil(2)), |len| {
        (*len > 1).then(|| len.div_ceil(2))
    });
    sizes.flat_map(move |len| {
        let steps = steps.clone();
        (0..steps.len()).step_by(len.max(1)).map(move |at| {
            let end = steps.len().min(at + len);
            [&steps[..at], &steps[end..]].concat()
        })
    })
}
