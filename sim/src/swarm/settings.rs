//! Worlds in which settings differ: what is remembered for how long, how much room there is, how fast
//! nodes look at each other, how large datagrams are.

use super::{choice, millis};
use crate::random::{Random, Ratio};
use crate::scenario::{
    Cluster, Nodes, Others, Path, Preset, Recover, Serve, Settings, Span, Step, Still, Whom,
};

/// In what way settings matter.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// Some nodes have others than the rest.
    Differ,
    /// Nobody has room for more than may live at a time, and many come and go.
    Crowded,
    /// Some have no room for what others serve.
    Uneven,
}

impl Form {
    fn drawn(random: &mut Random) -> Self {
        *choice(random, &[Self::Differ, Self::Differ, Self::Crowded, Self::Uneven])
    }
}

/// Settles who has which settings.
pub(super) fn shape(random: &mut Random, cluster: &mut Cluster) {
    match Form::drawn(random) {
        Form::Differ => {
            let these = some(random, cluster.nodes);
            let settings = different(random);
            cluster.others = Some(Others { these, settings });
        }
        Form::Crowded => {
            cluster.nodes = cluster.nodes.max(4);
            cluster.asleep = random.between(1, cluster.nodes as u64 / 2 - 1) as usize;
            let room = (cluster.nodes - cluster.asleep) as u32;
            cluster.settings.limit_nodes = Some(room);
        }
        Form::Uneven => {
            let these = some(random, cluster.nodes);
            let settings = Settings { ranges_per_record: Some(1), ..Settings::default() };
            cluster.others = Some(Others { these, settings });
            (cluster.link, cluster.between, cluster.zones) = (Path::default(), None, 1);
            cluster.settings.tombstone_ttl = None;
            cluster.settings.send_rate = None;
        }
    }
}

/// Makes what happens fit; `random` has shaped the cluster before, and begins anew.
pub(super) fn bend(random: &mut Random, cluster: &Cluster, steps: &mut Vec<Step>) {
    match Form::drawn(random) {
        Form::Differ => {}
        Form::Crowded => crowd(cluster, steps),
        Form::Uneven => {
            *steps = vec![Step::Run(millis(5_000))];
            for range in 0..3 {
                let over = Span::default();
                steps.push(Step::Serve(Serve {
                    whom: Whom::default(),
                    picked: false,
                    range,
                    over,
                }));
            }
            // A repair is tried again after 2, 4, 8, 16 and 32 s, or twice as many.
            steps.push(Step::Run(millis(180_000)));
            steps.push(Step::Still(Still { lasts: millis(120_000), repairs: MOST_REPAIRS }));
        }
    }
}

/// After the first act as many go as have not been there yet; these come, in several lives.
fn crowd(cluster: &Cluster, steps: &mut Vec<Step>) {
    let starts = |step: &Step| matches!(step, Step::Restart(_) | Step::WallClock(_));
    steps.retain(|step| !starts(step) && !matches!(step, Step::Serve(serve) if serve.picked));
    let end = steps.iter().position(|step| matches!(step, Step::Recover(_)));
    steps.truncate(end.unwrap_or(steps.len()));
    let recover = |calm| Step::Recover(Recover { restart: false, own: false, calm: millis(calm) });
    let awake = cluster.nodes - cluster.asleep;
    // The seed stays, so that those that come find somebody.
    let go: Vec<usize> = (awake - cluster.asleep..awake).collect();
    let whom = |these: &[usize]| Whom::these(these.iter().copied());
    steps.retain(|step| !ends_seed(step));
    steps.push(recover(1_000));
    let (leave, die) = go.split_at(go.len() / 2);
    if !leave.is_empty() {
        steps.push(Step::Depart(whom(leave)));
    }
    steps.push(Step::Kill(whom(die)));
    steps.push(recover(1_000));
    let come: Vec<usize> = (awake..cluster.nodes).collect();
    steps.push(Step::Restart(whom(&come)));
    steps.push(recover(5_000));
}

/// Whether a step may end the process that newcomers know.
fn ends_seed(step: &Step) -> bool {
    matches!(step, Step::Crash(_) | Step::Kill(_) | Step::Depart(_))
}

fn some(random: &mut Random, nodes: usize) -> Nodes {
    let mut these: Vec<usize> = (0..nodes).filter(|_| random.hit(Ratio(1, 2))).collect();
    if these.is_empty() {
        these.push(random.below(nodes as u64) as usize);
    }
    these.into_iter().collect()
}

fn different(random: &mut Random) -> Settings {
    let mut settings =
        match choice(random, &[None, Some(Preset::Lan), Some(Preset::Wan), Some(Preset::Local)]) {
            None => Settings::default(),
            Some(preset) => Settings::of_preset(*preset),
        };
    let mut half = || random.hit(Ratio(1, 2));
    let (forgets, sizes, ages) = (half(), half(), half());
    settings.forget_after = forgets.then(|| millis(random.between(1_000, 30_000)));
    settings.max_datagram = sizes.then(|| random.between(512, 2_000) as usize);
    settings.tombstone_ttl = ages.then(|| millis(random.between(500, 10_000)));
    settings
}

/// How many repairs a node may begin in two minutes if none of them can move anything.
const MOST_REPAIRS: u64 = 16;
