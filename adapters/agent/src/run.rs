//! `scalesmall node`: runs a node until it is told to stop. And `scalesmall replay`.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufReader, IsTerminal as _, Write as _};
use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{Builder, JoinHandle};

use scalesmall_core::{Event, GroupName, KeyId, Keyring, MulticastState, Suite};
use scalesmall_driver::{
    Events, Front, GroupKey, OpenError, Preset, Settings, SettingsError, StartError,
};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::cli::{KeyOptions, NodeOptions, PresetName, ReplayOptions, SuiteName};
use crate::diagnosis;
use crate::failure::Failure;
use crate::protocol::{EventRow, Reply};
use crate::runtime::{Bound, Runtime};
use crate::server::{Server, Watchers};
use crate::socket_file::{self, SocketFile};

/// Why a running node ends.
#[derive(Debug)]
pub(crate) enum Stop {
    /// A signal asked for it; or the second one, while the node says goodbye.
    Signal,
    /// It has departed at a client's request.
    Departed,
    /// Another node uses its address, and it was told to end then.
    Conflict,
    /// Its thread ended by itself.
    Ended(io::Result<()>),
}

/// `scalesmall node`.
pub(crate) fn run(options: NodeOptions) -> Result<(), Failure> {
    let settings = settings(&options)?;
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
    let serve = options.clone_offers();
    handle.call(move |node| offer(node, &serve)).wait()??;

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

/// What the node does first: groups to join, ranges to serve.
struct Offers {
    join: Vec<String>,
    serve: Vec<crate::arguments::Offer>,
}

impl NodeOptions {
    fn clone_offers(&self) -> Offers {
        Offers { join: self.join.clone(), serve: self.serve.clone() }
    }
}

fn offer(node: &mut Front, offers: &Offers) -> Result<(), Failure> {
    for group in &offers.join {
        node.join(&GroupName::try_from(group.as_str())?)?;
    }
    for offer in &offers.serve {
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

fn listen_for_signals(stop: Sender<Stop>) -> io::Result<()> {
    let mut signals = Signals::new([SIGTERM, SIGINT])?;
    let listen = move || {
        for _ in signals.forever() {
            if stop.send(Stop::Signal).is_err() {
                return;
            }
        }
    };
    Builder::new().name("signals".to_owned()).spawn(listen)?;
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

/// The settings that options and environment describe; options count more.
fn settings(options: &NodeOptions) -> Result<Settings, Failure> {
    let text = |value: String| Some(OsString::from(value));
    let bind = options.bind;
    let group = options.multicast_group;
    let variable = |name: &str| match name {
        "GROUP_MANAGER_ADDRESS" if bind.is_some() => bind.and_then(|at| text(at.ip().to_string())),
        "GROUP_MANAGER_PORT" if bind.is_some() => bind.and_then(|at| text(at.port().to_string())),
        "GROUP_MANAGER_KEY" if options.key.key_file.is_some() => None,
        name if name.starts_with("GROUP_MANAGER_MULTICAST") && options.no_multicast => None,
        "GROUP_MANAGER_MULTICAST_ADDRESS" if group.is_some() => {
            group.and_then(|at| text(at.ip().to_string()))
        }
        "GROUP_MANAGER_MULTICAST_PORT" if group.is_some() => {
            group.and_then(|at| text(at.port().to_string()))
        }
        "GROUP_MANAGER_MULTICAST_TTL" if options.multicast_ttl.is_some() => {
            options.multicast_ttl.and_then(|ttl| text(ttl.to_string()))
        }
        name => std::env::var_os(name),
    };
    if group.is_some_and(|at| !at.ip().is_multicast() || at.port() == 0) {
        return Err(Failure::new(
            "--multicast-group must be a multicast address and a port, such as 224.1.1.1:29999",
        ));
    }
    let mut settings = Settings::from_variables(variable)?;
    if let Some(bind) = options.bind {
        // With the scope of a link-local address, which the variable cannot say.
        settings.bind = bind;
    }
    if options.no_multicast {
        settings.multicast = None;
    }
    settings.advertise = options.advertise;
    settings.seeds.clone_from(&options.seed);
    settings.cluster = options.cluster.clone();
    settings.record.clone_from(&options.record);
    settings.preset = match options.preset {
        PresetName::Lan => Preset::Lan,
        PresetName::Wan => Preset::Wan,
        PresetName::Local => Preset::Local,
    };
    settings.suite = match options.suite {
        SuiteName::Authenticated => Suite::Authenticated,
        SuiteName::Sealed => Suite::Sealed,
    };
    set_keys(&mut settings, &options.key)?;
    if let Some(bytes) = options.send_rate {
        let mut config = settings.config([0; 32]);
        config.send_rate.bytes = bytes;
        settings.send_rate = Some(config.send_rate);
        config.check()?;
    }
    settings.check()?;
    Ok(settings)
}

fn set_keys(settings: &mut Settings, options: &KeyOptions) -> Result<(), Failure> {
    let read = |path: &std::path::Path| {
        GroupKey::from_file(path)
            .map_err(|error| Failure::new(format!("{}: {error}", path.display())))
    };
    if let Some(path) = &options.key_file {
        settings.key = read(path)?;
    }
    settings.key_id = KeyId(options.key_id);
    for (id, path) in &options.accept_key {
        if *id == options.key_id {
            return Err(Failure::new(format!(
                "--accept-key {id} has the id of the node's own key: give each key an id of its own"
            )));
        }
        settings.accepted_keys.push((KeyId(*id), read(path)?));
    }
    Ok(())
}

/// `scalesmall replay`.
pub(crate) fn replay(options: &ReplayOptions) -> Result<(), Failure> {
    let key = match std::env::var_os("GROUP_MANAGER_KEY") {
        Some(text) if options.key.key_file.is_none() => {
            GroupKey::parse(text.as_encoded_bytes()).map_err(SettingsError::KeyText)?
        }
        _ => GroupKey::published(),
    };
    let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
    let mut settings = Settings::new(nowhere, key);
    set_keys(&mut settings, &options.key)?;
    let keys: Keyring = settings.keyring();
    let path = options.recording.display();
    let file = File::open(&options.recording)
        .map_err(|error| Failure::new(format!("{path} cannot be read: {}", error.kind())))?;
    let replayed = scalesmall_driver::replay(BufReader::new(file), &keys)
        .map_err(|error| Failure::new(format!("{path}: {error}")))?;
    let engine = &replayed.engine;
    writeln!(
        io::stdout(),
        "{} calls replayed, every answer the same; node {} ends with digest {}",
        replayed.calls,
        engine.id(),
        engine.digest()
    )?;
    if replayed.cut {
        writeln!(io::stderr(), "{path}: the last line was cut off, as by a kill; it is left out")?;
    }
    Ok(())
}
