//! A configuration as words of a recording. The cluster, which cannot change, is left out; of the keys only
//! their ids are written.

use core::fmt::Write as _;
use std::time::Duration;

use scalesmall_core::{Config, DownMembers, Keyring, Limits, Liveness, SendRate};

use crate::ring_line;

/// The configuration in words.
pub(crate) fn write(config: &Config) -> String {
    let mut config = config.clone();
    let flags = [
        config.liveness == Liveness::On,
        config.down_members == DownMembers::Hide,
        config.multicast,
    ];
    let mut words = ring_line::write(&config.keys);
    for flag in flags {
        words.push_str(if flag { " 1" } else { " 0" });
    }
    words.push(' ');
    for byte in config.seed {
        // A text takes any text.
        let _ = write!(words, "{byte:02x}");
    }
    for number in numbers(&mut config) {
        let _ = write!(words, " {}", number.get());
    }
    words
}

/// The configuration that these words say, which differs from `former` in what they say; `None` if they say
/// none, or name a key that is not among `keys`.
pub(crate) fn read<'a>(
    words: &mut impl Iterator<Item = &'a str>,
    former: &Config,
    keys: &Keyring,
) -> Option<Config> {
    let mut config = former.clone();
    config.keys = ring_line::read(words.next()?, keys)?;
    let mut flag = || match words.next()? {
        "0" => Some(false),
        "1" => Some(true),
        _ => None,
    };
    config.liveness = if flag()? { Liveness::On } else { Liveness::Off };
    config.down_members = if flag()? { DownMembers::Hide } else { DownMembers::List };
    config.multicast = flag()?;
    let seed = words.next()?;
    for (at, byte) in config.seed.iter_mut().enumerate() {
        *byte = u8::from_str_radix(seed.get(at * 2..at * 2 + 2)?, 16).ok()?;
    }
    for number in numbers(&mut config) {
        number.set(words.next()?.parse().ok()?)?;
    }
    Some(config)
}

/// A field that is a number, or a span of time, which is a number of nanoseconds.
enum Number<'a> {
    Span(&'a mut Duration),
    Size(&'a mut usize),
    Wide(&'a mut u32),
    Narrow(&'a mut u8),
}

impl Number<'_> {
    fn get(&self) -> u64 {
        match self {
            Self::Span(span) => u64::try_from(span.as_nanos()).unwrap_or(u64::MAX),
            Self::Size(size) => u64::try_from(**size).unwrap_or(u64::MAX),
            Self::Wide(wide) => u64::from(**wide),
            Self::Narrow(narrow) => u64::from(**narrow),
        }
    }

    fn set(self, value: u64) -> Option<()> {
        match self {
            Self::Span(span) => *span = Duration::from_nanos(value),
            Self::Size(size) => *size = usize::try_from(value).ok()?,
            Self::Wide(wide) => *wide = u32::try_from(value).ok()?,
            Self::Narrow(narrow) => *narrow = u8::try_from(value).ok()?,
        }
        Some(())
    }
}

/// All fields that are numbers, in the order in which they are written.
fn numbers(config: &mut Config) -> Vec<Number<'_>> {
    let SendRate { bytes, datagrams, .. } = &mut config.send_rate;
    let spans = [
        &mut config.probe_interval,
        &mut config.min_timeout,
        &mut config.max_timeout,
        &mut config.silence_window,
        &mut config.coalesce,
        &mut config.retry_interval,
        &mut config.repair_patience,
        &mut config.repair_interval,
        &mut config.tombstone_ttl,
        &mut config.forget_after,
        &mut config.beacon_interval,
        &mut config.depart_timeout,
    ];
    let mut numbers: Vec<Number<'_>> = spans.map(Number::Span).into();
    numbers.push(Number::Size(&mut config.max_datagram));
    numbers.push(Number::Narrow(&mut config.verifiers));
    numbers.extend([bytes, datagrams, &mut config.least_hearers].map(Number::Wide));
    numbers.extend(limits(&mut config.limits).map(Number::Wide));
    numbers
}

fn limits(limits: &mut Limits) -> [&mut u32; 17] {
    [
        &mut limits.nodes,
        &mut limits.groups,
        &mut limits.ranges_per_record,
        &mut limits.ranges,
        &mut limits.claims,
        &mut limits.staged_records,
        &mut limits.metadata,
        &mut limits.events,
        &mut limits.event_bytes,
        &mut limits.outbox,
        &mut limits.relays,
        &mut limits.piggyback,
        &mut limits.seeds,
        &mut limits.challenges_per_second,
        &mut limits.message_origins,
        &mut limits.inquiries,
        &mut limits.session_keys,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{GroupKeys, Settings};

    fn config() -> Config {
        let keys =
            GroupKeys::parse(format!("{}\n{}\n", "11".repeat(32), "22".repeat(32)).as_bytes());
        Settings::new("127.0.0.1:0".parse().unwrap(), keys.unwrap()).config([7; 32])
    }

    /// A value for each word that `former` does not have.
    fn other_than(former: &Config) -> String {
        let words = write(former);
        let mut other: Vec<String> = words.split(' ').map(str::to_owned).collect();
        for (at, word) in other.iter_mut().enumerate() {
            *word = match at {
                0 => word.split(',').nth(1).unwrap().replace(":0", ":7"),
                1..=3 => if word == "0" { "1" } else { "0" }.to_owned(),
                4 => "ab".repeat(32),
                18 => "7".to_owned(),
                _ => (at * 1_000).to_string(),
            };
        }
        other.join(" ")
    }

    #[test]
    fn every_field_is_written_and_read_again() {
        let former = config();
        let other = other_than(&former);
        let read_again = read(&mut other.split(' '), &former, &former.keys).unwrap();
        assert_eq!(write(&read_again), other);
        // What `Debug` shows is all there is: each line of it differs, except for the cluster.
        let shown = |config: &Config| format!("{config:#?}");
        let (before, after) = (shown(&former), shown(&read_again));
        let same: Vec<&str> = before
            .lines()
            .filter(|line| {
                line.starts_with("    ") && line.contains(": ") && !line.ends_with(['{', '(', '['])
            })
            .filter(|line| after.lines().any(|other| other == *line))
            .collect();
        let fixed = |line: &&str| line.contains("cluster: ");
        assert!(same.iter().all(fixed), "{same:?}");
    }

    #[test]
    fn words_that_say_no_configuration_are_refused() {
        let former = config();
        let words = write(&former);
        for wrong in ["", "9 0", &words[..words.len() - 9], &words.replacen(',', ",ffff:1,", 1)] {
            assert!(read(&mut wrong.split(' '), &former, &former.keys).is_none(), "{wrong}");
        }
        assert!(read(&mut words.split(' '), &former, &former.keys).is_some());
    }
}
