//! Spans of time and chances, as they are written in files.

use core::fmt;
use core::str::FromStr;
use core::time::Duration;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::random::Ratio;

/// A span of time: a decimal number and a unit, as in `"1.5s"`, `"20ms"`, `"10m"`, `"24h"`; at most
/// 10,000 hours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub Duration);

impl FromStr for Span {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        const TOO_LONG: &str = "a time is at most 10000h: shorten it";
        const WRONG: &str = "a time is written as 500us, 20ms, 1.5s, 10m or 24h";
        let place = text.find(|c: char| c.is_ascii_alphabetic()).ok_or(WRONG)?;
        let (number, unit) = text.split_at(place);
        let unit: u64 = match unit {
            "ns" => 1,
            "us" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            _ => return Err(WRONG),
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let whole: u64 = whole.parse().map_err(|_| WRONG)?;
        let mut nanos = whole.checked_mul(unit).ok_or(TOO_LONG)?;
        let mut place = unit;
        for digit in fraction.chars() {
            place /= 10;
            let digit = digit.to_digit(10).ok_or(WRONG)?;
            nanos = nanos.checked_add(place * u64::from(digit)).ok_or(TOO_LONG)?;
        }
        let span = Duration::from_nanos(nanos);
        if span > LONGEST { Err(TOO_LONG) } else { Ok(Self(span)) }
    }
}

/// So that sums of spans stay within what 64 bits of nanoseconds hold.
const LONGEST: Duration = Duration::from_hours(10_000);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.0.as_nanos();
        let units = [
            ("h", 3_600_000_000_000),
            ("m", 60_000_000_000),
            ("s", 1_000_000_000),
            ("ms", 1_000_000),
        ];
        for (unit, size) in units {
            if nanos >= size && nanos.is_multiple_of(size) {
                return write!(f, "{}{unit}", nanos / size);
            }
        }
        if nanos.is_multiple_of(1_000) {
            write!(f, "{}us", nanos / 1_000)
        } else {
            write!(f, "{nanos}ns")
        }
    }
}

/// A part or a multiple of something: `"20%"`, `"2.5%"`, `"1/90"`, `"101/100"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chance(pub Ratio);

impl FromStr for Chance {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        const WRONG: &str = "a chance or a share is written as 20%, 2.5% or 1/90";
        if text.ends_with('%') && text.contains(' ') {
            return Err("a chance or a share is written without the blank: 20%, 2.5% or 1/90");
        }
        if let Some(percent) = text.strip_suffix('%') {
            let (whole, fraction) = percent.split_once('.').unwrap_or((percent, ""));
            let digits: u32 = format!("{whole}{fraction}").parse().map_err(|_| WRONG)?;
            let places = u32::try_from(fraction.len()).map_err(|_| WRONG)?;
            let scale = 10_u32.checked_pow(places).and_then(|scale| scale.checked_mul(100));
            return Ok(Self(Ratio(digits, scale.ok_or(WRONG)?)));
        }
        let (part, whole) = text.split_once('/').ok_or(WRONG)?;
        let parse = |text: &str| text.trim().parse().map_err(|_| WRONG);
        match Ratio(parse(part)?, parse(whole)?) {
            Ratio(_, 0) => Err(WRONG),
            ratio => Ok(Self(ratio)),
        }
    }
}

impl fmt::Display for Chance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.1 == 100 { write!(f, "{}%", self.0.0) } else { self.0.fmt(f) }
    }
}

impl Chance {
    /// Whether something can have this chance.
    #[must_use]
    pub const fn is_possible(self) -> bool {
        self.0.0 <= self.0.1
    }
}

/// Reads one chance or several, none of which may be more than 100 %.
pub(super) fn possible<'de, D: Deserializer<'de>, T: Chances>(reader: D) -> Result<T, D::Error> {
    let chances = T::deserialize(reader)?;
    let wrong = chances.all().find(|chance| !chance.is_possible());
    match wrong {
        Some(chance) => Err(D::Error::custom(format!(
            "{chance} is no chance: write one of at most 100%, such as 20%, 2.5% or 1/90"
        ))),
        None => Ok(chances),
    }
}

/// What holds chances.
pub(super) trait Chances: serde::de::DeserializeOwned {
    /// All of them.
    fn all(&self) -> impl Iterator<Item = Chance>;
}

impl Chances for Chance {
    fn all(&self) -> impl Iterator<Item = Self> {
        core::iter::once(*self)
    }
}

impl Chances for Option<Chance> {
    fn all(&self) -> impl Iterator<Item = Chance> {
        self.iter().copied()
    }
}

impl Chances for Option<[Chance; 3]> {
    fn all(&self) -> impl Iterator<Item = Chance> {
        self.iter().flatten().copied()
    }
}

macro_rules! as_text {
    ($($type:ty, $written:literal);+) => {$(
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Text;

                impl Visitor<'_> for Text {
                    type Value = $type;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str($written)
                    }

                    fn visit_str<E: Error>(self, text: &str) -> Result<$type, E> {
                        text.parse().map_err(E::custom)
                    }
                }

                deserializer.deserialize_str(Text)
            }
        }
    )+};
}

as_text!(
    Span, "a time such as \"20ms\" or \"1.5s\", in quotation marks";
    Chance, "a share such as \"20%\" or \"1/90\", in quotation marks"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_and_written() {
        for (text, nanos) in [
            ("500us", 500_000),
            ("1.5s", 1_500_000_000),
            ("10m", 600_000_000_000),
            ("0.25ms", 250_000),
        ] {
            let span: Span = text.parse().unwrap();
            assert_eq!(span.0, Duration::from_nanos(nanos));
            assert_eq!(span.to_string().parse(), Ok(span));
        }
        for text in ["", "5", "s", "-1s", "1.x s", "5 weeks", "10001h", "99999999999999h"] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
    }

    #[test]
    fn chances_are_read_and_written() {
        for (text, ratio) in
            [("20%", Ratio(20, 100)), ("2.5%", Ratio(25, 1_000)), ("1/90", Ratio(1, 90))]
        {
            let chance: Chance = text.parse().unwrap();
            assert_eq!(chance.0, ratio);
            assert_eq!(chance.to_string().parse(), Ok(chance));
        }
        for text in ["", "%", "5", "1/0", "x/2", "1.23456789012%"] {
            assert!(text.parse::<Chance>().is_err(), "{text}");
        }
    }
}
