//! Datagrams as a capture file that packet analysers read.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::io::{self, Write};

use crate::names::Names;
use crate::sim::{Protocol, Sending, Tap};

/// Writes each datagram as a raw IP packet with its virtual time, in the format pcapng: a unicast when it
/// is delivered, a multicast once, when it is sent, to the address and the port that nodes take unless
/// they are set otherwise.
///
/// If nodes have names of their own, the capture says which address is whose, so that an analyser can
/// show names. Of an address that two nodes have had in turn most analysers show the later one.
#[derive(Debug)]
pub struct Pcap<W: Write> {
    out: W,
    failed: bool,
}

impl<W: Write> Pcap<W> {
    /// Begins a capture.
    ///
    /// # Errors
    ///
    /// What the writer says.
    pub fn new(out: W) -> io::Result<Self> {
        let mut pcap = Self { out, failed: false };
        let mut section = Vec::new();
        section.extend_from_slice(&0x1a2b_3c4d_u32.to_le_bytes());
        section.extend_from_slice(&1_u32.to_le_bytes());
        section.extend_from_slice(&u64::MAX.to_le_bytes());
        pcap.block(SECTION, &section)?;
        let mut interface = Vec::new();
        interface.extend_from_slice(&LINKTYPE_RAW.to_le_bytes());
        interface.extend_from_slice(&0_u32.to_le_bytes());
        // Times are nanoseconds; then the options end.
        interface.extend_from_slice(&[9, 0, 1, 0, 9, 0, 0, 0, 0, 0, 0, 0]);
        pcap.block(INTERFACE, &interface)?;
        Ok(pcap)
    }

    fn capture(&mut self, at: u64, from: SocketAddr, to: SocketAddr, bytes: &[u8]) {
        let packet = packet(from, to, bytes);
        let mut body = Vec::with_capacity(packet.len() + 24);
        let len = packet.len() as u32;
        for word in [0, (at >> 32) as u32, at as u32, len, len] {
            body.extend_from_slice(&word.to_le_bytes());
        }
        body.extend_from_slice(&packet);
        self.append(PACKET, &body);
    }

    /// Says which names some nodes have, and at which addresses they are.
    fn name(&mut self, nodes: impl Iterator<Item = usize>, names: &Names) {
        let mut body = Vec::new();
        for node in nodes {
            for addr in names.addresses(node) {
                let (kind, mut value) = match addr.ip() {
                    IpAddr::V4(ip) => (1_u16, ip.octets().to_vec()),
                    IpAddr::V6(ip) => (2, ip.octets().to_vec()),
                };
                value.extend_from_slice(names.name(node).as_str().as_bytes());
                value.push(0);
                body.extend_from_slice(&kind.to_le_bytes());
                body.extend_from_slice(&(value.len() as u16).to_le_bytes());
                value.resize(value.len().next_multiple_of(4), 0);
                body.extend_from_slice(&value);
            }
        }
        body.extend_from_slice(&[0; 4]);
        self.append(NAMES, &body);
    }

    fn append(&mut self, kind: u32, body: &[u8]) {
        // A full disk ends the capture, not the simulation.
        if !self.failed {
            self.failed = self.block(kind, body).is_err();
        }
    }

    fn block(&mut self, kind: u32, body: &[u8]) -> io::Result<()> {
        let padded = body.len().next_multiple_of(4);
        let len = (padded as u32 + 12).to_le_bytes();
        self.out.write_all(&kind.to_le_bytes())?;
        self.out.write_all(&len)?;
        self.out.write_all(body)?;
        self.out.write_all(&[0; 3][..padded - body.len()])?;
        self.out.write_all(&len)
    }
}

impl<W: Write, P: Protocol> Tap<P> for Pcap<W> {
    fn begin(&mut self, names: &Names) {
        if names.are_given() {
            self.name(0..names.len(), names);
        }
    }

    fn moved(&mut self, _at: u64, node: usize, names: &Names) {
        self.name(core::iter::once(node), names);
    }

    fn delivered(
        &mut self,
        at: u64,
        from: SocketAddr,
        to: SocketAddr,
        multicast: bool,
        bytes: &[u8],
    ) {
        if !multicast {
            self.capture(at, from, to, bytes);
        }
    }

    /// Multicasts are told when they are sent.
    fn traces(&self) -> bool {
        true
    }

    fn sent(&mut self, sending: &Sending<'_>) {
        if sending.to.is_none() {
            let Sending { at, from, bytes, .. } = *sending;
            self.capture(at, from, multicast_group(from), bytes);
        }
    }
}

/// Where the multicasts of a node go.
const fn multicast_group(from: SocketAddr) -> SocketAddr {
    let group = match from {
        SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::new(224, 1, 1, 1)),
        SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::new(0xff12, 0, 0, 0, 0, 0, 0x5ca1, 0xe5a1)),
    };
    SocketAddr::new(group, MULTICAST_PORT)
}

const MULTICAST_PORT: u16 = 29_999;

fn packet(from: SocketAddr, to: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let udp_len = (bytes.len() + 8) as u16;
    let mut packet = Vec::with_capacity(bytes.len() + 48);
    match (from.ip(), to.ip()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            packet.extend_from_slice(&[0x45, 0]);
            packet.extend_from_slice(&(udp_len + 20).to_be_bytes());
            packet.extend_from_slice(&[0, 0, 0x40, 0, 64, UDP, 0, 0]);
            packet.extend_from_slice(&from.octets());
            packet.extend_from_slice(&to.octets());
            let checksum = checksum(&packet);
            packet[10..12].copy_from_slice(&checksum.to_be_bytes());
        }
        (from, to) => {
            let octets = |ip: IpAddr| match ip {
                IpAddr::V4(ip) => ip.to_ipv6_mapped().octets(),
                IpAddr::V6(ip) => ip.octets(),
            };
            packet.extend_from_slice(&[0x60, 0, 0, 0]);
            packet.extend_from_slice(&udp_len.to_be_bytes());
            packet.extend_from_slice(&[UDP, 64]);
            packet.extend_from_slice(&octets(from));
            packet.extend_from_slice(&octets(to));
        }
    }
    let udp = packet.len();
    packet.extend_from_slice(&from.port().to_be_bytes());
    packet.extend_from_slice(&to.port().to_be_bytes());
    packet.extend_from_slice(&udp_len.to_be_bytes());
    packet.extend_from_slice(&[0, 0]);
    packet.extend_from_slice(bytes);
    // The addresses count as well, and what else of the header is not changed under way. Zero would
    // say that there is no checksum.
    let addresses = if packet[0] == 0x45 { 12..20 } else { 8..40 };
    let mut covered = packet[addresses].to_vec();
    covered.extend_from_slice(&[0, UDP]);
    covered.extend_from_slice(&udp_len.to_be_bytes());
    covered.extend_from_slice(&packet[udp..]);
    let checksum = match checksum(&covered) {
        0 => u16::MAX,
        checksum => checksum,
    };
    packet[udp + 6..udp + 8].copy_from_slice(&checksum.to_be_bytes());
    packet
}

/// The checksum of the Internet (RFC 1071) over bytes whose checksum field is zero.
fn checksum(bytes: &[u8]) -> u16 {
    let mut sum = 0_u32;
    for pair in bytes.chunks(2) {
        let low = pair.get(1).copied().unwrap_or(0);
        sum += u32::from(u16::from_be_bytes([pair[0], low]));
    }
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    !(sum as u16)
}

/// Kinds of blocks (draft-ietf-opsawg-pcapng).
const SECTION: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const NAMES: u32 = 4;
const PACKET: u32 = 6;
const LINKTYPE_RAW: u32 = 101;
const UDP: u8 = 17;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_has_the_headers_of_its_family() {
        let v4 = packet("10.0.0.1:1".parse().unwrap(), "10.0.0.2:2".parse().unwrap(), b"abc");
        assert_eq!(v4.len(), 31);
        let sum: u32 = v4[..20]
            .chunks_exact(2)
            .map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]])))
            .sum();
        assert_eq!((sum & 0xffff) + (sum >> 16), 0xffff);
        // Reckoned by hand: the addresses, 17, 11, ports 1 and 2, 11, 'ab', 'c'.
        let by_hand = !(0x1400_u16 + 3 + 17 + 11 + 1 + 2 + 11 + 0x6162 + 0x6300);
        assert_eq!(&v4[20..26], &[0, 1, 0, 2, 0, 11]);
        assert_eq!(v4[26..28], by_hand.to_be_bytes());
        let v6 = packet("[fd00::1]:1".parse().unwrap(), "[fd00::2]:2".parse().unwrap(), b"abc");
        assert_eq!((v6.len(), v6[0], v6[6]), (51, 0x60, UDP));
    }

    /// The kinds and the bodies of all blocks.
    fn blocks(bytes: &[u8]) -> Vec<(u32, Vec<u8>)> {
        let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
        let (mut at, mut blocks) = (0, Vec::new());
        while at < bytes.len() {
            let len = word(at + 4) as usize;
            assert_eq!(len as u32, word(at + len - 4));
            assert_eq!(len % 4, 0);
            blocks.push((word(at), bytes[at + 8..at + len - 4].to_vec()));
            at += len;
        }
        blocks
    }

    /// Takes what is written where the test can see it.
    #[derive(Clone, Default)]
    struct Shared(std::rc::Rc<std::cell::RefCell<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.borrow_mut().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_capture_says_which_address_is_whose_and_who_has_moved() {
        let written = Shared::default();
        let mut sim = crate::Sim::new(1).nodes(2, crate::lan()).named().build();
        sim.set_tap(Pcap::new(written.clone()).unwrap());
        sim.run_for(core::time::Duration::from_millis(500)).unwrap();
        let new = sim.fresh_addresses(&[crate::Family::V6]);
        sim.readdress(1, &new, core::time::Duration::ZERO);
        sim.run_for(core::time::Duration::from_millis(1)).unwrap();
        let blocks = blocks(&written.0.borrow());
        assert_eq!([blocks[0].0, blocks[1].0, blocks[2].0], [SECTION, INTERFACE, NAMES]);
        let named: Vec<&Vec<u8>> =
            blocks.iter().filter(|(kind, _)| *kind == NAMES).map(|(_, body)| body).collect();
        let first = [&[1, 0, 17, 0, 10, 0, 0, 1][..], b"node-0000000\0\0\0\0"].concat();
        assert!(named[0].starts_with(&first), "{:?}", named[0]);
        assert_eq!((named.len(), &named[1][..4]), (2, &[2, 0, 29, 0][..]));
        assert!(named[1][20..].starts_with(b"node-0000001\0"), "{:?}", named[1]);
        let (_, packet) = blocks.iter().find(|(kind, _)| *kind == PACKET).unwrap();
        assert_eq!(packet[20], 0x45);
    }
}
