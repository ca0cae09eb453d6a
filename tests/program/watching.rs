//! Watching a node: figures, health, and scrapers that are slow, silent or many.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::program::{Directory, Node, key_file, refusal, run, text, until, until_all_see_all};

const ALONE: &[&str] = &["--bind", "127.0.0.1:0", "--no-multicast"];
const WATCHED: &[&str] = &["--bind", "127.0.0.1:0", "--no-multicast", "--metrics", "127.0.0.1:0"];
const LIMIT: Duration = Duration::from_secs(20);

/// Where a node is watched: it says so in its log.
fn address(directory: &Directory, name: &str) -> SocketAddr {
    let mut found = None;
    until(LIMIT, "the log names the address", || {
        let log = std::fs::read_to_string(directory.path(&format!("{name}.log"))).expect("its log");
        let rest = log.split("http://").nth(1);
        found = rest.and_then(|rest| rest.split('/').next()?.parse().ok());
        found.is_some()
    });
    found.expect("an address")
}

/// A scraper that has said this much.
fn scraper(at: SocketAddr, says: &str) -> TcpStream {
    let mut stream = TcpStream::connect(at).expect("it listens");
    stream.set_read_timeout(Some(LIMIT)).expect("a time-out");
    stream.write_all(says.as_bytes()).expect("it is read");
    stream
}

/// All that is answered, until the connection is closed.
fn heard(mut stream: &TcpStream) -> String {
    let mut text = Vec::new();
    // A node that has closed while something was on its way to it.
    let _ = stream.read_to_end(&mut text);
    String::from_utf8_lossy(&text).into_owned()
}

fn get(at: SocketAddr, target: &str) -> String {
    heard(&scraper(at, &format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n")))
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or_default()
}

/// The value of a sample, named with its labels.
fn value<'a>(text: &'a str, sample: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '))
}

/// Two nodes that know each other, the first of which is watched.
fn pair(directory: &Directory) -> (Node, Node, SocketAddr) {
    let first = Node::start(directory, "a", WATCHED);
    let seed = first.address.to_string();
    let second = Node::start(directory, "b", &[ALONE, &["--seed", &seed]].concat());
    until_all_see_all(LIMIT, &[&first, &second]);
    let at = address(directory, "a");
    (first, second, at)
}

#[test]
fn a_node_is_watched_by_http_and_by_the_control_socket_with_the_same_words() {
    let directory = Directory::new();
    let (node, other, at) = pair(&directory);
    let group = "k\"i\\t\nchen";
    other.ask(&["add", &format!("{group}:0-9@7000")]);
    let members = "scalesmall_group_members{group=\"k\\\"i\\\\\\\\t\\\\nchen\"}";
    until(LIMIT, "the group is there", || value(&get(at, "/metrics"), members) == Some("1"));

    let answer = get(at, "/metrics");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    let kind = "\r\nContent-Type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n";
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && head.contains(kind), "{head}");
    assert!(head.contains(&format!("\r\nContent-Length: {}\r\n", body.len())), "{head}");
    assert!(body.ends_with("\n# EOF\n"), "{body}");
    let told = |sample| value(body, sample);
    assert_eq!(told("scalesmall_peers{status=\"alive\"}"), Some("1"));
    assert_eq!(told("scalesmall_build_info{version=\"0.1.0\"}"), Some("1"));
    let node_info = format!("scalesmall_node_info{{name=\"{}\",id=\"", node.address);
    assert!(body.contains(&node_info), "{body}");
    let uptime: f64 =
        told("scalesmall_uptime_seconds").and_then(|told| told.parse().ok()).expect("a time");
    assert!(uptime > 0.0);
    let trip = told("scalesmall_round_trip_seconds{quantile=\"0.5\"}");
    assert!(
        trip.and_then(|told| told.parse::<f64>().ok()).is_some_and(|trip| trip > 0.0),
        "{trip:?}"
    );
    assert_eq!(told("scalesmall_queue_limit{queue=\"calls\"}"), Some("4096"));
    assert_eq!(told("scalesmall_log_lines_lost_total"), Some("0"));

    // Each counter that `stats` lists is a sample with a text.
    let stats = node.ask(&["stats"]);
    for name in stats.as_object().expect("an object").keys() {
        let sample = format!("scalesmall_{name}_total");
        assert!(value(body, &sample).is_some(), "{name} is missing");
        assert!(body.contains(&format!("# HELP scalesmall_{name} ")), "{name} has no text");
    }
    let printed = node.command(&["metrics"]).output().expect("the program runs");
    let printed = String::from_utf8(printed.stdout).expect("text");
    let names = |text: &str| -> Vec<String> {
        let lines = text.lines().filter(|line| line.starts_with("# TYPE "));
        lines.map(str::to_owned).collect()
    };
    assert_eq!(names(&printed), names(body));
    assert!(printed.ends_with("# EOF\n"));
}

#[test]
fn a_node_is_ready_once_it_knows_its_cluster_and_until_it_says_goodbye() {
    let directory = Directory::new();
    let (node, other, at) = pair(&directory);
    until(LIMIT, "it is ready", || status(&get(at, "/ready?min_peers=1")) == "200");
    let not = get(at, "/ready?min_peers=2");
    assert_eq!(status(&not), "503", "{not}");
    assert!(
        not.ends_with("not ready: the node sees 1 others alive, and 2 are asked for\n"),
        "{not}"
    );
    assert!(get(at, "/live").ends_with("\r\n\r\nalive\n"));
    let wrong = get(at, "/ready?min_peers=many");
    assert!(status(&wrong) == "400" && wrong.contains("min_peers is a number"), "{wrong}");

    let ready = |node: &Node, more: &[&str]| {
        let output = node.command(&[&["ready"], more].concat()).output().expect("the program runs");
        let told = String::from_utf8([output.stdout, output.stderr].concat()).expect("text");
        (output.status.code(), told)
    };
    assert_eq!(ready(&node, &["--min-peers", "1"]), (Some(0), "ready\n".to_owned()));
    assert_eq!(node.ask(&["ready"]), serde_json::json!({"ready": true, "peers": 1, "why": null}));
    let line = refusal(&mut node.command(&["ready", "--min-peers", "2"]));
    assert!(line.contains("not ready") && line.contains("2 are asked for"), "{line}");
    assert_eq!(ready(&node, &["--min-peers", "2"]).0, Some(3));
    let row = node.command(&["ready", "--min-peers", "2", "--json"]).output().expect("it runs");
    let parsed: serde_json::Value = serde_json::from_slice(&row.stdout).expect("JSON");
    assert_eq!((row.status.code(), &parsed["ready"]), (Some(3), &false.into()));

    // The other one is gone: a client that asks for it is told so, and the rest goes on.
    other.kill();
    until(LIMIT, "it is missed", || status(&get(at, "/ready?min_peers=1")) == "503");
    assert_eq!(status(&get(at, "/ready")), "200");
    let gone = directory.path("gone.sock");
    let nobody = run(&["ready", "--socket", &text(&gone)]);
    assert_eq!(nobody.status.code(), Some(1));
    assert_eq!(run(&["ready", "--min-peers", "-1"]).status.code(), Some(2));
}

#[test]
fn what_is_asked_wrongly_is_refused_with_a_reason() {
    let directory = Directory::new();
    let _node = Node::start(&directory, "a", WATCHED);
    let at = address(&directory, "a");
    let cases = [
        ("GET / HTTP/1.1\r\n\r\n", "404", "ask for /metrics, /ready or /live"),
        ("POST /metrics HTTP/1.1\r\nContent-Length: 0\r\n\r\n", "405", "ask by GET or HEAD"),
        ("\u{16}\u{3}\u{1}\r\n\r\n", "400", "this is not HTTP/1.1"),
        ("PRI * HTTP/2.0\r\n\r\n", "400", "this is not HTTP/1.1"),
    ];
    for (question, code, reason) in cases {
        let answer = heard(&scraper(at, question));
        assert!(status(&answer) == code && answer.contains(reason), "{question:?}: {answer}");
    }
    let long = format!("GET /metrics HTTP/1.1\r\nA: {}\r\n\r\n", "x".repeat(9_000));
    assert_eq!(status(&heard(&scraper(at, &long))), "431");
    let head = heard(&scraper(at, "HEAD /metrics HTTP/1.1\r\n\r\n"));
    assert!(status(&head) == "200" && head.ends_with("\r\n\r\n"), "{head}");
}

#[test]
fn scrapers_that_are_silent_or_do_not_read_hold_up_nobody() {
    let directory = Directory::new();
    let (node, other, at) = pair(&directory);
    let silent: Vec<TcpStream> = (0..40).map(|_| scraper(at, "GET /metrics")).collect();
    let deaf: Vec<TcpStream> =
        (0..4).map(|_| scraper(at, "GET /metrics HTTP/1.1\r\n\r\n")).collect();
    let asked = Instant::now();
    assert_eq!(status(&get(at, "/live")), "200");
    assert!(asked.elapsed() < Duration::from_secs(2), "it waited for those that are silent");
    assert!(heard(&silent[0]).contains("another scraper needed the place"));
    until(LIMIT, "they are refused", || node.counter("scrapers_refused") >= 32);
    // Those that are left have two seconds for their question.
    assert!(heard(silent.last().expect("forty")).contains("did not arrive within 2s"));
    // Clients of the control socket have places of their own, and the node goes on.
    assert_eq!(node.ask(&["peers"]).as_array().map(Vec::len), Some(1));
    let mut watch = node.watch();
    other.ask(&["join", "kitchen"]);
    while watch.next()["group"] != "kitchen" {}
    drop(deaf);
    drop(watch);
    node.signal("TERM");
    assert_eq!(node.ended(LIMIT), Some(0));
}

#[test]
fn an_address_that_is_taken_is_named_before_anything_runs() {
    let directory = Directory::new();
    let taken = TcpListener::bind("127.0.0.1:0").expect("a socket");
    let at = taken.local_addr().expect("an address").to_string();
    let mut command = crate::program::program();
    let socket = text(&directory.path("a.sock"));
    let line = refusal(command.args(["node", "--socket", &socket, "--metrics", &at]).args(ALONE));
    assert!(line.contains(&format!("--metrics {at}: ")) && line.contains("free port"), "{line}");
    assert!(!directory.path("a.sock").exists());
}

/// The names that the dashboard asks for are those that a node serves.
#[test]
fn the_dashboard_asks_for_what_there_is() {
    let directory = Directory::new();
    let node = Node::start(&directory, "a", ALONE);
    let printed = node.command(&["metrics"]).output().expect("the program runs");
    let printed = String::from_utf8(printed.stdout).expect("text");
    let types: Vec<(&str, &str)> =
        printed.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' ')).collect();
    let served = |name: &str| {
        types.iter().any(|(family, kind)| match *kind {
            "counter" => name.strip_suffix("_total") == Some(family),
            "info" => name.strip_suffix("_info") == Some(family),
            _ => name == *family,
        })
    };
    let board = include_str!("../../adapters/agent/dashboard.json");
    let board: serde_json::Value = serde_json::from_str(board).expect("JSON");
    let mut asked = 0;
    for panel in board["panels"].as_array().expect("panels") {
        for target in panel["targets"].as_array().map_or(&[][..], Vec::as_slice) {
            let query = target["expr"].as_str().expect("a query");
            let is_name = |byte: char| byte.is_ascii_alphanumeric() || byte == '_';
            for name in
                query.split(|byte| !is_name(byte)).filter(|name| name.starts_with("scalesmall_"))
            {
                assert!(served(name), "{name} in {query}");
                asked += 1;
            }
        }
    }
    assert!(asked > 15, "{asked} names");
}

/// Two nodes with names that are meant to break a parser, read by the parser of the Prometheus project:
/// run by `.ci/full`, which says in `PYTHON` which interpreter has it.
#[test]
#[ignore = "it needs a Python with prometheus_client"]
fn an_independent_parser_reads_what_a_node_serves() {
    let directory = Directory::new();
    let (node, other, at) = pair(&directory);
    for group in [
        "plain",
        "sp ace",
        "quo\"te",
        "back\\slash",
        "line\nbreak",
        "gr\u{fc}n",
        "{}=,#",
        "\u{1b}[2J",
    ] {
        node.ask(&["join", group]);
        other.ask(&["add", &format!("{group}:0-0x7fffffff@7000")]);
    }
    let whole = |line: &&str| line.starts_with("scalesmall_group_members{") && line.ends_with(" 2");
    until(LIMIT, "all groups are there", || get(at, "/metrics").lines().filter(whole).count() == 8);
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/program/openmetrics.py");
    let python = std::env::var("PYTHON").expect("PYTHON says which interpreter");
    let checked = Command::new(python).arg(script).arg(format!("http://{at}")).status();
    assert!(checked.expect("it runs").success());
}

/// It has another key than its seed, so it is no first node of a cluster, however long it is alone.
#[test]
fn a_node_that_finds_none_of_its_cluster_is_not_ready() {
    let directory = Directory::new();
    let [one, other] = ["one.key", "other.key"].map(|name| key_file(&directory, name));
    let state = text(&directory.path("state"));
    let first = Node::start(&directory, "a", &[WATCHED, &["--key-file", &one]].concat());
    let seed = first.address.to_string();
    let second = [WATCHED, &["--key-file", &other, "--seed", &seed]].concat();
    let second = Node::start(&directory, "b", &second);
    let at = address(&directory, "b");
    until(LIMIT, "its seed does not answer", || get(at, "/ready").contains("none of its 1 seeds"));
    assert_eq!(status(&get(at, "/ready")), "503");
    let line = refusal(&mut second.command(&["ready", "--wait", "300ms"]));
    assert!(line.contains("same key and cluster"), "{line}");
    assert_eq!(status(&get(at, "/ready?minpeers=9")), "400");
    // One without seeds and without a past may be the first.
    let waited = first.command(&["ready", "--wait", "20s"]).output().expect("it runs");
    assert_eq!(waited.status.code(), Some(0));

    let kept = [WATCHED, &["--key-file", &one, "--seed", &seed, "--state", &state]].concat();
    let third = Node::start(&directory, "c", &kept);
    until_all_see_all(LIMIT, &[&first, &third]);
    let written = || std::fs::read_to_string(&state).is_ok_and(|kept| kept.contains(&seed));
    until(LIMIT, "its peer is in the state file", written);
    third.kill();
    first.kill();
    let kept = [WATCHED, &["--key-file", &one, "--state", &state]].concat();
    let _third = Node::start(&directory, "d", &kept);
    let at = address(&directory, "d");
    until(LIMIT, "nobody answers", || get(at, "/ready").contains("the peer of its last life"));
}
