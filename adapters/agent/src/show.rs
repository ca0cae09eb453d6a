//! Tables and lines for people.

use comfy_table::Table;

use crate::diagnosis;
use crate::failure::Failure;
use crate::protocol::{CoverageRow, ReloadRow, Reply};

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
                    row.start.to_string(),
                    row.end.to_string(),
                    row.port.to_string(),
                    row.clock.to_string(),
                ]
            });
            table(&["member", "op", "start", "end", "port", "clock"], rows, "nothing is said")
        }
        Reply::Owners(owners) => {
            let rows = owners.iter().map(|row| {
                let (start, end) = (row.start.to_string(), row.end.to_string());
                vec![row.node.name.clone(), row.endpoint.clone(), start, end]
            });
            table(&["owner", "serves at", "start", "end"], rows, "nobody serves this key")
        }
        Reply::Coverage(coverage) => coverage_text(coverage),
        Reply::Peers(peers) => {
            let rows = peers.iter().map(|row| {
                let rtt = row.rtt_us.map(|us| format!("{}.{:03} ms", us / 1000, us % 1000));
                let status = match row.held_for_ms {
                    Some(ms) => format!("{}: held off for {} s", row.status, ms.div_ceil(1000)),
                    None => row.status.clone(),
                };
                vec![
                    row.node.name.clone(),
                    row.node.address.clone(),
                    status,
                    rtt.unwrap_or_default(),
                    format!("{} B", row.datagram),
                    row.epoch.clone(),
                    row.metadata.clone(),
                ]
            });
            let head = ["peer", "address", "status", "round trip", "datagram", "epoch", "metadata"];
            table(&head, rows, "no peers")
        }
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
        Reply::Metrics(text) => text.trim_end().to_owned(),
        Reply::Ready(row) => match &row.why {
            None => "ready".to_owned(),
            Some(why) => format!("not ready: {why}"),
        },
        Reply::Done => "done".to_owned(),
        Reply::Sent(sent) => format!("sent as message {} of this life", sent.sequence),
        Reply::Departed(departed) => format!(
            "the node has left; {} of {} acknowledged it",
            departed.acknowledged_by, departed.told
        ),
        Reply::Reloaded(row) => reloaded(row),
        Reply::Event(event) => format!("{} {}", event.at, event.text),
        Reply::Refused(why) => why.clone(),
    }
}

/// The value of a reply as JSON.
pub(crate) fn json(reply: &Reply) -> Result<String, Failure> {
    Ok(match reply {
        Reply::Members(value) => serde_json::to_string(value)?,
        Reply::Groups(value) => serde_json::to_string(value)?,
        Reply::Items(value) => serde_json::to_string(value)?,
        Reply::Owners(value) => serde_json::to_string(value)?,
        Reply::Coverage(value) => serde_json::to_string(value)?,
        Reply::Peers(value) => serde_json::to_string(value)?,
        Reply::Done => serde_json::to_string(&serde_json::json!({}))?,
        Reply::Sent(value) => serde_json::to_string(value)?,
        Reply::Stats(value) => {
            let object = |(name, value): &(String, u64)| (name.clone(), (*value).into());
            let object: serde_json::Map<String, serde_json::Value> =
                value.iter().map(object).collect();
            serde_json::to_string(&object)?
        }
        Reply::Metrics(value) => serde_json::to_string(value)?,
        Reply::Ready(value) => serde_json::to_string(value)?,
        Reply::Reloaded(value) => serde_json::to_string(value)?,
        Reply::Departed(value) => serde_json::to_string(value)?,
        Reply::Event(value) => serde_json::to_string(value)?,
        Reply::Refused(value) => serde_json::to_string(value)?,
    })
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
        .map(|gap| (gap.start, vec![gap.start.to_string(), gap.end.to_string(), "nobody".into()]));
    let overlaps = coverage.overlaps.iter().map(|overlap| {
        let owners = format!("{} owners", overlap.owners);
        (overlap.start, vec![overlap.start.to_string(), overlap.end.to_string(), owners])
    });
    let mut rows: Vec<(u32, Vec<String>)> = gaps.chain(overlaps).collect();
    rows.sort_by_key(|(start, _)| *start);
    let rows = rows.into_iter().map(|(_, row)| row);
    table(&["start", "end", "served by"], rows, "every key has exactly one owner")
}

fn table(header: &[&str], rows: impl Iterator<Item = Vec<String>>, none: &str) -> String {
    let mut table = Table::new();
    table.load_style(comfy_table::presets::NOTHING).set_header(header.iter().copied());
    table.add_rows(rows);
    if table.is_empty() { none.to_owned() } else { table.trim_fmt() }
}
