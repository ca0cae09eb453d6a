//! Whether each step has nodes that it is about: one about nobody would pass whatever the engine does.

use super::{Wrong, wrong};
use crate::scenario::step::{Goal, Step, To, Whom};

/// What is wrong with the nodes that it is about; `picked` is whether a step before has picked
/// any.
pub(super) fn wrong_pick(step: &Step, picked: bool) -> Option<Wrong> {
    if let Some(whom) = step.whom() {
        return wrong_whom(whom, picked);
    }
    let last = match step {
        Step::Serve(serve) | Step::Withdraw(serve) if serve.nodes.is_none() && serve.picked => {
            "picked"
        }
        Step::WallClock(_) => "behind",
        Step::Copy(copies) if copies.nodes.is_none() => "nodes",
        Step::Send(send) if send.to != To::All => "to",
        Step::Await(goal) if matches!(goal.what, Goal::Split | Goal::ToldOfHold) => "what",
        step => return wrong_count(step),
    };
    wrong(&[last], "no step before has picked nodes: put one that does before").filter(|_| !picked)
}

fn wrong_count(step: &Step) -> Option<Wrong> {
    let (key, is_none) = match step {
        Step::Serve(serve) | Step::Withdraw(serve) => ("nodes", serve.nodes == Some(0)),
        Step::Flap(flap) | Step::FlapMulticast(flap) => ("nodes", flap.nodes == 0),
        Step::Lossy(lossy) => ("nodes", lossy.nodes == 0),
        Step::Narrow(narrow) => ("nodes", narrow.nodes == Some(0)),
        Step::Skew(skew) => ("nodes", skew.nodes == 0),
        Step::Copy(copies) => ("nodes", copies.nodes == Some(0)),
        Step::Jump(jump) => ("nodes", jump.nodes == 0),
        Step::Slow(slow) => ("nodes", slow.nodes == 0),
        Step::Stalls(stalls) => ("nodes", stalls.nodes.contains(&0)),
        Step::Between(between) if between.percent == 0 => ("percent", true),
        Step::Between(between) => ("and", between.and == 0),
        _ => return None,
    };
    wrong(&[key], NOBODY).filter(|_| is_none)
}

fn wrong_whom(whom: &Whom, picked: bool) -> Option<Wrong> {
    if whom.is_last() {
        let text = "no step before has picked nodes: name some, as in { nodes = 1 }";
        return wrong(&[], text).filter(|_| !picked);
    }
    let given = [whom.nodes.is_some(), whom.percent.is_some(), whom.these.is_some()];
    if given.iter().filter(|given| **given).count() > 1 {
        let key = if whom.percent.is_some() { "percent" } else { "these" };
        return wrong(&[key], "give one of nodes, percent and these: leave the others out");
    }
    if whom.nodes == Some(0) || whom.percent == Some(0) {
        let key = if whom.nodes.is_some() { "nodes" } else { "percent" };
        return wrong(&[key], NOBODY);
    }
    if whom.these.as_ref().is_some_and(Vec::is_empty) {
        return wrong(&["these"], "these are no nodes: name one at least");
    }
    let percent = whom.percent.filter(|percent| *percent > 100)?;
    wrong(&["percent"], format!("{percent} per cent of the nodes are more than all: lower it"))
}

const NOBODY: &str = "0 are nobody, and nothing happens: write 1 or more";
