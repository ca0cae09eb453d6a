//! What one node has shown in its present life: four bytes for each other node, and as many for each
//! range, so that it takes little beside the engine.

use std::collections::HashSet;

use scalesmall_core::Epoch;

use super::interned::Interned;

/// Writes: the number of a record, a life and a clock.
pub(crate) type Writes = Interned<(u32, Epoch, u64)>;

/// Lives, each with an incarnation.
pub(crate) type Lives = Interned<(Epoch, u32)>;

/// What one node has shown in its present life.
#[derive(Clone, Debug, Default)]
pub(crate) struct Observer {
    pub(crate) life: u32,
    /// By subject.
    latest: Vec<Latest>,
    shown: usize,
    /// By subject: whether its member serves it, and whether that drains.
    owned: Vec<Owned>,
    owners: usize,
    /// By node.
    known: Vec<Known>,
    messages: HashSet<u64>,
}

impl Observer {
    pub(crate) fn of(life: u32) -> Self {
        Self { life, ..Self::default() }
    }

    /// What was seen of a subject.
    pub(crate) fn latest(&self, subject: usize) -> Latest {
        self.latest.get(subject).copied().unwrap_or_default()
    }

    /// How many subjects are shown.
    pub(crate) const fn shown(&self) -> usize {
        self.shown
    }

    /// A subject is shown, with a write.
    pub(crate) fn show(&mut self, subject: usize, write: u32) {
        if self.latest.len() <= subject {
            // There is a table for each node, so they grow by little.
            self.latest.reserve_exact(subject + 1 + subject / 8 - self.latest.len());
            self.latest.resize(subject + 1, Latest::default());
        }
        self.shown += usize::from(!self.latest[subject].is_shown());
        self.latest[subject] = Latest(Latest::SHOWN | (write + 1));
    }

    /// A subject is not shown any more.
    pub(crate) fn hide(&mut self, subject: usize) {
        if let Some(latest) = self.latest.get_mut(subject) {
            self.shown -= usize::from(latest.is_shown());
            latest.0 &= !Latest::SHOWN;
        }
    }

    /// What was seen of the owner of a subject.
    pub(crate) fn owned(&self, subject: usize) -> Owned {
        self.owned.get(subject).copied().unwrap_or_default()
    }

    /// How many subjects have their member as an owner.
    pub(crate) const fn owners(&self) -> usize {
        self.owners
    }

    /// A subject has its member as an owner, or no longer.
    pub(crate) fn own(&mut self, subject: usize, owned: Owned) {
        if self.owned.len() <= subject {
            self.owned.reserve_exact(subject + 1 + subject / 8 - self.owned.len());
            self.owned.resize(subject + 1, Owned::default());
        }
        self.owners += usize::from(owned != Owned::No);
        self.owners -= usize::from(self.owned[subject] != Owned::No);
        self.owned[subject] = owned;
    }

    /// No subject is shown or has an owner any more.
    pub(crate) fn hide_all(&mut self) {
        self.owned.clear();
        self.owners = 0;
        for latest in &mut self.latest {
            latest.0 &= !Latest::SHOWN;
        }
        self.shown = 0;
    }

    /// What is known of another node.
    pub(crate) fn known(&self, about: usize) -> Known {
        self.known.get(about).copied().unwrap_or_default()
    }

    /// Replaces what is known of one of this many nodes.
    pub(crate) fn know(&mut self, about: usize, nodes: usize, known: Known) {
        self.known.resize(nodes, Known::default());
        self.known[about] = known;
    }

    /// Takes in the number of a message; returns whether it is new.
    pub(crate) fn hear(&mut self, message: u64) -> bool {
        self.messages.insert(message)
    }
}

/// Whether the member of a subject serves it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Owned {
    #[default]
    No,
    Yes,
    /// The member drains.
    Draining,
}

impl Owned {
    pub(crate) const fn of(serves: bool, drains: bool) -> Self {
        match (serves, drains) {
            (false, _) => Self::No,
            (true, false) => Self::Yes,
            (true, true) => Self::Draining,
        }
    }
}

/// The last write seen of a subject, if any was, and whether it is shown.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Latest(u32);

impl Latest {
    const SHOWN: u32 = 1 << 31;

    pub(crate) const fn is_shown(self) -> bool {
        self.0 & Self::SHOWN != 0
    }

    /// The life and the clock of the write.
    pub(crate) fn version(self, writes: &Writes) -> Option<(Epoch, u64)> {
        let write = (self.0 & !Self::SHOWN).checked_sub(1)?;
        let (_, epoch, clock) = *writes.value(write);
        Some((epoch, clock))
    }
}

/// The life of another node and its incarnation, if it is known.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Known(u32);

impl Known {
    /// What has this number.
    pub(crate) const fn of(life: u32) -> Self {
        Self(life + 1)
    }

    /// The least of both if it is not known.
    pub(crate) fn value(self, lives: &Lives) -> (Epoch, u32) {
        self.0.checked_sub(1).map_or_else(Default::default, |life| *lives.value(life))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_shown_once_and_its_write_stays_known() {
        let (mut writes, mut observer) = (Writes::default(), Observer::of(1));
        let old = writes.number((0, Epoch(5), 1));
        let new = writes.number((0, Epoch(5), 2));
        for write in [old, new] {
            observer.show(7, write);
            assert_eq!((observer.shown(), observer.latest(7).is_shown()), (1, true));
        }
        observer.show(3, old);
        observer.hide(7);
        observer.hide(7);
        assert_eq!((observer.shown(), observer.latest(7).is_shown()), (1, false));
        assert_eq!(observer.latest(7).version(&writes), Some((Epoch(5), 2)));
        assert_eq!(observer.latest(4).version(&writes), None);
        observer.hide_all();
        assert_eq!((observer.shown(), observer.latest(3).is_shown()), (0, false));
        assert_eq!(observer.latest(3).version(&writes), Some((Epoch(5), 1)));
    }

    #[test]
    fn an_owner_counts_once_however_often_it_is_told() {
        let mut observer = Observer::of(1);
        for (owned, owners) in [(Owned::Yes, 1), (Owned::Draining, 1), (Owned::No, 0)] {
            for _ in 0..2 {
                observer.own(7, owned);
                assert_eq!((observer.owned(7), observer.owners()), (owned, owners));
            }
        }
        observer.own(7, Owned::Yes);
        observer.hide_all();
        assert_eq!((observer.owned(7), observer.owners()), (Owned::No, 0));
    }

    #[test]
    fn who_is_not_known_has_the_least_life() {
        let (mut lives, mut observer) = (Lives::default(), Observer::of(1));
        let life = lives.number((Epoch(9), 0));
        observer.know(2, 4, Known::of(life));
        let known = |observer: &Observer, about| observer.known(about).value(&lives);
        assert_eq!(known(&observer, 2), (Epoch(9), 0));
        assert_eq!(known(&observer, 1), (Epoch(0), 0));
        observer.know(2, 4, Known::default());
        assert_eq!(known(&observer, 2), (Epoch(0), 0));
    }
}
