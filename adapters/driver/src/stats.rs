//! Counters of what happens beside the engine.

/// Counters of what the sockets said. They only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DriverStats {
    /// Receives that ended in an error, mostly one about an earlier datagram, such as a refused port.
    pub receive_errors: u64,
    /// Sends that ended in an error. The engine was told, and goes on.
    pub send_errors: u64,
    /// Times that a datagram had to wait for room to send.
    pub send_waits: u64,
    /// Times that a socket had more to receive than one turn takes.
    pub full_bursts: u64,
    /// Times that the machine was found to have been suspended, or set back to a snapshot; the node
    /// began a new life each time.
    pub resumes: u64,
    /// Seeds left out because the socket cannot reach their address family: addresses, and at each
    /// look-up names that have only such addresses.
    pub seeds_out_of_reach: u64,
}
