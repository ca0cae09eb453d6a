//! Numbers in the unit that fits them, for people: four digits, and no more.

use core::fmt;

/// Nanoseconds in the unit that fits them, such as `3.114 s`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Time(pub(crate) u64);

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(nanos) = *self;
        let seconds = nanos / 1_000_000_000;
        match nanos {
            0 => f.write_str("0 s"),
            1..1_000 => write!(f, "{nanos} ns"),
            1_000..1_000_000 => digits(f, nanos, 1_000, "us"),
            1_000_000..1_000_000_000 => digits(f, nanos, 1_000_000, "ms"),
            1_000_000_000..600_000_000_000 => digits(f, nanos, 1_000_000_000, "s"),
            600_000_000_000..7_200_000_000_000 => {
                write!(f, "{} min {:02} s", seconds / 60, seconds % 60)
            }
            _ => write!(f, "{} h {:02} min", seconds / 3_600, seconds / 60 % 60),
        }
    }
}

/// Bytes in the unit that fits them, such as `39.99 kB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bytes(pub(crate) u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(bytes) = *self;
        match bytes {
            0..10_000 => write!(f, "{} B", Grouped(bytes)),
            10_000..1_000_000 => digits(f, bytes, 1_000, "kB"),
            1_000_000..1_000_000_000 => digits(f, bytes, 1_000_000, "MB"),
            _ => digits(f, bytes, 1_000_000_000, "GB"),
        }
    }
}

/// A number with its thousands set apart, such as `10,240`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Grouped(pub(crate) u64);

impl fmt::Display for Grouped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        let mut text = String::with_capacity(digits.len() * 4 / 3 + 1);
        for (place, digit) in digits.chars().enumerate() {
            if place > 0 && (digits.len() - place).is_multiple_of(3) {
                text.push(',');
            }
            text.push(digit);
        }
        f.pad(&text)
    }
}

/// A number in a unit with up to four digits in all; the last is rounded, and no comma ends in zeros.
fn digits(f: &mut fmt::Formatter<'_>, value: u64, unit: u64, name: &str) -> fmt::Result {
    let whole = value / unit;
    let decimals = match whole {
        0..10 => 1_000,
        10..100 => 100,
        100..1_000 => 10,
        _ => 1,
    };
    let (value, unit) = (u128::from(value), u128::from(unit));
    let scaled = (value * decimals + unit / 2) / unit;
    let (whole, fraction) = (scaled / decimals, scaled % decimals);
    let width = decimals.ilog10() as usize;
    let fraction = format!("{fraction:0width$}");
    let whole = Grouped(u64::try_from(whole).unwrap_or(u64::MAX));
    match fraction.trim_end_matches('0') {
        "" => write!(f, "{whole} {name}"),
        fraction => write!(f, "{whole}.{fraction} {name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_the_unit_that_fits_them() {
        for (nanos, text) in [
            (0, "0 s"),
            (7, "7 ns"),
            (1_500, "1.5 us"),
            (5_589_100, "5.589 ms"),
            (74_510_000, "74.51 ms"),
            (3_114_126_000, "3.114 s"),
            (599_960_000_000, "600 s"),
            (754_000_000_000, "12 min 34 s"),
            (7_200_000_000_000, "2 h 00 min"),
            (86_400_000_000_000, "24 h 00 min"),
        ] {
            assert_eq!(Time(nanos).to_string(), text);
        }
    }

    #[test]
    fn bytes_and_counts_are_read_at_a_glance() {
        for (bytes, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (9_999, "9,999 B"),
            (39_987, "39.99 kB"),
            (3_006_000, "3.006 MB"),
            (u64::MAX, "18,446,744,074 GB"),
        ] {
            assert_eq!(Bytes(bytes).to_string(), text);
        }
        assert_eq!(Grouped(1_234_567).to_string(), "1,234,567");
        assert_eq!(Grouped(999).to_string(), "999");
    }
}
