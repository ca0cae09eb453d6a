//! The page of results: a table of what all scenarios came to, a part of which can be replaced.

use super::Runs;
use super::begun::begun;
use crate::sample::Sample;
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
    // Points of a grid follow each other.
    for points in all.chunk_by(|one, next| one.scenario.name == next.scenario.name) {
        scenario(&mut rows, points);
    }
    // Rows of one scenario keep their order.
    rows.sort_by(|left, right| name_of(left).cmp(&name_of(right)));
    let count = |end: &str| rows.iter().filter(|row| row.ends_with(end)).count();
    let (missed, met, open) = (count("**missed** |"), count(" met |"), count(" values |"));
    let all = met + missed + open;
    let mut page = HEAD.replace("{met}", &met.to_string()).replace("{all}", &all.to_string());
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

fn scenario(rows: &mut Vec<String>, points: &[Runs]) {
    let lead = lead(points);
    let mut push = |row: Row<'_>| rows.push(format!("{lead}{}", row.cells()));
    match points {
        [runs] => plain(runs, &mut push),
        points => worst(points, &mut push),
    }
    let all = || points.iter().flat_map(|runs| &runs.runs);
    let whole = |name, unit, sample| Row { name, unit, sample, bar: None };
    let rates = Sample::of(all().map(|run| run.rate));
    push(whole("sent, all the time".to_owned(), Unit::BytesPerSecond, rates));
    let hidden = Sample::of(all().map(|run| run.hidden_reports));
    push(whole("live hidden, all the time".to_owned(), Unit::Count, hidden));
    let failures: usize = points.iter().map(Runs::failures).sum();
    let verdict = if failures == 0 { "met" } else { "**missed**" };
    let begun = points.first().map(|runs| begun(&runs.scenario)).unwrap_or_default();
    rows.push(format!(
        "{lead} runs that broke a rule ({begun}) | {} | | | {failures} | 0 | {verdict} |",
        all().count()
    ));
}

/// The main figures of a scenario, and those with bars.
fn plain(runs: &Runs, push: &mut dyn FnMut(Row<'_>)) {
    let scores = runs.scores();
    for (name, figure) in &runs.figures().0 {
        let row = |bar| {
            let sample = Sample::of(figure.values.iter().copied());
            Row { name: name.clone(), unit: figure.unit, sample, bar }
        };
        let mut bars = scores.iter().filter(|score| score.bar.figure == *name).peekable();
        if bars.peek().is_none() && runs.scenario.is_main_figure(name) {
            push(row(None));
        }
        for score in bars {
            push(row(Some((score, verdict(score)))));
        }
    }
    for score in scores.iter().filter(|score| score.measured.is_none()) {
        let (name, sample) = (score.bar.figure.clone(), Sample::default());
        push(Row { name, unit: score.unit, sample, bar: Some((score, verdict(score))) });
    }
}

/// Each bar at that point of a grid that uses most of it.
fn worst(points: &[Runs], push: &mut dyn FnMut(Row<'_>)) {
    let scores: Vec<Vec<Score>> = points.iter().map(Runs::scores).collect();
    let bars = scores.first().map_or(0, Vec::len);
    for bar in 0..bars {
        let of_all = || points.iter().zip(&scores).map(|(runs, scores)| (runs, &scores[bar]));
        let missed = of_all().filter(|(_, score)| score.is_missed()).count();
        let Some((runs, score)) = of_all().max_by_key(|(_, score)| share(score)) else { return };
        let figures = runs.figures();
        let values = figures.0.get(&score.bar.figure).map(|figure| figure.values.as_slice());
        let verdict = match missed {
            0 => verdict(score),
            _ => format!("at {missed} points **missed**"),
        };
        push(Row {
            name: format!(
                "{}, at the worst of {} points: {}",
                score.bar.figure,
                points.len(),
                runs.scenario.point()
            ),
            unit: score.unit,
            sample: Sample::of(values.unwrap_or_default().iter().copied()),
            bar: Some((score, verdict)),
        });
    }
}

/// How many thousandths of a bar are used; all and more if nothing was measured.
fn share(score: &Score) -> u64 {
    let share = |measured: u64| {
        let (part, whole) = match score.bar.at_most {
            Some(_) => (measured, score.limit),
            None => (score.limit, measured),
        };
        part.saturating_mul(1_000) / whole.max(1)
    };
    score.measured.map_or(u64::MAX, share)
}

fn verdict(score: &Score) -> String {
    match score.verdict() {
        verdict if score.is_missed() => match score.measured {
            None => format!("{verdict}: **missed**"),
            Some(_) => format!("**{verdict}**"),
        },
        verdict => verdict,
    }
}

/// The first cells of all rows of a scenario, played at one point or at several.
fn lead(points: &[Runs]) -> String {
    let name = points.first().map_or("", |runs| &runs.scenario.name);
    let nodes = points.iter().map(|runs| runs.scenario.cluster.nodes);
    let (least, most) = (nodes.clone().min().unwrap_or(0), nodes.max().unwrap_or(0));
    let nodes = if least == most { most.to_string() } else { format!("{least} to {most}") };
    let runs: usize = points.iter().map(|runs| runs.runs.len()).sum();
    format!("| [{name}](scenarios/{name}.toml) | {nodes} | {runs} |")
}

struct Row<'a> {
    name: String,
    unit: Unit,
    sample: Sample,
    /// With what is said of it.
    bar: Option<(&'a Score, String)>,
}

impl Row<'_> {
    fn cells(&self) -> String {
        let Self { name, unit, sample, bar } = self;
        let show = |value: Option<u64>| value.map_or_else(String::new, |value| unit.show(value));
        let any = |value| (!sample.is_empty()).then_some(value);
        let bar = match bar {
            None => " |".to_owned(),
            Some((score, verdict)) => {
                // A statistic that has no column of its own is shown with its bar.
                let also = match (score.bar.of.has_column(), score.measured) {
                    (false, Some(measured)) => format!(" ({})", unit.show(measured)),
                    _ => String::new(),
                };
                let of = score.bar.of;
                format!("{of}{also} {} | {verdict}", score.show_limit())
            }
        };
        format!(
            " {name} | {} | {} | {} | {} | {bar} |",
            sample.len(),
            show(any(sample.median())),
            show(sample.p99()),
            show(any(sample.max())),
        )
    }
}

const HEAD: &str = "\
# Results

What the scenarios in `scenarios/` come to, and what they have to reach: {met} of {all} bars are met.
This page is written by

```console
$ cargo run --release -p scalesmall-sim -- results
```

and a part of it by adding `--only NAME`, with `*` at its end for all names that begin so. A run is a
seed, counted from 1; median (of an even count the mean of the two in the middle), 99 of 100 (of 500
values and more) and most are over the values of all runs, in a grid over those of one point, the one
that uses most of the bar. A bar on a median or a quantile of fewer than five values has no verdict. Times are virtual,
bytes are UDP payload with the authenticated suite, the configuration is `Config::lan()` unless the
file says otherwise. A rule that breaks in any run is a miss.

How some figures are made:

- *extra* is what a run sends beyond a run of the same seed in which nothing is changed.
- *by half, by 99 %, by all*: in each run, when that many of the live nodes showed it.
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

| scenario | nodes | runs | figure | values | median | 99 of 100 | most | bar | |
|---|--:|--:|---|--:|--:|--:|--:|---|---|
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
    fn a_grid_has_a_row_for_each_bar_at_its_worst_point() {
        let mut all = [runs("grid", 1), runs("grid", 1_000_000)];
        all[1].scenario.cluster.nodes = 9;
        let page = results("", &all);
        let rows: Vec<&str> = page.lines().filter(|line| name_of(line).is_some()).collect();
        assert_eq!(rows.len(), 4, "{page}");
        assert!(rows.iter().all(|row| row.contains("| 2 to 9 | 2 |")), "{page}");
        assert!(rows[0].contains("sent bytes, at the worst of 2 points"), "{page}");
        assert!(rows[0].ends_with("max at most 1 B | at 1 points **missed** |"), "{page}");
        assert!(rows[3].contains("(begun after 1s pass)"), "{page}");
        assert!(page.contains("1 of 2 bars"), "{page}");
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
