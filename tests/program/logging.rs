//! What a node logs: levels, the variable, text and JSON.

use serde_json::Value;
use std::process::Command;
use std::time::Duration;

use crate::program::{Directory, Node, program, refusal, text, until};

const ALONE: &[&str] = &["--bind", "127.0.0.1:0", "--no-multicast"];
const LIMIT: Duration = Duration::from_secs(20);

fn log(directory: &Directory, name: &str) -> String {
    std::fs::read_to_string(directory.path(&format!("{name}.log"))).expect("its log")
}

/// A node, and what it has logged once it has met another one and has ended.
fn logged(command: Command, options: &[&str]) -> String {
    let directory = Directory::new();
    let node = Node::start_by(command, &directory, "a", &[ALONE, options].concat());
    let seed = node.address.to_string();
    let other = Node::start(&directory, "b", &[ALONE, &["--seed", &seed]].concat());
    until(LIMIT, "they meet", || node.status_of(other.address).as_deref() == Some("alive"));
    other.ask(&["join", "kitchen"]);
    until(LIMIT, "it hears of the group", || node.try_ask(&["members", "kitchen"]).is_some());
    node.signal("TERM");
    assert_eq!(node.ended(LIMIT), Some(0));
    log(&directory, "a")
}

#[test]
fn each_level_says_more_than_the_one_before() {
    let line_of = |text: &str, part: &str| text.lines().any(|line| line.contains(part));
    let info = logged(program(), &[]);
    assert!(
        line_of(&info, "unknown -> alive") && !line_of(&info, "is a member of 'kitchen'"),
        "{info}"
    );
    assert!(!line_of(&info, "kitchen"), "{info}");
    let debug = logged(program(), &["--log-level", "debug"]);
    assert!(line_of(&debug, "unknown -> alive") && line_of(&debug, "kitchen"), "{debug}");
    assert_eq!(logged(program(), &["--log-level", "off"]), "");
}

#[test]
fn the_variable_counts_unless_an_option_does() {
    let with = |directives: &str| {
        let mut command = program();
        command.env("RUST_LOG", directives);
        command
    };
    assert!(logged(with("warn,scalesmall_agent=debug"), &[]).contains("kitchen"));
    assert_eq!(logged(with("off"), &[]), "");
    let told = logged(with("off,scalesmall_driver=debug"), &[]);
    assert!(told.contains("the status of a peer has changed") && told.contains("cause="), "{told}");
    assert!(logged(with("off"), &["--log-level", "info"]).contains("unknown -> alive"));
    let line = refusal(with("scalesmall_agent=loud").arg("node").args(ALONE));
    assert!(
        line.contains("RUST_LOG=scalesmall_agent=loud") && line.contains("TARGET=LEVEL"),
        "{line}"
    );
}

#[test]
fn each_line_of_a_log_in_json_is_an_object_with_the_parts_of_the_sentence() {
    let text = logged(program(), &["--log-format", "json", "--log-level", "debug"]);
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("not JSON: {line}")))
        .collect();
    for line in &lines {
        for key in ["timestamp", "level", "message", "target"] {
            assert!(line[key].is_string(), "{key} is missing: {line}");
        }
    }
    let met = lines.iter().find(|line| line["event"] == "peer").expect("they have met");
    assert_eq!((&met["from"], &met["to"]), (&Value::Null, &"alive".into()));
    assert!(met["peer"].as_str().is_some_and(|peer| peer.starts_with("127.0.0.1:")), "{met}");
    assert!(met["cause"].is_string() && met["message"].is_string(), "{met}");
    assert!(lines.iter().any(|line| line["group"] == "kitchen"));
}

#[test]
fn the_line_that_says_why_a_node_ended_is_json_as_well() {
    let directory = Directory::new();
    let node = Node::start(&directory, "a", ALONE);
    let taken = node.address.to_string();
    let socket = text(&directory.path("b.sock"));
    let mut command = program();
    command.args(["node", "--no-multicast", "--bind", &taken, "--socket", &socket]);
    let output = command.args(["--log-format", "json"]).output().expect("the program runs");
    assert_eq!(output.status.code(), Some(1));
    let line: Value = serde_json::from_slice(&output.stderr).expect("one object");
    assert_eq!(line["level"], "ERROR");
    assert!(line["message"].as_str().is_some_and(|why| why.contains(&taken)), "{line}");
}
