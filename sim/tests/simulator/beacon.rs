//! A protocol small enough to be obvious.

use core::net::{Ipv4Addr, SocketAddr};
use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};

use bytes::BytesMut;
use scalesmall_core::{Arrival, Destination, Instant, SendError, SendRate, Status};
use scalesmall_sim::{Birth, Identity, Protocol, Sighting};

/// How often a beacon sends.
const BEAT: Duration = Duration::from_millis(200);

/// After how long without a word a peer counts as down.
pub(crate) const SILENCE: Duration = Duration::from_millis(1_500);

/// Sends the addresses of all that it heard of lately to all of them, five times a second; calls a peer
/// down that is silent for 1.5 seconds. With `multicast`, beats go to the segment as well.
pub(crate) struct Beacon {
    pub(crate) me: SocketAddr,
    pub(crate) heard: BTreeMap<SocketAddr, (Instant, bool)>,
    pub(crate) hints: Vec<SocketAddr>,
    pub(crate) next_beat: Instant,
    pub(crate) out: VecDeque<(Destination, Vec<u8>)>,
    pub(crate) events: VecDeque<(SocketAddr, Status)>,
    pub(crate) multicast: bool,
    pub(crate) refused: u32,
    pub(crate) received: u32,
    pub(crate) stuck: bool,
}

impl Beacon {
    pub(crate) fn new(birth: &Birth, multicast: bool) -> Self {
        Self {
            me: birth.addr,
            heard: BTreeMap::new(),
            hints: Vec::new(),
            next_beat: birth.now,
            out: VecDeque::new(),
            events: VecDeque::new(),
            multicast,
            refused: 0,
            received: 0,
            stuck: false,
        }
    }

    fn believe(&mut self, peer: SocketAddr, now: Instant, alive: bool) {
        let before = self.heard.insert(peer, (now, alive));
        if before.map(|before| before.1) != Some(alive) {
            self.events.push_back((peer, if alive { Status::Alive } else { Status::Down }));
        }
    }
}

impl Protocol for Beacon {
    type Event = (SocketAddr, Status);

    fn handle_datagram(&mut self, now: Instant, arrival: Arrival, datagram: &[u8]) {
        let (Arrival::Unicast(from) | Arrival::Multicast(from)) = arrival;
        self.received += 1;
        self.believe(from, now, true);
        for entry in datagram.chunks_exact(6) {
            let ip = Ipv4Addr::new(entry[0], entry[1], entry[2], entry[3]);
            let peer = SocketAddr::from((ip, u16::from_be_bytes([entry[4], entry[5]])));
            if peer != self.me && !self.heard.contains_key(&peer) && !self.hints.contains(&peer) {
                self.hints.push(peer);
            }
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        let silent: Vec<SocketAddr> = self
            .heard
            .iter()
            .filter(|(_, (last, alive))| *alive && now.since(*last) > SILENCE)
            .map(|(peer, _)| *peer)
            .collect();
        for peer in silent {
            let last = self.heard[&peer].0;
            self.believe(peer, last, false);
        }
        if self.next_beat <= now {
            self.next_beat = now + BEAT;
            let known = self.heard.keys().chain(&self.hints);
            let list: Vec<u8> = self
                .heard
                .keys()
                .filter_map(|peer| match peer.ip() {
                    core::net::IpAddr::V4(ip) => Some((ip.octets(), peer.port().to_be_bytes())),
                    core::net::IpAddr::V6(_) => None,
                })
                .flat_map(|(ip, port)| ip.into_iter().chain(port))
                .collect();
            for peer in known {
                self.out.push_back((Destination::Unicast(*peer), list.clone()));
            }
            if self.multicast {
                self.out.push_back((Destination::Multicast, list));
            }
        }
    }

    fn handle_send_error(&mut self, _now: Instant, _to: Destination, _error: SendError) {
        self.refused += 1;
    }

    fn poll_transmit(&mut self, datagram: &mut BytesMut) -> Option<Destination> {
        let (to, bytes) = self.out.pop_front()?;
        datagram.extend_from_slice(&bytes);
        Some(to)
    }

    fn poll_event(&mut self) -> Option<Self::Event> {
        self.events.pop_front()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        Some(if self.stuck { Instant::ZERO } else { self.next_beat })
    }

    fn sighting(event: &Self::Event) -> Option<Sighting> {
        Some(Sighting { peer: event.0.into(), life: None, status: Some(event.1) })
    }

    fn for_each_peer(&self, tell: &mut dyn FnMut(Identity, Status)) {
        for (peer, (_, alive)) in &self.heard {
            tell((*peer).into(), if *alive { Status::Alive } else { Status::Down });
        }
    }

    fn max_datagram(&self) -> usize {
        600
    }

    fn send_rate(&self) -> SendRate {
        SendRate::new(10_000_000, 2_000)
    }

    fn contact(&mut self, now: Instant, seeds: &[SocketAddr]) {
        self.hints.extend_from_slice(seeds);
        self.next_beat = now + Duration::from_millis(1);
    }

    fn depart(&mut self, _now: Instant) {
        self.next_beat = Instant::MAX;
    }
}
