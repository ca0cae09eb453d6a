//! Reading the configuration again: what changes at once, what needs a restart, what is refused.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};

use crate::program::{
    Directory, Node, free_port, key_file, refusal, text, until, until_all_see_all,
};

const LIMIT: Duration = Duration::from_secs(20);

fn log(directory: &Directory, name: &str) -> String {
    std::fs::read_to_string(directory.path(&format!("{name}.log"))).expect("its log")
}

/// Two nodes, of which the second one has a file that changes.
fn pair(directory: &Directory, content: &str) -> (Node, Node, PathBuf) {
    let key = key_file(directory, "key");
    let a = Node::start(directory, "a", &["--bind", "127.0.0.1:0", "--key-file", &key]);
    let head = format!("bind = \"127.0.0.1:0\"\nkey_file = \"key\"\nseed = [\"{}\"]\n", a.address);
    let path = directory.path("b.toml");
    std::fs::write(&path, head + content).expect("it is written");
    let b = Node::start(directory, "b", &["--config", &text(&path)]);
    until_all_see_all(LIMIT, &[&a, &b]);
    (a, b, path)
}

fn change(path: &PathBuf, from: &str, to: &str) {
    let content = std::fs::read_to_string(path).expect("a file");
    assert!(content.contains(from), "{content:?} has no {from:?}");
    std::fs::write(path, content.replace(from, to)).expect("it is written");
}

#[test]
fn a_reload_changes_what_can_be_changed_and_says_what_needs_a_restart() {
    let directory = Directory::new();
    let content = "serve = [\"kitchen:0-99@7000\"]\njoin = [\"hall\"]\nrecord_files = 3\n";
    let (a, b, path) = pair(&directory, content);
    let nothing = json!({"changed": [], "restart": [], "failed": []});
    assert_eq!(b.ask(&["reload"]), nothing);
    let by_hand = b.command(&["join", "by hand"]).output().expect("the program runs");
    assert!(by_hand.status.success());

    change(&path, "kitchen:0-99@7000", "kitchen:0-99@7001");
    change(&path, "\"hall\"", "\"cellar\"");
    change(&path, "record_files = 3\n", "record_files = 4\n[engine]\nlimits.groups = 4\n");
    let row = b.ask(&["reload"]);
    let changed = json!(["join", "serve", "engine.limits.groups"]);
    assert_eq!(row, json!({"changed": changed, "restart": ["record_files"], "failed": []}));
    until(LIMIT, "it serves the new range", || a.route("kitchen", 5) == [7001]);
    let members = |group: &str| {
        let listed = a.try_ask(&["members", group]).unwrap_or_else(|| json!([]));
        let names = listed.as_array().into_iter().flatten().map(|member| member["name"].clone());
        Value::from_iter(names)
    };
    let b_alone = json!([b.address.to_string()]);
    until(LIMIT, "it has joined", || members("cellar") == b_alone);
    until(LIMIT, "it has left", || members("hall") == json!([]));
    assert_eq!(members("by hand"), b_alone);
    // Kitchen, cellar and by hand; the fourth takes the place of hall, and then the limit is reached.
    let join = |group| b.command(&["join", group]).output().expect("the program runs");
    assert!(join("fourth").status.success());
    let why = String::from_utf8(join("fifth").stderr).expect("text");
    assert!(why.contains("limit reached (4 groups)"), "{why}");

    // What needs a restart is told until it is made.
    assert_eq!(
        b.ask(&["reload"]),
        json!({"changed": [], "restart": ["record_files"], "failed": []})
    );
    let shown = b.command(&["reload"]).output().expect("the program runs");
    let shown = String::from_utf8(shown.stdout).expect("text");
    assert_eq!(shown, "changes only with a restart: record_files\n");
}

#[test]
fn a_reload_with_a_fault_changes_nothing_and_tells_it() {
    let directory = Directory::new();
    let (a, b, path) = pair(&directory, "serve = [\"kitchen:0-99@7000\"]\n");
    until(LIMIT, "it serves", || a.route("kitchen", 5) == [7000]);
    change(&path, "kitchen:0-99@7000\"]\n", "kitchen:0-99@7001\"]\nsuit = \"sealed\"\n");
    let line = refusal(&mut b.command(&["reload"]));
    assert!(line.contains("b.toml:5: there is no key 'suit'"), "{line}");
    b.signal("HUP");
    until(LIMIT, "the log says so", || log(&directory, "b").contains("there is no key 'suit'"));
    assert!(log(&directory, "b").contains("nothing has changed"), "{}", log(&directory, "b"));
    change(&path, "suit = \"sealed\"\n", "");
    b.signal("HUP");
    until(LIMIT, "it serves the new range", || a.route("kitchen", 5) == [7001]);
    until(LIMIT, "the log says so", || log(&directory, "b").contains("SIGHUP: changed: serve"));
}

#[test]
fn keys_are_exchanged_by_reloads_and_nobody_is_called_down() {
    let directory = Directory::new();
    let seed = format!("127.0.0.1:{}", free_port());
    let paths = ["a", "b", "c"].map(|name| directory.path(&format!("{name}.toml")));
    let [old, new] = ["old", "new"]
        .map(|name| std::fs::read_to_string(key_file(&directory, name)).expect("a key"));
    let keys = directory.path("keys");
    let set = |content: &str| {
        std::fs::write(&keys, content).expect("it is written");
        std::fs::set_permissions(&keys, std::fs::Permissions::from_mode(0o600)).expect("its mode");
    };
    set(&old);
    let write = |at: usize| {
        let bind = if at == 0 { seed.as_str() } else { "127.0.0.1:0" };
        let content = format!("bind = \"{bind}\"\nseed = [\"{seed}\"]\nkey_file = \"keys\"\n");
        std::fs::write(&paths[at], content).expect("it is written");
    };
    let start = |at: usize| {
        write(at);
        let name = ["a", "b", "c"][at];
        Node::start(&directory, name, &["--config", &text(&paths[at])])
    };
    let nodes = [0, 1, 2].map(start);
    let all: Vec<&Node> = nodes.iter().collect();
    until_all_see_all(LIMIT, &all);
    let watches: Vec<_> = nodes.iter().map(Node::watch).collect();
    for content in [old.clone() + &new, new.clone() + &old, new] {
        set(&content);
        for node in &nodes {
            let row = node.ask(&["reload"]);
            assert_eq!((&row["restart"], &row["failed"]), (&json!([]), &json!([])), "{row}");
        }
        let heard = || nodes.each_ref().map(|node| node.counter("datagrams_received"));
        let before = heard();
        until(LIMIT, "all hear each other with these keys", || {
            heard().iter().zip(before).all(|(now, before)| *now > before + 5)
        });
    }
    until_all_see_all(LIMIT, &all);
    let with_old =
        ["--bind", "127.0.0.1:0", "--seed", &seed, "--key-file", &text(&directory.path("old"))]
            .map(str::to_owned);
    let with_old: Vec<&str> = with_old.iter().map(String::as_str).collect();
    let _late = Node::start(&directory, "late", &with_old);
    until(LIMIT, "the old key is void", || nodes[0].counter("refused_key") > 0);
    for watch in watches {
        let gone = |event: &Value| event["event"] == "peer" && event["to"] != "alive";
        let events = watch.rest();
        assert!(!events.iter().any(gone), "{events:?}");
    }
}
