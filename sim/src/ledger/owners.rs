//! The owners that the events of a node add up to, compared with those that its queries return.

use std::collections::BTreeSet;

use scalesmall_core::{Engine, Event, NodeId};

use super::observer::Owned;
use super::{Ledger, broken};
use crate::check::{Law, Verdict};
use crate::sim::Sim;

impl Ledger {
    /// A node has told of an owner.
    pub(super) fn hear_of_owner(
        &mut self,
        sim: &Sim<Engine>,
        node: usize,
        event: &Event,
    ) -> Verdict {
        let Event::OwnersChanged { group, range, member, change } = event else { return None };
        // One that a member has made up: what the queries return of it is left out as well.
        let member = sim.node_of(*member)?;
        let subject = self.subject(group, member, *range) as usize;
        let owned = Owned::of(change.serves(), change.drains());
        self.observer(sim, node).own(subject, owned);
        None
    }

    /// Takes what a node's queries say in place of the events that were dropped.
    pub(super) fn reread_owners(&mut self, sim: &Sim<Engine>, node: usize, engine: &Engine) {
        for (subject, owned) in self.queried(sim, engine) {
            self.observer(sim, node).own(subject, owned);
        }
    }

    /// Whether the owners that a node's queries return are others than its events say.
    pub(super) fn owners_differ(
        &mut self,
        sim: &Sim<Engine>,
        node: usize,
        engine: &Engine,
    ) -> Verdict {
        let queried = self.queried(sim, engine);
        let observer = self.observer(sim, node);
        for &(subject, owned) in &queried {
            let told = observer.owned(subject);
            if told != owned {
                let (record, range) = *self.subjects.value(subject as u32);
                let (group, member) = self.records.value(record);
                let what =
                    format!("node {member} serves {range} of {group}: {owned:?}, events: {told:?}");
                return broken(Law::OwnersReplay, what, &[node, *member]);
            }
        }
        let told = observer.owners();
        if told == queried.len() {
            return None;
        }
        let what = format!("there are {} owners, the events add up to {told}", queried.len());
        broken(Law::OwnersReplay, what, &[node])
    }

    /// The owners that a node's queries return, by subject.
    fn queried(&mut self, sim: &Sim<Engine>, engine: &Engine) -> Vec<(usize, Owned)> {
        let peers = engine.peers().chain(engine.peer(engine.id()));
        let draining: BTreeSet<NodeId> =
            peers.filter(|peer| peer.draining.is_some()).map(|peer| peer.id).collect();
        let mut queried = Vec::new();
        for group in engine.groups() {
            for owner in engine.owners(group) {
                let Some(member) = sim.node_of(owner.member) else { continue };
                let subject = self.subject(group, member, owner.range) as usize;
                queried.push((subject, Owned::of(true, draining.contains(&owner.member))));
            }
        }
        queried
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use scalesmall_core::{GroupName, KeyRange, OwnerChange};

    use super::*;
    use crate::lan;

    #[test]
    fn an_owner_of_which_no_event_has_told_is_found() {
        let mut sim = Sim::new(1).nodes(2, lan()).build();
        let group = GroupName::try_from("g").unwrap();
        sim.run_until(Sim::converged, Duration::from_secs(5)).unwrap();
        sim.add_item(1, &group, KeyRange::FULL, 80).unwrap();
        sim.with(1, |engine, now| engine.set_draining(now, true));
        sim.run_for(Duration::from_secs(2)).unwrap();
        let (mut ledger, engine) = (Ledger::default(), sim.node(0).unwrap());
        assert!(ledger.owners_differ(&sim, 0, engine).is_some());
        let (member, range) = (sim.id(1), KeyRange::FULL);
        let told = [
            (OwnerChange::Served, true),
            (OwnerChange::Draining, false),
            (OwnerChange::Down, true),
            (OwnerChange::Draining, false),
            (OwnerChange::Undrained, true),
        ];
        for (change, wrong) in told {
            let event = Event::OwnersChanged { group: group.clone(), range, member, change };
            assert_eq!(ledger.hear_of_owner(&sim, 0, &event), None);
            assert_eq!(ledger.owners_differ(&sim, 0, engine).is_some(), wrong, "{change:?}");
        }
        ledger.reread(&sim, 0);
        assert_eq!(ledger.owners_differ(&sim, 0, engine), None);
    }
}
