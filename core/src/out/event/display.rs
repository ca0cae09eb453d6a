//! Changes and their causes as lines of a log.
//!
//! Nodes stand here by their ids. A program that knows their names writes its own lines, by the
//! terms that `name` returns.

use core::fmt::{Display, Formatter, Result};

use super::{Cause, Event, Footing, KeyCause, KeyChange, MulticastState};
use crate::base::HoldReason;
use crate::topology::{Item, Op};

impl Cause {
    /// The term for it in programs, in lower case with underscores, such as `answered_other`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Heard => "heard",
            Self::Told { .. } => "told",
            Self::Unanswered => "unanswered",
            Self::Answered => "answered",
            Self::AnsweredOther { .. } => "answered_other",
            Self::Confirmed { .. } => "confirmed",
            Self::NobodyToAsk => "nobody_to_ask",
            Self::VerifiersSilent => "verifiers_silent",
            Self::Refuted => "refuted",
            Self::Departed => "departed",
            Self::NewLife => "new_life",
            Self::Expired => "expired",
            Self::HeldOff => "held_off",
            Self::Steady => "steady",
            Self::OwnStall => "own_stall",
            Self::Forgotten => "forgotten",
        }
    }
}

/// A clause whose subject, *it*, is the peer.
impl Display for Cause {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(match self {
            Self::Heard => "it sent a fresh packet",
            Self::Told { by } => return write!(f, "{by} told this node"),
            Self::Unanswered => "it left a probe unanswered",
            Self::Answered => "it answered",
            Self::AnsweredOther { verifier } => {
                return write!(f, "it answered verifier {verifier}");
            }
            Self::Confirmed { accuser, confirmed_by } => {
                write!(f, "it was silent to {accuser}")?;
                let mut verifiers = confirmed_by.iter().flatten();
                if let Some(first) = verifiers.next() {
                    write!(f, ", confirmed by {first}")?;
                }
                return verifiers.try_for_each(|verifier| write!(f, " and {verifier}"));
            }
            Self::NobodyToAsk => "it was silent, and there was nobody to ask",
            Self::VerifiersSilent => {
                "it was silent, and most or all of the verifiers did not report"
            }
            Self::Refuted => "it refuted what was said about it",
            Self::Departed => "it said that it leaves",
            Self::NewLife => "it began a new life",
            Self::Expired => "it had been gone for too long to be remembered, or made room",
            Self::HeldOff => {
                "it was cut off or stood still repeatedly, and is held off for a while"
            }
            Self::Steady => "it has been up for long enough to be shown again",
            Self::OwnStall => "this node had stalled, and withdraws its suspicion",
            Self::Forgotten => "this node was told to forget it",
        })
    }
}

impl Footing {
    /// The term for it: `minority`, `apart`, `unknown` or `agreed`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Minority => "minority",
            Self::Apart => "apart",
            Self::Unknown => "unknown",
            Self::Agreed => "agreed",
        }
    }
}

impl Display for Footing {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(self.name())
    }
}

impl MulticastState {
    /// The term for it: `working`, `silent` or `unheard`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Working => "working",
            Self::Silent => "silent",
            Self::Unheard => "unheard",
        }
    }
}

impl Display for MulticastState {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(self.name())
    }
}

/// A predicate: *is used*.
impl Display for KeyChange {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(match self {
            Self::Added => "is accepted",
            Self::InUse => "is used for sending",
            Self::Dropped => "is dropped",
            Self::Leaked => "is marked as leaked",
        })
    }
}

/// A clause.
impl Display for KeyCause {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Asked => f.write_str("the application asked for it"),
            Self::Given { by } => write!(f, "{by} passed it on"),
            Self::HeldByAll => f.write_str("all living nodes hold it"),
            Self::Replaced => f.write_str("all nodes use a later one"),
        }
    }
}

/// A clause whose subject, *it*, is the node that is held off.
impl Display for HoldReason {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Silences { times } => write!(f, "it was cut off {times} times recently"),
            Self::Stalls { times } => write!(f, "it stood still {times} times recently"),
        }
    }
}

/// One line for a log, with nodes by their ids and no line break at its end.
impl Display for Event {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Peer { peer, from, to, cause } => {
                match (from, to) {
                    (None, Some(to)) => write!(f, "{peer} is new and {to}")?,
                    (Some(from), Some(to)) if from == to => write!(f, "{peer} is still {to}")?,
                    (Some(from), Some(to)) => write!(f, "{peer} is {to}, was {from}")?,
                    (_, None) => write!(f, "{peer} is forgotten")?,
                }
                write!(f, ": {cause}")
            }
            Self::ItemSet { group, item } => {
                let Item { member, op, range, port } = item.item;
                match op {
                    Op::Add => write!(f, "{group}: {member} serves {range} at port {port}"),
                    Op::Remove => write!(f, "{group}: {member} withdraws {range}"),
                    Op::Get => write!(f, "{group}: {member} is a member"),
                }
            }
            Self::ItemCleared { group, member, range } => {
                write!(f, "{group}: nothing is said by {member} about {range} any more")
            }
            Self::OwnersChanged { group, range, member, change } => {
                write!(f, "{group}: {member} {change} {range}")
            }
            Self::Metadata { node, metadata } => {
                write!(f, "{node} has {} bytes of metadata", metadata.len())
            }
            Self::Traits { node, traits } => {
                write!(f, "{node} has weight {}", traits.weight())?;
                traits.zone().map_or(Ok(()), |zone| write!(f, ", zone {zone}"))?;
                traits.tags().try_for_each(|(key, value)| write!(f, ", {key}={value}"))
            }
            Self::Draining { node, stamp: Some(_) } => write!(f, "{node} drains"),
            Self::Draining { node, stamp: None } => write!(f, "{node} no longer drains"),
            Self::Key { key, change, cause } => write!(f, "key {key} {change}: {cause}"),
            Self::Message { origin, sequence, group, tag, payload, via } => {
                let len = payload.len();
                write!(f, "message {sequence} of {origin} with tag {} arrived via {via}", tag.0)?;
                group.as_ref().map_or(Ok(()), |group| write!(f, " for group {group}"))?;
                write!(f, ": {len} bytes")
            }
            Self::Moved { peer, to } => write!(f, "{peer} is reached at {to} now"),
            other => other.fmt_own(f),
        }
    }
}

impl Event {
    /// Those that are about this node and its ways to others.
    fn fmt_own(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Renewed { from, to } => {
                write!(f, "this node began a new life: epoch {to} after {from}")
            }
            Self::Conflict { epoch, renewals, lasted, address, answered } => {
                f.write_str(if *answered { "another node" } else { "others say that a node" })?;
                address.map_or(Ok(()), |address| write!(f, " at {address}"))?;
                write!(
                    f,
                    " uses this node's name in epoch {epoch}: this node began {renewals} lives in \
                     {lasted:?}; give one of them another name"
                )
            }
            Self::SeenElsewhere { by, at, advertised } => write!(
                f,
                "{by} gets this node's packets from {at}, though this node advertises {advertised}: \
                 advertise an address at which it can be reached"
            ),
            Self::Refused { peer, highest, lasted } => write!(
                f,
                "all packets of {peer} were refused for {lasted:?}, because packet {highest} of that \
                 life is known: restart it if that goes on"
            ),
            Self::Isolated => f.write_str("no peer is alive: seeds are being retried"),
            Self::Multicast { from, to } => write!(f, "multicast is {to}, was {from}"),
            Self::Path { peer, from, to } => {
                write!(f, "datagrams of up to {to} bytes pass to {peer}, before {from}")
            }
            Self::Undelivered { message, limit } => write!(
                f,
                "message {} did not reach all nodes: at most {limit} bytes pass somewhere",
                message.sequence
            ),
            Self::Footing { from, to } => {
                write!(f, "this node's footing in its cluster is {to}, was {from}")
            }
            Self::Stalled { late } => write!(f, "this node did not run for {late:?}"),
            Self::HeldOff { reason, left } => {
                write!(f, "the others hold this node off for {left:?}: {reason}")
            }
            Self::Departed { acknowledged_by, told } => {
                write!(
                    f,
                    "this node has departed: {acknowledged_by} of {told} peers acknowledged it"
                )
            }
            Self::Overflow { dropped } => {
                write!(f, "{dropped} changes were dropped: read the queries anew")
            }
            // The others are in `fmt`; this list keeps a new one from being forgotten.
            Self::Peer { .. }
            | Self::ItemSet { .. }
            | Self::ItemCleared { .. }
            | Self::OwnersChanged { .. }
            | Self::Metadata { .. }
            | Self::Traits { .. }
            | Self::Draining { .. }
            | Self::Key { .. }
            | Self::Message { .. }
            | Self::Moved { .. } => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;
    use crate::base::{Epoch, Life, NodeId, Status};

    #[test]
    fn a_change_of_a_peer_is_a_sentence_with_its_cause() {
        let [id, accuser, first, second] = [1, 2, 3, 4].map(NodeId::from_bits);
        let peer = Life { id, epoch: Epoch(9) };
        let event = |from, to, cause| Event::Peer { peer, from, to, cause }.to_string();
        let cause = Cause::Confirmed { accuser, confirmed_by: [Some(first), Some(second)] };
        assert_eq!(
            event(Some(Status::Suspect), Some(Status::Down), cause),
            "0000000000000001@9 is down, was suspect: it was silent to 0000000000000002, confirmed \
             by 0000000000000003 and 0000000000000004"
        );
        assert_eq!(
            event(None, Some(Status::Alive), Cause::Heard),
            "0000000000000001@9 is new and alive: it sent a fresh packet"
        );
        assert_eq!(
            event(Some(Status::Alive), Some(Status::Alive), Cause::NewLife),
            "0000000000000001@9 is still alive: it began a new life"
        );
        assert!(event(Some(Status::Left), None, Cause::Expired).contains("is forgotten: it had"));
    }

    #[test]
    fn what_this_node_finds_of_itself_says_what_to_do() {
        let by = NodeId::from_bits(5);
        let address = |port: u16| core::net::SocketAddr::from(([10, 0, 0, 1], port));
        let seen = Event::SeenElsewhere { by, at: address(7), advertised: address(8) }.to_string();
        assert!(
            seen.contains("from 10.0.0.1:7") && seen.contains("advertises 10.0.0.1:8"),
            "{seen}"
        );
        let late = core::time::Duration::from_millis(1_500);
        let held = Event::HeldOff { reason: HoldReason::Stalls { times: 2 }, left: late };
        assert_eq!(
            held.to_string(),
            "the others hold this node off for 1.5s: it stood still 2 times recently"
        );
    }
}
