//! Messages that have to arrive, and such that may.

use core::time::Duration;

use super::super::moves::not_located;
use super::super::{Outcome, Player};
use super::is_late;
use crate::check::Broken;
use crate::node::Condition;
use crate::random::{Random, Ratio};
use crate::scenario::step::Tell;
use crate::sim::{Sim, Watch};
use crate::written::Meant;

/// A message, and who is to get it.
struct Sent {
    from: usize,
    to: Vec<usize>,
    watch: Watch,
}

impl Player {
    /// Has a node send a message to all, and waits until all that are live have it. If no time is
    /// given within which they have to, messages are sent in whatever state things are, and only
    /// have to come to nobody twice, nor to others than they are meant for.
    pub(in crate::scenario::play) fn tell(&mut self, tell: &Tell) -> Outcome {
        if tell.within.0.is_zero() {
            self.tell_anyway();
            return Ok(());
        }
        // What is sent to an address that a node had before comes to nobody.
        if !self.is_well() || !self.are_located() {
            return Ok(());
        }
        self.pick_some(1);
        let Some(&from) = self.picked.first().filter(|node| self.is_live(**node)) else {
            return Ok(());
        };
        let all: Vec<usize> = (0..self.sim.len()).collect();
        let blackout = (!tell.blackout.0.is_zero()).then(|| self.sim.cut(&all, &all));
        let sent = self.send_to(from, &Meant::All);
        self.sim.run_for(tell.blackout.0)?;
        if let Some(blackout) = blackout {
            self.sim.lift(blackout);
        }
        self.arrive(&sent.into_iter().collect::<Vec<_>>(), tell.within.0)
    }

    /// Has several nodes send messages while nothing fails, to all, to the group and to some, and
    /// waits until those have them that they are meant for.
    pub(super) fn converse(&mut self) -> Outcome {
        if !self.is_well() {
            return Ok(());
        }
        let mut random = self.random_of_messages();
        let mut sent = Vec::new();
        for _ in 0..ROUNDS {
            for (from, to) in self.letters(&mut random) {
                sent.extend(self.send_to(from, &to));
            }
        }
        self.arrive(&sent, WITHIN + 20 * self.slowest)
    }

    fn tell_anyway(&mut self) {
        let mut random = self.random_of_messages();
        for (from, to) in self.letters(&mut random) {
            // What is refused comes to nobody.
            let _ = self.sim.tell_those(from, &to);
        }
    }

    /// It is drawn from nothing else, so that a scenario without messages is the same otherwise.
    fn random_of_messages(&self) -> Random {
        Random::new(self.sim.seed()).fork(FOR_MESSAGES).fork(self.sim.now().as_nanos())
    }

    /// A message of each kind, each from a random node that runs.
    fn letters(&self, random: &mut Random) -> Vec<(usize, Meant)> {
        let runs = |node: &usize| self.sim.condition(*node) == Condition::Running;
        let able: Vec<usize> = self.sim.live().filter(runs).collect();
        let mut listed: Vec<usize> = (0..self.sim.len()).collect();
        listed.retain(|_| random.hit(Ratio(1, 3)));
        let kinds = [Meant::All, Meant::Group(self.group.clone()), Meant::Listed(listed)];
        let letters = kinds.into_iter().filter_map(|to| {
            let from = *able.get(random.below(able.len() as u64) as usize)?;
            Some((from, to))
        });
        letters.collect()
    }

    /// Whether messages are promised to arrive: all see each other and nothing fails.
    fn is_well(&self) -> bool {
        let runs = |node| self.sim.condition(node) == Condition::Running;
        self.sim.network().carries_small() && self.sim.live().all(runs) && self.sim.all_see_all()
    }

    /// Whether each live node knows which addresses the others have, if these may change.
    fn are_located(&self) -> bool {
        let live: Vec<usize> = self.sim.live().collect();
        let moves = self.sim.names().are_given();
        !moves || not_located(&self.sim, &live).is_none()
    }

    fn is_live(&self, node: usize) -> bool {
        self.sim.live().any(|live| live == node)
    }

    /// Sends a message. It may be refused because much is under way: nothing is promised then.
    fn send_to(&mut self, from: usize, to: &Meant) -> Option<Sent> {
        let number = self.sim.tell_those(from, to).ok()?;
        if self.sim.has_lied() {
            // A member that speaks in the name of another can use up its numbers.
            return None;
        }
        // In a life that is led twice it may have the number of one that was sent before.
        let epoch = self.sim.node(from)?.epoch();
        if self.sim.written().is_repeated(from, epoch) {
            return None;
        }
        let meant = |node: &usize| *node != from && to.concerns(*node, self.sim.node(*node));
        let to: Vec<usize> = self.sim.live().filter(meant).collect();
        Some(Sent { from, to, watch: self.sim.watch_for(number) })
    }

    /// Waits until all messages have arrived.
    fn arrive(&mut self, sent: &[Sent], limit: Duration) -> Outcome {
        let outcome = self.sim.run_until(|sim| late(sim, sent).is_none(), limit);
        for sent in sent {
            self.sim.unwatch(sent.watch);
        }
        match (outcome, late(&self.sim, sent)) {
            (Err(failure), Some((from, by))) if is_late(&failure.broken) => {
                let mut nodes = by.clone();
                nodes.push(from);
                Err(self.broken(Broken::MessageMissed { limit, by }, &nodes))
            }
            (outcome, _) => outcome.map(|_| ()),
        }
    }
}

/// The sender of the first message that has not arrived yet, and a node that lacks it.
fn late(sim: &Sim, sent: &[Sent]) -> Option<(usize, Vec<usize>)> {
    sent.iter().find_map(|sent| {
        let heard = &sim.answers(sent.watch).at;
        let by: Vec<usize> = sent.to.iter().copied().filter(|to| heard[*to].is_none()).collect();
        (!by.is_empty()).then_some((sent.from, by))
    })
}

/// How many messages of each kind are sent at once while nothing fails.
const ROUNDS: usize = 2;

/// Within which time they have to arrive, where delays do not count; they get twenty delays more, for
/// a few hops that each lose a datagram.
const WITHIN: Duration = Duration::from_secs(5);

const FOR_MESSAGES: u64 = 8;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lan;
    use crate::scenario::{Options, Scenario, play};

    #[test]
    fn who_has_not_got_a_message_is_named() {
        let mut sim = Sim::new(1).nodes(4, lan()).build();
        sim.run_until(Sim::converged, Duration::from_secs(5)).unwrap();
        sim.isolate(2);
        let sent = [vec![], vec![1, 3], vec![1, 2, 3]].map(|to| {
            let number = sim.tell_those(0, &Meant::Listed(vec![1, 2, 3])).unwrap();
            Sent { from: 0, to, watch: sim.watch_for(number) }
        });
        assert_eq!(late(&sim, &sent), Some((0, vec![1, 3])));
        sim.run_for(Duration::from_secs(1)).unwrap();
        assert_eq!(late(&sim, &sent[..2]), None);
        assert_eq!(late(&sim, &sent), Some((0, vec![2])));
    }

    #[test]
    fn without_a_time_messages_are_sent_though_nobody_can_get_them() {
        let sent = |tell: &str| {
            let file = format!(
                r#"
                name = "apart"
                [cluster]
                nodes = 2
                [[steps]]
                await = {{ what = "agreement", within = "5s" }}
                [[steps]]
                split = {{ nodes = 1 }}
                {tell}
                [[steps]]
                run = "10ms"
                "#
            );
            let scenario: Scenario = file.parse().unwrap();
            let played = play(&scenario, 1, Options::default());
            assert!(played.failure.is_none(), "{:?}", played.failure);
            played.fates.sent
        };
        let anyway = sent("[[steps]]\ntell = { within = \"0s\" }");
        assert!(anyway > sent("[[steps]]\ntell = { within = \"5s\" }"));
    }
}
