//! The sockets of a node.

use std::io;
use std::net::SocketAddr;

use mio::net::UdpSocket;

/// A mio socket, as the driver wants it.
#[derive(Debug)]
pub struct Socket(pub(crate) UdpSocket);

impl scalesmall_driver::Socket for Socket {
    fn try_recv_from(&mut self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.0.recv_from(buffer)
    }

    fn try_send_to(&mut self, datagram: &[u8], to: SocketAddr) -> io::Result<usize> {
        self.0.send_to(datagram, to)
    }
}

#[cfg(unix)]
impl std::os::fd::AsFd for Socket {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.0.as_fd()
    }
}
