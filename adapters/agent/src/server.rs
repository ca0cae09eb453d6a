//! Answering clients: one short-lived thread each, which asks the node's thread.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::mpsc::{RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::Builder;
use std::time::{Duration, Instant};

use scalesmall_core::Status;
use scalesmall_driver::{Front, Handle};

use crate::answers::{answer, parse};
use crate::protocol::{DepartedRow, EventRow, REQUEST_LIMIT, Reply, Request, What};
use crate::stop::Stop;
use crate::watchers::Watchers;

/// Clients served at the same time.
const CLIENTS: usize = 64;
/// How long a client may take to send its request, or to read an answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often a quiet watch checks that its client is still there.
const LOOK: Duration = Duration::from_secs(2);
/// The longest that saying goodbye takes, whatever the preset.
const GOODBYE: Duration = Duration::from_secs(8);

/// What clients are served with.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    handle: Handle,
    watchers: Watchers,
    /// Told when a client has made the node depart.
    stop: Sender<Stop>,
    /// One clone for each client that is being served; `None` once the program ends.
    serving: Arc<Mutex<Option<Arc<()>>>>,
}

impl Server {
    pub(crate) fn new(handle: Handle, watchers: Watchers, stop: Sender<Stop>) -> Self {
        let serving = Arc::new(Mutex::new(Some(Arc::new(()))));
        Self { handle, watchers, stop, serving }
    }

    /// Accepts clients on a thread of its own, for as long as the program runs.
    pub(crate) fn listen(&self, listener: UnixListener) -> io::Result<()> {
        let server = self.clone();
        let accept = move || {
            for stream in listener.incoming() {
                match stream {
                    Ok(stream) => server.accept(stream),
                    Err(error) => {
                        tracing::warn!("a client could not be accepted: {error}");
                        // Most likely no file descriptors are left; some will be.
                        std::thread::sleep(Duration::from_millis(100));
                    }
                }
            }
        };
        Builder::new().name("clients".to_owned()).spawn(accept)?;
        Ok(())
    }

    /// Accepts no new clients, and waits a moment until all have their answers.
    pub(crate) fn finish(&self) {
        let serving = self.serving.lock().unwrap_or_else(PoisonError::into_inner).take();
        self.watchers.end();
        let limit = Instant::now() + Duration::from_millis(500);
        while serving.as_ref().is_some_and(|serving| Arc::strong_count(serving) > 1)
            && Instant::now() < limit
        {
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    fn accept(&self, mut stream: UnixStream) {
        let serving = self.serving.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(serving) = serving else { return };
        // The server's own, and the one just taken.
        if Arc::strong_count(&serving) > CLIENTS + 2 {
            let why = format!("{CLIENTS} clients are being served: try again later");
            // A client that is turned away may be gone already.
            let _ = say(&mut stream, &Reply::Refused(why));
            return;
        }
        let server = self.clone();
        let session = move || {
            let _serving = serving;
            if let Err(error) = server.serve(stream) {
                tracing::debug!("a client went away: {error}");
            }
        };
        if let Err(error) = Builder::new().name("client".to_owned()).spawn(session) {
            tracing::warn!("a client could not be served: {error}");
        }
    }

    fn serve(&self, mut stream: UnixStream) -> io::Result<()> {
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let mut line = String::new();
        BufReader::new(stream.try_clone()?.take(REQUEST_LIMIT)).read_line(&mut line)?;
        match parse(&line) {
            Err(refused) => say(&mut stream, &refused),
            Ok(Request::Watch) => self.watch(stream),
            Ok(Request::Depart) => {
                let reply = self.depart();
                let told = say(&mut stream, &reply);
                if matches!(reply, Reply::Departed(_)) {
                    // The program ends then; it may have been told to already.
                    let _ = self.stop.send(Stop::Departed);
                }
                told
            }
            Ok(request) => {
                let answered = self.handle.call(|node| answer(node, request)).wait();
                let reply = answered.unwrap_or_else(|stopped| Reply::Refused(stopped.to_string()));
                say(&mut stream, &reply)
            }
        }
    }

    /// Makes the node depart and waits until that is done.
    pub(crate) fn depart(&self) -> Reply {
        let changes = self.watchers.subscribe();
        if let Err(stopped) = self.handle.call(|node| node.depart()).wait() {
            return Reply::Refused(stopped.to_string());
        }
        let limit = Instant::now() + GOODBYE;
        loop {
            match changes.recv_timeout(limit.saturating_duration_since(Instant::now())) {
                Ok(EventRow { what: What::Departed { acknowledged_by, told }, .. }) => {
                    return Reply::Departed(DepartedRow { acknowledged_by, told });
                }
                Ok(_) => {}
                Err(_) => {
                    return Reply::Refused(
                        "the node did not finish its goodbye; end it".to_owned(),
                    );
                }
            }
        }
    }

    fn watch(&self, mut stream: UnixStream) -> io::Result<()> {
        let changes = self.watchers.subscribe();
        let state = |node: &mut Front| {
            (node.id(), node.peers().filter(|peer| peer.status == Status::Alive).count())
        };
        let Ok((id, peers)) = self.handle.call(state).wait() else { return Ok(()) };
        let text = format!("watching {id}, which sees {peers} others alive");
        let what = What::Watching { id: id.to_string(), peers };
        say(&mut stream, &Reply::Event(Box::new(EventRow::new(what, text))))?;
        loop {
            match changes.recv_timeout(LOOK) {
                Ok(event) => say(&mut stream, &Reply::Event(Box::new(event)))?,
                Err(RecvTimeoutError::Timeout) if has_gone(&mut stream)? => return Ok(()),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    let ended = self.serving.lock().unwrap_or_else(PoisonError::into_inner);
                    if ended.is_some() {
                        let text = "changes were dropped, as they were read too slowly";
                        let lagged = EventRow::new(What::Lagged, text);
                        say(&mut stream, &Reply::Event(Box::new(lagged)))?;
                    }
                    return Ok(());
                }
            }
        }
    }
}

/// Whether a client that should say nothing more has closed its end.
fn has_gone(stream: &mut UnixStream) -> io::Result<bool> {
    stream.set_nonblocking(true)?;
    let gone = match stream.read(&mut [0; 16]) {
        Ok(len) => len == 0,
        Err(error) => error.kind() != io::ErrorKind::WouldBlock,
    };
    stream.set_nonblocking(false)?;
    Ok(gone)
}

fn say(stream: &mut UnixStream, reply: &Reply) -> io::Result<()> {
    let mut line = serde_json::to_vec(reply)?;
    line.push(b'\n');
    stream.write_all(&line)
}
