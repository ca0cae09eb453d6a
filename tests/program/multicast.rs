//! Hosts on one link, and one behind a router: network namespaces, joined by a bridge.

use std::net::IpAddr;
use std::process::Command;
use std::time::Duration;

use crate::network::{ip, namespace, run, skipped};
use crate::program::{Directory, Node, key_file, program_in, turn, until, until_all_see_all};
use crate::runtimes::RUNTIMES;

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A switch with hosts, and another one behind a router, which carries unicast only. All of it is
/// removed when dropped.
struct Network {
    router: String,
    hosts: Vec<String>,
}

impl Network {
    /// `near` hosts on one link, and one host on another; `None` where that is not permitted.
    fn new(near: u32) -> Option<Self> {
        let router = namespace()?;
        let mut network = Self { router, hosts: Vec::new() };
        let router = network.router.clone();
        for forward in ["ipv4/ip_forward", "ipv6/conf/all/forwarding"] {
            let write = format!("echo 1 > /proc/sys/net/{forward}");
            let written =
                Command::new("ip").args(["netns", "exec", &router, "sh", "-c", &write]).status();
            assert!(written.is_ok_and(|status| status.success()), "{forward}");
        }
        for link in [1, 2] {
            ip(&format!("-n {router} link add bridge{link} type bridge mcast_snooping 0"));
            ip(&format!("-n {router} addr add 10.77.{link}.254/24 dev bridge{link}"));
            ip(&format!("-n {router} -6 addr add fd77:{link}::fe/64 dev bridge{link} nodad"));
            ip(&format!("-n {router} link set bridge{link} up"));
        }
        for host in 1..=near {
            network.add_host(1, host);
        }
        network.add_host(2, 1);
        Some(network)
    }

    fn add_host(&mut self, link: u32, host: u32) {
        let router = &self.router;
        let name = format!("{router}-{link}-{host}");
        ip(&format!("netns add {name}"));
        self.hosts.push(name.clone());
        let port = format!("port{link}-{host}");
        ip(&format!("-n {router} link add {port} type veth peer name wire netns {name}"));
        ip(&format!("-n {router} link set {port} master bridge{link} up"));
        ip(&format!("-n {name} link set lo up"));
        ip(&format!("-n {name} addr add 10.77.{link}.{host}/24 dev wire"));
        ip(&format!("-n {name} -6 addr add fd77:{link}::{host}/64 dev wire nodad"));
        ip(&format!("-n {name} link set wire up"));
        ip(&format!("-n {name} route add default via 10.77.{link}.254"));
        ip(&format!("-n {name} -6 route add default via fd77:{link}::fe"));
    }

    /// The host behind the router.
    fn far(&self) -> &str {
        self.hosts.last().expect("it is the last one made")
    }

    /// Makes every link lose and delay; tells if the system cannot.
    fn disturb(&self, how: &str) -> bool {
        self.hosts.iter().all(|host| {
            let made = run("tc", &format!("-n {host} qdisc add dev wire root netem {how}"));
            let made = made.is_ok_and(|made| made.status.success());
            if !made {
                skipped("no tc netem here, so no loss and no delay");
            }
            made
        })
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for name in self.hosts.iter().chain([&self.router]) {
            let _ = run("ip", &format!("netns del {name}"));
        }
    }
}

/// Nodes on all near hosts, one of each runtime, that know of nobody.
fn near_nodes(network: &Network, directory: &Directory, key: &str, v6: bool) -> Vec<Node> {
    let start = |(host, runtime): (u32, &&str)| {
        let address: IpAddr = if v6 {
            format!("fd77:1::{host}").parse().expect("an address")
        } else {
            [10, 77, 1, host as u8].into()
        };
        let bind = std::net::SocketAddr::new(address, 29_999).to_string();
        let namespace = &network.hosts[host as usize - 1];
        let mut args = vec!["--bind", &bind, "--multicast", "--runtime", runtime];
        args.extend(["--key-file", key]);
        if v6 {
            args.extend(["--multicast-group", "[ff02::5ca1:e5a1]:29999"]);
        }
        Node::start_by(program_in(namespace), directory, &format!("near{host}"), &args)
    };
    (1..).zip(&RUNTIMES).map(start).collect()
}

fn find_each_other(v6: bool, disturbed: Option<&str>) {
    let _turn = turn();
    let Some(network) = Network::new(RUNTIMES.len() as u32) else { return };
    if disturbed.is_some_and(|how| !network.disturb(how)) {
        return;
    }
    let directory = Directory::new();
    let key = key_file(&directory, "key");
    let nodes = near_nodes(&network, &directory, &key, v6);
    until_all_see_all(seconds(10), &nodes.iter().collect::<Vec<_>>());

    // Multicast does not pass the router. Unicast does, and one seed is enough.
    let (bind, seed) = if v6 {
        ("[fd77:2::1]:29999", nodes[1].address.to_string())
    } else {
        ("10.77.2.1:29999", nodes[1].address.to_string())
    };
    let mut args = vec!["--bind", bind, "--key-file", &key, "--multicast", "--seed", &seed];
    if v6 {
        args.extend(["--multicast-group", "[ff02::5ca1:e5a1]:29999"]);
    }
    let far = Node::start_by(program_in(network.far()), &directory, "far", &args);
    let all: Vec<&Node> = nodes.iter().chain([&far]).collect();
    until_all_see_all(seconds(10), &all);

    far.ask(&["add", "kitchen:0-9@7001"]);
    nodes[0].ask(&["add", "kitchen:10-19@7002"]);
    until(seconds(5), "all route to both", || {
        all.iter()
            .all(|node| node.route("kitchen", 5) == [7001] && node.route("kitchen", 15) == [7002])
    });
    assert!(nodes.iter().any(|node| node.counter("multicasts_sent") > 0));
}

#[test]
fn hosts_on_one_link_find_each_other_and_one_behind_a_router_needs_a_seed() {
    find_each_other(false, None);
}

#[test]
fn ipv6_hosts_on_one_link_find_each_other_and_one_behind_a_router_needs_a_seed() {
    find_each_other(true, None);
}

#[test]
fn hosts_find_each_other_through_loss_and_delay() {
    find_each_other(false, Some("loss 10% delay 5ms 2ms"));
}
