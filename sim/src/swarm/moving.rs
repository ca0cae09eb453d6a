//! Worlds in which addresses change, and are not the same as nodes.

use super::{choice, millis, pause};
use crate::addresses::Family::{self, V4, V6};
use crate::random::{Random, Ratio};
use crate::scenario::{
    Await, Close, Cluster, Direction, Goal, Home, Nodes, Nothing, Preset, Readdress, Recover, Span,
    Step, Whom,
};

/// Settles who has which addresses. Any two nodes have a family in common.
pub(super) fn shape(random: &mut Random, cluster: &mut Cluster) {
    cluster.names = true;
    cluster.ipv6 = false;
    let several = random.hit(Ratio(2, 3));
    let all: &[&[Family]] =
        if several { &[&[V4, V6], &[V6, V4], &[V4, V4], &[V4, V6, V4]] } else { &[&[V4], &[V6]] };
    cluster.addresses = choice(random, all).to_vec();
    let both = cluster.addresses.contains(&V4) && cluster.addresses.contains(&V6);
    if both && random.hit(Ratio(1, 2)) {
        let alone = *choice(random, &[V4, V6]);
        let these: Nodes = (0..cluster.nodes).filter(|_| random.hit(Ratio(1, 2))).collect();
        if !these.is_empty() {
            cluster.homes.push(Home { these, addresses: vec![alone] });
        }
    }
}

/// Has nodes move among the other steps, and one once all is well.
pub(super) fn bend(random: &mut Random, cluster: &Cluster, steps: &mut Vec<Step>) {
    for _ in 0..random.between(1, 6) {
        let Some(place) = pause(random, steps, 0) else { return };
        for step in fault(random).into_iter().rev() {
            steps.insert(place, step);
        }
    }
    let times = if cluster.preset == Preset::Wan { 4 } else { 1 };
    let move_one = Step::Readdress(Readdress {
        whom: Whom::some(1),
        swap: false,
        addresses: Vec::new(),
        late: Span::default(),
    });
    // Nodes that have moved while they were apart may know of each other only where they were. All start
    // again, and ask their seeds where these are now.
    steps.extend([
        Step::Kill(Whom::share(100)),
        Step::Run(millis(2_000)),
        Step::Restart(Whom::default()),
        Step::Recover(Recover { restart: true, own: false, calm: millis(1_000) }),
        Step::ForbidHidden(Nothing {}),
        move_one,
        Step::Await(Await { what: Goal::Located, within: millis(times * 1_000), figure: None }),
        Step::Run(millis(20_000)),
        Step::AllowHidden(Nothing {}),
        super::tell(),
    ]);
}

/// A way in which nodes get other addresses, or lose the way to some.
pub(super) fn fault(random: &mut Random) -> Vec<Step> {
    let late = if random.hit(Ratio(1, 2)) { Span::default() } else { millis(random.below(3_000)) };
    let few = |random: &mut Random| Whom::some(random.between(1, 3) as usize);
    let plain =
        |whom| Step::Readdress(Readdress { whom, swap: false, addresses: Vec::new(), late });
    match random.below(6) {
        0 | 1 => vec![plain(few(random))],
        2 => {
            let whom = Whom::some(random.between(2, 4) as usize);
            vec![Step::Readdress(Readdress { whom, swap: true, addresses: Vec::new(), late })]
        }
        3 => {
            let away = millis(random.below(8_000));
            let restart = Step::Restart(Whom::default());
            vec![Step::Crash(few(random)), Step::Run(away), plain(Whom::default()), restart]
        }
        4 => {
            let address = random.below(2) as usize;
            vec![Step::Close(Close { whom: few(random), address })]
        }
        _ => {
            let family = Some(*choice(random, &[V4, V6]));
            let (from, both_ways) = (few(random), random.hit(Ratio(1, 2)));
            vec![Step::Cut(Direction { from, to: Whom::default(), both_ways, family })]
        }
    }
}
