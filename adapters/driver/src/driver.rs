//! The pump: receives a burst, fires the clock, sends.
//!
//! One system call per datagram. To take many by one call (`recvmmsg`, through `quinn-udp` 0.5) was
//! measured on loopback, at 100 bytes: 2.3 us against 1.0 us for a datagram alone, 0.9 against 0.65 us
//! for four at a time, 0.55 against 0.44 us for 64: 32 headers are made ready for each call, and
//! datagrams this small, most of them alone, never earn that back. `GRO` merges only what a sender
//! has sent as one, and no two datagrams of an engine have one destination and one size.

use std::io;
use std::time::{Duration, Instant as SystemInstant, SystemTime};

use bytes::BytesMut;
use scalesmall_core::{Arrival, Destination, SendError};

use crate::front::Front;
use crate::resume::Clocks;
use crate::socket::Socket;
use crate::sockets::Sockets;

/// Datagrams taken from one socket, or sent, in one turn of the pump, so that neither side starves
/// the other or the clock.
const BURST: usize = 64;

/// The largest datagram UDP can carry, and one byte. Nothing is ever cut, so the engine sees the
/// true length of what is too long for it.
const RECEIVE_ROOM: usize = 65_536;

/// What to wait for before the next pump.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Wait {
    /// When to stop waiting; `None` to wait for as long as it takes. If it lies in the past, pump
    /// at once.
    pub deadline: Option<SystemInstant>,
    /// Whether to wait for room to send as well as for something to receive.
    pub writable: bool,
}

impl Wait {
    /// The longest wait; `None` for as long as it takes.
    #[must_use]
    pub fn timeout(&self) -> Option<Duration> {
        self.deadline.map(|at| at.saturating_duration_since(SystemInstant::now()))
    }

    /// Whether there is nothing to wait for: pump at once.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.deadline.is_some_and(|at| at <= SystemInstant::now())
    }

    /// Brings the deadline forward to `at`, if it lies later.
    pub(crate) fn until(&mut self, at: SystemInstant) {
        self.deadline = Some(self.deadline.map_or(at, |deadline| deadline.min(at)));
    }
}

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

/// An engine's front and its sockets.
///
/// The engine is reached through [`Node`](crate::Node); the driver only moves what it sends and what
/// arrives for it.
#[derive(Debug)]
pub struct Driver<S> {
    pub(crate) front: Front,
    sockets: Sockets<S>,
    received: Box<[u8]>,
    datagram: BytesMut,
    /// The destination of `datagram`, if the socket had no room for it.
    held: Option<Destination>,
    clocks: Clocks,
}

impl<S: Socket> Driver<S> {
    pub(crate) fn new(front: Front, sockets: Sockets<S>) -> Self {
        let clocks = Clocks::new(front.clock.now(), SystemTime::now());
        Self {
            clocks,
            front,
            sockets,
            received: vec![0; RECEIVE_ROOM].into_boxed_slice(),
            datagram: BytesMut::with_capacity(2048),
            held: None,
        }
    }

    /// Receives what has arrived, fires the engine's clock if it is due, and sends what is to be
    /// sent. Never blocks, and does a bounded amount of work: if more is left, the returned
    /// deadline has passed already.
    ///
    /// # Errors
    ///
    /// A socket that is no longer one, for example because it was closed. The driver stays intact:
    /// pump again, or drop it. Any other error of the operating system (a refused port, a lost
    /// route, a full interface queue, no memory) concerns one datagram: it is counted, and if it
    /// was about sending, the engine is told.
    pub fn pump(&mut self) -> io::Result<Wait> {
        if self.clocks.compare(self.front.clock.now(), SystemTime::now()).is_some() {
            self.front.driver_stats.resumes += 1;
            // Without random bits the node goes on in this life: others tell it what it has
            // forgotten.
            let _ = self.front.renew();
        }
        let mut received = self.receive(false)?;
        if self.sockets.multicast.is_some() {
            received = received.max(self.receive(true)?);
        }
        let now = self.front.clock.now();
        if self.front.engine.poll_timeout(now).is_some_and(|due| due <= now) {
            self.front.engine.handle_timeout(now);
        }
        let sent = self.send();
        self.front.engine.flush();
        let mut wait = Wait { deadline: None, writable: sent == Sent::NoRoom };
        if received == Received::Burst || sent == Sent::Burst {
            wait.deadline = Some(SystemInstant::now());
        } else if let Some(due) = self.front.engine.poll_timeout(now) {
            // While there is no room to send, or for events, the output that waits makes the
            // engine's deadline now; to obey it would be to spin.
            let full = sent == Sent::NoRoom || self.front.reader_lags;
            let due = if full { due.max(now + NAP) } else { due };
            wait.deadline = self.front.clock.system(due);
        }
        if received == Received::Errors {
            wait.until(SystemInstant::now() + NAP);
        }
        Ok(wait)
    }

    /// Receives up to a burst.
    fn receive(&mut self, multicast: bool) -> io::Result<Received> {
        let socket = match &self.sockets.multicast {
            Some(heard) if multicast => heard,
            _ => &self.sockets.unicast,
        };
        let front = &mut self.front;
        let now = front.clock.now();
        let mut errors = 0;
        for _ in 0..BURST {
            let (len, from) = match socket.try_recv_from(&mut self.received) {
                Ok(received) => received,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Ok(Received::All);
                }
                Err(error) if is_fatal(&error) => return Err(error),
                Err(_) => {
                    front.driver_stats.receive_errors += 1;
                    errors += 1;
                    continue;
                }
            };
            let from = std::net::SocketAddr::new(from.ip().to_canonical(), from.port());
            let arrival = if multicast { Arrival::Multicast(from) } else { Arrival::Unicast(from) };
            // The engine counts what it refuses.
            let _ = front.engine.handle_datagram(now, arrival, &self.received[..len]);
        }
        front.driver_stats.full_bursts += 1;
        Ok(if errors == BURST { Received::Errors } else { Received::Burst })
    }

    /// Sends what was held back and then what the engine has, up to a burst.
    fn send(&mut self) -> Sent {
        let now = self.front.clock.now();
        for _ in 0..BURST {
            let to = match self.held.take() {
                Some(to) => to,
                None => {
                    self.datagram.clear();
                    match self.front.engine.poll_transmit(now, &mut self.datagram) {
                        Some(to) => to,
                        None => return Sent::All,
                    }
                }
            };
            let addr = match (to, self.sockets.group()) {
                (Destination::Unicast(addr), _) => self.sockets.route(addr),
                (Destination::Multicast, Some(group)) => group,
                (Destination::Multicast, None) => {
                    self.front.engine.handle_send_error(now, to, SendError::Unreachable);
                    continue;
                }
            };
            match self.sockets.unicast.try_send_to(&self.datagram, addr) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.held = Some(to);
                    self.front.driver_stats.send_waits += 1;
                    return Sent::NoRoom;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => self.held = Some(to),
                Err(error) => {
                    self.front.driver_stats.send_errors += 1;
                    self.front.engine.handle_send_error(now, to, send_error(&error));
                }
            }
        }
        Sent::Burst
    }

    /// The sockets, to wait on.
    #[must_use]
    pub const fn sockets(&self) -> &Sockets<S> {
        &self.sockets
    }

    /// The sockets, to register them with a poller.
    pub const fn sockets_mut(&mut self) -> &mut Sockets<S> {
        &mut self.sockets
    }
}

/// The longest wait for a socket that has no room or gives nothing but errors, or for a reader of
/// events, in case nothing signals that it is over.
const NAP: Duration = Duration::from_millis(5);

/// How receiving ended.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Received {
    /// There is nothing left.
    All,
    /// The burst was nothing but errors; to go on at once might be to spin.
    Errors,
    /// The burst is over. An edge-triggered poller would not tell of what is left.
    Burst,
}

/// How sending ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sent {
    /// There is nothing left.
    All,
    /// The socket has no room.
    NoRoom,
    /// The burst is over.
    Burst,
}

/// Whether an error on receiving ends the socket: it is closed, or no socket (`EBADF`, `ENOTSOCK`),
/// or the error is not the operating system's but the runtime's, which has ended.
fn is_fatal(error: &io::Error) -> bool {
    match error.raw_os_error() {
        Some(code) => matches!(code, 9 | 38 | 88 | 10_009 | 10_038),
        None => matches!(error.kind(), io::ErrorKind::Other | io::ErrorKind::NotConnected),
    }
}

fn send_error(error: &io::Error) -> SendError {
    use io::ErrorKind as Kind;
    match error.kind() {
        Kind::ConnectionRefused | Kind::ConnectionReset => SendError::Refused,
        Kind::HostUnreachable
        | Kind::NetworkUnreachable
        | Kind::NetworkDown
        | Kind::AddrNotAvailable => SendError::Unreachable,
        // `EMSGSIZE`, which the standard library does not name.
        _ if matches!(error.raw_os_error(), Some(90 | 40 | 10_040)) => SendError::TooLarge,
        _ => SendError::Other,
    }
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};
    use std::collections::VecDeque;
    use std::future::{Future, pending};
    use std::net::SocketAddr;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;
    use crate::{GroupKey, Node, Settings};

    const FAR: &str = "127.0.0.1:9";

    /// A socket that receives what it is told to and has room for as much as it is told to have.
    #[derive(Debug, Default)]
    struct Scripted {
        arriving: RefCell<VecDeque<io::Result<Vec<u8>>>>,
        room: Cell<usize>,
        sent: RefCell<Vec<Vec<u8>>>,
    }

    impl Socket for Scripted {
        fn try_recv_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
            let Some(next) = self.arriving.borrow_mut().pop_front() else {
                return Err(io::ErrorKind::WouldBlock.into());
            };
            let datagram = next?;
            buffer[..datagram.len()].copy_from_slice(&datagram);
            Ok((datagram.len(), FAR.parse().unwrap()))
        }

        fn try_send_to(&self, datagram: &[u8], _: SocketAddr) -> io::Result<usize> {
            let Some(room) = self.room.get().checked_sub(1) else {
                return Err(io::ErrorKind::WouldBlock.into());
            };
            self.room.set(room);
            self.sent.borrow_mut().push(datagram.to_vec());
            Ok(datagram.len())
        }
    }

    fn node() -> Node<Scripted> {
        let settings = Settings::new("127.0.0.1:0".parse().unwrap(), GroupKey::published());
        Node::start(&settings, |_| Ok(Scripted::default())).unwrap()
    }

    fn socket(node: &Node<Scripted>) -> &Scripted {
        &node.driver().sockets().unicast
    }

    fn arrive(node: &Node<Scripted>, what: io::Result<Vec<u8>>, times: usize) {
        let again = |error: &io::Error| io::Error::from(error.kind());
        let copies = (0..times).map(|_| what.as_ref().map(Vec::clone).map_err(again));
        socket(node).arriving.borrow_mut().extend(copies);
    }

    fn is_over(wait: Wait) -> bool {
        wait.deadline.is_some_and(|at| at <= SystemInstant::now())
    }

    #[test]
    fn a_datagram_that_met_no_room_is_kept_and_sent_first() {
        let mut node = node();
        node.contact(&[FAR.parse().unwrap()]);
        for _ in 0..3 {
            let wait = node.pump().unwrap();
            assert!(wait.writable && !is_over(wait));
        }
        assert_eq!(node.driver_stats().send_waits, 3);
        let encoded = node.stats().datagrams_sent;
        assert_eq!(encoded, 1, "no further datagram is made while one waits");
        socket(&node).room.set(usize::MAX);
        assert!(!node.pump().unwrap().writable);
        let sent = socket(&node).sent.borrow();
        assert_eq!(sent.len(), usize::try_from(node.stats().datagrams_sent).unwrap());
        let bytes: usize = sent.iter().map(Vec::len).sum();
        assert_eq!(bytes, usize::try_from(node.stats().bytes_sent).unwrap());
    }

    #[test]
    fn a_full_burst_asks_to_be_pumped_again_at_once() {
        let mut node = node();
        arrive(&node, Ok(b"foreign".to_vec()), 2 * BURST + 1);
        for handed_in in [BURST, 2 * BURST] {
            assert!(is_over(node.pump().unwrap()));
            assert_eq!(usize::try_from(node.stats().refused_foreign), Ok(handed_in));
        }
        assert!(!is_over(node.pump().unwrap()));
        assert_eq!(usize::try_from(node.stats().refused_foreign), Ok(2 * BURST + 1));
        assert_eq!(node.driver_stats().full_bursts, 2);
    }

    #[test]
    fn errors_about_earlier_datagrams_are_not_the_end() {
        let mut node = node();
        arrive(&node, Err(io::ErrorKind::ConnectionRefused.into()), 2);
        arrive(&node, Err(io::ErrorKind::HostUnreachable.into()), 1);
        arrive(&node, Ok(b"foreign".to_vec()), 1);
        let _ = node.pump().unwrap();
        assert_eq!(node.driver_stats().receive_errors, 3);
        assert_eq!(node.stats().refused_foreign, 1);
    }

    #[test]
    fn a_broken_socket_is_an_error_that_leaves_the_node_whole() {
        let mut node = node();
        arrive(&node, Err(io::ErrorKind::NotConnected.into()), 1);
        arrive(&node, Ok(b"foreign".to_vec()), 1);
        assert_eq!(node.pump().unwrap_err().kind(), io::ErrorKind::NotConnected);
        let _ = node.pump().unwrap();
        assert_eq!(node.stats().refused_foreign, 1);
    }

    #[test]
    fn no_datagram_is_cut() {
        let mut node = node();
        arrive(&node, Ok(vec![0xa1; 65_508]), 1);
        let _ = node.pump().unwrap();
        assert_eq!(node.stats().bytes_received, 65_508);
        assert_eq!(node.stats().refused_oversized, 1);
    }

    #[test]
    fn a_wait_that_is_dropped_loses_nothing() {
        let mut node = node();
        node.contact(&[FAR.parse().unwrap()]);
        let mut context = Context::from_waker(Waker::noop());
        for _ in 0..3 {
            arrive(&node, Ok(b"foreign".to_vec()), 1);
            let next = pin!(node.next_event(async |_, _| pending().await));
            assert!(matches!(next.poll(&mut context), Poll::Pending));
        }
        assert_eq!(node.stats().refused_foreign, 3);
        assert_eq!(node.driver_stats().send_waits, 3);
        socket(&node).room.set(usize::MAX);
        let _ = node.pump().unwrap();
        assert_eq!(
            socket(&node).sent.borrow().len(),
            usize::try_from(node.stats().datagrams_sent).unwrap()
        );
    }
}
