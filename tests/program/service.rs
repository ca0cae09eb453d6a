//! A node as a service: what a service manager is told, and files that describe services.

use std::os::unix::net::UnixDatagram;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::program::{Directory, Node, key_file, program, run, text, until};

const LIMIT: Duration = Duration::from_secs(20);
const ALONE: &[&str] = &["--bind", "127.0.0.1:0", "--no-multicast"];

/// A service manager.
struct Manager {
    socket: UnixDatagram,
    path: PathBuf,
}

impl Manager {
    fn new(directory: &Directory) -> Self {
        let path = directory.path("notify");
        let socket = UnixDatagram::bind(&path).expect("a socket");
        socket.set_read_timeout(Some(LIMIT)).expect("a time-out");
        Self { socket, path }
    }

    fn command(&self) -> Command {
        let mut command = program();
        command.env("NOTIFY_SOCKET", &self.path);
        command
    }

    /// The next message, its lines.
    fn told(&self) -> Vec<String> {
        let mut bytes = [0; 4096];
        let length = self.socket.recv(&mut bytes).expect("a message in time");
        let message = String::from_utf8(bytes[..length].to_vec()).expect("text");
        message.lines().map(str::to_owned).collect()
    }

    /// The messages up to the first one with this line, and that one.
    fn until(&self, line: &str) -> Vec<Vec<String>> {
        let mut messages = Vec::new();
        loop {
            messages.push(self.told());
            if messages.iter().flatten().any(|told| told == line) {
                return messages;
            }
        }
    }
}

#[test]
fn a_service_manager_is_told_when_the_node_is_up_reloads_and_ends() {
    let directory = Directory::new();
    let manager = Manager::new(&directory);
    let node = Node::start_by(manager.command(), &directory, "a", ALONE);
    let ready = manager.told();
    assert_eq!(ready[0], "READY=1");
    assert!(
        ready[1].starts_with(&format!("STATUS=node {0} at {0} is up", node.address)),
        "{ready:?}"
    );
    node.signal("HUP");
    let reloading = manager.told();
    assert_eq!(reloading[0], "RELOADING=1");
    assert!(reloading[1].starts_with("MONOTONIC_USEC="), "{reloading:?}");
    assert_eq!(manager.told()[0], "READY=1");
    node.signal("TERM");
    assert_eq!(manager.told(), ["STOPPING=1"]);
    assert_eq!(node.ended(LIMIT), Some(0));
}

#[test]
fn a_watchdog_is_fed_for_as_long_as_the_node_answers() {
    let directory = Directory::new();
    let manager = Manager::new(&directory);
    let mut command = manager.command();
    command.env("WATCHDOG_USEC", "40000");
    let node = Node::start_by(command, &directory, "a", ALONE);
    for _ in 0..3 {
        manager.until("WATCHDOG=1");
    }
    node.signal("TERM");
    manager.until("STOPPING=1");
    assert_eq!(node.ended(LIMIT), Some(0));
}

#[test]
fn a_watchdog_of_another_process_is_not_fed() {
    let directory = Directory::new();
    let manager = Manager::new(&directory);
    let mut command = manager.command();
    command.env("WATCHDOG_USEC", "20000").env("WATCHDOG_PID", "1");
    let node = Node::start_by(command, &directory, "a", ALONE);
    assert_eq!(manager.told()[0], "READY=1");
    for _ in 0..10 {
        // Each of these takes longer than half of the interval.
        assert_eq!(node.ask(&["peers"]), serde_json::json!([]));
    }
    node.signal("TERM");
    assert_eq!(manager.told(), ["STOPPING=1"], "nothing in between");
    assert_eq!(node.ended(LIMIT), Some(0));
}

#[test]
fn a_service_manager_that_is_gone_keeps_no_node_waiting() {
    let directory = Directory::new();
    let manager = Manager::new(&directory);
    let command = manager.command();
    drop(manager.socket);
    let node = Node::start_by(command, &directory, "a", ALONE);
    let log = || std::fs::read_to_string(directory.path("a.log")).expect("its log");
    until(LIMIT, "the log says so", || log().contains("NOTIFY_SOCKET"));
    assert_eq!(node.ask(&["peers"]), serde_json::json!([]));
    node.signal("TERM");
    assert_eq!(node.ended(LIMIT), Some(0));
}

fn deployed(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy").join(path)
}

fn read(path: &str) -> String {
    std::fs::read_to_string(deployed(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn the_unit_is_one_that_systemd_takes() {
    let directory = Directory::new();
    let unit = read("systemd/scalesmall.service");
    assert!(unit.contains("\nType=notify\n") && unit.contains("\nWatchdogSec="), "{unit}");
    let here = env!("CARGO_BIN_EXE_scalesmall");
    let path = directory.path("scalesmall.service");
    std::fs::write(&path, unit.replace("/usr/local/bin/scalesmall", here)).expect("it is written");
    let mut verify = Command::new("systemd-analyze");
    match verify.args(["verify", "--man=no"]).arg(&path).output() {
        Err(error) => println!("skipped: systemd-analyze does not run: {error}"),
        Ok(verified) => {
            let told = String::from_utf8_lossy(&verified.stderr).into_owned();
            let about = told.lines().find(|line| line.contains("scalesmall.service"));
            assert_eq!(about, None, "{told}");
            assert!(verified.status.success(), "{told}");
        }
    }
}

#[test]
fn the_configurations_and_variables_of_the_services_are_taken() {
    let directory = Directory::new();
    let key = key_file(&directory, "cluster.key");
    let check = |name: &str, configuration: &str, variables: &[(String, String)]| {
        let path = directory.path(name);
        let configuration = configuration.replace("/etc/scalesmall-key/cluster.key", &key);
        std::fs::write(&path, configuration).expect("it is written");
        let mut command = program();
        command.args(["config", "check", "--config", &text(&path), "--advertise", "127.0.0.1:1"]);
        command.envs(variables.iter().cloned());
        let output = command.output().expect("the program runs");
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{name}: {told}");
    };
    let unit = read("systemd/scalesmall.service");
    let variables = unit.lines().filter_map(|line| line.strip_prefix("Environment="));
    let variables = variables.filter_map(|line| line.split_once('='));
    let variables: Vec<(String, String)> =
        variables.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    assert_eq!(variables.len(), 2, "{unit}");
    check("node.toml", &read("systemd/node.toml"), &variables);

    let manifest = read("kubernetes/scalesmall.yaml");
    let (_, rest) = manifest.split_once("  node.toml: |\n").expect("a configuration");
    let (inner, _) = rest.split_once("\n---").expect("its end");
    let lines: Vec<&str> = inner.lines().map(str::trim_start).collect();
    assert!(lines.len() >= 4, "{inner}");
    check("pod.toml", &lines.join("\n"), &[]);

    // Each variable of this program that a file names is one that it knows.
    let shown = run(&["config", "show", "--bind", "127.0.0.1:0"]);
    let shown = String::from_utf8(shown.stdout).expect("text");
    let keys: Vec<&str> = shown
        .lines()
        .map(|line| line.trim_start_matches("# "))
        .filter_map(|line| line.split(' ').next())
        .collect();
    let files = ["systemd/scalesmall.service", "container/Containerfile", "container/compose.yaml"];
    let mut found = 0;
    for file in files {
        let file_text = read(file);
        for part in file_text.split("SCALESMALL_").skip(1) {
            let end =
                part.find(|c: char| c != '_' && !c.is_ascii_uppercase()).unwrap_or(part.len());
            let key = part[..end].to_lowercase();
            assert!(keys.contains(&key.as_str()), "{file}: SCALESMALL_{} is no key", &part[..end]);
            found += 1;
        }
    }
    assert!(found >= 8, "{found} variables");
}

#[test]
fn the_commands_that_orchestrators_run_are_commands_of_the_program() {
    let help = String::from_utf8(run(&["help"]).stdout).expect("text");
    let mut found = Vec::new();
    for file in ["container/compose.yaml", "kubernetes/scalesmall.yaml"] {
        let content = read(file);
        let lines = content.lines().filter(|line| line.contains("/usr/local/bin/scalesmall"));
        for line in lines {
            let words = line.rsplit("/usr/local/bin/scalesmall").next().expect("what follows");
            let words = words.trim_start_matches(|c: char| !c.is_ascii_lowercase());
            let word: String = words.chars().take_while(char::is_ascii_lowercase).collect();
            assert!(help.contains(&format!("\n  {word} ")), "{file}: there is no command {word:?}");
            found.push(word);
        }
    }
    assert_eq!(found, ["ready", "ready", "groups", "depart"]);
}

/// Secrets that an orchestrator lends: they belong to root, and a group may read them.
#[test]
fn a_key_that_root_lends_to_the_group_of_a_node_is_taken() {
    let directory = Directory::new();
    let key = PathBuf::from(key_file(&directory, "key"));
    let nobody = 65_534;
    if std::os::unix::fs::chown(&key, None, Some(nobody)).is_err() {
        println!("skipped: only root can lend a file");
        return;
    }
    let mode = |mode: u32| {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(mode);
        std::fs::set_permissions(&key, mode).expect("its mode");
    };
    let check = |user: u32| {
        let mut command = program();
        command.args(["config", "check", "--bind", "127.0.0.1:0", "--key-file"]).arg(&key);
        if user != 0 {
            command.uid(user).gid(nobody);
        }
        match command.output() {
            Ok(output) => Some((
                output.status.success(),
                String::from_utf8_lossy(&output.stderr).into_owned(),
            )),
            Err(error) => {
                println!("skipped: another user cannot run the program here: {error}");
                None
            }
        }
    };
    mode(0o440);
    let Some((taken, told)) = check(nobody) else { return };
    assert!(taken, "{told}");
    for refused in [0o460, 0o444, 0o640] {
        mode(refused);
        let (taken, told) = check(nobody).expect("it runs");
        assert_eq!(taken, refused == 0o640, "mode {refused:o}: {told}");
    }
    // A user that could have it alone does not share it.
    mode(0o440);
    let (taken, told) = check(0).expect("it runs");
    assert!(!taken && told.contains("make it 600"), "{told}");
}
