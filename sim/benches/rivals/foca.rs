//! The crate `foca` as a node of the simulation.

use core::net::SocketAddr;
use core::num::NonZeroU32;
use core::time::Duration;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use std::rc::Rc;

use ::foca::{
    BroadcastHandler, Config, Foca, Identity, Invalidates, Notification, PostcardCodec, Runtime,
    Timer,
};
use bytes::BytesMut;
use rand::SeedableRng;
use rand::rngs::SmallRng;
use scalesmall_core::{Arrival, Destination, Instant, SendError, Status};
use scalesmall_sim::{Birth, Protocol, Sighting};
use serde::{Deserialize, Serialize};

/// An address and how often its owner had to come back under it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Id {
    octets: [u8; 4],
    port: u16,
    bump: u16,
}

impl Id {
    fn new(addr: SocketAddr) -> Self {
        let SocketAddr::V4(addr) = addr else { panic!("the comparison is over IPv4") };
        Self { octets: addr.ip().octets(), port: addr.port(), bump: 0 }
    }

    fn socket(self) -> SocketAddr {
        (self.octets, self.port).into()
    }
}

impl Identity for Id {
    type Addr = ([u8; 4], u16);

    fn renew(&self) -> Option<Self> {
        Some(Self { bump: self.bump.wrapping_add(1), ..*self })
    }

    fn addr(&self) -> Self::Addr {
        (self.octets, self.port)
    }

    fn win_addr_conflict(&self, adversary: &Self) -> bool {
        self.bump > adversary.bump
    }
}

/// The numbers of the changes that were heard of.
#[derive(Clone, Debug, Default)]
struct Heard(Rc<RefCell<BTreeSet<u32>>>);

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Number(u32);

impl Invalidates for Number {
    fn invalidates(&self, other: &Self) -> bool {
        self == other
    }
}

impl BroadcastHandler<Id> for Heard {
    type Key = Number;
    type Error = core::convert::Infallible;

    fn receive_item(&mut self, data: &[u8], _: Option<&Id>) -> Result<Option<Number>, Self::Error> {
        let number = data.first_chunk().map_or(0, |bytes| u32::from_be_bytes(*bytes));
        Ok(self.0.borrow_mut().insert(number).then_some(Number(number)))
    }
}

/// What a call left to be done.
#[derive(Debug, Default)]
struct Outbox {
    now: u64,
    datagrams: VecDeque<(SocketAddr, Vec<u8>)>,
    timers: BTreeMap<(u64, u64), Timer<Id>>,
    counted: u64,
    events: VecDeque<Sighting>,
    known: BTreeMap<SocketAddr, Status>,
}

impl Outbox {
    fn believe(&mut self, id: &Id, status: Status) {
        let peer = id.socket();
        self.known.insert(peer, status);
        self.events.push_back(Sighting { peer: peer.into(), life: None, status: Some(status) });
    }
}

impl Runtime<Id> for Outbox {
    fn notify(&mut self, notification: Notification<'_, Id>) {
        match notification {
            Notification::MemberUp(id) => self.believe(id, Status::Alive),
            Notification::MemberDown(id) => self.believe(id, Status::Down),
            _ => {}
        }
    }

    fn send_to(&mut self, to: Id, data: &[u8]) {
        self.datagrams.push_back((to.socket(), data.to_vec()));
    }

    fn submit_after(&mut self, event: Timer<Id>, after: Duration) {
        self.counted += 1;
        let nanos = u64::try_from(after.as_nanos()).unwrap_or(u64::MAX);
        // A deadline lies ahead, even that of an event which is due at once.
        let due = self.now.saturating_add(nanos.max(1));
        self.timers.insert((due, self.counted), event);
    }
}

/// One node. It announces itself to its seeds once a second until it has found somebody, as an
/// application would.
pub(crate) struct Swim {
    foca: Foca<Id, PostcardCodec, SmallRng, Heard>,
    outbox: Outbox,
    seeds: Vec<SocketAddr>,
    announce_at: u64,
    heard: Heard,
}

impl Swim {
    pub(crate) fn new(birth: &Birth, nodes: usize) -> Self {
        let heard = Heard::default();
        let nodes = NonZeroU32::new(nodes as u32).expect("a cluster has nodes");
        Self {
            foca: Foca::with_custom_broadcast(
                Id::new(birth.addr),
                Config::new_lan(nodes),
                SmallRng::from_seed(birth.seed),
                PostcardCodec,
                heard.clone(),
            ),
            outbox: Outbox::default(),
            seeds: Vec::new(),
            announce_at: u64::MAX,
            heard,
        }
    }

    /// A change: a member's address, a range and a port, as a broadcast of the application.
    pub(crate) fn change(&mut self, number: u32) {
        let mut data = number.to_be_bytes().to_vec();
        data.extend([0x5a; 16]);
        self.foca.add_broadcast(&data).expect("20 bytes are not too many");
    }

    pub(crate) fn shows(&self, number: u32) -> bool {
        self.heard.0.borrow().contains(&number)
    }

    fn announce(&mut self) {
        if self.foca.num_members() > 0 || self.seeds.is_empty() {
            self.announce_at = u64::MAX;
            return;
        }
        for seed in &self.seeds {
            // It refuses only what it cannot encode.
            let _ = self.foca.announce(Id::new(*seed), &mut self.outbox);
        }
        self.announce_at = self.outbox.now + 1_000_000_000;
    }
}

impl Protocol for Swim {
    type Event = Sighting;

    fn handle_datagram(&mut self, now: Instant, _: Arrival, datagram: &[u8]) {
        self.outbox.now = now.as_nanos();
        // What it refuses is not for this node, or of one that is down.
        let _ = self.foca.handle_data(datagram, &mut self.outbox);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.outbox.now = now.as_nanos();
        while let Some(first) = self.outbox.timers.first_entry() {
            if first.key().0 > self.outbox.now {
                break;
            }
            let timer = first.remove();
            let _ = self.foca.handle_timer(timer, &mut self.outbox);
        }
        if self.announce_at <= self.outbox.now {
            self.announce();
        }
    }

    fn handle_send_error(&mut self, _: Instant, _: Destination, _: SendError) {}

    fn poll_transmit(&mut self, datagram: &mut BytesMut) -> Option<Destination> {
        let (to, bytes) = self.outbox.datagrams.pop_front()?;
        datagram.extend_from_slice(&bytes);
        Some(Destination::Unicast(to))
    }

    fn poll_event(&mut self) -> Option<Sighting> {
        self.outbox.events.pop_front()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let first = self.outbox.timers.first_key_value().map_or(u64::MAX, |(key, _)| key.0);
        Some(Instant::from_nanos(first.min(self.announce_at)))
    }

    fn sighting(event: &Sighting) -> Option<Sighting> {
        Some(*event)
    }

    fn for_each_peer(&self, tell: &mut dyn FnMut(scalesmall_sim::Identity, Status)) {
        for (peer, status) in &self.outbox.known {
            tell((*peer).into(), *status);
        }
    }

    fn max_datagram(&self) -> usize {
        1400
    }

    fn contact(&mut self, now: Instant, seeds: &[SocketAddr]) {
        self.outbox.now = now.as_nanos();
        self.seeds = seeds.to_vec();
        self.announce();
    }

    fn depart(&mut self, now: Instant) {
        self.outbox.now = now.as_nanos();
        let _ = self.foca.leave_cluster(&mut self.outbox);
    }
}
