//! Amounts of bytes, and how many pass in a second, as they are written in files.

use core::fmt;
use core::str::FromStr;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Bytes: a whole number, or a decimal one with a unit, as in `"64kB"`, `"1.5MB"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size(pub u64);

/// Bytes per second: a whole number, or a decimal one with a unit, as in `"10Mbit"`, `"90B/s"`,
/// `"4MB/s"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Speed(pub u64);

impl FromStr for Size {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        const UNITS: [(&str, u64, u64); 4] =
            [("B", 1, 1), ("kB", 1_000, 1), ("MB", 1_000_000, 1), ("GB", 1_000_000_000, 1)];
        amount(text, &UNITS).map(Self).ok_or("bytes are written as 500, \"64kB\" or \"1.5MB\"")
    }
}

impl FromStr for Speed {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        const UNITS: [(&str, u64, u64); 7] = [
            ("B/s", 1, 1),
            ("kB/s", 1_000, 1),
            ("MB/s", 1_000_000, 1),
            ("GB/s", 1_000_000_000, 1),
            ("kbit", 1_000, 8),
            ("Mbit", 1_000_000, 8),
            ("Gbit", 1_000_000_000, 8),
        ];
        amount(text, &UNITS)
            .map(Self)
            .ok_or("bytes per second are written as 500, \"90B/s\", \"4MB/s\" or \"10Mbit\"")
    }
}

/// A decimal number with one of these units, each a ratio.
fn amount(text: &str, units: &[(&str, u64, u64)]) -> Option<u64> {
    let place = text.find(|c: char| c.is_ascii_alphabetic())?;
    let (number, unit) = text.split_at(place);
    let (_, times, parts) = units.iter().find(|(name, ..)| *name == unit)?;
    let number = number.trim();
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let places = u32::try_from(fraction.len()).ok().filter(|places| *places <= 9)?;
    let digits: u64 = format!("{whole}{fraction}").parse().ok()?;
    let scaled = u128::from(digits) * u128::from(*times);
    let scaled = scaled / u128::from(*parts) / 10_u128.pow(places);
    // Files hold whole numbers of 63 bits.
    i64::try_from(scaled).ok()?.try_into().ok()
}

macro_rules! as_number_or_text {
    ($($type:ident, $written:literal);+) => {$(
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                self.0.serialize(serializer)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Either;

                impl Visitor<'_> for Either {
                    type Value = $type;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str($written)
                    }

                    fn visit_i64<E: Error>(self, number: i64) -> Result<$type, E> {
                        let wrong = |_| E::custom(format!("{number} is negative: write 0 or more"));
                        u64::try_from(number).map($type).map_err(wrong)
                    }

                    fn visit_str<E: Error>(self, text: &str) -> Result<$type, E> {
                        text.parse().map_err(E::custom)
                    }
                }

                deserializer.deserialize_any(Either)
            }
        }
    )+};
}

as_number_or_text!(
    Size, "bytes such as 500 or \"64kB\"";
    Speed, "bytes per second such as 500, \"4MB/s\" or \"10Mbit\""
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_have_units() {
        for (text, bytes) in
            [("64kB", 64_000), ("1.5MB", 1_500_000), ("7B", 7), ("2 GB", 2_000_000_000)]
        {
            assert_eq!(text.parse(), Ok(Size(bytes)), "{text}");
        }
        for (text, bytes) in
            [("10Mbit", 1_250_000), ("90B/s", 90), ("0.5kbit", 62), ("1Gbit", 125_000_000)]
        {
            assert_eq!(text.parse(), Ok(Speed(bytes)), "{text}");
        }
        for text in ["", "5", "kB", "5kb", "5MiB", "-5kB", "1.2.3kB", "99999999999GB", "10Mbit/s"] {
            assert!(text.parse::<Size>().is_err() && text.parse::<Speed>().is_err(), "{text}");
        }
    }
}
