//! What scenarios measure, and what it has to reach.

use core::fmt;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Span;
use crate::measure::{Millis, Sample};

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
        for (name, figure) in &others.0 {
            for value in &figure.values {
                self.push(name, figure.unit, *value);
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
        }
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
        })
    }
}

/// A limit: a time or a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Limit {
    /// A number, in the figure's unit.
    Number(u64),
    /// A time.
    Time(Span),
}

impl Limit {
    /// In the unit of a figure: nanoseconds for times.
    #[must_use]
    pub fn value(self) -> u64 {
        match self {
            Self::Number(number) => number,
            Self::Time(span) => crate::link::nanos(span.0),
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
}

impl Score {
    /// How figures meet a bar.
    #[must_use]
    pub fn of(bar: &Bar, figures: &Figures) -> Self {
        let figure = figures.0.get(&bar.figure);
        Self {
            bar: bar.clone(),
            unit: figure.map_or(Unit::Count, |figure| figure.unit),
            measured: figure.map(|figure| bar.of.of(&Sample::of(figure.values.iter().copied()))),
        }
    }

    /// Whether it is met.
    #[must_use]
    pub fn is_met(&self) -> bool {
        self.measured.is_some_and(|measured| measured <= self.bar.at_most.value())
    }
}
