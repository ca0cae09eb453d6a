//! A node is its name: hosts whose addresses and interfaces change, and names and addresses that are used
//! twice. What happens is told truthfully, at both sides.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::network::Link;
use crate::program::{Directory, Node, key_file, program_in, turn, until, until_all_see_all};

const LIMIT: Duration = Duration::from_secs(20);

/// How long it may take until a change of the host has been noticed, which is looked for every second, and
/// all others know what follows from it. Unloaded it takes 1.1 s at most.
const KNOWN: Duration = Duration::from_secs(4);

/// The third renewal of a node comes after 7 to 11 s of waiting, and two of one name wait in turn.
const CONFLICT: Duration = Duration::from_secs(60);

/// Hosts on one link, and where their nodes write.
struct Place {
    link: Link,
    directory: Directory,
    key: String,
}

impl Place {
    fn new() -> Option<Self> {
        let link = Link::new()?;
        let directory = Directory::new();
        let key = key_file(&directory, "key");
        Some(Self { link, directory, key })
    }

    /// A node on a new host.
    fn node(&mut self, name: &str, addresses: &[&str], args: &[&str]) -> (usize, Node) {
        let host = self.link.add(addresses);
        (host, self.node_on(host, name, args))
    }

    fn node_on(&self, host: usize, name: &str, args: &[&str]) -> Node {
        let args = [&["--key-file", &self.key], args].concat();
        Node::start_by(program_in(self.link.host(host)), &self.directory, name, &args)
    }

    fn log(&self, name: &str) -> String {
        std::fs::read_to_string(self.directory.path(&format!("{name}.log"))).unwrap_or_default()
    }

    /// The lines of a node's log that say that another one is not well.
    fn doubts(&self, name: &str) -> Vec<String> {
        let log = self.log(name);
        let doubts = ["-> suspect", "-> unreachable", "-> down"];
        let lines = log.lines().filter(|line| doubts.iter().any(|doubt| line.contains(doubt)));
        lines.map(str::to_owned).collect()
    }

    /// Those that say more than that it is suspect. The host of a node that has lost the address in use looks at its
    /// interfaces once a second, and until then a probe may go unanswered.
    fn losses(&self, name: &str) -> Vec<String> {
        let mut doubts = self.doubts(name);
        doubts.retain(|line| !line.contains("-> suspect"));
        doubts
    }
}

/// What a node knows of the peer of a name.
fn peer(node: &Node, name: &str) -> Value {
    let peers = node.try_ask(&["peers"]).unwrap_or_default();
    let rows = peers.as_array().cloned().unwrap_or_default();
    rows.into_iter().find(|row| row["name"] == name).unwrap_or_default()
}

fn is_at(node: &Node, name: &str, address: &str) -> bool {
    let row = peer(node, name);
    row["status"] == "alive" && row["address"] == address
}

/// Waits until all of these see each other alive, wherever they are.
fn see_each_other(nodes: &[(&Node, &str)]) {
    until(LIMIT, "all see all alive", || {
        let sees = |node: &Node, name: &str| node.status_named(name).as_deref() == Some("alive");
        nodes.iter().all(|(node, own)| {
            nodes.iter().filter(|(_, name)| name != own).all(|(_, name)| sees(node, name))
        })
    });
}

#[test]
fn a_host_that_gets_another_address_is_reached_there() {
    let _turn = turn();
    let Some(mut place) = Place::new() else { return };
    let a = place.node("a", &["10.81.0.1"], &["--bind", "0.0.0.0:29999", "--name", "a"]).1;
    let seeded = |name| ["--bind", "0.0.0.0:29999", "--seed", "10.81.0.1", "--name", name];
    let (host, b) = place.node("b", &["10.81.0.2"], &seeded("b"));
    let c = place.node("c", &["10.81.0.3"], &seeded("c")).1;
    // Its name is its address: it cannot follow.
    let (fixed, d) = place.node("d", &["10.81.0.4"], &seeded("d")[..4]);
    let address = d.address.to_string();
    until_all_see_all(LIMIT, &[&a, &b, &c, &d]);

    // With an address go those of its network that came after it.
    place.link.take(host, "10.81.0.2");
    place.link.give(host, "10.81.0.22");
    place.link.take(fixed, "10.81.0.4");
    place.link.give(fixed, "10.81.0.44");
    let changed = Instant::now();
    until(LIMIT, "the others know where it is", || {
        [&a, &c].iter().all(|node| is_at(node, "b", "10.81.0.22:29999"))
    });
    assert!(changed.elapsed() < KNOWN, "it took {:?}", changed.elapsed());
    for name in ["a", "c"] {
        until(LIMIT, "it is told", || place.log(name).contains("b is at 10.81.0.22:29999 now"));
        let losses = place.losses(name);
        assert!(losses.iter().all(|line| !line.contains(" b ")), "{losses:?}");
    }
    until(LIMIT, "the node says so", || {
        place.log("b").contains("the host has other addresses now, and so has the node")
    });
    until(LIMIT, "the one that cannot move says so", || {
        place.log("d").contains("named after the one that it had")
    });
    until(LIMIT, "that one is lost", || a.status_named(&address).as_deref() == Some("down"));
}

#[test]
fn a_node_on_a_named_interface_has_its_addresses() {
    let _turn = turn();
    let Some(mut place) = Place::new() else { return };
    let a = place.node("a", &["10.81.0.1"], &["--interface", "wire", "--name", "a"]).1;
    let args =
        ["--interface", "wire", "--bind", "[::]:29999", "--seed", "10.81.0.1", "--name", "b"];
    let (host, b) = place.node("b", &["10.81.0.2", "fd81::2"], &args);
    see_each_other(&[(&a, "a"), (&b, "b")]);
    let addresses = |expected: &[&str]| {
        until(KNOWN, "the other knows its addresses", || {
            peer(&a, "b")["addresses"] == serde_json::json!(expected)
        });
    };
    addresses(&["[fd81::2]:29999", "10.81.0.2:29999"]);
    place.link.give(host, "10.82.0.3");
    addresses(&["[fd81::2]:29999", "10.81.0.2:29999", "10.82.0.3:29999"]);
    place.link.take(host, "10.82.0.3");
    place.link.take(host, "10.81.0.2");
    place.link.give(host, "10.81.0.4");
    until(LIMIT, "it is reached at what is left", || is_at(&a, "b", "10.81.0.4:29999"));
    addresses(&["[fd81::2]:29999", "10.81.0.4:29999"]);
    assert_eq!(place.losses("a"), [""; 0]);
}

/// The others have been replaced meanwhile, so that nobody knows of it, and it has no seed.
#[test]
fn an_interface_that_comes_back_has_its_multicast_again() {
    let _turn = turn();
    let Some(mut place) = Place::new() else { return };
    let args = |bind| ["--multicast", "--bind", bind];
    let (first, a) = place.node("a", &["10.82.0.1"], &args("10.82.0.1:29999"));
    let (host, b) = place.node("b", &["10.82.0.2"], &args("10.82.0.2:29999"));
    let named = ["--multicast", "--interface", "wire", "--name", "c"];
    let (second, c) = place.node("c", &["10.82.0.3"], &named);
    until_all_see_all(LIMIT, &[&a, &b, &c]);

    place.link.unplug(host);
    place.link.unplug(second);
    a.kill();
    place.link.take(first, "10.82.0.1");
    place.link.give(first, "10.82.0.11");
    let a = place.node_on(first, "a2", &args("10.82.0.11:29999"));
    until(LIMIT, "both have noticed", || {
        [&b, &c].iter().all(|node| {
            node.status_of("10.82.0.1:29999".parse().expect("it is one"))
                .is_some_and(|status| status != "alive")
        })
    });
    place.link.plug(host, &["10.82.0.2"]);
    place.link.plug(second, &["10.82.0.33"]);
    let plugged = Instant::now();
    until(LIMIT, "they have found each other", || {
        let at = "10.82.0.33:29999";
        [&a, &b].iter().all(|node| is_at(node, "c", at))
            && [&b, &c].iter().all(|node| node.status_of(a.address).as_deref() == Some("alive"))
            && [&a, &c].iter().all(|node| node.status_of(b.address).as_deref() == Some("alive"))
    });
    assert!(plugged.elapsed() < KNOWN, "it took {:?}", plugged.elapsed());
    for name in ["b", "c"] {
        until(LIMIT, "it says so", || place.log(name).contains("interface is there again"));
    }
}

/// Which of the two gets what is sent to the address changes all the time.
#[test]
fn two_hosts_with_one_address_are_both_told() {
    let _turn = turn();
    let Some(mut place) = Place::new() else { return };
    let args = |bind| ["--bind", bind, "--seed", "10.83.0.1:29999"];
    let a = place.node("a", &["10.83.0.1"], &args("10.83.0.1:29999")).1;
    let b = place.node("b", &["10.83.0.2"], &args("10.83.0.2:29999")).1;
    let c = place.node("c", &["10.83.0.5"], &args("10.83.0.5:29999")).1;
    until_all_see_all(LIMIT, &[&a, &b, &c]);
    let _d = place.node("d", &["10.83.0.5"], &args("10.83.0.5:29999")).1;
    let mut last = Instant::now();
    until(CONFLICT, "both are told", || {
        if last.elapsed() > Duration::from_secs(2) {
            last = Instant::now();
            place.link.forget_neighbours();
        }
        let told = |name| place.log(name).contains("another node at 10.83.0.5:29999 seems to use");
        told("c") && told("d")
    });
    for name in ["a", "b"] {
        let about_others = |line: &String| !line.contains("10.83.0.5:29999 ");
        let doubts: Vec<String> = place.doubts(name).into_iter().filter(about_others).collect();
        assert_eq!(doubts, [""; 0], "{name}");
    }
}

/// And then the first one is switched on again, as if nothing had happened.
#[test]
fn a_host_that_is_replaced_by_another_with_its_name_is_the_same_node() {
    let _turn = turn();
    let Some(mut place) = Place::new() else { return };
    let a = place.node("a", &["10.84.0.1"], &["--bind", "10.84.0.1:29999"]).1;
    let args = |bind| ["--bind", bind, "--seed", "10.84.0.1:29999", "--name", "cook"];
    let (host, b) = place.node("b", &["10.84.0.2"], &args("10.84.0.2:29999"));
    let c =
        place.node("c", &["10.84.0.3"], &["--bind", "10.84.0.3:29999", "--seed", "10.84.0.1"]).1;
    until_all_see_all(LIMIT, &[&a, &b, &c]);
    let id = peer(&a, "cook")["id"].clone();
    b.kill();
    let started = Instant::now();
    let _new = place.node("new", &["10.84.0.4"], &args("10.84.0.4:29999")).1;
    until(LIMIT, "it is the same node", || {
        [&a, &c].iter().all(|node| is_at(node, "cook", "10.84.0.4:29999"))
    });
    assert!(started.elapsed() < KNOWN, "it took {:?}", started.elapsed());
    for (node, log) in [(&a, "a"), (&c, "c")] {
        assert_eq!(peer(node, "cook")["id"], id);
        until(LIMIT, "it is told", || place.log(log).contains("cook is at 10.84.0.4:29999 now"));
    }

    let _old = place.node_on(host, "old", &args("10.84.0.2:29999"));
    until(CONFLICT, "both are told where the other is", || {
        place.log("old").contains("another node at 10.84.0.4:29999 seems to use this one's name")
            && place
                .log("new")
                .contains("another node at 10.84.0.2:29999 seems to use this one's name")
    });
}

/// Two hosts that were set up from one file, state and all.
#[test]
fn a_copied_configuration_is_told_to_both() {
    let _turn = turn();
    let Some(mut place) = Place::new() else { return };
    let a = place.node("a", &["10.85.0.1"], &["--bind", "10.85.0.1:29999"]).1;
    let file = place.directory.path("node.toml");
    let text = "interface = \"wire\"\nname = \"cook\"\nseed = [\"10.85.0.1\"]\n";
    std::fs::write(&file, text).expect("it is written");
    let file = crate::program::text(&file);
    let b = place.node("b", &["10.85.0.2"], &["--config", &file]).1;
    until_all_see_all(LIMIT, &[&a, &b]);
    let _c = place.node("c", &["10.85.0.3"], &["--config", &file]).1;
    until(CONFLICT, "both are told where the other is", || {
        place.log("b").contains("another node at 10.85.0.3:29999 seems to use this one's name")
            && place
                .log("c")
                .contains("another node at 10.85.0.2:29999 seems to use this one's name")
    });
    // The log of a witness says that the node is now here and now there.
    for address in ["10.85.0.2:29999", "10.85.0.3:29999"] {
        until(LIMIT, "it is told", || {
            place.log("a").contains(&format!("cook is at {address} now"))
        });
    }
}

#[test]
fn nodes_with_ipv4_with_ipv6_and_with_both_form_one_cluster() {
    let _turn = turn();
    let Some(mut place) = Place::new() else { return };
    let both = ["--bind", "[::]:29999", "--name", "both"];
    let both = place.node("both", &["10.86.0.1", "fd86::1"], &both).1;
    let four = ["--bind", "0.0.0.0:29999", "--name", "four", "--seed", "10.86.0.1"];
    let four = place.node("four", &["10.86.0.2"], &four).1;
    let six = ["--bind", "[::]:29999", "--name", "six", "--seed", "[fd86::1]:29999"];
    let six = place.node("six", &["fd86::3"], &six).1;
    see_each_other(&[(&both, "both"), (&four, "four"), (&six, "six")]);
    four.ask(&["add", "kitchen:0-9@7001"]);
    six.ask(&["add", "kitchen:10-19@7002"]);
    until(LIMIT, "all route to both", || {
        [&both, &four, &six]
            .iter()
            .all(|node| node.route("kitchen", 5) == [7001] && node.route("kitchen", 15) == [7002])
    });
    let mut watch = six.watch();
    four.ask(&["send", "hello", "--tag", "5"]);
    while watch.next()["tag"] != 5 {}
    assert_eq!(
        (peer(&four, "six")["direct"].clone(), peer(&four, "both")["direct"].clone()),
        (false.into(), true.into())
    );
    for name in ["both", "four", "six"] {
        assert_eq!(place.doubts(name), [""; 0], "{name}");
    }

    let six_again = six;
    both.kill();
    until(LIMIT, "each half says that it cannot reach the other", || {
        four.status_named("six").as_deref() == Some("unreachable")
            && six_again.status_named("four").as_deref() == Some("unreachable")
    });
}
