//! The page of results: the headline figures, then what all scenarios came to, subject by subject. A part
//! of it can be replaced.

use core::fmt::{Result, Write};

use super::row::{Beside, Row};
use super::rows::rows;
use super::story::{HEAD, HEADLINES, HOW, Headline, OTHER_PROTOCOLS, SUBJECTS, Subject};
use super::tally::Tally;

/// The page of results after some scenarios were run again: their rows replace those that
/// `before` has of them; all other rows stay.
///
/// `before` is the page as it was, empty if there was none. Points of a grid follow each other in `all`.
/// Scenarios are in the order of their subjects, and of their names; `is_known` tells which there are
/// still: the rows of others go.
#[must_use]
pub fn results(before: &str, all: &[Tally], is_known: &dyn Fn(&str) -> bool) -> String {
    let again = |row: &Row| all.iter().any(|tally| row.scenario == tally.scenario.name);
    let kept = before.lines().filter_map(Row::read);
    let mut of_all: Vec<Row> = kept.filter(|row| !again(row) && is_known(&row.scenario)).collect();
    for points in all.chunk_by(|one, next| one.scenario.name == next.scenario.name) {
        of_all.extend(rows(points));
    }
    // Rows of one scenario keep their order.
    of_all.sort_by(|left, right| left.scenario.cmp(&right.scenario));
    page(&of_all, &before.lines().filter_map(Beside::read).collect::<Vec<_>>())
}

/// The page of results after the comparison with other protocols was made again: its lines replace
/// those that `before` has; all else stays.
#[must_use]
pub fn results_beside(before: &str, lines: &[Beside]) -> String {
    let again = |row: &Beside| lines.iter().any(|line| line.line == row.line);
    let mut beside: Vec<Beside> = before.lines().filter_map(Beside::read).collect();
    beside.retain(|row| !again(row));
    beside.extend_from_slice(lines);
    page(&before.lines().filter_map(Row::read).collect::<Vec<_>>(), &beside)
}

fn page(rows: &[Row], beside: &[Beside]) -> String {
    let mut page = String::new();
    // Writing to a string never fails.
    let _ = write_page(&mut page, rows, beside);
    page
}

fn write_page(page: &mut String, rows: &[Row], beside: &[Beside]) -> Result {
    let bars = rows.iter().filter(|row| row.has_bar()).count();
    let met = rows.iter().filter(|row| row.is_met()).count();
    page.push_str(&HEAD.replace("{met}", &met.to_string()).replace("{all}", &bars.to_string()));
    let missed: Vec<&Row> = rows.iter().filter(|row| row.is_missed()).collect();
    if !missed.is_empty() {
        page.push_str("\nThese are missed:\n\n");
        for row in missed {
            let Row { scenario, figure, bar, median, worst, .. } = row;
            writeln!(page, "- {scenario}: {figure}: {bar}; median {median}, worst {worst}")?;
        }
    }
    let headlines: Vec<String> =
        HEADLINES.iter().filter_map(|headline| line(headline, rows, beside)).collect();
    if !headlines.is_empty() {
        page.push_str(HEADLINE_HEAD);
        headlines.iter().try_for_each(|line| writeln!(page, "{line}"))?;
    }
    for subject in &SUBJECTS {
        section(page, subject, rows.iter().filter(|row| subject.is_of(&row.scenario)))?;
    }
    let is_other = |row: &&Row| !SUBJECTS.iter().any(|subject| subject.is_of(&row.scenario));
    section(page, &OTHERS, rows.iter().filter(is_other))?;
    if !beside.is_empty() {
        page.push_str(OTHER_PROTOCOLS);
        beside.iter().try_for_each(|row| writeln!(page, "{row}"))?;
    }
    page.push_str(HOW);
    Ok(())
}

fn section<'a>(
    page: &mut String,
    subject: &Subject,
    rows: impl Iterator<Item = &'a Row>,
) -> Result {
    let mut rows = rows.peekable();
    if rows.peek().is_none() {
        return Ok(());
    }
    write!(page, "\n## {}\n\n{}\n\n{ROWS_HEAD}", subject.title, subject.words)?;
    rows.try_for_each(|row| writeln!(page, "{row}"))
}

/// A line of the table at the top; `None` if its scenario has no such row.
fn line(headline: &Headline, rows: &[Row], beside: &[Beside]) -> Option<String> {
    let Headline { what, scenario, figure, beside: other } = headline;
    let of_it: Vec<&Row> = rows.iter().filter(|row| row.is_of(scenario, figure)).collect();
    let first = of_it.first()?;
    let bars: Vec<&str> =
        of_it.iter().filter(|row| row.has_bar()).map(|row| row.bar.as_str()).collect();
    let verdict = match of_it.iter().find(|row| row.is_missed()) {
        Some(_) => "**missed**",
        None if of_it.iter().any(|row| row.is_met()) => "met",
        None => "",
    };
    let theirs = other.and_then(|(line, figure)| {
        beside.iter().find(|row| (row.line.as_str(), row.figure.as_str()) == (line, figure))
    });
    let theirs: Vec<String> = theirs
        .into_iter()
        .flat_map(|row| ["foca", "kinship"].into_iter().zip(&row.theirs))
        .filter(|(_, median)| !median.is_empty())
        .map(|(name, median)| format!("{name} {median}"))
        .collect();
    let theirs = theirs.join(", ");
    let Row { nodes, values, median, p99, worst, .. } = first;
    Some(format!(
        "| {what} | {nodes} | {} | {verdict} | {median} | {p99} | {worst} | {values} | {theirs} | \
         [{scenario}](scenarios/{scenario}.toml) |",
        bars.join("; ")
    ))
}

const HEADLINE_HEAD: &str = "
## In brief

| what | nodes | bar | | median | p99 | worst | values | beside it | scenario |
|---|--:|---|---|--:|--:|--:|--:|--:|---|
";
const ROWS_HEAD: &str = "\
| scenario | nodes | runs | figure | values | median | p99 | worst | bar | |
|---|--:|--:|---|--:|--:|--:|--:|---|---|
";
const OTHERS: Subject = Subject {
    title: "Other scenarios",
    words: "What belongs to none of the subjects above.",
    scenarios: &[],
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Outcome;
    use crate::scenario::{Options, Scenario, play};

    fn tally(name: &str, at_most: u64) -> Tally {
        let scenario: Scenario = format!(
            "name = \"{name}\"\n[cluster]\nnodes = 2\n[[steps]]\nmeter = {{}}\n\
             [[steps]]\nrun = \"1s\"\n[[steps]]\nusage = {{ figure = \"sent\" }}\n\
             [[bars]]\nfigure = \"sent bytes\"\nof = \"max\"\nat_most = {at_most}\n"
        )
        .parse()
        .unwrap();
        let runs = vec![Outcome::from(&play(&scenario, 1, Options::default()))];
        Tally { scenario, runs }
    }

    fn all(_: &str) -> bool {
        true
    }

    fn rows_of(page: &str, name: &str) -> Vec<String> {
        let rows = page.lines().filter_map(Row::read).filter(|row| row.scenario == name);
        rows.map(|row| row.to_string()).collect()
    }

    #[test]
    fn a_grid_has_a_row_for_each_bar_at_its_worst_point() {
        let mut points = [tally("grid", 1), tally("grid", 1_000_000)];
        points[1].scenario.cluster.nodes = 9;
        let page = results("", &points, &all);
        let rows = rows_of(&page, "grid");
        assert_eq!(rows.len(), 4, "{page}");
        assert!(rows.iter().all(|row| row.contains("| 2 to 9 | 2 |")), "{page}");
        assert!(rows[0].contains("sent bytes, at the worst of 2 points"), "{page}");
        assert!(rows[0].ends_with("max at most 1 B | at 1 points **missed** |"), "{page}");
        assert!(rows[3].contains("(begun after 1s pass)"), "{page}");
        assert!(page.contains("1 of 2 bars"), "{page}");
        assert!(page.contains("- grid: sent bytes, at the worst of 2 points"), "{page}");
    }

    #[test]
    fn rows_of_other_scenarios_stay_and_those_of_scenarios_that_are_gone_go() {
        let page = results("", &[tally("second", 1), tally("first", 1_000_000)], &all);
        assert!(page.contains("3 of 4 bars"), "{page}");
        let first = page.find("| [first]").unwrap();
        assert!(first < page.find("| [second]").unwrap(), "{page}");
        assert!(page.contains("**missed**"), "{page}");
        let again = results(&page, &[tally("second", 1_000_000)], &all);
        assert!(again.contains("4 of 4 bars") && !again.contains("**missed**"), "{again}");
        assert_eq!(rows_of(&again, "first"), rows_of(&page, "first"));
        assert_eq!(rows_of(&again, "second").len(), rows_of(&page, "second").len());
        assert_eq!(results(&again, &[], &all), again);
        let gone = results(&again, &[], &|name| name == "first");
        assert!(rows_of(&gone, "second").is_empty() && gone.contains("2 of 2 bars"), "{gone}");
    }

    /// Figures that many ask for are at the top, each with all of its bars, and the rival's beside it.
    #[test]
    fn headlines_are_made_of_rows_and_subjects_hold_them() {
        let row = |bar: &str, verdict: &str| Row {
            scenario: "update".into(),
            nodes: "1,024".into(),
            figure: "shown by all".into(),
            values: "10".into(),
            median: "10.83 ms".into(),
            worst: "11.28 ms".into(),
            bar: bar.into(),
            verdict: verdict.into(),
            ..Row::default()
        };
        let rows = [row("median at most 30 ms", "met"), row("max at most 11 ms", "**missed**")];
        let before = rows.map(|row| row.to_string()).join("\n");
        let beside = Beside {
            line: "update".into(),
            figure: "all show it".into(),
            ours: "10.83 ms".into(),
            theirs: ["912.4 ms".into(), "1.2 s".into()],
        };
        let page = results_beside(&before, &[beside]);
        let line = "| 1,024 | median at most 30 ms; max at most 11 ms | **missed** | 10.83 ms |  | \
                    11.28 ms | 10 | foca 912.4 ms, kinship 1.2 s | [update](scenarios/update.toml) |";
        assert!(page.contains(line), "{page}");
        let places =
            ["## In brief", "## A change spreads", "\n| [update]", "## Beside other", "## How"];
        let places = places.map(|text| page.find(text).unwrap_or_else(|| panic!("{text}: {page}")));
        assert!(places.is_sorted(), "{page}");
        assert!(!page.contains("## Partitions"), "an empty section is left out: {page}");
        assert_eq!(results(&page, &[], &all), page);
    }
}
