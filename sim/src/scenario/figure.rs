//! What scenarios measure, and what it has to reach.

use core::time::Duration;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::amount::{Size, Speed};
use super::statistic::Statistic;
use super::value::{Chance, Span};
use crate::random::Ratio;
use crate::sample::Sample;
use crate::scale::{Bytes, Grouped, Time};

/// What a figure counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    /// Parts of a million.
    Share,
}

impl Unit {
    /// A value as a person wants to read it: in the unit that fits it, with four digits.
    #[must_use]
    pub fn show(self, value: u64) -> String {
        match self {
            Self::Nanos => Time(value).to_string(),
            Self::Bytes => Bytes(value).to_string(),
            Self::BytesPerSecond => format!("{}/s", Bytes(value)),
            Self::Count => Grouped(value).to_string(),
            Self::Share => percent(value),
        }
    }
}

/// Parts of a million as a share, with as many decimals as it takes.
fn percent(parts: u64) -> String {
    let (whole, fraction) = (parts / PER_CENT, parts % PER_CENT);
    let fraction = format!("{fraction:04}");
    match fraction.trim_end_matches('0') {
        "" => format!("{whole} %"),
        fraction => format!("{whole}.{fraction} %"),
    }
}

/// A share that a file has, as it is shown.
fn in_percent(Chance(Ratio(part, whole)): Chance) -> String {
    percent(share(part.into(), whole.into()))
}

/// How many parts of a million one per cent is.
const PER_CENT: u64 = 10_000;

/// The share that some of a whole are, in parts of a million; of none it is nothing.
pub(super) fn share(part: u64, whole: u64) -> u64 {
    let parts = u128::from(part) * u128::from(100 * PER_CENT);
    parts.checked_div(whole.into()).and_then(|parts| u64::try_from(parts).ok()).unwrap_or(0)
}

/// All values of one figure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figure {
    /// What it counts.
    pub unit: Unit,
    /// The values, in the order in which they came.
    pub values: Vec<u64>,
}

/// Figures by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<Limit>,
    /// Or the least.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least: Option<Limit>,
}

impl Bar {
    /// The limit, whichever it is.
    pub(super) fn limit(&self) -> Option<Limit> {
        self.at_most.or(self.at_least)
    }
}

/// A limit: a time or a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "write a whole number, a time such as \"1.5s\", bytes such as \"64kB\" or \"90B/s\", a share such as \"20%\", { delays = 8, plus = \"5ms\" }, or { of_median = \"160%\" }"
)]
pub enum Limit {
    /// A number, in the figure's unit.
    Number(u64),
    /// A time.
    Time(Span),
    /// Of a figure that is a share, that share; of all others, a share of what the same seeds come to
    /// with the settings of the baseline.
    Share(Chance),
    /// Bytes.
    Size(Size),
    /// Bytes per second.
    Speed(Speed),
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
    fn value(self, unit: Unit, baseline: u64, median: u64, one_way: Duration) -> u64 {
        let part_of = |Ratio(part, whole): Ratio, of: u64| {
            let share = u128::from(of) * u128::from(part) / u128::from(whole.max(1));
            u64::try_from(share).unwrap_or(u64::MAX)
        };
        match self {
            Self::Number(number) => number,
            Self::Time(span) => crate::link::nanos(span.0),
            Self::Size(Size(bytes)) | Self::Speed(Speed(bytes)) => bytes,
            Self::Share(of) if unit == Unit::Share => part_of(of.0, 100 * PER_CENT),
            Self::Share(of) => part_of(of.0, baseline),
            Self::Medians(Medians { of_median }) => part_of(of_median.0, median),
            Self::Delays(Delays { delays, plus }) => {
                crate::link::nanos(plus.0.saturating_add(one_way.saturating_mul(delays)))
            }
        }
    }

    /// Whether it can be one of a figure of this unit.
    ///
    /// # Errors
    ///
    /// What the figure is, and how its limit is written.
    pub(super) fn fits(self, unit: Unit) -> Result<(), &'static str> {
        let fits = match self {
            Self::Number(_) => !matches!(unit, Unit::Nanos | Unit::Share),
            Self::Time(_) | Self::Delays(_) => unit == Unit::Nanos,
            Self::Size(_) => unit == Unit::Bytes,
            Self::Speed(_) => unit == Unit::BytesPerSecond,
            Self::Share(_) | Self::Medians(_) => true,
        };
        match unit {
            _ if fits => Ok(()),
            Unit::Nanos => Err("is a time: write one with its unit, such as \"1.5s\""),
            Unit::Bytes => Err("counts bytes: write a whole number, or one such as \"64kB\""),
            Unit::BytesPerSecond => {
                Err("counts bytes per second: write a whole number, or one such as \"4MB/s\"")
            }
            Unit::Count => Err("is no time, and has no unit: write a whole number"),
            Unit::Share => Err("is a share: write one such as \"99.5%\""),
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
    /// Of how many values.
    pub values: usize,
    /// The limit, in the figure's unit.
    pub limit: u64,
}

impl Score {
    /// How figures meet a bar where links have this mean delay.
    #[must_use]
    pub fn of(bar: &Bar, figures: &Figures, one_way: Duration) -> Self {
        let figure = figures.0.get(&bar.figure);
        let sample = |figure: &Figure| Sample::of(figure.values.iter().copied());
        let come_to = |figure: &Figure| bar.of.of(&sample(figure));
        let baseline = figures.0.get(&format!("{BASELINE}{}", bar.figure)).map_or(0, come_to);
        let median = figure.map_or(0, |figure| sample(figure).median());
        let unit = figure.map_or(Unit::Count, |figure| figure.unit);
        let limit = bar.limit().map(|limit| limit.value(unit, baseline, median, one_way));
        Self {
            bar: bar.clone(),
            unit,
            measured: figure.map(come_to),
            values: figure.map_or(0, |figure| figure.values.len()),
            limit: limit.unwrap_or(0),
        }
    }

    /// Whether it is met, by enough values to say so.
    #[must_use]
    pub fn is_met(&self) -> bool {
        let is_within = |measured| match self.bar.at_most {
            Some(_) => measured <= self.limit,
            None => measured >= self.limit,
        };
        !self.has_too_few() && self.measured.is_some_and(is_within)
    }

    /// Whether there are values, but too few for the statistic: no verdict follows from them.
    #[must_use]
    pub fn has_too_few(&self) -> bool {
        (1..self.bar.of.least_values()).contains(&self.values)
    }

    /// Whether it is missed: by enough values to say so, or for want of any.
    #[must_use]
    pub fn is_missed(&self) -> bool {
        !self.is_met() && !self.has_too_few()
    }

    /// The limit as a person wants to read it, with the side on which it lies.
    #[must_use]
    pub fn show_limit(&self) -> String {
        let side = if self.bar.at_most.is_some() { "at most" } else { "at least" };
        let limit = format!("{side} {}", self.unit.show(self.limit));
        match self.bar.limit() {
            Some(Limit::Share(share)) if self.unit != Unit::Share => {
                format!("{limit} ({} of the baseline)", in_percent(share))
            }
            Some(Limit::Medians(Medians { of_median })) => {
                format!("{limit} ({} of the median)", in_percent(of_median))
            }
            Some(Limit::Delays(Delays { delays, plus })) => {
                format!("{limit} ({delays} one-way delays and {plus})")
            }
            _ => limit,
        }
    }

    /// The verdict in a word or two.
    #[must_use]
    pub fn verdict(&self) -> String {
        let (values, least) = (self.values, self.bar.of.least_values());
        match self.measured {
            None => "not measured".to_owned(),
            Some(_) if self.has_too_few() => format!("too few: {values} of {least} values"),
            Some(_) if self.is_met() => "met".to_owned(),
            Some(_) => "missed".to_owned(),
        }
    }
}

/// What the names of the baseline's figures begin with.
pub(super) const BASELINE: &str = "baseline: ";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_shown_in_per_cent() {
        for (share, text) in [((15, 1_000), "1.5 %"), ((110, 100), "110 %"), ((1, 3), "33.3333 %")]
        {
            assert_eq!(in_percent(Chance(Ratio(share.0, share.1))), text);
        }
        assert_eq!(Unit::Share.show(2_201), "0.2201 %");
    }
}
