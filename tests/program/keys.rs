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
