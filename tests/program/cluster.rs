//! Nodes meet, serve, die, return, depart.

use std::net::UdpSocket;
use std::time::Duration;

use crate::program::{Directory, Node, free_port, key_file, turn, until, until_all_see_all};

const ALONE: &[&str] = &["--bind", "127.0.0.1:0", "--no-multicast"];

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A node on IPv4 loopback, without multicast, that knows `seed`.
fn seeded(directory: &Directory, name: &str, seed: &Node) -> Node {
    let seed = seed.address.to_string();
    Node::start(directory, name, &[ALONE, &["--seed", &seed]].concat())
}

#[test]
fn three_nodes_meet_serve_lose_one_regain_it_and_let_one_go() {
    let _turn = turn();
    let directory = Directory::new();
    let a = Node::start(&directory, "a", ALONE);
    let b = seeded(&directory, "b", &a);
    let c = seeded(&directory, "c", &a);
    until_all_see_all(seconds(2), &[&a, &b, &c]);

    b.ask(&["add", "kitchen:100-199@7001"]);
    until(seconds(1), "all route to b", || {
        [&a, &b, &c].iter().all(|node| node.route("kitchen", 150) == [7001])
    });

    let place = b.address;
    b.kill();
    until(seconds(8), "b is down for all, and nobody routes to it", || {
        [&a, &c].iter().all(|node| {
            node.status_of(place).as_deref() == Some("down")
                && node.route("kitchen", 150).is_empty()
        })
    });
    assert_eq!(a.ask(&["members", "kitchen"]), serde_json::json!([]));

    let (place, seed) = (place.to_string(), a.address.to_string());
    let more = ["--seed", &seed, "--serve", "kitchen:300-399@7002"];
    let again = [&["--bind", &place, "--no-multicast"], &more[..]].concat();
    let b = Node::start(&directory, "b", &again);
    until(seconds(3), "b is back with its new range and none of its old", || {
        [&a, &b, &c].iter().all(|node| {
            node.route("kitchen", 350) == [7002] && node.route("kitchen", 150).is_empty()
        })
    });
    until_all_see_all(seconds(3), &[&a, &b, &c]);

    let mut watch = a.watch();
    let left = c.address;
    let departed = c.ask(&["depart"]);
    assert_eq!(departed["acknowledged_by"], departed["told"]);
    until(seconds(1), "c has left", || {
        [&a, &b].iter().all(|node| node.status_of(left).as_deref() == Some("left"))
    });
    assert_eq!(c.ended(seconds(5)), Some(0));
    loop {
        let event = watch.next();
        if event["event"] == "peer" && event["name"] == left.to_string() {
            assert_eq!(event["to"], "left", "{event}");
            break;
        }
    }
}

#[test]
fn the_survivor_of_two_calls_the_other_unreachable_and_recovers_by_itself() {
    let _turn = turn();
    let directory = Directory::new();
    let a = Node::start(&directory, "a", ALONE);
    let b = seeded(&directory, "b", &a);
    until_all_see_all(seconds(2), &[&a, &b]);
    let watch = a.watch();
    let place = b.address;
    b.kill();
    until(seconds(8), "b is unreachable", || a.status_of(place).as_deref() == Some("unreachable"));
    // Nobody tells b about a, which keeps trying.
    let bind = place.to_string();
    let b = Node::start(&directory, "b", &["--bind", &bind, "--no-multicast"]);
    until_all_see_all(seconds(8), &[&a, &b]);
    let seen: Vec<String> =
        watch.rest().iter().filter_map(|event| event["to"].as_str().map(str::to_owned)).collect();
    assert!(seen.iter().any(|status| status == "unreachable"), "{seen:?}");
    assert!(seen.iter().all(|status| status != "down"), "nobody could confirm it: {seen:?}");
}

#[test]
fn nodes_find_each_other_by_multicast_alone() {
    let _turn = turn();
    let directory = Directory::new();
    let group = format!("224.1.1.1:{}", free_port());
    let args = ["--bind", "127.0.0.1:0", "--multicast", "--multicast-group", &group];
    let nodes = ["a", "b", "c"].map(|name| Node::start(&directory, name, &args));
    let [a, b, c] = &nodes;
    until_all_see_all(seconds(5), &[a, b, c]);
    b.ask(&["add", "kitchen:0-9@7001"]);
    until(seconds(1), "all route to b", || {
        nodes.iter().all(|node| node.route("kitchen", 5) == [7001])
    });
    assert!(nodes.iter().any(|node| node.counter("multicasts_sent") > 0));
}

#[test]
fn nodes_meet_over_ipv6() {
    if UdpSocket::bind("[::1]:0").is_err() {
        println!("this host has no IPv6");
        return;
    }
    let _turn = turn();
    let directory = Directory::new();
    let alone = ["--bind", "[::1]:0", "--no-multicast"];
    let a = Node::start(&directory, "a", &alone);
    let seed = a.address.to_string();
    let more = [&alone[..], &["--seed", &seed]].concat();
    let b = Node::start(&directory, "b", &more);
    let c = Node::start(&directory, "c", &more);
    until_all_see_all(seconds(2), &[&a, &b, &c]);
    c.ask(&["join", "kitchen"]);
    until(seconds(1), "all list c", || {
        [&a, &b, &c].iter().all(|node| {
            let listed = node.try_ask(&["members", "kitchen"]).unwrap_or_default();
            let members = listed.as_array().map_or(&[][..], Vec::as_slice);
            matches!(members, [only] if only["address"] == c.address.to_string())
        })
    });
}

#[test]
fn messages_reach_those_they_are_for_and_nobody_else() {
    let _turn = turn();
    let directory = Directory::new();
    let a = Node::start(&directory, "a", ALONE);
    let b = seeded(&directory, "b", &a);
    let c = seeded(&directory, "c", &a);
    until_all_see_all(seconds(2), &[&a, &b, &c]);
    b.ask(&["join", "kitchen"]);
    until(seconds(1), "a knows the group", || a.try_ask(&["members", "kitchen"]).is_some());
    let (mut at_b, mut at_c) = (b.watch(), c.watch());
    a.ask(&["send", "to the kitchen", "--group", "kitchen", "--tag", "1"]);
    a.ask(&["send", "to c", "--to", &c.address.to_string(), "--tag", "2"]);
    a.ask(&["send", "to all", "--tag", "3"]);
    for (watch, expected) in [(&mut at_b, [1, 3]), (&mut at_c, [2, 3])] {
        let mut tags = Vec::new();
        while tags.len() < 2 {
            let event = watch.next();
            if event["event"] == "message" {
                assert_eq!(event["origin"]["name"], a.address.to_string());
                tags.push(event["tag"].as_u64().expect("a number"));
            }
        }
        tags.sort_unstable();
        assert_eq!(tags, expected);
    }
}

#[test]
fn sealed_nodes_meet_and_a_signal_makes_a_node_depart() {
    let _turn = turn();
    let directory = Directory::new();
    let key = crate::program::text(&directory.path("key"));
    let made = crate::program::run(&["keygen", "--suite", "sealed", &key]);
    assert!(made.status.success(), "{made:?}");
    let sealed = [ALONE, &["--key-file", &key, "--cluster", "x"]].concat();
    let a = Node::start(&directory, "a", &sealed);
    let seed = a.address.to_string();
    let b = Node::start(&directory, "b", &[&sealed[..], &["--seed", &seed]].concat());
    until_all_see_all(seconds(2), &[&a, &b]);
    let left = b.address;
    let socket = b.socket.clone();
    b.signal("TERM");
    until(seconds(2), "b has left", || a.status_of(left).as_deref() == Some("left"));
    assert_eq!(b.ended(seconds(5)), Some(0));
    assert!(!socket.exists(), "the control socket stays behind");
}

#[test]
fn a_recording_replays_to_the_same_answers() {
    let _turn = turn();
    let directory = Directory::new();
    let recording = crate::program::text(&directory.path("recording"));
    let key = key_file(&directory, "key");
    let keyed = [ALONE, &["--key-file", &key]].concat();
    let a = Node::start(&directory, "a", &[&keyed[..], &["--record", &recording]].concat());
    let seed = a.address.to_string();
    let b = Node::start(&directory, "b", &[&keyed[..], &["--seed", &seed]].concat());
    until_all_see_all(seconds(2), &[&a, &b]);
    b.ask(&["add", "kitchen:0-9@7001"]);
    a.ask(&["join", "pantry"]);
    until(seconds(1), "a routes to b", || a.route("kitchen", 5) == [7001]);
    a.kill();
    let replayed = crate::program::run(&["replay", &recording, "--key-file", &key]);
    let said = String::from_utf8_lossy(&replayed.stdout).into_owned();
    assert!(replayed.status.success(), "{}", String::from_utf8_lossy(&replayed.stderr));
    assert!(said.contains("every answer the same"), "{said}");

    let held = std::fs::read_to_string(&recording).expect("text");
    let secret = std::fs::read_to_string(&key).expect("text");
    assert!(!held.contains(secret.trim()), "the recording holds the key");
    let other = key_file(&directory, "other");
    let line = crate::program::refusal(crate::program::program().args([
        "replay",
        &recording,
        "--key-file",
        &other,
    ]));
    assert!(line.contains("with these keys"), "{line}");
}

/// One that stands still for the second time within minutes lives again and is not taken back yet: `peers`
/// says so, and for how long.
#[test]
fn a_node_that_stood_still_twice_is_shown_as_held_off() {
    let _turn = turn();
    let directory = Directory::new();
    let witness = Node::start(&directory, "witness", ALONE);
    let third = seeded(&directory, "third", &witness);
    let sleepy = seeded(&directory, "sleepy", &witness);
    let place = sleepy.address;
    until_all_see_all(seconds(3), &[&witness, &third, &sleepy]);
    for _ in 0..2 {
        sleepy.signal("STOP");
        until(seconds(10), "it is down", || witness.status_of(place).as_deref() == Some("down"));
        sleepy.signal("CONT");
        until(seconds(10), "it is back, or held off", || {
            let peers = witness.ask(&["peers"]);
            let mut peers = peers.as_array().into_iter().flatten();
            let row = peers.find(|row| row["address"] == place.to_string());
            row.is_some_and(|row| row["status"] == "alive" || row["held_for_ms"].is_u64())
        });
    }
    let table = witness.command(&["peers"]).output().expect("the program runs");
    let table = String::from_utf8_lossy(&table.stdout).into_owned();
    let row = table.lines().find(|line| line.contains(&place.to_string())).expect("a row");
    let held = row.split("down: held off for ").nth(1).and_then(|rest| rest.split(" s").next());
    let held: u32 = held.and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("{table}"));
    assert!((1..=5).contains(&held), "{table}");
}
