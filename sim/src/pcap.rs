//! Datagrams as a capture file that packet analysers read.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::io::{self, Write};

use crate::sim::{Protocol, Sending, Tap};

/// Writes each datagram as a raw IP packet with its virtual time, in the classic pcap format with
/// nanoseconds: a unicast when it is delivered, a multicast once, when it is sent, to the address and
/// the port that nodes take unless they are set otherwise.
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
    pub fn new(mut out: W) -> io::Result<Self> {
        let mut header = Vec::with_capacity(24);
        header.extend_from_slice(&0xa1b2_3c4d_u32.to_le_bytes());
        header.extend_from_slice(&2_u16.to_le_bytes());
        header.extend_from_slice(&4_u16.to_le_bytes());
        header.extend_from_slice(&[0; 8]);
        header.extend_from_slice(&65_535_u32.to_le_bytes());
        header.extend_from_slice(&LINKTYPE_RAW.to_le_bytes());
        out.write_all(&header)?;
        Ok(Self { out, failed: false })
    }

    fn capture(&mut self, at: u64, from: SocketAddr, to: SocketAddr, bytes: &[u8]) {
        // A full disk ends the capture, not the simulation.
        if !self.failed {
            self.failed = self.record(at, &packet(from, to, bytes)).is_err();
        }
    }

    fn record(&mut self, at: u64, packet: &[u8]) -> io::Result<()> {
        let seconds = (at / 1_000_000_000) as u32;
        let nanos = (at % 1_000_000_000) as u32;
        for word in [seconds, nanos, packet.len() as u32, packet.len() as u32] {
            self.out.write_all(&word.to_le_bytes())?;
        }
        self.out.write_all(packet)
    }
}

impl<W: Write, P: Protocol> Tap<P> for Pcap<W> {
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
}
