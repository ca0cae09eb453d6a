//! Hosts that a test makes for itself: network namespaces on one link, which are removed with it.

use std::io::Write as _;
use std::net::IpAddr;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};

pub(crate) fn run(program: &str, arguments: &str) -> std::io::Result<Output> {
    Command::new(program).args(arguments.split(' ')).output()
}

#[track_caller]
pub(crate) fn ip(arguments: &str) {
    let output = run("ip", arguments).expect("ip runs");
    let why = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "ip {arguments}: {why}");
}

/// Says that a test has not run, and why, where everybody sees it. With the variable `NAMESPACES` set to
/// `required` that is a failure.
pub(crate) fn skipped(why: &str) {
    let required = std::env::var("NAMESPACES").is_ok_and(|value| value == "required");
    assert!(!required, "NAMESPACES=required, but {why}");
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    // Not by a macro, whose output is kept back while tests pass.
    let _ = writeln!(std::io::stderr(), "SKIPPED {test}: {why}");
}

/// Makes a network namespace and returns its name; `None`, with a line that says why, where that is not
/// permitted.
pub(crate) fn namespace() -> Option<String> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let name = format!("scalesmall-net-{}-{number}", std::process::id());
    match run("ip", &format!("netns add {name}")) {
        Err(error) => skipped(&format!("the program ip does not run: {error}")),
        Ok(made) if !made.status.success() => {
            let why = String::from_utf8_lossy(&made.stderr);
            skipped(&format!("no network namespaces here (they need root): {}", why.trim()));
        }
        Ok(_) => return Some(name),
    }
    None
}

/// A switch, and hosts on it. All of it is removed when dropped.
pub(crate) struct Link {
    switch: String,
    hosts: Vec<String>,
}

impl Link {
    pub(crate) fn new() -> Option<Self> {
        let switch = namespace()?;
        let link = Self { switch, hosts: Vec::new() };
        let switch = &link.switch;
        ip(&format!("-n {switch} link add bridge type bridge mcast_snooping 0"));
        ip(&format!("-n {switch} link set bridge up"));
        Some(link)
    }

    /// Adds a host with these addresses on its interface `wire`; returns its number.
    pub(crate) fn add(&mut self, addresses: &[&str]) -> usize {
        let number = self.hosts.len();
        let name = format!("{}-{number}", self.switch);
        ip(&format!("netns add {name}"));
        self.hosts.push(name.clone());
        ip(&format!("-n {name} link set lo up"));
        self.plug(number, addresses);
        number
    }

    /// The namespace of a host.
    pub(crate) fn host(&self, number: usize) -> &str {
        &self.hosts[number]
    }

    /// Gives a host the interface `wire`, which leads to the switch.
    pub(crate) fn plug(&self, number: usize, addresses: &[&str]) {
        let (switch, host) = (&self.switch, &self.hosts[number]);
        let port = format!("port{number}");
        ip(&format!("-n {switch} link add {port} type veth peer name wire netns {host}"));
        ip(&format!("-n {switch} link set {port} master bridge up"));
        for address in addresses {
            self.give(number, address);
        }
        ip(&format!("-n {host} link set wire up"));
        if addresses.iter().any(|address| !address.contains(':')) {
            ip(&format!("-n {host} route add 224.0.0.0/4 dev wire"));
        }
    }

    /// Takes the interface away.
    pub(crate) fn unplug(&self, number: usize) {
        ip(&format!("-n {} link del port{number}", self.switch));
    }

    /// Gives a host another address.
    pub(crate) fn give(&self, number: usize, address: &str) {
        let host = &self.hosts[number];
        if address.parse::<IpAddr>().expect("an address").is_ipv6() {
            ip(&format!("-n {host} -6 addr add {address}/64 dev wire nodad"));
        } else {
            ip(&format!("-n {host} addr add {address}/24 broadcast + dev wire"));
        }
    }

    /// Takes an address of a host away.
    pub(crate) fn take(&self, number: usize, address: &str) {
        let bits = if address.contains(':') { 64 } else { 24 };
        ip(&format!("-n {} addr del {address}/{bits} dev wire", self.hosts[number]));
    }

    /// All hosts forget where the addresses of others are.
    pub(crate) fn forget_neighbours(&self) {
        for host in &self.hosts {
            ip(&format!("-n {host} neigh flush all"));
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        for name in self.hosts.iter().chain([&self.switch]) {
            let _ = run("ip", &format!("netns del {name}"));
        }
    }
}
