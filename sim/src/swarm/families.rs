//! Worlds in which some nodes have no way to each other: their addresses are of other families, or nothing
//! passes between them. Others can vouch for them.

use super::{choice, millis, moving, pause};
use crate::addresses::Family::{self, V4, V6};
use crate::random::{Random, Ratio};
use crate::scenario::{
    Await, Cluster, Direction, Goal, Home, Nodes, Nothing, Preset, Readdress, Recover, Seeds,
    Serve, Span, Step, Whom,
};

/// Settles who has addresses of which families: of one of them, or of both. The first node, which others
/// know, has both.
pub(super) fn shape(random: &mut Random, cluster: &mut Cluster) {
    cluster.names = true;
    cluster.ipv6 = false;
    // What a node that knows nobody but one of another family can ask for is nothing.
    cluster.seeds = *choice(random, &[Seeds::First, Seeds::Three]);
    cluster.addresses = choice(random, BOTH).to_vec();
    let alone: [&[Family]; 2] =
        [*choice(random, &[&[V4][..], &[V4, V4]]), *choice(random, &[&[V6][..], &[V6, V6]])];
    // From few that have both to nearly all.
    let share = Ratio::percent(random.between(5, 90) as u32);
    let mut of_one = [Vec::new(), Vec::new()];
    for node in 1..cluster.nodes {
        if !random.hit(share) {
            of_one[random.below(2) as usize].push(node);
        }
    }
    for (these, addresses) in of_one.into_iter().zip(alone).filter(|(these, _)| !these.is_empty()) {
        let these: Nodes = these.into_iter().collect();
        cluster.homes.push(Home { these, addresses: addresses.to_vec() });
    }
}

/// Has nodes move, and get and lose families, among the other steps. Once all is well, some have no way to
/// some others for good: nobody is hidden, and all learn what is new.
pub(super) fn bend(random: &mut Random, cluster: &Cluster, steps: &mut Vec<Step>) {
    for _ in 0..random.between(1, 6) {
        let Some(place) = pause(random, steps, 0) else { return };
        let fault =
            if random.hit(Ratio(1, 3)) { vec![other(random)] } else { moving::fault(random) };
        for step in fault.into_iter().rev() {
            steps.insert(place, step);
        }
    }
    let both = *choice(random, BOTH);
    let times = if cluster.preset == Preset::Wan { 4 } else { 1 };
    let wait = |what, within: u64| {
        Step::Await(Await { what, within: millis(times * within), figure: None })
    };
    steps.extend([
        // Somebody can vouch for everybody.
        given(Whom::these([0]), both, Span::default()),
        Step::Kill(Whom::share(100)),
        Step::Run(millis(2_000)),
        Step::Restart(Whom::default()),
        Step::Recover(Recover { restart: true, own: false, calm: millis(1_000) }),
        Step::ForbidHidden(Nothing {}),
    ]);
    if random.hit(Ratio(3, 4)) {
        steps.extend(no_way(random, cluster.nodes));
    }
    let range = random.below(4) as u32;
    let (whom, over) = (Whom::some(1), Span::default());
    steps.extend([
        Step::Run(millis(random.between(5_000, 30_000))),
        Step::Serve(Serve { whom, picked: false, range, over }),
        wait(Goal::Agreement, 10_000),
        given(Whom::some(1), &[], Span::default()),
        wait(Goal::Located, 10_000),
        Step::Run(millis(20_000)),
        Step::AllowHidden(Nothing {}),
        Step::Recover(Recover { restart: false, own: false, calm: millis(1_000) }),
        super::tell(),
    ]);
}

/// Some nodes get addresses of other families than they had.
fn other(random: &mut Random) -> Step {
    let late = if random.hit(Ratio(1, 2)) { Span::default() } else { millis(random.below(3_000)) };
    let whom = Whom::some(random.between(1, 3) as usize);
    let families: [&[Family]; 4] = [&[V4], &[V6], &[V4, V6], &[V6, V4]];
    let addresses = *choice(random, &families);
    given(whom, addresses, late)
}

fn given(whom: Whom, addresses: &[Family], late: Span) -> Step {
    Step::Readdress(Readdress { whom, swap: false, addresses: addresses.to_vec(), late })
}

/// Nothing passes between one or two nodes and one or two others, or nothing of one family. The first node
/// is none of them: of any three that a node asks to verify another of these, one at least can.
fn no_way(random: &mut Random, nodes: usize) -> Option<Step> {
    let mut others: Vec<usize> = (1..nodes).collect();
    let mut take = |random: &mut Random| {
        let count = others.len().min(random.between(1, 2) as usize);
        let taken =
            (0..count).map(|_| others.swap_remove(random.below(others.len() as u64) as usize));
        taken.collect::<Vec<usize>>()
    };
    let (from, to) = (take(random), take(random));
    let (from, to) = Some((from, to)).filter(|(from, to)| !from.is_empty() && !to.is_empty())?;
    let (from, to) = (Whom::these(from), Whom::these(to));
    let both_ways = random.hit(Ratio(2, 3));
    let family = *choice(random, &[None, Some(V4), Some(V6)]);
    Some(Step::Cut(Direction { from, to, both_ways, family }))
}

/// What nodes have that are reached by all.
const BOTH: &[&[Family]] = &[&[V4, V6], &[V6, V4], &[V4, V6, V4]];
