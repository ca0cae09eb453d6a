//! Worlds in which servers share slots.

use super::{choice, millis, pause};
use crate::random::Random;
use crate::scenario::{Await, Cluster, Goal, Shards, Step, Whom};

/// Settles what is shared. Of two or three nodes nobody can confirm that one has died.
pub(super) fn shape(random: &mut Random, cluster: &mut Cluster) {
    cluster.nodes = cluster.nodes.max(4);
    cluster.shards = Some(Shards {
        slots: *choice(random, &[2, 16, 64, 200]),
        replicas: random.between(1, 3) as usize,
        load: *choice(random, &[100, 110, 125, 200]),
        loading: millis(random.below(400)),
        flushing: millis(random.below(200)),
    });
}

/// Has some nodes drain among the other steps, and all have what is planned once all is well.
pub(super) fn bend(random: &mut Random, steps: &mut Vec<Step>) {
    for _ in 0..random.below(4) {
        let Some(place) = pause(random, steps, 0) else { break };
        steps.insert(place, Step::Drain(Whom::some(random.between(1, 3) as usize)));
    }
    steps.insert(0, Step::Share(Whom::share(100)));
    steps.push(Step::Await(Await { what: Goal::Shared, within: millis(120_000), figure: None }));
}
