//! What happens in a simulation, as JSON lines.

use core::fmt::Write as _;
use std::io::Write;

use scalesmall_core::{Engine, Event};
use scalesmall_sim::{Incident, Names, Sending, Tap};
use serde_json::{Value, json};

/// Writes a line for each datagram that is sent, for all that befalls it, and for each event. The
/// bytes of a datagram are written once, however many receive it. Times are nanoseconds.
pub(crate) struct Lines {
    out: Box<dyn Write>,
    names: Option<Names>,
}

impl Lines {
    pub(crate) const fn to(out: Box<dyn Write>) -> Self {
        Self { out, names: None }
    }

    fn write(&mut self, line: &Value) {
        // What cannot be written is told in the end.
        let _ = writeln!(self.out, "{line}");
    }
}

impl Tap<Engine> for Lines {
    fn begin(&mut self, names: &Names) {
        self.names = Some(names.clone());
    }

    fn moved(&mut self, at: u64, node: usize, names: &Names) {
        let (name, addresses) = (names.name(node).to_string(), names.addresses(node));
        self.write(&json!({ "at": at, "kind": "moved", "node": node, "name": name, "addresses": addresses }));
    }

    fn event(&mut self, at: u64, node: usize, event: &Event) {
        let event = format!("{event:?}");
        let event =
            self.names.as_ref().map_or_else(|| event.clone(), |names| names.in_text(&event));
        self.write(&json!({ "at": at, "kind": "event", "node": node, "event": event }));
    }

    fn traces(&self) -> bool {
        true
    }

    fn sent(&mut self, sending: &Sending<'_>) {
        let Sending { at, number, from, to, receivers, bytes } = *sending;
        let mut line = json!({
            "at": at, "kind": "sent", "number": number, "from": from,
            "len": bytes.len(), "bytes": hex(bytes),
        });
        match to {
            Some(to) => line["to"] = json!(to),
            None => line["hearers"] = json!(receivers),
        }
        self.write(&line);
    }

    fn incident(&mut self, incident: &Incident<'_>) {
        let Incident { at, number, from, to, fate, corrupted } = *incident;
        let mut line = json!({ "at": at, "kind": fate, "number": number, "from": from, "to": to });
        if let Some(bytes) = corrupted {
            line["bytes"] = json!(hex(bytes));
        }
        self.write(&line);
    }
}

fn hex(bytes: &[u8]) -> String {
    let mut digits = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        // Writing to a string never fails.
        let _ = write!(digits, "{byte:02x}");
    }
    digits
}
