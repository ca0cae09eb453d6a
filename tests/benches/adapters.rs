//! What each adapter costs: datagrams per second through a node on loopback against a bare loop of
//! sends and receives in the same run. `idle` measures nodes that have nothing to do.
//!
//! The datagrams are genuine ones of a peer, repeated: the node receives, authenticates and looks
//! them up before it finds that it has had them. Sender and receiver share one thread.

#[path = "../runtimes/adapter.rs"]
mod adapter;

use std::hint::black_box;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use adapter::{Adapter, AsyncStd, Mio, MioPoll, Smol, Tokio, TokioThread};
use scalesmall_core::SendRate;
use scalesmall_driver::{GroupKeys, Settings};

/// Datagrams sent at a time: as many as one turn takes from a socket.
const BURST: u64 = 64;
const ROUNDS: usize = 7;

fn main() -> io::Result<()> {
    // As a test (`cargo test --benches`), only that it works counts.
    let measured = std::env::args().any(|argument| argument == "--bench");
    let datagram = genuine_datagram()?;
    println!("datagrams of {} bytes, median of {ROUNDS} rounds", datagram.len());
    throughput::<Mio>("mio", &datagram, measured)?;
    throughput::<MioPoll>("mio in a Poll", &datagram, measured)?;
    throughput::<Smol>("smol", &datagram, measured)?;
    throughput::<AsyncStd>("async-std", &datagram, measured)?;
    throughput::<Tokio>("tokio, two worker threads", &datagram, measured)?;
    throughput::<TokioThread>("tokio, one thread", &datagram, measured)?;
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
