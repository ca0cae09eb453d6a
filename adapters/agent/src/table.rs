//! Tables, and what stands in their cells.

use std::time::{Duration, SystemTime};

use comfy_table::Table;

use crate::terminal;

/// A table without lines; `none` if it has no rows. What others have written in it is harmless on a terminal.
pub(crate) fn table(
    header: &[&str],
    rows: impl Iterator<Item = Vec<String>>,
    none: &str,
) -> String {
    let rows =
        rows.map(|row| row.iter().map(|cell| terminal::escaped(cell).into_owned()).collect());
    let rows: Vec<Vec<String>> = rows.collect();
    let mut table = Table::new();
    table.load_style(comfy_table::presets::NOTHING).set_header(header.iter().copied());
    table.add_rows(rows);
    if table.is_empty() { none.to_owned() } else { table.trim_fmt() }
}

/// As [`table`], without those columns behind the first `always` in which no row has anything.
pub(crate) fn lean_table(
    header: &[&str],
    always: usize,
    rows: impl Iterator<Item = Vec<String>>,
    none: &str,
) -> String {
    let rows: Vec<Vec<String>> = rows.collect();
    let is_shown = |at: usize| {
        at < always || rows.iter().any(|row| row.get(at).is_some_and(|cell| !cell.is_empty()))
    };
    let shown: Vec<usize> = (0..header.len()).filter(|at| is_shown(*at)).collect();
    let header: Vec<&str> = shown.iter().map(|at| header[*at]).collect();
    let pick = |row: Vec<String>| shown.iter().filter_map(|at| row.get(*at).cloned()).collect();
    table(&header, rows.iter().cloned().map(pick), none)
}

/// Microseconds as milliseconds.
pub(crate) fn shown_micros(us: u64) -> String {
    format!("{}.{:03} ms", us / 1000, us % 1000)
}

/// A span of time in the two largest units that it has, from milliseconds; in tenths of a second below ten.
pub(crate) fn span(ms: u64) -> String {
    match ms / 1000 {
        0 => format!("{ms} ms"),
        // A window of silence is a few seconds: parts of them count.
        1..10 if ms % 1000 / 100 > 0 => format!("{}.{}s", ms / 1000, ms % 1000 / 100),
        seconds => {
            let span = humantime::format_duration(Duration::from_secs(seconds)).to_string();
            span.split(' ').take(2).collect::<Vec<_>>().join(" ")
        }
    }
}

/// How long ago a moment was.
pub(crate) fn age(since: &str, now: SystemTime) -> String {
    let since = humantime::parse_rfc3339(since).ok();
    let age = since.map(|since| now.duration_since(since).unwrap_or_default());
    age.map(|age| span(u64::try_from(age.as_millis()).unwrap_or(u64::MAX))).unwrap_or_default()
}

/// A range as it is written.
pub(crate) fn range(start: u32, end: u32) -> String {
    format!("{start}-{end}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_have_two_units_and_cells_obey_nobody() {
        for (ms, shown) in [
            (7, "7 ms"),
            (2_932, "2.9s"),
            (3_050, "3s"),
            (61_500, "1m 1s"),
            (90_061_000, "1day 1h"),
        ] {
            assert_eq!(span(ms), shown);
        }
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(3_600);
        assert_eq!(age("1970-01-01T00:00:00.000Z", now), "1h");
        assert_eq!(age("then", now), "");
        assert_eq!(shown_micros(1_234), "1.234 ms");
        let rows = [["1", "", ""], ["2", "", "x"]].map(|row| row.map(str::to_owned).to_vec());
        assert_eq!(lean_table(&["a", "b", "c"], 1, rows.into_iter(), "none"), " a  c\n 1\n 2  x");
        let text = table(&["a"], [vec!["\u{1b}[2J".to_owned()]].into_iter(), "none");
        assert!(text.contains("\\u{1b}[2J") && !text.contains('\u{1b}'), "{text}");
    }
}
