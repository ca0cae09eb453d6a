//! What every adapter is put through.

use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use scalesmall_core::{Event, NodeId, Status};
use scalesmall_driver::{GroupKey, Multicast, Node, Preset, Settings, Socket};

const LIMIT: Duration = Duration::from_secs(20);

/// How an adapter runs a node.
pub(crate) trait Runs: Sized {
    type Socket: Socket;

    /// Starts a node in the runtime.
    fn start(settings: &Settings) -> Self;

    fn node(&mut self) -> &mut Node<Self::Socket>;

    /// Pumps once and waits, as the runtime does it, until something happens; at most until `limit`.
    fn turn(&mut self, limit: Instant);
}

fn settings(bind: &str) -> Settings {
    Settings::new(bind.parse().expect("an address"), GroupKey::published())
}

fn start<R: Runs>(bind: &str, seeds: &[SocketAddr]) -> R {
    let mut settings = settings(bind);
    settings.seeds.extend(seeds.iter().copied().map(Into::into));
    R::start(&settings)
}

fn id<R: Runs>(node: &mut R) -> SocketAddr {
    node.node().id().addr()
}

/// Runs nodes by turns, each on this thread, until `done`.
#[track_caller]
fn run<R: Runs>(nodes: &mut [R], mut done: impl FnMut(&mut [R]) -> bool) {
    let limit = Instant::now() + LIMIT;
    while !done(nodes) {
        assert!(Instant::now() < limit, "not within {LIMIT:?}");
        for node in nodes.iter_mut() {
            node.turn(Instant::now() + Duration::from_millis(1));
        }
    }
}

fn status<R: Runs>(node: &mut R, peer: SocketAddr) -> Option<Status> {
    node.node().peer(NodeId::from(peer)).map(|peer| peer.status)
}

fn meet<R: Runs>(nodes: &mut [R]) {
    run(nodes, |nodes| {
        let others = nodes.len() - 1;
        let alive = |node: &mut R| {
            node.node().peers().filter(|peer| peer.status == Status::Alive).count() == others
        };
        nodes.iter_mut().all(alive)
    });
}

pub(crate) fn nodes_meet_and_part<R: Runs>() {
    let mut a: R = start("127.0.0.1:0", &[]);
    let seed = id(&mut a);
    let mut nodes = [a, start("127.0.0.1:0", &[seed]), start("127.0.0.1:0", &[seed])];
    meet(&mut nodes);
    let left = id(&mut nodes[2]);
    nodes[2].node().depart();
    run(&mut nodes, |nodes| (0..2).all(|at| status(&mut nodes[at], left) == Some(Status::Left)));
    let mut events = std::iter::from_fn(|| nodes[0].node().poll_event());
    assert!(events.any(|event| matches!(event, Event::Peer { to: Some(Status::Left), .. })));
}

pub(crate) fn nodes_meet_by_multicast_alone<R: Runs>() {
    let port =
        UdpSocket::bind("127.0.0.1:0").expect("a socket").local_addr().expect("bound").port();
    let mut settings = settings("127.0.0.1:0");
    settings.multicast = Some(Multicast { group: ([224, 1, 1, 1], port).into(), ttl: 1 });
    let mut nodes = [(), (), ()].map(|()| R::start(&settings));
    meet(&mut nodes);
}

pub(crate) fn nodes_meet_over_ipv6<R: Runs>() {
    if UdpSocket::bind("[::1]:0").is_err() {
        println!("this host has no IPv6");
        return;
    }
    let mut a: R = start("[::1]:0", &[]);
    let seed = id(&mut a);
    meet(&mut [a, start("[::1]:0", &[seed])]);
}

/// On an edge-triggered poller there is no second wake-up for what a pump has left.
pub(crate) fn a_full_burst_loses_no_wake_up<R: Runs>() {
    const DATAGRAMS: u64 = 200;
    let mut settings = settings("127.0.0.1:0");
    // The engine's own deadlines are seconds apart, so only the sockets can be what wakes it.
    settings.preset = Preset::Wan;
    let mut node = R::start(&settings);
    // The first turn, before anything arrives, arms the poller.
    node.turn(Instant::now());
    let stranger = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let to = id(&mut node);
    for _ in 0..DATAGRAMS {
        stranger.send_to(b"foreign", to).expect("it is sent");
    }
    let begun = Instant::now();
    while node.node().stats().refused_foreign < DATAGRAMS {
        assert!(begun.elapsed() < LIMIT);
        node.turn(begun + LIMIT);
        if node.node().stats().refused_foreign < DATAGRAMS {
            assert!(begun.elapsed() < Duration::from_secs(1), "it slept over waiting datagrams");
        }
    }
}

pub(crate) fn a_refused_port_is_not_the_end<R: Runs>() {
    let closed = UdpSocket::bind("127.0.0.1:0").expect("a socket").local_addr().expect("bound");
    let mut a: R = start("127.0.0.1:0", &[closed]);
    let begun = Instant::now();
    while a.node().stats().datagrams_sent < 2 {
        assert!(begun.elapsed() < LIMIT);
        a.turn(begun + LIMIT);
    }
    let seed = id(&mut a);
    meet(&mut [a, start("127.0.0.1:0", &[closed, seed])]);
}

pub(crate) fn a_wait_cut_short_loses_nothing<R: Runs>() {
    let mut a: R = start("127.0.0.1:0", &[]);
    let seed = id(&mut a);
    let mut nodes = [a, start("127.0.0.1:0", &[seed])];
    let limit = Instant::now() + LIMIT;
    while !nodes.iter_mut().all(|node| node.node().peers().count() == 1) {
        assert!(Instant::now() < limit);
        for node in &mut nodes {
            node.turn(Instant::now());
        }
    }
}

/// Nobody sends anything: the engine's own timers must do.
pub(crate) fn a_deadline_is_kept_without_any_datagram<R: Runs>() {
    let silent = UdpSocket::bind("127.0.0.1:0").expect("a socket").local_addr().expect("bound");
    let mut node: R = start("127.0.0.1:0", &[silent]);
    let begun = Instant::now();
    loop {
        if std::iter::from_fn(|| node.node().poll_event()).any(|event| event == Event::Isolated) {
            break;
        }
        assert!(begun.elapsed() < LIMIT);
        node.turn(begun + LIMIT);
    }
}
