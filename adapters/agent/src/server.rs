//! Answering clients: one short-lived thread each, which asks the node's thread.

use std::fs::File;
use std::io;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Arc;
use std::sync::mpsc::RecvTimeoutError;
use std::thread::Builder;
use std::time::{Duration, Instant};

use scalesmall_core::Status;
use scalesmall_driver::{CallError, Front, Handle};

use crate::answers::{self, answer, parse};
use crate::counters::Beside;
use crate::findings::Findings;
use crate::places::{CLIENTS, Client, NoRequest, Places, WATCHES};
use crate::protocol::{DepartedRow, EventRow, REQUEST_LIMIT, Reply, Request, ShortfallRow, What};
use crate::rarely::{Rarely, and_before};
use crate::reload::Reloader;
use crate::ring;
use crate::scrapes::Scrapes;
use crate::stop::GOODBYE;
use crate::watchers::Watchers;
use crate::{goodbye, threads};

/// How long the whole of a request may take to arrive. It is sent at once, on this host.
const REQUEST: Duration = Duration::from_secs(2);
/// How long the whole of an answer may take to be read.
const ANSWER: Duration = Duration::from_secs(10);
/// The same for a client that is served on the thread on which the others wait.
const REQUEST_IN_NEED: Duration = Duration::from_millis(500);
/// How long a client may take to read why it is refused.
const REFUSAL: Duration = Duration::from_millis(100);
/// How often a quiet watch checks that its client is still there.
const LOOK: Duration = Duration::from_secs(2);
/// How long clients may take to read their last answers when the program ends.
const END: Duration = Duration::from_millis(300);
/// The pause after a client could not be accepted, and how long a client has to be silent to make room for
/// one for which there is no descriptor.
const PAUSE: Duration = Duration::from_millis(100);
/// `EMFILE` and `ENFILE`.
const NO_DESCRIPTORS: [i32; 2] = [24, 23];

/// What clients are served with.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    handle: Handle,
    watchers: Watchers,
    places: Places<UnixStream>,
    beside: Beside,
    scrapes: Scrapes,
    reloader: Reloader,
    findings: Findings,
}

impl Server {
    pub(crate) fn new(
        handle: Handle,
        watchers: Watchers,
        beside: Beside,
        scrapes: Scrapes,
        reloader: Reloader,
        findings: Findings,
    ) -> Self {
        let places = Places::new(CLIENTS);
        Self { handle, watchers, places, beside, scrapes, reloader, findings }
    }

    /// Accepts clients on a thread of its own, for as long as the program runs.
    pub(crate) fn listen(&self, listener: UnixListener) -> io::Result<()> {
        let server = self.clone();
        threads::keep("clients", move || server.accept_all(&listener))
    }

    /// Accepts no new clients, and waits a moment until all have their answers.
    pub(crate) fn finish(&self) {
        self.places.close();
        self.watchers.end();
        let limit = Instant::now() + END;
        while !self.places.is_empty() && Instant::now() < limit {
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    fn accept_all(&self, listener: &UnixListener) {
        // A descriptor to give up when there are no others, so that a client can be answered all the same.
        let spare = || File::open("/dev/null").ok();
        let mut reserve = spare();
        let (mut no_descriptors, mut others) = (Rarely::default(), Rarely::default());
        while !self.places.is_closed() {
            let error = match listener.accept() {
                Ok((stream, _)) => {
                    if let Err(why) = self.admit(stream)
                        && let Some(left_out) = others.tell(Instant::now())
                    {
                        tracing::warn!("a client is refused: {why}{}", and_before(left_out));
                    }
                    continue;
                }
                Err(error) => error,
            };
            if !error.raw_os_error().is_some_and(|code| NO_DESCRIPTORS.contains(&code)) {
                if let Some(left_out) = others.tell(Instant::now()) {
                    let before = and_before(left_out);
                    tracing::warn!("a client could not be accepted: {error}{before}");
                }
                std::thread::sleep(PAUSE);
                continue;
            }
            if let Some(left_out) = no_descriptors.tell(Instant::now()) {
                tracing::warn!(
                    "no file descriptors are left, so clients are served one after the other: raise \
                     the limit (ulimit -n){}",
                    and_before(left_out)
                );
            }
            drop(reserve.take());
            // With the descriptor that was kept, this waits for the next client.
            let Ok((stream, _)) = listener.accept() else {
                std::thread::sleep(PAUSE);
                continue;
            };
            if self.places.make_room(PAUSE) {
                // Its thread closes its descriptor in a moment.
                std::thread::sleep(PAUSE / 10);
            }
            reserve = spare();
            if reserve.is_some() {
                // A client that is turned away knows why.
                let _ = self.admit(stream);
            } else {
                // A client that has gone needs no answer.
                let _ = self.serve(&self.places.without(stream), REQUEST_IN_NEED);
                reserve = spare();
            }
        }
    }

    /// Serves a client on a thread of its own; or tells it why not, and returns that.
    fn admit(&self, stream: UnixStream) -> Result<(), String> {
        let client = Arc::new(self.places.take(stream));
        let why = if client.has_place() {
            let (server, client) = (self.clone(), Arc::clone(&client));
            let session = move || {
                if let Err(error) = server.serve(&client, REQUEST) {
                    tracing::debug!("a client went away: {error}");
                }
            };
            match Builder::new().name("client".to_owned()).spawn(session) {
                Ok(_) => return Ok(()),
                Err(error) => format!("the system has no thread for it ({error}): try again later"),
            }
        } else if self.places.is_closed() {
            "the node is about to end".to_owned()
        } else {
            format!("{CLIENTS} clients are being served: try again later")
        };
        self.refuse(&client, &why);
        Err(why)
    }

    /// Tells a client why it is not served. It may be gone, or not read.
    fn refuse(&self, client: &Client<UnixStream>, why: &str) {
        self.beside.client_refused();
        let _ = say(client, &Reply::Refused(why.to_owned()), Some(REFUSAL));
    }

    fn serve(&self, client: &Client<UnixStream>, limit: Duration) -> io::Result<()> {
        let line = match client.request(b"\n", REQUEST_LIMIT, limit) {
            Ok(line) => line,
            Err(NoRequest::Gone(error)) => return Err(error),
            Err(refused) => {
                self.refuse(client, &reason(&refused, limit));
                return Ok(());
            }
        };
        match parse(&line) {
            Err(why) => say(client, &Reply::Refused(why), Some(ANSWER)),
            Ok(Request::Watch { state }) => self.watch(client, state.unwrap_or(false)),
            Ok(Request::Info) => say(client, &self.findings.info(), Some(ANSWER)),
            Ok(Request::Why { node }) => say(client, &self.findings.why(node), Some(ANSWER)),
            Ok(Request::Rtt { from, to }) => {
                say(client, &self.findings.rtt(from, to), Some(ANSWER))
            }
            Ok(Request::Reachability) => say(client, &self.findings.reachability(), Some(ANSWER)),
            Ok(Request::Reload) => {
                let reloaded = self.reloader.reload("reload");
                say(client, &reloaded.map_or_else(Reply::Refused, Reply::Reloaded), Some(ANSWER))
            }
            Ok(Request::Keys { step }) => {
                say(client, &ring::answer(&self.handle, step), Some(ANSWER))
            }
            Ok(Request::Depart { when_covered_ms }) => {
                client.departs();
                let limit = when_covered_ms.map(Duration::from_millis);
                say(client, &self.depart(limit), Some(ANSWER))
            }
            Ok(Request::Metrics) => {
                let reply = match self.scrapes.take() {
                    Ok(scrape) => Reply::Metrics(scrape.text.clone()),
                    Err(error) => Reply::Refused(error.to_string()),
                };
                say(client, &reply, Some(ANSWER))
            }
            Ok(request) => {
                let answered = self.handle.call(|node| answer(node, request)).wait();
                let mut reply =
                    answered.unwrap_or_else(|stopped| Reply::Refused(stopped.to_string()));
                if let Reply::Stats(stats) = &mut reply {
                    stats.extend(self.beside.all());
                }
                say(client, &reply, Some(ANSWER))
            }
        }
    }

    /// Makes the node depart, once others serve what it serves or `when_covered` is over, and waits until that
    /// is done, with which the program ends.
    fn depart(&self, when_covered: Option<Duration>) -> Reply {
        let uncovered = match when_covered.map(|limit| self.cover(limit)).transpose() {
            Ok(missing) => missing.unwrap_or_default(),
            Err(stopped) => return Reply::Refused(stopped.to_string()),
        };
        let changes = self.watchers.subscribe();
        if let Err(stopped) = self.handle.call(|node| node.depart()).wait() {
            return Reply::Refused(stopped.to_string());
        }
        let limit = Instant::now() + GOODBYE;
        loop {
            match changes.recv_timeout(limit.saturating_duration_since(Instant::now())) {
                Ok(EventRow { what: What::Departed { acknowledged_by, told }, .. }) => {
                    return Reply::Departed(DepartedRow { acknowledged_by, told, uncovered });
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

    /// Drains until others serve what this node serves, or for as long as `limit` says: what is left then.
    fn cover(&self, limit: Duration) -> Result<Vec<ShortfallRow>, CallError> {
        let begun = Instant::now();
        loop {
            let missing = goodbye::uncovered(&self.handle)?;
            let left = limit.saturating_sub(begun.elapsed());
            if missing.is_empty() || left.is_zero() {
                return Ok(missing.iter().map(ShortfallRow::from).collect());
            }
            std::thread::sleep(left.min(goodbye::LOOK));
        }
    }

    /// Tells a client of every change. One that does not read is waited for: what it misses meanwhile is
    /// bounded by the queue of its changes.
    fn watch(&self, client: &Client<UnixStream>, with_state: bool) -> io::Result<()> {
        if !client.watches() {
            let why = if client.has_place() {
                format!("{WATCHES} clients watch already: end one of them first")
            } else {
                "the node has no place for a watch now: try again later".to_owned()
            };
            self.refuse(client, &why);
            return Ok(());
        }
        let changes = self.watchers.subscribe();
        let state = move |node: &mut Front| {
            let alive = node.peers().filter(|peer| peer.status == Status::Alive).count();
            let state = if with_state { answers::state(node) } else { Vec::new() };
            (node.id(), node.my_name().to_string(), alive, state)
        };
        let Ok((id, name, peers, state)) = self.handle.call(state).wait() else { return Ok(()) };
        let text = format!("watching {name}, which sees {peers} others alive");
        let what = What::Watching { id: id.to_string(), name, peers };
        say(client, &Reply::Event(Box::new(EventRow::new(what, text))), None)?;
        for row in state {
            say(client, &Reply::Event(Box::new(row)), None)?;
        }
        loop {
            match changes.recv_timeout(LOOK) {
                Ok(event) => say(client, &Reply::Event(Box::new(event)), None)?,
                Err(RecvTimeoutError::Timeout) if client.has_gone()? => return Ok(()),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    if !self.places.is_closed() {
                        let text = "changes were dropped, as they were read too slowly";
                        let lagged = EventRow::new(What::Lagged, text);
                        say(client, &Reply::Event(Box::new(lagged)), None)?;
                    }
                    return Ok(());
                }
            }
        }
    }
}

/// Why there is no request, for the client.
fn reason(refused: &NoRequest, limit: Duration) -> String {
    match refused {
        NoRequest::Late => {
            format!("the request did not arrive within {limit:?}: send it at once, in one line")
        }
        NoRequest::TooLong => format!("a request has at most {REQUEST_LIMIT} bytes"),
        NoRequest::MadeRoom => {
            "another client needed the place of this one, which had said nothing yet: try again"
                .to_owned()
        }
        NoRequest::Gone(error) => error.to_string(),
    }
}

fn say(client: &Client<UnixStream>, reply: &Reply, limit: Option<Duration>) -> io::Result<()> {
    let mut line = serde_json::to_vec(reply)?;
    line.push(b'\n');
    client.write(&line, limit)
}
