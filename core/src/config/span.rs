//! Spans of time as texts, for `serde`: a whole number and a unit, such as `"250ms"`.

use alloc::format;
use alloc::string::String;
use core::fmt;
use core::time::Duration;

use serde::de::{Error, Visitor};
use serde::{Deserializer, Serializer};

/// The units and their nanoseconds, the largest first.
const UNITS: [(&str, u64); 7] = [
    ("d", 86_400_000_000_000),
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];

/// In the largest unit of which it is a multiple; what is longer than 584 years is written as that.
fn write(span: Duration) -> String {
    let nanos = u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
    let fits = |(_, size): &&(&str, u64)| nanos >= *size && nanos.is_multiple_of(*size);
    let (unit, size) = UNITS.iter().find(fits).copied().unwrap_or(("s", 1_000_000_000));
    format!("{}{unit}", nanos / size)
}

/// `None` for a text that is no span, or one of more than 584 years.
fn read(text: &str) -> Option<Duration> {
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit())?);
    let (_, size) = UNITS.iter().find(|(name, _)| *name == unit)?;
    number.parse::<u64>().ok()?.checked_mul(*size).map(Duration::from_nanos)
}

pub(super) fn serialize<S: Serializer>(
    span: &Option<Duration>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match span {
        Some(span) => serializer.serialize_str(&write(*span)),
        None => serializer.serialize_none(),
    }
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Duration>, D::Error> {
    struct Text;

    impl Visitor<'_> for Text {
        type Value = Duration;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(
                "a whole number and its unit in quotation marks, such as \"250ms\" or \"72h\"",
            )
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<Duration, E> {
            let wrong = || E::invalid_value(serde::de::Unexpected::Str(text), &self);
            read(text).ok_or_else(wrong)
        }
    }

    deserializer.deserialize_str(Text).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;
    use quickcheck::quickcheck;

    quickcheck! {
        fn what_is_written_is_read_again(nanos: u64, places: u32) -> bool {
            // Zeros at the end, so that all units occur.
            let unit = 10_u64.pow(places % 19);
            let span = Duration::from_nanos(nanos / unit * unit);
            read(&write(span)) == Some(span)
        }
    }

    #[test]
    fn spans_are_a_whole_number_and_a_unit() {
        for (text, millis) in
            [("250ms", 250), ("2s", 2_000), ("90m", 5_400_000), ("72h", 259_200_000), ("0s", 0)]
        {
            assert_eq!(read(text), Some(Duration::from_millis(millis)), "{text}");
        }
        assert_eq!(write(Duration::from_millis(2500)), "2500ms");
        assert_eq!(write(Duration::from_secs(72 * 3600)), "3d");
        for wrong in ["", "5", "s", "1.5s", "-1s", "5 s", "5x", "1s 5ms", "99999999999999h", "٣s"]
        {
            assert_eq!(read(wrong), None, "{wrong:?}");
        }
    }
}
