//! Keys of a running cluster: one command exchanges them, and each node keeps them in its file.

use std::time::Duration;

use serde_json::{Value, json};

use crate::program::{Directory, Node, key_file, refusal, run, text, until, until_all_see_all};

const LIMIT: Duration = Duration::from_secs(30);

/// Three nodes, each with a key file of its own.
fn cluster(directory: &Directory) -> [Node; 3] {
    let key = key_file(directory, "key");
    let names = ["a", "b", "c"];
    for name in names {
        std::fs::copy(&key, directory.path(&format!("{name}.key"))).expect("a copy");
    }
    let start = |name: &str, seed: Option<String>| {
        let key = text(&directory.path(&format!("{name}.key")));
        let mut flags =
            vec!["--bind".to_owned(), "127.0.0.1:0".to_owned(), "--no-multicast".to_owned()];
        flags.extend(["--key-file".to_owned(), key]);
        flags.extend(seed.into_iter().flat_map(|seed| ["--seed".to_owned(), seed]));
        Node::start(directory, name, &flags.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let a = start(names[0], None);
    let seed = a.address.to_string();
    let nodes = [start(names[1], Some(seed.clone())), start(names[2], Some(seed))];
    let [b, c] = nodes;
    let nodes = [a, b, c];
    until_all_see_all(LIMIT, &nodes.iter().collect::<Vec<_>>());
    nodes
}

fn keys(node: &Node) -> Vec<Value> {
    node.ask(&["keys", "list"]).as_array().expect("a list").clone()
}

fn in_use(node: &Node) -> Value {
    let rows = keys(node);
    rows.iter().find(|row| row["in_use"] == true).expect("one is in use")["key"].clone()
}

#[test]
fn one_command_exchanges_the_key_of_all_nodes_and_each_keeps_the_new_one() {
    let directory = Directory::new();
    let nodes = cluster(&directory);
    let old = in_use(&nodes[0]);
    let watches: Vec<_> = nodes.iter().map(Node::watch).collect();
    let rows = nodes[1].ask(&["keys", "rotate", "--suite", "sealed"]);
    let new = rows.as_array().expect("a list").iter().find(|row| row["key"] != old);
    let new = new.expect("a new key")["key"].clone();
    until(LIMIT, "all nodes have the new key and no other", || {
        nodes.iter().all(|node| {
            let rows = keys(node);
            rows.len() == 1 && rows[0]["key"] == new && rows[0]["used_by"] == 3
        })
    });
    assert_eq!(keys(&nodes[0])[0]["suite"], "sealed");
    for (node, watch) in nodes.iter().zip(watches) {
        assert_eq!(node.counter("refused_key"), 0);
        let events = watch.rest();
        let gone = |event: &&Value| event["event"] == "peer" && event["to"] != "alive";
        assert!(!events.iter().any(|event| gone(&event)), "{events:?}");
        let told = |event: &&Value| event["event"] == "key" && event["change"] == "in_use";
        assert!(events.iter().any(|event| told(&event)), "{events:?}");
    }
    // It starts again with what it has kept; a node with the old key is a stranger.
    let [a, b, c] = nodes;
    let seed = b.address.to_string();
    until(LIMIT, "the file has it", || {
        std::fs::read_to_string(directory.path("a.key"))
            .is_ok_and(|text| text.contains("\nsealed "))
    });
    a.kill();
    let file = text(&directory.path("a.key"));
    let local = ["--bind", "127.0.0.1:0", "--no-multicast", "--seed", &seed];
    let a = Node::start(&directory, "a", &[&local[..], &["--key-file", &file]].concat());
    until(LIMIT, "it is back", || a.status_of(c.address).as_deref() == Some("alive"));
    let stale = text(&directory.path("key"));
    let _stale = Node::start(&directory, "d", &[&local[..], &["--key-file", &stale]].concat());
    until(LIMIT, "the old key is void", || b.counter("refused_key") > 0);
}

/// What a node has gone beyond, and what it has marked as leaked, it refuses in its next life as well.
#[test]
fn a_key_that_was_replaced_or_has_leaked_is_refused_after_a_restart_with_the_reason_and_a_remedy() {
    let directory = Directory::new();
    let [a, b, c] = cluster(&directory);
    let path = directory.path("a.key");
    let old = in_use(&a);
    std::fs::copy(directory.path("key"), directory.path("copy")).expect("a copy");
    b.ask(&["keys", "rotate"]);
    let file = || std::fs::read_to_string(&path).expect("a file");
    until(LIMIT, "the file remembers the old key", || file().contains("\nretired "));
    assert!(file().starts_with("scalesmall-keys 2\n"), "{}", file());
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &std::fs::metadata(&path).expect("a file").permissions(),
    );
    assert_eq!(mode & 0o777, 0o600);
    // A key that has leaked before anybody used it.
    let spare = key_file(&directory, "spare");
    let rows = a.ask(&["keys", "add", &spare]);
    let rows = rows.as_array().expect("a list").clone();
    let leaked =
        rows.iter().find(|row| row["in_use"] == false).expect("it is there")["key"].clone();
    let leaked = leaked.as_str().expect("an id");
    a.ask(&["keys", "leaked", leaked]);
    a.ask(&["keys", "drop", leaked, "--force"]);
    until(LIMIT, "the file remembers the leak", || {
        file().lines().any(|line| line.starts_with("retired ") && line.ends_with(" leaked"))
    });
    let new = in_use(&a);
    a.kill();
    let (file, seed) = (text(&path), c.address.to_string());
    let flags = ["--bind", "127.0.0.1:0", "--no-multicast", "--seed", &seed, "--key-file", &file];
    let a = Node::start(&directory, "a", &flags);
    until(LIMIT, "it is back", || a.status_of(c.address).as_deref() == Some("alive"));
    let copy = text(&directory.path("copy"));
    let line = refusal(&mut a.command(&["keys", "add", &copy]));
    let [old, new] = [&old, &new].map(|key| key.as_str().expect("an id").to_owned());
    assert!(line.contains(&format!("key {old} was replaced by key {new}")), "{line}");
    assert!(line.contains(&format!("bring key {new} to the nodes that lack it")), "{line}");
    let line = refusal(&mut a.command(&["keys", "add", &spare]));
    assert!(line.contains(&format!("key {leaked} was marked as leaked here")), "{line}");
    assert_eq!(keys(&a).len(), 1);
    // The file of a node that has both brings the new key alone.
    assert_eq!(a.ask(&["keys", "add", &text(&directory.path("b.key"))]), a.ask(&["keys", "list"]));
    drop(b);
}

/// A recording goes on when the key is exchanged, and is replayed with a file that has both keys.
#[test]
fn a_recording_goes_on_when_the_key_is_exchanged_and_the_node_restarts() {
    let directory = Directory::new();
    let key = key_file(&directory, "key");
    for name in ["a", "b"] {
        std::fs::copy(&key, directory.path(&format!("{name}.key"))).expect("a copy");
    }
    let tape = text(&directory.path("tape"));
    let start = |name: &str, seed: Option<&str>| {
        let file = text(&directory.path(&format!("{name}.key")));
        let mut flags = vec!["--bind", "127.0.0.1:0", "--no-multicast", "--key-file", &file];
        flags.extend(["--name", name]);
        if name == "a" {
            flags.extend(["--record", &tape]);
        }
        flags.extend(seed.into_iter().flat_map(|seed| ["--seed", seed]));
        Node::start(&directory, name, &flags)
    };
    let b = start("b", None);
    let seed = b.address.to_string();
    let a = start("a", Some(&seed));
    until_all_see_all(LIMIT, &[&a, &b]);
    let old = in_use(&a);
    let exchange = |node: &Node| {
        let old = in_use(node);
        node.ask(&["keys", "rotate"]);
        until(LIMIT, "both have the new key and no other", || {
            [&a, &b].iter().all(|node| keys(node).len() == 1 && in_use(node) != old)
        });
    };
    // Begun here, and begun there: the key comes wrapped.
    let secrets = |into: &mut Vec<String>| {
        let text = std::fs::read_to_string(directory.path("a.key")).expect("a file");
        let lines = text.lines().filter(|line| line.contains("generation="));
        let secret = |line: &str| line.split(" generation=").next().expect("a key").to_owned();
        into.extend(lines.map(secret));
    };
    let mut all = vec![std::fs::read_to_string(&key).expect("a key").trim().to_owned()];
    exchange(&a);
    until(LIMIT, "the file has it", || {
        secrets(&mut all);
        all.dedup();
        all.len() == 2
    });
    exchange(&b);
    until(LIMIT, "the file has it", || {
        secrets(&mut all);
        all.dedup();
        all.len() == 3
    });
    let last = in_use(&a);
    assert_ne!(last, old);
    a.signal("TERM");
    assert_eq!(a.ended(LIMIT), Some(0));
    // The next life begins the next file.
    let a = start("a", Some(&seed));
    until_all_see_all(LIMIT, &[&a, &b]);
    a.signal("TERM");
    assert_eq!(a.ended(LIMIT), Some(0));
    all.reverse();
    let keys = directory.path("all.key");
    std::fs::write(&keys, all.join("\n") + "\n").expect("a file");
    std::fs::set_permissions(&keys, std::os::unix::fs::PermissionsExt::from_mode(0o600))
        .expect("a mode");
    for (tape, changes) in [(format!("{tape}.1"), true), (tape.clone(), false)] {
        let recorded = std::fs::read_to_string(&tape).expect("a recording");
        assert_eq!(recorded.contains(" rotate_keys "), changes, "{tape}");
        let replayed = run(&["replay", &tape, "--key-file", &text(&keys)]);
        let said = String::from_utf8_lossy(&replayed.stdout).into_owned();
        let why = String::from_utf8_lossy(&replayed.stderr).into_owned();
        assert!(said.contains("every answer the same"), "{tape}: {said}{why}");
    }
}

#[test]
fn after_a_leak_keys_are_brought_by_hand_and_refusals_say_why() {
    let directory = Directory::new();
    let nodes = cluster(&directory);
    let old = in_use(&nodes[0]);
    let old = old.as_str().expect("an id");
    let refused = |arguments: &[&str]| refusal(&mut nodes[0].command(arguments));
    let line = refused(&["keys", "leaked", old]);
    assert!(line.contains("is the only one to send with"), "{line}");
    let line = refused(&["keys", "drop", old]);
    assert!(line.contains("protects what is sent"), "{line}");
    let line = refused(&["keys", "use", "beef"]);
    assert!(line.contains("there is no key beef here"), "{line}");
    let line = refused(&["keys", "add", "/dev/null"]);
    assert!(line.contains("this is no file"), "{line}");
    assert_eq!(run(&["keys", "use", "12345"]).status.code(), Some(2));

    let fresh = key_file(&directory, "fresh");
    let rows = nodes[0].ask(&["keys", "add", &fresh]);
    let new = rows.as_array().expect("a list").iter().find(|row| row["key"] != old);
    let new = new.expect("a new key")["key"].clone();
    let line = refused(&["keys", "use", new.as_str().expect("an id")]);
    assert!(line.contains("is not known to have key"), "{line}");
    for node in &nodes {
        node.ask(&["keys", "add", &fresh]);
    }
    until(LIMIT, "all use it", || nodes.iter().all(|node| in_use(node) == new));
    for node in &nodes {
        until(LIMIT, "the old one goes", || keys(node).len() == 1);
        assert_eq!(keys(node)[0]["travels"], json!(false));
    }
    until_all_see_all(LIMIT, &nodes.iter().collect::<Vec<_>>());
}
