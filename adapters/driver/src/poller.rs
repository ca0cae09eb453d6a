//! Waiting for the sockets of a node on this thread, without a runtime.

use core::task::Waker;
use std::io::{self, Read as _, Write as _};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Wake;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::driver::{Ready, Wait};
use crate::sockets::Sockets;

/// Waits for sockets by one system call, and registers them nowhere.
#[derive(Debug)]
pub struct Poller {
    heard: UnixStream,
    ring: Arc<Ring>,
    waker: Waker,
}

impl Poller {
    /// A poller, for one node at a time.
    ///
    /// # Errors
    ///
    /// No file descriptor is left.
    pub fn new() -> io::Result<Self> {
        let (heard, rung) = UnixStream::pair()?;
        heard.set_nonblocking(true)?;
        rung.set_nonblocking(true)?;
        let ring = Arc::new(Ring { rung, listens: AtomicBool::new(false) });
        Ok(Self { heard, waker: Waker::from(Arc::clone(&ring)), ring })
    }

    /// Waits as `wait` says, but no longer than `limit`, nor once the waker is woken that `is_called` gets: if
    /// that returns true there is nothing to wait for. What happens outside of the wait wakes nobody, so it has
    /// to be looked for there.
    pub(crate) fn wait<S: AsFd>(
        &self,
        sockets: &Sockets<S>,
        wait: Wait,
        limit: Option<Duration>,
        is_called: impl FnOnce(&Waker) -> bool,
    ) -> io::Result<Ready> {
        self.ring.listens.store(true, Ordering::SeqCst);
        let ready = if is_called(&self.waker) {
            Ok(Ready::UNKNOWN)
        } else {
            self.poll(sockets, wait, limit)
        };
        self.ring.listens.store(false, Ordering::SeqCst);
        ready
    }

    fn poll<S: AsFd>(
        &self,
        sockets: &Sockets<S>,
        wait: Wait,
        limit: Option<Duration>,
    ) -> io::Result<Ready> {
        let readable = if wait.readable { PollFlags::IN } else { PollFlags::empty() };
        let writable = if wait.writable { PollFlags::OUT } else { PollFlags::empty() };
        let unicast = PollFd::new(&sockets.unicast, readable | writable);
        let heard = PollFd::new(&self.heard, PollFlags::IN);
        // In place of the multicast socket if there is none: it is looked at all the same.
        let other = match &sockets.multicast {
            Some(socket) => PollFd::new(socket, readable),
            None => PollFd::new(&self.heard, PollFlags::IN),
        };
        let mut all = [unicast, heard, other];
        let waited = if sockets.multicast.is_some() { &mut all[..] } else { &mut all[..2] };
        // One that is too long for the system is forever.
        let limit = limit.into_iter().chain(wait.timeout()).min();
        let limit = limit.and_then(|limit| Timespec::try_from(limit).ok());
        match poll(waited, limit.as_ref()) {
            Err(rustix::io::Errno::INTR) => return Ok(Ready::UNKNOWN),
            ended => ended?,
        };
        let is_ready = |place: usize| {
            let seen = waited.get(place).map_or(PollFlags::empty(), PollFd::revents);
            !(seen - PollFlags::OUT).is_empty()
        };
        let ready = Ready { unicast: is_ready(0), multicast: is_ready(2), again: true };
        if is_ready(1) {
            // One is written for each wait.
            let _ = (&self.heard).read(&mut [0; 64]);
        }
        Ok(ready)
    }
}

#[derive(Debug)]
struct Ring {
    rung: UnixStream,
    /// Whether there is a wait that has not been ended yet.
    listens: AtomicBool,
}

impl Wake for Ring {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.listens.swap(false, Ordering::SeqCst) {
            // Without room there is something to read already.
            let _ = (&self.rung).write(&[0]);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;
    use std::time::Instant;

    use super::*;

    const LONG: Duration = Duration::from_secs(20);

    fn sockets() -> Sockets<UdpSocket> {
        let bind = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
        Sockets::bind(bind, bind.ip(), None, None).unwrap()
    }

    fn wait() -> Wait {
        Wait { deadline: None, readable: true, writable: false }
    }

    #[test]
    fn a_datagram_ends_the_wait_until_it_is_read() {
        let (sockets, poller) = (sockets(), Poller::new().unwrap());
        let unread = Ready { unicast: true, multicast: false, again: true };
        sockets.unicast.send_to(b"x", sockets.local()).unwrap();
        for _ in 0..2 {
            assert_eq!(poller.poll(&sockets, wait(), Some(LONG)).unwrap(), unread);
        }
        // Not if the socket is to be left alone for a moment.
        let rest = Wait { readable: false, ..wait() };
        let ready = poller.poll(&sockets, rest, Some(Duration::from_millis(1))).unwrap();
        assert!(!ready.unicast);
    }

    #[test]
    fn room_to_send_ends_a_wait_for_it_and_is_nothing_to_receive() {
        let (sockets, poller) = (sockets(), Poller::new().unwrap());
        let begun = Instant::now();
        let room = Wait { writable: true, ..wait() };
        assert!(!poller.poll(&sockets, room, Some(LONG)).unwrap().unicast);
        assert!(begun.elapsed() < LONG);
    }

    #[test]
    fn the_waker_ends_one_wait_however_often_it_is_woken() {
        let (sockets, poller) = (sockets(), Poller::new().unwrap());
        for _ in 0..3 {
            let begun = Instant::now();
            let mut other = None;
            let listen = |waker: &Waker| {
                let waker = waker.clone();
                let wake = move || (0..1000).for_each(|_| waker.wake_by_ref());
                other = Some(std::thread::spawn(wake));
                false
            };
            let _ = poller.wait(&sockets, wait(), Some(LONG), listen).unwrap();
            assert!(begun.elapsed() < LONG);
            other.unwrap().join().unwrap();
        }
        // Nothing is left of it, nor of what happens outside of a wait.
        poller.waker.wake_by_ref();
        let limit = Duration::from_millis(20);
        let begun = Instant::now();
        let _ = poller.wait(&sockets, wait(), Some(limit), |_| false).unwrap();
        assert!(begun.elapsed() >= limit, "it is never quiet");
    }

    #[test]
    fn a_call_that_waits_already_is_not_waited_for() {
        let (sockets, poller) = (sockets(), Poller::new().unwrap());
        let ready = poller.wait(&sockets, wait(), Some(LONG), |_| true).unwrap();
        assert_eq!(ready, Ready::UNKNOWN);
    }
}
