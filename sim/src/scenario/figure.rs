//! What scenarios measure, and what it has to reach.

use core::fmt;
use core::time::Duration;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::value::{Chance, Span};
use crate::random::Ratio;
use crate::sample::{Millis, Sample};

/// What a figure counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Nanoseconds.
    Nanos,
    /// Bytes.
    Bytes,
    /// Bytes per second.
    BytesPerSecond,
    /// Things.
    Count,
}

impl Unit {
    /// A value as a person wants to read it.
    #[must_use]
    pub fn show(self, value: u64) -> String {
        match self {
            Self::Nanos => Millis(value).to_string(),
            Self::Bytes => format!("{value} B"),
            Self::BytesPerSecond => format!("{value} B/s"),
            Self::Count => value.to_string(),
        }
    }
}

/// All values of one figure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Figure {
    /// What it counts.
    pub unit: Unit,
    /// The values, in the order in which they came.
    pub values: Vec<u64>,
}

/// Figures by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures(pub BTreeMap<String, Figure>);

impl Figures {
    /// Adds a value.
    pub fn push(&mut self, name: &str, unit: Unit, value: u64) {
        let figure = self.0.entry(name.to_owned()).or_insert(Figure { unit, values: Vec::new() });
        figure.values.push(value);
    }

    /// Adds all values of others.
    pub fn append(&mut self, others: &Self) {
        self.append_as("", others);
    }

    /// Adds all values of others under longer names.
    pub(super) fn append_as(&mut self, prefix: &str, others: &Self) {
        for (name, figure) in &others.0 {
            for value in &figure.values {
                self.push(&format!("{prefix}{name}"), figure.unit, *value);
            }
        }
    }
}

/// What a figure has to reach.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bar {
    /// Which figure.
    pub figure: String,
    /// Which of its statistics.
    pub of: Statistic,
    /// The most that it may be.
    pub at_most: Limit,
}

/// A statistic of a figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Statistic {
    /// The least value.
    Min,
    /// The median.
    Median,
    /// What 99 of 100 values do not exceed.
    P99,
    /// The greatest value.
    Max,
    /// The mean.
    Mean,
    /// The sum.
    Sum,
}

impl Statistic {
    /// Its value.
    #[must_use]
    pub fn of(self, sample: &Sample) -> u64 {
        match self {
            Self::Min => sample.quantile(0),
            Self::Median => sample.median(),
            Self::P99 => sample.quantile(99),
            Self::Max => sample.max(),
            Self::Mean => sample.mean(),
            Self::Sum => sample.sum(),
        }
    }

    /// Whether a table shows it of every figure.
    pub(crate) const fn has_column(self) -> bool {
        matches!(self, Self::Median | Self::Max)
    }
}

impl fmt::Display for Statistic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Min => "min",
            Self::Median => "median",
            Self::P99 => "p99",
            Self::Max => "max",
            Self::Mean => "mean",
            Self::Sum => "sum",
        })
    }
}

/// A limit: a time or a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "write a whole number, a time such as \"1.5s\", a share of the baseline such as \"20%\", { delays = 8, plus = \"5ms\" }, or { of_median = \"160%\" }"
)]
pub enum Limit {
    /// A number, in the figure's unit.
    Number(u64),
    /// A time.
    Time(Span),
    /// A share of what the same seeds come to with the settings of the baseline.
    Share(Chance),
    /// A time that grows with the delays of the links.
    Delays(Delays),
    /// A share of the figure's own median.
    Medians(Medians),
}

/// A number of mean one-way delays of the cluster's links, plus a fixed time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Delays {
    /// How many.
    pub delays: u32,
    /// What comes on top.
    pub plus: Span,
}

/// A share of the median, such as `"160%"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Medians {
    /// The share.
    pub of_median: Chance,
}

impl Limit {
    /// In the unit of a figure: nanoseconds for times. `baseline` is what the baseline came to,
    /// `median` what the figure did, and `one_way` the mean delay.
    fn value(self, baseline: u64, median: u64, one_way: Duration) -> u64 {
        let share = |Ratio(part, whole): Ratio, of: u64| {
            let share = u128::from(of) * u128::from(part) / u128::from(whole.max(1));
            u64::try_from(share).unwrap_or(u64::MAX)
        };
        match self {
            Self::Number(number) => number,
            Self::Time(span) => crate::link::nanos(span.0),
            Self::Share(of) => share(of.0, baseline),
            Self::Medians(Medians { of_median }) => share(of_median.0, median),
            Self::Delays(Delays { delays, plus }) => {
                crate::link::nanos(plus.0.saturating_add(one_way.saturating_mul(delays)))
            }
        }
    }
}

/// How a bar was met.
#[derive(Clone, Debug, PartialEq)]
pub struct Score {
    /// The bar.
    pub bar: Bar,
    /// The figure's unit.
    pub unit: Unit,
    /// What was measured; `None` if the figure never came about.
    pub measured: Option<u64>,
    /// The most that it may be, in the figure's unit.
    pub limit: u64,
}

impl Score {
    /// How figures meet a bar where links have this mean delay.
    #[must_use]
    pub fn of(bar: &Bar, figures: &Figures, one_way: Duration) -> Self {
        let figure = figures.0.get(&bar.figure);
        let come_to = |figure: &Figure| bar.of.of(&Sample::of(figure.values.iter().copied()));
        let baseline = figures.0.get(&format!("{BASELINE}{}", bar.figure));
        Self {
            bar: bar.clone(),
            unit: figure.map_or(Unit::Count, |figure| figure.unit),
            measured: figure.map(come_to),
            limit: bar.at_most.value(
                baseline.map_or(0, come_to),
                figure.map_or(0, |figure| Sample::of(figure.values.iter().copied()).median()),
                one_way,
            ),
        }
    }

    /// Whether it is met.
    #[must_use]
    pub fn is_met(&self) -> bool {
        self.measured.is_some_and(|measured| measured <= self.limit)
    }

    /// The limit as a person wants to read it.
    #[must_use]
    pub fn show_limit(&self) -> String {
        let limit = self.unit.show(self.limit);
        match self.bar.at_most {
            Limit::Share(share) => format!("{limit} ({share} of the baseline)"),
            Limit::Medians(Medians { of_median }) => format!("{limit} ({of_median} of the median)"),
            Limit::Delays(Delays { delays, plus }) => {
                format!("{limit} ({delays} one-way delays and {plus})")
            }
            Limit::Number(_) | Limit::Time(_) => limit,
        }
    }
}

/// What the names of the baseline's figures begin with.
pub(super) const BASELINE: &str = "baseline: ";
