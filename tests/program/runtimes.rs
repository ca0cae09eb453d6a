//! Nodes of every runtime in one cluster: they meet by multicast alone, survive a kill, and sleep.

use std::time::Duration;

use crate::program::{Directory, Node, Watch, free_port, turn, until, until_all_see_all};

pub(crate) const RUNTIMES: [&str; 4] = ["mio", "smol", "async-std", "tokio"];

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn by_multicast(directory: &Directory, name: &str, group: &str, runtime: &str) -> Node {
    let args = ["--bind", "127.0.0.1:0", "--multicast", "--multicast-group", group];
    Node::start(directory, name, &[&args[..], &["--runtime", runtime]].concat())
}

/// Whether the node routes the first key of each range to the port that serves it.
fn routes(node: &Node, ports: &[u64]) -> bool {
    ports.iter().all(|port| node.route("kitchen", (port % 100 * 10) as u32) == [*port])
}

/// Has each node serve ten keys at a port of its own, from `first`: the ports.
fn serve(nodes: &[Node], first: u64) -> Vec<u64> {
    let serve = |(node, port): (&Node, u64)| {
        let start = port % 100 * 10;
        node.ask(&["add", &format!("kitchen:{start}-{}@{port}", start + 9)]);
        port
    };
    nodes.iter().zip(first..).map(serve).collect()
}

#[test]
fn two_nodes_of_each_runtime_meet_by_multicast_share_keys_and_survive_a_kill() {
    let _turn = turn();
    let directory = Directory::new();
    let group = format!("224.1.1.1:{}", free_port());
    let mut nodes: Vec<Node> = RUNTIMES
        .iter()
        .chain(&RUNTIMES)
        .enumerate()
        .map(|(number, runtime)| by_multicast(&directory, &number.to_string(), &group, runtime))
        .collect();
    until_all_see_all(seconds(10), &nodes.iter().collect::<Vec<_>>());
    let ports = serve(&nodes, 7000);
    until(seconds(5), "all route to all", || nodes.iter().all(|node| routes(node, &ports)));

    for _ in 0..RUNTIMES.len() {
        let place = nodes[0].address;
        nodes.remove(0).kill();
        until(seconds(20), "the killed one is down for all", || {
            nodes.iter().all(|node| node.status_of(place).as_deref() == Some("down"))
        });
    }
    until(seconds(5), "all route to those that are left", || {
        nodes.iter().all(|node| {
            routes(node, &ports[RUNTIMES.len()..])
                && (0..4).all(|dead| node.route("kitchen", dead * 10).is_empty())
        })
    });

    let last = nodes.pop().expect("one is left");
    let left = last.address;
    last.ask(&["depart"]);
    until(seconds(5), "the last one has left", || {
        nodes.iter().all(|node| node.status_of(left).as_deref() == Some("left"))
    });
    assert_eq!(last.ended(seconds(5)), Some(0));
}

#[test]
fn processes_that_were_suspended_for_20_s_accuse_nobody() {
    let _turn = turn();
    let directory = Directory::new();
    let group = format!("224.1.1.1:{}", free_port());
    let start = |name: &str, runtime: &str| by_multicast(&directory, name, &group, runtime);
    let awake = ["a", "b", "c"].map(|name| start(name, "mio"));
    let asleep = RUNTIMES.map(|runtime| start(runtime, runtime));
    let all: Vec<&Node> = awake.iter().chain(&asleep).collect();
    until_all_see_all(seconds(10), &all);
    let watches: Vec<(&str, Watch)> = RUNTIMES
        .iter()
        .zip(&asleep)
        .chain([(&"awake", &awake[0])])
        .map(|(name, node)| (*name, node.watch()))
        .collect();

    for node in &asleep {
        node.signal("STOP");
    }
    std::thread::sleep(seconds(20));
    let down = awake[1].status_of(asleep[0].address);
    for node in &asleep {
        node.signal("CONT");
    }
    assert_eq!(down.as_deref(), Some("down"), "they were not suspended");
    until_all_see_all(seconds(15), &all);
    // All that the woken ones may yet come to believe shows within the window of silence.
    std::thread::sleep(seconds(4));
    until_all_see_all(seconds(1), &all);

    for (name, watch) in watches {
        let about_the_awake = |event: &serde_json::Value| {
            let is = |node: &Node| event["name"] == node.address.to_string();
            event["event"] == "peer" && event["to"] != "alive" && awake.iter().any(is)
        };
        let wrong: Vec<_> = watch.rest().into_iter().filter(about_the_awake).collect();
        assert!(wrong.is_empty(), "at {name}: {wrong:?}");
    }
}
