//! Accidents that concern a member itself: it is set back to a snapshot, runs twice, or lies.

use super::{millis, pause, tell};
use crate::random::{Random, Ratio};
use crate::scenario::{
    Await, Betray, Cluster, Copies, Goal, Nothing, Preset, Recover, Serve, Span, Step, Whom,
};

/// Snapshots in mid-run, and returns to them; with `copies` there are second copies as well.
pub(super) fn go_back(copies: bool, random: &mut Random, steps: &mut Vec<Step>) {
    let some = |random: &mut Random| Whom::some(random.between(1, 3) as usize);
    for _ in 0..random.between(1, 4) {
        let Some(place) = pause(random, steps, 0) else { return };
        steps.insert(place, Step::Snapshot(some(random)));
        let Some(place) = pause(random, steps, place + 1) else { return };
        let whom = some(random);
        let twins = Copies { whom: whom.clone(), by_chance: random.hit(Ratio(1, 2)) };
        let copy = copies && random.hit(Ratio(2, 3));
        steps.insert(place, if copy { Step::Copy(twins) } else { Step::SetBack(whom) });
    }
}

/// The same once all is well; with `copies` a second copy, and no return.
pub(super) fn go_back_in_calm(
    copies: bool,
    random: &mut Random,
    cluster: &Cluster,
    steps: &mut Vec<Step>,
) {
    // What waits for a renewal waits for as many of the shortest time-outs.
    let times = if cluster.preset == Preset::Wan { 4 } else { 1 };
    steps.push(Step::Recover(Recover { restart: true, own: false, calm: millis(1_000) }));
    // What others have caused until now is long past: the back-off begins anew.
    steps.push(Step::Run(millis(500_000)));
    let one = Whom::some(1);
    steps.push(Step::Snapshot(one));
    for _ in 0..random.below(3) {
        let range = random.below(4) as u32;
        let (whom, over) = (Whom::default(), Span::default());
        steps.push(Step::Serve(Serve { whom, picked: true, range, over }));
        steps.push(Step::Run(millis(random.below(2_000))));
    }
    steps.push(Step::Run(millis(random.below(400_000))));
    if copies {
        let twins = Copies { whom: Whom::default(), by_chance: random.hit(Ratio(1, 2)) };
        steps.extend([
            Step::Copy(twins),
            Step::Await(Await {
                what: Goal::Conflict,
                within: millis(times * 30_000),
                figure: None,
            }),
            Step::ForbidHidden(Nothing {}),
            Step::Run(millis(60_000)),
            Step::AllowHidden(Nothing {}),
            Step::Recover(Recover { restart: false, own: false, calm: millis(5_000) }),
        ]);
    } else {
        steps.extend([
            Step::SetBack(Whom::default()),
            Step::ForbidFalseDown(Nothing {}),
            Step::Run(millis(times * 5_000)),
            Step::Await(Await { what: Goal::Agreement, within: millis(1), figure: None }),
            Step::ForbidHidden(Nothing {}),
            Step::Run(millis(30_000)),
            Step::AllowHidden(Nothing {}),
        ]);
    }
    steps.push(tell());
}

/// Nothing fails but one member, which lies now and then, or ten times a second for a minute.
pub(super) fn betrayed(random: &mut Random, steps: &mut Vec<Step>) {
    steps.retain(|step| {
        matches!(
            step,
            Step::Run(_)
                | Step::Serve(_)
                | Step::Withdraw(_)
                | Step::Join(_)
                | Step::Leave(_)
                | Step::Describe(_)
                | Step::Churn(_)
                | Step::Recover(_)
                | Step::Tell(_)
        )
    });
    let goes_on = random.hit(Ratio(1, 4));
    let mut left = if goes_on { 1 } else { random.between(2, 12) };
    let mut all =
        vec![Step::Await(Await { what: Goal::Agreement, within: millis(30_000), figure: None })];
    for step in steps.drain(..) {
        let pauses = matches!(step, Step::Run(_) | Step::Recover(_));
        if pauses && left > 0 {
            left -= 1;
            let (packets, every) = if goes_on { (600, millis(100)) } else { (1, Span::default()) };
            all.push(Step::Betray(Betray { packets, every, figure: None }));
        }
        all.push(step);
    }
    *steps = all;
}
