//! The page of results: a table of what all scenarios came to, a part of which can be replaced.

use core::fmt::Write;

use super::Runs;
use crate::measure::Sample;
use crate::scenario::{Score, Unit};

/// The page of results after some scenarios were run again: their rows replace those that
/// `before` has of them; all other rows stay.
///
/// `before` is the page as it was, empty if there was none. Rows are in the order of the names.
#[must_use]
pub fn results(before: &str, all: &[Runs]) -> String {
    let again = |row: &&str| all.iter().any(|runs| name_of(row) == Some(&runs.scenario.name));
    let kept = before.lines().filter(|line| name_of(line).is_some());
    let mut rows: Vec<String> = kept.filter(|row| !again(row)).map(str::to_owned).collect();
    for runs in all {
        // Writing to a string never fails.
        let _ = scenario(&mut rows, runs);
    }
    // Rows of one scenario keep their order.
    rows.sort_by(|left, right| name_of(left).cmp(&name_of(right)));
    let missed = rows.iter().filter(|row| row.ends_with("**missed** |")).count();
    let met = rows.iter().filter(|row| row.ends_with(" met |")).count();
    let mut page =
        HEAD.replace("{met}", &met.to_string()).replace("{all}", &(met + missed).to_string());
    for row in rows {
        page.push_str(&row);
        page.push('\n');
    }
    page
}

/// The scenario of a row; `None` if the line is none.
fn name_of(line: &str) -> Option<&str> {
    line.strip_prefix("| [")?.split_once(']').map(|(name, _)| name)
}

fn scenario(rows: &mut Vec<String>, runs: &Runs) -> core::fmt::Result {
    let scores = runs.scores();
    for (name, figure) in &runs.figures().0 {
        let sample = Sample::of(figure.values.iter().copied());
        let mut bars = scores.iter().filter(|score| score.bar.figure == *name).peekable();
        let is_main = runs.scenario.is_main_figure(name);
        if bars.peek().is_none() && is_main {
            row(rows, runs, name, figure.unit, &sample, None)?;
        }
        for score in bars {
            row(rows, runs, name, figure.unit, &sample, Some(score))?;
        }
    }
    for score in scores.iter().filter(|score| score.measured.is_none()) {
        row(rows, runs, &score.bar.figure, score.unit, &Sample::default(), Some(score))?;
    }
    let rates = Sample::of(runs.runs.iter().map(|run| run.rate));
    row(rows, runs, "sent, all the time", Unit::BytesPerSecond, &rates, None)?;
    let wrong = Sample::of(runs.runs.iter().map(|run| run.hidden_reports));
    row(rows, runs, "live hidden, all the time", Unit::Count, &wrong, None)?;
    let lead = lead(runs);
    let verdict = match runs.failures() {
        0 => "met".to_owned(),
        _ => "**missed**".to_owned(),
    };
    rows.push(format!("{lead} runs that broke a rule | | | {} | 0 | {verdict} |", runs.failures()));
    Ok(())
}

fn lead(runs: &Runs) -> String {
    let name = &runs.scenario.name;
    let (nodes, runs) = (runs.scenario.cluster.nodes, runs.runs.len());
    format!("| [{name}](scenarios/{name}.toml) | {nodes} | {runs} |")
}

fn row(
    rows: &mut Vec<String>,
    runs: &Runs,
    name: &str,
    unit: Unit,
    sample: &Sample,
    score: Option<&Score>,
) -> core::fmt::Result {
    let mut text = lead(runs);
    write!(text, " {name} |")?;
    for value in [sample.median(), sample.quantile(99), sample.max()] {
        let shown = if sample.is_empty() { String::new() } else { unit.show(value) };
        write!(text, " {shown} |")?;
    }
    match score {
        None => text.push_str(" | |"),
        Some(score) => {
            let verdict = match (score.measured, score.is_met()) {
                (None, _) => "not measured: **missed**",
                (_, true) => "met",
                (_, false) => "**missed**",
            };
            // A statistic that has no column of its own is shown with its bar.
            let also = match (score.bar.of.has_column(), score.measured) {
                (false, Some(measured)) => format!(" ({})", unit.show(measured)),
                _ => String::new(),
            };
            write!(text, " {}{also} at most {} | {verdict} |", score.bar.of, score.show_limit())?;
        }
    }
    rows.push(text);
    Ok(())
}

const HEAD: &str = "\
# Results

What the scenarios in `scenarios/` come to, and what they have to reach: {met} of {all} bars are met.
This page is written by

```console
$ cargo run --release -p scalesmall-sim -- results
```

and a part of it by adding `--only NAME`, with `*` at its end for all names that begin so. A run is a
seed, counted from 1; median, 99 of 100 and most are over the values of all runs. Times are virtual,
bytes are UDP payload with the authenticated suite, the configuration is `Config::lan()` unless the
file says otherwise. A rule that breaks in any run is a miss.

How some figures are made:

- *extra* is what a run sends beyond a run of the same seed in which nothing is changed.
- *by half, by 99 %, by all*: in each run, when so many of the live nodes showed it.
- *beyond* (churn) leaves out the datagrams that have a branch of the broadcast tree in them, and
  those with nothing but acknowledgements: they are the updates themselves, and *each* is what
  one update costs a node. All others count: probes, their answers, what rides on them, repairs.
- *pair* is twice the mean datagram of a settled cluster: a ping and its answer.
- *healthy* nodes are those that the scenario leaves alone; what faulty ones say of them, or they of
  faulty ones, is no fault of theirs.
- *live hidden* counts reports of nodes as down or unreachable that were up and had not said goodbye,
  those during a cut among them.
- A share *of the baseline* compares with the same seeds under the settings in the file's `[baseline]`.

The figures of single machines (memory, engine, look-ups, adapters, the simulator's own speed) come
from `cargo bench`; those beside another protocol in the same network from
`cargo bench -p scalesmall-sim --bench rivals`.

| scenario | nodes | runs | figure | median | 99 of 100 | most | bar | |
|---|--:|--:|---|--:|--:|--:|---|---|
";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{Options, Scenario, play};

    fn runs(name: &str, at_most: u64) -> Runs {
        let scenario: Scenario = format!(
            "name = \"{name}\"\n[cluster]\nnodes = 2\n[[steps]]\nmeter = {{}}\n\
             [[steps]]\nrun = \"1s\"\n[[steps]]\nusage = {{ figure = \"sent\" }}\n\
             [[bars]]\nfigure = \"sent bytes\"\nof = \"max\"\nat_most = {at_most}\n"
        )
        .parse()
        .unwrap();
        let runs = vec![play(&scenario, 1, Options::default())];
        Runs { scenario, runs }
    }

    #[test]
    fn rows_of_other_scenarios_stay() {
        let page = results("", &[runs("second", 1), runs("first", 1_000_000)]);
        assert!(page.contains("3 of 4 bars"), "{page}");
        let first = page.find("| [first]").unwrap();
        assert!(first < page.find("| [second]").unwrap(), "{page}");
        assert!(page.contains("**missed**"), "{page}");
        let again = results(&page, &[runs("second", 1_000_000)]);
        assert!(again.contains("4 of 4 bars") && !again.contains("**missed**"), "{again}");
        let of = |page: &str, name| {
            let rows = page.lines().filter(|line| name_of(line) == Some(name));
            rows.map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(of(&again, "first"), of(&page, "first"));
        assert_eq!(of(&again, "second").len(), of(&page, "second").len());
        assert_eq!(results(&again, &[]), again);
    }
}
