//! Keeping the state file: when it is written, and by whom.
//!
//! The epoch of a life that begins with the process is on the disk before its first packet is sent. Everything
//! later is written by a thread of its own: a disk that is slow, full or gone must not stop a node that runs.
//! If a node begins a new life while it runs and is killed before that is written, it is told by the others
//! which epoch they know of it.

use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use scalesmall_core::{Engine, Epoch, NodeName, Peer, Status};

use crate::checksum::Checksum;
use crate::state::{Found, State, StateFile};

/// How often it is looked whether there is something to write.
const LOOK: Duration = Duration::from_secs(1);
/// The least time between two writes, unless a new life has begun, and before what could not be written is
/// tried again.
const PAUSE: Duration = Duration::from_secs(5);
/// How long a write under way is waited for when the node ends.
const LAST: Duration = Duration::from_millis(500);
/// The most peers that are kept. The engine remembers 64 seeds; some room is left for those of the settings.
const PEERS: usize = 48;

/// A clock that is less behind than this is not told: a life may last less than a clock is adjusted by.
const TOLD_BEHIND: Duration = Duration::from_secs(1);

/// What a node found in its state file, and how writing it goes: see [`Front::state`](crate::Front::state).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StateReport {
    /// The epoch of the last life, if the file held one.
    pub last_epoch: Option<Epoch>,
    /// How many peers of the last life were contacted.
    pub peers: usize,
    /// How far the clock was behind the last epoch, if it was: this life begins right after that one.
    pub behind: Option<Duration>,
    /// The last epoch lay so far in the future that no other node would have believed the next one. This
    /// life begins at the time of the clock.
    pub too_far_ahead: bool,
    /// The file was damaged, and was moved here.
    pub damaged: Option<PathBuf>,
    /// How often the file could not be written.
    pub errors: u64,
    /// Why it could not be written the last time; `None` if it could.
    pub error: Option<io::ErrorKind>,
}

/// The state file of a running node.
#[derive(Debug)]
pub(crate) struct Keeper {
    told: Arc<Mutex<StateReport>>,
    /// The peers of the last life.
    pub(crate) peers: Vec<SocketAddr>,
    /// The writer's queue; none once the node ends.
    write: Option<SyncSender<State>>,
    writer: JoinHandle<()>,
    kept: State,
    look: Instant,
    next_write: Instant,
}

impl Keeper {
    /// Decides on the epoch of the life that begins, and writes it down.
    ///
    /// # Errors
    ///
    /// The system has no thread. A file that cannot be written is no error: it is told in the report.
    pub(crate) fn start(
        file: StateFile,
        found: Found,
        by_clock: Epoch,
        name: NodeName,
    ) -> io::Result<(Self, Epoch)> {
        let mut report = StateReport { damaged: found.damaged, ..StateReport::default() };
        let mut epoch = by_clock;
        let mut peers = Vec::new();
        if let Some(last) = found.state {
            report.last_epoch = Some(last.epoch);
            if last.epoch > by_clock.horizon() {
                report.too_far_ahead = true;
            } else if last.epoch >= by_clock {
                epoch = Epoch(last.epoch.0.saturating_add(1));
                let since_1970 = |epoch: Epoch| Duration::from_millis(epoch.0 >> 22);
                let behind = since_1970(last.epoch).saturating_sub(since_1970(by_clock));
                report.behind = Some(behind).filter(|behind| *behind >= TOLD_BEHIND);
            }
            report.peers = last.peers.len();
            peers = last.peers;
        }
        let kept = State { name, epoch, peers: peers.clone() };
        note(&mut report, file.write(&kept));
        let told = Arc::new(Mutex::new(report));
        let (write, states) = sync_channel(1);
        let (told_by_writer, first) = (Arc::clone(&told), kept.clone());
        let writer = Builder::new()
            .name("scalesmall-state".to_owned())
            .spawn(move || write_all(&file, first, &states, &told_by_writer))?;
        let (now, write) = (Instant::now(), Some(write));
        let look = now + LOOK;
        Ok((Self { told, peers, write, writer, kept, look, next_write: now }, epoch))
    }

    pub(crate) fn report(&self) -> StateReport {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Has written what has changed, if it is time; never waits.
    pub(crate) fn look(&mut self, engine: &Engine) {
        let now = Instant::now();
        let renewed = engine.epoch() != self.kept.epoch;
        if !renewed && now < self.look {
            return;
        }
        self.look = now + LOOK;
        if !renewed && now < self.next_write {
            return;
        }
        let name = self.kept.name.clone();
        let state = State { name, epoch: engine.epoch(), peers: self.choose(engine) };
        let Some(write) = &self.write else { return };
        if state == self.kept {
            return;
        }
        match write.try_send(state.clone()) {
            Ok(()) => {
                self.kept = state;
                self.next_write = now + PAUSE;
            }
            // A writer that is still busy gets the next one.
            Err(TrySendError::Full(_)) => {}
            Err(TrySendError::Disconnected(_)) => {
                let mut report = self.told.lock().unwrap_or_else(PoisonError::into_inner);
                note(&mut report, Err(io::ErrorKind::BrokenPipe.into()));
                self.next_write = now + PAUSE;
            }
        }
    }

    /// When to look next.
    pub(crate) const fn deadline(&self) -> Instant {
        self.look
    }

    /// The peers to keep: the living before the lost, and those before peers of the last life of which
    /// nothing is known. Each node of a large cluster keeps others, drawn by a hash.
    fn choose(&self, engine: &Engine) -> Vec<SocketAddr> {
        let mut unknown: BTreeSet<SocketAddr> = self.kept.peers.iter().copied().collect();
        let me = engine.id();
        let rank = |class: u8, addr: SocketAddr| {
            (class, Checksum::of(format!("{me} {addr}").as_bytes()), addr)
        };
        let mut ranked: Vec<(u8, u64, SocketAddr)> = Vec::new();
        for peer in engine.peers() {
            unknown.remove(&peer.address);
            for addr in &peer.addresses {
                unknown.remove(addr);
            }
            ranked.push(rank(u8::from(!is_present(&peer)), peer.address));
        }
        ranked.extend(unknown.into_iter().map(|addr| rank(2, addr)));
        ranked.sort_unstable();
        let mut peers: Vec<SocketAddr> =
            ranked.into_iter().take(PEERS).map(|(_, _, addr)| addr).collect();
        peers.sort_unstable();
        peers
    }
}

/// Waits a moment for the writer, with which the file is free for the next node.
impl Drop for Keeper {
    fn drop(&mut self) {
        self.write = None;
        let limit = Instant::now() + LAST;
        while !self.writer.is_finished() && Instant::now() < limit {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

const fn is_present(peer: &Peer) -> bool {
    matches!(peer.status, Status::Alive | Status::Suspect)
}

fn note(report: &mut StateReport, written: io::Result<()>) {
    report.errors += u64::from(written.is_err());
    report.error = written.err().map(|error| error.kind());
}

/// Writes each state, and the last one again until that succeeds.
fn write_all(file: &StateFile, first: State, states: &Receiver<State>, told: &Mutex<StateReport>) {
    let lock = || told.lock().unwrap_or_else(PoisonError::into_inner);
    let mut open = lock().error.is_some().then_some(first);
    loop {
        let next = match &open {
            Some(_) => states.recv_timeout(PAUSE),
            None => states.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        let ((Ok(state), _) | (Err(RecvTimeoutError::Timeout), Some(state))) = (next, open.take())
        else {
            return;
        };
        let written = file.write(&state);
        if written.is_err() {
            open = Some(state);
        }
        note(&mut lock(), written);
    }
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;
    use std::path::Path;

    use scalesmall_core::ClusterName;

    use super::*;
    use crate::{GroupKeys, Node, Settings};

    fn settings(name: &str) -> (Settings, PathBuf) {
        let name = format!("scalesmall-state-{name}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let mut settings = Settings::new("127.0.0.1:0".parse().unwrap(), GroupKeys::published());
        settings.state = Some(path.clone());
        (settings, path)
    }

    fn node(settings: &Settings) -> Node<UdpSocket> {
        Node::start(settings, Ok).unwrap()
    }

    /// What the file says, whether it is in use or not.
    fn on_disk(path: &Path) -> State {
        let copy = path.with_extension("copy");
        std::fs::copy(path, &copy).unwrap();
        let cluster = ClusterName::try_from("scalesmall").unwrap();
        let (_, found) = StateFile::open(&copy, &cluster).unwrap();
        remove(&copy);
        found.state.unwrap()
    }

    fn remove(path: &Path) {
        std::fs::remove_file(path).unwrap();
        std::fs::remove_file(format!("{}.lock", path.display())).unwrap();
    }

    #[test]
    fn an_epoch_is_on_the_disk_before_the_first_packet_and_a_later_one_soon() {
        let (settings, path) = settings("epoch");
        let mut first = node(&settings);
        assert_eq!(on_disk(&path).epoch, first.epoch());
        assert_eq!(first.stats().datagrams_sent, 0);
        first.renew().unwrap();
        let limit = Instant::now() + Duration::from_secs(20);
        while on_disk(&path).epoch != first.epoch() {
            let _ = first.pump().unwrap();
            assert!(Instant::now() < limit, "the later epoch is not written");
        }
        let last = first.epoch();
        drop(first);
        let second = node(&settings);
        assert_eq!(second.state().unwrap().last_epoch, Some(last));
        assert!(second.epoch() > last);
        drop(second);
        remove(&path);
    }

    #[test]
    fn peers_of_the_last_life_are_kept_and_give_way_to_the_living() {
        let (settings, path) = settings("peers");
        let address = |number: u16| SocketAddr::from(([127, 0, 0, 1], number));
        drop(node(&settings));
        let (file, found) = StateFile::open(&path, &settings.cluster).unwrap();
        let State { name, epoch, .. } = found.state.unwrap();
        let peers: Vec<SocketAddr> = (1..=48).map(address).collect();
        file.write(&State { name, epoch, peers: peers.clone() }).unwrap();
        drop(file);
        let mut alone = node(&settings);
        assert_eq!((alone.state().unwrap().peers, &on_disk(&path).peers), (48, &peers));
        let mut other = Settings::new("127.0.0.1:0".parse().unwrap(), GroupKeys::published());
        other.seeds.push(alone.my_address().into());
        let mut other = node(&other);
        let limit = Instant::now() + Duration::from_secs(20);
        while !on_disk(&path).peers.contains(&other.my_address()) {
            let _ = (alone.pump().unwrap(), other.pump().unwrap());
            assert!(Instant::now() < limit, "a living peer is not kept");
        }
        assert_eq!(on_disk(&path).peers.len(), PEERS);
        drop(alone);
        remove(&path);
    }
}
