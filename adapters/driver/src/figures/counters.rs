//! What has happened: the engine's counters, and those beside it.

use scalesmall_core::Stats;

use super::Family;
use crate::calls::Front;

pub(super) fn families(front: &Front) -> Vec<Family> {
    let engine = front.stats().iter().zip(Stats::HELP);
    let engine = engine.map(|((name, value), help)| Family::counter(name, help.trim(), value));
    let driver = front.driver_stats();
    let recording = u64::from(front.recording_error().is_some());
    let state = front.state().map_or(0, |state| state.errors);
    let beside = [
        (
            "socket_receive_errors",
            "Receives that ended in an error, mostly one about an earlier datagram, such as a refused port.",
            driver.receive_errors,
        ),
        (
            "socket_send_errors",
            "Sends that ended in an error. The engine was told, and goes on.",
            driver.send_errors,
        ),
        (
            "socket_send_waits",
            "Times that a datagram had to wait for room to send.",
            driver.send_waits,
        ),
        (
            "socket_full_bursts",
            "Times that a socket had more to receive than one turn takes.",
            driver.full_bursts,
        ),
        (
            "resumes",
            "Times that the machine was found to have been suspended, or set back to a snapshot.",
            driver.resumes,
        ),
        (
            "seeds_out_of_reach",
            "Seeds left out because the socket cannot reach their address family.",
            driver.seeds_out_of_reach,
        ),
        ("recording_errors", "Recordings that have ended before the node: 0 or 1.", recording),
        ("state_errors", "Times that the state file could not be written.", state),
    ];
    engine.chain(beside.map(|(name, help, value)| Family::counter(name, help, value))).collect()
}
