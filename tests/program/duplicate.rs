//! Two nodes with one address: the one that started first yields and says why.

use std::time::Duration;

use crate::program::{Directory, Node, free_port, turn, until};

const LIMIT: Duration = Duration::from_secs(10);

#[test]
fn the_older_of_two_nodes_with_one_address_ends_and_names_the_remedy() {
    let _turn = turn();
    let directory = Directory::new();
    let alone = ["--bind", "127.0.0.1:0", "--no-multicast"];
    let witness = Node::start(&directory, "witness", &alone);
    let seed = witness.id.to_string();
    let claimed = format!("127.0.0.1:{}", free_port());
    let seeded = ["--no-multicast", "--seed", &seed];
    let more = ["--bind", "127.0.0.1:0", "--advertise", &claimed];
    let older = Node::start(&directory, "older", &[&seeded[..], &more].concat());
    assert_eq!(older.id.to_string(), claimed);
    until(LIMIT, "the witness knows it", || witness.status_of(older.id).is_some());

    let mut watch = older.watch();
    let younger =
        Node::start(&directory, "younger", &[&seeded[..], &["--bind", &claimed]].concat());
    let socket = older.socket.clone();
    assert_eq!(older.ended(LIMIT), Some(1));
    assert!(!socket.exists());
    while watch.next()["event"] != "duplicate" {}
    let log = std::fs::read_to_string(directory.path("older.log")).expect("its log");
    let last = log.lines().last().expect("a line");
    assert!(last.starts_with("scalesmall: "), "{log}");
    assert!(last.contains(&claimed) && last.contains("--advertise"), "{log}");
    until(LIMIT, "the younger is the one", || {
        witness.status_of(younger.id).as_deref() == Some("alive")
    });
}
