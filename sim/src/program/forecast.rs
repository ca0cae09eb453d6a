//! What a run will take, told before it starts.

use std::fs;
use std::thread;
use std::time::Duration;

use crate::console::tell;

/// What to do if a run of this size does not fit into free memory.
pub(crate) fn lacks_memory(bytes: u64, nodes: usize) -> Option<String> {
    let free = free_memory().filter(|free| bytes > *free)?;
    // Most of it is taken by pairs.
    let mut fits = nodes;
    while fits > 1 && bytes / (nodes as u64 / fits as u64).pow(2) > free {
        fits /= 2;
    }
    Some(format!(
        "{nodes} nodes take about {}, and {} are free: play no more than about {fits}, with --nodes, \
         or all the same with --anyway",
        gigabytes(bytes),
        gigabytes(free)
    ))
}

/// How many runs at once fit into what memory is free; as many as asked for, if that is not known.
pub(crate) fn fitting_jobs(asked: Option<u16>, bytes: u64) -> Option<u16> {
    let cores = thread::available_parallelism().map_or(1, core::num::NonZero::get);
    let wanted = asked.map_or(cores as u64, u64::from);
    let Some(free) = free_memory() else { return asked };
    let fit = (free / bytes.max(1)).max(1);
    if fit >= wanted {
        return asked;
    }
    tell(&format!(
        "a run takes about {}, and {} are free: {fit} at once, not {wanted}",
        gigabytes(bytes),
        gigabytes(free)
    ));
    u16::try_from(fit).ok()
}

/// Says how many hours runs will take, if they take one.
pub(crate) fn tell_hours(one_after_the_other: Duration, jobs: Option<u16>) {
    let cores = thread::available_parallelism().map_or(1, core::num::NonZero::get) as u64;
    let jobs = jobs.map_or(cores, u64::from).min(cores).max(1);
    let slower = if cfg!(debug_assertions) { DEBUG_IS_SLOWER } else { 1 };
    let seconds = one_after_the_other.as_secs().saturating_mul(slower) / jobs;
    if seconds >= HOUR {
        let (hours, tenths) = (seconds / HOUR, seconds % HOUR * 10 / HOUR);
        let remedy = if slower > 1 { "; a release build is faster" } else { "" };
        tell(&format!(
            "this will take {hours}.{tenths} hours at least: fewer --seeds or --nodes take less{remedy}"
        ));
    }
}

fn gigabytes(bytes: u64) -> String {
    format!("{}.{} GB", bytes / 1_000_000_000, bytes / 100_000_000 % 10)
}

/// The bytes of memory that are free, where the system tells.
fn free_memory() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

const HOUR: u64 = 3_600;
/// How much slower a build without optimisation is, roughly.
const DEBUG_IS_SLOWER: u64 = 20;
