//! Whether each step has nodes that it is about: one about nobody would pass whatever the engine does.

use super::check::{Wrong, wrong};
use super::{Goal, Step, To, Whom};

impl Step {
    /// The nodes that are named by number, share or place.
    const fn whom(&self) -> Option<&Whom> {
        match self {
            Self::Crash(whom)
            | Self::Kill(whom)
            | Self::Restart(whom)
            | Self::Depart(whom)
            | Self::Pause(whom)
            | Self::Starve(whom)
            | Self::Split(whom)
            | Self::Mute(whom)
            | Self::Deafen(whom)
            | Self::MuteMulticast(whom)
            | Self::DeafenMulticast(whom)
            | Self::Join(whom)
            | Self::Leave(whom)
            | Self::Describe(whom)
            | Self::Snapshot(whom)
            | Self::SetBack(whom) => Some(whom),
            _ => None,
        }
    }

    /// Whether it picks nodes anew, to which later steps may refer.
    pub(super) fn picks(&self) -> bool {
        match self {
            Self::Serve(serve) | Self::Withdraw(serve) => serve.nodes.is_some() || !serve.picked,
            Self::Pauses(_)
            | Self::Stalls(_)
            | Self::Parts(_)
            | Self::Between(_)
            | Self::Flap(_)
            | Self::FlapMulticast(_)
            | Self::Lossy(_)
            | Self::Skew(_)
            | Self::Jump(_)
            | Self::Slow(_)
            | Self::Churn(_)
            | Self::Betray(_)
            | Self::Tell(_)
            | Self::Message(_) => true,
            Self::Narrow(narrow) => narrow.nodes.is_some(),
            Self::Copy(copies) => copies.nodes.is_some(),
            step => step.whom().is_some_and(|whom| !whom.is_last()),
        }
    }

    /// What is wrong with the nodes that it is about; `picked` is whether a step before has picked
    /// any.
    pub(super) fn wrong_pick(&self, picked: bool) -> Option<Wrong> {
        if let Some(whom) = self.whom() {
            return whom.wrong(picked);
        }
        let last = match self {
            Self::Serve(serve) | Self::Withdraw(serve) if serve.nodes.is_none() && serve.picked => {
                "picked"
            }
            Self::WallClock(_) => "behind",
            Self::Copy(copies) if copies.nodes.is_none() => "nodes",
            Self::Send(send) if send.to != To::All => "to",
            Self::Await(goal) if matches!(goal.what, Goal::Split | Goal::ToldOfHold) => "what",
            step => return step.wrong_count(),
        };
        wrong(&[last], "no step before has picked nodes: put one that does before")
            .filter(|_| !picked)
    }

    fn wrong_count(&self) -> Option<Wrong> {
        let (key, is_none) = match self {
            Self::Serve(serve) | Self::Withdraw(serve) => ("nodes", serve.nodes == Some(0)),
            Self::Flap(flap) | Self::FlapMulticast(flap) => ("nodes", flap.nodes == 0),
            Self::Lossy(lossy) => ("nodes", lossy.nodes == 0),
            Self::Narrow(narrow) => ("nodes", narrow.nodes == Some(0)),
            Self::Skew(skew) => ("nodes", skew.nodes == 0),
            Self::Copy(copies) => ("nodes", copies.nodes == Some(0)),
            Self::Jump(jump) => ("nodes", jump.nodes == 0),
            Self::Slow(slow) => ("nodes", slow.nodes == 0),
            Self::Stalls(stalls) => ("nodes", stalls.nodes.contains(&0)),
            Self::Between(between) if between.percent == 0 => ("percent", true),
            Self::Between(between) => ("and", between.and == 0),
            _ => return None,
        };
        wrong(&[key], NOBODY).filter(|_| is_none)
    }
}

impl Whom {
    /// Whether these are the nodes picked last.
    const fn is_last(&self) -> bool {
        self.nodes.is_none() && self.percent.is_none() && self.these.is_none()
    }

    fn wrong(&self, picked: bool) -> Option<Wrong> {
        if self.is_last() {
            let text = "no step before has picked nodes: name some, as in { nodes = 1 }";
            return wrong(&[], text).filter(|_| !picked);
        }
        let given = [self.nodes.is_some(), self.percent.is_some(), self.these.is_some()];
        if given.iter().filter(|given| **given).count() > 1 {
            let key = if self.percent.is_some() { "percent" } else { "these" };
            return wrong(&[key], "give one of nodes, percent and these: leave the others out");
        }
        if self.nodes == Some(0) || self.percent == Some(0) {
            let key = if self.nodes.is_some() { "nodes" } else { "percent" };
            return wrong(&[key], NOBODY);
        }
        if self.these.as_ref().is_some_and(Vec::is_empty) {
            return wrong(&["these"], "these are no nodes: name one at least");
        }
        let percent = self.percent.filter(|percent| *percent > 100)?;
        wrong(&["percent"], format!("{percent} per cent of the nodes are more than all: lower it"))
    }
}

const NOBODY: &str = "0 are nobody, and nothing happens: write 1 or more";
