//! Everything that an operating system says about a socket.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use scalesmall_driver::{Node, Socket};

use crate::adapter::Adapter;
use crate::running::{Running, settings, turn, until, until_all_see_all};

const LOOPBACK: &str = "127.0.0.1:0";

/// What the calls of a UDP socket answer on Linux besides `EAGAIN`, `EBADF` and `ENOTSOCK`: `EPERM`,
/// `EINTR`, `EIO`, `ENOMEM`, `EACCES`, `EFAULT`, `EINVAL`, `EPIPE`, `ENONET`, `EPROTO`,
/// `EDESTADDRREQ`, `EMSGSIZE`, `ENOPROTOOPT`, `EOPNOTSUPP`, `EAFNOSUPPORT`, `EADDRNOTAVAIL`,
/// `ENETDOWN`, `ENETUNREACH`, `ECONNABORTED`, `ECONNRESET`, `ENOBUFS`, `ENOTCONN`, `ETIMEDOUT`,
/// `ECONNREFUSED`, `EHOSTDOWN`, `EHOSTUNREACH`.
const ERRORS: [i32; 26] = [
    1, 4, 5, 12, 13, 14, 22, 32, 64, 71, 89, 90, 92, 95, 97, 99, 100, 101, 103, 104, 105, 107, 110,
    111, 112, 113,
];
const EINTR: i32 = 4;
const EAGAIN: i32 = 11;

/// A socket that says what it is told to say.
#[derive(Default)]
struct Scripted(Mutex<Script>);

#[derive(Default)]
struct Script {
    /// What the next receives answer; then that there is nothing.
    receive: VecDeque<i32>,
    /// What the next sends answer; then they succeed.
    send: VecDeque<i32>,
    /// What every datagram was that a send was tried with, and whether it succeeded.
    tried: Vec<(Vec<u8>, bool)>,
}

impl Socket for Scripted {
    fn try_recv_from(&mut self, _: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        let code = self.0.lock().expect("no panic").receive.pop_front().unwrap_or(EAGAIN);
        Err(io::Error::from_raw_os_error(code))
    }

    fn try_send_to(&mut self, datagram: &[u8], _: SocketAddr) -> io::Result<usize> {
        let mut script = self.0.lock().expect("no panic");
        let error = script.send.pop_front();
        script.tried.push((datagram.to_vec(), error.is_none()));
        error.map_or(Ok(datagram.len()), |code| Err(io::Error::from_raw_os_error(code)))
    }
}

/// A node that has nothing to say.
fn node() -> Node<Scripted> {
    let settings = settings(LOOPBACK, &[]);
    let mut node = Node::start(&settings, |_| Ok(Scripted::default())).expect("it starts");
    let _ = drain(&mut node);
    script(&node).tried.clear();
    node
}

fn drain(node: &mut Node<Scripted>) -> scalesmall_driver::Wait {
    loop {
        let wait = node.pump().expect("it works");
        if node.poll_event().is_none() {
            return wait;
        }
    }
}

fn script(node: &Node<Scripted>) -> MutexGuard<'_, Script> {
    node.driver().sockets().unicast.0.lock().expect("no panic")
}

fn seed() -> SocketAddr {
    ([127, 0, 0, 1], 9).into()
}

#[test]
fn receives_that_fail_are_counted_and_survived() {
    let mut node = node();
    for (count, code) in (1..).zip(ERRORS) {
        script(&node).receive.push_back(code);
        let _ = node.pump().unwrap_or_else(|error| panic!("{code}: {error}"));
        assert_eq!(node.driver_stats().receive_errors, count, "error {code}");
    }
}

#[test]
fn a_socket_that_gives_nothing_but_errors_does_not_make_the_node_spin() {
    const ENOMEM: i32 = 12;
    let mut node = node();
    script(&node).receive.extend([ENOMEM; 100]);
    let before = Instant::now();
    let wait = node.pump().expect("it works");
    let naps = wait.deadline.expect("it looks again");
    assert!(naps >= before + Duration::from_millis(5) && naps < before + Duration::from_secs(1));
}

#[test]
fn a_socket_that_is_none_any_more_is_told_and_the_node_stays_whole() {
    const EBADF: i32 = 9;
    const ENOTSOCK: i32 = 88;
    let mut node = node();
    for code in [EBADF, ENOTSOCK] {
        script(&node).receive.push_back(code);
        assert_eq!(node.pump().map(drop).map_err(|error| error.raw_os_error()), Err(Some(code)));
        assert!(node.pump().is_ok());
    }
}

#[test]
fn sends_that_fail_are_counted_and_the_engine_is_told() {
    for code in ERRORS.into_iter().filter(|code| *code != EINTR) {
        let mut node = node();
        script(&node).send.push_back(code);
        node.contact(&[seed()]);
        let _ = drain(&mut node);
        assert_eq!(node.driver_stats().send_errors, 1, "error {code}");
        assert_eq!(node.stats().send_errors, 1, "error {code}");
    }
}

#[test]
fn a_datagram_that_met_no_room_or_a_signal_is_sent_again_as_it_was_and_first() {
    for (code, waits) in [(EAGAIN, 1), (EINTR, 0)] {
        let mut node = node();
        script(&node).send.push_back(code);
        node.contact(&[seed(), ([127, 0, 0, 1], 10).into()]);
        let wait = node.pump().expect("it works");
        assert_eq!(wait.writable, code == EAGAIN);
        assert!(!wait.is_over() || code == EINTR, "a wait for room must not spin");
        let _ = drain(&mut node);
        let tried = core::mem::take(&mut script(&node).tried);
        let [(kept, false), (first, true), (second, true), ..] = &tried[..] else {
            panic!("{tried:?}")
        };
        assert_eq!(kept, first);
        assert_ne!(first, second);
        assert_eq!(node.driver_stats().send_waits, waits);
        assert_eq!(node.driver_stats().send_errors, 0);
        assert_eq!(node.stats().datagrams_sent, tried.len() as u64 - 1);
    }
}

/// The queue of an interface is full for a while (`ENOBUFS`): each datagram is tried once and given up,
/// the node neither spins nor stops, and what it has to say goes out as soon as there is room.
#[test]
fn an_interface_whose_queue_is_full_costs_what_is_sent_and_no_more() {
    const ENOBUFS: i32 = 105;
    let mut node = node();
    script(&node).send.extend([ENOBUFS; 1_000]);
    let many: Vec<SocketAddr> = (1..=200).map(|port| ([127, 0, 0, 1], port).into()).collect();
    node.contact(&many);
    let mut waits = (0..20).map(|_| drain(&mut node));
    let rests = waits.any(|wait| !wait.writable && !wait.is_over());
    assert!(rests, "it waits for its own time, not for the socket");
    let tried = core::mem::take(&mut script(&node).tried);
    assert!(tried.len() >= 64 && tried.iter().all(|(_, sent)| !sent), "{}", tried.len());
    assert!(tried.iter().zip(&tried[1..]).all(|(one, next)| one != next), "none is tried twice");
    assert_eq!(node.driver_stats().send_errors, tried.len() as u64);
    assert_eq!(node.driver_stats().send_waits, 0);
    script(&node).send.clear();
    node.contact(&[([127, 0, 0, 1], 9).into()]);
    let _ = drain(&mut node);
    assert!(script(&node).tried.iter().any(|(_, sent)| *sent));
}

/// Addresses that this host's own kernel refuses to send to, from a loopback socket: the broadcast
/// address needs a permission (`EACCES`), the others no loopback address can reach (`EINVAL`,
/// `ENETUNREACH`).
pub(crate) fn sends_that_the_system_refuses_are_counted_and_survived<A: Adapter>() {
    let _turn = turn();
    let a = Running::start::<A>(&settings(LOOPBACK, &[]));
    let refused = [[255, 255, 255, 255], [240, 0, 0, 1], [198, 51, 100, 1], [0, 0, 0, 1]];
    let refused = refused.map(|address| SocketAddr::from((address, 9)));
    a.call(move |node| node.contact(&refused));
    until(Duration::from_secs(5), "sends are refused", || {
        a.call(|node| node.driver_stats().send_errors) >= 2
    });
    let b = Running::start::<A>(&settings(LOOPBACK, &[a.address]));
    until_all_see_all(Duration::from_secs(5), &[&a, &b]);
}
