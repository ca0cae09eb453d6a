//! Why a peer's status changed, and what multicast does, for people and for programs.

use scalesmall_core::{Cause, HoldReason, MulticastState, NodeId};

/// The name of a cause for programs, and the nodes that had a part in it.
pub(crate) fn parts(cause: &Cause) -> (&'static str, Vec<NodeId>) {
    let by = match *cause {
        Cause::Told { by } => vec![by],
        Cause::AnsweredOther { verifier } => vec![verifier],
        Cause::Confirmed { accuser, confirmed_by } => {
            std::iter::once(accuser).chain(confirmed_by.into_iter().flatten()).collect()
        }
        _ => Vec::new(),
    };
    (cause.name(), by)
}

/// The sentence for a cause of this name; `by` are the nodes that had a part in it, as people call them.
pub(crate) fn sentence(name: &str, by: &[&str]) -> String {
    let first = by.first().copied().unwrap_or("another node");
    let plain = match name {
        "heard" => "it was heard",
        "told" => return format!("{first} told so"),
        "unanswered" => "it left a probe unanswered",
        "answered" => "it answered",
        "answered_other" => return format!("it answered {first}"),
        "confirmed" => {
            let others = by.get(1..).unwrap_or_default();
            let others =
                if others.is_empty() { "nobody else".to_owned() } else { others.join(" and ") };
            return format!("it was silent to {first}, confirmed by {others}");
        }
        "nobody_to_ask" => "it is silent and nobody was there to be asked",
        "verifiers_silent" => "it is silent and those that were asked to look did not answer",
        "refuted" => "it refuted what was said about it",
        "departed" => "it said goodbye",
        "new_life" => "it began a new life",
        "expired" => "it has been gone for too long to be remembered",
        "forgotten" => "it was gone, and this node was told to forget it",
        "held_off" => {
            "it says that it was cut off or stood still, as it did before: it is held off for a while"
        }
        "steady" => "it has been held off for long enough",
        "own_stall" => "this node had slept and takes its word back",
        _ => return format!("for a reason that this program does not know ({name})"),
    };
    plain.to_owned()
}

/// The name of why this node is held off, how often that was so, and a sentence.
pub(crate) fn hold(reason: HoldReason) -> (&'static str, u8, String) {
    match reason {
        HoldReason::Silences { times } => {
            ("silences", times, format!("it was cut off {times} times recently"))
        }
        HoldReason::Stalls { times } => {
            ("stalls", times, format!("it stood still {times} times recently"))
        }
        other => ("other", 0, other.to_string()),
    }
}

/// The name of what multicast does for this node, and a sentence.
pub(crate) fn multicast(state: MulticastState) -> (&'static str, &'static str) {
    let sentence = match state {
        MulticastState::Working => "multicast works",
        MulticastState::Silent => {
            "nobody is heard by multicast: it is blocked, or no other node is on this network; \
             everything goes by unicast"
        }
        MulticastState::Unheard => {
            "nobody hears this node by multicast, though it hears others: what it says goes by \
             unicast"
        }
        _ => "multicast does something that this program does not know",
    };
    (state.name(), sentence)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cause_has_a_sentence_and_none_is_a_debug_name() {
        let [by, verifier, accuser] = [1, 2, 3].map(NodeId::from_bits);
        let causes = [
            Cause::Heard,
            Cause::Told { by },
            Cause::Unanswered,
            Cause::Answered,
            Cause::AnsweredOther { verifier },
            Cause::Confirmed { accuser, confirmed_by: [Some(by), None] },
            Cause::NobodyToAsk,
            Cause::VerifiersSilent,
            Cause::Refuted,
            Cause::Departed,
            Cause::NewLife,
            Cause::Expired,
            Cause::HeldOff,
            Cause::Steady,
            Cause::OwnStall,
            Cause::Forgotten,
        ];
        for cause in causes {
            let (name, _) = parts(&cause);
            let text = sentence(name, &["cook", "waiter"]);
            assert!(!text.contains("does not know") && text.contains(' '), "{name}: {text}");
            let debug = format!("{cause:?}");
            let debug = debug.split(' ').next().expect("a name");
            assert!(!text.contains(debug), "{text}");
        }
        let confirmed = sentence("confirmed", &["cook", "waiter", "host"]);
        assert_eq!(confirmed, "it was silent to cook, confirmed by waiter and host");
        assert!(sentence("confirmed", &["cook"]).ends_with("by nobody else"));
        assert!(sentence("sung", &[]).contains("does not know (sung)"));
    }
}
