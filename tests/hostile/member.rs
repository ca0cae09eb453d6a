//! One member of a small cluster that holds the key and says whatever the bytes make it say.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use scalesmall_core::wire::{Frame, Header};
use scalesmall_core::{
    Arrival, DatagramError, Destination, Engine, GroupName, Instant, KeyRange, Op, Status, Suite,
};

use crate::{Holder, Reader, START, Source, addr, any_frame, any_frames, any_head};
use crate::{cluster, config, drain, engine_with, keys_of, life};

/// The numbers of the engines; 2 is the member's.
const ENGINES: [u16; 3] = [1, 3, 4];
/// How long a datagram is under way.
const DELAY: Duration = Duration::from_millis(1);
/// After that nothing of what the member has said is held against anybody: a node is held off for five
/// minutes at most.
const OVER: Duration = Duration::from_secs(400);

/// Engines, the wires between them, and the member.
struct Cluster {
    engines: Vec<Engine>,
    member: Holder,
    /// Whether it answers pings, so that it is taken for a node that lives.
    answers: bool,
    now: Instant,
    wire: BTreeMap<(Instant, u64), (usize, Arrival, Vec<u8>)>,
    count: u64,
    reader: Reader,
}

/// Packets of a member, well sealed, with any frames in any wrapping, to engines that form a cluster.
///
/// # Panics
///
/// If one of the engines panics, writes what the others cannot read, falls silent, or does not see the
/// others again once the member is silent.
pub fn member(bytes: &[u8]) {
    let mut source = Source::new(bytes);
    let heal = source.below(4) == 0;
    let mut cluster = Cluster::new(&mut source);
    while !source.is_spent() {
        cluster.lie(&mut source);
        let millis = match source.below(8) {
            0 => source.number() % 20_000,
            1..=3 => source.below(400),
            _ => 0,
        };
        cluster.run_for(Duration::from_millis(millis));
    }
    cluster.answers = false;
    cluster.run_for(Duration::from_secs(10));
    cluster.check_own();
    if heal {
        cluster.run_for(OVER);
        cluster.check_own();
        cluster.check_healed();
    }
}

/// The address of an engine.
fn at_home(engine: &Engine) -> SocketAddr {
    engine.address(engine.id()).expect("an engine knows its own address")
}

fn group() -> GroupName {
    GroupName::try_from("shards").expect("a short name")
}

fn range(number: u16) -> KeyRange {
    let start = u32::from(number) * 1_000;
    KeyRange::new(start, start + 9).expect("it ends after it starts")
}

impl Cluster {
    /// All have met, each serves a range, and all know the member.
    fn new(source: &mut Source<'_>) -> Self {
        let mut config = config();
        config.keys = keys_of(if source.flip() { Suite::Sealed } else { Suite::Authenticated });
        config.multicast = source.flip();
        if source.flip() {
            config.limits.nodes = 8;
            config.limits.groups = 3;
            config.limits.ranges = 24;
            config.limits.session_keys = 2;
            config.limits.message_origins = 3;
        }
        let mut cluster = Self {
            engines: ENGINES.map(|number| engine_with(number, config.clone())).into(),
            member: Holder::of(life(2), &config.keys, &cluster()),
            answers: source.flip(),
            now: START,
            wire: BTreeMap::new(),
            count: 0,
            reader: Reader::new(&config.keys, life(2)),
        };
        for (at, number) in ENGINES.into_iter().enumerate() {
            cluster.engines[at].contact(START, &[addr(ENGINES[0])]);
            let added = cluster.engines[at].add_item(START, &group(), range(number), 80);
            added.expect("there is room for it");
            cluster.send(at);
        }
        cluster.run_for(Duration::from_secs(1));
        for at in 0..ENGINES.len() {
            let (bound, arrival) = (cluster.engines[at].life(), cluster.member.arrival());
            let hello = cluster.member.packet(Some(bound), &[Frame::Ping { root: 0 }]);
            cluster.deliver(at, arrival, &hello).expect("a bound packet of a holder of the key");
        }
        cluster.run_for(Duration::from_secs(1));
        cluster.check_healed();
        cluster
    }

    /// One packet of the member to one engine or, by multicast, to all.
    fn lie(&mut self, source: &mut Source<'_>) {
        let to = source.below(ENGINES.len() as u64 + 1) as usize;
        let at = to % ENGINES.len();
        let receiver = self.engines[at].life();
        let bound = (source.below(4) > 0).then_some(receiver);
        let mut from = addr(2);
        let packet = match source.below(8) {
            0 => {
                let (head, frame) = (any_head(source), any_frame(source));
                self.member.smuggled(receiver, &head, &frame)
            }
            1 => {
                // In the name of another engine than the one that it goes to.
                let other = &self.engines[(at + 1 + source.below(2) as usize) % ENGINES.len()];
                let life = other.life();
                let mut another = Holder::of(life, &other.config().keys, &cluster());
                from = at_home(other);
                Some(another.numbered(source.number(), bound, &any_frames(source)))
            }
            2 => {
                let number = source.number();
                Some(self.member.numbered(number, bound, &any_frames(source)))
            }
            _ => Some(self.member.packet(bound, &any_frames(source))),
        };
        let Some(packet) = packet else { return };
        if to < ENGINES.len() {
            let _ = self.deliver(at, Arrival::Unicast(from), &packet);
            return;
        }
        for at in 0..ENGINES.len() {
            let _ = self.deliver(at, Arrival::Multicast(from), &packet);
        }
    }

    fn deliver(
        &mut self,
        at: usize,
        arrival: Arrival,
        datagram: &[u8],
    ) -> Result<(), DatagramError> {
        let taken = self.engines[at].handle_datagram(self.now, arrival, datagram);
        self.send(at);
        taken
    }

    /// Puts on the wires what an engine has to say.
    fn send(&mut self, at: usize) {
        let from = at_home(&self.engines[at]);
        for (to, datagram) in drain(&mut self.engines[at]).datagrams {
            assert!(datagram.len() <= self.engines[at].config().max_datagram);
            self.reader.check(to, &datagram);
            if to == Destination::Unicast(addr(2)) && self.answers {
                self.answer(at, &datagram);
            }
            for (other, number) in (0..).zip(ENGINES).filter(|(other, _)| *other != at) {
                let arrival = match to {
                    Destination::Multicast => Arrival::Multicast(from),
                    Destination::Unicast(to) if to == addr(number) => Arrival::Unicast(from),
                    _ => continue,
                };
                self.count += 1;
                let key = (self.now + DELAY, self.count);
                self.wire.insert(key, (other, arrival, datagram.clone()));
            }
        }
    }

    /// The member shows that it lives.
    fn answer(&mut self, at: usize, datagram: &[u8]) {
        let (header, _) = Header::parse(datagram).expect("an engine writes whole headers");
        let pong = [Frame::Pong { packet: header.packet, root: None }];
        let packet = self.member.packet(Some(self.engines[at].life()), &pong);
        self.count += 1;
        let key = (self.now + DELAY + DELAY, self.count);
        self.wire.insert(key, (at, self.member.arrival(), packet));
    }

    fn run_for(&mut self, span: Duration) {
        let end = self.now + span;
        loop {
            let due = |at: &usize| self.engines[*at].poll_timeout().unwrap_or(Instant::MAX);
            let next = (0..ENGINES.len()).min_by_key(due).expect("there are engines");
            let deadline = due(&next);
            let arrival = self.wire.keys().next().map_or(Instant::MAX, |(at, _)| *at);
            if deadline.min(arrival) > end {
                break;
            }
            if arrival <= deadline {
                let (_, (to, arrival_of, datagram)) = self.wire.pop_first().expect("it is there");
                self.now = arrival.max(self.now);
                let taken = self.deliver(to, arrival_of, &datagram);
                let unreadable = matches!(taken, Err(DatagramError::Wire(_)));
                assert!(!unreadable, "an engine wrote what another cannot read: {taken:?}");
            } else {
                self.now = deadline.max(self.now);
                self.engines[next].handle_timeout(self.now);
                self.send(next);
                let left = self.engines[next].poll_timeout();
                assert!(left.is_none_or(|at| at > self.now), "a deadline that stays behind");
            }
        }
        self.now = end;
    }

    /// No engine was silenced, or made to say what it did not.
    fn check_own(&self) {
        for (engine, number) in self.engines.iter().zip(ENGINES) {
            assert!(engine.poll_timeout().is_some(), "node {number} has fallen silent");
            let own: Vec<KeyRange> = engine
                .topology_of(&group(), Op::Add)
                .filter(|timed| timed.item.member == engine.id())
                .map(|timed| timed.item.range)
                .collect();
            assert_eq!(own, [range(number)], "node {number}");
        }
    }

    /// All see all, and what each serves.
    fn check_healed(&self) {
        for (engine, number) in self.engines.iter().zip(ENGINES) {
            for (other, of) in self.engines.iter().zip(ENGINES).filter(|(_, of)| *of != number) {
                let seen = engine.peer(other.id()).map(|peer| (peer.status, peer.epoch));
                assert_eq!(seen, Some((Status::Alive, other.epoch())), "{of} at {number}");
                let served = engine.route(&group(), range(of).start());
                assert!(served.map(|it| it.member).any(|it| it == other.id()), "{of} at {number}");
            }
        }
    }
}
