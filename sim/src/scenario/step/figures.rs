//! Which figures the steps of a scenario make.

use super::{Await, Betray, Goal, Step};
use crate::scenario::figure::Unit;

impl Step {
    /// The figures that this step makes, those of steps within it not among them, and what they
    /// count.
    pub(crate) fn figures(&self) -> Vec<(String, Unit)> {
        let (figure, parts): (&str, Vec<(&str, Unit)>) = match self {
            Self::Await(Await { figure: Some(figure), what, .. }) => (
                figure,
                match what {
                    Goal::Shown | Goal::Heard => ["", " by half", " by 99 %", " by all"]
                        .map(|part| (part, Unit::Nanos))
                        .into(),
                    Goal::Sight
                    | Goal::Agreement
                    | Goal::Split
                    | Goal::Conflict
                    | Goal::OneKey
                    | Goal::Located
                    | Goal::Shared
                    | Goal::ToldOfHold => vec![("", Unit::Nanos)],
                },
            ),
            Self::Usage(usage) if usage.between.is_some() => (&usage.figure, USAGE[..3].to_vec()),
            Self::Usage(usage) => {
                let apart = if usage.apart { &APART[..] } else { &[] };
                let woken = if usage.woken { &WOKEN[..] } else { &[] };
                (&usage.figure, USAGE.iter().chain(apart).chain(woken).copied().collect())
            }
            Self::Betray(Betray { figure: Some(figure), .. }) => {
                return betrayal_figures(figure).into();
            }
            Self::Send(send) => (&send.figure, SEND.into()),
            Self::Count(count) => (&count.figure, vec![("", count.what.unit())]),
            _ => return Vec::new(),
        };
        parts.into_iter().map(|(part, unit)| (format!("{figure}{part}"), unit)).collect()
    }
}

/// The names and units of what a betrayal is measured by.
pub(crate) fn betrayal_figures(figure: &str) -> [(String, Unit); 3] {
    [
        (format!("{figure} hidden longest"), Unit::Nanos),
        (format!("{figure} hidden share"), Unit::Share),
        (format!("{figure} strays per byte"), Unit::Count),
    ]
}

const USAGE: [(&str, Unit); 8] = [
    (" rate", Unit::BytesPerSecond),
    (" bytes", Unit::Bytes),
    (" datagrams", Unit::Count),
    (" peak", Unit::BytesPerSecond),
    (" largest", Unit::Bytes),
    (" pair", Unit::Bytes),
    (" multicasts in all", Unit::Count),
    (" unicasts in all", Unit::Count),
];

/// What a usage step makes besides, if it tells apart what spreads a change.
const APART: [(&str, Unit); 2] = [(" beyond", Unit::BytesPerSecond), (" each", Unit::Bytes)];

/// What a usage step makes besides, if it counts what wakes a node.
const WOKEN: [(&str, Unit); 2] = [(" received", Unit::Count), (" timer calls", Unit::Count)];

const SEND: [(&str, Unit); 6] = [
    (" latency", Unit::Nanos),
    (" missing", Unit::Count),
    (" duplicates", Unit::Count),
    (" strays", Unit::Count),
    (" delivered", Unit::Share),
    (" refused", Unit::Count),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::scenario::{Options, Scenario, play};

    /// What is told beforehand is what comes about.
    #[test]
    fn steps_make_the_figures_that_they_say() {
        let scenario: Scenario = r#"
            name = "all"
            [cluster]
            nodes = 4
            [[steps]]
            await = { what = "agreement", within = "5s", figure = "agreement" }
            [[steps]]
            meter = {}
            [[steps]]
            serve = { nodes = 1 }
            [[steps]]
            await = { what = "shown", within = "5s", figure = "shown" }
            [[steps]]
            message = {}
            [[steps]]
            await = { what = "heard", within = "5s", figure = "heard" }
            [[steps]]
            send = { messages = 2, to = "all", figure = "mail" }
            [[steps]]
            usage = { figure = "use", apart = true, woken = true }
            [[steps]]
            usage = { figure = "plain" }
            [[steps]]
            count = { what = "transitions", figure = "count" }
            [[steps]]
            split = { nodes = 1 }
            [[steps]]
            await = { what = "split", within = "60s", figure = "split" }
        "#
        .parse()
        .unwrap();
        let played = play(&scenario, 1, Options::default());
        assert!(played.failure.is_none(), "{:?}", played.failure);
        let made: BTreeMap<String, Unit> =
            played.figures.0.into_iter().map(|(name, figure)| (name, figure.unit)).collect();
        let told: BTreeMap<String, Unit> = scenario.steps.iter().flat_map(Step::figures).collect();
        assert_eq!(made, told);
    }
}
