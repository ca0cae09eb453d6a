//! An aligned table for a terminal.

use core::fmt::Write;

use super::Runs;
use crate::sample::Sample;

/// The runs of scenarios as text: figures with their quantiles, bars, failures.
#[must_use]
pub fn table(all: &[Runs]) -> String {
    let mut text = String::new();
    for runs in all {
        // Writing to a string never fails.
        let _ = one(&mut text, runs);
    }
    text
}

fn one(text: &mut String, runs: &Runs) -> core::fmt::Result {
    let scenario = &runs.scenario;
    let verdict = runs.verdict();
    writeln!(
        text,
        "{} {verdict}: {} nodes, {}{}. {}",
        runs.title(),
        scenario.cluster.nodes,
        runs.counted(),
        runs.checked(),
        scenario.about
    )?;
    let figures = runs.figures();
    let mut rows =
        vec![["figure", "values", "min", "median", "p99", "max", "bar", ""].map(str::to_owned)];
    let scores = runs.scores();
    for (name, figure) in &figures.0 {
        let sample = Sample::of(figure.values.iter().copied());
        let show = |value| figure.unit.show(value);
        let mut row = [
            name.clone(),
            match runs.expected(name) {
                Some(expected) => format!("{} of {expected}", sample.len()),
                None => sample.len().to_string(),
            },
            show(sample.quantile(0)),
            show(sample.median()),
            sample.p99().map_or_else(|| "-".to_owned(), show),
            show(sample.max()),
            String::new(),
            String::new(),
        ];
        let mut bars = scores.iter().filter(|score| score.bar.figure == *name).peekable();
        if bars.peek().is_none() {
            rows.push(row.clone());
        }
        for score in bars {
            row[6] = format!("{} {}", score.bar.of, score.show_limit());
            row[7] = match score.verdict() {
                verdict if score.is_missed() => verdict.to_uppercase(),
                verdict => verdict,
            };
            rows.push(row.clone());
            row = Default::default();
        }
    }
    for score in scores.iter().filter(|score| score.measured.is_none()) {
        let mut row: [String; 8] = Default::default();
        row[0].clone_from(&score.bar.figure);
        row[7] = "NOT MEASURED".to_owned();
        rows.push(row);
    }
    if rows.len() > 1 {
        align(text, &rows)?;
    }
    for score in &scores {
        if let Some(run) = runs.worst(score) {
            writeln!(text, "  worst {}: seed {}: {}", score.bar.figure, run.seed, run.rerun)?;
        }
    }
    for note in runs.notes() {
        writeln!(text, "  {note}")?;
    }
    for run in &runs.runs {
        if let Some(failure) = &run.failure {
            writeln!(text, "  seed {}: {}", run.seed, failure.summary())?;
        }
    }
    if let Some(failure) = runs.runs.iter().find_map(|run| run.failure.as_ref()) {
        writeln!(text, "{failure}")?;
    }
    writeln!(text)
}

fn align(text: &mut String, rows: &[[String; 8]]) -> core::fmt::Result {
    let width =
        |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; 8] = core::array::from_fn(width);
    for row in rows {
        let mut line = format!("  {:<1$}", row[0], widths[0]);
        for column in 1..8 {
            if column < 6 {
                write!(line, "  {:>1$}", row[column], widths[column])?;
            } else {
                write!(line, "  {:<1$}", row[column], widths[column])?;
            }
        }
        writeln!(text, "{}", line.trim_end())?;
    }
    Ok(())
}
