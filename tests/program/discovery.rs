//! Finding others: names that are looked up again and again, seeds that are told of, contacts at run time.

use std::fs;
use std::net::UdpSocket;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::program::{Directory, Node, free_port, refusal, text, until, until_all_see_all};

const LIMIT: Duration = Duration::from_secs(20);
const ALONE: &[&str] = &["--bind", "127.0.0.1:0", "--no-multicast"];

fn log(directory: &Directory, name: &str) -> String {
    fs::read_to_string(directory.path(&format!("{name}.log"))).expect("its log")
}

/// The program with a file of host names of its own; `None`, with a line that says why, where that is not
/// permitted.
fn with_hosts(directory: &Directory, name: &str, hosts: &str) -> Option<Command> {
    let file = directory.path(&format!("{name}.hosts"));
    fs::write(&file, format!("127.0.0.1 localhost\n{hosts}")).expect("a file");
    with_file(&file, "/etc/hosts")
}

/// The program with a file of its own in the place of one of the system.
fn with_file(file: &Path, place: &str) -> Option<Command> {
    let script = format!("mount --bind \"$0\" {place} && exec \"$@\"");
    let mut command = Command::new("unshare");
    command.args(["-m", "sh", "-c"]);
    let mut probe = Command::new("unshare");
    probe.args(["-m", "sh", "-c", &script]).arg(file).arg("true").stderr(Stdio::null());
    if !probe.status().is_ok_and(|status| status.success()) {
        println!("skipped: no mount namespaces here");
        return None;
    }
    command.arg(script).arg(file).arg(env!("CARGO_BIN_EXE_scalesmall"));
    Some(command)
}

#[test]
fn two_islands_with_one_name_become_one_cluster() {
    let directory = Directory::new();
    let port = free_port().to_string();
    let name = format!("peers.test:{port}");
    let ends = |name: char| if name < 'c' { 1 } else { 3 };
    let mut nodes = Vec::new();
    for (number, letter) in (1..).zip(['a', 'b', 'c', 'd']) {
        let hosts = format!("127.0.1.{} peers.test\n", ends(letter));
        let letter = letter.to_string();
        let Some(command) = with_hosts(&directory, &letter, &hosts) else { return };
        let bind = format!("127.0.1.{number}:{port}");
        let more = ["--bind", &bind, "--seed", &name, "--look-up-every", "2s"];
        nodes.push(Node::start_by(command, &directory, &letter, &more));
    }
    until_all_see_all(LIMIT, &[&nodes[0], &nodes[1]]);
    until_all_see_all(LIMIT, &[&nodes[2], &nodes[3]]);
    assert_eq!(nodes[0].status_of(nodes[2].address), None, "they are no islands");
    // From now on the name stands for all of them, at all of them. The file stays the same one, which is
    // mounted.
    let all: String = (1..=4).map(|number| format!("127.0.1.{number} peers.test\n")).collect();
    for letter in ["a", "b", "c", "d"] {
        let file = directory.path(&format!("{letter}.hosts"));
        fs::write(file, format!("127.0.0.1 localhost\n{all}")).expect("a file");
    }
    // Two look-ups at most.
    until_all_see_all(LIMIT, &nodes.iter().collect::<Vec<_>>());
}

#[test]
fn seeds_that_cannot_be_looked_up_or_do_not_answer_are_named_once() {
    let directory = Directory::new();
    let hosts = "127.0.1.9 silent.test\n127.0.1.10 silent.test\n";
    let Some(command) = with_hosts(&directory, "a", hosts) else { return };
    let dead = format!("127.0.0.1:{}", free_port());
    let more = [
        "--seed",
        "unknown.invalid",
        "--seed",
        "silent.test:9",
        "--seed",
        &dead,
        "--look-up-every",
        "1s",
    ];
    let node = Node::start_by(command, &directory, "a", &[ALONE, &more].concat());
    let mentioned = |text: &str| log(&directory, "a").matches(text).count();
    let texts = [
        "seed unknown.invalid:29999 cannot be looked up".to_owned(),
        "seed silent.test:9 at 127.0.1.9:9, 127.0.1.10:9 does not answer".to_owned(),
        format!("seed {dead} does not answer"),
    ];
    for text in &texts {
        until(LIMIT, text, || mentioned(text) == 1);
    }
    // It is looked up again, and nothing more is said.
    let sent = node.counter("datagrams_sent");
    until(LIMIT, "they are tried again", || node.counter("datagrams_sent") > sent + 8);
    assert!(texts.iter().all(|text| mentioned(text) == 1), "{}", log(&directory, "a"));
    // The one that did not answer starts.
    let _other = Node::start(&directory, "b", &["--bind", &dead, "--no-multicast"]);
    until(LIMIT, "it answers", || mentioned(&format!("seed {dead} answers")) == 1);
}

#[test]
fn a_running_node_contacts_others_by_address_and_by_name() {
    let directory = Directory::new();
    let nodes = ["a", "b", "c"].map(|name| Node::start(&directory, name, ALONE));
    let by_address = nodes[1].address.to_string();
    let by_name = format!("localhost:{}", nodes[2].address.port());
    nodes[0].ask(&["contact", &by_address, &by_name]);
    until_all_see_all(LIMIT, &nodes.iter().collect::<Vec<_>>());
    let line = refusal(&mut nodes[0].command(&["contact", "[::1]:7"]));
    assert!(line.contains("[::1]:7 is of an address family that this node cannot reach"), "{line}");
}

#[test]
fn a_seed_without_a_port_has_the_default_port() {
    let directory = Directory::new();
    // Nobody else uses this address of the loopback network.
    let bind = "127.29.99.1:29999";
    let seed = Node::start(&directory, "a", &["--bind", bind, "--no-multicast"]);
    let more = ["--bind", "127.29.99.2:29999", "--no-multicast", "--seed", "127.29.99.1"];
    let node = Node::start(&directory, "b", &more);
    until_all_see_all(LIMIT, &[&seed, &node]);
}

#[test]
fn no_multicast_is_used_unless_it_is_asked_for() {
    let directory = Directory::new();
    let bind = ["--bind", "127.0.0.1:0"];
    let quiet = Node::start(&directory, "quiet", &bind);
    let group = format!("239.255.92.161:{}", free_port());
    let asked = [&bind[..], &["--multicast-group", &group]].concat();
    let asked = Node::start(&directory, "asked", &asked);
    until(LIMIT, "it uses multicast", || asked.counter("multicasts_sent") > 0);
    let sockets = |node: &Node| {
        let files = fs::read_dir(format!("/proc/{}/fd", node.pid())).expect("its files");
        files
            .filter_map(|file| fs::read_link(file.ok()?.path()).ok())
            .filter(|file| text(file).starts_with("socket:"))
            // Each may have several descriptors.
            .collect::<std::collections::BTreeSet<_>>()
            .len()
    };
    // The connection of the last question may be about to end.
    until(LIMIT, "one socket more", || sockets(&asked) == sockets(&quiet) + 1);
    assert_eq!(quiet.counter("multicasts_sent"), 0);
}

/// A socket at the port of name servers, and the file that names it; `None`, with a line that says why,
/// where that is not permitted.
fn name_server(directory: &Directory) -> Option<(UdpSocket, std::path::PathBuf)> {
    let address = "127.29.99.53";
    let socket = UdpSocket::bind((address, 53));
    let Ok(socket) = socket.inspect_err(|error| println!("skipped: no name server here: {error}"))
    else {
        return None;
    };
    let file = directory.path("resolv.conf");
    fs::write(&file, format!("nameserver {address}\noptions timeout:30\n")).expect("a file");
    Some((socket, file))
}

/// A name as DNS writes it.
fn labels(name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for label in name.split('.') {
        bytes.push(u8::try_from(label.len()).expect("a label"));
        bytes.extend_from_slice(label.as_bytes());
    }
    bytes.push(0);
    bytes
}

/// Answers the next question with `SRV` records of these ports at localhost.
fn answer_service(socket: &UdpSocket, name: &str, ports: &[u16]) {
    let mut query = [0; 512];
    let (len, from) = loop {
        let (len, from) = socket.recv_from(&mut query).expect("a question");
        if query[12..len].starts_with(&labels(name)) {
            break (len, from);
        }
    };
    assert!(len > 12 + labels(name).len() + 4);
    let count = u8::try_from(ports.len()).expect("a few");
    let mut answer = query[..2].to_vec();
    answer.extend_from_slice(&[0x81, 0x80, 0, 1, 0, count, 0, 0, 0, 0]);
    answer.extend_from_slice(&query[12..12 + labels(name).len() + 4]);
    for port in ports {
        let target = labels("localhost");
        // The name of the question, SRV, the Internet, for a minute.
        answer.extend_from_slice(&[0xc0, 12, 0, 33, 0, 1, 0, 0, 0, 60, 0]);
        answer.push(u8::try_from(target.len() + 6).expect("a short name"));
        answer.extend_from_slice(&[0, 1, 0, 1]);
        answer.extend_from_slice(&port.to_be_bytes());
        answer.extend_from_slice(&target);
    }
    socket.send_to(&answer, from).expect("it is sent");
}

/// One name server at a time can be at its port.
fn at_the_port_of_name_servers() -> std::sync::MutexGuard<'static, ()> {
    static PORT: std::sync::Mutex<()> = std::sync::Mutex::new(());
    PORT.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

#[test]
fn the_records_of_a_service_name_hosts_and_their_ports() {
    let _port = at_the_port_of_name_servers();
    let directory = Directory::new();
    let Some((socket, file)) = name_server(&directory) else { return };
    let Some(command) = with_file(&file, "/etc/resolv.conf") else { return };
    let others = ["b", "c"].map(|name| Node::start(&directory, name, ALONE));
    let service = "_scalesmall._udp.peers.test";
    let more = [ALONE, &["--seed", service, "--look-up-every", "1s"]].concat();
    let node = Node::start_by(command, &directory, "a", &more);
    answer_service(&socket, service, &[others[0].address.port()]);
    until_all_see_all(LIMIT, &[&node, &others[0]]);
    assert_eq!(node.status_of(others[1].address), None);
    // It is looked up again.
    answer_service(&socket, service, &others.each_ref().map(|other| other.address.port()));
    until_all_see_all(LIMIT, &[&node, &others[0], &others[1]]);
}

#[test]
fn a_name_server_that_does_not_answer_holds_up_nobody() {
    let _port = at_the_port_of_name_servers();
    let directory = Directory::new();
    let Some((_socket, file)) = name_server(&directory) else { return };
    let Some(command) = with_file(&file, "/etc/resolv.conf") else { return };
    let other = Node::start(&directory, "b", ALONE);
    let seed = other.address.to_string();
    let seeds = ["--seed", "_scalesmall._udp.peers.test", "--seed", "peers.test", "--seed", &seed];
    let node = Node::start_by(command, &directory, "a", &[ALONE, &seeds].concat());
    until_all_see_all(Duration::from_secs(5), &[&node, &other]);
    let asked = Instant::now();
    for _ in 0..20 {
        assert_eq!(node.ask(&["peers"]).as_array().map(Vec::len), Some(1));
    }
    // A look-up takes at least half a minute.
    assert!(asked.elapsed() < LIMIT / 2, "it took {:?}", asked.elapsed());
    let told = || log(&directory, "a").contains("_scalesmall._udp.peers.test cannot be looked up");
    until(LIMIT, "it is told", told);
    assert!(!log(&directory, "a").contains("peers.test:29999"), "it is still being looked up");
    assert_eq!(other.status_of(node.address).as_deref(), Some("alive"));
    let id = node.address;
    let asked = Instant::now();
    node.signal("TERM");
    assert_eq!(node.ended(LIMIT), Some(0));
    assert!(asked.elapsed() < Duration::from_secs(1), "it took {:?}", asked.elapsed());
    until(LIMIT, "it has left", || other.status_of(id).as_deref() == Some("left"));
}
