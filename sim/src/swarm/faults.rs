//! What a swarm does to a cluster, one fault at a time.

use super::{choice, millis, percent};
use crate::random::{Random, Ratio};
use crate::scenario::{
    Between, Chance, Churn, Flap, Jump, Lossy, Nothing, Path, Resume, Serve, Size, Skew, Slow,
    Span, Speed, Step, WallClock, Way, Whom,
};

/// How many kinds of faults, and of calls of the application, there are.
pub(super) const KINDS: u64 = 29;

/// How many ranges a node may serve.
pub(super) const RANGES: u64 = 4;

/// Draws a fault of a kind.
pub(super) fn fault(kind: u64, random: &mut Random, steps: &mut Vec<Step>) {
    let step = match kind {
        0..=7 => of_nodes(kind, random),
        8..=14 => of_cuts(kind, random, steps),
        15..=19 => of_clocks_and_pace(kind, random, steps),
        26..=28 => of_multicast(kind, random),
        20 => Step::Relink(path(random)),
        21 => Step::Leave(few(random)),
        22 => Step::Describe(few(random)),
        23 => Step::Churn(Churn {
            per_second: random.between(5, 200) as u32,
            lasts: span(random, 100, 1_000),
        }),
        _ => {
            let serve = Serve {
                // All at once as well, so that what one node adds and removes meets.
                whom: Whom {
                    nodes: random.hit(Ratio(2, 3)).then(|| random.between(1, 5) as usize),
                    ..Whom::default()
                },
                picked: false,
                range: random.below(RANGES) as u32,
                over: span(random, 0, 500),
            };
            if kind == 24 { Step::Serve(serve) } else { Step::Withdraw(serve) }
        }
    };
    steps.push(step);
}

fn of_nodes(kind: u64, random: &mut Random) -> Step {
    match kind {
        0 => Step::Crash(some(random)),
        1 => Step::Kill(some(random)),
        2 => Step::Restart(some(random)),
        3 => Step::Depart(few(random)),
        4 => Step::Pause(some(random)),
        5 => Step::Starve(some(random)),
        6 => Step::Resume(Resume { catch_up: Way::AtOnce }),
        _ => Step::Resume(Resume { catch_up: Way::Drain }),
    }
}

/// Of partial and of flapping cuts every other one comes with a second, its mirror image: single
/// ones are too rare, and two overlap.
fn of_cuts(kind: u64, random: &mut Random, steps: &mut Vec<Step>) -> Step {
    match kind {
        8 => Step::Split(some(random)),
        9 => Step::Mute(some(random)),
        10 => Step::Deafen(some(random)),
        11 => {
            let [percent, and] = [(); 2].map(|()| random.between(1, 40) as usize);
            if percent < and {
                steps.push(Step::Between(Between { percent: and, and: percent }));
            }
            Step::Between(Between { percent, and })
        }
        12 => {
            let whom = few(random);
            let [on, off] = [(); 2].map(|()| span(random, 100, 5_000));
            if on.0 < off.0 {
                steps.push(Step::Flap(Flap { whom: whom.clone(), on: off, off: on }));
            }
            Step::Flap(Flap { whom, on, off })
        }
        13 => Step::Lossy(Lossy {
            whom: few(random),
            out: Chance(Ratio::percent(random.below(100) as u32)),
            into: Chance(Ratio::percent(random.below(100) as u32)),
        }),
        _ => Step::Heal(Nothing {}),
    }
}

fn of_multicast(kind: u64, random: &mut Random) -> Step {
    match kind {
        26 => Step::MuteMulticast(some(random)),
        27 => Step::DeafenMulticast(some(random)),
        _ => Step::FlapMulticast(Flap {
            whom: few(random),
            on: span(random, 10, 1_000),
            off: span(random, 10, 5_000),
        }),
    }
}

fn of_clocks_and_pace(kind: u64, random: &mut Random, steps: &mut Vec<Step>) -> Step {
    let whom = few(random);
    match kind {
        15 => Step::Skew(Skew { whom, rate: Chance(*choice(random, &SKEWS)) }),
        16 => Step::Jump(Jump { whom, by: span(random, 1, 20_000), back: random.hit(Ratio(1, 4)) }),
        17 => Step::Slow(Slow { whom, pace: span(random, 1, 200) }),
        18 => Step::Slow(Slow { whom: Whom::some(3), pace: Span::default() }),
        _ => {
            steps.push(Step::Crash(whom));
            let behind = span(random, 1_000, 3_600_000);
            steps.push(Step::WallClock(WallClock { whom: Whom::default(), behind }));
            Step::Restart(Whom::default())
        }
    }
}

/// Draws a link: faultless in most respects.
pub(super) fn path(random: &mut Random) -> Path {
    let third = Ratio(1, 3);
    Path {
        delay: random.hit(third).then(|| {
            let least = random.between(50, 5_000);
            [least, least + random.below(20_000)]
                .map(|us| Span(core::time::Duration::from_micros(us)))
        }),
        median: None,
        octaves: None,
        loss: random.hit(third).then(|| percent(random, 30)),
        bursts: random.hit(Ratio(1, 4)).then(|| {
            let enter = Chance(Ratio(1, random.between(20, 500) as u32));
            [enter, percent(random, 50), Chance(Ratio::percent(random.between(50, 100) as u32))]
        }),
        duplicate: random.hit(third).then(|| percent(random, 20)),
        reorder: random.hit(third).then(|| percent(random, 20)),
        reorder_by: None,
        corrupt: random.hit(third).then(|| percent(random, 5)),
        replay: random.hit(third).then(|| percent(random, 10)),
        replay_within: None,
        mtu: random.hit(Ratio(1, 8)).then(|| random.between(200, 1_200) as usize),
        bandwidth: random
            .hit(Ratio(1, 6))
            .then(|| (Speed(random.between(5_000, 100_000)), Size(random.between(2_000, 32_000)))),
    }
}

fn some(random: &mut Random) -> Whom {
    Whom::share(random.between(1, 50) as usize)
}

fn few(random: &mut Random) -> Whom {
    Whom::some(random.between(1, 3) as usize)
}

fn span(random: &mut Random, least: u64, most: u64) -> Span {
    millis(random.between(least, most))
}

const SKEWS: [Ratio; 4] = [Ratio(101, 100), Ratio(99, 100), Ratio(1_001, 1_000), Ratio(999, 1_000)];
