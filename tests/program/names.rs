//! Nodes are known by their names, wherever they are.

use std::fs;
use std::net::UdpSocket;
use std::time::Duration;

use serde_json::Value;

use crate::program::{Directory, Node, program, refusal, text, turn, until, until_all_see_all};

const ALONE: &[&str] = &["--bind", "127.0.0.1:0", "--no-multicast"];
const LIMIT: Duration = Duration::from_secs(20);

/// The rows of a table that have this name.
fn named(table: &Value, name: &str) -> Vec<Value> {
    let rows = table.as_array().map_or(&[][..], Vec::as_slice);
    rows.iter().filter(|row| row["name"] == name).cloned().collect()
}

/// The messages that a node gets until the one with the last tag.
fn tags(watch: &mut crate::program::Watch, last: u64) -> Vec<u64> {
    let mut tags = Vec::new();
    while tags.last() != Some(&last) {
        let event = watch.next();
        if event["event"] == "message" {
            tags.push(event["tag"].as_u64().expect("a number"));
        }
    }
    tags
}

#[test]
fn a_node_that_starts_again_at_another_port_is_the_same_node_to_the_others() {
    let _turn = turn();
    let directory = Directory::new();
    let a = Node::start(&directory, "a", ALONE);
    let seed = a.address.to_string();
    let seeded = [ALONE, &["--seed", &seed]].concat();
    let c = Node::start(&directory, "c", &seeded);
    let cook = |more: &[&str]| {
        Node::start(&directory, "b", &[&seeded[..], &["--name", "cook 1"], more].concat())
    };
    let b = cook(&["--serve", "kitchen:0-99@7001"]);
    until_all_see_all(LIMIT, &[&a, &b, &c]);
    until(LIMIT, "all route to it", || {
        [&a, &c].iter().all(|node| node.route("kitchen", 5) == [7001])
    });
    let before = named(&a.ask(&["peers"]), "cook 1");
    let (old, watch) = (b.address, a.watch());
    b.kill();
    // So that the next one gets another.
    let _taken = UdpSocket::bind(old).expect("it is free");

    let b = cook(&["--serve", "kitchen:100-199@7002"]);
    assert_ne!(b.address, old);
    until(LIMIT, "it is back with its new range and none of its old", || {
        [&a, &b, &c]
            .iter()
            .all(|node| node.route("kitchen", 150) == [7002] && node.route("kitchen", 5).is_empty())
    });
    until_all_see_all(LIMIT, &[&a, &b, &c]);
    for node in [&a, &c] {
        let peers = node.ask(&["peers"]);
        assert_eq!(peers.as_array().map(Vec::len), Some(2), "{peers}");
        let [now] = &named(&peers, "cook 1")[..] else { panic!("{peers}") };
        assert_eq!(now["id"], before[0]["id"]);
        assert_eq!(now["address"], b.address.to_string());
        assert_eq!(now["addresses"], serde_json::json!([b.address.to_string()]));
        let owners = node.ask(&["route", "kitchen", "150"]);
        assert_eq!(owners[0]["name"], "cook 1");
        assert_eq!(owners[0]["endpoint"], "127.0.0.1:7002");
    }
    let said: Vec<Value> = watch.rest();
    let texts = said.iter().filter(|event| event["name"] == "cook 1");
    let texts: Vec<&str> = texts.filter_map(|event| event["text"].as_str()).collect();
    assert!(texts.iter().any(|text| text.starts_with("cook 1 ")), "{said:?}");
    for (command, expected) in [
        (&["members", "kitchen"][..], &["cook 1"][..]),
        (&["topology", "kitchen"], &["cook 1"]),
        (&["route", "kitchen", "150"], &["cook 1", "127.0.0.1:7002"]),
        (&["peers"], &["cook 1", &b.address.to_string(), &c.address.to_string()]),
    ] {
        let table = a.command(command).output().expect("the program runs");
        let table = String::from_utf8_lossy(&table.stdout).into_owned();
        assert!(expected.iter().all(|text| table.contains(text)), "{command:?}: {table}");
    }
}

#[test]
fn a_node_is_meant_by_its_name_its_address_and_its_id_and_by_nothing_that_may_be_two() {
    let _turn = turn();
    let directory = Directory::new();
    let a = Node::start(&directory, "a", &[ALONE, &["--name", "host"]].concat());
    let seed = a.address.to_string();
    let seeded = [ALONE, &["--seed", &seed]].concat();
    let b = Node::start(&directory, "b", &[&seeded[..], &["--name", "cook 1"]].concat());
    let other = Node::start(&directory, "other", &seeded);
    until_all_see_all(LIMIT, &[&a, &b, &other]);
    let id = named(&a.ask(&["peers"]), "cook 1")[0]["id"].as_str().expect("an id").to_owned();
    let (mut at_b, mut at_other) = (b.watch(), other.watch());
    for (tag, to) in [("1", "cook 1"), ("2", &b.address.to_string()), ("3", &id)] {
        a.ask(&["send", "for the cook", "--to", to, "--tag", tag]);
    }
    a.ask(&["send", "for all", "--tag", "4"]);
    let mut got = tags(&mut at_b, 4);
    got.sort_unstable();
    assert_eq!((got, tags(&mut at_other, 4)), (vec![1, 2, 3, 4], vec![4]));
    let line = refusal(&mut a.command(&["send", "x", "--to", "waiter"]));
    assert!(line.contains("no node 'waiter' is known"), "{line}");

    // A node that is named after its address goes, and one with another name comes there.
    let place = other.address.to_string();
    other.kill();
    let there = ["--no-multicast", "--bind", &place, "--seed", &seed, "--name", "baker"];
    let baker = Node::start(&directory, "baker", &there);
    until(LIMIT, "it is known", || a.status_named("baker").as_deref() == Some("alive"));
    let line = refusal(&mut a.command(&["send", "x", "--to", &place]));
    assert!(line.contains("may be each of") && line.contains("('baker')"), "{line}");
    let mut at_baker = baker.watch();
    a.ask(&["send", "for the baker", "--to", "baker", "--tag", "5"]);
    assert_eq!(tags(&mut at_baker, 5), [5]);
}

#[test]
fn names_that_are_none_are_refused_with_a_sentence() {
    let directory = Directory::new();
    let (longest, long) = ("n".repeat(63), "n".repeat(64));
    let refused = |name: &str, by_variable: bool| {
        let mut command = program();
        command.arg("node").args(ALONE).arg("--socket").arg(directory.path("b.sock"));
        if by_variable {
            command.env("GROUP_MANAGER_NAME", name);
        } else {
            command.args(["--name", name]);
        }
        refusal(&mut command)
    };
    for (name, expected) in [
        ("", "0 bytes"),
        (&long, "64 bytes"),
        ("red\u{1b}[31m", "control character"),
        ("two\nlines", "control character"),
    ] {
        let line = refused(name, false);
        assert!(line.contains(expected), "{name:?} says {line:?}");
        let line = refused(name, true);
        assert!(line.contains("GROUP_MANAGER_NAME must be a name of 1 to 63 bytes"), "{line}");
    }
    let mut command = program();
    command.env("GROUP_MANAGER_NAME", &longest);
    let node = Node::start_by(command, &directory, "a", ALONE);
    node.ask(&["join", "kitchen"]);
    assert_eq!(node.ask(&["members", "kitchen"])[0]["name"], longest.as_str());
}

#[test]
fn a_state_file_keeps_the_name_and_that_of_another_node_is_refused() {
    let directory = Directory::new();
    let file = text(&directory.path("a.state"));
    let own_name = |node: &Node| {
        node.ask(&["join", "kitchen"]);
        node.ask(&["members", "kitchen"])[0]["name"].as_str().expect("a name").to_owned()
    };
    // A node without a name that gets another port each time is called as it was before.
    let more = [ALONE, &["--state", &file]].concat();
    let first = Node::start(&directory, "a", &more);
    let (name, place) = (own_name(&first), first.address);
    assert!(name.starts_with("node-"), "{name}");
    first.kill();
    let _taken = UdpSocket::bind(place).expect("it is free");
    let second = Node::start(&directory, "a", &more);
    assert_ne!(second.address, place);
    assert_eq!(own_name(&second), name);
    second.kill();

    let whole = fs::read(&file).expect("a state file");
    let fixed = format!("127.0.0.1:{}", crate::program::free_port());
    for (more, own) in [(["--name", "waiter"], "waiter"), (["--bind", &fixed], fixed.as_str())] {
        let mut command = program();
        command.arg("node").args(["--no-multicast", "--state", &file]);
        if more[0] == "--name" {
            command.args(["--bind", "127.0.0.1:0"]);
        }
        let line = refusal(command.args(more).arg("--socket").arg(directory.path("b.sock")));
        assert!(line.contains(&format!("--state {file}: the state file is that of node '{name}'")));
        assert!(line.contains(&format!("this one is '{own}'")), "{line}");
        assert_eq!(fs::read(&file).expect("a state file"), whole);
    }
    let third = Node::start(&directory, "a", &[&more[..], &["--name", &name]].concat());
    assert_eq!(own_name(&third), name);
}

#[test]
fn a_node_may_advertise_up_to_four_addresses() {
    let directory = Directory::new();
    let four = ["127.0.0.1:0", "127.0.0.2:0", "127.0.0.3:7", "[::1]:9"];
    let advertised = |addresses: &[&'static str]| -> Vec<&str> {
        addresses.iter().flat_map(|address| ["--advertise", address]).collect()
    };
    let more = [ALONE, &["--name", "cook"], &advertised(&four)].concat();
    let node = Node::start(&directory, "a", &more);
    node.ask(&["join", "kitchen"]);
    let members = node.ask(&["members", "kitchen"]);
    let port = node.address.port();
    let expected = [
        format!("127.0.0.1:{port}"),
        format!("127.0.0.2:{port}"),
        "127.0.0.3:7".to_owned(),
        "[::1]:9".to_owned(),
    ];
    assert_eq!(members[0]["addresses"], serde_json::json!(expected));
    for (addresses, expected) in [
        (
            &["127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3", "127.0.0.1:4", "127.0.0.1:5"][..],
            "1 to 4",
        ),
        (&["127.0.0.1:1", "127.0.0.1:1"], "127.0.0.1:1 is given twice"),
        (&["0.0.0.0:1"], "0.0.0.0:1 is not the address of one host"),
    ] {
        let mut command = program();
        command.arg("node").args(ALONE).args(advertised(addresses));
        let line = refusal(command.arg("--socket").arg(directory.path("b.sock")));
        assert!(line.contains(expected), "{line}");
    }
}
