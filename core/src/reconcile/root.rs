//! The sum of the fingerprints of one kind of subject and, on request, a log of what has moved in
//! it.

use alloc::vec::Vec;

use crate::base::{GroupName, Ix};

/// The most moves that are kept; if more pile up, they are not worth following one by one.
const MOVES: usize = 4096;

/// Something that two nodes may differ in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Subject {
    /// What is known of a node.
    Peer(Ix),
    /// An attribute of a node, by its kind.
    Attribute(Ix, u8),
    /// A node's record in a group.
    Record(GroupName, Ix),
}

/// A fingerprint that has come or gone.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Move {
    pub(crate) position: u64,
    pub(crate) subject: Subject,
    pub(crate) fingerprint: u64,
    pub(crate) came: bool,
}

/// Moves since they were asked for last.
#[derive(Clone, Debug, Default, Hash)]
enum Log {
    /// Moves are not logged.
    #[default]
    Off,
    On(Vec<Move>),
    /// There were too many moves.
    Lost,
}

/// A sum of fingerprints.
#[derive(Clone, Debug, Default, Hash)]
pub(crate) struct Root {
    sum: u64,
    log: Log,
}

impl Root {
    /// The sum of the fingerprints that have come and not gone.
    pub(crate) const fn sum(&self) -> u64 {
        self.sum
    }

    /// Adds a fingerprint; `what` returns its position and its subject.
    pub(crate) fn add(&mut self, fingerprint: u64, what: impl FnOnce() -> (u64, Subject)) {
        self.sum = self.sum.wrapping_add(fingerprint);
        self.note(fingerprint, true, what);
    }

    /// Subtracts a fingerprint that was added before.
    pub(crate) fn subtract(&mut self, fingerprint: u64, what: impl FnOnce() -> (u64, Subject)) {
        self.sum = self.sum.wrapping_sub(fingerprint);
        self.note(fingerprint, false, what);
    }

    /// Logs moves from now on.
    pub(crate) fn follow(&mut self) {
        self.log = Log::On(Vec::new());
    }

    /// Stops logging moves.
    pub(crate) fn unfollow(&mut self) {
        self.log = Log::Off;
    }

    /// What has moved since the last call; `None` if that is not known.
    pub(crate) fn moves(&mut self) -> Option<Vec<Move>> {
        match &mut self.log {
            Log::On(moves) => Some(core::mem::take(moves)),
            Log::Off | Log::Lost => None,
        }
    }

    fn note(&mut self, fingerprint: u64, came: bool, what: impl FnOnce() -> (u64, Subject)) {
        if let Log::On(moves) = &mut self.log {
            if moves.len() >= MOVES {
                self.log = Log::Lost;
                return;
            }
            let (position, subject) = what();
            moves.push(Move { position, subject, fingerprint, came });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn what() -> (u64, Subject) {
        (7, Subject::Peer(Ix::ME))
    }

    #[test]
    fn moves_are_kept_while_somebody_follows() {
        let mut root = Root::default();
        root.add(1, what);
        assert_eq!(root.moves(), None);
        root.follow();
        root.add(2, what);
        root.subtract(1, what);
        let moves = root.moves().unwrap();
        assert_eq!(
            moves.iter().map(|one| (one.fingerprint, one.came)).collect::<Vec<_>>(),
            [(2, true), (1, false)]
        );
        assert_eq!((root.sum(), root.moves()), (2, Some(Vec::new())));
        root.unfollow();
        assert_eq!(root.moves(), None);
    }

    #[test]
    fn too_many_moves_are_lost_as_a_whole() {
        let mut root = Root::default();
        root.follow();
        for _ in 0..=MOVES {
            root.add(1, what);
        }
        assert_eq!((root.sum(), root.moves()), (MOVES as u64 + 1, None));
    }
}
