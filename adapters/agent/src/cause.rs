//! Why a peer's status changed, and what multicast does, for people and for programs.

use scalesmall_core::{Cause, HoldReason, MulticastState, NodeId};

/// The cause's name, the nodes that had a part in it, and a sentence in which they are called as
/// `shown` says.
pub(crate) fn describe(
    cause: &Cause,
    shown: impl Fn(NodeId) -> String,
) -> (&'static str, Vec<NodeId>, String) {
    let plain = |name, sentence: &str| (name, Vec::new(), sentence.to_owned());
    match *cause {
        Cause::Heard => plain("heard", "it was heard"),
        Cause::Told { by } => ("told", vec![by], format!("{} told so", shown(by))),
        Cause::Unanswered => plain("unanswered", "it left a probe unanswered"),
        Cause::Answered => plain("answered", "it answered"),
        Cause::AnsweredOther { verifier } => {
            ("answered_other", vec![verifier], format!("it answered {}", shown(verifier)))
        }
        Cause::Confirmed { accuser, confirmed_by } => {
            let others: Vec<NodeId> = confirmed_by.into_iter().flatten().collect();
            let names: Vec<String> = others.iter().map(|other| shown(*other)).collect();
            let by = if names.is_empty() { "nobody else".to_owned() } else { names.join(" and ") };
            let nodes = std::iter::once(accuser).chain(others).collect();
            ("confirmed", nodes, format!("it was silent to {}, confirmed by {by}", shown(accuser)))
        }
        Cause::NobodyToAsk => {
            plain("nobody_to_ask", "it is silent and nobody was there to be asked")
        }
        Cause::VerifiersSilent => plain(
            "verifiers_silent",
            "it is silent and those that were asked to look did not answer",
        ),
        Cause::Refuted => plain("refuted", "it refuted what was said about it"),
        Cause::Departed => plain("departed", "it said goodbye"),
        Cause::NewLife => plain("new_life", "it began a new life"),
        Cause::Expired => plain("expired", "it was gone for so long that it is forgotten"),
        Cause::HeldOff => plain(
            "held_off",
            "it says that it was cut off or stood still, as it did before: it is held off for a while",
        ),
        Cause::Steady => plain("steady", "it has been held off for long enough"),
        Cause::OwnStall => plain("own_stall", "this node had slept and takes its word back"),
        other => ("other", Vec::new(), format!("{other:?}")),
    }
}

/// The name of why this node is held off, how often that was so, and a sentence.
pub(crate) fn hold(reason: HoldReason) -> (&'static str, u8, String) {
    match reason {
        HoldReason::Silences { times } => {
            ("silences", times, format!("it was cut off {times} times of late"))
        }
        HoldReason::Stalls { times } => {
            ("stalls", times, format!("it stood still {times} times of late"))
        }
    }
}

/// The name of what multicast does for this node, and a sentence.
pub(crate) const fn multicast(state: MulticastState) -> (&'static str, &'static str) {
    match state {
        MulticastState::Working => ("working", "multicast works"),
        MulticastState::Silent => (
            "silent",
            "nobody is heard by multicast: it is blocked, or no other node is on this network; \
             everything goes by unicast",
        ),
        MulticastState::Unheard => (
            "unheard",
            "nobody hears this node by multicast, though it hears others: what it says goes by \
             unicast",
        ),
    }
}
