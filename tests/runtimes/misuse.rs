//! What an embedder should not do, and what a network should not: a call that panics, one node in the
//! hands of several tasks, a runtime that ends beneath it, a flood.

use std::collections::BTreeSet;
use std::net::{SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use scalesmall_core::wire::Frame;
use scalesmall_core::{ClusterName, Event, Key, Keyring, Life, Recipients, Status, Tag};
use scalesmall_driver::{CallError, Front, Handle};
use scalesmall_hostile::{EPOCH, Holder};

use crate::adapter::Adapter;
use crate::running::{Running, settings, turn, until, until_all_see_all};

const LOOPBACK: &str = "127.0.0.1:0";

/// The node is no more: all that ask it are told, and its port is free.
#[track_caller]
fn is_no_more(handle: &Handle, address: SocketAddr) {
    assert_eq!(handle.call(|node| node.id()).wait(), Err(CallError::Stopped));
    assert!(UdpSocket::bind(address).is_ok(), "the socket is still open");
}

/// The panic ends the loop that runs the node, and nothing is left waiting for it.
pub(crate) fn a_call_that_panics_ends_its_node_and_all_are_told<A: Adapter>() {
    let _turn = turn();
    let mut node = A::bind(&settings(LOOPBACK, &[])).expect("the node starts");
    let (id, address, handle) = (node.id(), node.my_address(), node.as_ref().handle());
    let panics = handle.call(|_| panic!("on purpose"));
    let after = handle.call(|node| node.id());
    let ended = std::thread::spawn(move || A::run(&mut node, |_| false)).join();
    assert!(ended.is_err(), "the panic reaches the thread that runs the node");
    assert_eq!(panics.wait().map(|()| id), Err(CallError::Stopped));
    assert_eq!(after.wait(), Err(CallError::Stopped));
    is_no_more(&handle, address);
}

/// They share it through a lock and give up after a moment each; no message is lost, none comes twice,
/// and calls are answered throughout.
pub(crate) fn two_tasks_take_turns_at_one_node<A: Adapter>() {
    const MESSAGES: u32 = 200;
    let _turn = turn();
    let sender = Running::start::<A>(&settings(LOOPBACK, &[]));
    let node = A::bind(&settings(LOOPBACK, &[sender.address])).expect("the node starts");
    let (me, handle) = (node.id(), node.as_ref().handle());
    let shared = Arc::new((Mutex::new(node), Mutex::new(BTreeSet::new())));
    let end = Instant::now() + Duration::from_secs(20);
    let take = |which: u32| {
        let shared = Arc::clone(&shared);
        move || {
            let mut taken = 0_u32;
            while shared.1.lock().expect("no panic").len() < MESSAGES as usize {
                assert!(Instant::now() < end, "task {which} has taken {taken}");
                let mut node = shared.0.lock().expect("no panic");
                let event = A::next_event_within(&mut node, Duration::from_millis(1));
                if let Some(Event::Message { tag, .. }) = event.expect("the node works") {
                    assert!(shared.1.lock().expect("no panic").insert(tag.0), "{tag:?} came twice");
                    taken += 1;
                }
            }
        }
    };
    let tasks = [std::thread::spawn(take(1)), std::thread::spawn(take(2))];
    until(Duration::from_secs(5), "they meet", || sender.status_of(me) == Some(Status::Alive));
    for number in 0..MESSAGES {
        let send = move |node: &mut Front| {
            node.broadcast(Recipients::Nodes(&[me]), Tag(number), Bytes::new()).map(|_| ())
        };
        until(Duration::from_secs(5), "a message is taken", || sender.call(send).is_ok());
        if number % 20 == 0 {
            assert_eq!(handle.call(|node| node.id()).wait(), Ok(me));
        }
    }
    for task in tasks {
        assert!(task.join().is_ok(), "a task has failed");
    }
    assert_eq!(shared.1.lock().expect("no panic").len(), MESSAGES as usize);
}

/// More forged packets than its socket can take, in the name of a member: nothing of it counts, and the
/// two go on.
pub(crate) fn a_flood_of_forged_packets_keeps_nothing_from_a_sealed_node<A: Adapter>() {
    const PACKETS: u64 = 20_000;
    let _turn = turn();
    let sealed = |seeds: &[SocketAddr]| {
        let mut settings = settings(LOOPBACK, seeds);
        settings.keys = Keyring::new(Key::sealed([b'k'; 32])).into();
        settings
    };
    let a = Running::start::<A>(&sealed(&[]));
    let b = Running::start::<A>(&sealed(&[a.address]));
    until_all_see_all(Duration::from_secs(5), &[&a, &b]);
    // Of the right cluster and under the right name of a key, so that each has to be opened.
    let keys = Keyring::new(Key::sealed([b'k'; 32]));
    let cluster = ClusterName::try_from("scalesmall").expect("a name");
    let life = Life { id: b.id, epoch: EPOCH };
    let mut outsider = Holder::of(life, &keys, &cluster);
    let mut forged = outsider.packet(None, &[Frame::Ping { root: 0 }]);
    *forged.last_mut().expect("a tag") ^= 1;
    let stranger = UdpSocket::bind(LOOPBACK).expect("a socket");
    let to = a.address;
    let flood = std::thread::spawn(move || {
        (0..PACKETS).filter(|_| stranger.send_to(&forged, to).is_ok()).count() as u64
    });
    let mut asked = 0;
    loop {
        assert_eq!(a.call(|node| node.id()), a.id);
        asked += 1;
        if flood.is_finished() {
            break;
        }
    }
    let sent = flood.join().expect("it sends");
    let refused = || a.call(|node| node.stats().refused_forged);
    println!("{} of {sent} arrived, {asked} calls were answered meanwhile", refused());
    assert!(refused() > 0);
    let payload = Bytes::from_static(b"soup");
    b.call(move |node| node.broadcast(Recipients::All, Tag(1), payload).map(|_| ()))
        .expect("there is room for it");
    until(Duration::from_secs(5), "a message comes through", || {
        a.call(|node| node.stats().messages_delivered) == 1
    });
    until_all_see_all(Duration::from_secs(5), &[&a, &b]);
}

/// Runs a node in a task, has it answer, ends the task, and looks at what is left.
macro_rules! dropped_within {
    ($name:ident, $node:ty, $block_on:expr, $spawn:path, $end:expr) => {
        #[test]
        fn $name() {
            let _turn = turn();
            let (handle, address) = $block_on(async {
                let mut node = <$node>::bind(&settings(LOOPBACK, &[])).expect("it starts");
                let (handle, id, address) = (node.as_ref().handle(), node.id(), node.my_address());
                let task = $spawn(async move { while node.turn().await.is_ok() {} });
                assert_eq!(handle.call(|node| node.id()).await, Ok(id));
                $end(task).await;
                (handle, address)
            });
            is_no_more(&handle, address);
        }
    };
}

fn runtime() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(1).enable_all().build().expect("a runtime")
}

dropped_within!(
    a_task_with_its_node_is_cancelled_in_smol,
    scalesmall_smol::Node,
    smol::block_on,
    smol::spawn,
    async |task: smol::Task<()>| assert_eq!(task.cancel().await, None)
);

dropped_within!(
    a_task_with_its_node_is_cancelled_in_async_std,
    scalesmall_async_std::Node,
    async_std::task::block_on,
    async_std::task::spawn,
    async |task: async_std::task::JoinHandle<()>| assert_eq!(task.cancel().await, None)
);

dropped_within!(
    a_task_with_its_node_is_aborted_in_tokio,
    scalesmall_tokio::Node,
    |task| runtime().block_on(task),
    tokio::spawn,
    async |task: tokio::task::JoinHandle<()>| {
        task.abort();
        assert!(task.await.is_err_and(|error| error.is_cancelled()));
    }
);

#[test]
fn a_tokio_runtime_ends_with_the_node_that_runs_in_it() {
    let _turn = turn();
    let runtime = runtime();
    let within = runtime.enter();
    let mut node = scalesmall_tokio::Node::bind(&settings(LOOPBACK, &[])).expect("it starts");
    drop(within);
    let (handle, id, address) = (node.as_ref().handle(), node.id(), node.my_address());
    runtime.spawn(async move { while node.turn().await.is_ok() {} });
    assert_eq!(handle.call(|node| node.id()).wait(), Ok(id));
    drop(runtime);
    is_no_more(&handle, address);
}

/// A node that lies outside of its runtime outlives it: without one it says so, and in another one it goes
/// on.
#[test]
fn a_tokio_node_goes_on_in_another_runtime() {
    let _turn = turn();
    let first = runtime();
    let within = first.enter();
    let mut node = scalesmall_tokio::Node::bind(&settings(LOOPBACK, &[])).expect("it starts");
    drop(within);
    drop(first);
    let ended = smol::block_on(node.turn()).map_err(|error| error.kind());
    assert_eq!(ended, Err(std::io::ErrorKind::Other));
    let (handle, id) = (node.as_ref().handle(), node.id());
    runtime().block_on(async move {
        tokio::spawn(async move { while node.turn().await.is_ok() {} });
        assert_eq!(handle.call(|node| node.id()).await, Ok(id));
    });
}

/// An embedder that catches the panic of a call finds the node whole: what was asked before and after it is
/// answered.
#[test]
fn a_node_is_whole_after_a_call_that_panicked() {
    let mut node = scalesmall_driver::Node::<UdpSocket>::start(&settings(LOOPBACK, &[]), Ok)
        .expect("the node starts");
    let (id, handle) = (node.id(), node.handle());
    let before = handle.call(|node| node.id());
    let panics = handle.call(|_| panic!("on purpose"));
    let after = handle.call(|node| node.id());
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| node.pump().map(drop)));
    assert!(caught.is_err());
    assert_eq!(before.wait(), Ok(id));
    assert_eq!(panics.wait().map(|()| id), Err(CallError::Stopped));
    let _ = node.pump().expect("the node works");
    assert_eq!(after.wait(), Ok(id));
}
