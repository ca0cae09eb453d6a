//! Wrong input, and what is lying about: one line that says what to do, and nothing changes.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::process::Command;
use std::time::Duration;

use crate::program::{Directory, Node, key_file, program, refusal, run, text};

#[test]
fn words_that_make_no_sense_are_refused_in_one_line() {
    let long = "g".repeat(300);
    let cases: &[(&[&str], &str)] = &[
        (&[], "name a command"),
        (&["frobnicate"], "frobnicate"),
        (&["members"], "<GROUP>"),
        (&["members", ""], "at least one byte"),
        (&["members", &long], "300 bytes; at most 255"),
        (&["members", "g", "peers"], "unexpected argument 'peers'"),
        (&["add", "g:5-2@7000"], "start 5 is greater than end 2"),
        (&["add", "g:2-5@70000"], "1 to 65535"),
        (&["add", "g:2-5@0"], "1 to 65535"),
        (&["add", "g:2-4294967296@7"], "0 to 4294967295"),
        (&["route", "g", "-1"], "-1"),
        (&["send", "x", "--to", ""], "node name of 0 bytes"),
        (&["node", "--bind", "127.0.0.1:70000"], "port from 0 to 65535"),
        (&["node", "--bind", "somewhere"], "IP address"),
        (&["node", "--seed", "two words"], "host:port"),
        (&["node", "--seed", "a:70000"], "1 to 65535"),
        (&["node", "--seed", "::1"], "[address]:port"),
        (&["node", "--look-up-every", "often"], "a number and its unit"),
        (
            &["node", "--bind", "127.0.0.1:0", "--look-up-every", "10ms"],
            "10ms; at least 1s is allowed",
        ),
        (&["contact"], "<HOST[:PORT]>"),
        (&["contact", "a:0"], "1 to 65535"),
        (&["node", "--serve", "g:9-1@5"], "start 9 is greater than end 1"),
        (&["node", "--serve", "kitchen:0-999@0"], "1 to 65535"),
        (
            &["node", "--bind", "[::1]:0", "--seed", "127.0.0.1:5"],
            "no seed can be reached from ::1",
        ),
        (&["node", "--join", ""], "at least one byte"),
        (&["node", "--cluster", ""], "cluster name"),
        (&["node", "--multicast", "--no-multicast"], "cannot be used with"),
        (
            &["node", "--bind", "127.0.0.1:0", "--multicast-group", "10.0.0.1:5"],
            "multicast address",
        ),
        (
            &["node", "--bind", "127.0.0.1:0", "--send-rate", "1000"],
            "send_rate must be at least 96000 bytes",
        ),
        (
            &["node", "--bind", "127.0.0.1:0", "--record", "/nonexistent/recording"],
            "--record /nonexistent/recording: the recording cannot be created",
        ),
        (&["demo", "--nodes", "1"], "4..=32"),
        (&["replay", "/nonexistent"], "/nonexistent"),
    ];
    for (args, expected) in cases {
        let line = refusal(program().args(*args));
        assert!(line.contains(expected), "{args:?} says {line:?}, not {expected:?}");
    }
}

#[test]
fn variables_that_make_no_sense_are_named() {
    let directory = Directory::new();
    let socket = directory.path("a.sock");
    for (name, value) in [
        ("GROUP_MANAGER_ADDRESS", "localhost"),
        ("GROUP_MANAGER_PORT", "70000"),
        ("GROUP_MANAGER_NAME", "a\tb"),
        ("GROUP_MANAGER_MULTICAST_ADDRESS", "10.0.0.1"),
        ("GROUP_MANAGER_MULTICAST_PORT", "0"),
        ("GROUP_MANAGER_MULTICAST_TTL", "many"),
        ("GROUP_MANAGER_KEY", "short"),
    ] {
        let mut command = program();
        command.arg("node").arg("--socket").arg(&socket);
        command.env("GROUP_MANAGER_ADDRESS", "127.0.0.1").env(name, value);
        let line = refusal(&mut command);
        assert!(line.contains(name), "{name}={value} says {line:?}");
        assert!(!socket.exists());
    }
}

#[test]
fn keys_must_be_whole_private_and_unpublished() {
    let directory = Directory::new();
    let path = directory.path("key");
    let shown = text(&path);
    let node = |more: &[&str]| {
        let mut command = program();
        command.arg("node").arg("--socket").arg(directory.path("a.sock")).args(more);
        refusal(&mut command)
    };
    let line = node(&["--bind", "127.0.0.1:0", "--key-file", &shown]);
    assert!(line.contains("there is no such key file"), "{line}");
    std::fs::write(&path, "short").expect("a file");
    for (mode, expected) in [(0o644, "make it 600"), (0o640, "make it 600"), (0o600, "exactly 32")]
    {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("its mode");
        let line = node(&["--bind", "127.0.0.1:0", "--key-file", &shown]);
        assert!(line.contains(expected), "mode {mode:o} says {line:?}");
    }
    std::fs::write(&path, "0".repeat(64)).expect("a file");
    let line = node(&["--bind", "127.0.0.1:0", "--key-file", &shown]);
    assert!(line.contains("all zeros"), "{line}");
    let pipe = text(&directory.path("pipe"));
    assert!(Command::new("mkfifo").arg(&pipe).status().expect("mkfifo").success());
    for no_file in ["/dev/null", &pipe] {
        let line = node(&["--bind", "127.0.0.1:0", "--key-file", no_file]);
        assert!(line.contains("this is no file"), "{line}");
    }
    let line = node(&["--bind", "0.0.0.0:0", "--advertise", "127.0.0.1:0", "--no-multicast"]);
    assert!(line.contains("loopback only"), "{line}");
    std::fs::write(&path, "01234567890123456789012345678912").expect("a file");
    let line = node(&["--bind", "0.0.0.0:0", "--advertise", "127.0.0.1:0", "--key-file", &shown]);
    assert!(line.contains("loopback only"), "{line}");
}

#[test]
fn keygen_makes_private_keys_and_keeps_what_is_there() {
    let directory = Directory::new();
    let first = std::fs::read_to_string(key_file(&directory, "first")).expect("text");
    let second = std::fs::read_to_string(key_file(&directory, "second")).expect("text");
    assert_ne!(first, second);
    let about = std::fs::metadata(directory.path("first")).expect("a file");
    assert_eq!(about.mode() & 0o777, 0o600);
    let line = refusal(program().arg("keygen").arg(directory.path("first")));
    assert!(line.contains("exists"), "{line}");
    assert_eq!(std::fs::read_to_string(directory.path("first")).expect("text"), first);
    let sealed = String::from_utf8(run(&["keygen", "--suite", "sealed"]).stdout).expect("text");
    assert_eq!(sealed.strip_prefix("sealed ").map(str::len), Some(65));
    let printed = String::from_utf8(run(&["keygen"]).stdout).expect("text");
    assert_eq!(printed.trim_end().len(), 64);
    assert!(printed.trim_end().bytes().all(|byte| byte.is_ascii_hexdigit()));
}

#[test]
fn without_a_node_commands_say_so() {
    let directory = Directory::new();
    let nowhere = text(&directory.path("none.sock"));
    for command in ["groups", "peers", "watch", "stats", "depart"] {
        let line = refusal(program().args([command, "--socket", &nowhere]));
        assert!(line.contains("start one with 'scalesmall node'"), "{line}");
    }
    let file = directory.path("file");
    std::fs::write(&file, "precious").expect("a file");
    let mut command = program();
    command.args(["node", "--bind", "127.0.0.1:0", "--no-multicast", "--socket"]).arg(&file);
    let line = refusal(&mut command);
    assert!(line.contains("something else than a socket"), "{line}");
    assert_eq!(std::fs::read(&file).expect("it stays"), b"precious");
}

#[test]
fn what_a_running_node_refuses_changes_nothing() {
    let directory = Directory::new();
    let alone = ["--bind", "127.0.0.1:0", "--no-multicast", "--serve", "kitchen:0-9@7000"];
    let node = Node::start(&directory, "a", &alone);
    let before = node.ask(&["topology", "kitchen"]);
    for (args, expected) in [
        (&["members", "unknown"][..], "no group 'unknown' is known"),
        (&["topology", "unknown"], "no group 'unknown' is known"),
        (&["route", "unknown", "1"], "no group 'unknown' is known"),
        (&["coverage", "unknown"], "no group 'unknown' is known"),
        (&["leave", "unknown"], "no group 'unknown' is known"),
        (&["remove", "unknown:1-2"], "no group 'unknown' is known"),
        (&["send", "x", "--group", "unknown"], "no group 'unknown' is known"),
        (&["remove", "kitchen:0-8"], "does not serve exactly 0-8"),
    ] {
        let line = refusal(&mut node.command(args));
        assert!(line.contains(expected), "{args:?} says {line:?}");
    }
    let long = "x".repeat(2000);
    let line = refusal(&mut node.command(&["send", &long]));
    assert!(line.contains("at most"), "{line}");
    assert_eq!(node.ask(&["topology", "kitchen"]), before);
    let groups = serde_json::json!([{ "group": "kitchen", "mine": true, "members": 1 }]);
    assert_eq!(node.ask(&["groups"]), groups);
}

#[test]
fn an_address_or_a_control_socket_in_use_is_left_alone() {
    let directory = Directory::new();
    let node = Node::start(&directory, "a", &["--bind", "127.0.0.1:0", "--no-multicast"]);
    let bind = node.address.to_string();
    let start = |bind: &str, socket: &str| {
        let mut command = program();
        command.args(["node", "--no-multicast", "--bind", bind, "--socket"]);
        command.arg(directory.path(socket));
        refusal(&mut command)
    };
    let line = start(&bind, "b.sock");
    assert!(line.contains("in use"), "{line}");
    assert!(!directory.path("b.sock").exists());
    let line = start("127.0.0.1:0", "a.sock");
    assert!(line.contains("a node answers"), "{line}");
    assert_eq!(node.ask(&["peers"]), serde_json::json!([]));
}

#[test]
fn a_socket_file_left_by_a_crash_is_replaced_and_private() {
    let directory = Directory::new();
    let alone = ["--bind", "127.0.0.1:0", "--no-multicast"];
    let node = Node::start(&directory, "a", &alone);
    let socket = node.socket.clone();
    node.kill();
    assert!(socket.exists());
    let line = refusal(program().arg("peers").arg("--socket").arg(&socket));
    assert!(line.contains("left by a node that is gone"), "{line}");
    let node = Node::start(&directory, "a", &alone);
    let about = std::fs::metadata(&node.socket).expect("a socket");
    assert_eq!(about.mode() & 0o777, 0o600);
    assert_eq!(node.ask(&["peers"]), serde_json::json!([]));
    let left: Vec<_> = std::fs::read_dir(socket.parent().expect("a directory"))
        .expect("a directory")
        .map(|entry| entry.expect("an entry").file_name())
        .filter(|name| !name.to_string_lossy().ends_with(".log"))
        .collect();
    assert_eq!(left, ["a.sock"]);
}

#[test]
fn commands_given_at_the_same_time_are_all_carried_out() {
    let directory = Directory::new();
    let node = Node::start(&directory, "a", &["--bind", "127.0.0.1:0", "--no-multicast"]);
    let keys: Vec<String> = (0..16).map(|key| key.to_string()).collect();
    let started: Vec<_> = keys
        .iter()
        .map(|key| {
            let mut command = node.command(&["add", &format!("kitchen:{key}-{key}@7000")]);
            command.stdout(std::process::Stdio::null()).spawn().expect("it runs")
        })
        .collect();
    for mut command in started {
        assert!(command.wait().expect("it ends").success());
    }
    let items = node.ask(&["topology", "kitchen", "--op", "add"]);
    let items = items.as_array().expect("a list");
    let mut clocks: Vec<u64> = items.iter().filter_map(|item| item["clock"].as_u64()).collect();
    clocks.sort_unstable();
    assert_eq!(clocks, (1..=16).collect::<Vec<u64>>());
}

#[test]
fn a_watch_ends_with_its_node() {
    let directory = Directory::new();
    let node = Node::start(&directory, "a", &["--bind", "127.0.0.1:0", "--no-multicast"]);
    let mut watch = node.watch();
    node.ask(&["depart"]);
    assert_eq!(watch.next()["event"], "departed");
    assert_eq!(node.ended(Duration::from_secs(5)), Some(0));
    assert_eq!(watch.rest(), Vec::<serde_json::Value>::new());
}
