//! The crate `kinship-core` as a node of the simulation.

use core::net::SocketAddr;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::BytesMut;
use kinship_core::{Command, Config, Event, Identity, Key, Node, Security, StreamEvent, StreamId};
use kinship_core::{Instant as Moment, Transmit};
use scalesmall_core::{Arrival, Destination, Instant, Status};
use scalesmall_sim::{Birth, Protocol, Sighting};

use crate::streams::{Happens, PLAIN, Streams};

/// One node. It joins by its seeds again, once a second, until it has found somebody, as an application
/// would.
pub(crate) struct Kinship {
    node: Node,
    streams: Streams,
    /// Connections that others have opened: which number they have here, and there.
    accepted: u64,
    inbound: BTreeMap<(SocketAddr, u64), StreamId>,
    ends: BTreeMap<StreamId, (SocketAddr, u64, bool)>,
    events: VecDeque<Sighting>,
    known: BTreeMap<SocketAddr, Status>,
    heard: BTreeSet<u32>,
    datagrams: VecDeque<(SocketAddr, Vec<u8>)>,
    seeds: Vec<SocketAddr>,
    join_at: u64,
}

impl Kinship {
    pub(crate) fn new(birth: &Birth) -> Self {
        let config = Config::lan(Security::Keys(vec![Key::from_bytes([0x5a; 32])]));
        let identity = Identity::new(format!("node-{:07}", birth.node), birth.addr)
            .expect("a short name is one")
            .with_epoch(1 + birth.now.as_millis());
        let seed = u64::from_be_bytes(*birth.seed.first_chunk().expect("there are 32 bytes"));
        let node = Node::new(config, identity, moment(birth.now), seed, &birth.seed);
        Self {
            node: node.expect("the preset is valid"),
            streams: Streams::default(),
            accepted: 0,
            inbound: BTreeMap::new(),
            ends: BTreeMap::new(),
            events: VecDeque::new(),
            known: BTreeMap::new(),
            heard: BTreeSet::new(),
            datagrams: VecDeque::new(),
            seeds: Vec::new(),
            join_at: u64::MAX,
        }
    }

    /// A change: a member's address, a range and a port, as a broadcast of the application.
    pub(crate) fn change(&mut self, now: Instant, number: u32) {
        let mut data = number.to_be_bytes().to_vec();
        data.extend([0x5a; 16]);
        self.heard.insert(number);
        self.node.command(moment(now), Command::Broadcast(data));
        self.follow(now);
    }

    pub(crate) fn shows(&self, number: u32) -> bool {
        self.heard.contains(&number)
    }

    fn join(&mut self, now: Instant) {
        self.join_at = u64::MAX;
        if self.node.members().count() <= 1 && !self.seeds.is_empty() {
            self.node.command(moment(now), Command::Join { seeds: self.seeds.clone() });
            self.join_at = now.as_nanos() + 1_000_000_000;
        }
    }

    /// Does what the node asks for, until it asks for nothing more.
    fn follow(&mut self, now: Instant) {
        loop {
            while let Some(transmit) = self.node.poll_transmit() {
                self.transmit(now.as_nanos(), transmit);
            }
            let Some(((addr, number, opened), what)) = self.streams.happened.pop_front() else {
                break;
            };
            let conn = if opened {
                StreamId::outbound(number)
            } else {
                let accepted = &mut self.accepted;
                *self.inbound.entry((addr, number)).or_insert_with(|| {
                    *accepted += 1;
                    StreamId::inbound(*accepted)
                })
            };
            self.ends.insert(conn, (addr, number, opened));
            let event = match &what {
                Happens::Frame(frame) => StreamEvent::Frame(frame),
                Happens::Closed => StreamEvent::Closed,
                Happens::Failed => StreamEvent::Failed,
            };
            self.node.handle_stream(moment(now), conn, event);
        }
        self.datagrams.append(&mut self.streams.out);
        while let Some(event) = self.node.poll_event() {
            self.note(event);
        }
    }

    fn transmit(&mut self, now: u64, transmit: Transmit) {
        match transmit {
            Transmit::Datagram { to, payload } => {
                self.datagrams.push_back((to, [&[PLAIN], payload.as_slice()].concat()));
            }
            Transmit::Connect { conn, to } => {
                self.ends.insert(conn, (to, conn.index(), true));
            }
            Transmit::Stream { conn, frame } => {
                if let Some(end) = self.ends.get(&conn) {
                    self.streams.write(now, *end, &frame);
                }
            }
            Transmit::Close { conn } => {
                if let Some(end) = self.ends.remove(&conn) {
                    self.streams.close(now, end);
                }
            }
        }
    }

    fn note(&mut self, event: Event) {
        let (member, status) = match event {
            Event::MemberJoined(member) | Event::MemberRecovered(member) => (member, Status::Alive),
            Event::MemberSuspect(member) => (member, Status::Suspect),
            Event::MemberDead(member) => (member, Status::Down),
            Event::MemberLeft(member) => (member, Status::Left),
            Event::UserMessage { data, .. } => {
                self.heard.extend(data.first_chunk().map(|bytes| u32::from_be_bytes(*bytes)));
                return;
            }
            _ => return,
        };
        if member.addr != self.node.identity().addr() {
            self.known.insert(member.addr, status);
            self.events.push_back(Sighting {
                peer: member.addr.into(),
                life: None,
                status: Some(status),
            });
        }
    }
}

impl Protocol for Kinship {
    type Event = Sighting;

    fn handle_datagram(&mut self, now: Instant, arrival: Arrival, datagram: &[u8]) {
        let Arrival::Unicast(from) = arrival else { return };
        match datagram.split_first() {
            Some((&PLAIN, payload)) => self.node.handle_datagram(moment(now), from, payload),
            Some(_) => _ = self.streams.take(from, datagram),
            None => {}
        }
        self.follow(now);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.streams.on_timer(now.as_nanos());
        if self.node.poll_timeout().is_some_and(|due| due <= moment(now)) {
            self.node.handle_timeout(moment(now));
        }
        if self.join_at <= now.as_nanos() {
            self.join(now);
        }
        self.follow(now);
    }

    fn poll_transmit(&mut self, datagram: &mut BytesMut) -> Option<Destination> {
        let (to, bytes) = self.datagrams.pop_front()?;
        datagram.extend_from_slice(&bytes);
        Some(Destination::Unicast(to))
    }

    fn poll_event(&mut self) -> Option<Sighting> {
        self.events.pop_front()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let node = self.node.poll_timeout().map_or(u64::MAX, Moment::as_nanos);
        Some(Instant::from_nanos(node.min(self.streams.due()).min(self.join_at)))
    }

    fn sighting(event: &Sighting) -> Option<Sighting> {
        Some(*event)
    }

    fn for_each_peer(&self, tell: &mut dyn FnMut(scalesmall_sim::Identity, Status)) {
        for (peer, status) in &self.known {
            tell((*peer).into(), *status);
        }
    }

    fn contact(&mut self, now: Instant, seeds: &[SocketAddr]) {
        self.seeds = seeds.to_vec();
        self.join(now);
        self.follow(now);
    }

    fn depart(&mut self, now: Instant) {
        self.node.command(moment(now), Command::Leave);
        self.follow(now);
    }
}

const fn moment(now: Instant) -> Moment {
    Moment::from_nanos(now.as_nanos())
}
