//! A row of the page of results, as the page has it: what is not measured again stays word for word.

use core::fmt;

/// A row: what one figure of a scenario came to, and what it has to reach.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) scenario: String,
    pub(super) nodes: String,
    pub(super) runs: String,
    pub(super) figure: String,
    pub(super) values: String,
    pub(super) median: String,
    pub(super) p99: String,
    pub(super) worst: String,
    pub(super) bar: String,
    pub(super) verdict: String,
}

impl Row {
    /// Reads a line of the page; `None` if it is no row.
    pub(super) fn read(line: &str) -> Option<Self> {
        let line = line.trim().strip_prefix('|')?.strip_suffix('|')?;
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [link, rest @ ..] = cells.as_slice() else { return None };
        let (name, to) =
            link.strip_prefix('[')?.strip_suffix(".toml)")?.split_once("](scenarios/")?;
        if name != to {
            return None;
        }
        let [nodes, runs, figure, values, median, p99, worst, bar, verdict] =
            <[&str; 9]>::try_from(rest).ok()?.map(str::to_owned);
        let scenario = name.to_owned();
        Some(Self { scenario, nodes, runs, figure, values, median, p99, worst, bar, verdict })
    }

    /// Whether it is about a figure, at the worst point of a grid as well.
    pub(super) fn is_of(&self, scenario: &str, figure: &str) -> bool {
        let at = self.figure.strip_prefix(figure);
        self.scenario == scenario
            && at.is_some_and(|at| at.is_empty() || at.starts_with(", at the"))
    }

    /// Whether its bar is met.
    pub(super) fn is_met(&self) -> bool {
        self.verdict == "met"
    }

    /// Whether its bar is missed.
    pub(super) fn is_missed(&self) -> bool {
        self.verdict.contains("missed")
    }

    /// Whether it has a bar.
    pub(super) fn has_bar(&self) -> bool {
        !self.verdict.is_empty()
    }
}

/// As the page has it.
impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scenario, nodes, runs, figure, values, median, p99, worst, bar, verdict } = self;
        write!(
            f,
            "| [{scenario}](scenarios/{scenario}.toml) | {nodes} | {runs} | {figure} | {values} | \
             {median} | {p99} | {worst} | {bar} | {verdict} |"
        )
    }
}

/// What a line of the comparison with other protocols came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beside {
    /// The line.
    pub line: String,
    /// The figure.
    pub figure: String,
    /// The median of the engine.
    pub ours: String,
    /// The medians of the others: `foca`, and `kinship-core`; empty where one was not measured.
    pub theirs: [String; 2],
}

impl Beside {
    /// Reads a line of the page; `None` if it is no such row.
    pub(super) fn read(line: &str) -> Option<Self> {
        let line = line.trim().strip_prefix("| beside: ")?.strip_suffix('|')?;
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [line, figure, ours, one, another] =
            <[&str; 5]>::try_from(cells).ok()?.map(str::to_owned);
        Some(Self { line, figure, ours, theirs: [one, another] })
    }
}

impl fmt::Display for Beside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line, figure, ours, theirs: [one, another] } = self;
        write!(f, "| beside: {line} | {figure} | {ours} | {one} | {another} |")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_read_as_it_was_written() {
        let row = "| [crash](scenarios/crash.toml) | 1,024 | 50 | crash | 500 | 3.114 s | 4.425 s | \
                   5.922 s | median at most 3.5 s | met |";
        let read = Row::read(row).unwrap();
        assert_eq!((read.to_string().as_str(), read.is_met()), (row, true));
        assert!(read.is_of("crash", "crash") && !read.is_of("crash", "cra"));
        for other in ["", "| scenario | nodes |", "|---|---|", "| [a](scenarios/b.toml) | 1 |"] {
            assert_eq!(Row::read(other), None, "{other}");
        }
        let beside = "| beside: update | all show it | 10.83 ms | 912.4 ms | 1.2 s |";
        assert_eq!(Beside::read(beside).unwrap().to_string(), beside);
        assert_eq!(Beside::read(row), None);
    }

    #[test]
    fn a_figure_of_a_grid_is_that_figure() {
        let row = Row {
            scenario: "grid".into(),
            figure: "crash, at the worst of 4 points: nodes 3".into(),
            ..Row::default()
        };
        assert!(row.is_of("grid", "crash") && !row.is_of("grid", "crash, at"));
    }
}
