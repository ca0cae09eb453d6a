//! Asking a running node.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::failure::Failure;
use crate::protocol::{KeyStep, Only, Reply, Request, What};
use crate::questions::{Ask, AskOptions, KeysCommand, OnlyOptions, ReadyOptions};
use crate::{protocol, show, socket_file};

/// How long a node may take to answer. It is on this host, and saying goodbye is what takes longest.
const ANSWER_LIMIT: Duration = Duration::from_secs(15);

/// The pause before a node that is not ready is asked again.
const AGAIN: Duration = Duration::from_millis(200);

const NO_ANSWER: &str = "the node ended before it answered: look at its log";

/// One of the commands that talk to a running node.
pub(crate) fn run(ask: &Ask) -> Result<(), Failure> {
    let (request, socket, json) = request(ask);
    let path = socket.map_or_else(socket_file::default_path, Path::to_owned);
    let watching = matches!(request, Request::Watch { .. });
    if let Ask::Ready(ReadyOptions { wait: Some(limit), .. }) = ask {
        wait_until_ready(&path, &request, *limit);
    }
    let mut session = Session::open(&path, &request)?;
    if let Request::Depart { when_covered_ms: Some(ms) } = request {
        session.set_limit(ANSWER_LIMIT.saturating_add(Duration::from_millis(ms)))?;
    }
    let mut out = io::stdout().lock();
    let mut lagged = false;
    loop {
        if watching {
            session.wait_for_ever()?;
        }
        let Some(reply) = session.reply()? else {
            return Err(Failure::new(if lagged {
                "the watch has ended, as its output was read too slowly: watch again"
            } else if watching {
                "the node has ended, and the watch with it"
            } else {
                NO_ANSWER
            }));
        };
        if let Reply::Refused(why) = reply {
            return Err(Failure::new(why));
        }
        lagged = matches!(&reply, Reply::Event(event) if matches!(event.what, What::Lagged));
        let no = show::no(&reply);
        let text = if json { show::json(&reply)? } else { show::text(&reply) };
        if let Some(why) = &no
            && *why == text
        {
            // The line on stderr says all.
            return Err(Failure::no(why));
        }
        let closed = match writeln!(out, "{text}").and_then(|()| out.flush()) {
            // The reader of the output has closed it.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => true,
            done => done.map(|()| false)?,
        };
        if let Some(why) = no {
            return Err(Failure::no(why));
        }
        if closed || !watching {
            return Ok(());
        }
    }
}

/// Asks again and again, until the node is ready or `limit` is over. It need not have started yet.
fn wait_until_ready(path: &Path, request: &Request, limit: Duration) {
    let begun = Instant::now();
    while !matches!(ask(path, request), Ok(Reply::Ready(row)) if row.ready) {
        let left = limit.saturating_sub(begun.elapsed());
        if left.is_zero() {
            return;
        }
        std::thread::sleep(left.min(AGAIN));
    }
}

/// One request and its reply.
pub(crate) fn ask(path: &Path, request: &Request) -> Result<Reply, Failure> {
    match Session::open(path, request)?.reply()? {
        Some(Reply::Refused(why)) => Err(Failure::new(why)),
        Some(reply) => Ok(reply),
        None => Err(Failure::new(NO_ANSWER)),
    }
}

/// A request that was sent, and what is answered.
#[derive(Debug)]
pub(crate) struct Session {
    replies: BufReader<UnixStream>,
}

impl Session {
    pub(crate) fn open(path: &Path, request: &Request) -> Result<Self, Failure> {
        socket_file::check_directory(path)?;
        let shown = path.display();
        let mut stream = UnixStream::connect(path).map_err(|error| {
            Failure::new(match error.kind() {
                io::ErrorKind::NotFound => format!(
                    "no node answers at {shown}: start one with 'scalesmall node', or name its \
                     control socket with --socket"
                ),
                io::ErrorKind::ConnectionRefused if !socket_file::is_socket(path) => format!(
                    "{shown} is no control socket, but a file of another kind: name the node's with --socket"
                ),
                io::ErrorKind::ConnectionRefused => format!(
                    "{shown} was left by a node that is gone: start one with 'scalesmall node'"
                ),
                io::ErrorKind::PermissionDenied => {
                    format!("{shown} belongs to somebody else: ask as the user that runs the node")
                }
                kind => format!("no node can be asked at {shown}: {kind}"),
            })
        })?;
        stream.set_read_timeout(Some(ANSWER_LIMIT))?;
        stream.set_write_timeout(Some(ANSWER_LIMIT))?;
        let mut line = protocol::line(request)?;
        line.push('\n');
        match stream.write_all(line.as_bytes()) {
            // A node that refuses a client does not wait for the request; the reason is to be read.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
            written => written?,
        }
        Ok(Self { replies: BufReader::new(stream) })
    }

    fn wait_for_ever(&self) -> io::Result<()> {
        self.replies.get_ref().set_read_timeout(None)
    }

    /// How long to wait for the next reply.
    pub(crate) fn set_limit(&self, limit: Duration) -> io::Result<()> {
        self.replies.get_ref().set_read_timeout(Some(limit))
    }

    /// The next reply, or `None` if the node has closed the connection.
    pub(crate) fn reply(&mut self) -> Result<Option<Reply>, Failure> {
        let mut line = String::new();
        match self.replies.read_line(&mut line) {
            Ok(0) => Ok(None),
            Ok(_) => Ok(Some(serde_json::from_str(&line).map_err(|_| {
                Failure::new("the node answers in another version's words: use its own program")
            })?)),
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                Err(Failure::new("the node does not answer: see whether it is suspended"))
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// What a command asks, of which socket, and whether its answer is printed as JSON.
fn request(ask: &Ask) -> (Request, Option<&Path>, bool) {
    let (request, options) = match ask {
        Ask::Metrics(to) => return (Request::Metrics, to.socket.as_deref(), false),
        Ask::Ready(to) => (Request::Ready { min_peers: Some(to.min_peers) }, &to.ask),
        Ask::Members(to) => {
            (Request::Members { group: to.group.clone(), only: only(&to.only) }, &to.ask)
        }
        Ask::Groups(to) => (Request::Groups, to),
        Ask::Topology(to) => (Request::Topology { group: to.group.clone(), op: to.op }, &to.ask),
        Ask::Route(to) => (Request::Route { group: to.group.clone(), key: to.key }, &to.ask),
        Ask::Coverage(to) => {
            (Request::Coverage { group: to.group.clone(), without: to.without.clone() }, &to.ask)
        }
        Ask::SafeToStop(to) => {
            (Request::Safe { nodes: to.nodes.clone(), copies: Some(to.copies) }, &to.ask)
        }
        Ask::Peers(to) => (Request::Peers { only: only(&to.only) }, &to.ask),
        Ask::Contact(to) => {
            let seeds = to.seeds.iter().map(ToString::to_string).collect();
            (Request::Contact { seeds }, &to.ask)
        }
        Ask::Join(to) => (Request::Join { group: to.group.clone() }, &to.ask),
        Ask::Leave(to) => (Request::Leave { group: to.group.clone() }, &to.ask),
        Ask::Add(to) => {
            let (group, range, port) = (to.offer.group.to_string(), to.offer.range, to.offer.port);
            (Request::Add { group, start: range.start(), end: range.end(), port }, &to.ask)
        }
        Ask::Remove(to) => {
            let (group, range) = (to.part.group.to_string(), to.part.range);
            (Request::Remove { group, start: range.start(), end: range.end() }, &to.ask)
        }
        Ask::Send(to) => {
            let (group, nodes, text) = (to.group.clone(), to.to.clone(), to.text.clone());
            (Request::Send { group, nodes, tag: to.tag, text }, &to.ask)
        }
        Ask::Watch(to) => (Request::Watch { state: Some(to.state) }, &to.ask),
        Ask::Info(to) => (Request::Info, to),
        Ask::Why(to) => (Request::Why { node: to.node.clone() }, &to.ask),
        Ask::Rtt(to) => {
            let (from, to_node) = match &to.other {
                Some(other) => (Some(to.one.clone()), other.clone()),
                None => (None, to.one.clone()),
            };
            (Request::Rtt { from, to: to_node }, &to.ask)
        }
        Ask::Reachability(to) => (Request::Reachability, to),
        Ask::Forget(to) => (Request::Forget { node: to.node.clone() }, &to.ask),
        Ask::Stats(to) => (Request::Stats, to),
        Ask::Drain(to) => (Request::Drain, to),
        Ask::Undrain(to) => (Request::Undrain, to),
        Ask::Keys(command) => keys(command),
        Ask::Reload(to) => (Request::Reload, to),
        Ask::Depart(to) => {
            (Request::Depart { when_covered_ms: to.when_covered.map(protocol::millis) }, &to.ask)
        }
    };
    (request, options.socket.as_deref(), options.json)
}

fn only(options: &OnlyOptions) -> Only {
    Only { tags: options.tag.clone(), zone: options.zone.clone() }
}

/// What is asked about keys. A file is named as the node finds it.
fn keys(command: &KeysCommand) -> (Request, &AskOptions) {
    let (step, options) = match command {
        KeysCommand::List(to) => (None, to),
        KeysCommand::Rotate(to) => {
            let suite = to.suite.map(|suite| suite.name().to_owned());
            (Some(KeyStep::Rotate { suite }), &to.ask)
        }
        KeysCommand::Add(to) => {
            let file = std::path::absolute(&to.file).unwrap_or_else(|_| to.file.clone());
            (Some(KeyStep::Add { file: file.display().to_string() }), &to.ask)
        }
        KeysCommand::Use(to) => {
            let (key, force) = (to.question.key.to_string(), to.force);
            (Some(KeyStep::Use { key, force }), &to.question.ask)
        }
        KeysCommand::Drop(to) => {
            let (key, force) = (to.question.key.to_string(), to.force);
            (Some(KeyStep::Drop { key, force }), &to.question.ask)
        }
        KeysCommand::Leaked(to) => (Some(KeyStep::Leaked { key: to.key.to_string() }), &to.ask),
    };
    (Request::Keys { step }, options)
}
