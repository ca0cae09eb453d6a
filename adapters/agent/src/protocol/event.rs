//! Changes as a client sees them: one line of JSON each, with a sentence for people.

use scalesmall_core::{Event, GroupName, KeyRange, NodeId, Op, TimedItem};
use serde::{Deserialize, Serialize};

use super::{ItemRow, hex, status_name};
use crate::cause;

/// One change, when it was seen, and a sentence about it.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct EventRow {
    /// RFC 3339, in UTC.
    pub(crate) at: String,
    #[serde(flatten)]
    pub(crate) what: What,
    pub(crate) text: String,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum What {
    /// The watch has begun; every later change is told.
    Watching {
        id: String,
        peers: usize,
    },
    Peer {
        id: String,
        epoch: String,
        from: Option<String>,
        to: Option<String>,
        cause: String,
        by: Vec<String>,
    },
    ItemSet {
        group: String,
        item: ItemRow,
    },
    ItemCleared {
        group: String,
        member: String,
        start: u32,
        end: u32,
    },
    Metadata {
        node: String,
        metadata: String,
    },
    Message {
        origin: String,
        tag: u32,
        payload: String,
        via: String,
    },
    Renewed {
        from: String,
        to: String,
    },
    Conflict {
        epoch: String,
        renewals: u32,
        lasted_ms: u64,
    },
    /// All packets of a peer are refused, as their numbers have been used up.
    Refused {
        peer: String,
        epoch: String,
        highest: u64,
        lasted_ms: u64,
    },
    Isolated,
    /// What multicast does for this node: `working`, `silent` or `unheard`.
    Multicast {
        from: String,
        to: String,
    },
    /// The bytes of the largest datagram that passes to a peer.
    Path {
        peer: String,
        from: usize,
        to: usize,
    },
    /// A message did not reach all: the most bytes that would have passed.
    Undelivered {
        sequence: u64,
        limit: usize,
    },
    Stalled {
        late_ms: u64,
    },
    /// The others hold this node off: why, how often that was so of late, and for how long.
    HeldOff {
        reason: String,
        times: u8,
        left_ms: u64,
    },
    Departed {
        acknowledged_by: u32,
        told: u32,
    },
    Overflow {
        dropped: u64,
    },
    /// The client read too slowly; the watch ends here.
    Lagged,
    Other,
}

impl EventRow {
    /// The row of something that is seen at this moment.
    pub(crate) fn new(what: What, text: impl Into<String>) -> Self {
        let at = humantime::format_rfc3339_millis(std::time::SystemTime::now()).to_string();
        Self { at, what, text: text.into() }
    }
}

impl From<&Event> for EventRow {
    fn from(event: &Event) -> Self {
        let (what, text) = match event {
            Event::Peer { peer, from, to, cause } => {
                let (name, by, sentence) = cause::describe(cause);
                let was = from.map_or("unknown", status_name);
                let is = to.map_or("forgotten", status_name);
                let text = format!("{} {was} -> {is}: {sentence}", peer.id);
                let what = What::Peer {
                    id: peer.id.to_string(),
                    epoch: peer.epoch.to_string(),
                    from: from.map(|status| status_name(status).to_owned()),
                    to: to.map(|status| status_name(status).to_owned()),
                    cause: name.to_owned(),
                    by: by.iter().map(NodeId::to_string).collect(),
                };
                (what, text)
            }
            Event::ItemSet { group, item } => item_set(group, item),
            Event::ItemCleared { group, member, range } => {
                let what = What::ItemCleared {
                    group: group.to_string(),
                    member: member.to_string(),
                    start: range.start(),
                    end: range.end(),
                };
                (what, format!("{group}: {member} {range} is void"))
            }
            Event::Metadata { node, metadata } => {
                let what = What::Metadata { node: node.to_string(), metadata: hex(metadata) };
                (what, format!("{node} has new metadata, {} bytes", metadata.len()))
            }
            Event::Message { origin, tag, payload, via } => {
                let shown = String::from_utf8_lossy(payload);
                let what = What::Message {
                    origin: origin.to_string(),
                    tag: tag.0,
                    payload: hex(payload),
                    via: via.to_string(),
                };
                (what, format!("message {} from {origin}: {}", tag.0, shown.escape_debug()))
            }
            other => own(other),
        };
        Self::new(what, text)
    }
}

fn item_set(group: &GroupName, timed: &TimedItem) -> (What, String) {
    let item = timed.item;
    let what = What::ItemSet { group: group.to_string(), item: ItemRow::from(*timed) };
    let member = item.member;
    let range =
        if item.range == KeyRange::FULL { "all".to_owned() } else { item.range.to_string() };
    let text = match item.op {
        Op::Add => format!("{group}: {member} serves {range} at port {}", item.port),
        Op::Remove => format!("{group}: {member} takes {range} back"),
        Op::Get => format!("{group}: {member} is a member"),
    };
    (what, text)
}

/// Events about this node.
fn own(event: &Event) -> (What, String) {
    match event {
        Event::Renewed { from, to } => (
            What::Renewed { from: from.to_string(), to: to.to_string() },
            "this node began a new life".to_owned(),
        ),
        Event::Conflict { epoch, renewals, lasted } => {
            let lasted_ms = u64::try_from(lasted.as_millis()).unwrap_or(u64::MAX);
            (
                What::Conflict { epoch: epoch.to_string(), renewals: *renewals, lasted_ms },
                format!(
                    "another node seems to use this one's address: this one has had to begin a new \
                     life {renewals} times in {} s; give one of them an --advertise (or --bind) \
                     address of its own",
                    lasted.as_secs()
                ),
            )
        }
        Event::Refused { peer, highest, lasted } => {
            let lasted_ms = u64::try_from(lasted.as_millis()).unwrap_or(u64::MAX);
            let (id, epoch, highest) = (peer.id.to_string(), peer.epoch.to_string(), *highest);
            (
                What::Refused { peer: id, epoch, highest, lasted_ms },
                format!(
                    "all packets of {} have been refused for {} s, as higher numbers of its life were \
                     taken before: it was set back to a snapshot, runs twice, or another node writes \
                     in its name; if it does not begin a new life by itself, restart it",
                    peer.id,
                    lasted.as_secs()
                ),
            )
        }
        Event::Isolated => (
            What::Isolated,
            "nobody answers; seeds are being retried (do they run, with the same key and cluster?)"
                .to_owned(),
        ),
        Event::Multicast { from, to } => {
            let ((from, _), (to, sentence)) = (cause::multicast(*from), cause::multicast(*to));
            (What::Multicast { from: from.to_owned(), to: to.to_owned() }, sentence.to_owned())
        }
        Event::Path { peer, from, to } => {
            let text = if to < from {
                format!("{peer}: no datagrams above {to} bytes pass; until now {from} did")
            } else {
                format!("{peer}: datagrams of {to} bytes pass again; until now {from} did")
            };
            (What::Path { peer: peer.to_string(), from: *from, to: *to }, text)
        }
        Event::Undelivered { message, limit } => {
            let sequence = message.sequence;
            let text = format!(
                "message {sequence} is too large for somebody: not all have it; at most {limit} bytes \
                 would have passed"
            );
            (What::Undelivered { sequence, limit: *limit }, text)
        }
        Event::Stalled { late } => {
            let late_ms = u64::try_from(late.as_millis()).unwrap_or(u64::MAX);
            (What::Stalled { late_ms }, format!("this node did not run for {late_ms} ms"))
        }
        Event::HeldOff { reason, left } => {
            let (reason, times, text) = cause::hold(*reason);
            let left_ms = u64::try_from(left.as_millis()).unwrap_or(u64::MAX);
            let seconds = left_ms.div_ceil(1000);
            let text = format!("the others do not route to this node for {seconds} s: {text}");
            (What::HeldOff { reason: reason.to_owned(), times, left_ms }, text)
        }
        Event::Departed { acknowledged_by, told } => (
            What::Departed { acknowledged_by: *acknowledged_by, told: *told },
            format!("this node has left; {acknowledged_by} of {told} acknowledged it"),
        ),
        Event::Overflow { dropped } => (
            What::Overflow { dropped: *dropped },
            format!("{dropped} changes were dropped: list anew"),
        ),
        other => (What::Other, format!("{other:?}")),
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use scalesmall_core::MulticastState;

    use super::*;

    #[test]
    fn a_narrow_path_is_a_line_of_json_and_a_sentence_that_names_the_peer() {
        let addr = SocketAddr::from(([10, 0, 0, 1], 7));
        let event = Event::Path { peer: addr.into(), from: 1_200, to: 508 };
        let row = serde_json::to_value(EventRow::from(&event)).expect("a row is JSON");
        assert_eq!((&row["event"], &row["peer"]), (&"path".into(), &"10.0.0.1:7".into()));
        assert_eq!((&row["from"], &row["to"]), (&1_200.into(), &508.into()));
        let text = row["text"].as_str().expect("a sentence");
        assert!(text.contains("10.0.0.1:7") && text.contains("above 508 bytes"), "{text}");
    }

    #[test]
    fn a_block_of_multicast_is_a_line_of_json_and_a_sentence() {
        let event = Event::Multicast { from: MulticastState::Working, to: MulticastState::Silent };
        let row = serde_json::to_value(EventRow::from(&event)).expect("a row is JSON");
        let told = ["event", "from", "to"].map(|key| row[key].as_str().expect("a name"));
        assert_eq!(told, ["multicast", "working", "silent"]);
        assert!(row["text"].as_str().is_some_and(|text| text.contains("by unicast")), "{row}");
    }
}
