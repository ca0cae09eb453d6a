//! Links in words, for a person to read.

use core::fmt;

use super::{Delay, Link, Loss, MOST_BYTES, Rate};
use crate::random::Ratio;

impl Link {
    /// What is wrong with a chance of it: none is above one.
    pub(crate) fn wrong(&self) -> Option<String> {
        let losses = match self.loss {
            Loss::None => [Ratio::NEVER; 3],
            Loss::Independent(chance) => [chance, Ratio::NEVER, Ratio::NEVER],
            Loss::Burst { enter, exit, loss } => [enter, exit, loss],
        };
        let [first, second, third] = losses.map(|chance| ("loss", chance));
        let chances = [
            first,
            second,
            third,
            ("duplicate", self.duplicate),
            ("reorder", self.reorder),
            ("corrupt", self.corrupt),
            ("replay", self.replay),
        ];
        let (name, chance) = chances.into_iter().find(|(_, chance)| chance.0 > chance.1)?;
        Some(format!("a {name} of {} is no chance: write one of at most 100%", Percent(chance)))
    }
}

/// For a person to read: what differs from a link that does nothing but delay.
impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.delay {
            Delay::Constant(delay) => write!(f, "{delay:?}")?,
            Delay::Uniform(least, most) => write!(f, "{least:?} to {most:?}")?,
            Delay::LogNormal { median, octaves } => {
                write!(f, "{median:?} in the median, {octaves} octaves")?;
            }
            Delay::Trace { samples, every } => {
                write!(f, "{} recorded delays, {every:?} each", samples.len())?;
            }
        }
        match self.loss {
            Loss::None => {}
            Loss::Independent(chance) => write!(f, ", loss {}", Percent(chance))?,
            Loss::Burst { enter, exit, loss } => {
                let [enter, exit, loss] = [enter, exit, loss].map(Percent);
                write!(f, ", bursts {enter}, {exit}, loss in them {loss}")?;
            }
        }
        let chances = [
            ("duplicate", self.duplicate),
            ("reorder", self.reorder),
            ("corrupt", self.corrupt),
            ("replay", self.replay),
        ];
        for (name, chance) in chances.into_iter().filter(|(_, chance)| !chance.is_never()) {
            write!(f, ", {name} {}", Percent(chance))?;
        }
        if self.mtu < MOST_BYTES {
            write!(f, ", at most {} bytes each", self.mtu)?;
        }
        if let Some(Rate { bytes_per_second, queue }) = self.rate {
            write!(f, ", {bytes_per_second} bytes per second and {queue} that wait")?;
        }
        if self.ordered { f.write_str(", in order") } else { Ok(()) }
    }
}

/// A chance in per cent, if it is one of whole ones.
struct Percent(Ratio);

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.1 == 100 { write!(f, "{}%", self.0.0) } else { self.0.fmt(f) }
    }
}
