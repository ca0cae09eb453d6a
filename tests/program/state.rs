//! The state file: what a node knows again after it was killed, and what is said about files that do not fit.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::program::{
    Directory, Node, free_port, program, refusal, text, turn, until, until_all_see_all,
};

const LIMIT: Duration = Duration::from_secs(20);
const ALONE: &[&str] = &["--bind", "127.0.0.1:0", "--no-multicast"];

fn log(directory: &Directory, name: &str) -> String {
    fs::read_to_string(directory.path(&format!("{name}.log"))).expect("its log")
}

/// Waits until the log of node a says this.
#[track_caller]
fn until_told(directory: &Directory, text: &str) {
    until(LIMIT, text, || log(directory, "a").contains(text));
}

fn state(directory: &Directory, name: &str) -> String {
    text(&directory.path(&format!("{name}.state")))
}

/// The epoch in a state file.
fn epoch(path: &str) -> u64 {
    let file = fs::read_to_string(path).expect("a state file");
    let line = file.lines().find_map(|line| line.strip_prefix("epoch ")).expect("an epoch");
    line.parse().expect("a number")
}

/// Writes another epoch into a state file.
fn set_epoch(path: &str, epoch: u64) {
    let file = fs::read_to_string(path).expect("a state file");
    let body: String = file
        .lines()
        .filter(|line| !line.starts_with("sum "))
        .map(|line| match line.strip_prefix("epoch ") {
            Some(_) => format!("epoch {epoch}\n"),
            None => format!("{line}\n"),
        })
        .collect();
    let sum = body.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |sum, byte| {
        (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    fs::write(path, format!("{body}sum {sum:016x}\n")).expect("it is written");
}

/// A cluster with state files, of which the first node is the seed of the others.
fn cluster(directory: &Directory, places: &[String], seeds: bool) -> Vec<Node> {
    let mut nodes: Vec<Node> = Vec::new();
    for (number, place) in places.iter().enumerate() {
        let name = number.to_string();
        let state = state(directory, &name);
        let mut more = vec!["--bind", place, "--no-multicast", "--state", &state];
        if seeds && number > 0 {
            more.extend(["--seed", &places[0]]);
        }
        nodes.push(Node::start(directory, &name, &more));
    }
    nodes
}

#[test]
fn a_cluster_that_died_whole_is_whole_again_without_seeds() {
    let _turn = turn();
    let directory = Directory::new();
    let places: Vec<String> = (0..5).map(|_| format!("127.0.0.1:{}", free_port())).collect();
    let nodes = cluster(&directory, &places, true);
    until_all_see_all(LIMIT, &nodes.iter().collect::<Vec<_>>());
    until(LIMIT, "all have written down all", || {
        (0..places.len()).all(|own| {
            let file = fs::read_to_string(state(&directory, &own.to_string())).expect("its file");
            places.iter().enumerate().all(|(other, at)| other == own || file.contains(at.as_str()))
        })
    });
    for node in nodes {
        node.kill();
    }
    // All at once, as after a loss of power.
    let nodes = cluster(&directory, &places, false);
    until_all_see_all(Duration::from_secs(5), &nodes.iter().collect::<Vec<_>>());

    // One after the other, so that the last one has seen all others go.
    let mut rest = nodes;
    while !rest.is_empty() {
        let dead = rest.remove(0);
        let id = dead.address;
        dead.kill();
        until(LIMIT, "it is missed", || {
            rest.iter().all(|node| node.status_of(id).as_deref() != Some("alive"))
        });
    }
    let nodes = cluster(&directory, &places, false);
    until_all_see_all(Duration::from_secs(5), &nodes.iter().collect::<Vec<_>>());
}

#[test]
fn a_node_whose_clock_was_set_back_begins_above_its_last_life_and_says_so() {
    let directory = Directory::new();
    let file = state(&directory, "a");
    let more = [ALONE, &["--state", &file]].concat();
    Node::start(&directory, "a", &more).kill();
    let about = fs::metadata(&file).expect("a file");
    assert_eq!(about.permissions().mode() & 0o777, 0o600);
    // As if the last life had begun in an hour.
    let last = epoch(&file) + (3_600_000 << 22);
    set_epoch(&file, last);
    let node = Node::start(&directory, "a", &more);
    until_told(&directory, "s behind the last life");
    assert_eq!(epoch(&file), last + 1);
    node.kill();
    // And as if it had begun in the year 2242.
    set_epoch(&file, u64::MAX - 5);
    let _node = Node::start(&directory, "a", &more);
    until_told(&directory, "so far in the future");
    assert!(epoch(&file) < last);
}

#[test]
fn files_that_do_not_fit_are_refused_and_stay_as_they_are() {
    let directory = Directory::new();
    let file = state(&directory, "a");
    let more = [ALONE, &["--state", &file]].concat();
    let node = Node::start(&directory, "a", &more);
    let start = |file: &str, more: &[&str]| {
        let mut command = program();
        command.arg("node").args(ALONE).args(["--state", file]).args(more);
        command.arg("--socket").arg(directory.path("b.sock"));
        refusal(&mut command)
    };
    let line = start(&file, &[]);
    assert!(line.contains(&format!("--state {file}: the state file is in use")), "{line}");
    node.kill();
    let whole = fs::read(&file).expect("a state file");
    let line = start(&file, &["--cluster", "cellar"]);
    assert!(line.contains("cluster 'scalesmall', not 'cellar'"), "{line}");
    assert_eq!(fs::read(&file).expect("a state file"), whole);
    for (other, expected) in [
        ("scalesmall-state 7\nepoch 5\n", "another version ('scalesmall-state 7'"),
        ("root:x:0:0:root:/root:/bin/bash\n", "no state file of a node"),
    ] {
        fs::write(&file, other).expect("it is written");
        let line = start(&file, &[]);
        assert!(line.contains(expected), "{line}");
        assert_eq!(fs::read_to_string(&file).expect("a file"), other);
    }
    let folder = state(&directory, "folder");
    fs::create_dir(&folder).expect("it is made");
    let line = start(&folder, &[]);
    assert!(line.contains("no state file of a node"), "{line}");
    assert!(!fs::exists(format!("{folder}.lock")).expect("it can be looked for"));
}

#[test]
fn a_damaged_file_is_put_aside_and_told() {
    let directory = Directory::new();
    let file = state(&directory, "a");
    let more = [ALONE, &["--state", &file]].concat();
    Node::start(&directory, "a", &more).kill();
    let whole = fs::read_to_string(&file).expect("a state file");
    let half = &whole[..whole.len() / 2];
    fs::write(&file, half).expect("it is written");
    let node = Node::start(&directory, "a", &more);
    let aside = format!("{file}.damaged");
    assert_eq!(fs::read_to_string(&aside).expect("it is kept"), half);
    until_told(&directory, &format!("it is now {aside}"));
    assert_eq!(node.ask(&["peers"]), serde_json::json!([]));
    assert!(epoch(&file) > 0);
}

#[test]
fn a_file_that_cannot_be_written_is_told_and_written_once_it_can_be() {
    let directory = Directory::new();
    let folder = directory.path("folder");
    let file = text(&folder.join("state"));
    let node = Node::start(&directory, "a", &[ALONE, &["--state", &file]].concat());
    let told = format!("--state {file}: entity not found; the state file cannot be written");
    until(LIMIT, "it is told", || log(&directory, "a").contains(&told));
    assert!(node.counter("state_errors") > 0);
    fs::create_dir(&folder).expect("a directory");
    until(LIMIT, "it is written", || Path::new(&file).exists());
    assert_eq!(log(&directory, "a").matches("cannot be written").count(), 1);
}

#[test]
fn a_full_disk_leaves_the_last_state() {
    let directory = Directory::new();
    let folder = directory.path("disk");
    fs::create_dir(&folder).expect("a directory");
    let file = text(&folder.join("state"));
    let mut small = Command::new("unshare");
    let script = "mount -t tmpfs -o size=16k none \"$0\" && exec \"$@\"";
    let mut probe = Command::new("unshare");
    let probe = probe.args(["-m", "sh", "-c", script]).arg(&folder).arg("true").output();
    if !probe.is_ok_and(|probe| probe.status.success()) {
        println!("skipped: no mount namespaces here");
        return;
    }
    small.args(["-m", "sh", "-c", script]).arg(&folder).arg(env!("CARGO_BIN_EXE_scalesmall"));
    let node = Node::start_by(small, &directory, "a", &[ALONE, &["--state", &file]].concat());
    // Where the disk is to be seen from here.
    let disk = Path::new("/proc").join(node.pid().to_string()).join("root");
    let on_disk = |name: &str| disk.join(text(&folder.join(name)).trim_start_matches('/'));
    let first = fs::read(on_disk("state")).expect("a state file");
    assert!(fs::write(on_disk("fill"), [0; 65_536]).is_err(), "the disk is not full");
    let seed = node.address.to_string();
    let other = Node::start(&directory, "b", &[ALONE, &["--seed", &seed]].concat());
    until_all_see_all(LIMIT, &[&node, &other]);
    until(LIMIT, "the disk is full", || node.counter("state_errors") > 0);
    assert_eq!(fs::read(on_disk("state")).expect("a state file"), first);
    fs::remove_file(on_disk("fill")).expect("it is removed");
    let written = || fs::read_to_string(on_disk("state")).expect("a state file");
    until(LIMIT, "it is written", || written().contains(&other.address.to_string()));
}
