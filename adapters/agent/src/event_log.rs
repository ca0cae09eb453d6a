//! Events in the log: how important each is, and what a program reads beside the sentence.

use scalesmall_core::{Event, MulticastState};
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
        | Event::Undelivered { .. }
        | Event::Multicast { to: MulticastState::Silent | MulticastState::Unheard, .. } => {
            Level::WARN
        }
        Event::Path { from, to, .. } if to < from => Level::WARN,
        Event::Peer { .. } | Event::Moved { .. } | Event::Multicast { .. } | Event::Path { .. } => {
            Level::INFO
        }
        _ => Level::DEBUG,
    }
}
