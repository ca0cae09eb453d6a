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
use scalesmall_core::{Arrival, Destination, Instant, SendError};

use crate::calls::Front;
use crate::resume::Clocks;
use crate::socket::Socket;
use crate::sockets::Sockets;
#[cfg(feature = "tracing")]
use crate::trace;

/// Datagrams taken from one socket, or sent, in one turn of the pump, so that neither side starves
/// the other or the clock.
const BURST: usize = 64;

/// The largest datagram UDP can carry, and one byte. Nothing is ever cut, so the engine sees the
/// true length of what is too long for it.
const RECEIVE_ROOM: usize = 65_536;

/// What to wait for before the next pump.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
#[non_exhaustive]
pub struct Wait {
    /// When to stop waiting; `None` to wait for as long as it takes. If it lies in the past, pump
    /// at once.
    pub deadline: Option<SystemInstant>,
    /// Whether to wait for something to receive. Not while a socket gives nothing but errors, as one that
    /// is ready again at once would keep the loop busy.
    pub readable: bool,
    /// Whether to wait for room to send as well.
    pub writable: bool,
}

/// What is known of the sockets when the node is pumped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ready {
    /// Whether there may be something to receive on the unicast socket.
    pub unicast: bool,
    /// Whether there may be something to receive on the multicast socket.
    pub multicast: bool,
    /// Whether the next wait tells again of what is left unread, as `poll` does. Then one datagram that
    /// comes alone is received without a second call that finds nothing.
    pub again: bool,
}

impl Ready {
    /// Nothing is known: both sockets are read until they are empty.
    pub const UNKNOWN: Self = Self { unicast: true, multicast: true, again: false };
    /// The wait is over, and there is nothing to receive.
    pub const NOTHING: Self = Self { unicast: false, multicast: false, again: false };
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
    /// When the last datagram was received.
    heard: Instant,
}

impl<S: Socket> Driver<S> {
    pub(crate) fn new(front: Front, sockets: Sockets<S>) -> Self {
        let clocks = Clocks::new(front.clock.now(), SystemTime::now());
        Self {
            clocks,
            heard: front.clock.now(),
            front,
            sockets,
            received: vec![0; RECEIVE_ROOM].into_boxed_slice(),
            datagram: BytesMut::with_capacity(2048),
            held: None,
        }
    }

    /// Does what follows from a change of the host's interfaces: takes other addresses, sets multicast up
    /// again, and has the engine look for the others.
    pub(crate) fn follow_host(&mut self) {
        let front = &mut self.front;
        let Some(host) = &mut front.host else { return };
        let in_use = front.engine.engine().addresses(front.engine.engine().id());
        let Some(change) = host.changed(&in_use) else { return };
        if let Some((index, at)) = change.back {
            let joined = self.sockets.join_again(index, at).map_err(|error| error.kind());
            self.sockets.scope = if self.sockets.scope == 0 { 0 } else { index };
            if joined != Ok(false) {
                host.joined(joined.map(drop));
            }
        }
        match change.addresses {
            Some(addresses) => front.move_to(&addresses),
            None => host.report.not_taken = Vec::new(),
        }
        #[cfg(feature = "tracing")]
        if let Some((_, at)) = change.back {
            let error = front.host.as_ref().and_then(|host| host.report.multicast_error);
            trace::interface_is_back(front.my_name(), at, error);
        }
        if change.back.is_some() {
            let now = front.clock.now();
            front.engine.network_changed(now);
        }
    }

    /// Receives what has arrived on the sockets that are `ready`, fires the engine's clock if it is due,
    /// and sends what is to be sent. Never blocks, and does a bounded amount of work: if more is left, the returned
    /// deadline has passed already.
    ///
    /// # Errors
    ///
    /// A socket that is no longer one, for example because it was closed. The driver stays intact:
    /// pump again, or drop it. Any other error of the operating system (a refused port, a lost
    /// route, a full interface queue, no memory) concerns one datagram: it is counted, and if it
    /// was about sending, the engine is told.
    pub fn pump(&mut self, ready: Ready) -> io::Result<Wait> {
        if self.clocks.compare(self.front.clock.now(), SystemTime::now()).is_some() {
            self.front.driver_stats.resumes += 1;
            #[cfg(feature = "tracing")]
            trace::resumed(self.front.my_name());
            // Without random bits the node goes on in this life: others tell it what it has
            // forgotten.
            let _ = self.front.renew();
        }
        let mut received = Received::All;
        if ready.unicast {
            received = self.receive(false, ready.again)?;
        }
        if ready.multicast && self.sockets.multicast.is_some() {
            received = received.max(self.receive(true, ready.again)?);
        }
        let now = self.front.clock.now();
        if self.front.engine.poll_timeout(now).is_some_and(|due| due <= now) {
            self.front.engine.handle_timeout(now);
        }
        let sent = self.send();
        self.front.engine.flush();
        let readable = received != Received::Errors;
        let mut wait = Wait { deadline: None, readable, writable: sent == Sent::NoRoom };
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

    /// Receives up to a burst; or one datagram, if it comes alone and the wait tells `again` of others.
    fn receive(&mut self, multicast: bool, again: bool) -> io::Result<Received> {
        let socket = match &mut self.sockets.multicast {
            Some(heard) if multicast => heard,
            _ => &mut self.sockets.unicast,
        };
        let front = &mut self.front;
        let now = front.clock.now();
        let alone = again && now.since(self.heard) > ALONE;
        let mut errors = 0;
        for _ in 0..BURST {
            let (len, from) = match socket.try_recv_from(&mut self.received) {
                Ok(received) => received,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Ok(Received::All);
                }
                Err(error) if is_fatal(&error) => return Err(error),
                Err(_error) => {
                    #[cfg(feature = "tracing")]
                    trace::not_received(front.my_name(), &_error);
                    front.driver_stats.receive_errors += 1;
                    errors += 1;
                    continue;
                }
            };
            let from = std::net::SocketAddr::new(from.ip().to_canonical(), from.port());
            let arrival = if multicast { Arrival::Multicast(from) } else { Arrival::Unicast(from) };
            let datagram = &self.received[..len];
            // The engine counts what it refuses.
            if let Err(refused) = front.engine.handle_datagram(now, arrival, datagram) {
                front.sources.note(refused, arrival);
                front.waiting.refused(refused, datagram, front.engine.engine().life());
            }
            self.heard = now;
            if alone {
                return Ok(Received::All);
            }
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
                _ => {
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
                    #[cfg(feature = "tracing")]
                    trace::not_sent(self.front.my_name(), to, &error);
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

/// A datagram that comes later than this after the one before is likely to have come alone.
const ALONE: Duration = Duration::from_millis(1);

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
mod tests;
