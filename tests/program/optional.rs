//! What cannot stop a node: its log, its clients, what it has run out of, a terminal that goes away.
#![cfg(target_os = "linux")]

use std::fs::File;
use std::io::{PipeReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::program::{Directory, Node, program, refusal, turn, until, until_all_see_all};

const ALONE: &[&str] = &["--no-multicast"];
const LIMIT: Duration = Duration::from_secs(10);

/// A node that works and whose output goes to `onto`, and one that knows it.
fn pair(directory: &Directory, onto: (Stdio, Stdio)) -> (Node, Node) {
    let first = Node::start_onto(program(), directory, "a", ALONE, onto);
    let seed = first.address.to_string();
    let more = ["--bind", "127.0.0.1:0", "--no-multicast", "--seed", &seed];
    let second = Node::start(directory, "b", &more);
    until_all_see_all(LIMIT, &[&first, &second]);
    (first, second)
}

/// The node tells its watchers of changes, and says goodbye within a second when it is told to.
#[track_caller]
fn goes_on_and_ends_in_order((node, other): (Node, Node), signal: &str) {
    let mut watch = node.watch();
    other.ask(&["join", "kitchen"]);
    while watch.next()["group"] != "kitchen" {}
    ends_in_order(node, &other, signal);
}

#[track_caller]
fn ends_in_order(node: Node, other: &Node, signal: &str) {
    let (id, asked) = (node.address, Instant::now());
    let mut watch = other.watch();
    node.signal(signal);
    loop {
        let change = watch.next();
        if change["event"] == "peer" && change["name"] == id.to_string() {
            assert_eq!(change["to"], "left");
            break;
        }
    }
    let code = node.ended(LIMIT);
    assert_eq!(code, Some(0));
    assert!(asked.elapsed() < Duration::from_secs(1), "it took {:?}", asked.elapsed());
}

/// A pipe that has no room, and its other end, which nobody reads.
fn full_pipe() -> (PipeReader, Stdio) {
    let (read, mut write) = std::io::pipe().expect("a pipe");
    write.write_all(&[b'x'; 65_536]).expect("as much as a pipe holds");
    (read, write.into())
}

#[test]
fn a_node_outlives_the_reader_of_its_log_and_of_its_output() {
    let _turn = turn();
    let directory = Directory::new();
    let (out_read, out) = std::io::pipe().expect("a pipe");
    let (log_read, log) = std::io::pipe().expect("a pipe");
    drop((out_read, log_read));
    goes_on_and_ends_in_order(pair(&directory, (out.into(), log.into())), "TERM");
}

#[test]
fn a_node_does_not_wait_for_the_reader_of_its_log_or_of_its_output() {
    let _turn = turn();
    let directory = Directory::new();
    let ((_out_read, out), (mut log_read, log)) = (full_pipe(), full_pipe());
    let (node, other) = pair(&directory, (out, log));
    // More lines than wait for the log.
    until(Duration::from_secs(60), "lines of the log are lost", || {
        for _ in 0..64 {
            node.signal("HUP");
        }
        node.counter("log_lines_lost") > 0
    });
    // Once somebody reads it, the log says how many.
    let reads = std::thread::spawn(move || {
        let mut text = Vec::new();
        let _ = log_read.read_to_end(&mut text);
        String::from_utf8_lossy(&text).into_owned()
    });
    goes_on_and_ends_in_order((node, other), "TERM");
    let log = reads.join().expect("it reads to the end");
    assert!(log.contains("lines of the log were lost before this one"), "{log}");
}

#[test]
fn a_node_outlives_a_disk_that_is_full() {
    let _turn = turn();
    let directory = Directory::new();
    let full = || File::options().write(true).open("/dev/full").expect("it exists").into();
    let (node, other) = pair(&directory, (full(), full()));
    node.signal("HUP");
    until(LIMIT, "a line is lost", || node.counter("log_lines_lost") > 0);
    goes_on_and_ends_in_order((node, other), "INT");
}

#[test]
fn hanging_up_kills_no_node() {
    let directory = Directory::new();
    let node = Node::start(&directory, "a", &["--bind", "127.0.0.1:0", "--no-multicast"]);
    node.signal("HUP");
    let log = || std::fs::read_to_string(directory.path("a.log")).expect("its log");
    until(LIMIT, "the log says so", || log().contains("SIGHUP"));
    assert_eq!(node.ask(&["peers"]), serde_json::json!([]));
}

/// A client that is no program.
fn client(node: &Node, says: &[u8]) -> UnixStream {
    let mut stream = UnixStream::connect(&node.socket).expect("it listens");
    stream.set_read_timeout(Some(LIMIT)).expect("a time-out");
    stream.write_all(says).expect("it is read");
    stream
}

/// All that the node says to a client, until it closes the connection.
fn heard(mut stream: &UnixStream) -> String {
    let mut text = Vec::new();
    // A node that has closed while something was on its way to it.
    let _ = stream.read_to_end(&mut text);
    String::from_utf8_lossy(&text).into_owned()
}

/// What the node says to a client first.
fn start(mut stream: &UnixStream) -> String {
    let mut start = [0; 300];
    let len = stream.read(&mut start).expect("an answer");
    String::from_utf8_lossy(&start[..len]).into_owned()
}

const WATCH: &[u8] = b"{\"call\":\"watch\"}\n";

#[test]
fn a_request_has_two_seconds_however_slowly_it_comes() {
    let directory = Directory::new();
    let node = Node::start(&directory, "a", &["--bind", "127.0.0.1:0", "--no-multicast"]);
    let mut slow = client(&node, b"");
    slow.set_read_timeout(Some(Duration::from_millis(100))).expect("a time-out");
    let begun = Instant::now();
    let mut told = [0; 1024];
    let len = loop {
        // A node that has closed takes no more.
        let _ = slow.write_all(b" ");
        match slow.read(&mut told) {
            Ok(len) => break len,
            Err(_) => assert!(begun.elapsed() < LIMIT, "it is waited for"),
        }
    };
    let told = String::from_utf8_lossy(&told[..len]).into_owned();
    assert!(told.contains("did not arrive within 2s"), "{told:?}");
    assert!(begun.elapsed() >= Duration::from_secs(2));
}

#[test]
fn there_is_always_a_place_for_one_who_asks() {
    let _turn = turn();
    let directory = Directory::new();
    let (node, other) = pair(&directory, (Stdio::null(), Stdio::null()));
    let begun = Instant::now();
    let silent: Vec<UnixStream> = (0..100).map(|_| client(&node, b"")).collect();
    assert_eq!(node.ask(&["peers"]).as_array().map(Vec::len), Some(1));
    assert!(begun.elapsed() < Duration::from_secs(2), "it waited for those that are silent");
    assert!(heard(&silent[0]).contains("another client needed the place"));
    let watches: Vec<UnixStream> = (0..100).map(|_| client(&node, WATCH)).collect();
    let starts: Vec<String> = watches.iter().map(start).collect();
    let count = |text: &str| starts.iter().filter(|start| start.contains(text)).count();
    let (watching, refused) = (count("watching"), count("refused"));
    assert!((1..=48).contains(&watching) && watching + refused == 100, "{starts:?}");
    assert!(count("48 clients watch already") > 0, "{starts:?}");
    assert_eq!(node.ask(&["peers"]).as_array().map(Vec::len), Some(1));
    assert!(node.counter("clients_refused") >= 52);
    ends_in_order(node, &other, "TERM");
}

#[test]
fn a_line_without_an_end_is_refused_with_a_reason_and_so_is_one_that_is_too_long() {
    let directory = Directory::new();
    let node = Node::start(&directory, "a", &["--bind", "127.0.0.1:0", "--no-multicast"]);
    let mut endless = client(&node, b"");
    while endless.write_all(&[b'x'; 4096]).is_ok() {}
    assert!(heard(&endless).contains("a request has at most 65536 bytes"));
    let line = refusal(&mut node.command(&["send", &"x".repeat(100_000)]));
    assert!(line.contains("a request has at most 65536 bytes"), "{line}");
    let begun = Instant::now();
    let line = refusal(program().args(["replay", "/dev/zero"]));
    assert!(line.contains("line 1 has more than 262144 bytes"), "{line}");
    assert!(begun.elapsed() < LIMIT);
}

#[test]
fn a_watch_that_is_not_read_loses_changes_and_holds_up_nobody() {
    let _turn = turn();
    let directory = Directory::new();
    let (node, other) = pair(&directory, (Stdio::null(), Stdio::null()));
    let (stopped, mut reads) = (node.watch(), node.watch());
    stopped.signal("STOP");
    let until_told = |reads: &mut crate::program::Watch, port: u64| {
        while reads.next()["item"]["port"] != port {}
    };
    let mut changes = 0;
    until(Duration::from_secs(120), "changes are dropped", || {
        for _ in 0..200 {
            changes += 1;
            let port = (changes % 60_000 + 1).to_string();
            let line = format!(
                "{{\"call\":\"add\",\"group\":\"g\",\"start\":1,\"end\":2,\"port\":{port}}}\n"
            );
            assert!(heard(&client(&node, line.as_bytes())).contains("items"));
        }
        until_told(&mut reads, changes % 60_000 + 1);
        node.counter("watches_lagged") == 1
    });
    stopped.signal("CONT");
    let mut stopped = stopped;
    while stopped.next()["event"] != "lagged" {}
    ends_in_order(node, &other, "TERM");
}

#[test]
fn a_node_without_descriptors_warns_once_answers_and_ends_in_order() {
    let _turn = turn();
    let directory = Directory::new();
    let mut limited = Command::new("sh");
    let limit = "ulimit -n 20; exec \"$0\" \"$@\"";
    limited.args(["-c", limit, env!("CARGO_BIN_EXE_scalesmall")]);
    let log = File::create(directory.path("a.log")).expect("a log");
    let onto = (Stdio::null(), log.into());
    let node = Node::start_onto(limited, &directory, "a", ALONE, onto);
    let seed = node.address.to_string();
    let more = ["--bind", "127.0.0.1:0", "--no-multicast", "--seed", &seed];
    let other = Node::start(&directory, "b", &more);
    until_all_see_all(LIMIT, &[&node, &other]);

    let watches: Vec<UnixStream> = (0..30).map(|_| client(&node, WATCH)).collect();
    let log = || std::fs::read_to_string(directory.path("a.log")).expect("its log");
    until(LIMIT, "it is told", || log().contains("no file descriptors are left"));
    let starts: Vec<String> = watches.iter().map(start).collect();
    assert!(starts.iter().any(|start| start.contains("no place for a watch")), "{starts:?}");
    let silent: Vec<UnixStream> = (0..5).map(|_| client(&node, b"")).collect();
    for _ in 0..20 {
        assert_eq!(node.ask(&["peers"]).as_array().map(Vec::len), Some(1));
    }
    assert_eq!(log().matches("no file descriptors are left").count(), 1, "{}", log());
    drop(silent);
    ends_in_order(node, &other, "TERM");
}
