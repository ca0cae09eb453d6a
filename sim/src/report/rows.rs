//! The rows that a scenario has on the page of results.

use super::begun::begun;
use super::row::Row;
use super::tally::Tally;
use crate::checks::Checks;
use crate::sample::Sample;
use crate::scale::Grouped;
use crate::scenario::{Score, Unit};

/// The rows of a scenario, played at one point or at several.
pub(super) fn rows(points: &[Tally]) -> Vec<Row> {
    let mut rows = Vec::new();
    let lead = lead(points);
    let mut push = |line: Line<'_>| rows.push(line.row(&lead));
    match points {
        [tally] => plain(tally, &mut push),
        points => worst(points, &mut push),
    }
    let all = || points.iter().flat_map(|tally| &tally.runs);
    let whole = |name: &str, unit, sample| Line { name: name.to_owned(), unit, sample, bar: None };
    let rates = Sample::of(all().map(|run| run.rate));
    push(whole(SENT, Unit::BytesPerSecond, rates));
    let hidden = Sample::of(all().map(|run| run.hidden_reports));
    push(whole(HIDDEN, Unit::Count, hidden));
    let failures: usize = points.iter().map(Tally::failures).sum();
    let begun = points.first().map(|tally| begun(&tally.scenario)).unwrap_or_default();
    let checks = match all().next().map(|run| run.checks).unwrap_or_default() {
        Checks::All => String::new(),
        checks => format!(", checks {checks}"),
    };
    rows.push(Row {
        figure: format!("{BROKEN} ({begun}{checks})"),
        values: Grouped(all().count() as u64).to_string(),
        worst: failures.to_string(),
        bar: "0".to_owned(),
        verdict: if failures == 0 { "met" } else { "**missed**" }.to_owned(),
        ..lead
    });
    rows
}

/// The main figures of a scenario, and those with bars.
fn plain(tally: &Tally, push: &mut dyn FnMut(Line<'_>)) {
    let scores = tally.scores();
    for (name, figure) in &tally.figures().0 {
        let line = |bar| {
            let sample = Sample::of(figure.values.iter().copied());
            Line { name: name.clone(), unit: figure.unit, sample, bar }
        };
        let mut bars = scores.iter().filter(|score| score.bar.figure == *name).peekable();
        if bars.peek().is_none() && tally.scenario.is_main_figure(name) {
            push(line(None));
        }
        for score in bars {
            push(line(Some((score, verdict(score)))));
        }
    }
    for score in scores.iter().filter(|score| score.measured.is_none()) {
        let (name, sample) = (score.bar.figure.clone(), Sample::default());
        push(Line { name, unit: score.unit, sample, bar: Some((score, verdict(score))) });
    }
}

/// Each bar at that point of a grid that uses most of it.
fn worst(points: &[Tally], push: &mut dyn FnMut(Line<'_>)) {
    let scores: Vec<Vec<Score>> = points.iter().map(Tally::scores).collect();
    let bars = scores.first().map_or(0, Vec::len);
    for bar in 0..bars {
        let of_all = || points.iter().zip(&scores).map(|(tally, scores)| (tally, &scores[bar]));
        let missed = of_all().filter(|(_, score)| score.is_missed()).count();
        let Some((tally, score)) = of_all().max_by_key(|(_, score)| share(score)) else { return };
        let figures = tally.figures();
        let values = figures.0.get(&score.bar.figure).map(|figure| figure.values.as_slice());
        let verdict = match missed {
            0 => verdict(score),
            _ => format!("at {missed} points **missed**"),
        };
        push(Line {
            name: format!(
                "{}, at the worst of {} points: {}",
                score.bar.figure,
                points.len(),
                tally.scenario.point()
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

/// What all rows of a scenario begin with.
fn lead(points: &[Tally]) -> Row {
    let scenario = points.first().map_or_else(String::new, |tally| tally.scenario.name.clone());
    let nodes = points.iter().map(|tally| tally.scenario.cluster.nodes);
    let (least, most) = (nodes.clone().min().unwrap_or(0), nodes.max().unwrap_or(0));
    let [least, most] = [least, most].map(|nodes| Grouped(nodes as u64).to_string());
    let nodes = if least == most { most } else { format!("{least} to {most}") };
    let runs: usize = points.iter().map(|tally| tally.runs.len()).sum();
    Row { scenario, nodes, runs: Grouped(runs as u64).to_string(), ..Row::default() }
}

/// What a row says of a figure.
struct Line<'a> {
    name: String,
    unit: Unit,
    sample: Sample,
    /// With what is said of it.
    bar: Option<(&'a Score, String)>,
}

impl Line<'_> {
    fn row(self, lead: &Row) -> Row {
        let Self { name, unit, sample, bar } = self;
        let show = |value: Option<u64>| value.map_or_else(String::new, |value| unit.show(value));
        let any = |value| (!sample.is_empty()).then_some(value);
        let least_counts = bar.as_ref().is_some_and(|(score, _)| score.bar.at_least.is_some());
        let worst = if least_counts { sample.quantile(0) } else { sample.max() };
        let (bar, verdict) = match bar {
            None => Default::default(),
            Some((score, verdict)) => {
                // A statistic that has no column of its own is shown with its bar.
                let also = match (score.bar.of.has_column(), score.measured) {
                    (false, Some(measured)) => format!(" ({})", unit.show(measured)),
                    _ => String::new(),
                };
                (format!("{}{also} {}", score.bar.of, score.show_limit()), verdict)
            }
        };
        Row {
            figure: name,
            values: Grouped(sample.len() as u64).to_string(),
            median: show(any(sample.median())),
            p99: show(sample.p99()),
            worst: show(any(worst)),
            bar,
            verdict,
            ..lead.clone()
        }
    }
}

/// The figures that every scenario has.
const SENT: &str = "sent, all the time";
const HIDDEN: &str = "live hidden, all the time";
const BROKEN: &str = "runs that broke a rule";
