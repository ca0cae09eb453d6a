//! Suppression: of what many nodes would say alike, each waits for a different time, and does not say what
//! another has said in the meantime (SRM: Floyd and others 1997).

use alloc::vec::Vec;
use core::time::Duration;

use crate::base::Instant;
use crate::out::{Out, Why};

/// The most that waits.
const CAPACITY: usize = 256;

/// What this node says unless another does so first.
#[derive(Clone, Debug, Hash)]
pub(crate) struct Suppressor<T> {
    waiting: Vec<(Instant, T)>,
}

impl<T> Default for Suppressor<T> {
    fn default() -> Self {
        Self { waiting: Vec::new() }
    }
}

impl<T> Suppressor<T> {
    /// Whether nothing more should wait.
    pub(crate) fn is_full(&self) -> bool {
        self.waiting.len() >= CAPACITY
    }

    /// Whether such a thing waits.
    pub(crate) fn has(&self, is_such: impl Fn(&T) -> bool) -> bool {
        self.waiting.iter().any(|(_, what)| is_such(what))
    }

    /// Lets something wait for a random time with this mean, after which there is a deadline.
    pub(crate) fn wait(&mut self, out: &mut Out, why: Why, mean: Duration, what: T) {
        let due = out.now + out.around(mean);
        self.waiting.push((due, what));
        out.timers.hasten(why, due);
    }

    /// Such things need not be said any more.
    pub(crate) fn suppress(&mut self, is_such: impl Fn(&T) -> bool) {
        self.waiting.retain(|(_, what)| !is_such(what));
    }

    /// Takes what has waited for its time, in order of arrival, and sets the deadline for the rest.
    pub(crate) fn take_due(&mut self, out: &mut Out, why: Why) -> impl Iterator<Item = T> + use<T> {
        let all = core::mem::take(&mut self.waiting);
        let (due, rest): (Vec<_>, Vec<_>) = all.into_iter().partition(|&(at, _)| at <= out.now);
        out.timers.set(why, rest.iter().map(|&(at, _)| at).min());
        self.waiting = rest;
        due.into_iter().map(|(_, what)| what)
    }

    pub(crate) fn clear(&mut self) {
        self.waiting.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quickcheck::quickcheck;

    const MEAN: Duration = Duration::from_millis(40);

    #[test]
    fn what_another_has_said_is_not_said_and_the_rest_in_order() {
        let (_, mut out) = crate::picture::of_one();
        let mut suppressor = Suppressor::default();
        for what in 0..CAPACITY {
            assert!(!suppressor.is_full());
            suppressor.wait(&mut out, Why::Gap, MEAN, what);
        }
        assert!(suppressor.is_full() && suppressor.has(|&what| what == 7));
        suppressor.suppress(|what| what % 2 == 1);
        assert!(!suppressor.is_full() && !suppressor.has(|&what| what == 7));
        out.now = out.now + 3 * MEAN / 2;
        assert!(suppressor.take_due(&mut out, Why::Gap).eq((0..CAPACITY).step_by(2)));
        assert_eq!(suppressor.take_due(&mut out, Why::Gap).count(), 0);
    }

    quickcheck! {
        /// Each thing is either suppressed or taken, once, between a half and three halves of the mean
        /// after it came, if the deadlines are kept.
        fn all_is_taken_in_time_or_suppressed(steps: Vec<(u8, bool)>) -> bool {
            let (_, mut out) = crate::picture::of_one();
            out.timers.clear();
            let (mut suppressor, mut model) = (Suppressor::default(), Vec::new());
            steps.into_iter().enumerate().all(|(number, (pause, said))| {
                if said {
                    suppressor.suppress(|&(other, _)| other % 5 == number % 5);
                    model.retain(|&(other, _)| other % 5 != number % 5);
                } else {
                    let one = (number, out.now);
                    suppressor.wait(&mut out, Why::Return, MEAN, one);
                    model.push(one);
                }
                let until = out.now + Duration::from_millis(u64::from(pause) % 60);
                let mut in_time = true;
                while out.timers.next().is_some_and(|due| due <= until) {
                    out.now = out.timers.next().unwrap();
                    for one in suppressor.take_due(&mut out, Why::Return) {
                        let waited = out.now.since(one.1);
                        in_time &= MEAN / 2 <= waited && waited <= 3 * MEAN / 2;
                        in_time &= model.contains(&one);
                        model.retain(|&other| other != one);
                    }
                }
                out.now = until;
                in_time && model.iter().all(|one| suppressor.has(|other| other == one))
            })
        }
    }
}
