//! `scalesmall node`: runs a node until it is told to stop.

use std::io::{self, IsTerminal as _, Write as _};
use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{Builder, JoinHandle};

use scalesmall_core::{Event, GroupName, MulticastState};
use scalesmall_driver::{Events, Front, OpenError, Settings, StartError};

use crate::arguments::Offer;
use crate::cli::NodeOptions;
use crate::failure::Failure;
use crate::protocol::{EventRow, Reply};
use crate::runtime::{Bound, Runtime};
use crate::server::Server;
use crate::socket_file::{self, SocketFile};
use crate::stop::{Stop, listen_for_signals};
use crate::watchers::Watchers;
use crate::{diagnosis, settings};

/// `scalesmall node`.
pub(crate) fn run(options: NodeOptions) -> Result<(), Failure> {
    let settings = settings::of_node(&options)?;
    let beyond: Vec<SocketAddr> = settings.seeds_out_of_reach().collect();
    let path = options.socket.clone().unwrap_or_else(socket_file::default_path);
    socket_file::check(&path)?;
    let (node, multicast) = start(options.runtime, settings, options.multicast)?;
    let (file, listener) = SocketFile::listen(&path)?;
    let level = if options.verbose { tracing::Level::DEBUG } else { tracing::Level::INFO };
    let log = tracing_subscriber::fmt().with_writer(io::stderr).with_max_level(level);
    log.with_ansi(io::stderr().is_terminal()).init();
    if let Err(error) = &multicast {
        tracing::warn!("{error}; going on without");
    }

    let id = node.id();
    for seed in &beyond {
        tracing::warn!("seed {seed} is left out: {id} cannot reach its address family");
    }
    let (handle, events, thread) = node.spawn()?;
    let watchers = Watchers::default();
    let (stop, stopped) = channel();
    tell(events, thread, watchers.clone(), stop.clone(), options.exit_on_conflict)?;
    let (join, serve) = (options.join, options.serve);
    handle.call(move |node| offer(node, &join, &serve)).wait()??;

    let server = Server::new(handle.clone(), watchers, stop.clone());
    server.listen(listener)?;
    diagnosis::watch(handle, beyond.len(), options.record)?;
    listen_for_signals(stop.clone())?;
    // A parent that does not read this has no use for it.
    let _ = writeln!(io::stdout(), "node {id} is up; control socket {}", path.display());

    let outcome = match stopped.recv() {
        Ok(Stop::Signal) => {
            goodbye(server.clone(), stop, &stopped)?;
            Ok(())
        }
        Ok(Stop::Departed) => Ok(()),
        Ok(Stop::Conflict) => Err(Failure::new(format!(
            "another node uses the address {id} as well: give one of them an --advertise (or --bind) \
             address of its own (ended by --exit-on-conflict)"
        ))),
        Ok(Stop::Ended(Err(error))) => Err(Failure::new(format!("the node failed: {error}"))),
        Ok(Stop::Ended(Ok(()))) | Err(_) => Err(Failure::new("the node ended by itself")),
    };
    server.finish();
    drop(file);
    outcome
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
    match (&error, &settings.record) {
        (StartError::Recording { .. }, Some(path)) => {
            Failure::new(format!("--record {}: {error}", path.display()))
        }
        _ => error.into(),
    }
}

/// Hands every change to those who watch and to the log.
fn tell(
    mut events: Events,
    thread: JoinHandle<io::Result<()>>,
    watchers: Watchers,
    stop: Sender<Stop>,
    exit_on_conflict: bool,
) -> io::Result<()> {
    let tell = move || {
        while let Some(event) = events.next_event() {
            let row = EventRow::from(&event);
            match event {
                Event::Conflict { .. } => tracing::error!("{}", row.text),
                Event::Refused { .. }
                | Event::Isolated
                | Event::Stalled { .. }
                | Event::HeldOff { .. }
                | Event::Overflow { .. } => {
                    tracing::warn!("{}", row.text);
                }
                Event::Multicast {
                    to: MulticastState::Silent | MulticastState::Unheard, ..
                } => {
                    tracing::warn!("{}", row.text);
                }
                Event::Path { from, to, .. } if to < from => tracing::warn!("{}", row.text),
                Event::Undelivered { .. } => tracing::warn!("{}", row.text),
                Event::Peer { .. } | Event::Multicast { .. } | Event::Path { .. } => {
                    tracing::info!("{}", row.text);
                }
                _ => tracing::debug!("{}", row.text),
            }
            watchers.publish(&row);
            if exit_on_conflict && matches!(event, Event::Conflict { .. }) {
                // The program may be ending already.
                let _ = stop.send(Stop::Conflict);
            }
        }
        let ended = thread.join().unwrap_or_else(|_| Err(io::Error::other("its thread panicked")));
        // The program may have ended meanwhile.
        let _ = stop.send(Stop::Ended(ended));
    };
    Builder::new().name("events".to_owned()).spawn(tell)?;
    Ok(())
}

/// Departs; a second signal cuts that short.
fn goodbye(server: Server, stop: Sender<Stop>, stopped: &Receiver<Stop>) -> io::Result<()> {
    let depart = move || {
        if let Reply::Departed(row) = server.depart() {
            tracing::info!("left; {} of {} acknowledged it", row.acknowledged_by, row.told);
        }
        // Cut short by a second signal, if nobody waits.
        let _ = stop.send(Stop::Departed);
    };
    Builder::new().name("goodbye".to_owned()).spawn(depart)?;
    // Whatever comes first; that nobody could send any more is an end as well.
    let _ = stopped.recv();
    Ok(())
}
