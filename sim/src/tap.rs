//! Listening in on a simulation: for recordings and reports.

use core::net::SocketAddr;

use crate::protocol::Protocol;

/// Is told what happens, as it happens.
pub trait Tap<P: Protocol> {
    /// A node handled a datagram. Times are nanoseconds of the simulation.
    fn delivered(
        &mut self,
        at: u64,
        from: SocketAddr,
        to: SocketAddr,
        multicast: bool,
        bytes: &[u8],
    );

    /// A node reported an event.
    fn event(&mut self, at: u64, node: usize, event: &P::Event);
}

impl<P: Protocol> crate::Sim<P> {
    /// Listens in from this moment on; replaces who did before.
    pub fn set_tap(&mut self, tap: impl Tap<P> + 'static) {
        self.tap = Some(Box::new(tap));
    }
}
