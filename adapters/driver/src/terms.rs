//! What programs call that which a node believes, and why: in lower case, with underscores.

use scalesmall_core::{Cause, Footing, MulticastState, OwnerChange, Status};

/// The term for a status.
#[must_use]
pub const fn status(status: Status) -> &'static str {
    match status {
        Status::Alive => "alive",
        Status::Suspect => "suspect",
        Status::Unreachable => "unreachable",
        Status::Down => "down",
        Status::Left => "left",
    }
}

/// The term for what has become of an owner; `other` for a change that this version does not know.
#[must_use]
pub const fn owner_change(change: OwnerChange) -> &'static str {
    match change {
        OwnerChange::Served => "served",
        OwnerChange::Withdrawn => "withdrawn",
        OwnerChange::Down => "down",
        OwnerChange::Back => "back",
        OwnerChange::Draining => "draining",
        OwnerChange::Undrained => "undrained",
        _ => "other",
    }
}

/// The term for how a node stands to its cluster; `other` for one that this version does not know.
#[must_use]
pub const fn footing(footing: Footing) -> &'static str {
    match footing {
        Footing::Minority => "minority",
        Footing::Apart => "apart",
        Footing::Unknown => "unknown",
        Footing::Agreed => "agreed",
        _ => "other",
    }
}

/// The term for what multicast does for a node.
#[must_use]
pub const fn multicast(state: MulticastState) -> &'static str {
    match state {
        MulticastState::Working => "working",
        MulticastState::Silent => "silent",
        MulticastState::Unheard => "unheard",
    }
}

/// The term for a cause; `other` for one that this version does not know.
#[must_use]
pub const fn cause(cause: &Cause) -> &'static str {
    match cause {
        Cause::Heard => "heard",
        Cause::Told { .. } => "told",
        Cause::Unanswered => "unanswered",
        Cause::Answered => "answered",
        Cause::AnsweredOther { .. } => "answered_other",
        Cause::Confirmed { .. } => "confirmed",
        Cause::NobodyToAsk => "nobody_to_ask",
        Cause::VerifiersSilent => "verifiers_silent",
        Cause::Refuted => "refuted",
        Cause::Departed => "departed",
        Cause::NewLife => "new_life",
        Cause::Expired => "expired",
        Cause::HeldOff => "held_off",
        Cause::Steady => "steady",
        Cause::OwnStall => "own_stall",
        Cause::Forgotten => "forgotten",
        _ => "other",
    }
}
