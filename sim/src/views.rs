//! Who believes what about whom, kept up to date event by event.

use scalesmall_core::Status;

use crate::node::Condition;

/// What every node believes about every other, with counts that make agreement a comparison.
///
/// A node *sees* another if it believes it alive or suspect.
#[derive(Clone, Debug)]
pub struct Views {
    rows: Vec<Vec<Belief>>,
    /// Which nodes are running and count as observers.
    observers: Vec<bool>,
    observing: u64,
    /// Which nodes ought to be seen.
    expected: Vec<bool>,
    /// By how many observers each node is seen, itself not counted.
    seen_by: Vec<u64>,
    /// (observer, node) pairs in which the belief differs from what ought to be.
    wrong: u64,
    /// When each node was last seen by all other observers for the first time again.
    full_at: Vec<Option<u64>>,
    /// When each node was last lost by its last observer.
    lost_at: Vec<Option<u64>>,
    agreed_at: Option<u64>,
    /// From how many observers each node that ought to be seen is hidden.
    hidden_by: Vec<u64>,
    /// How many nodes are hidden from anyone.
    hidden: u64,
    /// For how long nodes were hidden until when, all of them together.
    hidden_for: u64,
    hidden_until: u64,
}

impl Views {
    pub(crate) fn new(nodes: usize) -> Self {
        Self {
            rows: vec![Vec::new(); nodes],
            observers: vec![false; nodes],
            observing: 0,
            expected: vec![false; nodes],
            seen_by: vec![0; nodes],
            wrong: 0,
            full_at: vec![None; nodes],
            lost_at: vec![None; nodes],
            agreed_at: Some(0),
            hidden_by: vec![0; nodes],
            hidden: 0,
            hidden_for: 0,
            hidden_until: 0,
        }
    }

    /// What `node` believes about `other`; `None` if it knows nothing of it.
    #[must_use]
    pub fn belief(&self, node: usize, other: usize) -> Option<Status> {
        self.rows[node].get(other).copied().and_then(Belief::status)
    }

    /// Whether `node` believes `other` alive or suspect.
    #[must_use]
    pub fn sees(&self, node: usize, other: usize) -> bool {
        self.rows[node].get(other).is_some_and(|belief| belief.present())
    }

    /// How many running nodes see `node`, itself not counted.
    #[must_use]
    pub fn seen_by(&self, node: usize) -> u64 {
        self.seen_by[node]
    }

    /// Whether `node` ought to be seen: it is up and has not said goodbye.
    #[must_use]
    pub fn is_expected(&self, node: usize) -> bool {
        self.expected[node]
    }

    /// How many (observer, node) pairs are not as they ought to be: a running node not seen, or
    /// one seen that does not run.
    #[must_use]
    pub const fn wrong_pairs(&self) -> u64 {
        self.wrong
    }

    /// How many nodes run and count as observers.
    #[must_use]
    pub fn observers(&self) -> u64 {
        self.observing
    }

    /// When `node` last came to be seen by all others, in nanoseconds.
    #[must_use]
    pub fn full_at(&self, node: usize) -> Option<u64> {
        self.full_at[node]
    }

    /// When the last node that saw `node` ceased to, in nanoseconds.
    #[must_use]
    pub fn lost_at(&self, node: usize) -> Option<u64> {
        self.lost_at[node]
    }

    /// When the last wrong pair became right, in nanoseconds; `None` while there are some.
    #[must_use]
    pub fn agreed_at(&self) -> Option<u64> {
        self.agreed_at
    }

    /// From how many running nodes `node` is hidden: they show it as down or unreachable, though it
    /// ought to be seen.
    #[must_use]
    pub fn hidden_by(&self, node: usize) -> u64 {
        self.hidden_by[node]
    }

    /// For how long nodes were hidden from anyone until now, in nanoseconds, of all nodes together.
    #[must_use]
    pub const fn hidden_for(&self, now: u64) -> u64 {
        let since = now.saturating_sub(self.hidden_until);
        self.hidden_for.saturating_add(since.saturating_mul(self.hidden))
    }

    /// The number of nodes that do not see a node.
    fn hide(&mut self, node: usize, by: u64, now: u64) {
        self.hidden_for = self.hidden_for(now);
        self.hidden_until = now;
        self.hidden -= u64::from(self.hidden_by[node] > 0);
        self.hidden += u64::from(by > 0);
        self.hidden_by[node] = by;
    }

    /// Whether each node of `set` sees all others of it and nobody else.
    #[must_use]
    pub fn is_closed(&self, set: &[usize]) -> bool {
        let mut inside = vec![false; self.rows.len()];
        for node in set {
            inside[*node] = true;
        }
        set.iter().all(|node| {
            let others = inside.iter().enumerate().filter(|(other, _)| other != node);
            others.into_iter().all(|(other, member)| self.sees(*node, other) == *member)
        })
    }

    pub(crate) fn start(&mut self, node: usize, now: u64) {
        self.stop(node, now);
        self.rows[node].clear();
        let nodes = self.rows.len();
        self.rows[node].resize(nodes, Belief::Unknown);
        self.wrong += self.expected.iter().filter(|expected| **expected).count() as u64;
        self.wrong = self.wrong - self.seen_by[node] + self.observing - self.seen_by[node];
        self.expected[node] = true;
        let hides = |other: usize| {
            self.observers[other] && self.rows[other].get(node).is_some_and(|belief| belief.hides())
        };
        // Nobody has an opinion of a node that starts for the first time.
        let by = (0..nodes).filter(|other| hides(*other)).count() as u64;
        self.hide(node, by, now);
        self.observers[node] = true;
        self.observing += 1;
        self.note_agreement(now);
    }

    pub(crate) fn stop(&mut self, node: usize, now: u64) {
        if self.observers[node] {
            self.observers[node] = false;
            self.observing -= 1;
            for other in (0..self.rows.len()).filter(|other| *other != node) {
                let sees = self.rows[node][other].present();
                self.wrong -= u64::from(sees != self.expected[other]);
                if sees {
                    self.count_loss(other, now);
                }
                if self.rows[node][other].hides() && self.expected[other] {
                    self.hide(other, self.hidden_by[other] - 1, now);
                }
            }
        }
        if self.expected[node] {
            self.hide(node, 0, now);
            self.expected[node] = false;
            self.wrong = self.wrong + self.seen_by[node] - (self.observing - self.seen_by[node]);
        }
        self.note_agreement(now);
    }

    pub(crate) fn believe(&mut self, node: usize, other: usize, status: Option<Status>, now: u64) {
        let belief = Belief::from_status(status);
        let Some(slot) = self.rows[node].get_mut(other) else { return };
        let (before, after) = (slot.present(), belief.present());
        let (hid, hides) = (slot.hides(), belief.hides());
        *slot = belief;
        if hid != hides && self.observers[node] && self.expected[other] && node != other {
            let by = self.hidden_by[other];
            self.hide(other, if hides { by + 1 } else { by - 1 }, now);
        }
        if before == after || !self.observers[node] || node == other {
            return;
        }
        if after == self.expected[other] {
            self.wrong -= 1;
        } else {
            self.wrong += 1;
        }
        if after {
            self.seen_by[other] += 1;
            if self.seen_by[other] + 1 == self.observing {
                self.full_at[other] = Some(now);
            }
        } else {
            self.count_loss(other, now);
        }
        self.note_agreement(now);
    }

    fn count_loss(&mut self, other: usize, now: u64) {
        self.seen_by[other] -= 1;
        if self.seen_by[other] == 0 {
            self.lost_at[other] = Some(now);
        }
    }

    fn note_agreement(&mut self, now: u64) {
        if self.wrong > 0 {
            self.agreed_at = None;
        } else if self.agreed_at.is_none() {
            self.agreed_at = Some(now);
        }
    }
}

/// One byte for `Option<Status>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Belief {
    Unknown,
    Alive,
    Suspect,
    Unreachable,
    Down,
    Left,
}

impl Belief {
    const fn from_status(status: Option<Status>) -> Self {
        match status {
            None => Self::Unknown,
            Some(Status::Alive) => Self::Alive,
            Some(Status::Suspect) => Self::Suspect,
            Some(Status::Unreachable) => Self::Unreachable,
            Some(Status::Down) => Self::Down,
            Some(Status::Left) => Self::Left,
            Some(_) => Self::Unknown,
        }
    }

    const fn status(self) -> Option<Status> {
        match self {
            Self::Unknown => None,
            Self::Alive => Some(Status::Alive),
            Self::Suspect => Some(Status::Suspect),
            Self::Unreachable => Some(Status::Unreachable),
            Self::Down => Some(Status::Down),
            Self::Left => Some(Status::Left),
        }
    }

    const fn hides(self) -> bool {
        matches!(self, Self::Unreachable | Self::Down)
    }

    const fn present(self) -> bool {
        matches!(self, Self::Alive | Self::Suspect)
    }
}

/// What a node said about another that matters to a judgement of detection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// When, in nanoseconds.
    pub at: u64,
    /// Which node said it.
    pub by: usize,
    /// About which.
    pub about: usize,
    /// What it is said to be. `Alive` is reported only if it was down, left or unreachable.
    pub status: Option<Status>,
    /// What it was in truth.
    pub truth: Condition,
    /// Whether it had said goodbye.
    pub departed: bool,
    /// Whether it is about a life that was over, of a node that began another one.
    pub former: bool,
}

impl Report {
    /// Whether it calls a node down that is up. A process that has ended is down, though a later one
    /// runs in its place.
    #[must_use]
    pub fn is_false_down(&self) -> bool {
        self.status == Some(Status::Down) && self.is_about_the_living()
    }

    fn is_about_the_living(&self) -> bool {
        self.truth.is_up() && !self.departed && !self.former
    }

    /// Whether it hides a node that is up: calls it down, or unreachable.
    #[must_use]
    pub fn is_hiding(&self) -> bool {
        let hides = matches!(self.status, Some(Status::Down | Status::Unreachable));
        hides && self.is_about_the_living()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    /// The counts, taken anew from the beliefs.
    fn recount(views: &Views) -> (u64, Vec<u64>, Vec<u64>) {
        let nodes = views.rows.len();
        let mut wrong = 0;
        let mut seen_by = vec![0; nodes];
        let mut hidden_by = vec![0; nodes];
        for node in (0..nodes).filter(|node| views.observers[*node]) {
            for other in (0..nodes).filter(|other| *other != node) {
                seen_by[other] += u64::from(views.sees(node, other));
                wrong += u64::from(views.sees(node, other) != views.expected[other]);
                let hides = views.rows[node][other].hides();
                hidden_by[other] += u64::from(hides && views.expected[other]);
            }
        }
        (wrong, seen_by, hidden_by)
    }

    #[test]
    fn counts_kept_up_to_date_equal_those_taken_anew() {
        let mut random = Random::new(11);
        let mut views = Views::new(7);
        let kinds = [None, Some(Status::Alive), Some(Status::Unreachable), Some(Status::Down)];
        let mut hidden_for = 0;
        for now in 0..5_000 {
            let node = random.below(7) as usize;
            match random.below(20) {
                0 => views.start(node, now),
                1 => views.stop(node, now),
                _ => {
                    let other = random.below(7) as usize;
                    views.believe(node, other, kinds[random.below(4) as usize], now);
                }
            }
            assert_eq!(views.hidden_for(now), hidden_for);
            let (wrong, seen_by, hidden_by) = recount(&views);
            assert_eq!((views.wrong, &views.seen_by), (wrong, &seen_by));
            assert_eq!(views.hidden_by, hidden_by);
            hidden_for += hidden_by.iter().filter(|by| **by > 0).count() as u64;
            assert_eq!(views.agreed_at.is_some(), wrong == 0);
        }
    }

    #[test]
    fn a_closed_set_sees_itself_and_nobody_else() {
        let mut views = Views::new(3);
        for node in 0..3 {
            views.start(node, 0);
        }
        views.believe(0, 1, Some(Status::Alive), 1);
        views.believe(1, 0, Some(Status::Suspect), 2);
        assert!(views.is_closed(&[0, 1]) && !views.is_closed(&[0, 2]));
        assert_eq!(views.wrong_pairs(), 4);
        views.believe(1, 2, Some(Status::Alive), 3);
        assert!(!views.is_closed(&[0, 1]));
        views.stop(2, 4);
        views.believe(1, 2, Some(Status::Down), 5);
        assert_eq!((views.lost_at(2), views.agreed_at()), (Some(5), Some(5)));
    }
}
