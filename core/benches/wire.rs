//! Nanoseconds to write and to read one datagram, by suite and size.
//!
//! `cargo bench -p scalesmall-core --features seal --bench wire`; with `-- --test` each is run once.

use std::hint::black_box;
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use scalesmall_core::seal::{Opener, Sealer};
use scalesmall_core::wire::{Decoder, Frame, Header, Message, Writer};
use scalesmall_core::{ClusterName, Epoch, Key, Keyring, Life, Liveness, NodeId, Suite};

const ME: Life = Life { id: NodeId::from_bits(2), epoch: Epoch(77) };

/// A packet number of three bytes, as most have.
const FIRST: u64 = 1 << 20;

fn main() {
    let rounds = if std::env::args().any(|arg| arg == "--test") { 1 } else { 100_000 };
    let suites = [
        ("authenticated", Suite::Authenticated),
        #[cfg(feature = "seal")]
        ("sealed", Suite::Sealed),
    ];
    println!(
        "{:<14} {:>6} {:>10} {:>10} {:>10}",
        "suite", "bytes", "write ns", "open ns", "read ns"
    );
    for (name, suite) in suites {
        let mut ends = Ends::new(suite, 256);
        ends.report(name, &Frame::Ping { root: 0x0123_4567_89ab_cdef }, rounds);
        for size in [64, 200, 512, 1_200] {
            let frame = ends.message(size);
            ends.report(name, &frame, rounds);
        }
        let ns = ends.first_packet(rounds.min(10_000));
        println!("{name:<14} first packet of a sender {ns:>10} ns");
    }
}

struct Ends {
    keys: Keyring,
    cluster: ClusterName,
    sender: Life,
    sealer: Sealer,
    opener: Opener,
}

impl Ends {
    fn new(suite: Suite, kept: u32) -> Self {
        let keys = Keyring::new(Key::new(suite, [3; 32]));
        let cluster = ClusterName::try_from("bench").expect("the name is short");
        let sender = Life { id: NodeId::from_bits(1), epoch: Epoch::new(1_700_000_000_000, 1) };
        let sealer = Sealer::new(&keys, &cluster, Liveness::On, sender);
        let opener = Opener::new(&keys, &cluster, Liveness::On, kept);
        Self { keys, cluster, sender, sealer, opener }
    }

    /// A message that makes a datagram of `size` bytes.
    fn message(&self, size: usize) -> Frame {
        let message = |len| {
            let payload = Bytes::from(vec![0x5a; len]);
            let origin = self.sender;
            Frame::Message(Message { origin, sequence: 1, tag: 1, group: None, payload })
        };
        let mut out = BytesMut::new();
        (0..size)
            .rev()
            .map(message)
            .find(|frame| {
                out.clear();
                write(&mut Writer::default(), &self.sealer, FIRST, frame, size, &mut out)
                    && out.len() == size
            })
            .expect("every size above the overhead can be met")
    }

    fn report(&mut self, name: &str, frame: &Frame, rounds: u64) {
        let mut writer = Writer::default();
        let mut decoder = Decoder::new();
        let mut frames = Vec::new();
        let mut out = BytesMut::with_capacity(1_500);
        let write_ns = median(rounds, |number| {
            out.clear();
            write(&mut writer, &self.sealer, FIRST + number, frame, 1_500, &mut out);
            black_box(&out);
        });
        let packet = out;
        let open_ns = median(rounds, |_| {
            let (header, _) = Header::parse(black_box(&packet)).expect("it was just written");
            let payload = self.opener.open(&header, &packet, ME).expect("it was just sealed");
            black_box(payload);
        });
        let read_ns = median(rounds, |_| {
            let (header, _) = Header::parse(black_box(&packet)).expect("it was just written");
            let payload = self.opener.open(&header, &packet, ME).expect("it was just sealed");
            decoder.decode(header.sender, payload, &mut frames).expect("it was just written");
            black_box(&frames);
        });
        println!("{name:<14} {:>6} {write_ns:>10} {open_ns:>10} {read_ns:>10}", packet.len());
    }

    /// What it takes to open a packet of a sender whose key has not been derived yet.
    fn first_packet(&self, rounds: u64) -> u64 {
        let mut opener = Opener::new(&self.keys, &self.cluster, Liveness::On, 1);
        let mut packets = Vec::new();
        for port in 1..=2 {
            let sender = Life { id: NodeId::from_bits(port), ..self.sender };
            let sealer = Sealer::new(&self.keys, &self.cluster, Liveness::On, sender);
            let mut out = BytesMut::new();
            write(&mut Writer::default(), &sealer, 1, &Frame::Ping { root: 1 }, 1_200, &mut out);
            packets.push(out);
        }
        median(rounds, |round| {
            let packet = &packets[round as usize % 2];
            let (header, _) = Header::parse(packet).expect("it was just written");
            black_box(opener.open(&header, packet, ME).expect("it was just sealed"));
        })
    }
}

fn write(
    writer: &mut Writer,
    sealer: &Sealer,
    number: u64,
    frame: &Frame,
    size: usize,
    out: &mut BytesMut,
) -> bool {
    writer.begin(sealer.header(number), size);
    let taken = writer.push(black_box(frame)).is_ok();
    writer.finish(sealer, Some(ME), out);
    taken
}

/// The median over nine batches of the nanoseconds that one call takes.
fn median(rounds: u64, mut call: impl FnMut(u64)) -> u64 {
    let mut batches = [0; 9];
    for batch in &mut batches {
        let start = Instant::now();
        for round in 0..rounds {
            call(round);
        }
        *batch = start.elapsed().as_nanos() as u64 / rounds;
    }
    batches.sort_unstable();
    batches[4]
}
