//! The places of clients: how many there are, and which client makes room for the next one.

use std::collections::BTreeMap;
use std::io;
use std::net::Shutdown;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::stream::Stream;

/// Clients of the control socket that are served at the same time.
pub(crate) const CLIENTS: usize = 64;
/// Of these, how many may watch: a watch lasts, and others want an answer meanwhile.
pub(crate) const WATCHES: usize = 48;
/// How long a client whose request has arrived is served in any case.
const SERVED: Duration = Duration::from_secs(2);

/// The places of clients.
#[derive(Debug)]
pub(crate) struct Places<S>(Arc<Mutex<State<S>>>);

impl<S> Clone for Places<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

#[derive(Debug)]
struct State<S> {
    taken: BTreeMap<u64, Place<S>>,
    /// How many there are.
    most: usize,
    next: u64,
    /// No more once the program ends.
    closed: bool,
}

#[derive(Debug)]
struct Place<S> {
    stream: Arc<S>,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Its request has not arrived yet; it came at that time.
    Asking(Instant),
    /// It is being answered since then.
    Answered(Instant),
    /// It waits for the node's goodbye.
    Departing,
    Watching,
}

impl<S: Stream> Places<S> {
    /// Places for `most` clients at the same time.
    pub(crate) fn new(most: usize) -> Self {
        let state = State { taken: BTreeMap::new(), most, next: 0, closed: false };
        Self(Arc::new(Mutex::new(state)))
    }

    /// A client, with a place if there is one. If all are taken, the oldest client makes room that has said
    /// nothing yet, or has not read its answer for a while.
    pub(crate) fn take(&self, stream: S) -> Client<S> {
        if self.is_full() && !self.make_room(Duration::ZERO) {
            return self.without(stream);
        }
        let mut client = self.without(stream);
        let mut state = self.state();
        if !state.closed {
            client.number = Some(state.next);
            let place =
                Place { stream: Arc::clone(&client.stream), stage: Stage::Asking(Instant::now()) };
            let number = state.next;
            state.taken.insert(number, place);
            state.next += 1;
        }
        drop(state);
        client
    }

    /// A client without a place.
    pub(crate) fn without(&self, stream: S) -> Client<S> {
        Client { places: self.clone(), number: None, stream: Arc::new(stream) }
    }

    /// Has a client leave that holds a place for nothing: one that has said nothing for at least `silent`, or
    /// else one that has not read its answer for a while. Returns whether there is one.
    pub(crate) fn make_room(&self, silent: Duration) -> bool {
        let mut state = self.state();
        let now = Instant::now();
        let is_silent = |place: &Place<S>| match place.stage {
            Stage::Asking(since) => now.duration_since(since) >= silent,
            Stage::Answered(_) | Stage::Departing | Stage::Watching => false,
        };
        let is_stuck = |place: &Place<S>| match place.stage {
            Stage::Answered(since) => now.duration_since(since) >= SERVED,
            Stage::Asking(_) | Stage::Departing | Stage::Watching => false,
        };
        let oldest = |wanted: &dyn Fn(&Place<S>) -> bool| {
            state.taken.iter().find(|(_, place)| wanted(place)).map(|(number, _)| *number)
        };
        let Some(number) = oldest(&is_silent).or_else(|| oldest(&is_stuck)) else { return false };
        if let Some(place) = state.taken.remove(&number) {
            // One that is silent learns the reason; one that does not read cannot. It may have left by itself.
            let how = if is_silent(&place) { Shutdown::Read } else { Shutdown::Both };
            let _ = place.stream.end(how);
        }
        true
    }

    /// No client gets a place from here on.
    pub(crate) fn close(&self) {
        self.state().closed = true;
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.state().closed
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.state().taken.is_empty()
    }

    fn is_full(&self) -> bool {
        let state = self.state();
        state.taken.len() >= state.most
    }

    fn state(&self) -> MutexGuard<'_, State<S>> {
        lock(&self.0)
    }
}

fn lock<S>(state: &Mutex<State<S>>) -> MutexGuard<'_, State<S>> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A client, which keeps its place until it is dropped.
#[derive(Debug)]
pub(crate) struct Client<S> {
    places: Places<S>,
    number: Option<u64>,
    stream: Arc<S>,
}

/// Why there is no request.
#[derive(Debug)]
pub(crate) enum NoRequest {
    /// It has not arrived in time.
    Late,
    /// It is too long.
    TooLong,
    /// Another client has its place.
    MadeRoom,
    /// The client is gone.
    Gone(io::Error),
}

impl<S: Stream> Client<S> {
    /// Reads at most `longest` bytes up to `end`, which is left out. All must arrive within `limit`.
    pub(crate) fn request(
        &self,
        end: &[u8],
        longest: usize,
        limit: Duration,
    ) -> Result<Vec<u8>, NoRequest> {
        let last = Instant::now() + limit;
        let mut request = Vec::new();
        let mut part = [0; 4096];
        loop {
            let left = last.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(NoRequest::Late);
            }
            let read = self.stream.limit_receive(Some(left));
            let read = read.and_then(|()| self.stream.receive(&mut part));
            let part = match read {
                Ok(0) if !self.has_place() => return Err(NoRequest::MadeRoom),
                Ok(0) => return Err(NoRequest::Gone(io::ErrorKind::UnexpectedEof.into())),
                Ok(len) => part.get(..len).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                Err(error) => return Err(NoRequest::Gone(error)),
            };
            // The end may have begun in the part before.
            let from = (request.len() + 1).saturating_sub(end.len());
            request.extend_from_slice(part);
            let rest = request.get(from..).unwrap_or_default();
            let found = rest.windows(end.len()).position(|bytes| bytes == end);
            // As long as it is not found, the last bytes may be part of the end.
            let part = (request.len() + 1).saturating_sub(end.len());
            let len = found.map_or(part, |at| from + at);
            if len > longest {
                return Err(NoRequest::TooLong);
            }
            if let Some(at) = found {
                request.truncate(from + at);
                self.enter(Stage::Answered(Instant::now()));
                return Ok(request);
            }
        }
    }

    /// Writes all of `bytes`, within `limit` if there is one.
    pub(crate) fn write(&self, mut bytes: &[u8], limit: Option<Duration>) -> io::Result<()> {
        let end = limit.map(|limit| Instant::now() + limit);
        while !bytes.is_empty() {
            let left = end.map(|end| end.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                return Err(io::ErrorKind::TimedOut.into());
            }
            self.stream.limit_send(left)?;
            match self.stream.send(bytes) {
                Ok(len) => bytes = bytes.get(len..).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Keeps its place until the node has said goodbye.
    pub(crate) fn departs(&self) {
        self.enter(Stage::Departing);
    }

    /// Keeps its place for as long as it watches; returns whether one more may watch.
    pub(crate) fn watches(&self) -> bool {
        let mut state = self.places.state();
        let watching = |place: &&Place<S>| place.stage == Stage::Watching;
        if state.taken.values().filter(watching).count() >= WATCHES {
            return false;
        }
        let place = self.number.and_then(|number| state.taken.get_mut(&number));
        place.map(|place| place.stage = Stage::Watching).is_some()
    }

    /// Whether a client that should say nothing more has closed its end.
    pub(crate) fn has_gone(&self) -> io::Result<bool> {
        self.stream.wait(false)?;
        let gone = match self.stream.receive(&mut [0; 16]) {
            Ok(len) => len == 0,
            Err(error) => error.kind() != io::ErrorKind::WouldBlock,
        };
        self.stream.wait(true)?;
        Ok(gone)
    }

    /// Whether it has a place, and no other client needed it.
    pub(crate) fn has_place(&self) -> bool {
        self.number.is_some_and(|number| self.places.state().taken.contains_key(&number))
    }

    fn enter(&self, stage: Stage) {
        let mut state = self.places.state();
        if let Some(place) = self.number.and_then(|number| state.taken.get_mut(&number)) {
            place.stage = stage;
        }
    }
}

impl<S> Drop for Client<S> {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            lock(&self.places.0).taken.remove(&number);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::os::unix::net::UnixStream;

    use super::*;

    const LONG: Duration = Duration::from_secs(20);

    /// A client whose bytes come in these parts, and whose answers find no room.
    #[derive(Debug)]
    struct Parts(Mutex<VecDeque<Vec<u8>>>);

    impl Stream for Parts {
        fn receive(&self, buffer: &mut [u8]) -> io::Result<usize> {
            let Some(part) = self.0.lock().expect("a part").pop_front() else { return Ok(0) };
            buffer[..part.len()].copy_from_slice(&part);
            Ok(part.len())
        }

        fn send(&self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::WouldBlock.into())
        }

        fn end(&self, _: Shutdown) -> io::Result<()> {
            Ok(())
        }

        fn limit_receive(&self, _: Option<Duration>) -> io::Result<()> {
            Ok(())
        }

        fn limit_send(&self, _: Option<Duration>) -> io::Result<()> {
            Ok(())
        }

        fn wait(&self, _: bool) -> io::Result<()> {
            Ok(())
        }
    }

    fn client(parts: &[&[u8]]) -> Client<Parts> {
        let parts = parts.iter().map(|part| part.to_vec()).collect();
        Places::new(1).take(Parts(Mutex::new(parts)))
    }

    #[test]
    fn the_end_of_a_request_is_found_wherever_it_is_cut() {
        let whole = b"GET /\r\nA: b\r\n\r\nmore";
        for first in 0..whole.len() {
            for second in first..whole.len() {
                let parts = [&whole[..first], &whole[first..second], &whole[second..]];
                let parts: Vec<&[u8]> = parts.into_iter().filter(|part| !part.is_empty()).collect();
                let request = client(&parts).request(b"\r\n\r\n", 11, LONG);
                assert_eq!(request.expect("a request"), b"GET /\r\nA: b", "{parts:?}");
                let long = client(&parts).request(b"\r\n\r\n", 10, LONG);
                assert!(matches!(long, Err(NoRequest::TooLong)), "{parts:?}");
            }
        }
        let endless = client(&[b"GET /", b"\r\n\r"]).request(b"\r\n\r\n", 20, LONG);
        assert!(matches!(endless, Err(NoRequest::Gone(_))));
    }

    #[test]
    fn a_client_that_does_not_read_its_answer_is_given_up() {
        let written = client(&[]).write(b"answer", Some(Duration::from_millis(5)));
        assert_eq!(written.map_err(|error| error.kind()), Err(io::ErrorKind::TimedOut));
    }

    #[test]
    fn the_oldest_that_has_said_nothing_makes_room_and_knows_it() {
        let places = Places::new(2);
        let mut ends = Vec::new();
        let mut take = || {
            let (here, there) = UnixStream::pair().expect("a pair");
            ends.push(there);
            places.take(here)
        };
        let (first, second, third) = (take(), take(), take());
        assert_eq!([&first, &second, &third].map(Client::has_place), [false, true, true]);
        assert!(matches!(first.request(b"\n", 10, LONG), Err(NoRequest::MadeRoom)));
        drop(second);
        assert!(take().has_place());
        assert!(third.has_place(), "there was room");
    }
}
