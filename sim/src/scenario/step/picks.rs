//! Which steps pick nodes, and how.

use super::{
    Close, Copies, Flap, Jump, Lossy, Narrow, Readdress, Serve, Skew, Slow, Step, WallClock, Whom,
};

/// The nodes of a step that is about one set of them.
macro_rules! whom_of {
    ($step:expr, $whom:ident => $found:expr, Step::Cut($cut:ident) => $both:expr, _ => $none:expr) => {
        match $step {
            Step::Crash($whom)
            | Step::Kill($whom)
            | Step::Restart($whom)
            | Step::Depart($whom)
            | Step::Pause($whom)
            | Step::Starve($whom)
            | Step::Split($whom)
            | Step::Mute($whom)
            | Step::Deafen($whom)
            | Step::MuteMulticast($whom)
            | Step::DeafenMulticast($whom)
            | Step::Join($whom)
            | Step::Share($whom)
            | Step::Drain($whom)
            | Step::Leave($whom)
            | Step::Describe($whom)
            | Step::Rotate($whom)
            | Step::Snapshot($whom)
            | Step::SetBack($whom)
            | Step::Flap(Flap { whom: $whom, .. })
            | Step::FlapMulticast(Flap { whom: $whom, .. })
            | Step::Lossy(Lossy { whom: $whom, .. })
            | Step::Narrow(Narrow { whom: $whom, .. })
            | Step::Skew(Skew { whom: $whom, .. })
            | Step::Copy(Copies { whom: $whom, .. })
            | Step::Readdress(Readdress { whom: $whom, .. })
            | Step::Close(Close { whom: $whom, .. })
            | Step::Jump(Jump { whom: $whom, .. })
            | Step::Slow(Slow { whom: $whom, .. })
            | Step::WallClock(WallClock { whom: $whom, .. })
            | Step::Serve(Serve { whom: $whom, .. })
            | Step::Withdraw(Serve { whom: $whom, .. }) => $found,
            Step::Cut($cut) => $both,
            _ => $none,
        }
    };
}

impl Step {
    /// The nodes that it names, those of a cut from which datagrams do not arrive.
    pub(crate) const fn whom(&self) -> Option<&Whom> {
        whom_of!(self, whom => Some(whom), Step::Cut(cut) => Some(&cut.from), _ => None)
    }

    /// All nodes that it names, to change them.
    pub(crate) fn whom_mut(&mut self) -> Vec<&mut Whom> {
        whom_of!(
            self,
            whom => vec![whom],
            Step::Cut(cut) => vec![&mut cut.from, &mut cut.to],
            _ => Vec::new()
        )
    }

    /// Whether it is about nodes picked before, if it names none.
    pub(crate) const fn wants_picked(&self) -> bool {
        match self {
            Self::Serve(serve) | Self::Withdraw(serve) => serve.picked,
            Self::Narrow(_) => false,
            _ => true,
        }
    }

    /// Whether it picks nodes anew, to which later steps may refer.
    pub(crate) fn picks(&self) -> bool {
        match self {
            Self::Serve(serve) | Self::Withdraw(serve) => !serve.whom.is_last() || !serve.picked,
            Self::Pauses(_)
            | Self::Stalls(_)
            | Self::Parts(_)
            | Self::Between(_)
            | Self::Churn(_)
            | Self::Betray(_)
            | Self::Tell(_)
            | Self::Message(_) => true,
            step => step.whom().is_some_and(|whom| !whom.is_last()),
        }
    }
}
