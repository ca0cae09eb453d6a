//! One of several parts of what is played, each by a machine or a process of its own.

use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Serialize};

/// One of several parts, as even as can be: every `of`th run, from the `number`th on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Shard {
    /// Counted from 1.
    pub(crate) number: u64,
    pub(crate) of: u64,
}

impl Shard {
    /// Which run of the whole is the `turn`th of this part, both counted from 0.
    pub(crate) const fn turn(self, turn: usize) -> usize {
        turn * self.of as usize + self.number as usize - 1
    }

    /// Whether this is a turn of this part, counted from 0 in the whole.
    pub(crate) const fn takes(self, turn: u64) -> bool {
        turn % self.of == self.number - 1
    }

    /// This part's share of a number that is meant for the whole.
    pub(crate) const fn share(self, whole: u64) -> u64 {
        whole.div_ceil(self.of)
    }
}

impl Default for Shard {
    fn default() -> Self {
        Self { number: 1, of: 1 }
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.of)
    }
}

/// Those of the whole that are not there, in words; nothing if all are.
pub(crate) fn missing(of: u64, is_there: impl Fn(Shard) -> bool) -> String {
    let missing: Vec<String> = (1..=of)
        .map(|number| Shard { number, of })
        .filter(|shard| !is_there(*shard))
        .map(|shard| shard.to_string())
        .collect();
    match missing.as_slice() {
        [] => String::new(),
        missing => format!("not all of it: shards {} are missing\n", missing.join(", ")),
    }
}

impl FromStr for Shard {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        const WRONG: &str = "write K/N with K from 1 to N, such as 3/8";
        let (number, of) = text.split_once('/').ok_or(WRONG)?;
        let (number, of) = (number.parse().map_err(|_| WRONG)?, of.parse().map_err(|_| WRONG)?);
        // With as many parts as there are atoms a turn would overflow.
        let fits = (1..=of).contains(&number) && of <= 1_000_000;
        if fits { Ok(Self { number, of }) } else { Err(WRONG) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_share_all_turns_and_no_turn_twice() {
        let shards: Vec<Shard> =
            ["1/3", "2/3", "3/3"].iter().map(|text| text.parse().unwrap()).collect();
        let mut turns: Vec<usize> =
            shards.iter().flat_map(|shard| (0..5).map(|turn| shard.turn(turn))).collect();
        turns.sort_unstable();
        assert_eq!(turns, (0..15).collect::<Vec<_>>());
        for turn in 0..15 {
            assert_eq!(shards.iter().filter(|shard| shard.takes(turn)).count(), 1, "{turn}");
            assert!(shards[turn as usize % 3].takes(turn));
        }
        for text in ["", "1", "0/3", "4/3", "x/3", "1/0", "1/1000001"] {
            assert!(text.parse::<Shard>().is_err(), "{text}");
        }
    }
}
