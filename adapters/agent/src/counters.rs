//! The counters of a node: the engine's, the sockets', and those of what goes on beside them.

use scalesmall_driver::Front;

/// The counter of seeds that are left out for their address family.
pub(crate) const OUT_OF_REACH: &str = "seeds_out_of_reach";
/// The counter of recordings that have ended before the node: 0 or 1.
pub(crate) const RECORDING: &str = "recording_errors";

/// All counters, by name.
pub(crate) fn all(node: &Front) -> Vec<(String, u64)> {
    let engine = node.stats().iter().map(|(name, value)| (name.to_owned(), value));
    let driver = node.driver_stats();
    engine
        .chain([
            ("socket_receive_errors".to_owned(), driver.receive_errors),
            ("socket_send_errors".to_owned(), driver.send_errors),
            ("socket_send_waits".to_owned(), driver.send_waits),
            ("socket_full_bursts".to_owned(), driver.full_bursts),
            (OUT_OF_REACH.to_owned(), driver.seeds_out_of_reach),
            (RECORDING.to_owned(), u64::from(node.recording_error().is_some())),
        ])
        .collect()
}
