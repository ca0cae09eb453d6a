//! Arbitrary histories of a few nodes: calls, exchanges whole and in pieces, restarts, lies.

use quickcheck::{Arbitrary, Gen};
use scalesmall_core::{DownMembers, KeyRange, NodeId, Status};

/// How many nodes, and groups, a history has.
pub(crate) const NODES: usize = 3;
pub(crate) const GROUPS: usize = 2;

/// One step. Numbers are taken modulo what there is.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Join {
        node: u8,
        group: u8,
    },
    Leave {
        node: u8,
        group: u8,
    },
    Add {
        node: u8,
        group: u8,
        range: u8,
        port: u16,
    },
    Remove {
        node: u8,
        group: u8,
        range: u8,
    },
    /// The owner collects its tombstones up to `back` writes ago.
    Collect {
        node: u8,
        group: u8,
        back: u8,
    },
    /// All that `from` knows of a group goes to `to`.
    Whole {
        from: u8,
        to: u8,
        group: u8,
    },
    /// What `to` lacks of each record goes there in pieces of `size` writes, less the first
    /// `ahead` clocks, of which `to` may hold a piece. Bit `i` of `lost` says that piece `i` does
    /// not arrive, of `twice` that it arrives again at the end.
    Pieces {
        from: u8,
        to: u8,
        group: u8,
        size: u8,
        ahead: u8,
        lost: u8,
        twice: u8,
    },
    /// An export of a while ago arrives.
    Late {
        snapshot: u8,
        to: u8,
    },
    /// The node starts again with nothing but a higher epoch.
    Restart {
        node: u8,
    },
    /// The node starts a new life and keeps what it says.
    Renew {
        node: u8,
    },
    /// `at` forgets `node` and all it has said.
    Forget {
        at: u8,
        node: u8,
    },
    /// Somebody tells `to` that `about` has served a range in its present life.
    Lie {
        about: u8,
        to: u8,
        group: u8,
        range: u8,
        ahead: u8,
    },
    /// The node answers the claims that it has met.
    Defend {
        node: u8,
    },
    /// `at` believes something of a node.
    Believe {
        at: u8,
        node: u8,
        status: Status,
    },
    /// `at` learns whether a node drains.
    Drain {
        at: u8,
        node: u8,
        draining: bool,
    },
    /// The node shows those that are not present, or hides them.
    Show {
        node: u8,
        down: DownMembers,
    },
}

impl Arbitrary for Step {
    fn arbitrary(g: &mut Gen) -> Self {
        let mut byte = || u8::arbitrary(g);
        let (node, group, range) = (byte(), byte(), byte());
        let (from, to) = (byte(), byte());
        match byte() % 40 {
            0..=2 => Self::Join { node, group },
            3 | 4 => Self::Leave { node, group },
            5..=10 => Self::Add { node, group, range, port: u16::from(byte() % 3) },
            11..=13 => Self::Remove { node, group, range },
            14 | 15 => Self::Collect { node, group, back: byte() % 3 },
            16..=18 => Self::Whole { from, to, group },
            19..=24 => {
                let size = byte() % 4 + 1;
                let ahead = byte() % 8 * (byte() % 2);
                let (lost, twice) = (byte() & byte(), byte() & byte());
                Self::Pieces { from, to, group, size, ahead, lost, twice }
            }
            25..=27 => Self::Late { snapshot: byte(), to },
            28 => Self::Restart { node },
            29 => Self::Renew { node },
            30 => Self::Forget { at: from, node },
            31 => Self::Defend { node },
            32 | 33 => Self::Drain { at: from, node, draining: byte() % 2 == 0 },
            34 => {
                let down = if byte() % 2 == 0 { DownMembers::Hide } else { DownMembers::List };
                Self::Show { node, down }
            }
            _ => {
                let all = [
                    Status::Alive,
                    Status::Suspect,
                    Status::Unreachable,
                    Status::Down,
                    Status::Left,
                ];
                Self::Believe { at: from, node, status: all[usize::from(byte()) % all.len()] }
            }
        }
    }
}

/// Steps that happen on `NODES` nodes.
#[derive(Clone, Debug)]
pub(crate) struct History(pub(crate) Vec<Step>);

impl Arbitrary for History {
    fn arbitrary(g: &mut Gen) -> Self {
        let len = usize::arbitrary(g) % 120;
        Self((0..len).map(|_| Step::arbitrary(g)).collect())
    }

    fn shrink(&self) -> Box<dyn Iterator<Item = Self>> {
        let steps = self.0.clone();
        let halves = [steps[..steps.len() / 2].to_vec(), steps[steps.len() / 2..].to_vec()];
        let without = (0..steps.len()).map(move |at| {
            let mut fewer = steps.clone();
            fewer.remove(at);
            fewer
        });
        let len = self.0.len();
        Box::new(halves.into_iter().filter(move |half| half.len() < len).chain(without).map(Self))
    }
}

/// A history with false claims about nodes among its steps.
#[derive(Clone, Debug)]
pub(crate) struct DishonestHistory(pub(crate) History);

impl Arbitrary for DishonestHistory {
    fn arbitrary(g: &mut Gen) -> Self {
        let mut history = History::arbitrary(g);
        for _ in 0..u8::arbitrary(g) % 6 {
            let mut byte = || u8::arbitrary(g);
            let (about, to, group, range) = (byte(), byte(), byte(), byte());
            let lie = Step::Lie { about, to, group, range, ahead: byte() % 8 };
            let at = usize::arbitrary(g) % (history.0.len() + 1);
            history.0.insert(at, lie);
        }
        Self(history)
    }

    fn shrink(&self) -> Box<dyn Iterator<Item = Self>> {
        Box::new(self.0.shrink().map(Self))
    }
}

pub(crate) fn id(node: usize) -> NodeId {
    let port = u16::try_from(node).unwrap() + 1;
    NodeId::from_bits(port.into())
}

/// One of a few ranges that touch, nest and equal.
pub(crate) fn keys(number: u8) -> KeyRange {
    let bounds = [(0, u32::MAX), (0, 9), (10, 19), (5, 14), (7, 7), (0, 19), (10, u32::MAX)];
    let (start, end) = bounds[usize::from(number) % bounds.len()];
    KeyRange::new(start, end).unwrap()
}
