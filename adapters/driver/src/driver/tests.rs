use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::{Future, pending};
use std::net::SocketAddr;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use super::*;
use crate::{GroupKeys, Node, Settings};

const FAR: &str = "127.0.0.1:9";

/// A socket that receives what it is told to and has room for as much as it is told to have.
#[derive(Debug, Default)]
struct Scripted {
    arriving: RefCell<VecDeque<io::Result<Vec<u8>>>>,
    room: Cell<usize>,
    sent: RefCell<Vec<Vec<u8>>>,
}

impl Socket for Scripted {
    fn try_recv_from(&mut self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        let Some(next) = self.arriving.borrow_mut().pop_front() else {
            return Err(io::ErrorKind::WouldBlock.into());
        };
        let datagram = next?;
        buffer[..datagram.len()].copy_from_slice(&datagram);
        Ok((datagram.len(), FAR.parse().unwrap()))
    }

    fn try_send_to(&mut self, datagram: &[u8], _: SocketAddr) -> io::Result<usize> {
        let Some(room) = self.room.get().checked_sub(1) else {
            return Err(io::ErrorKind::WouldBlock.into());
        };
        self.room.set(room);
        self.sent.borrow_mut().push(datagram.to_vec());
        Ok(datagram.len())
    }
}

fn node() -> Node<Scripted> {
    let settings = Settings::new("127.0.0.1:0".parse().unwrap(), GroupKeys::published());
    Node::start(&settings, |_| Ok(Scripted::default())).unwrap()
}

fn socket(node: &Node<Scripted>) -> &Scripted {
    &node.driver().sockets().unicast
}

fn arrive(node: &Node<Scripted>, what: io::Result<Vec<u8>>, times: usize) {
    let again = |error: &io::Error| io::Error::from(error.kind());
    let copies = (0..times).map(|_| what.as_ref().map(Vec::clone).map_err(again));
    socket(node).arriving.borrow_mut().extend(copies);
}

fn is_over(wait: Wait) -> bool {
    wait.deadline.is_some_and(|at| at <= SystemInstant::now())
}

#[test]
fn a_datagram_that_met_no_room_is_kept_and_sent_first() {
    let mut node = node();
    node.contact(&[FAR.parse().unwrap()]);
    for _ in 0..3 {
        let wait = node.pump().unwrap();
        assert!(wait.writable && !is_over(wait));
    }
    assert_eq!(node.driver_stats().send_waits, 3);
    let encoded = node.stats().datagrams_sent;
    assert_eq!(encoded, 1, "no further datagram is made while one waits");
    socket(&node).room.set(usize::MAX);
    assert!(!node.pump().unwrap().writable);
    let sent = socket(&node).sent.borrow();
    assert_eq!(sent.len(), usize::try_from(node.stats().datagrams_sent).unwrap());
    let bytes: usize = sent.iter().map(Vec::len).sum();
    assert_eq!(bytes, usize::try_from(node.stats().bytes_sent).unwrap());
}

#[test]
fn a_full_burst_asks_to_be_pumped_again_at_once() {
    let mut node = node();
    arrive(&node, Ok(b"foreign".to_vec()), 2 * BURST + 1);
    for handed_in in [BURST, 2 * BURST] {
        assert!(is_over(node.pump().unwrap()));
        assert_eq!(usize::try_from(node.stats().refused_foreign), Ok(handed_in));
    }
    assert!(!is_over(node.pump().unwrap()));
    assert_eq!(usize::try_from(node.stats().refused_foreign), Ok(2 * BURST + 1));
    assert_eq!(node.driver_stats().full_bursts, 2);
}

#[test]
fn errors_about_earlier_datagrams_are_not_the_end() {
    let mut node = node();
    arrive(&node, Err(io::ErrorKind::ConnectionRefused.into()), 2);
    arrive(&node, Err(io::ErrorKind::HostUnreachable.into()), 1);
    arrive(&node, Ok(b"foreign".to_vec()), 1);
    let _ = node.pump().unwrap();
    assert_eq!(node.driver_stats().receive_errors, 3);
    assert_eq!(node.stats().refused_foreign, 1);
}

#[test]
fn a_broken_socket_is_an_error_that_leaves_the_node_whole() {
    let mut node = node();
    arrive(&node, Err(io::ErrorKind::NotConnected.into()), 1);
    arrive(&node, Ok(b"foreign".to_vec()), 1);
    assert_eq!(node.pump().unwrap_err().kind(), io::ErrorKind::NotConnected);
    let _ = node.pump().unwrap();
    assert_eq!(node.stats().refused_foreign, 1);
}

#[test]
fn no_datagram_is_cut() {
    let mut node = node();
    arrive(&node, Ok(vec![0xa1; 65_508]), 1);
    let _ = node.pump().unwrap();
    assert_eq!(node.stats().bytes_received, 65_508);
    assert_eq!(node.stats().refused_oversized, 1);
}

#[test]
fn a_wait_that_is_dropped_loses_nothing() {
    let mut node = node();
    node.contact(&[FAR.parse().unwrap()]);
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..3 {
        arrive(&node, Ok(b"foreign".to_vec()), 1);
        let next = pin!(node.next_event(async |_, _| pending().await));
        assert!(matches!(next.poll(&mut context), Poll::Pending));
    }
    assert_eq!(node.stats().refused_foreign, 3);
    assert_eq!(node.driver_stats().send_waits, 3);
    socket(&node).room.set(usize::MAX);
    let _ = node.pump().unwrap();
    assert_eq!(
        socket(&node).sent.borrow().len(),
        usize::try_from(node.stats().datagrams_sent).unwrap()
    );
}
