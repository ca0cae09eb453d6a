//! Answering clients: one short-lived thread each, which asks the node's thread.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::Builder;
use std::time::{Duration, Instant};

use bytes::Bytes;
use scalesmall_core::{GroupName, KeyRange, NodeId, Op, Recipients, Status, Tag};
use scalesmall_driver::{Front, Handle};

use crate::cli::OpName;
use crate::diagnosis::{OUT_OF_REACH, RECORDING};
use crate::protocol::{
    CoverageRow, DepartedRow, EventRow, GroupRow, ItemRow, OverlapRow, OwnerRow, PeerRow,
    REQUEST_LIMIT, Reply, Request, SentRow, SpanRow, What,
};
use crate::run::Stop;

/// Clients served at the same time.
const CLIENTS: usize = 64;
/// How long a client may take to send its request, or to read an answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// Changes that wait for a client that watches.
const BACKLOG: usize = 4096;
/// How often a quiet watch checks that its client is still there.
const LOOK: Duration = Duration::from_secs(2);
/// The longest that saying goodbye takes, whatever the preset.
const GOODBYE: Duration = Duration::from_secs(8);

/// The clients that watch changes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Watchers(Arc<Mutex<Vec<SyncSender<EventRow>>>>);

impl Watchers {
    /// From here on, every change.
    pub(crate) fn subscribe(&self) -> Receiver<EventRow> {
        let (tell, told) = sync_channel(BACKLOG);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(tell);
        told
    }

    /// Tells all watchers; one that has gone or does not keep up is told no more.
    pub(crate) fn publish(&self, event: &EventRow) {
        let mut watchers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        watchers.retain(|tell| match tell.try_send(event.clone()) {
            Ok(()) => true,
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => false,
        });
    }

    /// Ends all watches, once they have passed on what they were told.
    pub(crate) fn end(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

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

fn parse(line: &str) -> Result<Request, Reply> {
    let why = "not a request of this version: use the node's own program";
    serde_json::from_str(line).map_err(|_| Reply::Refused(why.to_owned()))
}

/// Answers one line of a client as a running node does, without a socket between them: for tests and
/// fuzzers. A watch and a goodbye last longer than an answer and are refused.
///
/// # Panics
///
/// Never: each answer is JSON.
#[must_use]
pub fn answer_line(node: &mut Front, line: &str) -> String {
    let reply = parse(line).map_or_else(|refused| refused, |request| answer(node, request));
    serde_json::to_string(&reply).expect("a reply has names for its fields and no floats")
}

/// Carries out a request on the node's thread.
fn answer(node: &mut Front, request: Request) -> Reply {
    carry_out(node, request).unwrap_or_else(Reply::Refused)
}

fn carry_out(node: &mut Front, request: Request) -> Result<Reply, String> {
    match request {
        Request::Members { group } => {
            let group = known(node, &group)?;
            Ok(Reply::Members(node.members(&group).map(|id| id.to_string()).collect()))
        }
        Request::Groups => Ok(Reply::Groups(groups(node))),
        Request::Topology { group, op } => {
            let group = known(node, &group)?;
            let op = op.map(|op| match op {
                OpName::Add => Op::Add,
                OpName::Remove => Op::Remove,
                OpName::Get => Op::Get,
            });
            Ok(Reply::Items(match op {
                Some(op) => node.topology_of(&group, op).map(ItemRow::from).collect(),
                None => node.topology(&group).map(ItemRow::from).collect(),
            }))
        }
        Request::Route { group, key } => {
            let group = known(node, &group)?;
            Ok(Reply::Owners(node.route(&group, key).map(OwnerRow::from).collect()))
        }
        Request::Coverage { group } => {
            let group = known(node, &group)?;
            Ok(Reply::Coverage(coverage(node, &group)))
        }
        Request::Peers => Ok(Reply::Peers(node.peers().map(PeerRow::from).collect())),
        Request::Join { group } => {
            node.join(&name(&group)?).map_err(|error| error.to_string())?;
            Ok(Reply::Done)
        }
        Request::Leave { group } => {
            let group = known(node, &group)?;
            if !node.my_groups().any(|mine| *mine == group) {
                return Err(format!("this node is no member of '{group}': nothing to leave"));
            }
            node.leave(&group).map_err(|error| error.to_string())?;
            Ok(Reply::Done)
        }
        Request::Add { group, start, end, port } => {
            let range = KeyRange::new(start, end).map_err(|error| error.to_string())?;
            let item = node.add_item(&name(&group)?, range, port);
            item.map(|item| Reply::Items(vec![item.into()])).map_err(|error| error.to_string())
        }
        Request::Remove { group, start, end } => {
            let range = KeyRange::new(start, end).map_err(|error| error.to_string())?;
            let group = known(node, &group)?;
            let me = node.id();
            let mut mine = node.topology_of(&group, Op::Add).map(|timed| timed.item);
            let offer = mine.find(|item| item.member == me && item.range == range);
            drop(mine);
            let Some(offer) = offer else {
                return Err(format!(
                    "this node does not serve exactly {range} of '{group}': 'scalesmall topology' \
                     lists what it serves"
                ));
            };
            let item = node.remove_item(&group, range, offer.port);
            item.map(|item| Reply::Items(vec![item.into()])).map_err(|error| error.to_string())
        }
        Request::Send { group, nodes, tag, text } => {
            let group = group.map(|group| known(node, &group)).transpose()?;
            let nodes: Vec<NodeId> = nodes.into_iter().map(NodeId::from).collect();
            let to = match &group {
                Some(group) => Recipients::Group(group),
                None if nodes.is_empty() => Recipients::All,
                None => Recipients::Nodes(&nodes),
            };
            let sent = node.broadcast(to, Tag(tag), Bytes::from(text));
            let sent = sent.map_err(|error| error.to_string())?;
            Ok(Reply::Sent(SentRow {
                origin: sent.origin.to_string(),
                epoch: sent.epoch.to_string(),
                sequence: sent.sequence,
            }))
        }
        Request::Stats => Ok(Reply::Stats(stats(node))),
        Request::Watch | Request::Depart => Err("this request has an answer of its own".to_owned()),
    }
}

fn name(group: &str) -> Result<GroupName, String> {
    GroupName::try_from(group).map_err(|error| error.to_string())
}

/// The name of a group that this node has heard of.
fn known(node: &Front, group: &str) -> Result<GroupName, String> {
    let group = name(group)?;
    if node.groups().any(|known| *known == group) {
        return Ok(group);
    }
    Err(format!("no group '{group}' is known: 'scalesmall groups' lists those that are"))
}

fn groups(node: &Front) -> Vec<GroupRow> {
    let mine: Vec<&GroupName> = node.my_groups().collect();
    let row = |group: &GroupName| GroupRow {
        group: group.to_string(),
        mine: mine.contains(&group),
        members: node.members(group).count(),
    };
    node.groups().map(row).collect()
}

fn coverage(node: &Front, group: &GroupName) -> CoverageRow {
    let coverage = node.coverage(group);
    let gap = |gap: &KeyRange| SpanRow { start: gap.start(), end: gap.end() };
    CoverageRow {
        gaps: coverage.gaps.iter().map(gap).collect(),
        overlaps: coverage
            .overlaps
            .iter()
            .map(|overlap| OverlapRow {
                start: overlap.range.start(),
                end: overlap.range.end(),
                owners: overlap.owners,
            })
            .collect(),
    }
}

/// All counters, by name.
pub(crate) fn stats(node: &Front) -> Vec<(String, u64)> {
    let engine = node.stats().iter().map(|(name, value)| (name.to_owned(), value));
    let driver = node.driver_stats();
    engine
        .chain([
            ("socket_receive_errors".to_owned(), driver.receive_errors),
            ("socket_send_errors".to_owned(), driver.send_errors),
            ("socket_send_waits".to_owned(), driver.send_waits),
            ("socket_full_bursts".to_owned(), driver.full_bursts),
            (OUT_OF_REACH.to_owned(), driver.seeds_out_of_reach),
            (RECORDING.to_owned(), u64::from(node.recording_error().is_some())),
        ])
        .collect()
}
