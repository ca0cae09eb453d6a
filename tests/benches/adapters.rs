//! What each adapter costs: datagrams per second through a node on loopback against a bare loop of
//! sends and receives in the same run, and the processor time of idle nodes.
//!
//! The datagrams are genuine ones of a peer, repeated: the node receives, authenticates and looks
//! them up before it finds that it has had them. Sender and receiver share one thread.

#[path = "../runtimes/adapter.rs"]
mod adapter;

use std::hint::black_box;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use adapter::{Adapter, AsyncStd, Mio, MioPoll, Smol, Tokio, TokioThread};
use scalesmall_core::{SendRate, Status};
use scalesmall_driver::{GroupKeys, Handle, Settings};

/// Datagrams sent at a time: as many as one turn takes from a socket.
const BURST: u64 = 64;
const ROUNDS: usize = 7;

fn main() -> io::Result<()> {
    // As a test (`cargo test --benches`), only that it works counts.
    let measured = !std::env::args().any(|argument| argument == "--test");
    let datagram = genuine_datagram()?;
    println!("datagrams of {} bytes, median of {ROUNDS} rounds", datagram.len());
    throughput::<Mio>("mio", &datagram, measured)?;
    throughput::<MioPoll>("mio in a Poll", &datagram, measured)?;
    throughput::<Smol>("smol", &datagram, measured)?;
    throughput::<AsyncStd>("async-std", &datagram, measured)?;
    throughput::<Tokio>("tokio, two worker threads", &datagram, measured)?;
    throughput::<TokioThread>("tokio, one thread", &datagram, measured)?;
    if measured {
        idle::<Mio>("mio");
        idle::<Smol>("smol");
        idle::<AsyncStd>("async-std");
        idle::<Tokio>("tokio, two worker threads");
    }
    Ok(())
}

fn settings(seeds: &[SocketAddr]) -> Settings {
    let mut settings = Settings::new(([127, 0, 0, 1], 0).into(), GroupKeys::published());
    settings.seeds.extend(seeds.iter().copied().map(Into::into));
    // What is measured is the work, not the wait.
    settings.send_rate = Some(SendRate::UNBOUNDED);
    settings
}

/// What a node says to a stranger.
fn genuine_datagram() -> io::Result<Vec<u8>> {
    let stranger = UdpSocket::bind("127.0.0.1:0")?;
    stranger.set_nonblocking(true)?;
    let mut peer = Mio::bind(&settings(&[stranger.local_addr()?])).map_err(io::Error::other)?;
    let mut buffer = [0; 2048];
    loop {
        Mio::next_event_within(&mut peer, Duration::from_millis(1))?;
        if let Ok((len, _)) = stranger.recv_from(&mut buffer) {
            return Ok(buffer[..len].to_vec());
        }
    }
}

fn throughput<A: Adapter>(name: &str, datagram: &[u8], measured: bool) -> io::Result<()> {
    let span = Duration::from_millis(if measured { 300 } else { 10 });
    let mut rounds = Vec::new();
    for _ in 0..if measured { ROUNDS } else { 1 } {
        let bare = bare_rate(datagram, span)?;
        let node = node_rate::<A>(datagram, span)?;
        rounds.push((node * 100 / bare.max(1), node, bare));
    }
    rounds.sort_unstable();
    let (percent, node, bare) = rounds[rounds.len() / 2];
    println!("{name}: {node}/s of {bare}/s bare: {percent} %");
    Ok(())
}

fn per_second(count: u64, begun: Instant) -> u64 {
    let nanos = begun.elapsed().as_nanos().max(1);
    u64::try_from(u128::from(count) * 1_000_000_000 / nanos).unwrap_or(u64::MAX)
}

fn bare_rate(datagram: &[u8], span: Duration) -> io::Result<u64> {
    let from = UdpSocket::bind("127.0.0.1:0")?;
    let to = UdpSocket::bind("127.0.0.1:0")?;
    to.set_nonblocking(true)?;
    let address = to.local_addr()?;
    let mut buffer = vec![0; 65_536];
    let begun = Instant::now();
    let mut moved = 0;
    while begun.elapsed() < span {
        for _ in 0..BURST {
            from.send_to(datagram, address)?;
        }
        for _ in 0..BURST {
            black_box(to.recv_from(&mut buffer)?);
        }
        moved += BURST;
    }
    Ok(per_second(moved, begun))
}

fn node_rate<A: Adapter>(datagram: &[u8], span: Duration) -> io::Result<u64> {
    let mut node = A::bind(&settings(&[])).map_err(io::Error::other)?;
    let from = UdpSocket::bind("127.0.0.1:0")?;
    let address = node.my_address();
    let first = node.stats().datagrams_received;
    let mut goal = first;
    let begun = Instant::now();
    A::run(&mut node, |front| {
        while front.poll_event().is_some() {}
        if front.stats().datagrams_received < goal {
            return false;
        }
        if begun.elapsed() >= span {
            return true;
        }
        let sent = (0..BURST).filter(|_| from.send_to(datagram, address).is_ok()).count();
        goal += sent as u64;
        false
    })?;
    Ok(per_second(node.stats().datagrams_received - first, begun))
}

/// Processor time of this process so far, in hundredths of a second, as Linux counts it.
fn processor_time() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The second field, the name, may hold blanks but ends in the last parenthesis.
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11);
    fields.take(2).filter_map(|field| field.parse::<u64>().ok()).sum()
}

fn idle<A: Adapter>(name: &str) {
    const NODES: usize = 100;
    const SPAN: Duration = Duration::from_secs(10);
    let stop = Arc::new(AtomicBool::new(false));
    let mut seeds = Vec::new();
    let mut running: Vec<(Handle, JoinHandle<()>)> = Vec::new();
    for _ in 0..NODES {
        let mut node = A::bind(&settings(&seeds)).expect("the node starts");
        if seeds.is_empty() {
            seeds.push(node.my_address());
        }
        let handle = node.handle();
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let ended = A::run(&mut node, |front| {
                while front.poll_event().is_some() {}
                stopped.load(Ordering::Acquire)
            });
            ended.expect("the node works");
        });
        running.push((handle, thread));
    }
    let all_see_all = || {
        running.iter().all(|(handle, _)| {
            let alive = |node: &mut scalesmall_driver::Front| {
                node.peers().filter(|peer| peer.status == Status::Alive).count()
            };
            handle.call(alive).wait() == Ok(NODES - 1)
        })
    };
    let begun = Instant::now();
    while !all_see_all() {
        assert!(begun.elapsed() < Duration::from_secs(60), "they do not meet");
        std::thread::sleep(Duration::from_millis(100));
    }
    let met = begun.elapsed();
    std::thread::sleep(Duration::from_secs(5));
    let sent = || -> u64 {
        let sent = |(handle, _): &(Handle, _)| handle.call(|node| node.stats().datagrams_sent);
        running.iter().filter_map(|node| sent(node).wait().ok()).sum()
    };
    let (before, sent_before) = (processor_time(), sent());
    std::thread::sleep(SPAN);
    let hundredths = processor_time() - before;
    let tenths = (sent() - sent_before) * 10 / (SPAN.as_secs() * NODES as u64);
    // Hundredths of a second in ten seconds, of a hundred nodes.
    let millionths = hundredths * 1_000_000 / (SPAN.as_secs() * 100 * NODES as u64);
    println!(
        "{name}: {NODES} nodes met within {met:?}; an idle one takes {}.{:04} % of a processor and \
         sends {}.{} datagrams a second",
        millionths / 10_000,
        millionths % 10_000,
        tenths / 10,
        tenths % 10
    );
    stop.store(true, Ordering::Release);
    for (handle, thread) in running {
        drop(handle);
        thread.join().expect("it ends");
    }
}
