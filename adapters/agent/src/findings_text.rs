//! What was found out about nodes, for people.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::SystemTime;

use crate::protocol::{
    AgreementRow, ChangeRow, InfoRow, Named, ReachabilityRow, RttRow, StallRow, WhyRow,
};
use crate::table::{age, shown_micros, span, table};
use crate::terminal::escaped_lines;

/// A node about itself.
pub(crate) fn info(row: &InfoRow) -> String {
    let mut seen: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for one in &row.seen_from {
        seen.entry(&one.address).or_default().push(one.by.shown());
    }
    let seen = seen.into_iter().map(|(address, by)| format!("{address} by {}", by.join(", ")));
    let seen: Vec<String> = seen.collect();
    let peers = row.peers.iter().map(|(status, count)| format!("{count} {status}"));
    let peers: Vec<String> = peers.collect();
    let or = |text: String, none: &str| if text.is_empty() { none.to_owned() } else { text };
    let state = match (&row.held_off, row.leaving) {
        (_, true) => "says goodbye".to_owned(),
        (Some(hold), _) => {
            let why = match hold.reason.as_str() {
                "stalls" => "stood still",
                _ => "was cut off",
            };
            let left = hold.left_ms.div_ceil(1000);
            format!(
                "held off by the others for {left} s more: it {why} {} times recently",
                hold.times
            )
        }
        (None, false) if row.draining => "drains".to_owned(),
        (None, false) => "runs".to_owned(),
    };
    let agreement = row.agreement.as_ref().map_or_else(String::new, |agreement| {
        let AgreementRow { footing, compared, agree, lag_ms, known, heard } = agreement;
        format!(
            "{footing}: {agree} of {compared} compared agree, {lag_ms} ms behind at most; {heard} of {known} \
             nodes are heard"
        )
    });
    let rows = [
        ("name", row.node.name.clone()),
        ("id", row.node.id.clone()),
        ("epoch", row.epoch.clone()),
        ("state", state),
        ("addresses", row.node.addresses.join(", ")),
        ("seen from", or(seen.join("; "), "nobody has said")),
        ("cluster", row.cluster.clone()),
        ("traits", row.traits.text()),
        ("key in use", row.key.clone()),
        ("keys taken", row.keys.join(", ")),
        ("suite", row.suite.clone()),
        ("multicast", row.multicast.clone()),
        ("agreement", agreement),
        ("peers", or(peers.join(", "), "none")),
        ("up for", span(row.uptime_ms)),
        ("version", row.version.clone()),
    ];
    let engine = row.engine.iter().map(|(path, value)| {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        (format!("engine.{path}"), value)
    });
    let rows = rows.into_iter().map(|(name, value)| (name.to_owned(), value)).chain(engine);
    table(&["what", "value"], rows.map(|(name, value)| vec![name, value]), "nothing")
}

/// Why a node is what it is.
pub(crate) fn why(row: &WhyRow) -> String {
    let name = row.node.shown();
    let mut text = match (&row.status, row.held_for_ms) {
        (None, _) => format!("{name} is forgotten"),
        (Some(status), Some(ms)) => {
            format!("{name} is {status}: held off for {} s", ms.div_ceil(1000))
        }
        (Some(status), None) => format!("{name} is {status}"),
    };
    if let Some(since) = &row.since {
        let _ = write!(text, " since {since}, for {}", age(since, SystemTime::now()));
    }
    let last = row.changes.last().and_then(|change| change.to.as_ref());
    if row.status.is_some() && last != row.status.as_ref() {
        text.push_str("; its last change was not remembered, as there were too many at once");
    }
    if let Some(other) = &row.replaced_by {
        let _ = write!(text, "; {} has its address now", other.shown());
    }
    let _ = write!(text, "\n\n{} has seen, by its own clock:\n", row.asked.shown());
    text.push_str(&changes(&row.changes));
    for told in &row.told {
        let _ = write!(
            text,
            "\n\n{} has seen, by its own clock:\n{}",
            told.by.shown(),
            changes(&told.changes)
        );
    }
    if let Some(account) = &row.account {
        let _ = write!(text, "\n\n{name} itself says: up for {}", span(account.uptime_ms));
        for stall in &account.stalls {
            let _ = write!(text, "; {}", shown_stall(stall));
        }
        if let Some(hold) = &account.held_off {
            let _ = write!(text, "; held off for {} s more", hold.left_ms.div_ceil(1000));
        }
    }
    if !row.silent.is_empty() {
        let silent: Vec<&str> = row.silent.iter().map(Named::shown).collect();
        let _ = write!(text, "\n\nasked as well, without an answer: {}", silent.join(", "));
    }
    escaped_lines(&text)
}

fn changes(changes: &[ChangeRow]) -> String {
    let rows = changes.iter().map(|change| {
        let from = change.from.as_deref().unwrap_or("unknown");
        let to = change.to.as_deref().unwrap_or("forgotten");
        vec![change.at.clone(), format!("{from} -> {to}"), change.sentence(), evidence(change)]
    });
    table(&["when", "change", "why", "evidence"], rows, "nothing")
}

fn evidence(change: &ChangeRow) -> String {
    let parts = [
        change.address.as_ref().map(|address| format!("at {address}")),
        match (change.silent_ms, change.to.as_deref()) {
            (Some(ms), _) => Some(format!("last heard {} before", span(ms))),
            (None, Some("suspect" | "unreachable" | "down")) => Some("never heard".to_owned()),
            (None, _) => None,
        },
        change.rtt_us.map(|us| format!("round trip {}", shown_micros(us))),
        change.stall.as_ref().map(|stall| format!("the observer itself {}", shown_stall(stall))),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join("; ")
}

fn shown_stall(stall: &StallRow) -> String {
    format!("did not run for {}, until {}", span(stall.lasted_ms), stall.ended)
}

/// The round trip between two nodes.
pub(crate) fn rtt(row: &RttRow) -> String {
    let (from, to) = (row.from.shown(), row.to.shown());
    match row.rtt_us {
        Some(us) => {
            format!("{} between {from} and {to}, as {from} has measured it", shown_micros(us))
        }
        None => {
            format!("{from} has not measured its round trip to {to} yet: it does so now and then")
        }
    }
}

/// Which nodes do not reach which.
pub(crate) fn reachability(row: &ReachabilityRow) -> String {
    let rows = row.lost.iter().map(|lost| {
        vec![lost.from.shown().to_owned(), lost.to.shown().to_owned(), lost.status.clone()]
    });
    let (answered, living) = (row.answered, row.living);
    let all = match row.complete {
        true => format!("all {living} living nodes reach each other"),
        false => {
            format!("the {answered} of {living} living nodes that have answered reach all others")
        }
    };
    let mut text = table(&["node", "does not reach", "which is"], rows, &all);
    if !row.lost.is_empty() && !row.complete {
        let _ = write!(text, "\n{answered} of {living} living nodes have answered");
    }
    if !row.silent.is_empty() {
        let silent: Vec<&str> = row.silent.iter().map(Named::shown).collect();
        let _ = write!(text, "\nwithout an answer: {}", silent.join(", "));
    }
    escaped_lines(&text)
}
