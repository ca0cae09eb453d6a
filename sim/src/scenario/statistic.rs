//! The statistics of a figure.

use core::fmt;
use core::str::FromStr;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::sample::Sample;

/// A statistic of a figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Statistic {
    /// The least value.
    Min,
    /// The median.
    Median,
    /// What this many of 100 values do not exceed: 1 to 99.
    Quantile(u8),
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
            Self::Quantile(percent) => sample.quantile(percent.into()),
            Self::Max => sample.max(),
            Self::Mean => sample.mean(),
            Self::Sum => sample.sum(),
        }
    }

    /// How many values it takes to say anything: a median of fewer is that of a run or two.
    #[must_use]
    pub const fn least_values(self) -> usize {
        match self {
            Self::Median | Self::Quantile(_) => 5,
            Self::Min | Self::Max | Self::Mean | Self::Sum => 1,
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
            Self::Quantile(percent) => return f.pad(&format!("p{percent}")),
            Self::Max => "max",
            Self::Mean => "mean",
            Self::Sum => "sum",
        })
    }
}

impl FromStr for Statistic {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let named = [Self::Min, Self::Median, Self::Max, Self::Mean, Self::Sum];
        let named = named.into_iter().find(|statistic| statistic.to_string() == text);
        let percent = || text.strip_prefix('p')?.parse().ok().filter(|of| (1..=99).contains(of));
        named.or_else(|| percent().map(Self::Quantile)).ok_or_else(|| {
            format!(
                "there is no statistic \"{text}\": write min, median, mean, max, sum, or p1 to p99"
            )
        })
    }
}

impl Serialize for Statistic {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Statistic {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        String::deserialize(reader)?.parse().map_err(D::Error::custom)
    }
}
