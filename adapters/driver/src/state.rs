//! The state file: what a node has to know after it was killed.
//!
//! It is a small text: the format's version, the cluster (in hexadecimal digits), the node's name, the last
//! epoch used, the peers last seen, and a checksum of all this. A new one replaces the old one in one step, so what is there
//! is always whole. It holds no key. A second file, with `.lock` behind the name, is locked for as long as the
//! node runs.

use core::fmt;
use std::fs::{self, File, TryLockError};
use std::io::{self, Read as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use scalesmall_core::{ClusterName, Epoch, NodeName};

use crate::checksum::Checksum;
use crate::private_file;

/// The largest state file, in bytes: 48 peers, each in a line of less than 100 bytes, and room.
const LONGEST: u64 = 64 * 1024;

const VERSION: &str = "scalesmall-state 2";

/// What a node has to know after it was killed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct State {
    /// The node's name.
    pub(crate) name: NodeName,
    /// The last epoch used.
    pub(crate) epoch: Epoch,
    /// The peers last seen.
    pub(crate) peers: Vec<SocketAddr>,
}

/// A state file that this node alone uses.
#[derive(Debug)]
pub(crate) struct StateFile {
    path: PathBuf,
    cluster: ClusterName,
    /// Locked for as long as it is open; `None` where no file can be made.
    _lock: Option<File>,
}

/// What was found at the start.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) state: Option<State>,
    /// Where a damaged file was moved to.
    pub(crate) damaged: Option<PathBuf>,
}

/// Why a node does not start with a state file. The file stays as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StateError {
    /// Another node that runs uses it.
    InUse,
    /// It cannot be read.
    Unreadable {
        /// Why.
        kind: io::ErrorKind,
    },
    /// It is something else: a directory, a device, or a file of another kind.
    NotAState,
    /// It is of another version of the format.
    Version {
        /// Its first line.
        found: String,
    },
    /// It is the file of a node of another cluster.
    Cluster {
        /// The cluster that it names.
        found: String,
        /// The node's own.
        own: String,
    },
    /// It is the file of a node of another name.
    Name {
        /// The name in the file.
        found: NodeName,
        /// The node's own.
        own: NodeName,
    },
}

impl fmt::Display for StateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InUse => f.write_str(
                "the state file is in use by a node that runs: end that node, or name another file",
            ),
            Self::Unreadable { kind } => write!(
                f,
                "the state file cannot be read: {kind}; make it readable, or name another file"
            ),
            Self::NotAState => f.write_str("this is no state file of a node: name another file"),
            Self::Version { found } => write!(
                f,
                "the state file is of another version ('{found}', not '{VERSION}'): use the program \
                 that wrote it, or name another file"
            ),
            Self::Cluster { found, own } => write!(
                f,
                "the state file is that of a node of cluster '{found}', not '{own}': name another file"
            ),
            Self::Name { found, own } => write!(
                f,
                "the state file is that of node '{found}', and this one is '{own}': give the node that \
                 name (--name) if it is the same one, or name another file"
            ),
        }
    }
}

impl core::error::Error for StateError {}

impl StateFile {
    /// Makes the file this node's alone, and reads it.
    ///
    /// # Errors
    ///
    /// [`StateError`]; the file is as it was.
    pub(crate) fn open(path: &Path, cluster: &ClusterName) -> Result<(Self, Found), StateError> {
        // Nothing is left beside a device or a folder.
        if fs::metadata(path).is_ok_and(|about| !about.is_file()) {
            return Err(StateError::NotAState);
        }
        let lock = match private_file::options().open(private_file::beside(path, ".lock")) {
            Ok(file) => match file.try_lock() {
                Ok(()) => Some(file),
                Err(TryLockError::WouldBlock) => return Err(StateError::InUse),
                Err(TryLockError::Error(_)) => None,
            },
            // Then the file itself cannot be replaced either, which the first write tells.
            Err(_) => None,
        };
        let found = match read(path)? {
            None => Found::default(),
            Some(text) => match parse(&text, cluster)? {
                Some(state) => Found { state: Some(state), damaged: None },
                None => {
                    let aside = private_file::beside(path, ".damaged");
                    // If it cannot be moved, it cannot be replaced either.
                    let moved = fs::rename(path, &aside).is_ok();
                    Found { state: None, damaged: moved.then_some(aside) }
                }
            },
        };
        Ok((Self { path: path.to_owned(), cluster: cluster.clone(), _lock: lock }, found))
    }

    /// Replaces the file; when this returns, the new one is on the disk.
    ///
    /// # Errors
    ///
    /// What the system says. The old file is still there.
    pub(crate) fn write(&self, state: &State) -> io::Result<()> {
        private_file::replace(&self.path, text(&self.cluster, state).as_bytes())
    }
}

/// The text of a file; `None` if there is none, or an empty one.
fn read(path: &Path) -> Result<Option<String>, StateError> {
    let unreadable = |error: io::Error| StateError::Unreadable { kind: error.kind() };
    match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(error)),
        Ok(_) => {}
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    file.take(LONGEST).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.is_empty() {
        return Ok(None);
    }
    String::from_utf8(bytes).map(Some).map_err(|_| StateError::NotAState)
}

/// What the text says; `None` if it is damaged.
fn parse(text: &str, own: &ClusterName) -> Result<Option<State>, StateError> {
    let mut lines = text.lines();
    let first = lines.next().unwrap_or_default();
    if !first.starts_with("scalesmall-state ") {
        return Err(StateError::NotAState);
    }
    if first != VERSION {
        let found = first.chars().take(40).collect();
        return Err(StateError::Version { found });
    }
    let sum = text.rfind("sum ").and_then(|at| Some((text.get(..at)?, text.get(at..)?)));
    let whole = sum.is_some_and(|(body, sum)| sum == sum_line(body));
    if !whole {
        return Ok(None);
    }
    let (mut own_name, mut epoch, mut peers) = (None, None, Vec::new());
    for line in lines {
        match line.split_once(' ') {
            Some(("cluster", name)) if name != hex(own) => {
                let own = String::from_utf8_lossy(own.as_bytes()).into_owned();
                return Err(StateError::Cluster { found: unhex(name), own });
            }
            Some(("name", name)) => own_name = NodeName::try_from(name).ok(),
            Some(("epoch", digits)) => epoch = digits.parse().map(Epoch).ok(),
            Some(("peer", peer)) => match peer.parse() {
                Ok(peer) => peers.push(peer),
                Err(_) => return Ok(None),
            },
            _ => {}
        }
    }
    let (Some(name), Some(epoch)) = (own_name, epoch) else { return Ok(None) };
    Ok(Some(State { name, epoch, peers }))
}

fn text(cluster: &ClusterName, state: &State) -> String {
    let (cluster, State { name, epoch, .. }) = (hex(cluster), state);
    let mut text = format!("{VERSION}\ncluster {cluster}\nname {name}\nepoch {}\n", epoch.0);
    for peer in &state.peers {
        text.push_str(&format!("peer {peer}\n"));
    }
    let sum = sum_line(&text);
    text.push_str(&sum);
    text
}

fn sum_line(body: &str) -> String {
    format!("sum {:016x}\n", Checksum::of(body.as_bytes()))
}

fn hex(cluster: &ClusterName) -> String {
    cluster.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(digits: &str) -> String {
    let pair = |at| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok();
    let bytes: Option<Vec<u8>> = (0..digits.len()).step_by(2).map(pair).collect();
    bytes.map_or_else(|| digits.to_owned(), |bytes| String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cluster(name: &str) -> ClusterName {
        ClusterName::try_from(name).unwrap()
    }

    fn state() -> State {
        let peers = ["10.0.0.1:7", "[fd00::1]:29999"].map(|peer| peer.parse().unwrap());
        let name = NodeName::try_from(" cook 3 ").unwrap();
        State { name, epoch: Epoch(u64::MAX - 1), peers: peers.to_vec() }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let own = cluster("kitchen");
        assert_eq!(parse(&text(&own, &state()), &own), Ok(Some(state())));
    }

    #[test]
    fn any_change_and_any_cut_is_found() {
        let own = cluster("kitchen");
        let whole = text(&own, &state());
        let after_version = VERSION.len() + 1;
        for at in after_version..whole.len() {
            let cut = parse(&whole[..at], &own);
            assert_eq!(cut, Ok(None), "cut at {at}");
            let mut other = whole.clone().into_bytes();
            other[at] ^= 1;
            let other = String::from_utf8(other).unwrap();
            assert_eq!(parse(&other, &own), Ok(None), "changed at {at}");
        }
    }

    #[test]
    fn files_of_others_are_refused_by_name() {
        let own = cluster("kitchen");
        let found = parse(&text(&cluster("cellar"), &state()), &own).unwrap_err();
        assert!(found.to_string().contains("cluster 'cellar', not 'kitchen'"), "{found}");
        let found = parse("scalesmall-state 3\nwhatever", &own).unwrap_err();
        assert!(found.to_string().contains("'scalesmall-state 3'"), "{found}");
        assert_eq!(parse("root:x:0:0", &own), Err(StateError::NotAState));
    }
}
