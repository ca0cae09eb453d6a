//! What the driver needs of a socket.

use std::io;
use std::net::{SocketAddr, UdpSocket};

/// A UDP socket that never blocks.
///
/// Both calls return [`io::ErrorKind::WouldBlock`] where a blocking socket would wait. A runtime
/// whose socket has readiness calls (`try_recv_from`, or the inner `std` socket of a reactor's
/// wrapper) implements this in two lines.
pub trait Socket {
    /// Receives one datagram into `buffer`; returns its length and its source.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if there is none, or what the operating system says.
    fn try_recv_from(&mut self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)>;

    /// Sends `datagram` to `to`; returns the number of bytes sent.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if there is no room, or what the operating system says.
    fn try_send_to(&mut self, datagram: &[u8], to: SocketAddr) -> io::Result<usize>;
}

/// The socket must have been made non-blocking, as [`Sockets::bind`](crate::Sockets::bind) does.
impl Socket for UdpSocket {
    fn try_recv_from(&mut self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.recv_from(buffer)
    }

    fn try_send_to(&mut self, datagram: &[u8], to: SocketAddr) -> io::Result<usize> {
        self.send_to(datagram, to)
    }
}
