//! Datagrams that must change nothing but their own counter.

use std::collections::BTreeMap;
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use crate::program::{Directory, Node, key_file, until, until_all_see_all};

const ALONE: &[&str] = &["--bind", "127.0.0.1:0", "--no-multicast"];
const LIMIT: Duration = Duration::from_secs(5);

/// The counters of what was refused.
fn refused(node: &Node) -> BTreeMap<String, u64> {
    let stats = node.ask(&["stats"]);
    let stats = stats.as_object().expect("an object");
    let counters = stats.iter().filter(|(name, _)| name.starts_with("refused_"));
    counters.map(|(name, value)| (name.clone(), value.as_u64().expect("a number"))).collect()
}

/// What a node shows of its peers; round trips and when they were heard change all the time.
fn picture(node: &Node) -> serde_json::Value {
    let mut peers = node.ask(&["peers"]);
    for peer in peers.as_array_mut().expect("a list") {
        for changing in ["rtt_us", "heard_ms"] {
            peer.as_object_mut().expect("an object").remove(changing);
        }
    }
    peers
}

/// Sends a datagram; only `counter` rises, by one, and the node's picture stays as it is.
#[track_caller]
fn only_raises(node: &Node, counter: &str, datagram: &[u8]) {
    let from = SocketAddr::new(node.address.ip(), 0);
    let stranger = UdpSocket::bind(from).expect("a socket");
    let peers = picture(node);
    let mut expected = refused(node);
    *expected.get_mut(counter).unwrap_or_else(|| panic!("no counter {counter}")) += 1;
    stranger.send_to(datagram, node.address).expect("it is sent");
    until(LIMIT, counter, || node.counter(counter) >= expected[counter]);
    assert_eq!(refused(node), expected);
    assert_eq!(picture(node), peers);
}

/// What a node says to somebody whom it is told to contact.
fn greeting(directory: &Directory, args: &[&str]) -> Vec<u8> {
    let stranger = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    stranger.set_read_timeout(Some(LIMIT)).expect("a time-out");
    let seed = stranger.local_addr().expect("an address").to_string();
    let node = Node::start(directory, "greeter", &[args, &["--seed", &seed]].concat());
    let mut datagram = vec![0; 65_536];
    let (len, from) = stranger.recv_from(&mut datagram).expect("a greeting");
    assert_eq!(from, node.address);
    datagram.truncate(len);
    datagram
}

#[test]
fn foreign_truncated_and_altered_datagrams_each_raise_their_own_counter() {
    let directory = Directory::new();
    let node = Node::start(&directory, "a", ALONE);
    let genuine = greeting(&directory, ALONE);
    only_raises(&node, "refused_foreign", b"GET / HTTP/1.1\r\n\r\n");
    only_raises(&node, "refused_truncated", &genuine[..12]);
    let mut altered = genuine;
    *altered.last_mut().expect("it is not empty") ^= 1;
    only_raises(&node, "refused_forged", &altered);
}

/// Over IPv4 no datagram is longer than what is taken; over IPv6 a few bytes more fit.
#[test]
fn an_oversized_datagram_raises_its_own_counter() {
    if UdpSocket::bind("[::1]:0").is_err() {
        println!("this host has no IPv6");
        return;
    }
    let directory = Directory::new();
    let node = Node::start(&directory, "a", &["--bind", "[::1]:0", "--no-multicast"]);
    let mut oversized = greeting(&directory, ALONE);
    oversized.resize(65_527, 0);
    only_raises(&node, "refused_oversized", &oversized);
}

#[test]
fn datagrams_of_another_key_or_cluster_each_raise_their_own_counter() {
    let directory = Directory::new();
    let node = Node::start(&directory, "a", ALONE);
    let key = key_file(&directory, "key");
    let other_key = greeting(&directory, &[ALONE, &["--key-file", &key]].concat());
    only_raises(&node, "refused_key", &other_key);
    let mut altered = greeting(&directory, ALONE);
    let last = altered.len() - 1;
    altered[last] ^= 1;
    only_raises(&node, "refused_forged", &altered);
    let other_cluster = greeting(&directory, &[ALONE, &["--cluster", "other"]].concat());
    only_raises(&node, "refused_cluster", &other_cluster);
}

#[test]
fn a_recorded_datagram_raises_its_own_counter() {
    let directory = Directory::new();
    let stranger = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    stranger.set_read_timeout(Some(LIMIT)).expect("a time-out");
    let a = Node::start(&directory, "a", ALONE);
    let seeds = [a.address.to_string(), stranger.local_addr().expect("an address").to_string()];
    let seeds = ["--seed", &seeds[0], "--seed", &seeds[1]];
    let b = Node::start(&directory, "b", &[ALONE, &seeds].concat());
    until_all_see_all(LIMIT, &[&a, &b]);
    let mut datagram = [0; 2048];
    let (len, from) = stranger.recv_from(&mut datagram).expect("what b says to a stranger");
    assert_eq!(from, b.address);
    // Unbound, and sent before b has proven itself to a.
    only_raises(&a, "refused_unproven", &datagram[..len]);
}
