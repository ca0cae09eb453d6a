//! Two nodes with one name: both say so, and only one that was told to ends.

use std::time::{Duration, Instant};

use crate::program::{Directory, Node, turn, until};

/// The third renewal of a node comes after 7 to 11 s of waiting, and the two wait in turn.
const LIMIT: Duration = Duration::from_secs(60);

#[test]
fn two_nodes_with_one_name_say_so_and_one_ends_if_it_was_told_to() {
    let _turn = turn();
    let directory = Directory::new();
    let alone = ["--bind", "127.0.0.1:0", "--no-multicast"];
    let witness = Node::start(&directory, "witness", &alone);
    let seed = witness.address.to_string();
    let named = ["--bind", "127.0.0.1:0", "--no-multicast", "--seed", &seed, "--name", "cook"];
    let older = Node::start(&directory, "older", &named);
    until(LIMIT, "the witness knows it", || witness.status_of(older.address).is_some());

    let younger = [&named[..], &["--exit-on-conflict"]].concat();
    let younger = Node::start(&directory, "younger", &younger);
    let socket = younger.socket.clone();
    let log = |name: &str| std::fs::read_to_string(directory.path(name)).unwrap_or_default();
    until(LIMIT, "the older says so", || log("older.log").contains("seems to use this one"));
    assert_eq!(younger.ended(LIMIT), Some(1));
    assert!(!socket.exists());
    let log = log("younger.log");
    let reason = log.lines().find(|line| line.starts_with("scalesmall: ")).expect(&log);
    assert!(reason.contains("the name cook") && reason.contains("--name"), "{log}");
    until(LIMIT, "the older goes on", || {
        witness.status_of(older.address).as_deref() == Some("alive")
    });
}

/// The one that was there first has known of it for long, and waits ever longer before it comes back. The newcomer
/// does not have to wait for that.
#[test]
fn a_newcomer_ends_though_the_conflict_is_old() {
    let _turn = turn();
    let directory = Directory::new();
    let alone = ["--bind", "127.0.0.1:0", "--no-multicast"];
    let witness = Node::start(&directory, "witness", &alone);
    let seed = witness.address.to_string();
    let named = [&alone[..], &["--seed", &seed, "--name", "cook"]].concat();
    let older = Node::start(&directory, "older", &named);
    until(LIMIT, "the witness knows it", || witness.status_of(older.address).is_some());
    let copy = Node::start(&directory, "copy", &named);
    until(LIMIT, "the older has told it twice", || older.counter("conflicts") >= 2);
    copy.kill();

    let named = [&named[..], &["--exit-on-conflict"]].concat();
    let newcomer = Node::start(&directory, "newcomer", &named);
    let (address, began) = (newcomer.address, Instant::now());
    assert_eq!(newcomer.ended(LIMIT), Some(1));
    assert!(began.elapsed() < Duration::from_secs(20), "it took {:?}", began.elapsed());
    let log = |name: &str| std::fs::read_to_string(directory.path(name)).unwrap_or_default();
    let told = format!("another node at {} seems to use this one's name", older.address);
    assert!(log("newcomer.log").contains(&told), "{}", log("newcomer.log"));
    // Others see where each life is, in the log and afterwards.
    let at = format!("it began a new life (at {address})");
    assert!(log("witness.log").contains(&at), "{}", log("witness.log"));
    let why = witness.ask(&["why", "cook"]);
    let changes = why["changes"].as_array().expect("a list");
    assert!(changes.iter().any(|change| change["address"] == address.to_string()), "{why}");
}

#[test]
fn of_two_nodes_with_one_name_each_is_told_where_the_other_one_is() {
    let _turn = turn();
    let directory = Directory::new();
    let alone = ["--bind", "127.0.0.1:0", "--no-multicast", "--preset", "local"];
    let named = ["--name", "cook"];
    let first = Node::start(&directory, "first", &[&alone[..], &named].concat());
    let seed = first.address.to_string();
    let seeded = ["--seed", &seed];
    let second = Node::start(&directory, "second", &[&alone[..], &named, &seeded].concat());
    let log = |name: &str| std::fs::read_to_string(directory.path(name)).unwrap_or_default();
    let told = format!("another node at {} seems to use this one's name", second.address);
    until(LIMIT, "it is told where", || log("first.log").contains(&told));
}
