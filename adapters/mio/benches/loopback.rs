//! Datagrams per second that a node takes in on loopback, against a bare loop of sends and receives.
//!
//! The datagrams are genuine ones of a peer, repeated: the node receives, authenticates and looks
//! them up before it finds that it has had them. Both loops run on one thread and send the same
//! bytes in the same batches.

use std::hint::black_box;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use scalesmall_core::Status;
use scalesmall_driver::{GroupKey, Settings};
use scalesmall_mio::Node;

const BATCH: usize = 64;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // As a test (`cargo test --benches`), only that it works counts.
    let measured = !std::env::args().any(|argument| argument == "--test");
    let span = Duration::from_millis(if measured { 500 } else { 20 });

    let stranger = UdpSocket::bind("127.0.0.1:0")?;
    stranger.set_nonblocking(true)?;
    let mut node = start(&[])?;
    let id = node.id().addr();
    let mut peer = start(&[id, stranger.local_addr()?])?;
    let datagram = genuine_datagram(&stranger, &mut node, &mut peer)?;
    drop(peer);

    let bare = UdpSocket::bind("127.0.0.1:0")?;
    bare.set_nonblocking(true)?;
    let mut ratios = Vec::new();
    for round in 0..if measured { 9 } else { 1 } {
        let plain = rate(span, || bare_batch(&stranger, &bare, &datagram))?;
        let whole = rate(span, || node_batch(&stranger, &mut node, id, &datagram))?;
        let ratio = whole * 100 / plain.max(1);
        println!("round {round}: bare {plain}/s, node {whole}/s, {ratio} %");
        ratios.push(ratio);
    }
    ratios.sort_unstable();
    println!("datagrams of {} bytes: {} % (median)", datagram.len(), ratios[ratios.len() / 2]);
    Ok(())
}

fn start(seeds: &[SocketAddr]) -> Result<Node, Box<dyn std::error::Error>> {
    let mut settings = Settings::new("127.0.0.1:0".parse()?, GroupKey::published());
    settings.seeds.extend(seeds.iter().copied().map(Into::into));
    Ok(Node::start(&settings)?)
}

/// Lets the two meet; what `peer` says to a stranger meanwhile.
fn genuine_datagram(
    stranger: &UdpSocket,
    node: &mut Node,
    peer: &mut Node,
) -> Result<Vec<u8>, Box<dyn std::error::Error>> {
    let limit = Instant::now() + Duration::from_secs(10);
    let met = |node: &Node| node.peers().any(|peer| peer.status == Status::Alive);
    while !(met(node) && met(peer)) {
        if Instant::now() > limit {
            return Err("the nodes did not meet".into());
        }
        let _ = peer.pump()?;
        let _ = node.pump()?;
    }
    let mut buffer = [0; 2048];
    let (len, _) = stranger.recv_from(&mut buffer)?;
    Ok(buffer[..len].to_vec())
}

/// How many datagrams per second `batch` moves.
fn rate(span: Duration, mut batch: impl FnMut() -> io::Result<usize>) -> io::Result<u64> {
    let begun = Instant::now();
    let mut moved = 0;
    while begun.elapsed() < span {
        moved += batch()?;
    }
    let nanos = begun.elapsed().as_nanos();
    Ok(u64::try_from(moved as u128 * 1_000_000_000 / nanos).unwrap_or(u64::MAX))
}

fn bare_batch(from: &UdpSocket, to: &UdpSocket, datagram: &[u8]) -> io::Result<usize> {
    let address = to.local_addr()?;
    for _ in 0..BATCH {
        from.send_to(datagram, address)?;
    }
    let mut buffer = [0; 65_536];
    for _ in 0..BATCH {
        black_box(to.recv_from(&mut buffer)?);
    }
    Ok(BATCH)
}

fn node_batch(
    from: &UdpSocket,
    node: &mut Node,
    id: SocketAddr,
    datagram: &[u8],
) -> io::Result<usize> {
    for _ in 0..BATCH {
        from.send_to(datagram, id)?;
    }
    let before = node.stats().datagrams_received;
    let _ = node.pump()?;
    let handled = node.stats().datagrams_received - before;
    Ok(usize::try_from(handled).unwrap_or(0))
}
