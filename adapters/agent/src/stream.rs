//! What is needed of a connection, whether it is a Unix socket or TCP.

use std::fmt::Debug;
use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// A connection that can be read, written and shut down by each thread that knows it.
pub(crate) trait Stream: Debug + Send + Sync + 'static {
    fn receive(&self, buffer: &mut [u8]) -> io::Result<usize>;

    fn send(&self, bytes: &[u8]) -> io::Result<usize>;

    fn end(&self, how: Shutdown) -> io::Result<()>;

    fn limit_receive(&self, limit: Option<Duration>) -> io::Result<()>;

    fn limit_send(&self, limit: Option<Duration>) -> io::Result<()>;

    fn wait(&self, waits: bool) -> io::Result<()>;
}

macro_rules! stream {
    ($type:ty) => {
        impl Stream for $type {
            fn receive(&self, buffer: &mut [u8]) -> io::Result<usize> {
                (&*self).read(buffer)
            }

            fn send(&self, bytes: &[u8]) -> io::Result<usize> {
                (&*self).write(bytes)
            }

            fn end(&self, how: Shutdown) -> io::Result<()> {
                self.shutdown(how)
            }

            fn limit_receive(&self, limit: Option<Duration>) -> io::Result<()> {
                self.set_read_timeout(limit)
            }

            fn limit_send(&self, limit: Option<Duration>) -> io::Result<()> {
                self.set_write_timeout(limit)
            }

            fn wait(&self, waits: bool) -> io::Result<()> {
                self.set_nonblocking(!waits)
            }
        }
    };
}

stream!(UnixStream);
stream!(TcpStream);
