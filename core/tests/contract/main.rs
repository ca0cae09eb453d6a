//! The engine's contract: each rule has a test that is named after it.
//!
//! `CONTRACT_ROUNDS=100` tries a hundred times as many random inputs.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on is to stop")]

mod absurd;
mod allocation;
mod attributes;
mod calls;
mod causes;
mod conflict;
mod content;
mod counters;
mod deaths;
mod determinism;
mod draining;
mod dump;
mod embedding;
mod events;
mod evidence;
mod falls;
mod families;
mod freshness;
mod guarantees;
mod hostility;
mod limits;
mod load;
mod mapping;
mod moving;
mod net;
mod news;
mod oversize;
mod ownership;
mod rate;
mod refusals;
mod relay;
mod replay;
mod rotation;
mod segment;
mod sizes;
mod strangers;
mod tables;
mod tenfold;

use scalesmall_core::{GroupName, Instant, KeyRange};

fn group(name: &str) -> GroupName {
    GroupName::try_from(name).unwrap()
}

fn range(start: u32, end: u32) -> KeyRange {
    KeyRange::new(start, end).unwrap()
}

fn ms(millis: u64) -> Instant {
    Instant::from_millis(millis)
}
