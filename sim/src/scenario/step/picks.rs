//! Which steps pick nodes, and how.

use super::{Step, Whom};

impl Step {
    /// The nodes that are named by number, share or place.
    pub(crate) const fn whom(&self) -> Option<&Whom> {
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
    pub(crate) fn picks(&self) -> bool {
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
}

impl Whom {
    /// Whether these are the nodes picked last.
    pub(crate) const fn is_last(&self) -> bool {
        self.nodes.is_none() && self.percent.is_none() && self.these.is_none()
    }
}
