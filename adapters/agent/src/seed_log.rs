//! Seeds that cannot be looked up, or do not answer: told by name, once, and then ever more rarely.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use scalesmall_driver::{Seed, SeedState};

use crate::rarely::{Rarely, and_before};

/// How long a seed may be silent before it is told: it may start at the same time as this node.
const SILENT_FOR: Duration = Duration::from_secs(5);
/// The most addresses of a name that are told.
const SHOWN: usize = 3;

/// What was told of each seed.
#[derive(Debug, Default)]
pub(crate) struct SeedLog(BTreeMap<String, Told>);

#[derive(Debug, Default)]
struct Told {
    silent_since: Option<Instant>,
    unresolved: Rarely,
    silent: Rarely,
    /// Whether anything was told since it last answered.
    open: bool,
}

/// A sentence for the log.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line {
    Bad(String),
    Good(String),
}

impl SeedLog {
    /// The sentences to log now.
    pub(crate) fn look(&mut self, now: Instant, seeds: &[(Seed, SeedState)]) -> Vec<Line> {
        let names: Vec<String> = seeds.iter().map(|(seed, _)| seed.to_string()).collect();
        self.0.retain(|name, _| names.contains(name));
        let mut lines = Vec::new();
        for (name, (_, state)) in names.into_iter().zip(seeds) {
            let told = self.0.entry(name.clone()).or_default();
            lines.extend(told.look(now, &name, state));
        }
        lines
    }
}

impl Told {
    fn look(&mut self, now: Instant, name: &str, state: &SeedState) -> Option<Line> {
        if !matches!(state, SeedState::Silent { .. }) {
            self.silent_since = None;
        }
        let text = match state {
            SeedState::Unresolved { why } => {
                let before = and_before(self.unresolved.tell(now)?);
                format!("seed {name} cannot be looked up: {why}; it is tried again{before}")
            }
            SeedState::Silent { addresses } => {
                let since = *self.silent_since.get_or_insert(now);
                if now.saturating_duration_since(since) < SILENT_FOR {
                    return None;
                }
                let before = and_before(self.silent.tell(now)?);
                let at = shown(name, addresses);
                format!(
                    "seed {name}{at} does not answer (does it run, with the same key and cluster?); it \
                     is tried again{before}"
                )
            }
            SeedState::Answers if core::mem::take(&mut self.open) => {
                return Some(Line::Good(format!("seed {name} answers")));
            }
            _ => return None,
        };
        self.open = true;
        Some(Line::Bad(text))
    }
}

/// ` at ADDRESS, ...`, unless the seed is its address.
fn shown(name: &str, addresses: &[std::net::SocketAddr]) -> String {
    if addresses.iter().any(|addr| addr.to_string() == name) {
        return String::new();
    }
    let first: Vec<String> = addresses.iter().take(SHOWN).map(ToString::to_string).collect();
    let more = if addresses.len() > SHOWN { ", ..." } else { "" };
    format!(" at {}{more}", first.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(log: &mut SeedLog, at: Instant, state: &SeedState) -> String {
        let seed = "peers.test:5".parse().expect("a seed");
        let lines = log.look(at, &[(seed, state.clone())]);
        lines.into_iter().map(|line| format!("{line:?}")).collect()
    }

    #[test]
    fn a_name_that_cannot_be_looked_up_is_told_at_once_and_then_ever_more_rarely() {
        let (start, mut log) = (Instant::now(), SeedLog::default());
        let state = SeedState::Unresolved { why: "no such name".to_owned() };
        let first = told(&mut log, start, &state);
        assert!(first.contains("peers.test:5") && first.contains("no such name"), "{first}");
        let hour = (1..3600).filter(|second| {
            !told(&mut log, start + Duration::from_secs(*second), &state).is_empty()
        });
        assert_eq!(hour.count(), 5);
    }

    #[test]
    fn a_seed_that_does_not_answer_is_told_after_a_moment_and_when_it_does() {
        let (start, mut log) = (Instant::now(), SeedLog::default());
        let addresses = (1..=4).map(|last| ([10, 0, 0, last], 5).into()).collect();
        let silent = SeedState::Silent { addresses };
        assert_eq!(told(&mut log, start, &SeedState::LookingUp), "");
        assert_eq!(told(&mut log, start, &silent), "");
        let late = told(&mut log, start + SILENT_FOR, &silent);
        assert!(late.contains("at 10.0.0.1:5, 10.0.0.2:5, 10.0.0.3:5, ..."), "{late}");
        assert_eq!(told(&mut log, start + SILENT_FOR * 2, &silent), "");
        let good = told(&mut log, start + SILENT_FOR * 2, &SeedState::Answers);
        assert!(good.contains("Good") && good.contains("answers"), "{good}");
        assert_eq!(told(&mut log, start + SILENT_FOR * 2, &SeedState::Answers), "");
    }
}
