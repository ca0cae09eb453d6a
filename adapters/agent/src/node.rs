//! `scalesmall node`: runs a node until it is told to stop.

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use clap::ArgMatches;
use scalesmall_core::{Cause, Event, GroupName};
use scalesmall_driver::{Events, Front, Handle, OpenError, Settings, StartError, StateReport};

use crate::arguments::Offer;
use crate::configuration::{Configuration, Flags, SOCKET, Source};
use crate::counters::Beside;
use crate::diagnosis::Files;
use crate::failure::Failure;
use crate::findings::Findings;
use crate::inquiries::Inquiries;
use crate::log_lines::LogFormat;
use crate::notify::Manager;
use crate::protocol::{EventRow, OWN_NAME, OWN_TAG};
use crate::reload::Reloader;
use crate::ring::KeyFile;
use crate::runtime::{Bound, Runtime};
use crate::scrapers::Scrapers;
use crate::scrapes::Scrapes;
use crate::server::Server;
use crate::socket_file::{self, SocketFile};
use crate::stop::{self, Stop};
use crate::watchers::Watchers;
use crate::{configuration, diagnosis, event_log, goodbye, log_lines, scrapers, settings, threads};

/// How long the last lines of the log are waited for when the program ends.
const LAST_LINES: Duration = Duration::from_millis(200);

/// How long the end of a recording is waited for.
const LAST_RECORDED: Duration = Duration::from_millis(400);

/// `scalesmall node`.
pub(crate) fn run(said: &ArgMatches) -> Result<(), Failure> {
    let flags = Flags::new(said);
    let configuration = Configuration::new(&flags, &|name| std::env::var_os(name))?;
    let json = configuration.options.log.log_format == LogFormat::Json;
    run_node(flags, configuration).map_err(|failure| failure.in_json(json))
}

fn run_node(flags: Flags, configuration: Configuration) -> Result<(), Failure> {
    let (stop, stopped) = channel();
    let (hang_up, hang_ups) = sync_channel(1);
    let (mut signals, on_signal) = (stop::signals()?, stop.clone());
    threads::keep("signals", move || stop::listen(&mut signals, &on_signal, &hang_up))?;

    let options = &configuration.options;
    let filter = log_lines::filter(options.log)?;
    let settings = settings::of_node(&configuration)?;
    let has_multicast = settings.multicast.is_some();
    let beyond: Vec<SocketAddr> = settings.seeds_out_of_reach().collect();
    let path = options.socket.clone().unwrap_or_else(socket_file::default_path);
    let named_by = configuration.source(SOCKET);
    let named = (named_by != Source::Default).then(|| named_by.to_string());
    socket_file::check(&path, named.as_deref())?;
    let scraped = options.metrics.map(scrapers::bind).transpose()?;
    let (node, multicast) = start(options.runtime, settings, options.multicast)?;
    let (file, listener) = SocketFile::listen(&path, named.as_deref())?;
    let log = log_lines::start(options.log, filter)?;
    log_surprises(&path, &named_by, multicast.as_ref().err());

    let (name, address) = (node.front().my_name(), node.front().my_address());
    for seed in &beyond {
        tracing::warn!("seed {seed} is left out: {address} cannot reach its address family");
    }
    let (handle, events, thread) = node.spawn()?;
    let beside = Beside::new(log.clone());
    let watchers = Watchers::new(beside.clone());
    let format = options.log.log_format;
    let inquiries = Inquiries::new(handle.clone());
    let teller = Teller {
        watchers: watchers.clone(),
        handle: handle.clone(),
        inquiries: inquiries.clone(),
        stop,
        exit_on_conflict: options.exit_on_conflict,
        key_file: KeyFile::of(&configuration, &handle),
        format,
    };
    teller.tell(events, thread)?;
    let (join, serve) = (options.join.clone(), options.serve.clone());
    handle.call(move |node| offer(node, &join, &serve)).wait()??;

    let scrapes = Scrapes::new(handle.clone(), beside.clone());
    if let Some(scraped) = scraped {
        Scrapers::new(scrapes.clone(), beside.clone()).listen(scraped)?;
    }
    let (recorded, drain) = (options.record.is_some(), options.drain);
    let files = Files { record: options.record.clone(), state: options.state.clone() };
    let manager = Manager::new(handle.clone())?;
    let multicast = has_multicast && multicast.is_ok();
    let reloader = Reloader::new(flags, configuration, handle.clone(), multicast);
    let findings = Findings::new(handle.clone(), inquiries);
    let server = Server::new(handle.clone(), watchers, beside, scrapes, reloader.clone(), findings);
    server.listen(listener)?;
    if let Some(path) = &files.state
        && let Some(state) = handle.call(|node| node.state()).wait()?
    {
        log_state(path, &state);
    }
    diagnosis::watch(handle.clone(), beyond.len(), files)?;
    // On a thread of its own: a pipe that is full and not read must keep nobody waiting.
    let up = format!("node {name} at {address} is up; control socket {}", path.display());
    manager.ready(up.clone());
    let again = (manager.clone(), up.clone());
    threads::keep("reload", move || reload(&hang_ups, &reloader, &again))?;
    threads::keep("stdout", move || drop(writeln!(io::stdout(), "{up}")))?;

    let outcome = match stopped.recv() {
        Ok(Stop::Signal) => {
            manager.stopping();
            goodbye::say(&handle, &stopped, drain);
            Ok(())
        }
        Ok(Stop::Departed { acknowledged_by, told }) => {
            tracing::info!("left; {acknowledged_by} of {told} acknowledged it");
            Ok(())
        }
        Ok(Stop::Conflict) => Err(Failure::new(format!(
            "another node uses the name {name} as well: {OWN_NAME} (ended by --exit-on-conflict)"
        ))),
        Ok(Stop::Ended(Err(error))) => Err(Failure::new(format!("the node failed: {error}"))),
        Ok(Stop::Died(thread)) => Err(Failure::internal(format!(
            "the thread '{thread}', without which the node is of no use, has panicked: the log says why"
        ))),
        Ok(Stop::Ended(Ok(()))) | Err(_) => Err(Failure::internal("the node ended by itself")),
    };
    if recorded {
        end_recording(&handle);
    }
    server.finish();
    drop(file);
    log.finish(LAST_LINES);
    outcome
}

/// What an operator may not expect: why there is no multicast, a variable that counts for the control socket, though it
/// is mostly meant for commands, and variables that look misspelt.
fn log_surprises(socket: &Path, named_by: &Source, multicast: Option<&StartError>) {
    if let Some(error) = multicast {
        tracing::warn!("{error}; going on without");
    }
    if let Source::Variable(variable) = named_by {
        tracing::info!("the control socket is {}, as {variable} says", socket.display());
    }
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    for (name, meant) in configuration::misspelt(&names.collect::<Vec<_>>()) {
        tracing::warn!("the variable {name} counts for nothing: it may be meant as {meant}");
    }
}

/// Reads the configuration again at every hang-up, for as long as the program runs.
fn reload(hang_ups: &Receiver<()>, reloader: &Reloader, (manager, up): &(Manager, String)) {
    for () in hang_ups {
        manager.reloading();
        // The log says what has become of it.
        let _ = reloader.reload("SIGHUP");
        manager.ready(up.clone());
    }
}

/// What was found in the state file.
fn log_state(path: &Path, state: &StateReport) {
    let path = path.display();
    match state.last_epoch {
        Some(epoch) => tracing::info!(
            "--state {path}: the last life had epoch {epoch}; {} peers are contacted",
            state.peers
        ),
        None => tracing::info!("--state {path}: there is no earlier life"),
    }
    if let Some(behind) = state.behind {
        tracing::warn!(
            "the clock is {} s behind the last life of this node: this one begins right after it",
            behind.as_secs()
        );
    }
    if state.too_far_ahead {
        tracing::warn!(
            "--state {path}: the last life lies so far in the future that no node would believe the \
             next one; this one begins at the time of the clock"
        );
    }
    if let Some(damaged) = &state.damaged {
        tracing::warn!("--state {path}: the file was damaged; it is now {}", damaged.display());
    }
}

/// What the node does first: it joins groups and serves ranges.
fn offer(node: &mut Front, join: &[String], serve: &[Offer]) -> Result<(), Failure> {
    for group in join {
        node.join(&GroupName::try_from(group.as_str())?)?;
    }
    for offer in serve {
        node.add_item(&offer.group, offer.range, offer.port)?;
    }
    Ok(())
}

/// Starts the node; without multicast if the host cannot do it and nobody insists, which the
/// second value then explains.
fn start(
    runtime: Runtime,
    mut settings: Settings,
    insist: bool,
) -> Result<(Bound, Result<(), StartError>), Failure> {
    match Bound::new(runtime, &settings) {
        Ok(node) => Ok((node, Ok(()))),
        Err(error @ StartError::Open(OpenError::Multicast { .. })) if !insist => {
            settings.multicast = None;
            let node = Bound::new(runtime, &settings).map_err(|error| refused(error, &settings))?;
            Ok((node, Err(error)))
        }
        Err(error) => Err(refused(error, &settings)),
    }
}

/// Why a node does not start, with the name of the file that is the reason.
fn refused(error: StartError, settings: &Settings) -> Failure {
    match (&error, &settings.record, &settings.state) {
        (StartError::Recording { .. }, Some(path), _) => {
            Failure::new(format!("--record {}: {error}", path.display()))
        }
        (StartError::State(_), _, Some(path)) => {
            Failure::new(format!("--state {}: {error}", path.display()))
        }
        _ => error.into(),
    }
}

/// Where every change goes.
struct Teller {
    watchers: Watchers,
    handle: Handle,
    inquiries: Inquiries,
    stop: Sender<Stop>,
    exit_on_conflict: bool,
    /// Where the keys are kept, if they are in a file.
    key_file: Option<KeyFile>,
    format: LogFormat,
}

impl Teller {
    /// Hands every change to those who watch and to the log, on a thread of its own.
    fn tell(self, mut events: Events, thread: JoinHandle<io::Result<()>>) -> io::Result<()> {
        let died = self.stop.clone();
        let tell = move || {
            while let Some(event) = events.next_event() {
                self.hand_on(&event, &events);
            }
            let ended =
                thread.join().unwrap_or_else(|_| Err(io::Error::other("its thread panicked")));
            // The program may have ended meanwhile.
            let _ = self.stop.send(Stop::Ended(ended));
        };
        threads::need("events", died, tell)
    }

    fn hand_on(&self, event: &Event, events: &Events) {
        if let Event::Message { origin, tag: OWN_TAG, payload, .. } = event
            && self.inquiries.hear(*origin, payload)
        {
            return;
        }
        let mut row = EventRow::of(event, &|id| events.name(id).cloned());
        if let Some(source) = self.source(event) {
            row.text += &source;
        }
        event_log::log(event, &row, self.format);
        if let (Event::Key { .. }, Some(file)) = (event, &self.key_file) {
            file.keep();
        }
        self.watchers.publish(&row);
        // The program may be ending already.
        let _ = match *event {
            Event::Conflict { answered: true, .. } if self.exit_on_conflict => {
                self.stop.send(Stop::Conflict)
            }
            Event::Departed { acknowledged_by, told } => {
                self.stop.send(Stop::Departed { acknowledged_by, told })
            }
            _ => Ok(()),
        };
    }

    /// Where the packets come from that a warning is about, or where a new life is, for the sentence.
    fn source(&self, event: &Event) -> Option<String> {
        let (id, refused) = match *event {
            Event::Refused { peer, .. } => (peer.id, true),
            Event::Peer { peer, cause: Cause::NewLife, to: Some(_), .. } => (peer.id, false),
            _ => return None,
        };
        let source = self.handle.call(move |node| node.address(id)).wait().ok()??;
        Some(if refused {
            format!(" (its packets come from {source})")
        } else {
            format!(" (at {source})")
        })
    }
}

/// Has the recording written to its end, if the disk is not too slow for that.
fn end_recording(handle: &Handle) {
    let (done, ended) = channel();
    let end = move |node: &mut Front| {
        node.end_recording();
        // Nobody waits any more if it took too long.
        let _ = done.send(());
    };
    // A node that has failed has ended its recording already.
    drop(handle.call(end));
    let _ = ended.recv_timeout(LAST_RECORDED);
}
