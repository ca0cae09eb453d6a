//! Faults of the setup that the counters and the seeds show: a sentence now and then, never one for each
//! packet.

use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use scalesmall_driver::{Front, Handle, Seed, SeedState};

use crate::counters::{self, OUT_OF_REACH, RECORDING, STATE};
use crate::rarely::Rarely;
use crate::seed_log::{Line, SeedLog};
use crate::threads;

/// How often the counters are looked at in the first minute, in which most faults of a setup show.
const LOOK: Duration = Duration::from_secs(3);
/// How often they are looked at later, as each look wakes an idle node.
const LATER: Duration = Duration::from_secs(10);
const FIRST: Duration = Duration::from_secs(60);

/// The files that a node writes.
#[derive(Clone, Debug)]
pub(crate) struct Files {
    pub(crate) record: Option<PathBuf>,
    pub(crate) state: Option<PathBuf>,
}

/// A counter that rises when nodes are set up differently.
struct Fault {
    counter: &'static str,
    meaning: &'static str,
    /// Looks in a row that must find it risen.
    looks: u32,
}

const FAULTS: [Fault; 8] = [
    Fault {
        counter: "refused_forged",
        meaning: "packets arrive whose tag does not fit: they are altered on the way, or somebody forges \
                  them",
        // To a node that has restarted, others speak as to its earlier life, for a moment.
        looks: 2,
    },
    Fault {
        counter: "refused_key",
        meaning: "packets arrive under a key that this node does not have: give the same keys to all, of \
                  the same suite ('scalesmall keys list' shows those of a node)",
        looks: 1,
    },
    Fault {
        counter: "refused_cluster",
        meaning: "packets of another cluster arrive: give one --cluster (and one liveness) to all nodes, or \
                  each cluster its own ports and --multicast-group",
        looks: 1,
    },
    Fault {
        counter: "refused_version",
        meaning: "packets of another version arrive: run one version on all nodes, or versions that \
                  understand each other",
        looks: 1,
    },
    Fault {
        counter: "refused_full",
        meaning: "nodes are refused, as the table of nodes is full of living ones: raise \
                  --engine limits.nodes on all nodes",
        looks: 1,
    },
    Fault {
        counter: OUT_OF_REACH,
        meaning: "seeds are left out, as this node cannot reach their address family",
        looks: 1,
    },
    Fault {
        counter: RECORDING,
        meaning: "the recording has ended, as its file cannot be written or is full: make room, or give it \
                  more with --record-size, and start the node again",
        looks: 1,
    },
    Fault {
        counter: STATE,
        meaning: "the state file cannot be written, so after a restart this node may know less than it \
                  does now: make room, or make its directory writable; it is tried again",
        looks: 1,
    },
];

/// What it means that a counter is not 0, if that is known.
pub(crate) fn meaning(counter: &str) -> Option<&'static str> {
    FAULTS.iter().find(|fault| fault.counter == counter).map(|fault| fault.meaning)
}

/// Warns, on a thread of its own, when a counter rises that tells of a fault. `left_out` seeds have
/// been told of already.
pub(crate) fn watch(handle: Handle, left_out: usize, files: Files) -> io::Result<()> {
    let mut diagnosis = Diagnosis::default();
    diagnosis.know(OUT_OF_REACH, u64::try_from(left_out).unwrap_or(u64::MAX));
    threads::keep("diagnosis", move || look(&handle, &mut diagnosis, &files))
}

/// Looks until the node does not answer any more.
fn look(handle: &Handle, diagnosis: &mut Diagnosis, files: &Files) {
    let ask = |node: &mut Front| {
        let seeds: Vec<(Seed, SeedState)> =
            node.seeds().map(|(seed, state)| (seed.clone(), state)).collect();
        let state_error = node.state().and_then(|state| state.error);
        (counters::all(node), node.recording_error(), state_error, seeds, sources(node))
    };
    let begun = Instant::now();
    while let Ok((counters, error, state_error, seeds, sources)) = handle.call(ask).wait() {
        for line in diagnosis.seeds.look(Instant::now(), &seeds) {
            match line {
                Line::Bad(text) => tracing::warn!("{text}"),
                Line::Good(text) => tracing::info!("{text}"),
            }
        }
        for (fault, value) in diagnosis.look(Instant::now(), &counters) {
            let about = match (fault.counter, &files.record, error, &files.state, state_error) {
                (RECORDING, Some(path), Some(error), ..) => {
                    format!("--record {}: {error}; ", path.display())
                }
                (STATE, _, _, Some(path), Some(error)) => {
                    format!("--state {}: {error}; ", path.display())
                }
                _ => String::new(),
            };
            let from = sources.iter().find(|(counter, _)| *counter == fault.counter);
            let from = from.map(|(_, from)| format!("; the last came from {from}"));
            let from = from.unwrap_or_default();
            tracing::warn!("{about}{} ({} = {value}{from})", fault.meaning, fault.counter);
        }
        std::thread::sleep(if begun.elapsed() < FIRST { LOOK } else { LATER });
    }
}

/// Where the last packets came from that raised the counters of faults, each with the node that is known to be
/// there.
fn sources(node: &Front) -> Vec<(&'static str, String)> {
    let source = |fault: &Fault| {
        let from = node.refused_from(fault.counter)?;
        let mut peers = node.peers();
        let known = peers.find(|peer| peer.address == from || peer.addresses.contains(&from));
        let known = known.map(|peer| format!(", which is the address of {}", peer.name));
        Some((fault.counter, format!("{from}{}", known.unwrap_or_default())))
    };
    FAULTS.iter().filter_map(source).collect()
}

/// What was seen of the counters, and when something was said about them.
#[derive(Default)]
struct Diagnosis {
    seen: [Seen; FAULTS.len()],
    seeds: SeedLog,
}

#[derive(Default)]
struct Seen {
    value: u64,
    risen: u32,
    told: Rarely,
}

impl Diagnosis {
    /// Takes a counter's value as told.
    fn know(&mut self, counter: &str, value: u64) {
        let of = FAULTS.iter().position(|fault| fault.counter == counter);
        if let Some(seen) = of.and_then(|of| self.seen.get_mut(of)) {
            seen.value = value;
        }
    }

    /// The faults to tell of now, with their counters' values.
    fn look(&mut self, now: Instant, counters: &[(String, u64)]) -> Vec<(&'static Fault, u64)> {
        let mut faults = Vec::new();
        for (fault, seen) in FAULTS.iter().zip(&mut self.seen) {
            let Some((_, value)) = counters.iter().find(|(name, _)| name == fault.counter) else {
                continue;
            };
            let rises = *value > seen.value;
            seen.risen = if rises { seen.risen.saturating_add(1) } else { 0 };
            seen.value = *value;
            if seen.risen >= fault.looks && seen.told.tell(now).is_some() {
                faults.push((fault, *value));
            }
        }
        faults
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How long nothing more is said about a counter at first.
    const PAUSE: Duration = Duration::from_secs(60);

    fn told(diagnosis: &mut Diagnosis, at: Instant, counter: &str, value: u64) -> bool {
        let faults = diagnosis.look(at, &[(counter.to_owned(), value), ("other".to_owned(), 9)]);
        assert!(faults.iter().all(|(fault, of)| fault.counter == counter && *of == value));
        !faults.is_empty()
    }

    #[test]
    fn a_counter_that_rises_is_told_of_once_in_a_while() {
        let start = Instant::now();
        for fault in &FAULTS {
            let mut diagnosis = Diagnosis::default();
            diagnosis.know(fault.counter, 1);
            let mut tell =
                |at: Duration, value| told(&mut diagnosis, start + at, fault.counter, value);
            assert!(!tell(Duration::ZERO, 1));
            let first = (1..=fault.looks).map(|look| tell(LOOK * look, 1 + u64::from(look)));
            let first: Vec<bool> = first.collect();
            assert_eq!(first.iter().position(|told| *told), Some(first.len() - 1));
            assert!(!tell(PAUSE / 2, 50), "{} is told of too often", fault.counter);
            assert!(!tell(PAUSE * 2, 50), "{} did not rise", fault.counter);
            let again =
                (0..fault.looks).any(|look| tell(PAUSE * 3 + LOOK * look, 51 + u64::from(look)));
            assert!(again, "{} is told of once only", fault.counter);
        }
    }

    #[test]
    fn every_fault_has_a_row_in_the_page_about_operating() {
        let page = include_str!("operating.md");
        for fault in &FAULTS {
            assert!(page.contains(&format!("(`{}`)", fault.counter)), "{}", fault.counter);
            let words: Vec<&str> = fault.meaning.split(' ').take(4).collect();
            let begins = words.join(" ");
            assert!(page.contains(begins.trim_end_matches([',', ':'])), "{}", fault.meaning);
        }
    }

    #[test]
    fn every_fault_has_a_counter_that_exists() {
        let engine: Vec<&str> =
            scalesmall_core::Stats::default().iter().map(|(name, _)| name).collect();
        for fault in &FAULTS {
            let driver = [OUT_OF_REACH, RECORDING, STATE].contains(&fault.counter);
            assert!(driver || engine.contains(&fault.counter));
        }
    }
}
