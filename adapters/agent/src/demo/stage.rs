//! The stage: nodes as child processes with sockets of their own, which can really be killed.

use std::fs::{self, DirBuilder, File};
use std::io::{BufRead as _, BufReader};
use std::net::{SocketAddr, UdpSocket};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::cli::KeygenOptions;
use crate::client::{self, Session};
use crate::failure::Failure;
use crate::keygen;
use crate::protocol::{Only, OwnerRow, PeerRow, Reply, Request};
use crate::questions::SuiteName;

/// How often a condition is looked at. It bounds how exact the times are.
const LOOK: Duration = Duration::from_millis(1);

/// A private directory with a fresh key, and what all nodes have in common.
pub(super) struct Stage {
    directory: PathBuf,
    multicast_port: u16,
}

impl Stage {
    pub(super) fn set_up() -> Result<Self, Failure> {
        let directory =
            std::env::temp_dir().join(format!("scalesmall-demo-{}", std::process::id()));
        DirBuilder::new().mode(0o700).create(&directory).map_err(|error| {
            Failure::new(format!("no directory {}: {error}", directory.display()))
        })?;
        // A port that nobody uses, so that two demos do not hear each other.
        let multicast_port = UdpSocket::bind("127.0.0.1:0")?.local_addr()?.port();
        let stage = Self { directory, multicast_port };
        keygen::run(&KeygenOptions {
            file: Some(stage.key_file()),
            suite: SuiteName::Authenticated,
        })?;
        Ok(stage)
    }

    fn key_file(&self) -> PathBuf {
        self.directory.join("key")
    }

    /// Where the nodes' logs are.
    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Removes the directory.
    pub(super) fn clear(self) {
        // What stays behind is small, private and in the directory for temporary files.
        let _ = fs::remove_dir_all(self.directory);
    }

    /// Starts node number `number` at an address that nobody uses, and waits until it is up.
    ///
    /// Its name goes with the number: when it starts again, it is the same node at another address.
    pub(super) fn node(
        &self,
        number: u16,
        seed: Option<SocketAddr>,
        serve: Option<&str>,
    ) -> Result<Node, Failure> {
        let name = format!("node-{number}");
        let socket = self.directory.join(format!("{number}.sock"));
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.directory.join(format!("{number}.log")))?;
        let mut command = Command::new(std::env::current_exe()?);
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("GROUP_MANAGER_") || text.starts_with("SCALESMALL_") {
                command.env_remove(&name);
            }
        }
        command
            .arg("node")
            .args(["--bind", "127.0.0.1:0", "--name", &name, "--cluster", "demo"])
            .args(["--multicast-group", &format!("239.255.92.161:{}", self.multicast_port)])
            .arg("--key-file")
            .arg(self.key_file())
            .arg("--socket")
            .arg(&socket);
        if let Some(seed) = seed {
            command.args(["--seed", &seed.to_string()]);
        }
        if let Some(serve) = serve {
            command.args(["--serve", serve]);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
        let mut child = Running(command.spawn()?);
        let mut line = String::new();
        if let Some(out) = child.0.stdout.take() {
            BufReader::new(out).read_line(&mut line)?;
        }
        let address = line.split(' ').nth(3).and_then(|address| address.parse().ok());
        let address = address.ok_or_else(|| {
            let directory = self.directory.display();
            Failure::new(format!("{name} did not start: see {directory}/{number}.log"))
        })?;
        Ok(Node { name, address, socket, child })
    }
}

/// A child process, which does not outlive its owner.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already; then there is nothing to kill, only to collect.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A node on the stage.
pub(super) struct Node {
    pub(super) name: String,
    pub(super) address: SocketAddr,
    socket: PathBuf,
    child: Running,
}

impl Node {
    pub(super) fn pid(&self) -> u32 {
        self.child.0.id()
    }

    /// Kills the process with `SIGKILL`, which leaves it no moment to say anything.
    pub(super) fn kill(self) {
        drop(self);
    }

    pub(super) fn ask(&self, request: &Request) -> Result<Reply, Failure> {
        client::ask(&self.socket, request)
    }

    /// Watches the node; the watch has begun when this returns.
    pub(super) fn watch(&self) -> Result<Session, Failure> {
        let mut session = Session::open(&self.socket, &Request::Watch { state: None })?;
        session.reply()?;
        Ok(session)
    }

    pub(super) fn peers(&self) -> Result<Vec<PeerRow>, Failure> {
        match self.ask(&Request::Peers { only: Only::default() })? {
            Reply::Peers(peers) => Ok(peers),
            other => Err(unexpected(&other)),
        }
    }

    /// What the node believes `peer` to be, or an empty text if it does not know it.
    pub(super) fn status_of(&self, peer: &str) -> Result<String, Failure> {
        let row = self.peers()?.into_iter().find(|row| row.node.name == peer);
        Ok(row.map(|row| row.status).unwrap_or_default())
    }

    /// The nodes that serve `key`, best first; none if the group is not known yet.
    pub(super) fn route(&self, group: &str, key: u32) -> Vec<OwnerRow> {
        match self.ask(&Request::Route { group: group.to_owned(), key }) {
            Ok(Reply::Owners(owners)) => owners,
            _ => Vec::new(),
        }
    }

    /// Whether all keys of the group have exactly one owner.
    pub(super) fn covers(&self, group: &str) -> bool {
        match self.ask(&Request::Coverage { group: group.to_owned(), without: Vec::new() }) {
            Ok(Reply::Coverage(coverage)) => {
                coverage.gaps.is_empty() && coverage.overlaps.is_empty()
            }
            _ => false,
        }
    }
}

/// A reply that does not fit the request.
pub(super) fn unexpected(reply: &Reply) -> Failure {
    Failure::new(format!("a node gave an answer to another question: {reply:?}"))
}

/// Waits until `condition` holds: how long that took, or `None` if it does not within `limit`.
pub(super) fn until(
    limit: Duration,
    mut condition: impl FnMut() -> Result<bool, Failure>,
) -> Result<Option<Duration>, Failure> {
    let start = Instant::now();
    loop {
        if condition()? {
            return Ok(Some(start.elapsed()));
        }
        if start.elapsed() >= limit {
            return Ok(None);
        }
        std::thread::sleep(LOOK);
    }
}
