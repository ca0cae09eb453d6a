//! Tables and lines for people.

use std::io::{self, IsTerminal as _};
use std::time::SystemTime;

use crate::failure::Failure;
use crate::protocol::{
    CoverageRow, DepartedRow, KeyRow, Named, PeerRow, ReloadRow, Reply, ShortfallRow, TraitsRow,
};
use crate::table::{age, lean_table, range, shown_micros, span, table};
use crate::{diagnosis, findings_text, terminal};

/// What the reply to a request looks like on a terminal.
pub(crate) fn text(reply: &Reply) -> String {
    match reply {
        Reply::Members(members) => {
            let rows = members.iter().map(|row| vec![row.name.clone(), row.address.clone()]);
            table(&["member", "address"], rows, "no members")
        }
        Reply::Groups(groups) => {
            let rows = groups.iter().map(|row| {
                let mine = if row.mine { "yes" } else { "no" };
                vec![row.group.clone(), row.members.to_string(), mine.to_owned()]
            });
            table(&["group", "members", "member myself"], rows, "no groups")
        }
        Reply::Items(items) => {
            let rows = items.iter().map(|row| {
                vec![
                    row.member.shown().to_owned(),
                    row.op.clone(),
                    range(row.start, row.end),
                    row.port.to_string(),
                    row.clock.to_string(),
                ]
            });
            table(&["member", "op", "range", "port", "clock"], rows, "nothing is said")
        }
        Reply::Owners(owners) => {
            let rows = owners.iter().map(|row| {
                vec![row.node.name.clone(), row.endpoint.clone(), range(row.start, row.end)]
            });
            table(&["owner", "serves at", "range"], rows, NO_OWNER)
        }
        Reply::Coverage(coverage) => coverage_text(coverage),
        Reply::Safe(row) if row.safe => {
            format!("yes: no key would have fewer than {}", owners(row.copies))
        }
        Reply::Safe(row) => missing(&row.missing),
        Reply::Drains(row) if row.safe => {
            "the node drains; others serve all of its keys".to_owned()
        }
        Reply::Drains(row) => {
            format!("the node drains; nobody else serves yet:\n{}", missing(&row.missing))
        }
        Reply::Peers(peers) => peers_text(peers),
        Reply::Info(row) => findings_text::info(row),
        Reply::Why(row) => findings_text::why(row),
        Reply::Rtt(row) => findings_text::rtt(row),
        Reply::Reachability(row) => findings_text::reachability(row),
        Reply::Stats(stats) => {
            let rows = stats.iter().map(|(name, value)| vec![name.clone(), value.to_string()]);
            let mut text = table(&["counter", "value"], rows, "no counters");
            for (name, _) in stats.iter().filter(|(_, value)| *value > 0) {
                if let Some(meaning) = diagnosis::meaning(name) {
                    text.push_str(&format!("\n{name}: {meaning}"));
                }
            }
            text
        }
        // Read by a program, it has to be what it is.
        Reply::Metrics(text) if !io::stdout().is_terminal() => text.trim_end().to_owned(),
        Reply::Metrics(text) => terminal::escaped_lines(text.trim_end()),
        Reply::Ready(row) => match &row.why {
            None => "ready".to_owned(),
            Some(why) => format!("not ready: {why}"),
        },
        Reply::Done => "done".to_owned(),
        Reply::Sent(sent) => {
            let to: Vec<&str> = sent.to.iter().map(Named::shown).collect();
            let to = if to.is_empty() { String::new() } else { format!(" to {}", to.join(", ")) };
            terminal::escaped(&format!("sent{to}: {}", sent.message.text())).into_owned()
        }
        Reply::Departed(departed) => {
            let DepartedRow { acknowledged_by, told, uncovered } = departed;
            let left = format!("the node has left; {acknowledged_by} of {told} acknowledged it");
            if uncovered.is_empty() { left } else { format!("{left}\n{}", missing(uncovered)) }
        }
        Reply::Keys(rows) => keys_text(rows),
        Reply::Reloaded(row) => reloaded(row),
        Reply::Event(event) => {
            let text = terminal::escaped(&event.text);
            format!("{} {text}", terminal::escaped(&event.at))
        }
        Reply::Refused(why) => why.clone(),
    }
}

/// What is said if nobody serves a key.
const NO_OWNER: &str = "nobody serves this key";

/// Why the answer to a question is no, if it is.
pub(crate) fn no(reply: &Reply) -> Option<String> {
    match reply {
        Reply::Ready(row) if !row.ready => Some(text(reply)),
        Reply::Owners(owners) if owners.is_empty() => Some(NO_OWNER.to_owned()),
        Reply::Safe(row) if !row.safe => {
            Some(format!("no: some keys would have fewer than {}", owners(row.copies)))
        }
        Reply::Departed(row) if !row.uncovered.is_empty() => {
            Some("the node has left before others served all of its keys".to_owned())
        }
        Reply::Rtt(row) if row.rtt_us.is_none() => Some(text(reply)),
        Reply::Reachability(row) => match row.lost.len() {
            0 => None,
            1 => Some("one living node is not reached by another one".to_owned()),
            several => Some(format!("{several} times a living node is not reached by another one")),
        },
        _ => None,
    }
}

/// A number of owners, in words.
fn owners(copies: usize) -> String {
    if copies == 1 { "one owner".to_owned() } else { format!("{copies} owners") }
}

/// Keys that have too few owners.
fn missing(rows: &[ShortfallRow]) -> String {
    let row = |row: &ShortfallRow| {
        let keys = range(row.start, row.end);
        vec![row.group.clone(), keys, row.owners.to_string(), row.left.to_string()]
    };
    table(&["group", "range", "owners", "left"], rows.iter().map(row), "nothing is missing")
}

fn keys_text(keys: &[KeyRow]) -> String {
    let rows = keys.iter().map(|row| {
        let under_way = row.travels && row.held_by < row.of;
        let notes = [(row.in_use, "in use"), (row.leaked, "leaked"), (under_way, "travels")];
        let notes: Vec<&str> = notes.iter().filter(|(is, _)| *is).map(|(_, note)| *note).collect();
        vec![
            row.key.clone(),
            row.suite.clone(),
            row.generation.to_string(),
            notes.join(", "),
            format!("{} of {}", row.held_by, row.of),
            format!("{} of {}", row.used_by, row.of),
            row.waits_for.as_ref().map(|named| named.shown().to_owned()).unwrap_or_default(),
        ]
    });
    let head = ["key", "suite", "generation", "", "held by", "used by", "waits for"];
    table(&head, rows, "no keys")
}

fn peers_text(peers: &[PeerRow]) -> String {
    let now = SystemTime::now();
    let weighed = peers.iter().any(|row| row.traits.weight != TraitsRow::default().weight);
    let rows = peers.iter().map(|row| {
        let rtt = row.rtt_us.map(shown_micros);
        let status = match row.held_for_ms {
            Some(ms) => format!("{}: held off for {} s", row.status, ms.div_ceil(1000)),
            None => row.status.clone(),
        };
        vec![
            row.node.name.clone(),
            row.node.address.clone(),
            status,
            row.since.as_deref().map(|since| age(since, now)).unwrap_or_default(),
            row.heard_ms.map(|ms| format!("{} ago", span(ms))).unwrap_or_default(),
            rtt.unwrap_or_default(),
            format!("{} B", row.datagram),
            row.epoch.clone(),
            row.metadata.clone(),
            row.traits.zone.clone().unwrap_or_default(),
            if weighed { row.traits.weight.to_string() } else { String::new() },
            if row.draining { "yes".to_owned() } else { String::new() },
            row.traits.tags(),
        ]
    });
    let head = [
        "peer",
        "address",
        "status",
        "for",
        "heard",
        "round trip",
        "datagram",
        "epoch",
        "metadata",
        "zone",
        "weight",
        "draining",
        "tags",
    ];
    lean_table(&head, 9, rows, "no peers")
}

/// The value of a reply as JSON.
pub(crate) fn json(reply: &Reply) -> Result<String, Failure> {
    let json = match reply {
        Reply::Members(value) => serde_json::to_string(value)?,
        Reply::Groups(value) => serde_json::to_string(value)?,
        Reply::Items(value) => serde_json::to_string(value)?,
        Reply::Owners(value) => serde_json::to_string(value)?,
        Reply::Coverage(value) => serde_json::to_string(value)?,
        Reply::Safe(value) | Reply::Drains(value) => serde_json::to_string(value)?,
        Reply::Peers(value) => serde_json::to_string(value)?,
        Reply::Done => serde_json::to_string(&serde_json::json!({}))?,
        Reply::Sent(value) => serde_json::to_string(value)?,
        Reply::Info(value) => serde_json::to_string(value)?,
        Reply::Why(value) => serde_json::to_string(value)?,
        Reply::Rtt(value) => serde_json::to_string(value)?,
        Reply::Reachability(value) => serde_json::to_string(value)?,
        Reply::Stats(value) => {
            let object = |(name, value): &(String, u64)| (name.clone(), (*value).into());
            let object: serde_json::Map<String, serde_json::Value> =
                value.iter().map(object).collect();
            serde_json::to_string(&object)?
        }
        Reply::Metrics(value) => serde_json::to_string(value)?,
        Reply::Ready(value) => serde_json::to_string(value)?,
        Reply::Keys(value) => serde_json::to_string(value)?,
        Reply::Reloaded(value) => serde_json::to_string(value)?,
        Reply::Departed(value) => serde_json::to_string(value)?,
        Reply::Event(value) => serde_json::to_string(value)?,
        Reply::Refused(value) => serde_json::to_string(value)?,
    };
    Ok(terminal::escaped_json(&json))
}

/// What a reload has done, in one sentence for each kind.
pub(crate) fn reloaded(row: &ReloadRow) -> String {
    let kinds = [
        ("changed", &row.changed),
        ("changes only with a restart", &row.restart),
        ("refused", &row.failed),
    ];
    let told = kinds.iter().filter(|(_, what)| !what.is_empty());
    let told: Vec<String> =
        told.map(|(kind, what)| format!("{kind}: {}", what.join(", "))).collect();
    if told.is_empty() {
        "nothing has changed; keys are read again".to_owned()
    } else {
        told.join("; ")
    }
}

fn coverage_text(coverage: &CoverageRow) -> String {
    let gaps = coverage
        .gaps
        .iter()
        .map(|gap| (gap.start, vec![range(gap.start, gap.end), "nobody".into()]));
    let overlaps = coverage.overlaps.iter().map(|overlap| {
        let owners = format!("{} owners", overlap.owners);
        (overlap.start, vec![range(overlap.start, overlap.end), owners])
    });
    let mut rows: Vec<(u32, Vec<String>)> = gaps.chain(overlaps).collect();
    rows.sort_by_key(|(start, _)| *start);
    let rows = rows.into_iter().map(|(_, row)| row);
    table(&["range", "served by"], rows, "every key has exactly one owner")
}
