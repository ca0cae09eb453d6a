//! Whether nodes say of themselves what they were told to say.

use core::time::Duration;

use scalesmall_core::{Engine, Op};

use super::broken;
use crate::check::{Law, Verdict};
use crate::node::Condition;
use crate::sim::Sim;
use crate::written::{Told, own_items};

/// Whether a node says something else of itself than it was told to.
pub(crate) fn not_as_told(sim: &Sim<Engine>, node: usize) -> Verdict {
    let engine = sim.node(node)?;
    let nothing = Told::default();
    let told = sim.written().told(node, sim.lives(node)).unwrap_or(&nothing);
    let mut says = 0;
    for (key, item) in own_items(engine) {
        let what = || format!("{:?} {:?} as {:?} at port {}", key.0, key.1, item.0, item.1);
        if item.0 == Op::Remove {
            let kept = engine.config().tombstone_ttl + GRACE;
            let due = told.removed.get(&key).map(|at| *at + kept);
            // A node that has said goodbye does nothing any more, and one that stands still does it
            // later.
            let able = sim.condition(node) == Condition::Running && !sim.has_departed(node);
            let late = able && due.is_some_and(|due| sim.local(node) > due);
            if late {
                return broken(Law::TombstoneKept, what(), &[node]);
            }
            continue;
        }
        if told.items.get(&key) != Some(&item) {
            let what = format!("it says {}, it was told {:?}", what(), told.items.get(&key));
            return broken(Law::NotAsTold, what, &[node]);
        }
        says += 1;
    }
    if says < told.items.len() {
        let what = format!("it says {says} items, it was told {:?}", told.items);
        return broken(Law::NotAsTold, what, &[node]);
    }
    None
}

/// How much longer than it has to a node may keep a tombstone of its own.
const GRACE: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use scalesmall_core::{Epoch, GroupName, Instant, KeyRange};

    use super::*;
    use crate::check::Broken;
    use crate::lan;

    fn three() -> (Sim, GroupName) {
        let mut sim = Sim::new(1).nodes(3, lan()).build();
        sim.run_until(Sim::converged, Duration::from_secs(5)).unwrap();
        (sim, GroupName::try_from("g").unwrap())
    }

    fn low() -> KeyRange {
        KeyRange::new(0, 9).unwrap()
    }

    fn high() -> KeyRange {
        KeyRange::new(10, 19).unwrap()
    }

    /// The law that is broken within a second.
    fn soon(sim: &mut Sim) -> Option<Law> {
        match sim.run_for(Duration::from_secs(1)).err()?.broken {
            Broken::Law { law, .. } => Some(law),
            other => panic!("{other}"),
        }
    }

    #[test]
    fn what_was_told_holds_through_all_that_may_happen() {
        let (mut sim, group) = three();
        sim.join(0, &group).unwrap();
        sim.add_item(0, &group, low(), 80).unwrap();
        sim.add_item(0, &group, KeyRange::FULL, 81).unwrap();
        sim.join(0, &group).unwrap();
        sim.add_item(1, &group, high(), 82).unwrap();
        sim.leave(1, &group).unwrap();
        sim.add_item(1, &group, low(), 82).unwrap();
        sim.remove_item(1, &group, high(), 82).unwrap();
        assert_eq!(soon(&mut sim), None);
        // Without being asked to, as when somebody claims a later life of it.
        sim.tell(0, |engine, now| engine.renew(now, Epoch(engine.epoch().0 + 1)));
        assert_eq!(soon(&mut sim), None);
        sim.with(2, |engine, now| engine.add_item(now, &group, low(), 83)).unwrap();
        sim.restart(1);
        sim.add_item(1, &group, high(), 84).unwrap();
        assert_eq!(soon(&mut sim), None);
        assert_eq!(sim.written().told(0, sim.lives(0)).unwrap().items.len(), 2);
    }

    #[test]
    fn items_too_many_too_few_and_others_are_found() {
        let unseen: [fn(&mut Engine, Instant, &GroupName); 4] = [
            |engine, now, group| {
                let _ = engine.add_item(now, group, high(), 80);
            },
            |engine, now, group| {
                let _ = engine.remove_item(now, group, low(), 80);
            },
            |engine, now, group| {
                let _ = engine.add_item(now, group, low(), 81);
            },
            |engine, now, group| {
                let _ = engine.leave(now, group);
            },
        ];
        for (place, call) in unseen.into_iter().enumerate() {
            let (mut sim, group) = three();
            for (range, port) in [(low(), 80), (low(), 81), (high(), 80), (low(), 80)] {
                sim.add_item(1, &group, range, port).unwrap();
            }
            sim.remove_item(1, &group, high(), 80).unwrap();
            assert_eq!(soon(&mut sim), None);
            sim.tell(1, |engine, now| call(engine, now, &group));
            assert_eq!(soon(&mut sim), Some(Law::NotAsTold), "call {place}");
        }
    }

    #[test]
    fn a_tombstone_that_stays_is_found() {
        let (mut sim, group) = three();
        sim.add_item(1, &group, low(), 80).unwrap();
        sim.leave(1, &group).unwrap();
        // The time of one that is written already stays what it was.
        let mut config = lan();
        config.tombstone_ttl = Duration::from_secs(1);
        sim.tell(1, |engine, now| engine.set_config(now, config).unwrap());
        assert_eq!([(); 2].map(|()| soon(&mut sim)), [None; 2]);
        let then = [(); 3].map(|()| soon(&mut sim));
        assert_eq!(then[2], Some(Law::TombstoneKept));
    }
}
