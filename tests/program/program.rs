//! Running the program, and waiting for conditions with a deadline.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;

/// Tests that measure time take turns, so that they do not slow each other down.
pub(crate) fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A directory that is removed when dropped.
pub(crate) struct Directory(PathBuf);

impl Directory {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("scalesmall-test-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).expect("a directory for this test");
        Self(path)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The program, with none of the variables that it reads.
pub(crate) fn program() -> Command {
    without_variables(Command::new(env!("CARGO_BIN_EXE_scalesmall")))
}

/// The program in a network namespace.
pub(crate) fn program_in(namespace: &str) -> Command {
    let mut command = Command::new("ip");
    command.args(["netns", "exec", namespace, env!("CARGO_BIN_EXE_scalesmall")]);
    without_variables(command)
}

fn without_variables(mut command: Command) -> Command {
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        if name.starts_with("GROUP_MANAGER_")
            || name.starts_with("SCALESMALL_")
            || name == "RUST_LOG"
        {
            command.env_remove(name);
        }
    }
    command.stdin(Stdio::null());
    command
}

/// Runs the program to its end.
pub(crate) fn run(args: &[&str]) -> Output {
    program().args(args).output().expect("the program runs")
}

/// Runs the program, which must refuse with one line on stderr and nothing on stdout; the line.
#[track_caller]
pub(crate) fn refusal(command: &mut Command) -> String {
    let output = command.output().expect("the program runs");
    let line = String::from_utf8(output.stderr).expect("text");
    assert!(!output.status.success(), "it accepted {command:?}");
    assert!(output.status.code().is_some(), "killed by a signal: {:?}", output.status);
    assert_eq!(line.matches('\n').count(), 1, "more or less than one line: {line:?}");
    assert!(line.starts_with("scalesmall: "), "{line:?}");
    assert_eq!(output.stdout, b"", "{command:?}");
    line
}

/// A node in a process of its own, killed when dropped.
pub(crate) struct Node {
    pub(crate) address: SocketAddr,
    pub(crate) socket: PathBuf,
    child: Child,
    // Kept open, so that the program never writes to a closed pipe.
    _out: Option<BufReader<ChildStdout>>,
}

impl Node {
    /// Starts a node on a loopback address, with its control socket in `directory`.
    #[track_caller]
    pub(crate) fn start(directory: &Directory, name: &str, args: &[&str]) -> Self {
        Self::start_by(program(), directory, name, args)
    }

    /// As `start`, by a command that ends in the program's name.
    #[track_caller]
    pub(crate) fn start_by(
        mut command: Command,
        directory: &Directory,
        name: &str,
        args: &[&str],
    ) -> Self {
        let socket = directory.path(&format!("{name}.sock"));
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(directory.path(&format!("{name}.log")))
            .expect("a log");
        command.arg("node").arg("--socket").arg(&socket).args(args);
        command.stdout(Stdio::piped()).stderr(log);
        let mut child = command.spawn().expect("the program runs");
        let mut out = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut line = String::new();
        out.read_line(&mut line).expect("text");
        // The name before it may have blanks.
        let up = line.split_once(" is up; ").map(|(up, _)| up);
        let address = up.and_then(|up| up.rsplit_once(" at ")?.1.parse().ok());
        let Some(address) = address else {
            let log = std::fs::read_to_string(directory.path(&format!("{name}.log")));
            let _ = child.wait();
            panic!("{name} did not start: {line:?} {log:?}");
        };
        Self { address, socket, child, _out: Some(out) }
    }

    /// A node whose output goes to `out` and `err`, at a port of 127.0.0.1 that nobody uses.
    #[track_caller]
    pub(crate) fn start_onto(
        command: Command,
        directory: &Directory,
        name: &str,
        args: &[&str],
        onto: (Stdio, Stdio),
    ) -> Self {
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        Self::start_at(address, command, directory, name, args, onto)
    }

    /// As `start_onto`, at this address.
    #[track_caller]
    pub(crate) fn start_at(
        address: SocketAddr,
        mut command: Command,
        directory: &Directory,
        name: &str,
        args: &[&str],
        (out, err): (Stdio, Stdio),
    ) -> Self {
        let socket = directory.path(&format!("{name}.sock"));
        command.arg("node").arg("--socket").arg(&socket).args(["--bind", &address.to_string()]);
        let child = command.args(args).stdout(out).stderr(err).spawn().expect("the program runs");
        let node = Self { address, socket, child, _out: None };
        until(Duration::from_secs(10), "it answers", || node.try_ask(&["peers"]).is_some());
        node
    }

    /// The number of its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// A client command to this node.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = program();
        command.args(args).arg("--socket").arg(&self.socket);
        command
    }

    /// What the node answers, as JSON.
    #[track_caller]
    pub(crate) fn ask(&self, args: &[&str]) -> Value {
        let output = self.command(args).arg("--json").output().expect("the program runs");
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{args:?}: {errors}");
        serde_json::from_slice(&output.stdout).expect("JSON")
    }

    /// As `ask`, but `None` if the node refuses, as for a group that it does not know yet.
    pub(crate) fn try_ask(&self, args: &[&str]) -> Option<Value> {
        let output = self.command(args).arg("--json").output().expect("the program runs");
        output.status.success().then(|| serde_json::from_slice(&output.stdout).expect("JSON"))
    }

    pub(crate) fn status_of(&self, peer: SocketAddr) -> Option<String> {
        self.status_where("address", &peer.to_string())
    }

    /// The status of the peer of this name.
    pub(crate) fn status_named(&self, name: &str) -> Option<String> {
        self.status_where("name", name)
    }

    fn status_where(&self, field: &str, value: &str) -> Option<String> {
        let peers = self.ask(&["peers"]);
        let row = peers.as_array()?.iter().find(|row| row[field] == value)?;
        Some(row["status"].as_str()?.to_owned())
    }

    /// The ports that serve `key`, best first.
    pub(crate) fn route(&self, group: &str, key: u32) -> Vec<u64> {
        let owners = self.try_ask(&["route", group, &key.to_string()]);
        let owners = owners.as_ref().and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        owners.iter().filter_map(|owner| owner["port"].as_u64()).collect()
    }

    pub(crate) fn counter(&self, name: &str) -> u64 {
        self.ask(&["stats"])[name].as_u64().unwrap_or_else(|| panic!("no counter {name}"))
    }

    /// Begins to watch; the node tells of all that happens after this call returns.
    pub(crate) fn watch(&self) -> Watch {
        let mut command = self.command(&["watch", "--json"]);
        let mut child = command.stdout(Stdio::piped()).spawn().expect("the program runs");
        let out = child.stdout.take().expect("it is piped");
        let mut watch = Watch { child, lines: BufReader::new(out) };
        assert_eq!(watch.next()["event"], "watching");
        watch
    }

    /// `SIGKILL`.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it has been killed");
    }

    /// A signal by name, as `kill` takes it.
    pub(crate) fn signal(&self, name: &str) {
        signal(&self.child, name);
    }

    /// Waits until the process has ended by itself: its exit code.
    #[track_caller]
    pub(crate) fn ended(mut self, limit: Duration) -> Option<i32> {
        let mut code = None;
        until(limit, "the node ends", || match self.child.try_wait().expect("a child") {
            Some(status) => {
                code = status.code();
                true
            }
            None => false,
        });
        code
    }
}

fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill")
        .args([&format!("-{name}"), &child.id().to_string()])
        .status()
        .expect("kill runs");
    assert!(sent.success());
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `scalesmall watch` in a process of its own.
pub(crate) struct Watch {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Watch {
    /// The next change.
    pub(crate) fn next(&mut self) -> Value {
        let mut line = String::new();
        self.lines.read_line(&mut line).expect("text");
        serde_json::from_str(&line).unwrap_or_else(|_| panic!("not an event: {line:?}"))
    }

    /// A signal by name, as `kill` takes it.
    pub(crate) fn signal(&self, name: &str) {
        signal(&self.child, name);
    }

    /// Ends the watch: all changes that were told and not yet read.
    pub(crate) fn rest(mut self) -> Vec<Value> {
        self.child.kill().expect("it can be killed");
        let mut text = String::new();
        self.lines.read_to_string(&mut text).expect("text");
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until `condition` holds, or fails the test after `limit`.
#[track_caller]
pub(crate) fn until(limit: Duration, what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    loop {
        let asked = Instant::now();
        if condition() {
            println!("{what}: within {:?}", start.elapsed());
            return;
        }
        assert!(asked - start < limit, "{what}: not within {limit:?}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Waits until every node sees all others alive.
#[track_caller]
pub(crate) fn until_all_see_all(limit: Duration, nodes: &[&Node]) {
    until(limit, "all see all alive", || {
        nodes.iter().all(|node| {
            nodes
                .iter()
                .filter(|other| other.address != node.address)
                .all(|other| node.status_of(other.address).as_deref() == Some("alive"))
        })
    });
}

/// A UDP port that nobody uses.
pub(crate) fn free_port() -> u16 {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    socket.local_addr().expect("an address").port()
}

/// A key file, made by the program.
pub(crate) fn key_file(directory: &Directory, name: &str) -> String {
    let path = directory.path(name);
    let made = program().arg("keygen").arg(&path).output().expect("the program runs");
    assert!(made.status.success());
    text(&path)
}

pub(crate) fn text(path: &Path) -> String {
    path.to_str().expect("a path of plain letters").to_owned()
}
