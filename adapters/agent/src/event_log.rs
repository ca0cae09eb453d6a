//! Events in the log: how important each is, and what a program reads beside the sentence.

use scalesmall_core::{Event, Footing, MulticastState, Status};
use tracing::Level;

use crate::log_lines::LogFormat;
use crate::protocol::EventRow;

/// Logs a change: as a sentence, and in JSON with its parts as well.
pub(crate) fn log(event: &Event, row: &EventRow, format: LogFormat) {
    let what = match format {
        LogFormat::Text => serde_json::Value::Null,
        LogFormat::Json => serde_json::to_value(&row.what).unwrap_or_default(),
    };
    let part = |name: &str| what.get(name)?.as_str();
    let (kind, group) = (part("event"), part("group"));
    let of = |role: &str| what.get(role)?.get("name")?.as_str();
    let peer =
        part("name").or_else(|| ["peer", "node", "member", "origin"].into_iter().find_map(of));
    let (from, to, cause) = (part("from"), part("to"), part("cause"));
    let text = &row.text;
    // The level of a record is fixed at compile time.
    macro_rules! record {
        ($level:ident) => {
            tracing::$level!(event = kind, peer, group, from, to, cause, "{text}")
        };
    }
    match level(event) {
        Level::ERROR => record!(error),
        Level::WARN => record!(warn),
        Level::INFO => record!(info),
        _ => record!(debug),
    }
}

fn level(event: &Event) -> Level {
    match event {
        Event::Conflict { .. } => Level::ERROR,
        Event::Refused { .. }
        | Event::SeenElsewhere { .. }
        | Event::Isolated
        | Event::Stalled { .. }
        | Event::HeldOff { .. }
        | Event::Overflow { .. }
        | Event::Footing { to: Footing::Minority | Footing::Apart, .. }
        | Event::Undelivered { .. }
        | Event::Multicast { to: MulticastState::Silent | MulticastState::Unheard, .. } => {
            Level::WARN
        }
        Event::Path { from, to, .. } if to < from => Level::WARN,
        Event::Peer { to: Some(Status::Down | Status::Unreachable), .. } => Level::WARN,
        Event::Peer { .. }
        | Event::Draining { .. }
        | Event::Key { .. }
        | Event::Moved { .. }
        | Event::Footing { .. }
        | Event::Multicast { .. }
        | Event::Path { .. } => Level::INFO,
        _ => Level::DEBUG,
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::time::Duration;

    use scalesmall_core::{BroadcastId, Cause, Epoch, HoldReason, Life, NodeId};

    use super::*;

    #[test]
    fn every_change_that_is_a_warning_has_a_row_in_the_page_about_operating() {
        let (node, epoch, span) = (NodeId::from_bits(1), Epoch(2), Duration::from_secs(3));
        let peer = Life { id: node, epoch };
        let message = BroadcastId { origin: node, epoch, sequence: 4 };
        let silent = MulticastState::Silent;
        let warnings = [
            Event::Conflict { epoch, renewals: 3, lasted: span, address: None, answered: true },
            Event::SeenElsewhere {
                by: node,
                at: SocketAddr::from(([10, 0, 0, 1], 5)),
                advertised: SocketAddr::from(([10, 0, 0, 1], 6)),
            },
            Event::Refused { peer, highest: 5, lasted: span },
            Event::Isolated,
            Event::Stalled { late: span },
            Event::Footing { from: Footing::Agreed, to: Footing::Minority },
            Event::HeldOff { reason: HoldReason::Stalls { times: 2 }, left: span },
            Event::Overflow { dropped: 7 },
            Event::Undelivered { message, limit: 400 },
            Event::Multicast { from: MulticastState::Working, to: silent },
            Event::Path { peer: node, from: 1_200, to: 508 },
            Event::Peer {
                peer,
                from: Some(Status::Suspect),
                to: Some(Status::Down),
                cause: Cause::NobodyToAsk,
            },
        ];
        let page = include_str!("operating.md");
        for event in warnings {
            assert!(level(&event) <= Level::WARN, "{event:?}");
            let row = serde_json::to_value(EventRow::of(&event, &|_| None)).expect("JSON");
            let name = row["event"].as_str().expect("a name");
            assert!(page.contains(&format!("(`{name}`)")), "{name}");
        }
    }
}
