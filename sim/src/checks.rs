//! How much of what nodes do and show is checked.

use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Serialize};

/// How much of what nodes do and show is checked while a simulation runs. Checks change nothing that
/// happens: the [trace hash](crate::Sim::trace_hash) is the same with all of them and with none.
///
/// What each datagram looks like, how much is sent, and what a scenario itself forbids or waits for is always
/// checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Checks {
    /// All: also what nodes show, looked at again and again.
    #[default]
    All,
    /// Each event when it is reported, and not what nodes show in between.
    Light,
    /// Neither.
    None,
}

impl fmt::Display for Checks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::All => "all",
            Self::Light => "light",
            Self::None => "none",
        })
    }
}

impl FromStr for Checks {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        let all = [Self::All, Self::Light, Self::None];
        all.into_iter().find(|it| it.to_string() == text).ok_or("checks are all, light or none")
    }
}
