//! The places of clients: how many there are, and which client makes room for the next one.

use std::collections::BTreeMap;
use std::io::{self, Read as _, Write as _};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Clients served at the same time.
pub(crate) const CLIENTS: usize = 64;
/// Of these, how many may watch: a watch lasts, and others want an answer meanwhile.
pub(crate) const WATCHES: usize = 48;
/// How long a client whose request has arrived is served in any case.
const SERVED: Duration = Duration::from_secs(2);

/// The places of clients.
#[derive(Clone, Debug)]
pub(crate) struct Places(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    taken: BTreeMap<u64, Place>,
    next: u64,
    /// No more once the program ends.
    closed: bool,
}

#[derive(Debug)]
struct Place {
    stream: Arc<UnixStream>,
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

impl Places {
    pub(crate) fn new() -> Self {
        let state = State { taken: BTreeMap::new(), next: 0, closed: false };
        Self(Arc::new(Mutex::new(state)))
    }

    /// A client, with a place if there is one. If all are taken, the oldest client makes room that has said
    /// nothing yet, or has not read its answer for a while.
    pub(crate) fn take(&self, stream: UnixStream) -> Client {
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
    pub(crate) fn without(&self, stream: UnixStream) -> Client {
        Client { places: self.clone(), number: None, stream: Arc::new(stream) }
    }

    /// Has a client leave that holds a place for nothing: one that has said nothing for at least `silent`, or
    /// else one that has not read its answer for a while. Returns whether there is one.
    pub(crate) fn make_room(&self, silent: Duration) -> bool {
        let mut state = self.state();
        let now = Instant::now();
        let is_silent = |place: &Place| match place.stage {
            Stage::Asking(since) => now.duration_since(since) >= silent,
            Stage::Answered(_) | Stage::Departing | Stage::Watching => false,
        };
        let is_stuck = |place: &Place| match place.stage {
            Stage::Answered(since) => now.duration_since(since) >= SERVED,
            Stage::Asking(_) | Stage::Departing | Stage::Watching => false,
        };
        let oldest = |wanted: &dyn Fn(&Place) -> bool| {
            state.taken.iter().find(|(_, place)| wanted(place)).map(|(number, _)| *number)
        };
        let Some(number) = oldest(&is_silent).or_else(|| oldest(&is_stuck)) else { return false };
        if let Some(place) = state.taken.remove(&number) {
            // One that is silent learns the reason; one that does not read cannot. It may have left by itself.
            let how = if is_silent(&place) { Shutdown::Read } else { Shutdown::Both };
            let _ = place.stream.shutdown(how);
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
        self.state().taken.len() >= CLIENTS
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A client, which keeps its place until it is dropped.
#[derive(Debug)]
pub(crate) struct Client {
    places: Places,
    number: Option<u64>,
    stream: Arc<UnixStream>,
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

impl Client {
    /// Reads a line of at most `longest` bytes, all of which must arrive within `limit`.
    pub(crate) fn request(&self, longest: usize, limit: Duration) -> Result<Vec<u8>, NoRequest> {
        let end = Instant::now() + limit;
        let mut line = Vec::new();
        let mut part = [0; 4096];
        loop {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(NoRequest::Late);
            }
            let read = self.stream.set_read_timeout(Some(left));
            let read = read.and_then(|()| (&*self.stream).read(&mut part));
            let part = match read {
                Ok(0) if !self.has_place() => return Err(NoRequest::MadeRoom),
                Ok(0) => return Err(NoRequest::Gone(io::ErrorKind::UnexpectedEof.into())),
                Ok(len) => part.get(..len).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                Err(error) => return Err(NoRequest::Gone(error)),
            };
            let end_of_line = part.iter().position(|byte| *byte == b'\n');
            line.extend_from_slice(end_of_line.map_or(part, |end| &part[..end]));
            if line.len() > longest {
                return Err(NoRequest::TooLong);
            }
            if end_of_line.is_some() {
                self.enter(Stage::Answered(Instant::now()));
                return Ok(line);
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
            self.stream.set_write_timeout(left)?;
            match (&*self.stream).write(bytes) {
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
        let watching = |place: &&Place| place.stage == Stage::Watching;
        if state.taken.values().filter(watching).count() >= WATCHES {
            return false;
        }
        let place = self.number.and_then(|number| state.taken.get_mut(&number));
        place.map(|place| place.stage = Stage::Watching).is_some()
    }

    /// Whether a client that should say nothing more has closed its end.
    pub(crate) fn has_gone(&self) -> io::Result<bool> {
        self.stream.set_nonblocking(true)?;
        let gone = match (&*self.stream).read(&mut [0; 16]) {
            Ok(len) => len == 0,
            Err(error) => error.kind() != io::ErrorKind::WouldBlock,
        };
        self.stream.set_nonblocking(false)?;
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

impl Drop for Client {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            self.places.state().taken.remove(&number);
        }
    }
}
